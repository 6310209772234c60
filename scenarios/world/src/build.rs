//! From a plan to machines.

use std::sync::Arc;

use bytes::Bytes;
use tribunal_client::{Acks, ConsumerConfig, NetConfig, OffsetReset, Partitioner, ProducerConfig, ProducerRecord};
use tribunal_common::{Bug, Bugs, FlushPolicy};
use tribunal_contract::{NodeId, Span};
use tribunal_core::BrokerConfig;
use tribunal_language::plan::Plan;
use tribunal_language::{
    After, Cluster, Consumer, From, Partitions, Producer, RecordKeys, Serializer, SpanRange, Topic, Workload,
};
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use tribunal_protocol::{Str, Uuid};
use tribunal_records::Header;
use tribunal_sim::{Config, DiskConfig, Latency, NetConfig as SimNet, Range, stable_hash};

use crate::apps::{
    AdminAppConfig, ConsumerAppConfig, DueRecord, Generated, ProducerAppConfig, Source, ValueFormat, Values,
};

/// The node that creates the topics.
pub(super) const ADMIN: NodeId = NodeId(0);

/// A client of a plan.
#[derive(Clone, Debug)]
pub(super) enum ClientConfig {
    Consumer(ConsumerAppConfig),
    Producer(ProducerAppConfig),
}

/// A client and what people call it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) config: ClientConfig,
}

pub(super) fn kernel_config(plan: &Plan, record_trace: bool) -> Config {
    let mut config = Config::new(plan.seed);
    config.record_trace = record_trace;
    config.rare = plan.cluster.rare_paths.iter().fold(0, |sites, path| sites | 1 << *path as u8);
    config.net = SimNet {
        latency: latency(plan.cluster.latency),
        spread_percent: plan.cluster.link_spread,
        bandwidth: plan.cluster.bandwidth,
        ..SimNet::default()
    };
    config.disk = DiskConfig {
        sync_latency: range(plan.cluster.sync_latency),
        throughput: plan.cluster.disk_throughput,
        ..DiskConfig::default()
    };
    config
}

pub(super) fn latency(range: SpanRange) -> Latency {
    if range.min == range.max {
        return Latency::fixed(range.min);
    }
    // Most messages near the minimum, few near the maximum.
    Latency::exponential(range.min, Span::from_nanos((range.max - range.min).as_nanos() / 4), range.max)
}

fn range(range: SpanRange) -> Range {
    Range { min: range.min, max: range.max }
}

/// The configuration of broker `id` in its `incarnation`th life.
pub(super) fn broker_config(cluster: &Cluster, seed: u64, bugs: &[Bug], id: u32, incarnation: u32) -> BrokerConfig {
    let voters = cluster.controller_ids().map(|id| id as i32).collect();
    let mut cfg = BrokerConfig::new(id as i32, voters);
    cfg.incarnation = Uuid(u128::from(stable_hash(&(seed, id, incarnation))) << 64 | u128::from(incarnation) | 1);
    cfg.rack = cluster.racks.get(id as usize - 1).map(|rack| Str::from(rack.as_str()));
    cfg.election_timeout = cluster.election_timeout;
    cfg.quorum_fetch_timeout = cluster.fetch_timeout;
    cfg.request_timeout = cluster.request_timeout;
    cfg.snapshot_every = cluster.snapshot_every;
    cfg.heartbeat_interval = cluster.heartbeat_interval;
    cfg.session_timeout = cluster.session_timeout;
    cfg.replica_lag = cluster.replica_lag;
    cfg.replica_fetch_wait = cluster.replica_fetch_wait;
    // Kafka's minute would outlast most runs.
    cfg.file_delete_delay = Span::from_secs(2);
    cfg.retention_interval = cluster.retention_check;
    cfg.rebalance_interval = match cluster.leader_rebalance {
        After::Span(span) => span,
        After::Never => Span::ZERO,
    };
    cfg.truncation = cluster.truncation;
    cfg.topic.auto_create = false;
    cfg.log.segment_bytes = cluster.segment_bytes.min(u64::from(u32::MAX)) as u32;
    cfg.log.flush = cluster.flush;
    cfg.log.retention_ms = None;
    // Records from files bring the times of their own world, of which the simulated clocks know nothing.
    cfg.log.timestamp_after_max_ms = i64::MAX;
    cfg.bugs = bugs.iter().fold(Bugs::NONE, |bugs, &bug| bugs.with(bug));
    cfg
}

pub(super) fn broker_nodes(cluster: &Cluster) -> Vec<NodeId> {
    cluster.broker_ids().map(NodeId).collect()
}

pub(super) fn admin_config(plan: &Plan) -> AdminAppConfig {
    AdminAppConfig { brokers: broker_nodes(&plan.cluster), topics: plan.topics.iter().map(topic).collect() }
}

fn topic(topic: &Topic) -> CreatableTopic {
    let mut configs = vec![
        ("min.insync.replicas", topic.min_insync.to_string()),
        ("unclean.leader.election.enable", topic.unclean_election.to_string()),
    ];
    if let Some(flush) = topic.flush {
        let messages = if flush == FlushPolicy::EveryWrite { 1 } else { i64::MAX };
        configs.push(("flush.messages", messages.to_string()));
    }
    let optional = [
        ("internal.segment.bytes", topic.segment_bytes),
        ("retention.ms", topic.retention_ms),
        ("retention.bytes", topic.retention_bytes),
        ("max.message.bytes", topic.max_message_bytes),
    ];
    configs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?.to_string()))));
    CreatableTopic {
        name: Str::from(topic.name.as_str()),
        num_partitions: topic.partitions as i32,
        replication_factor: topic.replication as i16,
        configs: configs
            .into_iter()
            .map(|(name, value)| CreatableTopicConfig { name: Str::from_static(name), value: Some(Str::from(value)) })
            .collect(),
        ..Default::default()
    }
}

/// Every client of the plan, producers and consumers each counted from 0, in the order of the workloads.
pub(super) fn clients(plan: &Plan) -> Vec<Client> {
    let brokers = broker_nodes(&plan.cluster);
    let mut clients = Vec::new();
    let (mut producers, mut consumers) = (0, 0);
    for workload in &plan.workloads {
        match workload {
            Workload::Producer(producer) => {
                for share in 0..producer.clients {
                    let name = format!("producer {producers}");
                    let config = producer_app(plan, producer, share, producers, &brokers);
                    clients.push(Client { name, config: ClientConfig::Producer(config) });
                    producers += 1;
                }
            }
            Workload::Consumer(consumer) => {
                for _ in 0..consumer.clients {
                    let config = consumer_app(plan, consumer, &brokers);
                    clients
                        .push(Client { name: format!("consumer {consumers}"), config: ClientConfig::Consumer(config) });
                    consumers += 1;
                }
            }
        }
    }
    clients
}

fn producer_app(plan: &Plan, producer: &Producer, share: u32, number: u32, brokers: &[NodeId]) -> ProducerAppConfig {
    let mut client = ProducerConfig::new(brokers.to_vec());
    client.acks = match producer.acks {
        tribunal_language::Acks::All => Acks::All,
        tribunal_language::Acks::Leader => Acks::Leader,
        tribunal_language::Acks::None => Acks::None,
    };
    client.partitioner = match producer.partitioner {
        tribunal_language::Partitioner::Key | tribunal_language::Partitioner::Explicit => Partitioner::KeyHash,
        tribunal_language::Partitioner::RoundRobin => Partitioner::RoundRobin,
        tribunal_language::Partitioner::Sticky => Partitioner::Sticky,
    };
    client.linger = producer.linger;
    client.batch_size = producer.batch_size.min(u64::from(u32::MAX)) as u32;
    client.max_request_size = producer.max_request_size.min(u64::from(u32::MAX)) as u32;
    client.max_in_flight = producer.max_in_flight.min(255) as u8;
    client.retries = producer.retries;
    client.delivery_timeout = producer.delivery_timeout;
    client.max_block = producer.delivery_timeout;
    client.net.retry_backoff = producer.retry_backoff;
    client.net.request_timeout = producer.request_timeout;
    let source = if producer.file.is_some() {
        Source::Given(file_records(producer, share))
    } else {
        generated(plan, producer, share, number)
    };
    ProducerAppConfig { client, start_after: producer.start, source }
}

fn generated(plan: &Plan, producer: &Producer, share: u32, number: u32) -> Source {
    let partition = match producer.partitioner {
        tribunal_language::Partitioner::Explicit => producer.partition.map(|partition| partition as i32),
        _ => None,
    };
    let keys = match producer.record_keys {
        RecordKeys::Distinct(keys) => Some(keys),
        RecordKeys::None => None,
    };
    let values = Values {
        client: Str::from(format!("p{number}")),
        number,
        format: match producer.serializer {
            Serializer::Integer => ValueFormat::Integer,
            Serializer::Json => ValueFormat::Json,
            Serializer::Bytes | Serializer::String => ValueFormat::Text,
        },
    };
    let topic = Str::from(producer.topic.as_str());
    let interval = producer.rate.map_or(Span::from_millis(10), |rate| rate.interval());
    // Clients take turns, so that together they have the rate.
    let own = interval.times(u64::from(producer.clients.max(1)));
    let lasts = producer.lasts.unwrap_or(plan.duration);
    let offset = interval.times(u64::from(share));
    let at: Option<Arc<[Span]>> = producer.at.as_ref().map(|at| at.iter().copied().collect());
    let count = match &at {
        Some(at) => at.len() as u64,
        None => (lasts - offset).as_nanos().div_ceil(own.as_nanos().max(1)),
    };
    Source::Generated(Generated {
        topic,
        partition,
        interval: own,
        at,
        count,
        keys,
        values,
        value_size: (producer.value_size.min, producer.value_size.max),
    })
}

/// The file's records, dealt out to the clients by key so that the order within a key stays; due at their rate, or as
/// their timestamps follow each other.
fn file_records(producer: &Producer, share: u32) -> Arc<[DueRecord]> {
    let first = producer.records.first().map_or(0, |record| record.timestamp_ms);
    let own = |n: usize, key: &Option<String>| {
        let place = key.as_ref().map_or(n as u64, stable_hash);
        place % u64::from(producer.clients.max(1)) == u64::from(share)
    };
    producer
        .records
        .iter()
        .enumerate()
        .filter(|(n, record)| own(*n, &record.key))
        .map(|(n, record)| DueRecord {
            due: match producer.rate {
                Some(rate) => rate.interval().times(n as u64),
                None => Span::from_millis((record.timestamp_ms - first).max(0) as u64),
            },
            record: ProducerRecord {
                topic: Str::from(producer.topic.as_str()),
                partition: match producer.partitioner {
                    tribunal_language::Partitioner::Explicit => producer.partition.map(|partition| partition as i32),
                    _ => None,
                },
                timestamp: Some(record.timestamp_ms),
                key: record.key.as_ref().map(|key| Bytes::copy_from_slice(key.as_bytes())),
                value: record.value.as_ref().map(|value| serialize(value, producer.serializer)),
                headers: record
                    .headers
                    .iter()
                    .map(|(key, value)| Header::new(key, Some(Bytes::copy_from_slice(value.as_bytes()))))
                    .collect(),
            },
        })
        .collect()
}

fn serialize(value: &str, serializer: Serializer) -> Bytes {
    match serializer {
        // Checked when the file was read.
        Serializer::Integer => Bytes::copy_from_slice(&value.trim().parse::<i64>().unwrap_or(0).to_be_bytes()),
        _ => Bytes::copy_from_slice(value.as_bytes()),
    }
}

fn consumer_app(plan: &Plan, consumer: &Consumer, brokers: &[NodeId]) -> ConsumerAppConfig {
    let mut client = ConsumerConfig::new(brokers.to_vec());
    client.offset_reset = match consumer.from {
        From::Earliest => OffsetReset::Earliest,
        From::Latest => OffsetReset::Latest,
        From::ByDuration(age) => OffsetReset::ByDuration(age),
    };
    client.max_wait = consumer.fetch_max_wait;
    client.min_bytes = consumer.fetch_min_bytes as i32;
    client.max_partition_bytes = consumer.max_partition_fetch_bytes.min(i32::MAX as u64) as i32;
    client.net.request_timeout = consumer.request_timeout;
    let topic = Str::from(consumer.topic.as_str());
    let partitions = match &consumer.partitions {
        Partitions::These(partitions) => partitions.iter().map(|&p| (topic.clone(), p as i32)).collect(),
        Partitions::All => {
            let count = plan.topics.iter().find(|t| t.name == consumer.topic).map_or(0, |t| t.partitions);
            (0..count).map(|p| (topic.clone(), p as i32)).collect()
        }
    };
    ConsumerAppConfig { client, partitions, start_after: consumer.start, max_poll_records: consumer.max_poll_records }
}

/// Every partition of every topic.
pub(super) fn all_partitions(plan: &Plan) -> Vec<(Str, i32)> {
    let of = |topic: &Topic| {
        let name = Str::from(topic.name.as_str());
        (0..topic.partitions as i32).map(move |partition| (name.clone(), partition))
    };
    plan.topics.iter().flat_map(of).collect()
}

/// Reads everything from the beginning, when all else is done.
pub(super) fn auditor(plan: &Plan) -> ConsumerAppConfig {
    let mut client = ConsumerConfig::new(broker_nodes(&plan.cluster));
    client.offset_reset = OffsetReset::Earliest;
    client.net = quick(client.net);
    ConsumerAppConfig { client, partitions: all_partitions(plan), start_after: Span::ZERO, max_poll_records: 10_000 }
}

/// Writes a few records to every partition, once the cluster is healed.
pub(super) fn prober(plan: &Plan) -> ProducerAppConfig {
    let mut client = ProducerConfig::new(broker_nodes(&plan.cluster));
    client.net = quick(client.net);
    client.delivery_timeout = Span::from_secs(60);
    client.max_block = Span::from_secs(60);
    let records = all_partitions(plan).into_iter().enumerate().map(|(n, partition)| probe(n as u64, partition));
    ProducerAppConfig { client, start_after: Span::ZERO, source: Source::Given(records.collect()) }
}

/// The `n`th record of the prober, for a partition.
pub(super) fn probe(n: u64, (topic, partition): (Str, i32)) -> DueRecord {
    let values = Values { client: Str::from_static("probe"), number: u32::from(u16::MAX), format: ValueFormat::Text };
    let record = ProducerRecord {
        topic,
        partition: Some(partition),
        timestamp: None,
        key: None,
        value: Some(values.value(n, 16)),
        headers: Vec::new(),
    };
    DueRecord { due: Span::ZERO, record }
}

/// Clients of the liveness phase must not wait where the cluster does not.
fn quick(mut net: NetConfig) -> NetConfig {
    net.request_timeout = Span::from_secs(2);
    net.retry_backoff = Span::from_millis(50);
    net.retry_backoff_max = Span::from_millis(200);
    net.reconnect_backoff = Span::from_millis(50);
    net.reconnect_backoff_max = Span::from_millis(200);
    net.allow_auto_create = false;
    net
}
