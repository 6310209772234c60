//! Whether what a scenario or plan says can be: clusters that exist, names that are known, times that fit.

use tribunal_contract::Span;

use super::cluster::{Cluster, MAX_BROKERS, Topic};
use super::expect::Expect;
use super::fault::{Fault, ScenarioFault};
use super::keys::Context;
use super::nearest::suggestion;
use super::random::RandomFaults;
use super::scenario::Scenario;
use super::target::{Partition, rack_name};
use super::units::{After, SpanRange};
use super::workload::{Consumer, Partitioner, Partitions, Producer, RecordKeys, Serializer, Workload};

mod faults;

/// What scenarios and plans have in common, as far as it is checked.
#[derive(Clone)]
pub(crate) struct Setup<'s> {
    pub(crate) duration: Span,
    pub(crate) cluster: &'s Cluster,
    pub(crate) topics: &'s [Topic],
    pub(crate) workloads: &'s [Workload],
    pub(crate) faults: Vec<Checked<'s>>,
    pub(crate) expect: &'s Expect,
}

/// A fault, as it is checked.
#[derive(Clone, Copy)]
pub(crate) enum Checked<'s> {
    Once(&'s Fault),
    Random(&'s RandomFaults),
}

impl<'s> Setup<'s> {
    pub(crate) fn of(scenario: &'s Scenario) -> Setup<'s> {
        let checked = |fault: &'s ScenarioFault| match fault {
            ScenarioFault::Once(fault) => Checked::Once(fault),
            ScenarioFault::Random(random) => Checked::Random(random),
        };
        Setup {
            duration: scenario.duration,
            cluster: &scenario.cluster,
            topics: &scenario.topics,
            workloads: &scenario.workloads,
            faults: scenario.faults.iter().map(checked).collect(),
            expect: &scenario.expect,
        }
    }

    fn topic(&self, name: &str) -> Option<&'s Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }
}

/// The most partitions of a topic.
const MAX_PARTITIONS: u32 = 1_000;
/// The most clients of a workload.
const MAX_CLIENTS: u32 = 1_000;

/// Checks all of a file but its name. Mistakes go to `cx`.
pub(crate) fn setup(cx: &mut Context, setup: &Setup<'_>) {
    positive(cx, "duration", setup.duration);
    cluster(cx, setup.cluster);
    // What only follows from one of these two is no second mistake.
    let mut likely = setup.cluster.clone();
    if !(1..=MAX_BROKERS).contains(&likely.brokers) {
        likely.brokers = MAX_BROKERS;
    }
    let duration = if setup.duration == Span::ZERO { Span(u64::MAX) } else { setup.duration };
    let setup = &Setup { cluster: &likely, duration, ..setup.clone() };
    for (index, topic) in setup.topics.iter().enumerate() {
        check_topic(cx, setup, index, topic);
    }
    if setup.workloads.is_empty() && cx.diagnostics.0.is_empty() {
        cx.error(0..0, "there is no [[workload]]: nothing would happen, and nothing could break", "");
    }
    for (index, workload) in setup.workloads.iter().enumerate() {
        let path = format!("workload[{index}]");
        known_topic(cx, setup, &format!("{path}.topic"), workload.topic());
        bounds(cx, &format!("{path}.clients"), workload.clients(), 1..=MAX_CLIENTS);
        match workload {
            Workload::Consumer(consumer) => check_consumer(cx, setup, &path, consumer),
            Workload::Producer(producer) => check_producer(cx, setup, &path, producer),
        }
    }
    faults::check(cx, setup);
    expect(cx, setup);
}

/// Checks a name that becomes the name of a folder.
pub(crate) fn name(cx: &mut Context, path: &str, name: &str) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' || c == '.';
    if cx.has(path) && (name.is_empty() || name.starts_with('.') || !name.chars().all(plain) || name.len() > 100) {
        let label = "lower case letters, digits and dashes: it names the folder of the runs";
        cx.error_at(path, format!("`{name}` is not a name"), label);
    }
}

fn cluster(cx: &mut Context, cluster: &Cluster) {
    if !bounds(cx, "cluster.brokers", cluster.brokers, 1..=MAX_BROKERS) {
        return;
    }
    let controllers = cluster.controllers;
    racks(cx, cluster);
    let first = cluster.first_brokers();
    if first == 0 {
        cx.error_at(
            "cluster.join_later",
            "there is no broker at first",
            format!("there are {} in all", cluster.brokers),
        );
    } else if controllers > first {
        let label = format!("there are {first} brokers");
        cx.error_at("cluster.controllers", format!("{controllers} controllers are more than there are brokers"), label);
    } else if controllers.is_multiple_of(2) {
        let label = "an even quorum survives no more losses than the odd one below it";
        cx.error_at("cluster.controllers", format!("the controller quorum must be odd, not {controllers}"), label);
    }
    for (key, span) in [
        ("session_timeout", cluster.session_timeout),
        ("heartbeat_interval", cluster.heartbeat_interval),
        ("replica_lag", cluster.replica_lag),
        ("replica_fetch_wait", cluster.replica_fetch_wait),
        ("election_timeout", cluster.election_timeout),
        ("fetch_timeout", cluster.fetch_timeout),
        ("request_timeout", cluster.request_timeout),
        ("retention_check", cluster.retention_check),
    ] {
        milliseconds(cx, &format!("cluster.{key}"), span);
    }
    if let After::Span(span) = cluster.leader_rebalance
        && span > Span::ZERO
    {
        milliseconds(cx, "cluster.leader_rebalance", span);
    }
    positive(cx, "cluster.latency", cluster.latency.max);
    if cluster.heartbeat_interval >= cluster.session_timeout && cluster.session_timeout > Span::ZERO {
        let label = format!("not below the session timeout, {:?}", cluster.session_timeout);
        cx.error_at("cluster.heartbeat_interval", "every broker would be fenced between two heartbeats", label);
    }
    if cluster.bandwidth == Some(0) {
        cx.error_at("cluster.bandwidth", "a bandwidth of zero", "left out, it is without limit");
    }
    if cluster.disk_throughput == Some(0) {
        cx.error_at("cluster.disk_throughput", "a disk that writes nothing", "left out, it is without limit");
    }
    segment(cx, "cluster.segment_bytes", cluster.segment_bytes);
}

fn check_topic(cx: &mut Context, setup: &Setup<'_>, index: usize, topic: &Topic) {
    let path = format!("topic[{index}]");
    let at = |key: &str| format!("{path}.{key}");
    let plain = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    let legal = topic.name.chars().all(plain) && ![".", ".."].contains(&topic.name.as_str()) && topic.name.len() <= 249;
    if cx.has(&at("name")) && (topic.name.is_empty() || !legal) {
        let label = "letters, digits, `.`, `_` and `-`, at most 249";
        cx.error_at(&at("name"), format!("`{}` is not a topic name", topic.name), label);
    } else if topic.name.starts_with("__") {
        cx.error_at(&at("name"), format!("`{}` is the name of an internal topic", topic.name), "choose another");
    } else if !topic.name.is_empty() && setup.topics[..index].iter().any(|other| other.name == topic.name) {
        cx.error_at(&at("name"), format!("two topics are called `{}`", topic.name), "this is the second");
    }
    bounds(cx, &at("partitions"), topic.partitions, 1..=MAX_PARTITIONS);
    let brokers = match setup.cluster.first_brokers() {
        // That is a mistake of its own.
        0 => setup.cluster.brokers,
        first => first,
    };
    if topic.replication > brokers {
        let label = format!("there are {brokers} brokers");
        cx.error_at(&at("replication"), format!("{} replicas need as many brokers", topic.replication), label);
    } else if bounds(cx, &at("replication"), topic.replication, 1..=MAX_BROKERS) && topic.min_insync > topic.replication
    {
        let message = format!("min_insync {} can never be met", topic.min_insync);
        cx.error_at(&at("min_insync"), message, format!("there are {} replicas", topic.replication));
    }
    bounds(cx, &at("min_insync"), topic.min_insync, 1..=MAX_BROKERS);
    largest_message(cx, &at("max_message_bytes"), topic.max_message_bytes);
    if let Some(bytes) = topic.segment_bytes {
        segment(cx, &at("segment_bytes"), bytes);
    }
}

/// Every broker has a rack, or none has.
fn racks(cx: &mut Context, cluster: &Cluster) {
    for (index, rack) in cluster.racks.iter().enumerate() {
        if !rack_name(rack) {
            let label = "letters, digits, dashes, dots and underscores";
            cx.error_at(&format!("cluster.racks[{index}]"), format!("`{rack}` is no name of a rack"), label);
        }
    }
    let (racks, brokers) = (cluster.racks.len(), cluster.brokers as usize);
    if racks > 0 && racks != brokers {
        cx.error_at("cluster.racks", format!("{racks} racks for {brokers} brokers"), "name one for each broker");
    }
}

/// The most records that a workload may send: the history of a run keeps them all, some hundred bytes each.
const MAX_SENDS: u64 = 10_000_000;

fn check_producer(cx: &mut Context, setup: &Setup<'_>, path: &str, producer: &Producer) {
    let at = |key: &str| format!("{path}.{key}");
    if producer.idempotent {
        cx.error_at(&at("idempotent"), "idempotent producers are not supported yet", "must be false");
    }
    let lasts = producer.lasts.unwrap_or_default();
    positive(cx, &at("for"), lasts);
    let end = producer.start.0.saturating_add(lasts.0);
    if producer.start >= setup.duration {
        cx.error_at(
            &at("start"),
            "a workload that starts after the end",
            format!("the run ends at {:?}", setup.duration),
        );
    } else if end > setup.duration.0 && lasts > Span::ZERO {
        let key = if cx.has(&at("for")) { at("for") } else { at("file") };
        let message = format!("the workload ends at {:?}, after the end", Span(end));
        cx.error_at(&key, message, format!("the run ends at {:?}", setup.duration));
    }
    let sends = producer.rate.map_or(0, |rate| lasts.0 / rate.interval().0.max(1));
    if sends > MAX_SENDS {
        let message = format!("{sends} records are more than a run can remember");
        cx.error_at(&at("rate"), message, format!("no workload may send more than {MAX_SENDS}"));
    }
    for (key, span) in [("retry_backoff", producer.retry_backoff), ("request_timeout", producer.request_timeout)] {
        positive(cx, &at(key), span);
    }
    let least = Span(producer.linger.0.saturating_add(producer.request_timeout.0));
    if producer.delivery_timeout < least {
        let label = format!("linger and request_timeout are {least:?}");
        cx.error_at(&at("delivery_timeout"), "delivery_timeout must be at least linger + request_timeout", label);
    }
    if !(1..=i32::MAX as u64).contains(&producer.max_request_size) {
        cx.error_at(&at("max_request_size"), "no size of a request", format!("from 1 to {}", i32::MAX));
    }
    if producer.null_value.is_some() && producer.file.is_none() {
        cx.error_at(&at("null_value"), "`null_value` goes with `file`", "generated values are never null");
    }
    bounds(cx, &at("max_in_flight"), producer.max_in_flight, 1..=1_000);
    if producer.batch_size > 1 << 20 {
        cx.error_at(&at("batch_size"), "a batch larger than a broker takes", "message.max.bytes is 1 MiB");
    }
    if producer.serializer == Serializer::Integer && cx.has(&at("value_size")) && !cx.plan {
        cx.error_at(
            &at("value_size"),
            "`value_size` does not go with serializer \"integer\"",
            "an integer has 8 bytes",
        );
    } else if producer.value_size.max > 1_000_000 {
        cx.error_at(&at("value_size"), "a value larger than a broker takes", "message.max.bytes is 1 MiB");
    }
    partitioner(cx, setup, &at, producer);
}

fn partitioner(cx: &mut Context, setup: &Setup<'_>, at: &dyn Fn(&str) -> String, producer: &Producer) {
    match (producer.partitioner, producer.partition) {
        (Partitioner::Explicit, None) => {
            cx.error_at(&at("partitioner"), "which partition?", "\"explicit\" needs `partition`");
        }
        (Partitioner::Explicit, Some(index)) => {
            let partition = Partition { topic: producer.topic.clone(), index };
            known_partition(cx, setup, &at("partition"), &partition);
        }
        (_, Some(_)) => {
            cx.error_at(&at("partition"), "`partition` goes with partitioner \"explicit\"", "leave it out");
        }
        (Partitioner::Key, None) => {
            let keyed = match &producer.file {
                Some(_) => producer.records.iter().any(|record| record.key.is_some()) || producer.records.is_empty(),
                None => producer.record_keys != RecordKeys::None,
            };
            if !keyed {
                cx.error_at(&at("partitioner"), "the records have no keys", "\"key\" needs `keys`, such as keys = 100");
            }
        }
        (Partitioner::RoundRobin | Partitioner::Sticky, None) => (),
    }
}

fn check_consumer(cx: &mut Context, setup: &Setup<'_>, path: &str, consumer: &Consumer) {
    let at = |key: &str| format!("{path}.{key}");
    if let Partitions::These(these) = &consumer.partitions {
        if these.is_empty() {
            cx.error_at(&at("partitions"), "a consumer of no partition", "name one, or \"all\"");
        }
        for (position, &index) in these.iter().enumerate() {
            let path = format!("{}[{position}]", at("partitions"));
            known_partition(cx, setup, &path, &Partition { topic: consumer.topic.clone(), index });
            if these[..position].contains(&index) {
                cx.error_at(&path, format!("partition {index} twice"), "");
            }
        }
    }
    if consumer.start >= setup.duration {
        let label = format!("the run ends at {:?}", setup.duration);
        cx.error_at(&at("start"), "a workload that starts after the end", label);
    }
    positive(cx, &at("request_timeout"), consumer.request_timeout);
    if consumer.fetch_max_wait >= consumer.request_timeout && consumer.request_timeout > Span::ZERO {
        let label = format!("not below request_timeout, {:?}", consumer.request_timeout);
        cx.error_at(&at("fetch_max_wait"), "every idle fetch would time out", label);
    }
    bounds(cx, &at("max_poll_records"), consumer.max_poll_records, 1..=1_000_000);
}

fn expect(cx: &mut Context, setup: &Setup<'_>) {
    let expect = setup.expect;
    let lists = [("never", &expect.never), ("must", &expect.must), ("allow", &expect.allow)];
    for (list, (key, names)) in lists.iter().enumerate() {
        for (index, name) in names.iter().enumerate() {
            let path = format!("expect.{key}[{index}]");
            if names[..index].contains(name) {
                cx.error_at(&path, format!("`{}` twice", name.name()), "");
            }
            for (other, others) in &lists[..list] {
                if others.contains(name) {
                    let message = format!("`{}` cannot be in both `{other}` and `{key}`", name.name());
                    cx.error_at(&path, message, "this is the second");
                }
            }
        }
    }
    for (index, on) in expect.allow_on.iter().enumerate() {
        let path = format!("expect.allow_on[{index}]");
        known_topic(cx, setup, &format!("{path}.topic"), &on.topic);
        if expect.allow_on[..index].iter().any(|other| other.topic == on.topic) {
            cx.error_at(&format!("{path}.topic"), format!("topic `{}` twice", on.topic), "");
        }
        if on.properties.is_empty() {
            cx.error_at(&format!("{path}.properties"), "nothing is allowed", "name a property, or leave this out");
        }
        for (n, name) in on.properties.iter().enumerate() {
            for (other, others) in &lists[1..] {
                if others.contains(name) {
                    let message = format!("`{}` is in `{other}` already, which means every topic", name.name());
                    cx.error_at(&format!("{path}.properties[{n}]"), message, "");
                }
            }
        }
    }
    positive(cx, "expect.eventually.produce_within", expect.eventually.produce_within);
    positive(cx, "expect.eventually.consume_within", expect.eventually.consume_within);
}

/// A mistake if there is no such topic; says whether there is.
fn known_topic(cx: &mut Context, setup: &Setup<'_>, path: &str, name: &str) -> bool {
    let known: Vec<&str> =
        setup.topics.iter().map(|topic| topic.name.as_str()).filter(|name| !name.is_empty()).collect();
    let found = known.contains(&name);
    // A missing name has been reported as missing.
    if !found && !name.is_empty() {
        cx.error_at(path, format!("unknown topic `{name}`"), suggestion(name, &known));
    }
    found
}

fn known_partition(cx: &mut Context, setup: &Setup<'_>, path: &str, partition: &Partition) {
    if !known_topic(cx, setup, path, &partition.topic) {
        return;
    }
    let count = setup.topic(&partition.topic).map_or(0, |topic| topic.partitions);
    if partition.index >= count {
        let label = if count == 1 {
            "it has partition 0 only".into()
        } else {
            format!("it has partitions 0 to {}", count.max(1) - 1)
        };
        cx.error_at(path, format!("`{}` has no partition {}", partition.topic, partition.index), label);
    }
}

/// A mistake if `max.message.bytes` is more than Kafka's setting can be, or too little for the records that are written
/// once the cluster is healed.
fn largest_message(cx: &mut Context, path: &str, bytes: Option<u64>) {
    match bytes {
        Some(bytes) if bytes > i32::MAX as u64 => {
            cx.error_at(path, "more than max.message.bytes can be", format!("at most {}", i32::MAX));
        }
        Some(bytes) if bytes < MIN_LARGEST_MESSAGE => {
            let label = "at least 1KiB, for the records that probe the healed cluster";
            cx.error_at(path, format!("batches of {bytes} bytes at most"), label);
        }
        _ => {}
    }
}

/// The smallest `max.message.bytes` of a scenario.
const MIN_LARGEST_MESSAGE: u64 = 1 << 10;

/// A mistake if a broker's time is below the millisecond in which Kafka counts: a run would do nothing else.
fn milliseconds(cx: &mut Context, path: &str, span: Span) {
    if span > Span::ZERO && span < Span::from_millis(1) {
        cx.error_at(path, "a time that Kafka cannot count", "must be at least 1ms");
    }
    positive(cx, path, span);
}

/// A mistake if a time is zero.
fn positive(cx: &mut Context, path: &str, span: Span) {
    if span == Span::ZERO {
        cx.error_at(path, "a time of zero", "must be more than 0");
    }
}

/// A mistake if a range of times begins at zero.
fn positive_range(cx: &mut Context, path: &str, range: SpanRange) {
    positive(cx, path, range.min);
}

/// A mistake if a number is out of bounds; says whether it is within.
fn bounds(cx: &mut Context, path: &str, number: u32, bounds: std::ops::RangeInclusive<u32>) -> bool {
    let within = bounds.contains(&number);
    if !within {
        let key = path.rsplit('.').next().unwrap_or(path);
        let label = format!("must be from {} to {}", bounds.start(), bounds.end());
        cx.error_at(path, format!("`{key}` cannot be {number}"), label);
    }
    within
}

fn segment(cx: &mut Context, path: &str, bytes: u64) {
    if !(1_024..=1 << 30).contains(&bytes) {
        cx.error_at(path, format!("segments of {bytes} bytes"), "must be from 1KiB to 1GiB");
    }
}
