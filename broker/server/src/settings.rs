//! Settings of brokers behind real sockets, by Kafka's names.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tribunal_common::FlushPolicy;
use tribunal_contract::Span;
use tribunal_core::BrokerConfig;
use tribunal_protocol::{Str, Uuid};

use crate::ClusterConfig;

/// Kafka's defaults, except what the quorum waits for when it starts: a cluster of one machine need not wait a second
/// to learn that nobody leads yet.
pub(crate) fn defaults() -> BrokerConfig {
    let mut cfg = BrokerConfig::new(0, Vec::new());
    cfg.election_timeout = Span::from_millis(100);
    cfg
}

/// What depends on how many brokers there are: topics that do not say otherwise have up to three replicas, and are
/// writable while one of them is away.
pub fn cluster_defaults(config: &mut ClusterConfig) {
    let brokers = config.members.len() + config.elsewhere.len();
    let topic = &mut config.settings.topic;
    topic.replication_factor = brokers.min(3) as i16;
}

/// The cluster id of brokers that know of each other only from the same list: the same in all their processes.
pub fn cluster_id_of(peers: &BTreeMap<i32, String>) -> Str {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, peers).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    // Never one that begins with a dash: the first six bits are zero, an A.
    Str::from(Uuid((half(0) >> 6) << 64 | half(1)).to_string())
}

/// `log.flush.interval.messages` of a broker that leaves flushing to the system: Kafka's default.
const NEVER: u64 = i64::MAX as u64;

/// How one setting is read.
struct Setting {
    name: &'static str,
    set: fn(&mut ClusterConfig, &str) -> Option<()>,
}

/// What `--config` takes. Names, units and meaning are Kafka's.
const SETTINGS: &[Setting] = &[
    Setting { name: "auto.create.topics.enable", set: |c, v| put(&mut c.settings.topic.auto_create, v.parse()) },
    Setting { name: "broker.heartbeat.interval.ms", set: |c, v| millis(&mut c.settings.heartbeat_interval, v) },
    Setting { name: "broker.session.timeout.ms", set: |c, v| millis(&mut c.settings.session_timeout, v) },
    Setting { name: "connections.max.idle.ms", set: |c, v| put(&mut c.max_idle, v.parse().map(Duration::from_millis)) },
    Setting { name: "controller.quorum.election.timeout.ms", set: |c, v| millis(&mut c.settings.election_timeout, v) },
    Setting { name: "controller.quorum.fetch.timeout.ms", set: |c, v| millis(&mut c.settings.quorum_fetch_timeout, v) },
    Setting {
        name: "default.replication.factor",
        set: |c, v| put(&mut c.settings.topic.replication_factor, positive(v)),
    },
    Setting {
        name: "leader.imbalance.check.interval.seconds",
        set: |c, v| put(&mut c.settings.rebalance_interval, v.parse().map(Span::from_secs)),
    },
    Setting {
        name: "log.flush.interval.messages",
        set: |c, v| {
            // Every write or none: what lies between is neither's promise.
            c.settings.log.flush = match v.parse() {
                Ok(1) => FlushPolicy::EveryWrite,
                Ok(NEVER) => FlushPolicy::OperatingSystem,
                _ => return None,
            };
            Some(())
        },
    },
    Setting { name: "log.index.interval.bytes", set: |c, v| put(&mut c.settings.log.index_interval_bytes, v.parse()) },
    Setting {
        name: "log.message.timestamp.after.max.ms",
        set: |c, v| put(&mut c.settings.log.timestamp_after_max_ms, not_negative(v)),
    },
    Setting {
        name: "log.message.timestamp.before.max.ms",
        set: |c, v| put(&mut c.settings.log.timestamp_before_max_ms, not_negative(v)),
    },
    Setting { name: "log.retention.bytes", set: |c, v| limit(&mut c.settings.log.retention_bytes, v) },
    Setting { name: "log.retention.check.interval.ms", set: |c, v| millis(&mut c.settings.retention_interval, v) },
    Setting { name: "log.retention.ms", set: |c, v| limit(&mut c.settings.log.retention_ms, v) },
    Setting { name: "log.roll.ms", set: |c, v| put(&mut c.settings.log.segment_ms, positive(v)) },
    Setting { name: "log.segment.bytes", set: |c, v| put(&mut c.settings.log.segment_bytes, positive(v)) },
    Setting {
        name: "log.segment.delete.delay.ms",
        set: |c, v| put(&mut c.settings.file_delete_delay, v.parse().map(Span::from_millis)),
    },
    Setting { name: "message.max.bytes", set: |c, v| put(&mut c.settings.log.max_message_bytes, v.parse()) },
    Setting { name: "min.insync.replicas", set: |c, v| put(&mut c.settings.topic.min_insync_replicas, positive(v)) },
    Setting { name: "num.partitions", set: |c, v| put(&mut c.settings.topic.num_partitions, positive(v)) },
    Setting { name: "replica.fetch.wait.max.ms", set: |c, v| millis(&mut c.settings.replica_fetch_wait, v) },
    Setting { name: "replica.lag.time.max.ms", set: |c, v| millis(&mut c.settings.replica_lag, v) },
    Setting { name: "socket.request.max.bytes", set: |c, v| put(&mut c.max_frame, positive(v)) },
    Setting {
        name: "unclean.leader.election.enable",
        set: |c, v| put(&mut c.settings.topic.unclean_leader_election, v.parse()),
    },
];

/// The names of all settings.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|known| known.name)
}

/// Takes a setting, `NAME=VALUE`. The error says what would be right.
pub fn set(config: &mut ClusterConfig, setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once('=').ok_or_else(|| format!("`{setting}` is no NAME=VALUE"))?;
    let Some(known) = SETTINGS.iter().find(|known| known.name == name) else {
        let names: Vec<&str> = names().collect();
        return Err(format!("`{name}` is no setting of these brokers; there are {}", names.join(", ")));
    };
    (known.set)(config, value).ok_or_else(|| format!("`{value}` is no value for {name}"))
}

fn put<T, E>(to: &mut T, value: Result<T, E>) -> Option<()> {
    *to = value.ok()?;
    Some(())
}

fn positive<T: std::str::FromStr + PartialOrd + Default>(value: &str) -> Result<T, ()> {
    value.parse().ok().filter(|value| *value > T::default()).ok_or(())
}

fn not_negative(value: &str) -> Result<i64, ()> {
    value.parse().ok().filter(|value| *value >= 0).ok_or(())
}

fn millis(to: &mut Span, value: &str) -> Option<()> {
    put(to, positive(value).map(Span::from_millis))
}

/// A limit, of which -1 means none.
fn limit<T: std::str::FromStr>(to: &mut Option<T>, value: &str) -> Option<()> {
    match value {
        "-1" => *to = None,
        _ => *to = Some(value.parse().ok()?),
    }
    Some(())
}
