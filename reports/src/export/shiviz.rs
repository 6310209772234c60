//! A log for ShiViz: two lines for each event, its text and the vector clock of its process.
//!
//! ShiViz draws at most a few thousand events, so the log covers the part of the run that the space-time diagram opens
//! with: the last events before the violation, or the first after the first fault. Its parser needs this pattern:
//! `(?<event>.*)\n(?<host>\S*) (?<clock>{.*})`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tribunal_contract::NodeId;
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};

use super::name_of;
use crate::causal::CausalGraph;
use crate::report::Reading;

/// The largest number of events in the log.
const MOST: usize = 3_000;

pub(super) fn log(reading: &Reading, trace: &Trace) -> String {
    let part = part(reading, trace);
    let graph = CausalGraph::new(&part);
    let mut clocks: BTreeMap<NodeId, BTreeMap<String, u64>> = BTreeMap::new();
    let mut sent: BTreeMap<usize, BTreeMap<String, u64>> = BTreeMap::new();
    let mut out = String::new();
    for (index, event) in part.events.iter().enumerate() {
        let Some(text) = told(&part, event) else { continue };
        // A host's name has no spaces.
        let host = name_of(reading, event.node).replace(' ', "-");
        let clock = clocks.entry(event.node).or_default();
        if let Some(other) = graph.sent_at(index).and_then(|from| sent.get(&from)) {
            for (host, count) in other {
                let known = clock.entry(host.clone()).or_default();
                *known = (*known).max(*count);
            }
        }
        *clock.entry(host.clone()).or_default() += 1;
        if matches!(event.kind, TraceKind::Sent { .. }) {
            sent.insert(index, clock.clone());
        }
        let time_s = (event.at.0 as f64 - reading.data.run.zero_ns as f64) / 1e9;
        let clock = serde_json::to_string(clock).unwrap_or_default();
        let _ = writeln!(out, "{time_s:.6} {text}\n{host} {clock}");
    }
    out
}

/// The events of the part that the log covers.
fn part(reading: &Reading, trace: &Trace) -> Trace {
    let data = &reading.data;
    let nanos = |time_s: f64| (data.run.zero_ns as f64 + time_s * 1e9).max(0.0) as u64;
    let shown = |event: &&TraceEvent| told(trace, event).is_some();
    let events: Vec<TraceEvent> = match data.verdict.violations.first() {
        Some(violation) => {
            let end = nanos(violation.time_s);
            let before: Vec<TraceEvent> =
                trace.events.iter().take_while(|event| event.at.0 <= end).filter(shown).copied().collect();
            before[before.len().saturating_sub(MOST)..].to_vec()
        }
        None => {
            let from = nanos(data.faults.first().map_or(0.0, |fault| fault.began_s));
            trace.events.iter().filter(|event| event.at.0 >= from).filter(shown).take(MOST).copied().collect()
        }
    };
    Trace { labels: trace.labels.clone(), events }
}

/// The text of an event. `None` if the log leaves it out.
fn told(trace: &Trace, event: &TraceEvent) -> Option<String> {
    let label = |label: u16| trace.labels.get(usize::from(label)).map_or("message", String::as_str);
    let text = match event.kind {
        TraceKind::Sent { label: kind, .. } => format!("sends {}", label(kind)),
        TraceKind::Delivered { label: kind, .. } => format!("receives {}", label(kind)),
        TraceKind::Crashed => "crashes".to_owned(),
        TraceKind::Halted => "stops".to_owned(),
        TraceKind::PowerLost => "loses power".to_owned(),
        TraceKind::Started { .. } => "starts".to_owned(),
        TraceKind::Synced { ok, .. } => if ok { "has synced" } else { "fails to sync" }.to_owned(),
        TraceKind::Down { .. } => "loses a connection".to_owned(),
        _ => return None,
    };
    Some(text)
}
