//! The few steps of a violation's cone that explain it.

use serde::{Deserialize, Serialize};
use tribunal_contract::NodeId;
use tribunal_sim::trace::{Trace, TraceKind};

use super::graph::{CausalGraph, index_of};
use crate::observations::ObservationRecord;

/// A step of the chain that led to a violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainStep {
    /// The number of the event in the trace ([`tribunal_sim::trace::TraceEvent::seq`]).
    pub event: u64,
    /// Simulated seconds since the workload's zero.
    pub time_s: f64,
    /// The name of the node: `b1`, or `network` for a fault of no node.
    pub node: String,
    /// The kind of the step in one word: `elected`, `power-lost`, `truncated`.
    pub kind: String,
    /// The step as a predicate to the node's name: `elected with log end 515`.
    pub text: String,
    /// Whether the previous step of the chain happens before this one. Otherwise the two are concurrent.
    pub follows: bool,
}

/// A violation to explain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question<'q> {
    /// The number of the event at which it was seen. `None` if it was seen at the end of the run.
    pub event: Option<u64>,
    /// The partition at stake, as `orders/0`.
    pub partition: Option<&'q str>,
    /// The node at which it was seen, if it was seen at one.
    pub node: Option<u32>,
    /// The step with which the chain begins, if known, such as the acknowledgement of the lost record.
    pub anchor: Option<ChainStep>,
    /// The time at which the chain ends, in simulated seconds since the workload's zero.
    pub until_s: f64,
}

/// A recorded run: its trace, its happens-before graph and its observations.
#[derive(Debug)]
pub struct Story<'t> {
    trace: &'t Trace,
    graph: CausalGraph,
    observations: &'t [ObservationRecord],
    /// The virtual time of the workload's zero, in nanoseconds.
    zero: u64,
}

/// The number of steps that fit on a line.
const MAX_STEPS: usize = 8;

impl<'t> Story<'t> {
    /// The story of a run. `observations` are in the order of their events; `zero` is the workload's zero, in
    /// nanoseconds of virtual time.
    pub fn new(trace: &'t Trace, observations: &'t [ObservationRecord], zero: u64) -> Story<'t> {
        Story { trace, graph: CausalGraph::new(trace), observations, zero }
    }

    /// The happens-before graph.
    pub fn graph(&self) -> &CausalGraph {
        &self.graph
    }

    /// The number of the first observation of a node at a time in nanoseconds of virtual time, if there is one.
    pub fn event_at(&self, at: u64, node: NodeId) -> Option<u64> {
        let from = self.trace.events.partition_point(|event| event.at.0 < at);
        let mut there = self.trace.events[from..].iter().take_while(|event| event.at.0 == at);
        there
            .find(|event| event.node == node && matches!(event.kind, TraceKind::Observed { .. }))
            .map(|event| event.seq)
    }

    /// The index in the trace of the event with that number.
    pub fn index_of(&self, event: u64) -> Option<usize> {
        index_of(self.trace, event)
    }

    /// The steps that happen before the violation and concern its partition, by time: acknowledgements, crashes,
    /// elections with their log end offsets. A long chain keeps only its first and last steps.
    pub fn chain(&self, question: &Question<'_>) -> Vec<ChainStep> {
        let mut steps: Vec<ChainStep> = question.anchor.iter().cloned().collect();
        steps.extend(self.steps(question));
        if steps.len() > MAX_STEPS {
            // Keep the first two steps and the last ones.
            steps.drain(2..steps.len() - (MAX_STEPS - 2));
        }
        let places: Vec<Option<usize>> = steps.iter().map(|step| self.index_of(step.event)).collect();
        for (n, step) in steps.iter_mut().enumerate().skip(1) {
            step.follows = matches!((places[n - 1], places[n]), (Some(a), Some(b)) if self.graph.happens_before(a, b));
        }
        steps
    }

    /// The last changes of the log before the violation, on the node at which it was seen or, without a node, on any:
    /// at most two different kinds of steps, the latest last. The tuple has no numbers or names, so that failures of
    /// one cause have one tuple.
    pub fn tuple(&self, question: &Question<'_>) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        let name = question.node.map(|node| self.name(NodeId(node)));
        for step in self.steps(question).iter().rev() {
            let ours = name.as_ref().is_none_or(|name| *name == step.node);
            let telling = TELLING.contains(&step.kind.as_str());
            if ours && telling && !kinds.contains(&step.kind) {
                kinds.push(step.kind.clone());
                if kinds.len() == 2 {
                    break;
                }
            }
        }
        kinds.reverse();
        kinds
    }

    /// Every step of the chain, before it is shortened.
    fn steps(&self, question: &Question<'_>) -> Vec<ChainStep> {
        let target = question.event.and_then(|event| self.index_of(event));
        let cone = target.map(|target| self.graph.cone(target));
        let in_cone = |index: usize| cone.as_ref().is_none_or(|cone| cone.binary_search(&index).is_ok());
        // The anchor's time may be rounded, so the chain begins a little earlier.
        let since = question.anchor.as_ref().map_or(0.0, |anchor| anchor.time_s) - 5e-4;
        let until = question.until_s + 5e-4;
        let mut steps: Vec<ChainStep> = Vec::new();
        let mut observed = self.observations.iter().peekable();
        for (index, event) in self.trace.events.iter().enumerate() {
            if !event.kind.is_event() {
                continue;
            }
            let time_s = self.seconds(event.at.0);
            let told = match event.kind {
                TraceKind::Observed { .. } => {
                    while observed.next_if(|record| record.event < event.seq).is_some() {}
                    let record = observed.next_if(|record| record.event == event.seq);
                    record.filter(|record| about(record, question.partition)).and_then(told_by_observation)
                }
                kind => told_by_trace(kind, self.trace),
            };
            let Some((kind, text)) = told.filter(|_| since <= time_s && time_s <= until && in_cone(index)) else {
                continue;
            };
            // One acknowledgement is enough: the last one before the first fault.
            if kind == "acknowledged" {
                if steps.iter().any(|step| step.kind != kind) || question.anchor.is_some() {
                    continue;
                }
                steps.clear();
            }
            let node = self.name(event.node);
            steps.push(ChainStep { event: event.seq, time_s, node, kind: kind.to_owned(), text, follows: false });
        }
        steps
    }

    fn seconds(&self, at: u64) -> f64 {
        (at as f64 - self.zero as f64) / 1e9
    }

    fn name(&self, node: NodeId) -> String {
        if node == tribunal_sim::trace::TraceEvent::NO_NODE {
            return "network".to_owned();
        }
        let known = self.observations.iter().find(|record| record.node == node.0);
        known.map_or_else(|| format!("b{}", node.0), |record| record.name.clone())
    }
}

/// The chain on one line: `6.102 b1 acknowledges → 6.103 b1 loses power · 6.911 b3 elected with log end 515`. An arrow
/// joins steps of which one happens before the other, and a dot joins concurrent ones.
pub fn chain_line(chain: &[ChainStep]) -> String {
    let mut line = String::new();
    for (n, step) in chain.iter().enumerate() {
        if n > 0 {
            line += if step.follows { " → " } else { " · " };
        }
        line += &format!("{:.3} {} {}", step.time_s, step.node, step.text);
    }
    line
}

/// The kinds of steps that change a log, as opposed to faults.
const TELLING: [&str; 8] =
    ["crashed", "elected", "offline", "power-lost", "quorum-elected", "truncated", "unclean", "voted"];

/// Whether an observation concerns the partition at stake, or no partition.
fn about(record: &ObservationRecord, partition: Option<&str>) -> bool {
    match (&record.partition, partition) {
        (Some(of), Some(asked)) => of == asked,
        (Some(_), None) | (None, _) => true,
    }
}

fn told_by_observation(record: &ObservationRecord) -> Option<(&'static str, String)> {
    let kind = match record.observation.as_str() {
        "controller-active" => "controller",
        "follower-truncated" => "truncated",
        "isr-expanded" => "isr-expanded",
        "isr-shrunk" => "isr-shrunk",
        "leader-elected" => "elected",
        "log-dir-offline" => "offline",
        "quorum-leader-elected" => "quorum-elected",
        "record-acknowledged" => "acknowledged",
        "snapshot-installed" => "snapshot",
        "unclean-leader-elected" => "unclean",
        "vote-granted" => "voted",
        _ => return None,
    };
    Some((kind, record.text.clone()))
}

fn told_by_trace(kind: TraceKind, trace: &Trace) -> Option<(&'static str, String)> {
    let (kind, text) = match kind {
        TraceKind::Crashed => ("crashed", "crashes".to_owned()),
        TraceKind::Halted => ("halted", "stops".to_owned()),
        TraceKind::PowerLost => ("power-lost", "loses power".to_owned()),
        TraceKind::Started { incarnation } if incarnation > 0 => ("restarted", "starts again".to_owned()),
        TraceKind::Fault { label, .. } => {
            let label = trace.labels.get(usize::from(label)).map_or("", String::as_str);
            match label {
                "Partition" => ("cut-off", "is cut off".to_owned()),
                "Pause" => ("paused", "pauses".to_owned()),
                "Reset" => ("reset", "has its connections reset".to_owned()),
                // A snapshot and the end of a fault do no harm, so neither is a step.
                "DiskHeal" | "DiskSnapshot" => return None,
                label if label.starts_with("Disk") => ("disk", "has a disk fault".to_owned()),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some((kind, text))
}
