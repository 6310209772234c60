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
    config.settings.groups.topic_replication_factor = brokers.min(3) as i16;
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
const NEVER: i64 = i64::MAX;

const INT_MAX: i64 = i32::MAX as i64;
/// The longest time that a timer of ours can be set to, in milliseconds: 292 years.
const MAX_MILLIS: i64 = (u64::MAX / 2 / 1_000_000) as i64;

/// What a setting may be, as Kafka's `ConfigDef` has it. Bounds are inclusive.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// A number.
    Number { min: i64, max: i64 },
    /// A limit: a number of at least `min`, or any below 0 for none.
    Limit { min: i64, max: i64 },
}

/// How one setting is read.
struct Setting {
    name: &'static str,
    kind: Kind,
    /// Takes the value: 1 for true, -1 for no limit. `None` if these brokers cannot do it.
    set: fn(&mut ClusterConfig, i64) -> Option<()>,
}

const fn boolean(name: &'static str, set: fn(&mut ClusterConfig, i64) -> Option<()>) -> Setting {
    Setting { name, kind: Kind::Boolean, set }
}

const fn number(name: &'static str, min: i64, max: i64, set: fn(&mut ClusterConfig, i64) -> Option<()>) -> Setting {
    Setting { name, kind: Kind::Number { min, max }, set }
}

const fn limit(name: &'static str, min: i64, max: i64, set: fn(&mut ClusterConfig, i64) -> Option<()>) -> Setting {
    Setting { name, kind: Kind::Limit { min, max }, set }
}

/// What `--config` takes. Names, units, meaning and bounds are Kafka's. Where Kafka has no lower bound for a time between
/// two attempts, it is 1 ms here. `log.segment.bytes` may be smaller than Kafka's 1 MiB, for tests with many segments.
const SETTINGS: &[Setting] = &[
    boolean("auto.create.topics.enable", |c, v| put(&mut c.settings.topic.auto_create, Ok(v == 1))),
    number("broker.heartbeat.interval.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.heartbeat_interval, v)),
    number("broker.session.timeout.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.session_timeout, v)),
    limit("connections.max.idle.ms", 0, MAX_MILLIS, |c, v| {
        c.max_idle = u64::try_from(v).map_or(Duration::MAX, Duration::from_millis);
        Some(())
    }),
    number("controller.quorum.election.timeout.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.election_timeout, v)),
    number("controller.quorum.fetch.timeout.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.quorum_fetch_timeout, v)),
    number("default.replication.factor", 1, i16::MAX as i64, |c, v| {
        put(&mut c.settings.topic.replication_factor, v.try_into())
    }),
    number("group.initial.rebalance.delay.ms", 0, INT_MAX, |c, v| {
        put(&mut c.settings.groups.initial_rebalance_delay_ms, v.try_into())
    }),
    number("group.max.session.timeout.ms", 1, INT_MAX, |c, v| {
        put(&mut c.settings.groups.max_session_timeout_ms, v.try_into())
    }),
    number("group.max.size", 1, INT_MAX, |c, v| put(&mut c.settings.groups.max_size, v.try_into())),
    number("group.min.session.timeout.ms", 1, INT_MAX, |c, v| {
        put(&mut c.settings.groups.min_session_timeout_ms, v.try_into())
    }),
    number("leader.imbalance.check.interval.seconds", 1, MAX_MILLIS / 1_000, |c, v| {
        put(&mut c.settings.rebalance_interval, v.try_into().map(Span::from_secs))
    }),
    number("log.flush.interval.messages", 1, i64::MAX, |c, v| {
        // Every write or none: what lies between is neither's promise.
        c.settings.log.flush = match v {
            1 => FlushPolicy::EveryWrite,
            NEVER => FlushPolicy::OperatingSystem,
            _ => return None,
        };
        Some(())
    }),
    number("log.index.interval.bytes", 0, INT_MAX, |c, v| put(&mut c.settings.log.index_interval_bytes, v.try_into())),
    number("log.message.timestamp.after.max.ms", 0, i64::MAX, |c, v| {
        put(&mut c.settings.log.timestamp_after_max_ms, Ok(v))
    }),
    number("log.message.timestamp.before.max.ms", 0, i64::MAX, |c, v| {
        put(&mut c.settings.log.timestamp_before_max_ms, Ok(v))
    }),
    limit("log.retention.bytes", 0, i64::MAX, |c, v| put(&mut c.settings.log.retention_bytes, Ok(v.try_into().ok()))),
    number("log.retention.check.interval.ms", 1, MAX_MILLIS, |c, v| millis(&mut c.settings.retention_interval, v)),
    limit("log.retention.hours", 1, INT_MAX, |c, v| retention(c, v, 3_600_000)),
    limit("log.retention.minutes", 1, INT_MAX, |c, v| retention(c, v, 60_000)),
    limit("log.retention.ms", 1, i64::MAX, |c, v| retention(c, v, 1)),
    number("log.roll.hours", 1, INT_MAX, |c, v| put(&mut c.settings.log.segment_ms, Ok(v * 3_600_000))),
    number("log.roll.ms", 1, i64::MAX, |c, v| put(&mut c.settings.log.segment_ms, Ok(v))),
    number("log.segment.bytes", MIN_SEGMENT_BYTES, INT_MAX, |c, v| {
        put(&mut c.settings.log.segment_bytes, v.try_into())
    }),
    number("log.segment.delete.delay.ms", 0, MAX_MILLIS, |c, v| millis(&mut c.settings.file_delete_delay, v)),
    number("message.max.bytes", 0, INT_MAX, |c, v| put(&mut c.settings.log.max_message_bytes, v.try_into())),
    number("min.insync.replicas", 1, INT_MAX, |c, v| put(&mut c.settings.topic.min_insync_replicas, v.try_into())),
    number("num.partitions", 1, INT_MAX, |c, v| put(&mut c.settings.topic.num_partitions, v.try_into())),
    number("offset.metadata.max.bytes", 0, INT_MAX, |c, v| {
        put(&mut c.settings.groups.offset_metadata_max_bytes, v.try_into())
    }),
    number("offsets.commit.timeout.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.groups.commit_timeout, v)),
    number("offsets.retention.check.interval.ms", 1, MAX_MILLIS, |c, v| {
        millis(&mut c.settings.groups.offsets_retention_check, v)
    }),
    number("offsets.retention.minutes", 1, INT_MAX, |c, v| {
        put(&mut c.settings.groups.offsets_retention_ms, Ok(v * 60_000))
    }),
    number("offsets.topic.num.partitions", 1, INT_MAX, |c, v| {
        put(&mut c.settings.groups.topic_partitions, v.try_into())
    }),
    number("offsets.topic.replication.factor", 1, i16::MAX as i64, |c, v| {
        put(&mut c.settings.groups.topic_replication_factor, v.try_into())
    }),
    number("offsets.topic.segment.bytes", 1 << 20, INT_MAX, |c, v| {
        put(&mut c.settings.groups.topic_segment_bytes, v.try_into())
    }),
    number("replica.fetch.wait.max.ms", 1, INT_MAX, |c, v| millis(&mut c.settings.replica_fetch_wait, v)),
    number("replica.lag.time.max.ms", 1, MAX_MILLIS, |c, v| millis(&mut c.settings.replica_lag, v)),
    number("socket.request.max.bytes", 1, INT_MAX, |c, v| put(&mut c.max_frame, v.try_into())),
    boolean("unclean.leader.election.enable", |c, v| put(&mut c.settings.topic.unclean_leader_election, Ok(v == 1))),
];

/// A segment must hold at least the header of a batch.
const MIN_SEGMENT_BYTES: i64 = 61;

/// Names of one setting in several units. The later one counts, in whatever order they are given.
const FAMILIES: &[&[&str]] =
    &[&["log.retention.hours", "log.retention.minutes", "log.retention.ms"], &["log.roll.hours", "log.roll.ms"]];

/// The names of all settings.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|known| known.name)
}

/// Takes settings, each `NAME=VALUE`. Of a name that is given twice the last value counts.
///
/// # Errors
/// With the setting that is wrong, and what would be right.
pub fn set_all<S: AsRef<str>>(config: &mut ClusterConfig, settings: &[S]) -> Result<(), WrongSetting> {
    let mut parsed = Vec::new();
    for setting in settings.iter().map(AsRef::as_ref) {
        let (name, value) = setting.split_once('=').ok_or_else(|| {
            WrongSetting::Value(format!("`{setting}` is no NAME=VALUE, such as message.max.bytes=5242880"))
        })?;
        let known = SETTINGS.iter().find(|known| known.name == name.trim());
        let known = known.ok_or_else(|| WrongSetting::Unknown(name.trim().to_owned()))?;
        parsed.push((known, value.trim()));
    }
    parsed.sort_by_key(|(known, _)| precedence(known.name));
    for (known, value) in parsed {
        let taken = read(known.kind, value).and_then(|read| match (known.set)(config, read) {
            Some(()) => Ok(()),
            None => Err(format!("these brokers flush every write (1) or leave it to the system ({NEVER})")),
        });
        taken.map_err(|why| WrongSetting::Value(format!("`{value}` is no value for {}: {why}", known.name)))?;
    }
    let (wait, lag) = (config.settings.replica_fetch_wait, config.settings.replica_lag);
    if wait > lag {
        let why = format!(
            "replica.fetch.wait.max.ms ({}) must not be above replica.lag.time.max.ms ({}): \
             followers would leave the ISR while they wait",
            wait.as_millis(),
            lag.as_millis()
        );
        return Err(WrongSetting::Value(why));
    }
    Ok(())
}

/// Why settings were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrongSetting {
    /// There is no setting of this name.
    Unknown(String),
    /// A value that a setting cannot have; the sentence says what it may be.
    Value(String),
}

/// The place of a setting within its family; those that have none are all alike.
fn precedence(name: &str) -> usize {
    FAMILIES.iter().find_map(|family| family.iter().position(|member| *member == name)).unwrap_or(0)
}

/// A value as a number, or what it may be.
fn read(kind: Kind, value: &str) -> Result<i64, String> {
    match kind {
        Kind::Boolean if value.eq_ignore_ascii_case("true") => Ok(1),
        Kind::Boolean if value.eq_ignore_ascii_case("false") => Ok(0),
        Kind::Boolean => Err("it is true or false".to_owned()),
        Kind::Number { min, max } => {
            let in_range = value.parse().ok().filter(|value| (min..=max).contains(value));
            in_range.ok_or_else(|| format!("it is a number from {min} to {max}"))
        }
        Kind::Limit { min, max } => {
            let parsed = value.parse::<i64>().ok();
            let in_range = parsed.map(|value| value.max(-1)).filter(|v| *v < 0 || (min..=max).contains(v));
            in_range.ok_or_else(|| format!("it is -1 for no limit, or a number from {min} to {max}"))
        }
    }
}

fn retention(config: &mut ClusterConfig, value: i64, unit_ms: i64) -> Option<()> {
    config.settings.log.retention_ms = (value >= 0).then(|| value.saturating_mul(unit_ms));
    Some(())
}

fn put<T>(to: &mut T, value: Result<T, std::num::TryFromIntError>) -> Option<()> {
    *to = value.ok()?;
    Some(())
}

fn millis(to: &mut Span, value: i64) -> Option<()> {
    put(to, value.try_into().map(Span::from_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &[String]) -> Result<ClusterConfig, WrongSetting> {
        let mut config = ClusterConfig::new(Vec::new(), BTreeMap::new());
        // What is checked against each other is out of the way.
        config.settings.replica_fetch_wait = Span::from_millis(1);
        config.settings.replica_lag = Span::from_millis(MAX_MILLIS as u64);
        set_all(&mut config, settings).map(|()| config)
    }

    /// What a kind of setting takes, and what it refuses.
    fn bounds(kind: Kind) -> (Vec<String>, Vec<String>) {
        let texts = |values: &[i128]| values.iter().map(i128::to_string).collect::<Vec<_>>();
        match kind {
            Kind::Boolean => {
                let taken = ["true", "FALSE", " True "].map(str::to_owned).to_vec();
                (taken, ["1", "yes", ""].map(str::to_owned).to_vec())
            }
            Kind::Number { min, max } => {
                let (min, max) = (i128::from(min), i128::from(max));
                (texts(&[min, max]), texts(&[min - 1, max + 1, i128::MIN]))
            }
            Kind::Limit { min, max } => {
                let mut refused = texts(&[i128::from(max) + 1]);
                refused.extend((min > 0).then(|| (min - 1).to_string()));
                (texts(&[-1, -2, i64::MIN.into(), min.into(), max.into()]), refused)
            }
        }
    }

    #[test]
    fn every_setting_takes_its_bounds_and_nothing_beyond() {
        for setting in SETTINGS {
            let (taken, refused) = bounds(setting.kind);
            for value in taken {
                let result = set(&[format!("{}={value}", setting.name)]);
                assert!(result.is_ok(), "{}={value}: {:?}", setting.name, result.err());
            }
            for value in refused.into_iter().chain(["many", "1.5", "0x10", "9".repeat(40).as_str()].map(str::to_owned))
            {
                let result = set(&[format!("{}={value}", setting.name)]).map(drop);
                assert!(
                    matches!(&result, Err(WrongSetting::Value(why)) if why.contains(setting.name)),
                    "{value}: {result:?}"
                );
            }
        }
    }

    #[test]
    fn the_finest_unit_of_a_family_counts_in_any_order() {
        let given = ["log.retention.ms=5", "log.retention.hours=1", "log.retention.minutes=2", "log.roll.ms=7"];
        let mut given = given.map(str::to_owned).to_vec();
        given.push("log.roll.hours=1".to_owned());
        let config = set(&given).unwrap();
        assert_eq!((config.settings.log.retention_ms, config.settings.log.segment_ms), (Some(5), 7));
        let config = set(&["log.retention.minutes=2".into(), "log.retention.hours=1".into()]).unwrap();
        assert_eq!(config.settings.log.retention_ms, Some(120_000));
        let config = set(&["log.retention.hours=-1".into()]).unwrap();
        assert_eq!(config.settings.log.retention_ms, None);
    }

    #[test]
    fn limits_below_zero_are_none() {
        let config = set(&["log.retention.ms=-2".into(), "connections.max.idle.ms=-1".into()]).unwrap();
        assert_eq!((config.settings.log.retention_ms, config.max_idle), (None, Duration::MAX));
    }

    #[test]
    fn followers_do_not_wait_longer_than_the_isr_does() {
        let given = ["replica.fetch.wait.max.ms=501".to_owned(), "replica.lag.time.max.ms=500".to_owned()];
        assert!(matches!(set(&given), Err(WrongSetting::Value(why)) if why.contains("replica.lag.time.max.ms")));
    }

    #[test]
    fn an_unknown_name_is_told_apart_from_a_wrong_value() {
        assert_eq!(set(&["no.such=1".into()]).map(drop), Err(WrongSetting::Unknown("no.such".to_owned())));
    }
}
