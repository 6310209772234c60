//! Marks of behaviour, gathered while a run goes on.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use tribunal_common::{ClientObs, Obs, ObsKind, PartitionState, QuorumRole, TopicIdPartition};
use tribunal_contract::{NodeId, Span, Time};
use tribunal_model::Truth;
use tribunal_sim::stable_hash;

use crate::run::{AckLatency, Mark, MarkClass, Marks};

/// What a run has shown so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    marks: Marks,
    counts: BTreeMap<ObsKind, u32>,
    /// The last rare observation of each node.
    last: BTreeMap<NodeId, ObsKind>,
    roles: BTreeMap<NodeId, QuorumRole>,
    /// The epoch in which each replica last began to lead or to follow, and its leader.
    epochs: BTreeMap<(NodeId, TopicIdPartition), (i32, i32)>,
    /// The last fault, until something rare follows from it.
    fault: Option<&'static str>,
    /// When each record of unknown fate was sent.
    sent: BTreeMap<(NodeId, u64), Time>,
    /// How long each acknowledged record took.
    acks: Vec<Span>,
}

/// More epochs than this are as good as this many.
const MOST_EPOCHS: i32 = 3;

/// What is known when something is observed.
pub(super) struct Known<'k> {
    /// The state of the partition that the observation replaces, if it is about that.
    pub(super) before: Option<&'k PartitionState>,
    /// The newest state of each partition.
    pub(super) partitions: &'k BTreeMap<TopicIdPartition, PartitionState>,
    /// The logs.
    pub(super) truth: &'k Truth,
}

impl Known<'_> {
    /// The log ends of the other replicas of a partition.
    fn others(&self, node: NodeId, partition: TopicIdPartition) -> Vec<i64> {
        let replicas = self.partitions.get(&partition).map(|state| &state.replicas[..]).unwrap_or_default();
        let others = replicas.iter().map(|&id| NodeId(id as u32)).filter(|other| *other != node);
        others.map(|other| self.truth.log_end(partition, other)).collect()
    }
}

/// The state of a partition without names: how many replicas are in sync, eligible, whether one leads.
type Shape = (usize, usize, bool);

fn shape(state: &PartitionState) -> Shape {
    (state.isr.len(), state.elr.len(), state.leader >= 0)
}

impl Coverage {
    /// An observation. `scene` is what is known with it.
    pub(super) fn observe(&mut self, at: Time, node: NodeId, obs: &Obs, scene: &Known<'_>) {
        match obs {
            Obs::Client(ClientObs::Send { id, .. }) => drop(self.sent.insert((node, *id), at)),
            Obs::Client(ClientObs::Acknowledged { id, .. }) => {
                let sent = self.sent.remove(&(node, *id));
                self.acks.extend(sent.map(|sent| at.since(sent)));
            }
            _ => {}
        }
        let name = obs.kind();
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
                let Some(before) = scene.before else { return };
                let grown = state.isr.iter().filter(|id| !before.isr.contains(id)).count();
                let change = (shape(before), shape(state), grown, before.leader != state.leader, state.unclean);
                self.mark(MarkClass::Transition, &("partition", change));
            }
            Obs::LeaderStarted { partition, epoch, end } => {
                let others = scene.others(node, *partition);
                let [longer, shorter] = [Ordering::Greater, Ordering::Less]
                    .map(|than| others.iter().filter(|other| other.cmp(&end) == than).count());
                let turn = self.turn(node, *partition, *epoch, node.0 as i32);
                self.mark(MarkClass::Transition, &("leads", turn, longer, shorter));
            }
            Obs::FollowerStarted { partition, epoch, leader } => {
                let own = scene.truth.log_end(*partition, node);
                let of_leader = scene.truth.log_end(*partition, NodeId(*leader as u32));
                let turn = self.turn(node, *partition, *epoch, *leader);
                self.mark(MarkClass::Transition, &("follows", turn, own.cmp(&of_leader) as i8));
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

    /// A replica begins to lead or to follow: how many epochs it has come through since it last did, and whether it has
    /// the leader that it had. A replica that misses an epoch takes the shortest way from one state of the log to another.
    fn turn(&mut self, node: NodeId, partition: TopicIdPartition, epoch: i32, leader: i32) -> Option<(i32, bool)> {
        let (last, before) = self.epochs.insert((node, partition), (epoch, leader))?;
        Some(((epoch - last).min(MOST_EPOCHS), leader == before))
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
