//! The truth as observations tell it: every replica's log, what the committed metadata says, the quorum.
//!
//! It mirrors and does not judge; that is what [`crate::Invariants`] do with it. Brokers are nodes of the same id.

mod cause;
mod committed;
mod log;
mod memory;
mod metadata;
mod partition;
mod quorum;

use tribunal_common::{METADATA_LOG, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_protocol::Uuid;

use crate::{Names, Property, Violation};

pub(crate) use committed::Holding;

pub(crate) use metadata::{Metadata, News};
pub(crate) use partition::{Cut, Partition, Reign, Replica, Role};
pub(crate) use quorum::{Quorum, Snapshot};

/// Index of [`METADATA_LOG`] in [`Truth::partitions`].
pub(crate) const QUORUM: usize = 0;

/// A process that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Crash {
    pub(crate) at: Time,
    pub(crate) power_lost: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) down: bool,
    pub(crate) crashes: Vec<Crash>,
    /// The committed metadata has registered its present incarnation, and unfenced it.
    pub(crate) registered: bool,
    pub(crate) unfenced: bool,
    /// The newest committed record about it has fenced it, or let it shut down, or it has yet to be unfenced; unlike
    /// the two above this does not end with the process.
    pub(crate) inactive: bool,
    /// The epoch of its newest registration; 0 if there is none.
    pub(crate) epoch: i64,
}

/// Ground truth, mirrored from observations. See the methods for what a world may ask of it.
#[derive(Clone, Debug)]
pub struct Truth {
    pub(crate) names: Names,
    pub(crate) nodes: Vec<Node>,
    /// Sorted by partition; the index is that into `partitions`.
    ids: Vec<(TopicIdPartition, usize)>,
    recent: (TopicIdPartition, usize),
    pub(crate) partitions: Vec<Partition>,
    pub(crate) metadata: Metadata,
    pub(crate) quorum: Quorum,
}

impl Truth {
    pub(crate) fn new(names: Names, voters: Vec<i32>) -> Truth {
        Truth {
            names,
            nodes: Vec::new(),
            ids: vec![(METADATA_LOG, QUORUM)],
            recent: (METADATA_LOG, QUORUM),
            partitions: vec![Partition::new(METADATA_LOG)],
            metadata: Metadata::default(),
            quorum: Quorum::new(voters),
        }
    }

    /// The index of a partition, which is made if it is new.
    #[inline]
    pub(crate) fn index(&mut self, id: TopicIdPartition) -> usize {
        if self.recent.0 == id {
            return self.recent.1;
        }
        let index = match self.ids.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => self.ids[place].1,
            Err(place) => {
                self.partitions.push(Partition::new(id));
                self.ids.insert(place, (id, self.partitions.len() - 1));
                self.partitions.len() - 1
            }
        };
        self.recent = (id, index);
        index
    }

    fn get(&self, id: TopicIdPartition) -> Option<&Partition> {
        let place = self.ids.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.partitions[self.ids[place].1])
    }

    pub(crate) fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.index())
    }

    pub(crate) fn node_mut(&mut self, node: NodeId) -> &mut Node {
        if self.nodes.len() <= node.index() {
            self.nodes.resize_with(node.index() + 1, Node::default);
        }
        &mut self.nodes[node.index()]
    }

    /// Whether something may be claimed of `node`'s replica. Not of one that is down or still scanning its log; and not
    /// of one that has started again until the controller has unfenced it, which is how it knows what that one lost.
    #[inline]
    pub(crate) fn answers(&self, partition: usize, node: NodeId) -> bool {
        if self.partitions[partition].replica(node).is_some_and(|replica| replica.settling) {
            return false;
        }
        match self.nodes.get(node.index()) {
            None => true,
            Some(node) if node.down => false,
            Some(node) => node.crashes.is_empty() || !self.metadata.registers() || node.unfenced,
        }
    }

    pub(crate) fn crash(&mut self, at: Time, node: NodeId, power_lost: bool) {
        let state = self.node_mut(node);
        (state.down, state.registered, state.unfenced) = (true, false, false);
        state.crashes.push(Crash { at, power_lost });
        for partition in self.partitions.iter_mut().filter(|p| p.replica(node).is_some()) {
            let replica = partition.replica_mut(node);
            (replica.settling, replica.role, replica.high_watermark) = (true, Role::Unknown, -1);
            if power_lost {
                let end = replica.log.end();
                replica.end_before_power_loss =
                    Some(replica.end_before_power_loss.map_or(end, |before| before.max(end)));
            }
        }
        self.quorum.crash(node);
    }

    pub(crate) fn violation(&self, property: Property, p: usize, at: Time, node: NodeId, detail: String) -> Violation {
        let partition = Some(self.partitions[p].id);
        Violation { property, partition, at, node: Some(node), detail, cause: Vec::new() }
    }

    pub(crate) fn called(&self, partition: usize) -> String {
        self.names.of_partition(self.partitions[partition].id)
    }

    /// How nodes, partitions and times are called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Every partition known, the metadata log apart, in order.
    pub fn partitions(&self) -> impl Iterator<Item = TopicIdPartition> + '_ {
        self.ids.iter().filter(|(_, p)| *p != QUORUM && !self.partitions[*p].removed).map(|(id, _)| *id)
    }

    /// A replica's log end offset, 0 if nothing is known of it.
    pub fn log_end(&self, partition: TopicIdPartition, node: NodeId) -> i64 {
        self.get(partition).map_or(0, |p| p.log_end(node))
    }

    /// A replica's high watermark as last reported, none since it started.
    pub fn high_watermark(&self, partition: TopicIdPartition, node: NodeId) -> Option<i64> {
        let value = self.get(partition)?.replica(node)?.high_watermark;
        (value >= 0).then_some(value)
    }

    /// The end of what is committed: the highest high watermark that a leader has exposed.
    pub fn committed_end(&self, partition: TopicIdPartition) -> i64 {
        self.get(partition).map_or(0, |p| p.committed.end())
    }

    /// What the committed metadata says of a partition.
    pub fn state(&self, partition: TopicIdPartition) -> Option<&PartitionState> {
        self.get(partition)?.state.as_ref().map(|(_, state)| state)
    }

    /// The quorum leader of the newest epoch: epoch and node.
    pub fn quorum_leader(&self) -> Option<(i32, NodeId)> {
        self.quorum.newest_leader()
    }

    /// Where a partition's log begins: records below are deleted and not lost. The latest start of its replicas.
    pub fn log_start(&self, partition: TopicIdPartition) -> i64 {
        self.get(partition).map_or(0, |p| p.replicas().map(|(_, replica)| replica.log.start()).max().unwrap_or(0))
    }

    pub(crate) fn topic_partitions(&self, topic: Uuid) -> impl Iterator<Item = usize> {
        self.ids.iter().filter(move |(id, _)| id.topic == topic).map(|(_, p)| *p)
    }
}
