//! The ground truth, built from observations: every replica's log, the committed metadata, and the quorum.
//!
//! It only mirrors; [`crate::Invariants`] judge it. A broker's id is its node id.

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
    /// Whether the committed metadata has registered, and whether it has unfenced, its present incarnation.
    pub(crate) registered: bool,
    pub(crate) unfenced: bool,
    /// Whether the newest committed record about it leaves it fenced, shutting down, or not yet unfenced. Unlike the
    /// two flags above, this one survives the end of the process.
    pub(crate) inactive: bool,
    /// The broker epoch of its newest registration; 0 if there is none.
    pub(crate) epoch: i64,
}

/// Ground truth, mirrored from observations. The public methods are the questions that a world may ask.
#[derive(Clone, Debug)]
pub struct Truth {
    pub(crate) names: Names,
    pub(crate) nodes: Vec<Node>,
    /// The index into `partitions` of each partition, sorted by partition.
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

    /// The index of a partition. A new partition is added.
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

    /// Whether properties may be checked on `node`'s replica. They are not checked while the node is down or still
    /// scans its log, nor after a restart until the controller has unfenced the broker: only then does the controller
    /// know of a loss.
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

    /// The names of nodes, partitions and times.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Every known partition except the metadata log, in order.
    pub fn partitions(&self) -> impl Iterator<Item = TopicIdPartition> + '_ {
        self.ids.iter().filter(|(_, p)| *p != QUORUM && !self.partitions[*p].removed).map(|(id, _)| *id)
    }

    /// A replica's log end offset, or 0 if the replica is not known.
    pub fn log_end(&self, partition: TopicIdPartition, node: NodeId) -> i64 {
        self.get(partition).map_or(0, |p| p.log_end(node))
    }

    /// A replica's high watermark as last reported, or none if it has reported none since it started.
    pub fn high_watermark(&self, partition: TopicIdPartition, node: NodeId) -> Option<i64> {
        let value = self.get(partition)?.replica(node)?.high_watermark;
        (value >= 0).then_some(value)
    }

    /// The committed end: the highest high watermark that a leader has exposed.
    pub fn committed_end(&self, partition: TopicIdPartition) -> i64 {
        self.get(partition).map_or(0, |p| p.committed.end())
    }

    /// The state of a partition in the committed metadata, if any.
    pub fn state(&self, partition: TopicIdPartition) -> Option<&PartitionState> {
        self.get(partition)?.state.as_ref().map(|(_, state)| state)
    }

    /// The epoch and the node of the newest quorum leader, if any.
    pub fn quorum_leader(&self) -> Option<(i32, NodeId)> {
        self.quorum.newest_leader()
    }

    /// The log start of a partition: the highest log start of its replicas. Records below are deleted, not lost.
    pub fn log_start(&self, partition: TopicIdPartition) -> i64 {
        self.get(partition).map_or(0, |p| p.replicas().map(|(_, replica)| replica.log.start()).max().unwrap_or(0))
    }

    pub(crate) fn topic_partitions(&self, topic: Uuid) -> impl Iterator<Item = usize> {
        self.ids.iter().filter(move |(id, _)| id.topic == topic).map(|(_, p)| *p)
    }
}
