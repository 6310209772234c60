//! One partition: its replicas' logs and roles, what the committed metadata says of it, what it has committed.

use tribunal_common::{BatchMark, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};

use super::committed::{Committed, Holding};
use super::log::{Below, Log, empty_digest};

/// What a replica said it is, in this incarnation.
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
    /// The highest it has reported as leader of its epoch, -1 if none.
    pub(crate) exposed: i64,
    /// Down, or up again and its log not yet fully scanned: nothing is asked of it.
    pub(crate) settling: bool,
    /// Where its log ended when it last lost power, until it is known to have caught up.
    pub(crate) end_before_power_loss: Option<i64>,
    /// The committed metadata has taken it from the assignment, and this was the leader epoch then: its log may go,
    /// until it begins to lead or follow in that epoch or a later one.
    pub(crate) released: Option<i32>,
    /// Where its log began before it was opened last.
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
    /// It leads or follows in `epoch` from now on. Late news of an epoch before it was released changes nothing about
    /// that.
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
    /// What the committed metadata says, and at which metadata offset.
    pub(crate) state: Option<(i64, PartitionState)>,
    pub(crate) committed: Committed,
    /// Claims of leaders below this epoch are void: an unclean election has ended them.
    pub(crate) void_below: i32,
    /// An unclean election is committed and its leader has not started yet: nothing is claimed meanwhile.
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

    /// Where `node`'s log stands to what is committed below `offset`.
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

    /// Whether `node`'s log has below `offset` just what `committed` is, which is asked once for many.
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

    /// `node`'s log is the truth now.
    pub(crate) fn rebase(&mut self, node: NodeId) {
        if let Some(replica) = self.replicas.get(node.index()) {
            self.committed.rebase(&replica.log);
        }
    }

    fn seed_at(&self, offset: i64) -> u64 {
        self.committed.seed_at(offset).unwrap_or_else(|| empty_digest(offset))
    }

    /// A batch is at the end of `node`'s log. One that overlaps replaces what it overlaps, so that the mirror goes on.
    #[inline]
    pub(crate) fn append(&mut self, node: NodeId, mark: BatchMark) {
        let log = &mut self.replica_mut(node).log;
        let end = log.end();
        if mark.base < end {
            if log.is_empty() {
                // A log may begin within the first batch that it is sent.
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

    /// `node`'s log begins at `start` from now on. A follower that returns after its leader has deleted the records at
    /// which they part cuts its log where the leader's begins, and keeps records of its own below until it hears of
    /// that start, with its next fetch (as in Kafka). By then nobody can read them.
    pub(crate) fn begin_at(&mut self, node: NodeId, start: i64) {
        self.replica_mut(node).log.start_at(start);
        let committed = &self.committed;
        if let Some(replica) = self.replicas.get_mut(node.index()) {
            replica.log.forget_what_differed(|offset| committed.seed_at(offset));
        }
    }

    /// Whether `node`'s log begins below where it did before it was opened last, and holds from there to `offset` what is
    /// committed. What was deleted below may be there again after a crash: it goes when its leader tells it where the log
    /// begins.
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

    /// `node`'s log is gone. One that was taken from the assignment leads nothing any more: deleting its log is what is
    /// asked of it.
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

    /// `node` has opened its log: what was below `kept` is as it was, the rest will be reported.
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

    /// What `node` leads by its own account: an epoch.
    pub(crate) fn leads(&self, node: NodeId) -> Option<i32> {
        match self.replica(node)?.role {
            Role::Leader { epoch } => Some(epoch),
            Role::Follower | Role::Unknown => None,
        }
    }
}
