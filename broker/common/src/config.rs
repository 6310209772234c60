//! A broker's configuration: Kafka's settings under Kafka's names, as values.

use tribunal_contract::{NodeId, Span};
use tribunal_protocol::{Str, Uuid};

use crate::Bugs;

/// How a follower finds where its log parts from the leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TruncationMode {
    /// Every fetch carries the epoch of the last record; the leader answers with the point of divergence (KIP-595,
    /// brokers since 2.7).
    Fetch,
    /// OffsetForLeaderEpoch before the first fetch of an epoch (KIP-101, 279 and 320; brokers before 2.7).
    Lookup,
}

/// When a partition's log is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlushPolicy {
    /// Whenever the operating system likes; durability is replication. Kafka's default.
    OperatingSystem,
    /// Before a write counts towards the high watermark (`flush.messages=1`).
    EveryWrite,
}

/// Defaults of topics that do not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
}

/// Defaults of partition logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogDefaults {
    /// `log.segment.bytes`.
    pub segment_bytes: u32,
    /// `log.roll.ms`.
    pub segment_ms: i64,
    /// `log.index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `log.retention.ms`; none keeps for ever.
    pub retention_ms: Option<i64>,
    /// `log.retention.bytes`; none keeps everything.
    pub retention_bytes: Option<u64>,
    /// `message.max.bytes`.
    pub max_message_bytes: u32,
    /// `log.flush.interval.messages`.
    pub flush: FlushPolicy,
    /// `log.message.timestamp.before.max.ms`: how far a record's timestamp may lie behind the broker's clock.
    pub timestamp_before_max_ms: i64,
    /// `log.message.timestamp.after.max.ms`: how far it may lie ahead.
    pub timestamp_after_max_ms: i64,
}

/// Settings of groups and of the internal topic that stores their offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupDefaults {
    /// `offsets.topic.num.partitions`.
    pub topic_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`.
    pub topic_segment_bytes: u32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.max.size`.
    pub max_size: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: u32,
    /// `offsets.commit.timeout.ms`.
    pub commit_timeout: Span,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check: Span,
}

/// One broker's configuration. Combined mode: every broker that is a voter is a controller too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerConfig {
    /// `node.id`. Broker ids are the world's node ids.
    pub node_id: i32,
    /// `cluster.id`.
    pub cluster_id: Str,
    /// `controller.quorum.voters`, ascending.
    pub voters: Vec<i32>,
    /// Whether this voter has lost its disk: the cluster has metadata, and this broker's folder is new. Such a voter
    /// grants no vote and stands for no election until it has fetched what is committed; it could help to elect a
    /// leader that lacks records which it held itself.
    pub lost_disk: bool,
    /// What clients are told to connect to.
    pub advertised: (Str, u16),
    /// `broker.rack`, if the broker has one: replicas of a new topic are spread over racks (KIP-36).
    pub rack: Option<Str>,
    /// `log.dirs`: the log directory, as people are told. Files are named relative to it.
    pub log_dir: Str,
    /// `directory.id` of the log directory (KIP-858): stays with the disk.
    pub directory: Uuid,
    /// Identifies this incarnation of the process to the controller (KIP-631). Differs at every start.
    pub incarnation: Uuid,
    /// `controller.quorum.election.timeout.ms`: the world picks between this and twice this.
    pub election_timeout: Span,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout: Span,
    /// How long a leader parks a voter's fetch of the metadata log. An observer's is parked for half of
    /// `quorum_fetch_timeout` if that is longer.
    pub quorum_fetch_wait: Span,
    /// `controller.quorum.retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `controller.quorum.request.timeout.ms`, and that of calls to the controller.
    pub request_timeout: Span,
    /// Metadata records between two snapshots; 0 takes none.
    pub snapshot_every: u32,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Span,
    /// `broker.session.timeout.ms`.
    pub session_timeout: Span,
    /// `replica.lag.time.max.ms`.
    pub replica_lag: Span,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait: Span,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: Span,
    /// `replica.fetch.max.bytes`, for each partition.
    pub replica_fetch_bytes: u32,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub checkpoint_interval: Span,
    /// `log.segment.delete.delay.ms`: how long the folder of a deleted partition is kept under another name.
    pub file_delete_delay: Span,
    /// `log.retention.check.interval.ms`.
    pub retention_interval: Span,
    /// `leader.imbalance.check.interval.seconds`; zero never elects preferred leaders on its own, as
    /// `auto.leader.rebalance.enable=false`.
    pub rebalance_interval: Span,
    /// See [`TruncationMode`].
    pub truncation: TruncationMode,
    /// Defaults of topics.
    pub topic: TopicDefaults,
    /// Defaults of logs.
    pub log: LogDefaults,
    /// Consumer groups.
    pub groups: GroupDefaults,
    /// Planted bugs.
    pub bugs: Bugs,
}

impl BrokerConfig {
    /// Broker `node_id` of a cluster whose `voters` form the controller quorum; Kafka 4.1's defaults elsewhere.
    pub fn new(node_id: i32, voters: Vec<i32>) -> BrokerConfig {
        // Kafka's is 3, and a cluster of fewer brokers has to be told otherwise. The voters are brokers too.
        let topic_replication_factor = voters.len().clamp(1, 3) as i16;
        BrokerConfig {
            node_id,
            cluster_id: Str::from_static("dHJpYnVuYWwtY2x1c3Rlcg"),
            voters,
            lost_disk: false,
            advertised: (Str::from(format!("b{node_id}")), 9092),
            rack: None,
            log_dir: Str::from_static("/tmp/kafka-logs"),
            directory: Uuid((node_id as u128 + 1) << 64 | 0x7472_6962_756e_616c),
            incarnation: Uuid(0),
            election_timeout: Span::from_millis(1_000),
            quorum_fetch_timeout: Span::from_millis(2_000),
            quorum_fetch_wait: Span::from_millis(500),
            retry_backoff: Span::from_millis(20),
            request_timeout: Span::from_millis(2_000),
            snapshot_every: 0,
            heartbeat_interval: Span::from_millis(2_000),
            session_timeout: Span::from_millis(9_000),
            replica_lag: Span::from_millis(30_000),
            replica_fetch_wait: Span::from_millis(500),
            replica_fetch_backoff: Span::from_millis(1_000),
            replica_fetch_bytes: 1 << 20,
            checkpoint_interval: Span::from_millis(5_000),
            file_delete_delay: Span::from_millis(60_000),
            retention_interval: Span::from_secs(300),
            rebalance_interval: Span::from_secs(300),
            truncation: TruncationMode::Fetch,
            topic: TopicDefaults {
                num_partitions: 1,
                replication_factor: 1,
                min_insync_replicas: 1,
                unclean_leader_election: false,
                auto_create: true,
            },
            log: LogDefaults {
                segment_bytes: 1 << 30,
                segment_ms: 7 * 24 * 3_600_000,
                index_interval_bytes: 4_096,
                retention_ms: Some(7 * 24 * 3_600_000),
                retention_bytes: None,
                max_message_bytes: 1_048_588,
                flush: FlushPolicy::OperatingSystem,
                timestamp_before_max_ms: i64::MAX,
                timestamp_after_max_ms: 3_600_000,
            },
            groups: GroupDefaults {
                topic_partitions: 50,
                topic_replication_factor,
                topic_segment_bytes: 100 << 20,
                initial_rebalance_delay_ms: 3_000,
                min_session_timeout_ms: 6_000,
                max_session_timeout_ms: 1_800_000,
                max_size: i32::MAX,
                offset_metadata_max_bytes: 4_096,
                commit_timeout: Span::from_millis(5_000),
                offsets_retention_ms: 7 * 24 * 3_600_000,
                offsets_retention_check: Span::from_secs(600),
            },
            bugs: Bugs::NONE,
        }
    }

    /// This broker as a node of the world.
    pub fn node(&self) -> NodeId {
        NodeId(self.node_id as u32)
    }

    /// Whether this node votes in the controller quorum.
    pub fn is_voter(&self) -> bool {
        self.voters.contains(&self.node_id)
    }
}
