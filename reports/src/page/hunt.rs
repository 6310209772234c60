//! The page of a hunt.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::html::{escaped, milliseconds, table, thousands};
use super::{Section, charts, page_of_charts};
use crate::ReportError;
use crate::causal::chain_line;
use crate::charts::{Axis, Draw, Layer, Panel, Scene, write_pictures};
use crate::hunt::{FailureRecord, HuntRecord};
use crate::report::ReportOptions;

/// The hunt record at a path, which is the file itself or its folder. `None` if there is none.
pub fn hunt_file(path: &Path) -> Option<PathBuf> {
    let file = if path.is_dir() { path.join("hunt.json") } else { path.to_owned() };
    let named = file.file_name().is_some_and(|name| name == "hunt.json");
    (named && file.is_file()).then_some(file)
}

/// Writes the page of a hunt and a picture of each chart beside its record. Returns the path of the page.
///
/// # Errors
/// If the record cannot be read or a file cannot be written.
pub fn write_hunt_page(record: &Path, options: ReportOptions) -> Result<PathBuf, ReportError> {
    let hunt = HuntRecord::read(record)?;
    let folder = record.parent().unwrap_or(Path::new("."));
    let panels = panels(&hunt);
    write_pictures(&panels, &Scene::default(), &folder.join("charts"), options.png)?;
    let page = folder.join("hunt.html");
    std::fs::write(&page, hunt_page(&hunt, &panels)).map_err(ReportError::io(&page))?;
    Ok(page)
}

fn hunt_page(hunt: &HuntRecord, panels: &[Panel]) -> String {
    let ids: Vec<&str> = panels.iter().map(|panel| panel.id.as_str()).collect();
    let sections = [
        Section { id: "failures", title: "Failures", body: failures(hunt) },
        Section { id: "behaviour", title: "Behaviour and time", body: charts(&ids) },
        Section { id: "never", title: "Never reached", body: never(hunt) },
        Section { id: "shards", title: "What was hunted", body: shards(hunt) },
    ];
    page_of_charts("Hunt", &head(hunt), &sections, panels)
}

fn head(hunt: &HuntRecord) -> String {
    let distinct = hunt.failures.len();
    let (word, class) = if distinct == 0 { ("NOTHING FOUND", "") } else { ("FOUND", " bad") };
    let failing: usize = hunt.failures.values().map(|failure| failure.seeds.len()).sum();
    let bugs: Vec<&str> = hunt.bugs.iter().map(String::as_str).collect();
    let planted = if bugs.is_empty() { String::new() } else { format!(" · planted: {}", escaped(&bugs.join(", "))) };
    format!(
        "<h1><span class=\"badge{class}\" id=\"verdict\">{word}</span>Hunt</h1><p class=\"facts\">{} runs · {distinct} \
         distinct failures in {failing} seeds · {} marks of behaviour{planted}</p>",
        thousands(hunt.runs_done()),
        thousands(hunt.marks.len() as u64),
    )
}

fn failures(hunt: &HuntRecord) -> String {
    let mut out = String::new();
    for (n, failure) in hunt.failures_in_order().into_iter().enumerate() {
        out += &one_failure(n, failure);
    }
    if out.is_empty() { "<p>No run failed.</p>".to_owned() } else { out }
}

fn one_failure(n: usize, failure: &FailureRecord) -> String {
    let first = &failure.first;
    let mut out = format!(
        "<div class=\"violation\"><p><strong>{}</strong> ×{} · {}</p><p>{}</p><p class=\"cause\">{}</p>",
        escaped(&failure.property),
        failure.seeds.len(),
        escaped(&failure.signature),
        escaped(&first.detail),
        escaped(&chain_line(&first.chain)),
    );
    let _ = write!(
        out,
        "<div class=\"replay\"><code id=\"replay-{n}\">{}</code><button class=\"copy\" type=\"button\" \
         data-of=\"replay-{n}\">copy</button></div>",
        escaped(&first.replay)
    );
    if let Some(shrunk) = &first.shrunk {
        let [faults, operations, brokers] = [shrunk.faults, shrunk.operations, shrunk.brokers]
            .map(|[before, after]| format!("{} → {}", thousands(before), thousands(after)));
        let _ = write!(
            out,
            "<p>Shrunk: faults {faults} · operations {operations} · brokers {brokers}, in {} runs: <code>{}</code></p>",
            thousands(shrunk.runs),
            escaped(&shrunk.path)
        );
    }
    let seeds: Vec<&str> = failure.seeds.iter().map(String::as_str).take(200).collect();
    let _ = write!(out, "<details><summary>seeds</summary><p><code>{}</code></p></details></div>", seeds.join(" "));
    out
}

fn panels(hunt: &HuntRecord) -> Vec<Panel> {
    let axis = |label: &str, from: f64, to: f64, log: bool| Axis {
        label: label.to_owned(),
        from,
        to: if to > from { to } else { from + 1.0 },
        log,
        names: Vec::new(),
    };
    let layer = |name: &str, colour, draw, points| Layer { name: name.to_owned(), colour, draw, points };
    let curve: Vec<(f64, f64)> = hunt.curve().iter().map(|point| (point.seed as f64, point.marks as f64)).collect();
    let from = curve.first().map_or(0.0, |first| first.0);
    let last = hunt.shards.values().map(|shard| shard.done_until as f64).fold(from, f64::max);
    let most = curve.last().map_or(1.0, |last| last.1);
    let mut marks = curve.clone();
    marks.push((last, most));
    let new = Panel::of_layers(
        "new-behaviour",
        "New behaviour over seeds",
        axis("seed", from, last, false),
        axis("marks known", 0.0, most * 1.05, false),
        vec![layer("marks", 0, Draw::Steps, if curve.is_empty() { Vec::new() } else { marks })],
    );
    let seed = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(0) as f64;
    let points = |of: fn(&crate::hunt::HuntRun) -> Option<f64>| -> Vec<(f64, f64)> {
        hunt.runs.iter().filter_map(|(name, run)| Some((seed(name), of(run)?.max(1e-3)))).collect()
    };
    let (medians, slowest) = (points(|run| run.ack_median_ms), points(|run| run.ack_max_ms));
    let values: Vec<f64> = medians.iter().chain(&slowest).map(|(_, ms)| *ms).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, 1.0f64), |(low, high), ms| (low.min(*ms), high.max(*ms)));
    let low = 10f64.powf(low.clamp(1e-3, 1e6).log10().floor());
    let high = 10f64.powf((high * 1.01).log10().ceil()).max(low * 10.0);
    let latency = Panel::of_layers(
        "latency-over-seeds",
        "Latency of acknowledgements across seeds: the slowest holds the failover",
        axis("seed", from, last, false),
        axis("latency (ms)", low, high, true),
        vec![layer("slowest", 3, Draw::Crosses, slowest.clone()), layer("median", 0, Draw::Circles, medians.clone())],
    );
    let share = |mut points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        points.sort_by(|a, b| a.1.total_cmp(&b.1));
        let count = points.len() as f64;
        points.iter().enumerate().map(|(n, (_, ms))| (*ms, (n + 1) as f64 / count)).collect()
    };
    let distribution = Panel::of_layers(
        "latency-distribution",
        "Runs by their median and slowest acknowledgement",
        axis("latency (ms)", low, high, true),
        axis("share of runs", 0.0, 1.0, false),
        vec![layer("slowest", 3, Draw::Dashes, share(slowest)), layer("median", 0, Draw::Line, share(medians))],
    );
    let mut panels = vec![new, latency, distribution];
    panels.retain(|panel| panel.layers.iter().any(|layer| !layer.points.is_empty()));
    panels
}

fn never(hunt: &HuntRecord) -> String {
    let missed: String =
        hunt.never_reached().iter().map(|name| format!("<li class=\"missed\">✗ {}</li>", escaped(name))).collect();
    let reached: String =
        hunt.reached.keys().map(|name| format!("<li class=\"reached\">✓ {}</li>", escaped(name))).collect();
    format!(
        "<ul class=\"chips\">{missed}</ul><details><summary>reached</summary><ul class=\"chips\">{reached}</ul></details>"
    )
}

fn shards(hunt: &HuntRecord) -> String {
    let rows: Vec<Vec<String>> = hunt
        .shards
        .iter()
        .map(|(name, shard)| {
            let counts = [shard.runs, shard.violated, shard.inconclusive].map(thousands);
            let speed = if shard.wall_s > 0.0 { shard.runs as f64 / shard.wall_s } else { 0.0 };
            let times =
                [format!("{:.1} s", shard.wall_s), format!("{speed:.0} /s"), format!("{:.0} s", shard.simulated_s)];
            [vec![name.clone()], counts.to_vec(), times.to_vec()].concat()
        })
        .collect();
    let paths: Vec<String> = hunt.paths.iter().map(|path| format!("<li>{}</li>", escaped(path))).collect();
    let header = ["seeds", "#runs", "#violated", "#inconclusive", "#wall", "#speed", "#simulated"];
    let median = crate::compare::Mean::of(hunt.runs.values().filter_map(|run| run.ack_median_ms));
    let median =
        median.map(|mean| format!("<p>Median acknowledgement over sampled runs: {}.</p>", milliseconds(mean.mean)));
    format!("{}{}<ul class=\"chips\">{}</ul>", table(&header, &rows), median.unwrap_or_default(), paths.concat())
}
