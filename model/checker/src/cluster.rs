//! What is asked of the nodes of a configuration wherever they run, here or in the kernel: who leads, what is
//! committed, and whether the cluster gets on once its faults have ended.

use tribunal_common::timers;
use tribunal_contract::{NodeId, Time, TimerId};
use tribunal_model::{Property, Violation};
use tribunal_quorum::QuorumRole;

use crate::config::{CheckConfig, Machines};
use crate::parts::{Active, Part, PartInput};

/// Nodes as they are now.
pub trait Cluster {
    /// Whose nodes they are.
    fn config(&self) -> &CheckConfig;

    /// The process of a node, if it runs.
    fn part(&self, node: NodeId) -> Option<&Part>;

    /// The nodes that hold replicas or vote.
    fn members(&self) -> impl Iterator<Item = NodeId> {
        (0..self.config().nodes).map(|id| NodeId(id.into()))
    }

    /// The controller, in configurations that have one.
    fn active(&self) -> Option<&Active> {
        self.part(self.config().controller()?)?.as_controller()
    }

    /// Whether the controller has the broker fenced.
    fn is_fenced(&self, broker: NodeId) -> bool {
        self.active().and_then(|active| active.image().broker(broker.0 as i32)).is_none_or(|broker| broker.fenced)
    }

    /// A broker can register only when the session of its former self is over.
    fn may_start(&self, id: NodeId) -> bool {
        self.config().controller().is_none() || self.is_fenced(id)
    }

    /// Whether the controller unfences the broker once it hears from it: a broker has to have applied its own
    /// registration.
    fn may_be_unfenced(&self, id: NodeId) -> bool {
        let broker = self.part(id).and_then(Part::as_replica);
        broker.is_some_and(|broker| broker.applied() >= broker.broker_epoch()) && self.is_fenced(id)
    }

    /// The partition's leader and its epoch, as the controller has it.
    fn leader(&self) -> Option<(NodeId, i32)> {
        let (_, partition) = self.active()?.image().partitions().next()?;
        (partition.leader >= 0).then_some((NodeId(partition.leader as u32), partition.leader_epoch))
    }

    /// Who can commit what it is given.
    fn writable(&self) -> Option<NodeId> {
        self.members().find(|id| match (self.config().machines, self.part(*id)) {
            (Machines::Quorum, Some(part)) => part.as_voter().is_some_and(|voter| voter.quorum().is_active()),
            (Machines::Replicas, Some(part)) => {
                let partition = part.as_replica().and_then(|replica| replica.replicas().iter().next());
                partition.is_some_and(|partition| self.leader() == Some((*id, partition.leader_epoch)))
            }
            (_, None) => false,
        })
    }

    /// The end of a node's log.
    fn end(&self, node: NodeId) -> Option<i64> {
        let part = self.part(node)?;
        match (part.as_voter(), part.as_replica()) {
            (Some(voter), _) => Some(voter.quorum().log_end()),
            (_, Some(replica)) => Some(replica.replicas().iter().next()?.log.end_offset()),
            _ => None,
        }
    }

    /// The end of what `node` has committed, if it leads still.
    fn committed(&self, node: NodeId) -> Option<i64> {
        let part = self.part(node)?;
        match (part.as_voter(), part.as_replica()) {
            (Some(voter), _) => (voter.quorum().role() == QuorumRole::Leader).then(|| voter.quorum().high_watermark()),
            (_, Some(replica)) => {
                let partition = replica.replicas().iter().next()?;
                (self.leader()? == (node, partition.leader_epoch)).then_some(partition.high_watermark)
            }
            _ => None,
        }
    }

    /// Whether a timer means something once all is well: whoever is there is heard of in time, and nobody has to wait
    /// for more records.
    fn is_of_use(&self, id: TimerId) -> bool {
        match id.class {
            timers::SESSION => self.part(NodeId(id.index)).is_none(),
            timers::ALTER_PARTITION | timers::FETCHER_BACKOFF | timers::FETCHER_CALL => true,
            timers::QUORUM_BACKOFF | timers::QUORUM_CALL | timers::QUORUM_CHECK => true,
            timers::QUORUM_ELECTION | timers::QUORUM_FETCH => true,
            _ => false,
        }
    }
}

/// Bounded liveness: once faults have ended, a record that is written is committed within [`Progress::BOUND`] events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// To whom, and up to where its log then went.
    written: Option<(NodeId, i64)>,
}

/// What is to be done for progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing more: a record was committed.
    Committed,
    /// Something has to happen first.
    Wait,
    /// This node is to be given a record.
    Write(NodeId),
}

impl Progress {
    /// Events within which a healed cluster commits a record. The longest that was seen needs about a third.
    pub const BOUND: usize = 600;

    /// Looks at the cluster.
    pub fn next(&mut self, cluster: &impl Cluster) -> Next {
        let Some((node, end)) = self.written else {
            return cluster.writable().map_or(Next::Wait, Next::Write);
        };
        match cluster.committed(node) {
            Some(committed) if committed >= end => Next::Committed,
            Some(_) => Next::Wait,
            // Another leader has taken over, and what was written may be gone: that is no failure to get on.
            None => {
                self.written = None;
                Next::Wait
            }
        }
    }

    /// `node` was given a record.
    pub fn wrote(&mut self, node: NodeId, cluster: &impl Cluster) {
        self.written = cluster.end(node).map(|end| (node, end));
    }

    /// How a record is written.
    pub fn record(config: &CheckConfig) -> PartInput {
        match config.machines {
            Machines::Quorum => PartInput::Append(1),
            Machines::Replicas => PartInput::Produce(1),
        }
    }

    /// The promise is broken: the bound was reached, or nothing was left to happen.
    pub fn broken(at: Time) -> Violation {
        let bound = Progress::BOUND;
        Violation {
            property: Property::NoProgress,
            partition: None,
            at,
            node: None,
            detail: format!("after faults have ended, nothing is committed within {bound} events"),
            cause: Vec::new(),
        }
    }
}
