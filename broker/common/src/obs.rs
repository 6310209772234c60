//! What brokers and clients report: what was touched, acknowledged, reached. It feeds invariants, the history,
//! `sometimes` and coverage. A world that does not judge drops it at no cost.

use bytes::Bytes;
use tribunal_protocol::{Str, Uuid};

use crate::ObsKind;

/// A partition by topic id (KIP-516): a deleted and recreated topic is another partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIdPartition {
    /// Topic id.
    pub topic: Uuid,
    /// Partition number.
    pub partition: i32,
}

/// The metadata log: `__cluster_metadata-0`, whose topic id is Kafka's `Uuid.METADATA_TOPIC_ID`.
pub const METADATA_LOG: TopicIdPartition = TopicIdPartition { topic: Uuid(1), partition: 0 };

/// One batch in a log. Equal marks mean equal batches but for a CRC collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchMark {
    /// Offset of the first record.
    pub base: i64,
    /// Offset of the last record.
    pub last: i64,
    /// Leader epoch in which it was appended.
    pub epoch: i32,
    /// CRC-32C of the batch, from its attributes on.
    pub crc: u32,
}

/// A partition as the committed metadata log has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionState {
    /// Which one.
    pub partition: TopicIdPartition,
    /// Assigned replicas, preferred leader first.
    pub replicas: Vec<i32>,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// The leader, -1 if there is none.
    pub leader: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Version of this state (KIP-497).
    pub partition_epoch: i32,
    /// Whether this change elected a leader from outside ISR and ELR.
    pub unclean: bool,
}

/// What a quorum member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuorumRole {
    /// Asks for votes (KIP-595).
    Candidate,
    /// Follows a leader.
    Follower,
    /// Leads.
    Leader,
    /// Asks whether it would be voted for (KIP-996).
    Prospective,
    /// Was leader and has stepped down.
    Resigned,
    /// Knows no leader.
    Unattached,
}

/// What has become of a reassignment of a partition (KIP-455).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reassignment {
    /// It ends where it began: the replicas that were added are gone.
    Cancelled,
    /// It ends with the replicas that were wanted.
    Completed,
    /// It begins, or gets another target.
    Started,
}

/// A report. Which node made it, and when, the world knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Obs {
    /// A log was opened at start: what earlier incarnations wrote below `kept` is there unchanged; batches from
    /// `kept` on were scanned and follow as [`Obs::Appended`].
    LogOpened {
        /// Which log.
        log: TopicIdPartition,
        /// First offset in it.
        start: i64,
        /// Where scanning began.
        kept: i64,
    },
    /// A batch is at the end of a log (page cache, not necessarily durable).
    Appended {
        /// Which log.
        log: TopicIdPartition,
        /// Which batch.
        batch: BatchMark,
    },
    /// A log was cut.
    Truncated {
        /// Which log.
        log: TopicIdPartition,
        /// Its end after the cut.
        end: i64,
    },
    /// A log begins later: old segments or records were deleted, or a snapshot replaced the log's beginning.
    LogStart {
        /// Which log.
        log: TopicIdPartition,
        /// The first offset now.
        start: i64,
        /// True if the log was emptied and starts at `start` anew.
        emptied: bool,
    },
    /// A folder was found that is no replica of this broker's, and is kept under this name.
    FolderSetAside {
        /// Its name now.
        folder: Str,
    },
    /// A log is gone: its topic was deleted, or it moved away.
    LogDeleted {
        /// Which log.
        log: TopicIdPartition,
    },
    /// A log began a new segment.
    SegmentRolled {
        /// Which log.
        log: TopicIdPartition,
    },
    /// The broker does not start: its disk holds what it cannot go on from.
    StartRefused {
        /// Which file, what is wrong with it, and what to do.
        why: Str,
    },
    /// The broker has taken its log directory offline: an operation failed, or it holds what cannot be.
    LogDirOffline {
        /// What was being done, and what came of it.
        why: Str,
    },

    /// This broker now leads a partition.
    LeaderStarted {
        /// Which partition.
        partition: TopicIdPartition,
        /// In which epoch.
        epoch: i32,
        /// Its log end offset then.
        end: i64,
    },
    /// This broker now follows a leader, or none (-1).
    FollowerStarted {
        /// Which partition.
        partition: TopicIdPartition,
        /// In which epoch.
        epoch: i32,
        /// Whom.
        leader: i32,
    },
    /// A replica's high watermark has a new value.
    HighWatermark {
        /// Which partition.
        partition: TopicIdPartition,
        /// The value.
        value: i64,
        /// Whether this broker leads the partition.
        leader: bool,
    },
    /// A follower cut its log to agree with the leader's.
    FollowerTruncated {
        /// Which partition.
        partition: TopicIdPartition,
        /// Its end after the cut.
        end: i64,
    },
    /// A leader asked the controller for another ISR.
    IsrProposed {
        /// Which partition.
        partition: TopicIdPartition,
        /// How many it would have.
        size: u32,
        /// Whether it shrinks.
        shrink: bool,
    },
    /// A produce was refused or answered with too few in-sync replicas.
    NotEnoughReplicas {
        /// Which partition.
        partition: TopicIdPartition,
    },

    /// The committed metadata log, as this broker has now applied it, says this of a partition.
    PartitionCommitted {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// The partition.
        state: PartitionState,
    },
    /// The committed metadata log says that a reassignment began or ended.
    Reassigned {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Which partition.
        partition: TopicIdPartition,
        /// What became of it.
        step: Reassignment,
    },
    /// The committed metadata log has removed a topic.
    TopicRemoved {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Topic id.
        topic: Uuid,
    },
    /// The committed metadata log registered a broker.
    BrokerRegistered {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Broker id.
        broker: i32,
        /// Broker epoch.
        epoch: i64,
    },
    /// The committed metadata log fenced a broker.
    BrokerFenced {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Broker id.
        broker: i32,
    },
    /// The committed metadata log unfenced a broker.
    BrokerUnfenced {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Broker id.
        broker: i32,
    },
    /// The committed metadata log has forgotten a broker.
    BrokerUnregistered {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Broker id.
        broker: i32,
    },
    /// The committed metadata log says that a broker is in controlled shutdown.
    ControlledShutdown {
        /// Offset of the record in the metadata log.
        offset: i64,
        /// Broker id.
        broker: i32,
    },
    /// This node's controller is active: it leads the quorum and has all that was committed.
    ControllerActive {
        /// Quorum epoch.
        epoch: i32,
    },

    /// A quorum member has changed role or epoch.
    QuorumRoleChanged {
        /// What it is now.
        role: QuorumRole,
        /// In which epoch.
        epoch: i32,
        /// Its leader, -1 if unknown.
        leader: i32,
    },
    /// A quorum member answered a vote request with yes.
    VoteGranted {
        /// In which epoch.
        epoch: i32,
        /// To whom.
        candidate: i32,
        /// Whether it was a pre-vote, which binds nobody.
        pre_vote: bool,
    },
    /// A quorum member's high watermark has a new value.
    QuorumHighWatermark {
        /// The value.
        value: i64,
    },
    /// A snapshot of the metadata log is on disk.
    SnapshotTaken {
        /// End offset of what it covers.
        end: i64,
        /// Epoch of the last record it covers.
        epoch: i32,
        /// CRC-32C of its content.
        crc: u32,
    },
    /// A snapshot was fetched from the leader and has replaced the log.
    SnapshotInstalled {
        /// End offset of what it covers.
        end: i64,
        /// Epoch of the last record it covers.
        epoch: i32,
        /// CRC-32C of its content.
        crc: u32,
    },

    /// A broker has read a partition of `__consumer_offsets` and coordinates the groups that belong to it.
    CoordinatorLoaded {
        /// Which partition of the internal topic.
        partition: TopicIdPartition,
        /// The leader epoch in which it coordinates.
        epoch: i32,
        /// Groups that the partition holds.
        groups: u32,
    },
    /// A broker no longer coordinates the groups of a partition of `__consumer_offsets`.
    CoordinatorUnloaded {
        /// Which partition of the internal topic.
        partition: TopicIdPartition,
        /// The leader epoch in which it coordinated.
        epoch: i32,
    },
    /// A generation of a group has its assignment, and the record of it is committed.
    GenerationStarted {
        /// The group's id.
        group: Str,
        /// The generation; it grows with every rebalance.
        generation: i32,
        /// The members with what each owns, by member id. Empty where the last member has left.
        members: Vec<GroupMember>,
    },
    /// A committed offset is in the log of its coordinator and below the high watermark.
    OffsetCommitted {
        /// The group's id.
        group: Str,
        /// Topic name.
        topic: Str,
        /// Partition number.
        partition: i32,
        /// The next offset to read.
        offset: i64,
        /// The generation that committed it; -1 for a committer that is no member.
        generation: i32,
        /// The member id; empty for a committer that is no member.
        member: Str,
    },

    /// What a client did.
    Client(ClientObs),
    /// A leader has deleted records because an administrator asked for it (KIP-107).
    RecordsDeleted {
        /// Of which partition.
        partition: TopicIdPartition,
        /// The first offset that was to stay.
        before: i64,
        /// Where its log begins now.
        start: i64,
    },
}

/// A member of a generation, as its coordinator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupMember {
    /// Member id, given by the coordinator.
    pub id: Str,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<Str>,
    /// Topic names and partition numbers that the assignment gives to it. Empty where the assignment is not one of
    /// consumers, which the broker cannot read.
    pub owned: Vec<(Str, i32)>,
}

/// What a client did, for the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientObs {
    /// The application handed a record to the producer.
    Send {
        /// Number of the record at this client, from 0.
        id: u64,
        /// Partition, once it is chosen; topic id of what it was chosen from.
        partition: TopicIdPartition,
        /// Key.
        key: Option<Bytes>,
        /// Value. Workloads make it unique in the run.
        value: Option<Bytes>,
    },
    /// The delivery callback reported success.
    Acknowledged {
        /// The record.
        id: u64,
        /// Where it is.
        partition: TopicIdPartition,
        /// At which offset; -1 with acks=0, where it is not known.
        offset: i64,
    },
    /// The delivery callback reported failure.
    Failed {
        /// The record.
        id: u64,
        /// Kafka's error code.
        error: i16,
        /// Whether the record is certainly not in the log and never will be. False: unknown.
        definite: bool,
    },
    /// A request failed and its batch will be sent again.
    Retried {
        /// Whose batch.
        partition: TopicIdPartition,
        /// Kafka's error code; 0 where the connection was lost.
        error: i16,
    },
    /// A consumer takes a partition, from this offset.
    Assigned {
        /// Which partition.
        partition: TopicIdPartition,
        /// Next offset to read.
        offset: i64,
    },
    /// A consumer was sent to another offset: out of range, or its log diverged from the leader's.
    Reset {
        /// Which partition.
        partition: TopicIdPartition,
        /// Next offset to read.
        offset: i64,
        /// Whether records it had read were truncated away (KIP-320).
        truncated: bool,
    },
    /// A poll returned a record. Records of one poll follow each other.
    Polled {
        /// Which partition.
        partition: TopicIdPartition,
        /// At which offset.
        offset: i64,
        /// Timestamp, milliseconds since the epoch.
        timestamp: i64,
        /// Key.
        key: Option<Bytes>,
        /// Value.
        value: Option<Bytes>,
    },
}

impl Obs {
    /// What happened, as the entry of the list that it counts as.
    pub fn kind(&self) -> ObsKind {
        match self {
            Obs::LogOpened { .. } => ObsKind::LogOpened,
            Obs::Appended { .. } => ObsKind::Appended,
            Obs::Truncated { .. } => ObsKind::LogTruncated,
            Obs::LogStart { .. } => ObsKind::LogStartMoved,
            Obs::FolderSetAside { .. } => ObsKind::FolderSetAside,
            Obs::RecordsDeleted { .. } => ObsKind::RecordsDeleted,
            Obs::LogDeleted { .. } => ObsKind::LogDeleted,
            Obs::SegmentRolled { .. } => ObsKind::SegmentRolled,
            Obs::StartRefused { .. } => ObsKind::StartRefused,
            Obs::LogDirOffline { .. } => ObsKind::LogDirOffline,
            Obs::LeaderStarted { .. } => ObsKind::LeaderElected,
            Obs::FollowerStarted { .. } => ObsKind::FollowerStarted,
            Obs::HighWatermark { .. } => ObsKind::HighWatermarkAdvanced,
            Obs::FollowerTruncated { .. } => ObsKind::FollowerTruncated,
            Obs::IsrProposed { shrink: true, .. } => ObsKind::IsrShrunk,
            Obs::IsrProposed { shrink: false, .. } => ObsKind::IsrExpanded,
            Obs::NotEnoughReplicas { .. } => ObsKind::NotEnoughReplicas,
            Obs::PartitionCommitted { state, .. } if state.unclean => ObsKind::UncleanLeaderElected,
            Obs::PartitionCommitted { .. } => ObsKind::PartitionCommitted,
            Obs::Reassigned { step: Reassignment::Cancelled, .. } => ObsKind::ReassignmentCancelled,
            Obs::Reassigned { step: Reassignment::Completed, .. } => ObsKind::ReassignmentCompleted,
            Obs::Reassigned { step: Reassignment::Started, .. } => ObsKind::ReassignmentStarted,
            Obs::TopicRemoved { .. } => ObsKind::TopicRemoved,
            Obs::BrokerRegistered { .. } => ObsKind::BrokerRegistered,
            Obs::BrokerFenced { .. } => ObsKind::BrokerFenced,
            Obs::BrokerUnfenced { .. } => ObsKind::BrokerUnfenced,
            Obs::BrokerUnregistered { .. } => ObsKind::BrokerUnregistered,
            Obs::ControlledShutdown { .. } => ObsKind::ControlledShutdown,
            Obs::ControllerActive { .. } => ObsKind::ControllerActive,
            Obs::QuorumRoleChanged { role: QuorumRole::Leader, .. } => ObsKind::QuorumLeaderElected,
            Obs::QuorumRoleChanged { role: QuorumRole::Resigned, .. } => ObsKind::QuorumLeaderResigned,
            Obs::QuorumRoleChanged { .. } => ObsKind::QuorumRoleChanged,
            Obs::VoteGranted { pre_vote: true, .. } => ObsKind::PreVoteGranted,
            Obs::VoteGranted { pre_vote: false, .. } => ObsKind::VoteGranted,
            Obs::QuorumHighWatermark { .. } => ObsKind::QuorumHighWatermarkAdvanced,
            Obs::SnapshotTaken { .. } => ObsKind::SnapshotTaken,
            Obs::SnapshotInstalled { .. } => ObsKind::SnapshotInstalled,
            Obs::CoordinatorLoaded { .. } => ObsKind::CoordinatorLoaded,
            Obs::CoordinatorUnloaded { .. } => ObsKind::CoordinatorUnloaded,
            Obs::GenerationStarted { .. } => ObsKind::GenerationStarted,
            Obs::OffsetCommitted { .. } => ObsKind::OffsetCommitted,
            Obs::Client(client) => client.kind(),
        }
    }

    /// What happened, in a word: names of `sometimes` properties and of triggers.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

impl ClientObs {
    fn kind(&self) -> ObsKind {
        match self {
            ClientObs::Send { .. } => ObsKind::RecordSent,
            ClientObs::Acknowledged { .. } => ObsKind::RecordAcknowledged,
            ClientObs::Failed { .. } => ObsKind::RecordFailed,
            ClientObs::Retried { .. } => ObsKind::ProduceRetried,
            ClientObs::Assigned { .. } => ObsKind::ConsumerAssigned,
            ClientObs::Reset { .. } => ObsKind::OffsetReset,
            ClientObs::Polled { .. } => ObsKind::RecordPolled,
        }
    }
}
