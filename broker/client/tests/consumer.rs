//! The consumer against brokers that follow a script.

mod world;

use tribunal_client::{ConsumerConfig, OffsetReset, SeekTo};
use tribunal_common::{ClientObs, TopicIdPartition};
use tribunal_contract::NodeId;
use tribunal_protocol::{ApiKey, ErrorCode, RequestBody, Uuid};

use world::brokers::TOPIC;
use world::log::Partition;
use world::{Brokers, ConsumerClient, Fault, World};

fn config(brokers: i32, offset_reset: OffsetReset) -> ConsumerConfig {
    ConsumerConfig { offset_reset, ..ConsumerConfig::new((0..brokers as u32).map(NodeId).collect()) }
}

fn set_up(brokers: i32, partitions: i32, reset: OffsetReset) -> (World, ConsumerClient) {
    let world = World::new(Brokers::new(brokers, partitions, 1), 1);
    (world, ConsumerClient::new(config(brokers, reset)))
}

/// Assignments and resets, in order: next offset and, for a reset, whether records were truncated.
fn moves(world: &World) -> Vec<(i64, Option<bool>)> {
    let of = |obs: &ClientObs| match obs {
        ClientObs::Assigned { offset, .. } => Some((*offset, None)),
        ClientObs::Reset { offset, truncated, .. } => Some((*offset, Some(*truncated))),
        _ => None,
    };
    world.observed.iter().filter_map(of).collect()
}

#[test]
fn earliest_reads_everything_and_then_what_comes() {
    let (mut world, mut client) = set_up(2, 2, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    world.brokers.partitions[1].append_values(&["x"]);
    client.assign(&mut world, &[0, 1]);
    world.run(&mut client, 100);
    world.brokers.partitions[0].append_values(&["c"]);
    world.run(&mut client, 100);
    assert_eq!(client.values(0), ["a", "b", "c"]);
    assert_eq!(client.values(1), ["x"]);
    assert_eq!((client.consumer.position(0), client.consumer.high_watermark(0)), (Some(3), Some(3)));
    assert!(client.consumer.is_at_end(0) && client.consumer.is_at_end(1));
    assert_eq!(moves(&world), [(0, None), (0, None)]);
    assert_eq!(world.names().iter().filter(|name| **name == "record-polled").count(), 4);
}

#[test]
fn a_time_after_the_last_record_is_the_end() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    client.assign(&mut world, &[0]);
    client.consumer.seek(0, SeekTo::Time(2_000_000_000), &mut world.io());
    world.run(&mut client, 100);
    world.brokers.partitions[0].append_values(&["c"]);
    world.run(&mut client, 100);
    assert_eq!(client.values(0), ["c"]);
    assert_eq!(moves(&world), [(2, None)]);
}

#[test]
fn latest_reads_only_what_comes() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Latest);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 100);
    world.brokers.partitions[0].append_values(&["c"]);
    world.run(&mut client, 100);
    assert_eq!(client.values(0), ["c"]);
    assert_eq!(moves(&world), [(2, None)]);
}

#[test]
fn without_a_reset_policy_a_partition_waits_for_a_seek() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::None);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 100);
    assert_eq!(client.consumer.failure(0), Some(ErrorCode::OffsetOutOfRange));
    client.consumer.seek(0, SeekTo::Offset(1), &mut world.io());
    world.run(&mut client, 100);
    assert_eq!(client.values(0), ["b"]);
    // And an offset that the log does not have stops it again.
    client.consumer.seek(0, SeekTo::Offset(17), &mut world.io());
    world.run(&mut client, 100);
    assert_eq!(client.consumer.failure(0), Some(ErrorCode::OffsetOutOfRange));
    assert_eq!(moves(&world), [(1, None), (17, None)]);
}

#[test]
fn one_fetch_a_broker_asks_for_all_its_partitions() {
    let (mut world, mut client) = set_up(2, 6, OffsetReset::Earliest);
    client.assign(&mut world, &[0, 1, 2, 3, 4, 5]);
    world.run(&mut client, 1_000);
    assert_eq!(world.most_in_flight, 1);
    let partitions = |body: &RequestBody| match body {
        RequestBody::Fetch(fetch) => fetch.topics.iter().map(|topic| topic.partitions.len()).sum(),
        _ => 0,
    };
    let sizes: Vec<usize> =
        world.requests.iter().filter(|(at, ..)| *at > 500_000_000).map(|(.., body)| partitions(body)).collect();
    assert!(sizes.iter().all(|&size| size == 3), "{sizes:?}");
}

#[test]
fn a_seek_reads_again_and_says_so() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a"]);
    world.brokers.partitions[0].append_values(&["b", "c"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 100);
    client.consumer.seek(0, SeekTo::Beginning, &mut world.io());
    assert!(!client.consumer.is_at_end(0), "what was known of the end is forgotten");
    world.run(&mut client, 1_000);
    client.consumer.seek(0, SeekTo::Offset(2), &mut world.io());
    world.run(&mut client, 1_000);
    client.consumer.seek(0, SeekTo::End, &mut world.io());
    world.run(&mut client, 1_000);
    assert_eq!(client.values(0), ["a", "b", "c", "a", "b", "c", "c"]);
    assert_eq!(moves(&world), [(0, None), (0, None), (2, None), (3, None)]);
    assert!(client.consumer.is_at_end(0));
}

#[test]
fn the_end_is_known_only_from_a_fetch_answered_since() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 100);
    assert!(client.consumer.is_at_end(0));
    client.consumer.forget_ends();
    assert!(!client.consumer.is_at_end(0));
    world.run(&mut client, 100);
    assert!(client.consumer.is_at_end(0));
}

#[test]
fn a_new_leader_is_followed_by_its_hint_without_losing_the_place() {
    let (mut world, mut client) = set_up(2, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 2_000);
    world.brokers.script.push_back(Fault::Move(true));
    world.run(&mut client, 40);
    world.brokers.partitions[0].append_values(&["c"]);
    world.run(&mut client, 60);
    assert_eq!(client.values(0), ["a", "b", "c"]);
    assert_eq!(world.count(ApiKey::OffsetForLeaderEpoch), 1, "the position is validated in the new epoch (KIP-320)");
    assert_eq!(moves(&world), [(0, None)]);
}

#[test]
fn a_truncation_takes_the_consumer_back_to_where_the_logs_part() {
    let (mut world, mut client) = set_up(2, 1, OffsetReset::Latest);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 1_000);
    for value in ["a", "b", "c", "d"] {
        world.brokers.partitions[0].append_values(&[value]);
    }
    world.run(&mut client, 1_000);
    let partition = &mut world.brokers.partitions[0];
    partition.elect(1);
    partition.truncate(2);
    partition.append_values(&["C", "D", "E"]);
    world.run(&mut client, 2_000);
    assert_eq!(client.values(0), ["a", "b", "c", "d", "C", "D", "E"]);
    assert_eq!(moves(&world), [(0, None), (2, Some(true))]);
}

#[test]
fn without_a_reset_policy_a_truncation_stops_the_partition() {
    let (mut world, mut client) = set_up(2, 1, OffsetReset::None);
    client.assign(&mut world, &[0]);
    client.consumer.seek(0, SeekTo::Offset(0), &mut world.io());
    world.brokers.partitions[0].append_values(&["a"]);
    world.brokers.partitions[0].append_values(&["b"]);
    world.run(&mut client, 1_000);
    world.brokers.partitions[0].elect(1);
    world.brokers.partitions[0].truncate(1);
    world.run(&mut client, 2_000);
    assert_eq!(client.consumer.failure(0), Some(ErrorCode::OffsetOutOfRange));
    assert_eq!(client.values(0), ["a", "b"]);
}

#[test]
fn records_deleted_under_the_position_reset_it() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 100);
    for value in ["b", "c", "d"] {
        world.brokers.partitions[0].append_values(&[value]);
    }
    world.brokers.partitions[0].delete_below(3);
    world.run(&mut client, 1_000);
    assert_eq!(client.values(0), ["a", "d"]);
    assert_eq!(moves(&world), [(0, None), (3, Some(false))]);
}

#[test]
fn an_older_leader_epoch_in_metadata_is_ignored() {
    let (mut world, mut client) = set_up(3, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].elect(1);
    world.brokers.partitions[0].elect(2);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 1_000);
    world.brokers.partitions[0].history = vec![(0, 0)];
    world.brokers.metadata_script.extend([Fault::Stale; 1_000]);
    world.brokers.script.push_back(Fault::Refuse(ErrorCode::NotLeaderOrFollower));
    world.brokers.partitions[0].append_values(&["a"]);
    world.run(&mut client, 1_000);
    assert_eq!(client.values(0), ["a"]);
    let is_fetch = |(_, _, body): &&(u64, NodeId, RequestBody)| body.api_key() == ApiKey::Fetch;
    assert!(world.requests.iter().filter(is_fetch).all(|(_, node, _)| *node == NodeId(2)));
}

#[test]
fn errors_are_waited_out() {
    let (mut world, mut client) = set_up(1, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a"]);
    client.assign(&mut world, &[0]);
    let later = ErrorCode::OffsetNotAvailable;
    world.brokers.script.extend([Fault::Refuse(later), Fault::Reset, Fault::Refuse(later), Fault::DoAndReset]);
    world.run(&mut client, 2_000);
    assert_eq!(client.values(0), ["a"]);
    // Waits of 80 ms or more between refused requests: no storm.
    world.brokers.script.extend([Fault::Refuse(later); 1_000]);
    let before = world.count(ApiKey::Fetch);
    world.run(&mut client, 10_000);
    assert!(world.count(ApiKey::Fetch) - before <= 10_000 / 80);
}

#[test]
fn a_partition_that_may_not_be_read_fails_and_others_go_on() {
    let (mut world, mut client) = set_up(1, 2, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a"]);
    client.assign(&mut world, &[0]);
    world.brokers.script.push_back(Fault::Refuse(ErrorCode::TopicAuthorizationFailed));
    world.run(&mut client, 1_000);
    assert_eq!(client.consumer.failure(0), Some(ErrorCode::TopicAuthorizationFailed));
    client.assign(&mut world, &[0, -3]);
    world.run(&mut client, 1_000);
    assert_eq!(client.values(0), ["a"]);
    assert_eq!(client.consumer.failure(1), Some(ErrorCode::InvalidTopicException));
}

#[test]
fn a_recreated_topic_is_read_from_its_own_beginning() {
    let (mut world, mut client) = set_up(2, 1, OffsetReset::Earliest);
    world.brokers.partitions[0].elect(1);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    client.assign(&mut world, &[0]);
    world.run(&mut client, 1_000);
    world.brokers.topic = Uuid(0x71);
    world.brokers.partitions[0] = Partition::new(0);
    world.brokers.partitions[0].append_values(&["x", "y", "z"]);
    world.run(&mut client, 2_000);
    assert_eq!(client.values(0), ["a", "b", "x", "y", "z"]);
    let ids: Vec<Uuid> = client.polled.iter().map(|record| record.partition.topic).collect();
    assert_eq!(ids, [TOPIC, TOPIC, Uuid(0x71), Uuid(0x71), Uuid(0x71)]);
    let partition = TopicIdPartition { topic: Uuid(0x71), partition: 0 };
    assert!(world.observed.contains(&ClientObs::Assigned { partition, offset: 0 }));
}

#[test]
fn a_broker_is_not_fetched_from_while_its_records_wait_to_be_polled() {
    let (mut world, mut client) = set_up(1, 2, OffsetReset::Earliest);
    world.brokers.partitions[0].append_values(&["a", "b"]);
    let mut lazy = Lazy(ConsumerClient::new(config(1, OffsetReset::Earliest)));
    lazy.0.assign(&mut world, &[0, 1]);
    world.run(&mut lazy, 5_000);
    assert_eq!(world.count(ApiKey::Fetch), 1);
    std::mem::swap(&mut lazy.0, &mut client);
    let first = client.consumer.poll(&mut world.io()).expect("a record");
    assert_eq!((first.offset, client.consumer.position(0)), (0, Some(1)));
    assert_eq!(client.consumer.poll(&mut world.io()).map(|record| record.offset), Some(1));
    assert_eq!(client.consumer.poll(&mut world.io()), None);
    world.run(&mut client, 100);
    assert!(world.count(ApiKey::Fetch) > 1);
}

/// Does not poll.
struct Lazy(ConsumerClient);

impl world::Client for Lazy {
    fn event<F: tribunal_common::Fx>(
        &mut self,
        event: tribunal_contract::Event<tribunal_protocol::Message, ()>,
        io: &mut tribunal_client::ClientIo<'_, F>,
    ) {
        assert_eq!(self.0.consumer.handle(event, io), None);
    }
}
