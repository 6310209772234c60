//! Marks of behaviour, gathered while a run goes on.

use std::collections::BTreeMap;

use tribunal_common::{ClientObs, Obs, PartitionState, QuorumRole, TopicIdPartition};
use tribunal_contract::{NodeId, Span, Time};
use tribunal_model::NameId;
use tribunal_sim::stable_hash;

use crate::run::{AckLatency, Mark, MarkClass, Marks};

/// What a run has shown so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    marks: Marks,
    counts: BTreeMap<NameId, u32>,
    /// The last rare observation of each node.
    last: BTreeMap<NodeId, NameId>,
    roles: BTreeMap<NodeId, QuorumRole>,
    /// The last fault, until something rare follows from it.
    fault: Option<&'static str>,
    /// When each record was sent whose fate is not known.
    sent: BTreeMap<(NodeId, u64), Time>,
    /// How long each acknowledged record took.
    acks: Vec<Span>,
}

/// The state of a partition without names: how many replicas are in sync, eligible, whether one leads.
type Shape = (usize, usize, bool);

fn shape(state: &PartitionState) -> Shape {
    (state.isr.len(), state.elr.len(), state.leader >= 0)
}

impl Coverage {
    pub(super) fn observe(&mut self, at: Time, node: NodeId, obs: &Obs, before: Option<&PartitionState>) {
        match obs {
            Obs::Client(ClientObs::Send { id, .. }) => drop(self.sent.insert((node, *id), at)),
            Obs::Client(ClientObs::Acknowledged { id, .. }) => {
                let sent = self.sent.remove(&(node, *id));
                self.acks.extend(sent.map(|sent| at.since(sent)));
            }
            _ => {}
        }
        let name = NameId::of(obs);
        let count = self.counts.entry(name).or_insert(0);
        *count += 1;
        if count.is_power_of_two() {
            let mark = (name.name(), *count);
            self.mark(MarkClass::Observation, &mark);
        }
        if is_common(obs) {
            return;
        }
        match obs {
            Obs::PartitionCommitted { state, .. } => {
                // Each broker reports it; the first that does is news.
                let Some(before) = before else { return };
                let grown = state.isr.iter().filter(|id| !before.isr.contains(id)).count();
                let change = (shape(before), shape(state), grown, before.leader != state.leader, state.unclean);
                self.mark(MarkClass::Transition, &("partition", change));
            }
            Obs::QuorumRoleChanged { role, .. } => {
                let from = self.roles.insert(node, *role);
                self.mark(MarkClass::Transition, &("quorum", from, *role));
            }
            _ => {}
        }
        if let Some(last) = self.last.insert(node, name) {
            self.mark(MarkClass::Transition, &("node", last.name(), name.name()));
        }
        if let Some(fault) = self.fault.take() {
            self.mark(MarkClass::Fault, &(fault, "then", name.name()));
        }
    }

    /// A fault strikes a node: what the node is to the partitions it holds, and in which state these are.
    pub(super) fn fault(
        &mut self,
        kind: &'static str,
        nodes: &[NodeId],
        partitions: &BTreeMap<TopicIdPartition, PartitionState>,
    ) {
        self.fault = Some(kind);
        for node in nodes {
            let id = node.0 as i32;
            for state in partitions.values() {
                let role = match () {
                    () if state.leader == id => "leader",
                    () if state.isr.contains(&id) => "in-sync",
                    () if state.elr.contains(&id) => "eligible",
                    () if state.replicas.contains(&id) => "out-of-sync",
                    () => "other",
                };
                self.mark(MarkClass::Fault, &(kind, role, shape(state)));
            }
            let quorum = self.roles.get(node).copied();
            let last = self.last.get(node).map(|name| name.name());
            self.mark(MarkClass::Fault, &(kind, quorum, last));
        }
    }

    fn mark(&mut self, class: MarkClass, what: &impl std::hash::Hash) {
        self.marks.insert(Mark { class, hash: stable_hash(what) });
    }

    pub(super) fn finish(mut self) -> (Marks, Option<AckLatency>) {
        self.acks.sort_unstable();
        let acks = self.acks.last().map(|&max| AckLatency { median: self.acks[self.acks.len() / 2], max });
        (self.marks, acks)
    }
}

/// What happens all the time says nothing of what follows it.
fn is_common(obs: &Obs) -> bool {
    matches!(obs, Obs::Appended { .. } | Obs::Client(_) | Obs::HighWatermark { .. } | Obs::QuorumHighWatermark { .. })
}
