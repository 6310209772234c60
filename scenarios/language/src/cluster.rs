//! `[cluster]` and `[[topic]]`.

use tribunal_common::{FlushPolicy, RarePath, TruncationMode};
use tribunal_contract::Span;

use super::keys::{Keys, Visitor};
use super::units::{After, SpanRange};

/// The most brokers a scenario may have: what the simulator is measured at, with room.
pub const MAX_BROKERS: u32 = 200;

/// The cluster: how many brokers, their settings, their network and disks.
///
/// Timeouts are shorter than Kafka's so that a run of 30 simulated seconds sees several failovers; their ratios are
/// Kafka's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// How many brokers; their ids are `1..=brokers`.
    pub brokers: u32,
    /// How many of them vote in the controller quorum: brokers `1..=controllers`.
    pub controllers: u32,
    /// How many of the brokers, the last ones, are not there until they join.
    pub join_later: u32,
    /// `broker.rack` of each broker, in the order of their ids; empty if they have none.
    pub racks: Vec<String>,
    /// How followers find the point from which their log differs from the leader's.
    pub truncation: TruncationMode,
    /// Default of the topics' flush policy.
    pub flush: FlushPolicy,
    /// Default of the topics' segment size, in bytes.
    pub segment_bytes: u64,
    /// Metadata records between two snapshots; 0 takes none.
    pub snapshot_every: u32,
    /// `broker.session.timeout.ms`.
    pub session_timeout: Span,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Span,
    /// `replica.lag.time.max.ms`.
    pub replica_lag: Span,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait: Span,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout: Span,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Span,
    /// `controller.quorum.request.timeout.ms`, and that of calls to the controller.
    pub request_timeout: Span,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_rebalance: After,
    /// `log.retention.check.interval.ms`.
    pub retention_check: Span,
    /// How long a message takes from one node to another.
    pub latency: SpanRange,
    /// Bytes a second from one node to another; none is without limit.
    pub bandwidth: Option<u64>,
    /// How long a sync of the disk takes.
    pub sync_latency: SpanRange,
    /// By how many 100ths, at most, a link is slower than `latency` for the whole run.
    pub link_spread: u32,
    /// Bytes a second that a disk's syncs write; none is without limit.
    pub disk_throughput: Option<u64>,
    /// How far a broker's clock may be off, either way.
    pub clock_skew: Span,
    /// Whether faults that would leave no replica with all that was acknowledged are left out.
    pub fault_atlas: bool,
    /// Which rare paths brokers and clients take now and then.
    pub rare_paths: Vec<RarePath>,
}

impl Default for Cluster {
    fn default() -> Cluster {
        Cluster {
            brokers: 3,
            controllers: 3,
            join_later: 0,
            racks: Vec::new(),
            truncation: TruncationMode::Fetch,
            flush: FlushPolicy::OperatingSystem,
            segment_bytes: 1 << 20,
            snapshot_every: 100,
            session_timeout: Span::from_millis(2_000),
            heartbeat_interval: Span::from_millis(400),
            replica_lag: Span::from_millis(3_000),
            replica_fetch_wait: Span::from_millis(500),
            election_timeout: Span::from_millis(1_000),
            fetch_timeout: Span::from_millis(2_000),
            request_timeout: Span::from_millis(2_000),
            leader_rebalance: After::Never,
            retention_check: Span::from_secs(5),
            latency: SpanRange { min: Span::from_micros(200), max: Span::from_millis(1) },
            bandwidth: None,
            sync_latency: SpanRange { min: Span::from_millis(1), max: Span::from_millis(4) },
            link_spread: 0,
            disk_throughput: None,
            clock_skew: Span::ZERO,
            fault_atlas: true,
            rare_paths: Vec::new(),
        }
    }
}

impl Cluster {
    /// Ids of the brokers on a rack, ascending.
    pub fn on_rack<'a>(&'a self, rack: &'a str) -> impl Iterator<Item = u32> + 'a {
        self.broker_ids().zip(&self.racks).filter(move |(_, name)| *name == rack).map(|(id, _)| id)
    }

    /// The number of controllers where the file does not say: three, or the most odd number of brokers there are.
    pub(crate) fn default_controllers(&self) -> u32 {
        if self.first_brokers() >= 3 { 3 } else { 1 }
    }

    /// How many brokers there are at first.
    pub fn first_brokers(&self) -> u32 {
        self.brokers.saturating_sub(self.join_later)
    }

    /// Ids of the brokers, ascending.
    pub fn broker_ids(&self) -> impl Iterator<Item = u32> + use<> {
        1..=self.brokers
    }

    /// Ids of the brokers that join later, ascending.
    pub fn later_ids(&self) -> impl Iterator<Item = u32> + use<> {
        self.first_brokers() + 1..=self.brokers
    }

    /// Ids of the voters of the controller quorum, ascending.
    pub fn controller_ids(&self) -> impl Iterator<Item = u32> + use<> {
        1..=self.controllers
    }
}

impl Keys for Cluster {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key("brokers", "Number of brokers. Their ids are 1, 2, 3 and so on.", &mut self.brokers);
        v.key(
            "controllers",
            "Number of brokers that vote in the controller quorum, the first ones; odd. 3, or 1 with fewer brokers.",
            &mut self.controllers,
        );
        v.key(
            "join_later",
            "Number of brokers, the last ones, that start only when they `join`.",
            &mut self.join_later,
        );
        v.key(
            "racks",
            "broker.rack of each broker, such as [\"a\", \"a\", \"b\"]: replicas of a topic are spread over racks, and faults strike \"rack:a\".",
            &mut self.racks,
        );
        v.key(
            "truncation",
            "How a follower finds where its log diverges from the leader's: on \"fetch\" (KIP-595), or by a \"lookup\" \
             with OffsetForLeaderEpoch (KIP-101, 279, 320).",
            &mut self.truncation,
        );
        v.key(
            "flush",
            "When records are synced to disk. \"never\", Kafka's default, leaves it to the operating system: a power loss loses what is not synced. \"every-write\" syncs a record before it is acknowledged.",
            &mut self.flush,
        );
        v.key("segment_bytes", "log.segment.bytes", &mut self.segment_bytes);
        v.key("snapshot_every", "Metadata records between two snapshots; 0 takes none.", &mut self.snapshot_every);
        v.key("session_timeout", "broker.session.timeout.ms; Kafka's is 9s", &mut self.session_timeout);
        v.key("heartbeat_interval", "broker.heartbeat.interval.ms; Kafka's is 2s", &mut self.heartbeat_interval);
        v.key("replica_lag", "replica.lag.time.max.ms; Kafka's is 30s", &mut self.replica_lag);
        v.key("replica_fetch_wait", "replica.fetch.wait.max.ms", &mut self.replica_fetch_wait);
        v.key("election_timeout", "controller.quorum.election.timeout.ms", &mut self.election_timeout);
        v.key("fetch_timeout", "controller.quorum.fetch.timeout.ms", &mut self.fetch_timeout);
        v.key(
            "request_timeout",
            "controller.quorum.request.timeout.ms, and that of calls to the controller",
            &mut self.request_timeout,
        );
        v.key(
            "leader_rebalance",
            "Interval at which leadership moves back to preferred replicas, or \"never\"; Kafka's is 300s.",
            &mut self.leader_rebalance,
        );
        v.key("retention_check", "log.retention.check.interval.ms; Kafka's is 300s", &mut self.retention_check);
        v.key("latency", "Latency of a message from one node to another.", &mut self.latency);
        v.key("bandwidth", "Bytes a second from one node to another; unlimited if left out.", &mut self.bandwidth);
        v.key("sync_latency", "Duration of a sync of the disk.", &mut self.sync_latency);
        v.key(
            "link_spread",
            "How much slower than that a link may be, at most, in percent; each link draws its own.",
            &mut self.link_spread,
        );
        v.key("disk_throughput", "Bytes a second that syncs write; unlimited if left out.", &mut self.disk_throughput);
        v.key(
            "fault_atlas",
            "Whether faults are left out that no replication survives, such as the loss of a record's last copy.",
            &mut self.fault_atlas,
        );
        v.key(
            "rare_paths",
            "Rare paths that brokers and clients sometimes take; `tribunal list rare-paths` lists them.",
            &mut self.rare_paths,
        );
        v.key(
            "clock_skew",
            "How far a broker's clock may be off, in either direction; drawn from the seed for each broker.",
            &mut self.clock_skew,
        );
    }
}

/// A topic, created before the workload begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas each has.
    pub replication: u32,
    /// `min.insync.replicas`.
    pub min_insync: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_election: bool,
    /// When its logs are synced; none is the cluster's.
    pub flush: Option<FlushPolicy>,
    /// `segment.bytes`; none is the cluster's.
    pub segment_bytes: Option<u64>,
    /// `retention.ms`; none keeps for ever.
    pub retention_ms: Option<u64>,
    /// `retention.bytes`; none keeps everything.
    pub retention_bytes: Option<u64>,
    /// `max.message.bytes`, the largest batch that leaders accept; none is Kafka's 1 MiB.
    pub max_message_bytes: Option<u64>,
}

impl Default for Topic {
    fn default() -> Topic {
        Topic {
            name: String::new(),
            partitions: 1,
            replication: 1,
            min_insync: 1,
            unclean_election: false,
            flush: None,
            segment_bytes: None,
            retention_ms: None,
            retention_bytes: None,
            max_message_bytes: None,
        }
    }
}

impl Keys for Topic {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required("name", "Name of the topic.", &mut self.name);
        v.key("partitions", "Number of partitions.", &mut self.partitions);
        v.key("replication", "Number of replicas of each partition.", &mut self.replication);
        v.key("min_insync", "min.insync.replicas", &mut self.min_insync);
        v.key("unclean_election", "unclean.leader.election.enable", &mut self.unclean_election);
        v.key("flush", "As in [cluster]; the cluster's if left out.", &mut self.flush);
        v.key("segment_bytes", "segment.bytes; the cluster's if left out.", &mut self.segment_bytes);
        v.key("retention_ms", "retention.ms; unlimited if left out.", &mut self.retention_ms);
        v.key("retention_bytes", "retention.bytes; unlimited if left out.", &mut self.retention_bytes);
        v.key(
            "max_message_bytes",
            "max.message.bytes, the largest batch that a leader accepts; 1048588 if left out.",
            &mut self.max_message_bytes,
        );
    }
}
