//! Settings as DescribeConfigs shows them: by Kafka's names, with Kafka's types.

use tribunal_common::{BrokerConfig, FlushPolicy};
use tribunal_controller::TopicConfig;

/// Types of settings, in Kafka's numbers.
const BOOLEAN: i8 = 1;
const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;
const LIST: i8 = 7;

/// A setting of a broker.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: i8,
    pub(crate) value: fn(&BrokerConfig) -> String,
}

/// A broker's settings that mean something here, by name.
pub(crate) const BROKER_SETTINGS: &[Setting] = &[
    Setting { name: "auto.create.topics.enable", kind: BOOLEAN, value: |c| c.topic.auto_create.to_string() },
    Setting {
        name: "broker.heartbeat.interval.ms",
        kind: INT,
        value: |c| c.heartbeat_interval.as_millis().to_string(),
    },
    Setting { name: "broker.id", kind: INT, value: |c| c.node_id.to_string() },
    Setting { name: "broker.session.timeout.ms", kind: INT, value: |c| c.session_timeout.as_millis().to_string() },
    Setting {
        name: "controller.quorum.election.timeout.ms",
        kind: INT,
        value: |c| c.election_timeout.as_millis().to_string(),
    },
    Setting {
        name: "controller.quorum.fetch.timeout.ms",
        kind: INT,
        value: |c| c.quorum_fetch_timeout.as_millis().to_string(),
    },
    Setting { name: "default.replication.factor", kind: INT, value: |c| c.topic.replication_factor.to_string() },
    Setting { name: "log.dirs", kind: STRING, value: |c| c.log_dir.to_string() },
    Setting {
        name: "log.flush.interval.messages",
        kind: LONG,
        value: |c| match c.log.flush {
            FlushPolicy::EveryWrite => "1".to_owned(),
            FlushPolicy::OperatingSystem => i64::MAX.to_string(),
        },
    },
    Setting { name: "log.index.interval.bytes", kind: INT, value: |c| c.log.index_interval_bytes.to_string() },
    Setting {
        name: "log.message.timestamp.after.max.ms",
        kind: LONG,
        value: |c| c.log.timestamp_after_max_ms.to_string(),
    },
    Setting {
        name: "log.message.timestamp.before.max.ms",
        kind: LONG,
        value: |c| c.log.timestamp_before_max_ms.to_string(),
    },
    Setting { name: "log.retention.bytes", kind: LONG, value: |c| or_none(c.log.retention_bytes) },
    Setting { name: "log.retention.ms", kind: LONG, value: |c| or_none(c.log.retention_ms) },
    Setting { name: "log.roll.ms", kind: LONG, value: |c| c.log.segment_ms.to_string() },
    Setting { name: "log.segment.bytes", kind: INT, value: |c| c.log.segment_bytes.to_string() },
    Setting { name: "log.segment.delete.delay.ms", kind: LONG, value: |c| c.file_delete_delay.as_millis().to_string() },
    Setting { name: "message.max.bytes", kind: INT, value: |c| c.log.max_message_bytes.to_string() },
    Setting { name: "min.insync.replicas", kind: INT, value: |c| c.topic.min_insync_replicas.to_string() },
    Setting { name: "node.id", kind: INT, value: |c| c.node_id.to_string() },
    Setting { name: "num.partitions", kind: INT, value: |c| c.topic.num_partitions.to_string() },
    Setting { name: "replica.fetch.max.bytes", kind: INT, value: |c| c.replica_fetch_bytes.to_string() },
    Setting { name: "replica.fetch.wait.max.ms", kind: INT, value: |c| c.replica_fetch_wait.as_millis().to_string() },
    Setting { name: "replica.lag.time.max.ms", kind: LONG, value: |c| c.replica_lag.as_millis().to_string() },
    Setting {
        name: "unclean.leader.election.enable",
        kind: BOOLEAN,
        value: |c| c.topic.unclean_leader_election.to_string(),
    },
];

/// The type of a topic's setting.
pub(crate) fn kind_of(name: &str) -> i8 {
    match name {
        "cleanup.policy" => LIST,
        "message.timestamp.type" => STRING,
        "max.message.bytes" | "min.insync.replicas" | "segment.bytes" => INT,
        "unclean.leader.election.enable" => BOOLEAN,
        _ => LONG,
    }
}

/// The broker's setting that a topic's setting overrides.
pub(crate) fn synonym(name: &'static str) -> &'static str {
    match name {
        "cleanup.policy" => "log.cleanup.policy",
        "flush.messages" => "log.flush.interval.messages",
        "max.message.bytes" => "message.max.bytes",
        "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms",
        "message.timestamp.type" => "log.message.timestamp.type",
        "retention.bytes" => "log.retention.bytes",
        "retention.ms" => "log.retention.ms",
        "segment.bytes" => "log.segment.bytes",
        "segment.ms" => "log.roll.ms",
        same => same,
    }
}

/// Whether Kafka's default of a broker's setting is one of another setting, in hours: then this one has none.
pub(crate) fn is_told_in_hours(name: &str) -> bool {
    matches!(name, "log.retention.ms" | "log.roll.ms")
}

/// What Kafka's own default of a topic's setting is.
pub(crate) fn kafka_default(name: &str) -> Option<String> {
    let defaults = TopicConfig::defaults(&BrokerConfig::new(0, Vec::new()));
    defaults.entries().find(|(other, _)| *other == name).map(|(_, value)| value)
}

fn or_none<T: ToString>(limit: Option<T>) -> String {
    limit.map_or("-1".to_owned(), |limit| limit.to_string())
}
