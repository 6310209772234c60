//! The page of one run.

use std::fmt::Write as _;

use super::html::{escaped, milliseconds, table, thousands};
use super::spacetime::SpaceTime;
use super::timeline::Timeline;
use super::{PageData, Section, charts, document};
use crate::ViolationRecord;
use crate::causal::chain_line;
use crate::charts::{Panel, Scene};
use crate::data::Data;
use crate::operations::Outcome;
use crate::series::{Distribution, QUANTILES, Series};

/// The page of a run.
///
/// # Errors
/// If this version cannot read the trace.
pub fn run_page(
    data: &Data,
    series: &Series,
    panels: &[Panel],
    scene: &Scene,
    trace: &[u8],
) -> Result<String, tribunal_sim::trace::TraceError> {
    let spacetime = if trace.is_empty() { SpaceTime::default() } else { SpaceTime::of(data, series, trace)? };
    let sections = [
        Section { id: "latency", title: "Latency", body: latency(series) },
        Section { id: "availability", title: "Availability", body: availability(data, series) },
        Section { id: "partitions", title: "Partitions", body: partitions() },
        Section { id: "operations", title: "Operations", body: operations(series) },
        Section { id: "spacetime", title: "Space-time", body: space_time(data) },
        Section { id: "faults", title: "Faults", body: faults(data, series) },
        Section { id: "reached", title: "Reached", body: reached(data) },
        Section { id: "disks", title: "Disks and links", body: charts(&["syncs", "sync-queue", "links"]) },
        Section { id: "plan", title: "Plan", body: plan(data) },
    ];
    let json =
        PageData { from: 0.0, to: data.run.end_s.max(0.05), panels, scene, timeline: Timeline::of(data), spacetime };
    let title = format!("{} seed {}: {}", data.verdict.scenario, data.verdict.seed, data.verdict.verdict);
    Ok(document(&title, &head(data), &sections, &json))
}

/// The verdict, its reason, and the command that repeats the run.
fn head(data: &Data) -> String {
    let verdict = &data.verdict;
    let (word, class) = match verdict.verdict.as_str() {
        "held" => ("PASS", ""),
        "inconclusive" => ("LIMIT", " warn"),
        _ => ("FAIL", " bad"),
    };
    let mut out = format!(
        "<h1><span class=\"badge{class}\" id=\"verdict\">{word}</span>{}</h1><p class=\"facts\">seed {} · {:.1} s simulated \
         · {} operations · {} faults · trace {}{}</p>",
        escaped(&verdict.scenario),
        escaped(&verdict.seed),
        verdict.simulated_s,
        thousands(verdict.operations),
        thousands(verdict.faults),
        escaped(&verdict.trace_hash),
        if verdict.bugs.is_empty() {
            String::new()
        } else {
            format!(" · planted: {}", escaped(&verdict.bugs.join(", ")))
        },
    );
    if !data.run.about.is_empty() {
        let _ = write!(out, "<p id=\"about\">{}</p>", escaped(&data.run.about));
    }
    match verdict.verdict.as_str() {
        "held" => out += "<p>Every promise held.</p>",
        "inconclusive" => {
            let _ =
                write!(out, "<p>A limit was reached: {}</p>", escaped(verdict.limit.as_deref().unwrap_or("unknown")));
        }
        "violated" => {}
        other => {
            let hash = escaped(verdict.other_hash.as_deref().unwrap_or("unknown"));
            let _ = write!(out, "<p>{}: the other trace is {hash}.</p>", escaped(other));
        }
    }
    for violation in &verdict.violations {
        out += &violation_text(violation, "");
    }
    for note in &verdict.notes {
        let _ = write!(out, "<p class=\"note\"><strong>Note</strong>: {}.</p>", escaped(note));
    }
    let _ = write!(
        out,
        "<div class=\"replay\"><code id=\"replay\">{}</code><button class=\"copy\" type=\"button\" data-of=\"replay\">copy\
         </button></div>",
        escaped(&verdict.replay)
    );
    let wanted = data.run.sometimes.iter().map(|name| {
        let reached = data.run.reached.contains_key(name) || verdict.reached.contains(name);
        let (class, sign) = if reached { ("reached", "✓") } else { ("missed", "✗") };
        format!("<li class=\"{class}\">{sign} {}</li>", escaped(name))
    });
    let wanted: String = wanted.collect();
    if !wanted.is_empty() {
        let _ = write!(
            out,
            "<p class=\"hint\">What the scenario must reach over its seeds, and this run reached:</p><ul class=\"chips\">{wanted}</ul>"
        );
    }
    for (title, violations) in [("As the scenario expects", &verdict.expected), ("Allowed", &verdict.allowed)] {
        if !violations.is_empty() {
            let all: String = violations.iter().map(|violation| violation_text(violation, " quiet")).collect();
            let _ = write!(out, "<details><summary>{title}: {}</summary>{all}</details>", violations.len());
        }
    }
    out
}

fn violation_text(violation: &ViolationRecord, class: &str) -> String {
    let mut out = format!(
        "<div class=\"violation{class}\"><p><strong>{}</strong>: {}</p>",
        escaped(&violation.property),
        escaped(&violation.detail)
    );
    let told = chain_line(&violation.chain);
    for sentence in [&told, &violation.cause].into_iter().filter(|sentence| !sentence.is_empty()) {
        let _ = write!(out, "<p class=\"cause\">{}</p>", escaped(sentence));
    }
    if let Some(line) = violation.line {
        let _ = write!(out, "<p class=\"hint\">the fault at line {line} of the scenario</p>");
    }
    let property = escaped(&violation.property);
    let _ = write!(
        out,
        "<p class=\"hint\"><code>tribunal explain {property}</code> says what it means and where to look</p>"
    );
    out + "</div>"
}

fn latency(series: &Series) -> String {
    let row = |name: String, distribution: &Distribution| {
        let mut row = vec![name, thousands(distribution.count), milliseconds(distribution.mean_ms)];
        row.extend(distribution.quantiles_ms.map(milliseconds));
        row
    };
    let latency = &series.latency;
    let mut rows = vec![row("send".into(), &latency.send), row("delivery".into(), &latency.delivery)];
    if latency.by_client.len() > 1 {
        rows.extend(latency.by_client.iter().map(|(client, of)| row(format!("send, {client}"), of)));
    }
    rows.retain(|row| row[1] != "0");
    let names: Vec<String> = QUANTILES.iter().map(|q| format!("#{q}")).collect();
    let mut header = vec!["operation", "#count", "#mean"];
    header.extend(names.iter().map(String::as_str));
    let hint = "<p class=\"hint\">A send is measured from when it was due to its acknowledgement, a delivery from then to \
                when a consumer had the record. Drag to zoom, double-click for all; with a chart focused, + − ← → 0.</p>";
    format!("{hint}{}{}", table(&header, &rows), charts(&["latency", "quantiles", "distribution"]))
}

fn availability(data: &Data, series: &Series) -> String {
    let availability = &series.availability;
    let share =
        |of: &crate::series::Share| of.total().map_or("–".to_owned(), |share| format!("{:.4} %", share * 100.0));
    let mut out = format!(
        "<p>{} of all sends were acknowledged. Partitions were unavailable for {:.2} s in {} windows: a window is at least \
         {} s without an acknowledgement while a record waits.</p>",
        share(&availability.overall),
        availability.windows.iter().map(crate::series::Window::length_s).sum::<f64>(),
        availability.windows.len(),
        crate::series::UNAVAILABLE_AFTER_S,
    );
    out += &charts(&["availability", "rate"]);
    let rows = availability.partitions.iter().map(|of| {
        let windows: Vec<_> = availability.windows.iter().filter(|window| window.partition == of.name).collect();
        let longest = windows.iter().map(|window| window.length_s()).fold(0.0, f64::max);
        vec![
            of.name.clone(),
            share(of),
            windows.len().to_string(),
            format!("{:.2} s", availability.unavailable_s(&of.name)),
            format!("{longest:.2} s"),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    out += &table(&["partition", "#acknowledged", "#windows", "#unavailable", "#longest"], &rows);
    out += "<h3>From each fault to a leader, an acknowledgement, a full ISR</h3>";
    out += &recovery(data, series);
    out
}

fn recovery(data: &Data, series: &Series) -> String {
    let time = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.3} s"));
    let rows = series.recovery.rows.iter().map(|row| {
        let fault = &data.faults[row.fault];
        let before = row.before.map_or("none".to_owned(), |before| format!("b{before}"));
        vec![
            format!("{:.3} s {}", fault.began_s, fault.title()),
            row.partition.clone(),
            format!("{before} → b{} epoch {}", row.leader, row.epoch),
            time(Some(row.leader_s)),
            time(row.acknowledged_s),
            time(row.full_isr_s),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return "<p class=\"hint\">No fault made a partition change its leader.</p>".to_owned();
    }
    table(&["fault", "partition", "leader", "#to leader", "#to acknowledgement", "#to full ISR"], &rows)
}

fn partitions() -> String {
    format!("{}<div data-offsets></div>{}", charts(&["leaders", "isr"]), charts(&["lag"]))
}

fn operations(series: &Series) -> String {
    let rows = series.rate.totals.iter().map(|((kind, outcome), count)| {
        let meaning = match outcome {
            Outcome::Ok => "done",
            Outcome::Info => "nobody knows",
            Outcome::Fail => "definitely not done",
        };
        vec![kind.clone(), format!("{}: {meaning}", outcome.name()), thousands(*count)]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let errors = series.rate.errors.iter().map(|(error, count)| vec![error.clone(), thousands(*count)]);
    let errors: Vec<Vec<String>> = errors.collect();
    let mut out = table(&["operation", "outcome", "#records"], &rows);
    if !errors.is_empty() {
        out += &table(&["error", "#operations"], &errors);
    }
    out + "<div id=\"operations-place\"></div>"
}

fn space_time(data: &Data) -> String {
    let what = if data.verdict.violations.is_empty() {
        "Messages around each fault."
    } else {
        "It opens on what led to the violation; <em>more</em> widens it. Numbered steps are the causal chain."
    };
    format!(
        "<p class=\"hint\">{what} An arrow is a message, coloured by its API; a cross is one that never arrived; a small \
         tick below a lane is a sync; a gap is a crash; a lane's colour is the leader epoch it knows, thick where it \
         leads.</p><div id=\"spacetime-place\"></div>"
    )
}

fn faults(data: &Data, series: &Series) -> String {
    if data.faults.is_empty() {
        return "<p class=\"hint\">No fault happened.</p>".to_owned();
    }
    let rows = data.faults.iter().zip(&series.recovery.effects).map(|(fault, effect)| {
        let lasted = fault.ended_s.map_or("a moment".to_owned(), |ended| format!("{:.3} s", ended - fault.began_s));
        let mut did = Vec::new();
        if !fault.happened() {
            did.push("left out by the fault atlas: the replication could not survive it".to_owned());
        }
        let mut say = |count: usize, one: &str, many: &str| {
            if count > 0 {
                did.push(format!("{count} {}", if count == 1 { one } else { many }));
            }
        };
        say(effect.elections, "partition changed its leader", "partitions changed their leaders");
        say(effect.isr_shrinks, "ISR shrank", "ISRs shrank");
        say(effect.failed, "send failed", "sends failed");
        say(effect.unknown, "send unknown", "sends unknown");
        if effect.unavailable_s > 0.0 {
            did.push(format!("unavailable {:.2} s", effect.unavailable_s));
        }
        if effect.slowest_ms > 0.0 {
            did.push(format!("slowest send {}", milliseconds(effect.slowest_ms)));
        }
        vec![
            format!("{:.3} s", fault.began_s),
            fault.kind.clone(),
            fault.whom(),
            lasted,
            did.join(" · "),
            fault.text.trim_end().replace('\n', " · "),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(&["#at", "fault", "to", "#lasted", "what happened meanwhile", "as written"], &rows)
}

fn reached(data: &Data) -> String {
    let mut all: Vec<(&String, &u64)> = data.run.reached.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let rows: Vec<Vec<String>> = all.into_iter().map(|(name, count)| vec![name.clone(), thousands(*count)]).collect();
    table(&["observation", "#times"], &rows)
}

fn plan(data: &Data) -> String {
    let rows: Vec<Vec<String>> = data
        .run
        .topics
        .iter()
        .map(|t| {
            let numbers = [t.partitions, t.replication, t.min_insync].map(|n| n.to_string());
            [vec![t.name.clone()], numbers.to_vec()].concat()
        })
        .collect();
    format!(
        "{}<p class=\"hint\">{} brokers, {} clients. Made by tribunal {} from {}.</p><details><summary>The plan: every \
         setting and fault</summary><pre>{}</pre></details>",
        table(&["topic", "#partitions", "#replication", "#min.insync.replicas"], &rows),
        data.brokers().count(),
        data.run.nodes.iter().filter(|n| matches!(n.role, crate::Role::Producer | crate::Role::Consumer)).count(),
        escaped(&data.verdict.tribunal),
        escaped(&data.verdict.path),
        escaped(&data.plan),
    )
}
