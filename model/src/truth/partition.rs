//! One partition: the logs and roles of its replicas, its state in the committed metadata, and its committed log.

use tribunal_common::{BatchMark, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};

use super::committed::{Committed, Holding};
use super::log::{Below, Log, empty_digest};

/// The role that a replica reported in this incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Unknown,
    Follower,
    Leader { epoch: i32 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Replica {
    pub(crate) log: Log,
    pub(crate) role: Role,
    /// The high watermark last reported in this incarnation, -1 if none.
    pub(crate) high_watermark: i64,
    /// The highest high watermark that it has reported as leader of its current epoch, -1 if none.
    pub(crate) exposed: i64,
    /// Whether it is down, or restarted and still scanning its log. No property is checked on it then.
    pub(crate) settling: bool,
    /// The highest log end offset at any power loss since it last caught up. None if it has caught up since, or never
    /// lost power.
    pub(crate) end_before_power_loss: Option<i64>,
    /// The leader epoch in which the committed metadata removed it from the assignment, if it did. Its log may then be
    /// deleted, until it leads or follows in that epoch or a later one.
    pub(crate) released: Option<i32>,
    /// The log start offset before its log was last opened.
    pub(crate) began_at: i64,
}

impl Default for Replica {
    fn default() -> Replica {
        Replica {
            log: Log::default(),
            role: Role::Unknown,
            high_watermark: -1,
            exposed: -1,
            settling: false,
            end_before_power_loss: None,
            released: None,
            began_at: 0,
        }
    }
}

impl Replica {
    /// It leads or follows in `epoch` from now on. It stays released if `epoch` is older than the epoch of its release.
    pub(crate) fn start(&mut self, role: Role, epoch: i32) {
        (self.role, self.settling) = (role, false);
        self.released = self.released.filter(|released| epoch < *released);
    }
}

/// A leader that has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reign {
    pub(crate) at: Time,
    pub(crate) node: NodeId,
    pub(crate) epoch: i32,
    pub(crate) end: i64,
}

/// A log that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cut {
    pub(crate) at: Time,
    pub(crate) node: NodeId,
    pub(crate) end: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) id: TopicIdPartition,
    pub(crate) removed: bool,
    pub(super) replicas: Vec<Replica>,
    /// The metadata offset and the state of the partition in the newest committed record, if any.
    pub(crate) state: Option<(i64, PartitionState)>,
    pub(crate) committed: Committed,
    /// Leaders below this epoch are no longer checked: an unclean election ended their epochs.
    pub(crate) void_below: i32,
    /// Whether an unclean election is committed and its leader has not started yet. Nothing is checked meanwhile.
    pub(crate) awaits_unclean_leader: bool,
    pub(crate) reigns: Vec<Reign>,
    pub(crate) cuts: Vec<Cut>,
}

impl Partition {
    pub(crate) fn new(id: TopicIdPartition) -> Partition {
        Partition {
            id,
            removed: false,
            replicas: Vec::new(),
            state: None,
            committed: Committed::default(),
            void_below: i32::MIN,
            awaits_unclean_leader: false,
            reigns: Vec::new(),
            cuts: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn replica(&self, node: NodeId) -> Option<&Replica> {
        self.replicas.get(node.index())
    }

    #[inline]
    pub(crate) fn replica_mut(&mut self, node: NodeId) -> &mut Replica {
        if self.replicas.len() <= node.index() {
            self.replicas.resize_with(node.index() + 1, Replica::default);
        }
        &mut self.replicas[node.index()]
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = (NodeId, &Replica)> {
        self.replicas.iter().enumerate().map(|(index, replica)| (NodeId(index as u32), replica))
    }

    pub(crate) fn isr(&self) -> &[i32] {
        self.state.as_ref().map_or(&[], |(_, state)| &state.isr)
    }

    pub(crate) fn elr(&self) -> &[i32] {
        self.state.as_ref().map_or(&[], |(_, state)| &state.elr)
    }

    /// How `node`'s log compares with the committed log below `offset`.
    #[inline]
    pub(crate) fn holding(&self, node: NodeId, offset: i64) -> Holding {
        match self.replica(node) {
            Some(replica) => self.committed.held_by(&replica.log, offset),
            None if offset <= 0 => Holding::All,
            None => Holding::Short,
        }
    }

    pub(crate) fn log_end(&self, node: NodeId) -> i64 {
        self.replica(node).map_or(0, |replica| replica.log.end())
    }

    /// Whether `node`'s log below `offset` has the contents `committed`. The caller looks those up once for many nodes.
    #[inline]
    pub(crate) fn equals(&self, node: NodeId, offset: i64, committed: Below) -> bool {
        self.replica(node).is_some_and(|replica| replica.log.below(offset) == committed)
    }

    /// `node`, leading `epoch`, has exposed everything below `end`.
    #[inline]
    pub(crate) fn expose(&mut self, node: NodeId, end: i64, epoch: i32, at: Time) {
        if let Some(replica) = self.replicas.get(node.index()) {
            self.committed.expose(&replica.log, end, epoch, node, at);
        }
    }

    /// Makes `node`'s log the reference for what is committed.
    pub(crate) fn rebase(&mut self, node: NodeId) {
        if let Some(replica) = self.replicas.get(node.index()) {
            self.committed.rebase(&replica.log);
        }
    }

    fn seed_at(&self, offset: i64) -> u64 {
        self.committed.seed_at(offset).unwrap_or_else(|| empty_digest(offset))
    }

    /// `node` appended a batch. A batch that overlaps older ones replaces them, so that mirroring can continue.
    #[inline]
    pub(crate) fn append(&mut self, node: NodeId, mark: BatchMark) {
        let log = &mut self.replica_mut(node).log;
        let end = log.end();
        if mark.base < end {
            if log.is_empty() {
                // A log may begin within the first batch that it receives.
                self.restart(node, mark.base);
            } else {
                log.truncate(mark.base);
            }
        }
        self.replica_mut(node).log.append(mark);
    }

    /// `node`'s log ends at `end`.
    pub(crate) fn truncate(&mut self, node: NodeId, end: i64) {
        let log = &mut self.replica_mut(node).log;
        log.truncate(end);
        if end < log.end() {
            self.restart(node, end);
        }
    }

    /// `node`'s log begins at `start` from now on.
    ///
    /// A follower may return after its leader deleted the records at which their logs diverge. It then truncates its
    /// log to the leader's log start and keeps its own records below until its next fetch tells it that start (as in
    /// Kafka). By then nobody can read them.
    pub(crate) fn begin_at(&mut self, node: NodeId, start: i64) {
        self.replica_mut(node).log.start_at(start);
        let committed = &self.committed;
        if let Some(replica) = self.replicas.get_mut(node.index()) {
            replica.log.forget_what_differed(|offset| committed.seed_at(offset));
        }
    }

    /// Whether `node`'s log now begins below its former log start, and agrees with the committed log from that former
    /// start to `offset`. A crash may bring deleted records back; they go once the leader tells the replica the log
    /// start.
    pub(crate) fn holds_from_former_start(&self, node: NodeId, offset: i64) -> bool {
        self.replica(node).is_some_and(|replica| {
            let began_at = replica.began_at;
            if began_at <= replica.log.start() || replica.log.batch_at(began_at).is_none() {
                return false;
            }
            let mut log = replica.log.clone();
            log.start_at(began_at);
            log.forget_what_differed(|offset| self.committed.seed_at(offset));
            self.committed.held_by(&log, offset) != Holding::Other
        })
    }

    /// `node`'s log is empty and begins at `start`.
    pub(crate) fn restart(&mut self, node: NodeId, start: i64) {
        let seed = self.seed_at(start);
        self.replica_mut(node).log.restart(start, seed);
    }

    /// `node`'s log is deleted. A replica that was removed from the assignment must delete its log, and has no role any
    /// more.
    pub(crate) fn delete(&mut self, node: NodeId) {
        self.restart(node, 0);
        let replica = self.replica_mut(node);
        replica.began_at = 0;
        if replica.released.is_some() {
            let log = std::mem::take(&mut replica.log);
            *replica = Replica { log, ..Replica::default() };
        }
    }

    /// The committed metadata has changed the assignment from `before`.
    pub(crate) fn reassigned(&mut self, before: &[i32], after: &PartitionState) {
        for id in before.iter().filter(|id| !after.replicas.contains(id)) {
            self.replica_mut(NodeId(*id as u32)).released = Some(after.leader_epoch);
        }
    }

    /// `node` has opened its log. The records below `kept` are unchanged, and the node will report the rest.
    pub(crate) fn open(&mut self, node: NodeId, start: i64, kept: i64) {
        let replica = self.replica_mut(node);
        let began_at = replica.began_at.max(replica.log.start());
        let log = &mut replica.log;
        log.truncate(kept.max(start));
        if log.end() < kept || log.end() < start {
            self.restart(node, kept.max(start));
        }
        let replica = self.replica_mut(node);
        replica.log.start_at(start);
        replica.began_at = began_at;
    }

    /// The epoch in which `node` reports itself as leader, if it does.
    pub(crate) fn leads(&self, node: NodeId) -> Option<i32> {
        match self.replica(node)?.role {
            Role::Leader { epoch } => Some(epoch),
            Role::Follower | Role::Unknown => None,
        }
    }
}
