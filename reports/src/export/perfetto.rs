//! Chrome's trace format: a process for each node, a flow for each message, counters for log ends and high watermarks.
//!
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU> describes the format.

use serde_json::{Value, json};
use tribunal_sim::trace::{Trace, TraceEvent, TraceKind};

use crate::causal::CausalGraph;
use crate::report::Reading;

/// The process that shows the faults. No node has this id.
const FAULTS: u32 = 1_000_000;

/// Threads of a process.
const STATE: u32 = 0;
const MESSAGES: u32 = 1;
const DISK: u32 = 2;

pub(super) fn trace_events(reading: &Reading, trace: &Trace, graph: &CausalGraph) -> String {
    let mut events = names(reading);
    let micros = |event: &TraceEvent| event.at.0 as f64 / 1e3;
    let label = |label: u16| trace.labels.get(usize::from(label)).map_or("message", String::as_str);
    let slice = |name: &str, event: &TraceEvent, thread: u32| json!({"name": name, "cat": "message", "ph": "X", "ts": micros(event), "dur": 1, "pid": event.node.0, "tid": thread});
    for (index, event) in trace.events.iter().enumerate() {
        let (node, ts) = (event.node.0, micros(event));
        let instant = |name: &str, thread: u32| json!({"name": name, "cat": "state", "ph": "i", "s": "p", "ts": ts, "pid": node, "tid": thread});
        match event.kind {
            TraceKind::Sent { label: kind, bytes, .. } => {
                let mut sent = slice(label(kind), event, MESSAGES);
                sent["args"] = json!({"bytes": bytes});
                events.push(sent);
            }
            TraceKind::Delivered { label: kind, .. } => {
                events.push(slice(label(kind), event, MESSAGES));
                if let Some(sent) = graph.sent_at(index) {
                    let from = &trace.events[sent];
                    let flow = |phase: &str, event: &TraceEvent| {
                        json!({"name": label(kind), "cat": "message", "ph": phase, "id": sent, "ts": micros(event),
                               "pid": event.node.0, "tid": MESSAGES})
                    };
                    events.push(flow("s", from));
                    let mut end = flow("f", event);
                    end["bp"] = json!("e");
                    events.push(end);
                }
            }
            TraceKind::Crashed => events.push(instant("crashes", STATE)),
            TraceKind::Halted => events.push(instant("stops", STATE)),
            TraceKind::PowerLost => events.push(instant("loses power", STATE)),
            TraceKind::Started { .. } => events.push(instant("starts", STATE)),
            TraceKind::Synced { ok, .. } => events.push(instant(if ok { "synced" } else { "sync failed" }, DISK)),
            _ => {}
        }
    }
    faults(reading, &mut events);
    operations(reading, &mut events);
    counters(reading, &mut events);
    // displayTimeUnit is left out: some builds of Perfetto take it for the unit of the timestamps.
    let all = json!({"traceEvents": events});
    all.to_string() + "\n"
}

/// Converts simulated seconds since the workload's zero to microseconds on the clock of the trace.
fn on_trace(reading: &Reading, time_s: f64) -> f64 {
    reading.data.run.zero_ns as f64 / 1e3 + time_s * 1e6
}

fn names(reading: &Reading) -> Vec<Value> {
    let mut events = Vec::new();
    let mut name = |what: &str, pid: u32, tid: u32, name: &str| {
        events.push(json!({"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}));
    };
    for node in &reading.data.run.nodes {
        name("process_name", node.id, 0, &node.name);
        for (thread, called) in [(STATE, "state"), (MESSAGES, "messages"), (DISK, "disk")] {
            name("thread_name", node.id, thread, called);
        }
    }
    name("process_name", FAULTS, 0, "faults");
    events
}

fn faults(reading: &Reading, events: &mut Vec<Value>) {
    for (number, fault) in reading.data.faults.iter().enumerate() {
        let begin_ts = on_trace(reading, fault.began_s);
        let lasted = (fault.ended_s.unwrap_or(fault.began_s) - fault.began_s) * 1e6;
        let name = fault.title();
        events.push(json!({"name": name, "cat": "fault", "ph": "X", "ts": begin_ts, "dur": lasted.max(1.0),
                           "pid": FAULTS, "tid": number, "args": {"plan": fault.text}}));
    }
}

/// Operations overlap, so they are asynchronous events.
fn operations(reading: &Reading, events: &mut Vec<Value>) {
    let ops = &reading.data.operations;
    for (number, op) in ops.all.iter().enumerate() {
        let client = &ops.clients[usize::from(op.client)];
        let Some(node) = reading.data.run.nodes.iter().find(|node| &node.name == client) else { continue };
        let end_s = op.completed_s.min(reading.data.run.end_s).max(op.invoked_s);
        for (phase, time_s) in [("b", op.invoked_s), ("e", end_s)] {
            events.push(json!({"name": ops.kinds[usize::from(op.kind)], "cat": "operation", "ph": phase, "id": number,
                               "ts": on_trace(reading, time_s), "pid": node.id, "tid": STATE,
                               "args": {"outcome": op.outcome.name()}}));
        }
    }
}

fn counters(reading: &Reading, events: &mut Vec<Value>) {
    for replica in &reading.data.replicas.all {
        for (bin, (end, high_watermark)) in replica.log_end.iter().zip(&replica.high_watermark).enumerate() {
            let ts = on_trace(reading, reading.data.bins.start_s(bin + 1));
            events.push(json!({"name": replica.partition, "ph": "C", "ts": ts, "pid": replica.broker,
                               "args": {"log end": end, "high watermark": high_watermark}}));
        }
    }
    for down in &reading.series.activity.down {
        let Some(node) = reading.data.run.nodes.iter().find(|node| node.name == down.node) else { continue };
        let until = down.until_s.unwrap_or(reading.data.run.end_s);
        events.push(json!({"name": "down", "cat": "state", "ph": "X", "ts": on_trace(reading, down.from_s),
                           "dur": (until - down.from_s) * 1e6, "pid": node.id, "tid": STATE}));
    }
}
