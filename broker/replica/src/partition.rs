//! One replica of one partition.

use tribunal_common::{FlushPolicy, TopicIdPartition};
use tribunal_contract::ConnId;
use tribunal_log::Log;
use tribunal_protocol::Str;

use crate::leader::Leading;

/// Settings of a topic that its partitions follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicSettings {
    /// Topic name.
    pub name: Str,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `flush.messages`, as far as it is 1 or not.
    pub flush: FlushPolicy,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `retention.ms`.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`.
    pub retention_bytes: Option<u64>,
}

/// What this broker does for a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It leads.
    Leader(Leading),
    /// It follows the partition's leader.
    Follower(Following),
}

/// A follower's state beyond its log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Following {
    /// What it does next.
    pub phase: Phase,
    /// Whether a lookup in this epoch has found the logs to agree. It is not asked again: the leader of an epoch does
    /// not change its mind.
    pub agreed: bool,
}

/// What a follower does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Asks the leader where their logs part (only with `TruncationMode::Lookup`).
    Lookup,
    /// Fetches.
    Fetch,
    /// Asks for the leader's first offset: what it wanted to fetch is no longer there.
    FindStart,
    /// Waits after an error, then goes on with a lookup or a fetch.
    Backoff,
    /// Waits until a cut of its log is durable, or with `flush.messages=1` what it appended; then fetches.
    Flush,
}

/// One replica of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Which partition.
    pub id: TopicIdPartition,
    /// Name of its topic.
    pub topic: Str,
    /// Whether a coordinator's state is in it.
    pub(crate) internal: bool,
    /// The log.
    pub log: Log,
    /// What is known to be replicated to the ISR: everything below.
    pub high_watermark: i64,
    /// Assigned replicas, preferred leader first.
    pub replicas: Vec<i32>,
    /// The committed ISR.
    pub isr: Vec<i32>,
    /// The leader, -1 if there is none.
    pub leader: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Version of ISR and leader (KIP-497).
    pub partition_epoch: i32,
    /// Leader or follower.
    pub role: Role,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// When writes become durable.
    pub flush: FlushPolicy,
    /// Follower fetches parked until the log grows.
    pub(crate) append_watchers: Vec<ConnId>,
    /// Produces and consumer fetches parked until the high watermark (or the flushed offset) moves.
    pub(crate) commit_watchers: Vec<ConnId>,
}

impl Partition {
    /// The leading state, if this broker leads.
    pub fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            Role::Follower(_) => None,
        }
    }

    /// The following state, if this broker follows.
    pub(crate) fn following_mut(&mut self) -> Option<&mut Following> {
        match &mut self.role {
            Role::Leader(_) => None,
            Role::Follower(following) => Some(following),
        }
    }

    /// Whether this follower's log was found to agree with its leader's in this epoch.
    pub(crate) fn has_agreed(&self) -> bool {
        matches!(&self.role, Role::Follower(following) if following.agreed)
    }

    /// `min.insync.replicas`, but never more than there are replicas.
    pub fn effective_min_isr(&self) -> usize {
        (self.min_insync_replicas.max(1) as usize).min(self.replicas.len().max(1))
    }

    /// Whether a follower's log is as durable as it has to be before it fetches.
    pub(crate) fn may_fetch(&self) -> bool {
        self.own_end() == self.log.end_offset() && self.log.unsynced_cut().is_none()
    }

    /// Up to where this replica's own log counts: written, or durable where every write is flushed.
    pub fn own_end(&self) -> i64 {
        match self.flush {
            FlushPolicy::OperatingSystem => self.log.end_offset(),
            FlushPolicy::EveryWrite => self.log.flushed_offset(),
        }
    }
}
