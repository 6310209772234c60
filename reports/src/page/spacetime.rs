//! The space-time diagram: parts of the trace around the violation, or around each fault of a run that held.

use std::collections::BTreeMap;

use serde::Serialize;
use tribunal_contract::NodeId;
use tribunal_sim::trace::{Trace, TraceError, TraceEvent, TraceKind, TraceReader};

use crate::causal::{CausalGraph, ChainStep};
use crate::data::Data;
use crate::series::Series;

/// The time that a part shows before and after its subject, in seconds.
const BEFORE_S: f64 = 0.25;
const AFTER_S: f64 = 1.25;
/// The longest time before a violation that its part may cover for the steps of its chain, in seconds.
const LONGEST_S: f64 = 8.0;
/// The largest number of trace events in a part. A busier part shows only its end.
const MOST_EVENTS: usize = 60_000;
/// Messages of one part, and of all parts together.
const MOST_MESSAGES: usize = 12_000;
const MOST_OF_ALL: usize = 30_000;
/// The largest number of parts.
const MOST_PARTS: usize = 8;

/// The diagram.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct SpaceTime {
    nodes: Vec<String>,
    /// The number of brokers. They are the first nodes.
    brokers: usize,
    apis: Vec<String>,
    windows: Vec<Part>,
}

/// A part of the run. Times of its lists are in microseconds.
#[derive(Clone, Debug, Serialize)]
struct Part {
    title: String,
    from: f64,
    to: f64,
    /// The time at which its subject was seen, in seconds.
    focus: Option<f64>,
    /// The word for the subject on the page.
    word: &'static str,
    /// The messages: from, to, sent, received or -1, kind, and 1 if in the cone or 2 if on the path of the chain.
    messages: Vec<(u32, u32, i64, i64, u16, u8)>,
    /// The marks: node, time, kind, text, and 1 if in the cone.
    marks: Vec<(u32, i64, &'static str, String, u8)>,
    /// The times down: node, from, to or -1.
    down: Vec<(u32, i64, i64)>,
    /// The leader epochs: node, from, to, leader epoch, and whether the node leads.
    epochs: Vec<(u32, i64, i64, i32, bool)>,
    /// The steps of the chain: node or -1, time, text.
    chain: Vec<(i64, i64, String)>,
}

/// The subject of a part.
struct Subject<'d> {
    title: String,
    from_s: f64,
    to_s: f64,
    focus_s: Option<f64>,
    word: &'static str,
    partition: Option<String>,
    chain: &'d [ChainStep],
}

impl SpaceTime {
    /// Chooses the parts and reads them from the trace.
    pub(super) fn of(data: &Data, series: &Series, trace: &[u8]) -> Result<SpaceTime, TraceError> {
        let mut nodes: Vec<&crate::NodeRecord> = data.run.nodes.iter().collect();
        nodes.sort_by_key(|node| (node.role != crate::Role::Broker, node.id));
        let mut diagram = SpaceTime {
            nodes: nodes.iter().map(|node| node.name.clone()).collect(),
            brokers: data.brokers().count(),
            ..SpaceTime::default()
        };
        let lanes: BTreeMap<u32, u32> = nodes.iter().zip(0..).map(|(node, lane)| (node.id, lane)).collect();
        let subjects = subjects(data);
        let cuts = cut_out(data, &subjects, trace)?;
        let mut left = MOST_OF_ALL;
        for (subject, cut) in subjects.iter().zip(cuts) {
            diagram.apis.clone_from(&cut.labels);
            let maker = Maker { data, series, subject, lanes: &lanes };
            let part = maker.part(&cut, left.min(MOST_MESSAGES));
            left = left.saturating_sub(part.messages.len());
            diagram.windows.push(part);
            if left == 0 {
                break;
            }
        }
        Ok(diagram)
    }
}

/// The subjects: the first violation, then the faults in the order of time.
fn subjects(data: &Data) -> Vec<Subject<'_>> {
    let end_s = data.run.end_s;
    let mut all = Vec::new();
    if let Some(violation) = data.verdict.violations.first() {
        let seen_s = violation.time_s.clamp(0.0, end_s);
        let steps = violation.chain.iter().map(|step| step.time_s);
        let last_s = steps.clone().fold(f64::NEG_INFINITY, f64::max);
        // A violation seen only at the end of a run happened at the last step of its chain.
        let focus_s = if violation.event.is_none() && last_s.is_finite() { last_s } else { seen_s };
        let first_s = steps.fold(focus_s, f64::min).max(focus_s - LONGEST_S);
        all.push(Subject {
            title: format!("{} at {focus_s:.3} s", violation.property),
            from_s: (first_s - BEFORE_S).max(-0.5),
            to_s: (focus_s + 0.02).min(end_s),
            focus_s: Some(focus_s),
            word: "violation",
            partition: partition_in(&violation.detail, data),
            chain: &violation.chain,
        });
    }
    let faults =
        data.faults.iter().filter(|fault| fault.happened()).take(MOST_PARTS - all.len()).map(|fault| Subject {
            title: format!("{} at {:.3} s", fault.title(), fault.began_s),
            from_s: fault.began_s - BEFORE_S,
            to_s: (fault.began_s + AFTER_S).min(end_s),
            focus_s: Some(fault.began_s),
            word: "fault",
            partition: data.replicas.partitions.first().cloned(),
            chain: &[],
        });
    all.extend(faults);
    if all.is_empty() {
        let title = "the beginning of the workload".to_owned();
        let partition = data.replicas.partitions.first().cloned();
        let to_s = 1f64.min(end_s);
        all.push(Subject { title, from_s: 0.0, to_s, focus_s: None, word: "", partition, chain: &[] });
    }
    all
}

/// The partition that a sentence names.
fn partition_in(detail: &str, data: &Data) -> Option<String> {
    let named = |partition: &&String| {
        detail
            .match_indices(partition.as_str())
            .any(|(at, name)| !detail[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
    };
    data.replicas.partitions.iter().find(named).or(data.replicas.partitions.first()).cloned()
}

/// Reads the trace once and keeps the events in each subject's range of time.
fn cut_out(data: &Data, subjects: &[Subject<'_>], trace: &[u8]) -> Result<Vec<Trace>, TraceError> {
    let mut reader = TraceReader::new(trace)?;
    let labels = std::mem::take(&mut reader.labels);
    let mut cuts: Vec<Trace> = subjects.iter().map(|_| Trace { labels: labels.clone(), events: Vec::new() }).collect();
    for event in reader {
        let event = event?;
        let time_s = seconds(data, &event);
        for (subject, cut) in subjects.iter().zip(&mut cuts) {
            if subject.from_s <= time_s && time_s <= subject.to_s {
                cut.events.push(event);
                if cut.events.len() > 2 * MOST_EVENTS {
                    cut.events.drain(..MOST_EVENTS);
                }
            }
        }
    }
    for cut in &mut cuts {
        let surplus = cut.events.len().saturating_sub(MOST_EVENTS);
        cut.events.drain(..surplus);
    }
    Ok(cuts)
}

fn seconds(data: &Data, event: &TraceEvent) -> f64 {
    (event.at.0 as f64 - data.run.zero_ns as f64) / 1e9
}

fn micros(time_s: f64) -> i64 {
    (time_s * 1e6).round() as i64
}

/// Makes one part.
struct Maker<'m> {
    data: &'m Data,
    series: &'m Series,
    subject: &'m Subject<'m>,
    lanes: &'m BTreeMap<u32, u32>,
}

impl Maker<'_> {
    fn part(&self, cut: &Trace, most: usize) -> Part {
        let graph = CausalGraph::new(cut);
        let weight = self.weights(cut, &graph);
        let first_s = cut.events.first().map_or(self.subject.from_s, |event| seconds(self.data, event));
        Part {
            title: self.subject.title.clone(),
            from: first_s.max(self.subject.from_s),
            to: self.subject.to_s.max(first_s + 0.001),
            focus: self.subject.focus_s,
            word: self.subject.word,
            messages: self.messages(cut, &graph, &weight, most),
            marks: self.marks(cut, &weight),
            down: self.down(),
            epochs: self.epochs(),
            chain: self.chain(),
        }
    }

    fn lane(&self, node: NodeId) -> Option<u32> {
        self.lanes.get(&node.0).copied()
    }

    fn named(&self, name: &str) -> Option<u32> {
        let node = self.data.run.nodes.iter().find(|node| node.name == name)?;
        self.lane(NodeId(node.id))
    }

    fn at(&self, event: &TraceEvent) -> i64 {
        micros(seconds(self.data, event))
    }

    /// The weights of events: 1 in the violation's cone, 2 on the path from one step of its chain to the next.
    fn weights(&self, cut: &Trace, graph: &CausalGraph) -> Vec<u8> {
        let mut weight = vec![0; cut.events.len()];
        let index_of = |seq: u64| cut.events.iter().position(|event| event.seq == seq && event.kind.is_event());
        let violation = self.data.verdict.violations.first().filter(|_| self.subject.word == "violation");
        let Some(violation) = violation else { return weight };
        let steps: Vec<Option<usize>> = self.subject.chain.iter().map(|step| index_of(step.event)).collect();
        let seen = violation.event.and_then(index_of).or(steps.iter().copied().flatten().last());
        for index in seen.into_iter().flat_map(|seen| graph.cone(seen)) {
            weight[index] = 1;
        }
        for pair in steps.windows(2) {
            let [Some(from), Some(to)] = *pair else { continue };
            for index in graph.path(from, to).into_iter().flatten() {
                weight[index] = 2;
            }
        }
        for index in steps.into_iter().flatten() {
            weight[index] = 2;
        }
        weight
    }

    /// The messages. If there are too many, those of the chain and the newest ones are kept.
    fn messages(
        &self,
        cut: &Trace,
        graph: &CausalGraph,
        weight: &[u8],
        most: usize,
    ) -> Vec<(u32, u32, i64, i64, u16, u8)> {
        let lost_s = self.subject.to_s - 0.05;
        let mut all = Vec::new();
        for (index, event) in cut.events.iter().enumerate() {
            if let TraceKind::Delivered { label, .. } = event.kind
                && let Some(sent) = graph.sent_at(index)
                && let (Some(from), Some(to)) = (self.lane(cut.events[sent].node), self.lane(event.node))
            {
                let weight = weight[index].max(u8::from(weight[sent] == 2) * 2);
                all.push((from, to, self.at(&cut.events[sent]), self.at(event), label, weight));
            }
        }
        for index in graph.lost(cut) {
            let event = &cut.events[index];
            // A message sent at the very end may still be in flight.
            let TraceKind::Sent { conn, label, .. } = event.kind else { continue };
            let to = if conn.initiator == event.node { conn.acceptor } else { conn.initiator };
            if seconds(self.data, event) < lost_s
                && let (Some(from), Some(to)) = (self.lane(event.node), self.lane(to))
            {
                all.push((from, to, self.at(event), -1, label, weight[index]));
            }
        }
        all.sort_by_key(|message| (message.5 == 2, message.2));
        let surplus = all.len().saturating_sub(most);
        all.drain(..surplus);
        all.sort_by_key(|message| message.2);
        all
    }

    fn marks(&self, cut: &Trace, weight: &[u8]) -> Vec<(u32, i64, &'static str, String, u8)> {
        let mut marks = Vec::new();
        for (event, weight) in cut.events.iter().zip(weight) {
            let Some(lane) = self.lane(event.node) else { continue };
            let (kind, text) = match event.kind {
                TraceKind::Crashed => ("crashed", "crashes".to_owned()),
                TraceKind::Halted => ("halted", "stops".to_owned()),
                TraceKind::PowerLost => ("power-lost", "loses power".to_owned()),
                TraceKind::Started { .. } => ("started", "starts".to_owned()),
                TraceKind::Synced { ok: true, .. } => ("sync", "has synced".to_owned()),
                TraceKind::Synced { ok: false, .. } => ("sync-failed", "fails to sync".to_owned()),
                TraceKind::Down { .. } => ("connection", "learns that a connection is gone".to_owned()),
                TraceKind::Fault { label, .. } => {
                    let name = cut.labels.get(usize::from(label)).cloned().unwrap_or_default();
                    ("fault", format!("fault: {name}"))
                }
                _ => continue,
            };
            marks.push((lane, self.at(event), kind, text, u8::from(*weight > 0)));
        }
        let inside = |time_s: f64| self.subject.from_s <= time_s && time_s <= self.subject.to_s;
        for start in self.data.replicas.leader_starts.iter().filter(|start| inside(start.time_s)) {
            let Some(lane) = self.lane(NodeId(start.broker)) else { continue };
            let text = format!("leads {} in epoch {}", start.partition, start.epoch);
            marks.push((lane, micros(start.time_s), "elected", text, 1));
        }
        for cut in self.data.replicas.truncations.iter().filter(|cut| inside(cut.time_s)) {
            let Some(lane) = self.lane(NodeId(cut.broker)) else { continue };
            let text = format!("cuts {} from {} to {}", cut.partition, cut.from, cut.to);
            marks.push((lane, micros(cut.time_s), "truncated", text, 1));
        }
        marks
    }

    fn down(&self) -> Vec<(u32, i64, i64)> {
        let inside = |down: &&crate::series::Down| {
            down.from_s <= self.subject.to_s && down.until_s.is_none_or(|until| until >= self.subject.from_s)
        };
        let all = self.series.activity.down.iter().filter(inside);
        all.filter_map(|down| Some((self.named(&down.node)?, micros(down.from_s), down.until_s.map_or(-1, micros))))
            .collect()
    }

    /// The leader epochs of the partition at stake, on each broker.
    fn epochs(&self) -> Vec<(u32, i64, i64, i32, bool)> {
        let Some(partition) = &self.subject.partition else { return Vec::new() };
        let of = |broker: u32| {
            self.data.replicas.epochs.iter().filter(move |e| &e.partition == partition && e.broker == broker)
        };
        let mut all = Vec::new();
        for broker in self.data.brokers() {
            let changes: Vec<_> = of(broker.id).collect();
            for (n, change) in changes.iter().enumerate() {
                let to_s = changes.get(n + 1).map_or(self.data.run.end_s, |next| next.time_s);
                if change.time_s <= self.subject.to_s
                    && to_s >= self.subject.from_s
                    && let Some(lane) = self.lane(NodeId(broker.id))
                {
                    all.push((lane, micros(change.time_s), micros(to_s), change.epoch, change.leads));
                }
            }
        }
        all
    }

    fn chain(&self) -> Vec<(i64, i64, String)> {
        let step = |step: &ChainStep| {
            let lane = self.named(&step.node).map_or(-1, i64::from);
            (lane, micros(step.time_s), format!("{} {}", step.node, step.text))
        };
        self.subject.chain.iter().map(step).collect()
    }
}
