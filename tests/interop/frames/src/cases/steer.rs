//! Turns random values towards the state: names and offsets that exist, waits that end, nothing that would leave the
//! two servers in states that cannot be compared.

use bytes::Bytes;
use tribunal_protocol::{RequestBody, Sampler, Str, Uuid};

use super::admin::SETTINGS;
use super::produce::{MADE, batch, id_of};

const NAMES: &[&str] = &["plain", "plain", "strict", "small", "stamped", "empty", "doomed", "nowhere", "no/where", ""];
const NUMBERS: &[i32] = &[0, 0, 0, 1, 2, 3, -1];
const OFFSETS: &[i64] = &[0, 3, 10, 29, 30, 31, -1, i64::MAX];
const EPOCHS: &[i32] = &[-1, -1, -1, 0, 0, 1, 7];
const TIMESTAMPS: &[i64] = &[-1, -2, -3, MADE, MADE + 4_005, MADE + 90_000, 0];

fn pick<T: Copy>(g: &mut Sampler, of: &[T]) -> T {
    of[g.below(of.len())]
}

fn name(g: &mut Sampler) -> Str {
    Str::from_static(pick(g, NAMES))
}

/// The name or the id of a topic, whichever the version has.
fn topic(g: &mut Sampler, by_id: bool) -> (Str, Uuid) {
    let name = pick(g, NAMES);
    if by_id { (Str::new(), id_of(name)) } else { (Str::from_static(name), Uuid::ZERO) }
}

/// One of each three numbers stays what chance made it.
fn numbered<T: Copy>(g: &mut Sampler, value: &mut T, of: &[T]) {
    if g.below(3) > 0 {
        *value = pick(g, of);
    }
}

pub(super) fn steer(body: &mut RequestBody, version: i16, g: &mut Sampler) {
    match body {
        RequestBody::AlterPartitionReassignments(request) => {
            request.timeout_ms = 5_000;
            for topic in &mut request.topics {
                topic.name = name(g);
                topic.partitions.iter_mut().for_each(|partition| numbered(g, &mut partition.partition_index, NUMBERS));
                for replicas in topic.partitions.iter_mut().filter_map(|partition| partition.replicas.as_mut()) {
                    replicas.truncate(2);
                    replicas.iter_mut().for_each(|replica| numbered(g, replica, &[1, 1, 2]));
                }
            }
        }
        RequestBody::CreatePartitions(request) => {
            request.validate_only = true;
            request.timeout_ms = 5_000;
            for topic in &mut request.topics {
                topic.name = name(g);
                topic.count = pick(g, &[-1, 0, 1, 2, 4, 4, 5]);
                for assigned in topic.assignments.iter_mut().flatten() {
                    assigned.broker_ids.iter_mut().for_each(|broker| numbered(g, broker, &[1, 1, 1, 7]));
                }
            }
        }
        RequestBody::CreateTopics(request) => {
            request.validate_only = true;
            request.timeout_ms = 5_000;
            request.topics.truncate(1);
            for topic in &mut request.topics {
                if g.bool() {
                    topic.name = name(g);
                }
                // Which of several wrong settings is named is anyone's choice.
                topic.configs.truncate(1);
            }
        }
        RequestBody::DeleteRecords(request) => {
            request.timeout_ms = 5_000;
            for topic in &mut request.topics {
                topic.name = Str::from_static(pick(g, &["nowhere", "no/where", "empty"]));
                topic.partitions.iter_mut().for_each(|partition| numbered(g, &mut partition.partition_index, NUMBERS));
            }
        }
        RequestBody::DescribeConfigs(request) => {
            request.include_documentation = false;
            for resource in &mut request.resources {
                resource.resource_type = pick(g, &[2, 2, 2, 0]);
                resource.resource_name = name(g);
                let keys = (0..1 + g.below(4)).map(|_| Str::from_static(pick(g, SETTINGS)));
                resource.configuration_keys = Some(keys.collect());
            }
        }
        RequestBody::DescribeLogDirs(request) => {
            for topic in request.topics.iter_mut().flatten() {
                topic.topic = name(g);
                topic.partitions.iter_mut().for_each(|partition| numbered(g, partition, NUMBERS));
            }
        }
        RequestBody::DescribeTopicPartitions(request) => {
            for topic in &mut request.topics {
                topic.name = Str::from_static(pick(g, &["plain", "strict", "empty", "nowhere", "no/where"]));
            }
            request.response_partition_limit = pick(g, &[-1, 0, 1, 2, 3, 2_000]);
            if let Some(cursor) = &mut request.cursor {
                cursor.topic_name = Str::from_static(pick(g, &["plain", "strict", "nowhere"]));
                cursor.partition_index = pick(g, &[-1, 0, 0, 1, 2, 9]);
            }
        }
        RequestBody::DeleteTopics(request) => {
            request.timeout_ms = 5_000;
            request.topics.truncate(1);
            for topic in &mut request.topics {
                (topic.name, topic.topic_id) = (None, id_of("nowhere"));
            }
        }
        RequestBody::DescribeQuorum(request) => {
            for topic in &mut request.topics {
                topic.topic_name = Str::from_static(pick(g, &["__cluster_metadata", "plain"]));
            }
        }
        RequestBody::ElectLeaders(request) => {
            request.timeout_ms = 5_000;
            request.election_type = if version >= 1 { pick(g, &[0, 1]) } else { 0 };
            if let Some(topics) = &mut request.topic_partitions {
                topics.truncate(1);
            }
            for topic in request.topic_partitions.iter_mut().flatten() {
                topic.topic = name(g);
                topic.partitions.iter_mut().for_each(|partition| numbered(g, partition, NUMBERS));
            }
        }
        RequestBody::Fetch(request) => {
            request.max_wait_ms = pick(g, &[0, 0, 1, 20]);
            request.min_bytes = pick(g, &[0, 1, 100]);
            request.max_bytes = pick(g, &[1, 200, 1 << 20, i32::MAX]);
            request.isolation_level = pick(g, &[0, 0, 1]);
            request.cluster_id = None;
            // A replica's fetch moves a leader's state, and sessions are each server's own.
            request.replica_id = -1;
            request.replica_state = Default::default();
            (request.session_id, request.session_epoch) = (0, -1);
            request.forgotten_topics_data.clear();
            request.topics.truncate(1);
            for wanted in &mut request.topics {
                (wanted.topic, wanted.topic_id) = topic(g, version >= 13);
                wanted.partitions.truncate(1);
                for partition in &mut wanted.partitions {
                    numbered(g, &mut partition.partition, NUMBERS);
                    numbered(g, &mut partition.fetch_offset, OFFSETS);
                    partition.partition_max_bytes = pick(g, &[1, 130, 1 << 20]);
                    if version >= 9 {
                        numbered(g, &mut partition.current_leader_epoch, EPOCHS);
                    }
                    if version >= 12 {
                        numbered(g, &mut partition.last_fetched_epoch, EPOCHS);
                    }
                }
            }
        }
        RequestBody::FindCoordinator(request) => {
            request.key_type = pick(g, &[0, 1, 9, -1]);
            // Answers are told apart by what they are to.
            for key in request.coordinator_keys.iter_mut().filter(|key| key.is_empty()) {
                *key = Str::from_static("group");
            }
        }
        RequestBody::IncrementalAlterConfigs(request) => {
            request.validate_only = true;
            for resource in &mut request.resources {
                resource.resource_type = pick(g, &[2, 2, 2, 0]);
                resource.resource_name = name(g);
                // Which of several mistakes is named is anyone's choice.
                resource.configs.truncate(1);
                for change in &mut resource.configs {
                    change.name = Str::from_static(pick(g, SETTINGS));
                    change.config_operation = pick(g, &[0, 0, 1, 2, 3]);
                    change.value = pick(g, &[Some("1"), Some("60000"), Some("soon"), None]).map(Str::from_static);
                }
            }
        }
        RequestBody::ListOffsets(request) => {
            numbered(g, &mut request.replica_id, &[-1, -1, -2]);
            request.topics.truncate(1);
            for topic in &mut request.topics {
                topic.name = name(g);
                topic.partitions.truncate(1);
                for partition in &mut topic.partitions {
                    numbered(g, &mut partition.partition_index, NUMBERS);
                    numbered(g, &mut partition.timestamp, TIMESTAMPS);
                    if version >= 4 {
                        numbered(g, &mut partition.current_leader_epoch, EPOCHS);
                    }
                }
            }
        }
        RequestBody::Metadata(request) => {
            // What is created by being asked for gets an id of each server's own.
            let creates = version < 4;
            request.allow_auto_topic_creation = creates;
            if let Some(topics) = &mut request.topics {
                topics.truncate(1);
            }
            for topic in request.topics.iter_mut().flatten() {
                let known = if creates { "plain" } else { pick(g, NAMES) };
                let by_id = version >= 12 && g.bool();
                topic.topic_id = if by_id { id_of(known) } else { Uuid::ZERO };
                topic.name = (!by_id).then(|| Str::from_static(known));
            }
        }
        RequestBody::OffsetForLeaderEpoch(request) => {
            if version >= 3 {
                numbered(g, &mut request.replica_id, &[-1, -1, -2]);
            }
            request.topics.truncate(1);
            for topic in &mut request.topics {
                topic.topic = name(g);
                topic.partitions.truncate(1);
                for partition in &mut topic.partitions {
                    numbered(g, &mut partition.partition, NUMBERS);
                    numbered(g, &mut partition.leader_epoch, EPOCHS);
                    numbered(g, &mut partition.current_leader_epoch, EPOCHS);
                }
            }
        }
        RequestBody::Produce(request) => {
            // A topic twice is a case by hand.
            request.topic_data.truncate(1);
            request.acks = pick(g, &[-1, -1, 1]);
            request.timeout_ms = 500;
            request.transactional_id = None;
            for data in &mut request.topic_data {
                (data.name, data.topic_id) = topic(g, version >= 13);
                data.partition_data.truncate(1);
                for partition in &mut data.partition_data {
                    numbered(g, &mut partition.index, NUMBERS);
                    partition.records = records(g);
                }
            }
        }
        // Never the one that is there.
        RequestBody::UnregisterBroker(request) => request.broker_id = 77,
        _ => {}
    }
}

/// A batch, mostly a good one; of chance's bytes, or with one byte changed.
fn records(g: &mut Sampler) -> Option<Bytes> {
    let good = batch(MADE + g.below(10_000) as i64, &[b"random", b"records"]);
    Some(match g.below(8) {
        0 => g.bytes(),
        1 => {
            let mut bytes = good.to_vec();
            let at = g.below(bytes.len());
            bytes[at] ^= 1 << g.below(8);
            bytes.into()
        }
        _ => good,
    })
}
