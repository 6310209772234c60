//! The few steps of a violation's cone that tell what happened.

use serde::{Deserialize, Serialize};
use tribunal_contract::NodeId;
use tribunal_sim::trace::{Trace, TraceKind};

use super::graph::{CausalGraph, index_of};
use crate::observations::ObservationRecord;

/// A step of what led to a violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainStep {
    /// The event of the trace that it is, by [`tribunal_sim::trace::TraceEvent::seq`].
    pub event: u64,
    /// Simulated seconds since the workload's zero.
    pub time_s: f64,
    /// Who: `b1`, or `network` for a fault of no node.
    pub node: String,
    /// What it is, in a word: `elected`, `power-lost`, `truncated`.
    pub kind: String,
    /// What, as a predicate to the node's name: `elected with log end 515`.
    pub text: String,
    /// Whether the step before it in the chain happens before it; otherwise the two are concurrent.
    pub follows: bool,
}

/// A violation whose story is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question<'q> {
    /// The event at which it was seen, by its number; none for what is only seen at the end of a run.
    pub event: Option<u64>,
    /// The partition at stake, as `orders/0`.
    pub partition: Option<&'q str>,
    /// The node at which it was seen.
    pub node: Option<u32>,
    /// The step with which the story begins, if that is known: the record that was lost is acknowledged, say.
    pub anchor: Option<ChainStep>,
    /// And when it ends, in simulated seconds since the workload's zero.
    pub until_s: f64,
}

/// A recorded run: its trace, its happens-before graph, what was reported in it.
#[derive(Debug)]
pub struct Story<'t> {
    trace: &'t Trace,
    graph: CausalGraph,
    observations: &'t [ObservationRecord],
    /// The virtual time of the workload's zero, in nanoseconds.
    zero: u64,
}

/// Steps that a line can carry.
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

    /// The number of the first event of a node at a time, in nanoseconds of virtual time, that is an observation.
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

    /// Who acknowledged, who crashed, who was elected with what log end: the steps before the violation that are about
    /// its partition and happen before it, in the order of time. The first and the last ones, if they are many.
    pub fn chain(&self, question: &Question<'_>) -> Vec<ChainStep> {
        let mut steps: Vec<ChainStep> = question.anchor.iter().cloned().collect();
        steps.extend(self.steps(question));
        if steps.len() > MAX_STEPS {
            // The beginning, and what was last.
            steps.drain(2..steps.len() - (MAX_STEPS - 2));
        }
        let places: Vec<Option<usize>> = steps.iter().map(|step| self.index_of(step.event)).collect();
        for (n, step) in steps.iter_mut().enumerate().skip(1) {
            step.follows = matches!((places[n - 1], places[n]), (Some(a), Some(b)) if self.graph.happens_before(a, b));
        }
        steps
    }

    /// What the node at which it was seen last did to its log before that, the latest last: at most two different kinds
    /// of steps. Without a node, what any node did. Numbers and names are left out, so that one cause is one tuple.
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

    /// Every step that belongs to the story.
    fn steps(&self, question: &Question<'_>) -> Vec<ChainStep> {
        let target = question.event.and_then(|event| self.index_of(event));
        let cone = target.map(|target| self.graph.cone(target));
        let in_cone = |index: usize| cone.as_ref().is_none_or(|cone| cone.binary_search(&index).is_ok());
        // Times of sentences are rounded.
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
            // One acknowledgement is enough: the last before anything goes wrong.
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

/// The chain in a line: `6.102 b1 acknowledges → 6.103 b1 loses power · 6.911 b3 elected with log end 515`. An arrow is
/// where the one happens before the other, a dot where they are concurrent.
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

/// Steps that tell what became of a log, as opposed to what was done to the world.
const TELLING: [&str; 8] =
    ["crashed", "elected", "offline", "power-lost", "quorum-elected", "truncated", "unclean", "voted"];

/// Whether an observation is about the partition at stake, or about none.
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
                // The state of a disk is noted for later, and faults end: neither is one.
                "DiskHeal" | "DiskSnapshot" => return None,
                label if label.starts_with("Disk") => ("disk", "has a disk fault".to_owned()),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some((kind, text))
}
