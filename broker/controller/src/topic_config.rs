//! A topic's settings: which there are, what they may be, and what holds for a topic.

use core::fmt;

use tribunal_common::{BrokerConfig, FlushPolicy};
use tribunal_protocol::Str;

use crate::{ConfigResource, MetadataImage};

/// Which time a record's timestamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimestampType {
    /// When the producer made it.
    CreateTime,
    /// When the leader appended it.
    LogAppendTime,
}

/// The settings that hold for a topic: its own, else the broker's. Parsed once and then kept by who needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopicConfig {
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `retention.ms`; none keeps for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`, for each partition; none keeps everything.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `flush.messages`.
    pub flush: FlushPolicy,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
}

/// A setting that does not exist, or a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig(String);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for InvalidConfig {}

/// The settings that are served, by name.
const NAMES: [&str; 12] = [
    "cleanup.policy",
    "flush.messages",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// `segment.bytes` that Kafka 4.1 takes at least.
const MIN_SEGMENT_BYTES: i64 = 1 << 20;
/// `internal.segment.bytes` must hold at least a batch header.
const MIN_INTERNAL_SEGMENT_BYTES: i64 = 61;

impl TopicConfig {
    /// The settings of a topic that has none of its own.
    pub fn defaults(cfg: &BrokerConfig) -> TopicConfig {
        TopicConfig {
            min_insync_replicas: cfg.topic.min_insync_replicas,
            unclean_leader_election: cfg.topic.unclean_leader_election,
            retention_ms: cfg.log.retention_ms,
            retention_bytes: cfg.log.retention_bytes,
            segment_bytes: cfg.log.segment_bytes,
            segment_ms: cfg.log.segment_ms,
            flush: cfg.log.flush,
            max_message_bytes: cfg.log.max_message_bytes,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: cfg.log.timestamp_before_max_ms,
            timestamp_after_max_ms: cfg.log.timestamp_after_max_ms,
        }
    }

    /// Sets what `name` is to `value`, or says in Kafka's words why not.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidConfig> {
        let number = |min, max| number(name, value, min, max);
        match name {
            "min.insync.replicas" => self.min_insync_replicas = number(1, i64::from(i32::MAX))? as i32,
            "unclean.leader.election.enable" => self.unclean_leader_election = boolean(name, value)?,
            "retention.ms" => self.retention_ms = Some(number(-1, i64::MAX)?).filter(|ms| *ms >= 0),
            "retention.bytes" => self.retention_bytes = u64::try_from(number(i64::MIN, i64::MAX)?).ok(),
            "segment.bytes" => self.segment_bytes = number(MIN_SEGMENT_BYTES, i64::from(i32::MAX))? as u32,
            // Kafka's own tests use it to have small segments.
            "internal.segment.bytes" => {
                self.segment_bytes = number(MIN_INTERNAL_SEGMENT_BYTES, i64::from(i32::MAX))? as u32
            }
            "segment.ms" => self.segment_ms = number(1, i64::MAX)?,
            "max.message.bytes" => self.max_message_bytes = number(0, i64::from(i32::MAX))? as u32,
            "flush.messages" => {
                self.flush = match number(1, i64::MAX)? {
                    1 => FlushPolicy::EveryWrite,
                    i64::MAX => FlushPolicy::OperatingSystem,
                    _ => return Err(invalid(name, value, "Value must be one of: 1, 9223372036854775807")),
                }
            }
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = number(0, i64::MAX)?,
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = number(0, i64::MAX)?,
            "message.timestamp.type" => {
                self.timestamp_type = match value {
                    "CreateTime" => TimestampType::CreateTime,
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => return Err(invalid(name, value, "String must be one of: CreateTime, LogAppendTime")),
                }
            }
            "cleanup.policy" if value == "delete" => {}
            "cleanup.policy" => return Err(invalid(name, value, "String must be one of: delete")),
            _ => return Err(InvalidConfig(format!("Unknown topic config name: {name}"))),
        }
        Ok(())
    }

    /// Every setting that is served, with its value as text.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let config = *self;
        NAMES.into_iter().map(move |name| (name, config.text(name)))
    }

    fn text(&self, name: &str) -> String {
        match name {
            "cleanup.policy" => "delete".to_owned(),
            "flush.messages" => match self.flush {
                FlushPolicy::EveryWrite => "1".to_owned(),
                FlushPolicy::OperatingSystem => i64::MAX.to_string(),
            },
            "max.message.bytes" => self.max_message_bytes.to_string(),
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms.to_string(),
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms.to_string(),
            "message.timestamp.type" => match self.timestamp_type {
                TimestampType::CreateTime => "CreateTime".to_owned(),
                TimestampType::LogAppendTime => "LogAppendTime".to_owned(),
            },
            "min.insync.replicas" => self.min_insync_replicas.to_string(),
            "retention.bytes" => self.retention_bytes.map_or("-1".to_owned(), |bytes| bytes.to_string()),
            "retention.ms" => self.retention_ms.map_or("-1".to_owned(), |ms| ms.to_string()),
            "segment.bytes" => self.segment_bytes.to_string(),
            "segment.ms" => self.segment_ms.to_string(),
            _ => self.unclean_leader_election.to_string(),
        }
    }
}

impl MetadataImage {
    /// The settings of the topic of that name. A value in the log that this code does not understand is passed over.
    pub fn topic_config(&self, name: &Str, cfg: &BrokerConfig) -> TopicConfig {
        let mut config = TopicConfig::defaults(cfg);
        for (key, value) in self.config(&ConfigResource::topic(name.clone())).into_iter().flatten() {
            let _ = config.set(key, value);
        }
        config
    }
}

fn number(name: &str, value: &str, min: i64, max: i64) -> Result<i64, InvalidConfig> {
    let kind = if max == i64::MAX { "LONG" } else { "INT" };
    let not_a_number = |_| invalid(name, value, &format!("Not a number of type {kind}"));
    let parsed: i64 = value.trim().parse().map_err(not_a_number)?;
    if parsed < min {
        return Err(invalid(name, value, &format!("Value must be at least {min}")));
    }
    if parsed > max {
        return Err(invalid(name, value, &format!("Not a number of type {kind}")));
    }
    Ok(parsed)
}

fn boolean(name: &str, value: &str) -> Result<bool, InvalidConfig> {
    match value.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(invalid(name, value, "Expected value to be either true or false")),
    }
}

fn invalid(name: &str, value: &str, why: &str) -> InvalidConfig {
    InvalidConfig(format!("Invalid value {value} for configuration {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_can_be_set() {
        let config = TopicConfig::defaults(&BrokerConfig::new(0, vec![0]));
        let mut changed =
            TopicConfig { retention_ms: None, retention_bytes: Some(1), min_insync_replicas: 3, ..config };
        changed.timestamp_type = TimestampType::LogAppendTime;
        changed.flush = FlushPolicy::EveryWrite;
        changed.unclean_leader_election = true;
        for (from, mut to) in [(config, changed), (changed, config)] {
            for (name, value) in from.entries() {
                to.set(name, &value).expect("it is a value");
            }
            assert_eq!(to, from);
        }
    }

    /// Bounds of Kafka's `LogConfig`, inclusive. -1 and below are no limit for `retention.bytes`.
    const NUMBERS: [(&str, i64, i64); 10] = [
        ("internal.segment.bytes", 61, i32::MAX as i64),
        ("max.message.bytes", 0, i32::MAX as i64),
        ("message.timestamp.after.max.ms", 0, i64::MAX),
        ("message.timestamp.before.max.ms", 0, i64::MAX),
        ("min.insync.replicas", 1, i32::MAX as i64),
        ("retention.bytes", i64::MIN, i64::MAX),
        ("retention.ms", -1, i64::MAX),
        ("segment.bytes", 1 << 20, i32::MAX as i64),
        ("segment.ms", 1, i64::MAX),
        ("flush.messages", 1, i64::MAX),
    ];

    #[test]
    fn every_number_takes_kafka_s_bounds_and_nothing_beyond() {
        let mut config = TopicConfig::defaults(&BrokerConfig::new(0, vec![0]));
        for (name, min, max) in NUMBERS {
            for value in [min, max] {
                assert_eq!(config.set(name, &value.to_string()), Ok(()), "{name}={value}");
            }
            let (below, above) = (i128::from(min) - 1, i128::from(max) + 1);
            for value in [&below.to_string(), &above.to_string(), "", "many", "1.5", "0x10", "1 0"] {
                let refused = config.set(name, value).expect_err(name).to_string();
                assert!(refused.starts_with(&format!("Invalid value {value} for configuration {name}: ")), "{refused}");
            }
        }
    }

    #[test]
    fn words_are_kafka_s_and_only_booleans_know_no_case() {
        let mut config = TopicConfig::defaults(&BrokerConfig::new(0, vec![0]));
        for (name, taken, refused) in [
            ("unclean.leader.election.enable", ["TRUE", "False"], ["yes", "1"]),
            ("message.timestamp.type", ["CreateTime", "LogAppendTime"], ["createtime", ""]),
        ] {
            assert!(taken.iter().all(|value| config.set(name, value).is_ok()), "{name}");
            assert!(refused.iter().all(|value| config.set(name, value).is_err()), "{name}");
        }
        assert!(config.set("no.such.setting", "1").is_err());
    }
}
