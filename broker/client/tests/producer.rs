//! The producer against brokers that follow a script.

mod world;

use bytes::Bytes;
use tribunal_client::{Acks, Partitioner, ProducerConfig, ProducerRecord, SendError, versions};
use tribunal_common::{ClientObs, timers};
use tribunal_contract::{NodeId, Span};
use tribunal_protocol::{ApiKey, ErrorCode, RequestBody, Str, Uuid};

use world::{Brokers, Fault, ProducerClient, World, send_all};

fn config(brokers: i32) -> ProducerConfig {
    let mut config = ProducerConfig::new((0..brokers as u32).map(NodeId).collect());
    config.linger = Span::ZERO;
    config.max_in_flight = 1;
    config
}

fn set_up(brokers: i32, partitions: i32, config: ProducerConfig) -> (World, ProducerClient) {
    (World::new(Brokers::new(brokers, partitions, 1), 1), ProducerClient::new(config))
}

fn values(world: &World, partition: usize) -> Vec<String> {
    let text = |(_, value): (i64, Bytes)| String::from_utf8(value.to_vec()).unwrap();
    world.brokers.partitions[partition].values().into_iter().map(text).collect()
}

/// The error of each failed delivery, and whether it is definite.
fn failures(client: &ProducerClient) -> Vec<(ErrorCode, bool)> {
    client.deliveries.iter().filter_map(|d| d.result.err()).map(|e| (e.code, e.definite)).collect()
}

#[test]
fn records_are_appended_in_order_and_acknowledged_with_their_offsets() {
    let (mut world, mut client) = set_up(3, 2, config(3));
    send_all(&mut world, &mut client, 1, &["a", "b", "c"]);
    world.run(&mut client, 100);
    assert_eq!(values(&world, 1), ["a", "b", "c"]);
    assert_eq!(client.offsets(), [0, 1, 2]);
    assert_eq!(client.producer.undelivered(), 0);
    assert_eq!(client.producer.buffered_bytes(), 0);
    let sent = world.names().iter().filter(|name| **name == "record-sent").count();
    let acked = world.names().iter().filter(|name| **name == "record-acknowledged").count();
    assert_eq!((sent, acked), (3, 3));
}

#[test]
fn the_versions_asked_for_are_those_that_are_served() {
    for (api, version) in [
        (ApiKey::Metadata, versions::METADATA),
        (ApiKey::Produce, versions::PRODUCE),
        (ApiKey::Fetch, versions::FETCH),
        (ApiKey::ListOffsets, versions::LIST_OFFSETS),
        (ApiKey::OffsetForLeaderEpoch, versions::OFFSET_FOR_LEADER_EPOCH),
    ] {
        assert_eq!(api.versions().max, version, "{}", api.name());
    }
}

#[test]
fn a_hint_about_the_new_leader_is_followed_without_metadata_or_backoff() {
    let (mut world, mut client) = set_up(2, 1, config(2));
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_000);
    let asked = world.count(ApiKey::Metadata);
    world.brokers.script.push_back(Fault::Move(true));
    send_all(&mut world, &mut client, 0, &["b"]);
    // One answer, one connection, one answer: well below the first backoff of 80 ms.
    world.run(&mut client, 20);
    assert_eq!(client.offsets(), [0, 1]);
    assert_eq!(values(&world, 0), ["a", "b"]);
    let retried = world.observed.iter().filter(|obs| matches!(obs, ClientObs::Retried { error: 6, .. })).count();
    assert_eq!(retried, 1);
    // The hint does not replace the refresh, it only does not wait for it.
    assert_eq!(world.count(ApiKey::Metadata), asked + 1);
}

#[test]
fn without_a_hint_the_batch_backs_off_and_metadata_tells_the_leader() {
    let (mut world, mut client) = set_up(2, 1, config(2));
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_000);
    world.brokers.script.push_back(Fault::Move(false));
    send_all(&mut world, &mut client, 0, &["b"]);
    world.run(&mut client, 60);
    assert_eq!(client.offsets(), [0], "still backing off");
    world.run(&mut client, 200);
    assert_eq!(client.offsets(), [0, 1]);
}

#[test]
fn backoff_doubles_up_to_its_maximum() {
    let (mut world, mut client) = set_up(1, 1, config(1));
    world.brokers.script.extend([Fault::Refuse(ErrorCode::NotEnoughReplicas); 8]);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 20_000);
    assert_eq!(client.offsets(), [0]);
    let waits: Vec<_> = world
        .timers_set
        .iter()
        .filter(|(_, id, ..)| id.class == timers::PRODUCER_BATCH)
        .map(|(_, _, min, max)| (min.as_millis(), max.as_millis()))
        .collect();
    let top = (800, 1_000);
    assert_eq!(waits, [(80, 120), (160, 240), (320, 480), (640, 960), top, top, top, top]);
}

#[test]
fn finite_retries_end_with_the_last_error() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { retries: 2, ..config(1) });
    world.brokers.script.extend([Fault::Refuse(ErrorCode::NotEnoughReplicas); 3]);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 5_000);
    assert_eq!(failures(&client), [(ErrorCode::NotEnoughReplicas, true)]);
    assert_eq!(world.count(ApiKey::Produce), 3);
}

#[test]
fn a_fatal_error_is_delivered_at_once() {
    let (mut world, mut client) = set_up(1, 1, config(1));
    world.brokers.script.push_back(Fault::Refuse(ErrorCode::InvalidRequiredAcks));
    send_all(&mut world, &mut client, 0, &["a", "b"]);
    world.run(&mut client, 100);
    let error = (ErrorCode::InvalidRequiredAcks, true);
    assert_eq!(failures(&client), [error, error], "both were in one batch");
    send_all(&mut world, &mut client, 0, &["c"]);
    world.run(&mut client, 100);
    assert_eq!(values(&world, 0), ["c"]);
}

#[test]
fn a_failure_after_a_lost_answer_is_not_definite() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { retries: 1, ..config(1) });
    world.brokers.script.extend([Fault::DoAndReset, Fault::Refuse(ErrorCode::InvalidRecord)]);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_000);
    assert_eq!(failures(&client), [(ErrorCode::InvalidRecord, false)]);
    assert_eq!(values(&world, 0), ["a"]);
    assert!(world.observed.iter().any(|obs| matches!(obs, ClientObs::Retried { error: 0, .. })));
}

#[test]
fn the_delivery_timeout_ends_batches_that_never_went_out() {
    let (mut world, mut client) = set_up(2, 1, ProducerConfig { delivery_timeout: Span::from_secs(8), ..config(2) });
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 500);
    world.down.extend([NodeId(0), NodeId(1)]);
    world.reset(NodeId(0));
    world.reset(NodeId(1));
    world.run(&mut client, 10_000);
    send_all(&mut world, &mut client, 0, &["b"]);
    world.run(&mut client, 7_990);
    assert_eq!(client.deliveries.len(), 1, "not before the timeout");
    world.run(&mut client, 20);
    assert_eq!(failures(&client), [(ErrorCode::RequestTimedOut, true)]);
    assert_eq!(client.producer.buffered_bytes(), 0);
}

#[test]
fn the_delivery_timeout_ends_batches_in_flight_as_unknown() {
    let delivery_timeout = Span::from_secs(4);
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { delivery_timeout, ..config(1) });
    world.brokers.script.push_back(Fault::DoAndStall);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 4_100);
    assert_eq!(failures(&client), [(ErrorCode::RequestTimedOut, false)]);
    // The request times out after it and must not be counted again.
    world.run(&mut client, 60_000);
    assert_eq!(client.deliveries.len(), 1);
    send_all(&mut world, &mut client, 0, &["b"]);
    world.run(&mut client, 1_000);
    assert_eq!(client.offsets(), [1]);
}

#[test]
fn an_unanswered_request_costs_its_connection_and_is_sent_again() {
    let mut config = config(1);
    config.net.request_timeout = Span::from_secs(2);
    let (mut world, mut client) = set_up(1, 1, config);
    world.brokers.script.push_back(Fault::DoAndStall);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_900);
    assert!(client.deliveries.is_empty());
    world.run(&mut client, 1_000);
    assert_eq!(client.offsets(), [1], "the second copy is the one acknowledged");
    assert_eq!(values(&world, 0), ["a", "a"]);
}

#[test]
fn records_linger_for_company_and_share_a_batch() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { linger: Span::from_millis(50), ..config(1) });
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 100);
    let before = world.count(ApiKey::Produce);
    send_all(&mut world, &mut client, 0, &["b", "c"]);
    world.run(&mut client, 40);
    send_all(&mut world, &mut client, 0, &["d"]);
    assert_eq!(world.count(ApiKey::Produce), before, "lingering");
    world.run(&mut client, 20);
    assert_eq!(world.count(ApiKey::Produce), before + 1);
    assert_eq!(client.offsets(), [0, 1, 2, 3]);
}

#[test]
fn a_full_batch_and_a_flush_end_the_lingering() {
    let linger = Span::from_secs(1_000);
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { linger, batch_size: 120, ..config(1) });
    send_all(&mut world, &mut client, 0, &["0123456789012345678901234567890", "0123456789012345678901234567890"]);
    world.run(&mut client, 1_000);
    assert_eq!(client.offsets(), [0], "the first batch was full, the second lingers");
    client.producer.flush(&mut world.io());
    world.run(&mut client, 1_000);
    assert_eq!(client.offsets(), [0, 1]);
    send_all(&mut world, &mut client, 0, &["c"]);
    world.run(&mut client, 1_000);
    assert_eq!(client.offsets(), [0, 1], "a flush does not outlast what it flushed");
}

#[test]
fn a_batch_too_large_is_split_until_it_fits() {
    let linger = Span::from_millis(10);
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { linger, ..config(1) });
    world.brokers.script.push_back(Fault::Refuse(ErrorCode::MessageTooLarge));
    send_all(&mut world, &mut client, 0, &["a", "b", "c"]);
    world.run(&mut client, 100);
    assert_eq!(values(&world, 0), ["a", "b", "c"]);
    assert_eq!(client.offsets(), [0, 1, 2]);
    assert_eq!(world.count(ApiKey::Produce), 3);
}

#[test]
fn a_full_buffer_is_backpressure_and_drains() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { buffer_memory: 200, ..config(1) });
    send_all(&mut world, &mut client, 0, &["a", "b"]);
    let record = ProducerRecord::new(Str::from_static("t"), Bytes::from_static(b"c")).to_partition(0);
    assert_eq!(client.producer.send(record.clone(), &mut world.io()), Err(SendError::BufferExhausted));
    world.run(&mut client, 100);
    client.send(&mut world, record);
    world.run(&mut client, 100);
    assert_eq!(values(&world, 0), ["a", "b", "c"]);
}

#[test]
fn what_can_never_be_sent_is_refused_at_once() {
    let (mut world, mut client) = set_up(1, 1, config(1));
    let record = ProducerRecord::new(Str::from_static("t"), vec![0; 2 << 20].into());
    assert_eq!(client.producer.send(record, &mut world.io()), Err(SendError::RecordTooLarge));
    let record = ProducerRecord::new(Str::from_static("t"), Bytes::new()).to_partition(-1);
    assert_eq!(client.producer.send(record, &mut world.io()), Err(SendError::InvalidPartition));
    assert_eq!(client.producer.undelivered(), 0);
    // The history has both, and no id is given twice.
    let told = |obs: &ClientObs| match obs {
        ClientObs::Send { id, partition, .. } => Some((*id, partition.partition, None)),
        ClientObs::Failed { id, error, definite: true } => Some((*id, 0, Some(*error))),
        _ => None,
    };
    let told: Vec<_> = world.observed.iter().filter_map(told).collect();
    let (large, unknown) = (ErrorCode::MessageTooLarge.code(), ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(told, [(0, -1, None), (0, 0, Some(large)), (1, -1, None), (1, 0, Some(unknown))]);
}

#[test]
fn acks_0_delivers_when_sent_and_knows_no_offset() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { acks: Acks::None, ..config(1) });
    send_all(&mut world, &mut client, 0, &["a", "b"]);
    world.run(&mut client, 100);
    assert_eq!(client.offsets(), [-1, -1]);
    assert_eq!(values(&world, 0), ["a", "b"]);
}

#[test]
fn records_of_an_unknown_topic_wait_for_it_and_fail_definitely() {
    let (mut world, mut client) = set_up(1, 1, ProducerConfig { max_block: Span::from_secs(4), ..config(1) });
    world.brokers.unknown = true;
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 3_500);
    world.brokers.unknown = false;
    world.run(&mut client, 200);
    assert_eq!(client.offsets(), [0]);
    world.brokers.unknown = true;
    // A partition that the topic does not have.
    send_all(&mut world, &mut client, 5, &["b"]);
    world.run(&mut client, 4_100);
    assert_eq!(failures(&client), [(ErrorCode::RequestTimedOut, true)]);
}

#[test]
fn metadata_is_asked_for_at_most_once_in_a_backoff() {
    let (mut world, mut client) = set_up(1, 1, config(1));
    world.brokers.unknown = true;
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 8_000);
    let asked = world.count(ApiKey::Metadata);
    assert!((8_000 / 125..=8_000 / 80 + 1).contains(&asked), "{asked}");
}

#[test]
fn an_older_leader_epoch_in_metadata_is_ignored() {
    let (mut world, mut client) = set_up(3, 1, config(3));
    world.brokers.partitions[0].elect(1);
    world.brokers.partitions[0].elect(2);
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_000);
    // From here on every broker answers with the first leader only.
    world.brokers.partitions[0].history = vec![(0, 0)];
    world.brokers.metadata_script.extend([Fault::Stale; 1_000]);
    world.brokers.script.push_back(Fault::Refuse(ErrorCode::NotLeaderOrFollower));
    send_all(&mut world, &mut client, 0, &["b"]);
    world.run(&mut client, 2_000);
    assert_eq!(client.offsets(), [0, 1]);
    let is_produce = |(_, _, body): &&(u64, NodeId, RequestBody)| body.api_key() == ApiKey::Produce;
    assert!(world.requests.iter().filter(is_produce).all(|(_, node, _)| *node == NodeId(2)));
}

#[test]
fn a_recreated_topic_is_followed_under_its_new_id() {
    let (mut world, mut client) = set_up(2, 1, config(2));
    for _ in 0..5 {
        world.brokers.partitions[0].elect(1);
    }
    send_all(&mut world, &mut client, 0, &["a"]);
    world.run(&mut client, 1_000);
    world.brokers.topic = Uuid(0x71);
    world.brokers.partitions[0] = world::log::Partition::new(0);
    send_all(&mut world, &mut client, 0, &["b"]);
    world.run(&mut client, 1_000);
    assert_eq!(values(&world, 0), ["b"]);
    let last = client.deliveries.last().unwrap().result.unwrap();
    assert_eq!((last.partition.topic, last.offset), (Uuid(0x71), 0));
}

#[test]
fn bootstrap_goes_on_to_a_broker_that_is_there() {
    for seed in 0..20 {
        let mut world = World::new(Brokers::new(3, 1, seed), seed);
        world.brokers.partitions[0].elect(2);
        world.down.extend([NodeId(0), NodeId(1)]);
        let mut client = ProducerClient::new(config(3));
        send_all(&mut world, &mut client, 0, &["a"]);
        world.run(&mut client, 2_000);
        assert_eq!(client.offsets(), [0]);
    }
}

#[test]
fn keys_go_where_the_java_client_puts_them() {
    let (mut world, mut client) = set_up(3, 10, config(3));
    for (key, partition) in [("foobar", 6), ("21", 0), ("abc", 7), ("a-little-bit-long-string", 2)] {
        let record = ProducerRecord::new(Str::from_static("t"), Bytes::from_static(b"v"));
        client.send(&mut world, record.with_key(Bytes::copy_from_slice(key.as_bytes())));
        world.run(&mut client, 100);
        assert_eq!(client.deliveries.last().unwrap().result.unwrap().partition.partition, partition, "{key}");
    }
}

#[test]
fn round_robin_uses_each_partition_with_a_leader_in_turn() {
    let (mut world, mut client) = set_up(3, 4, ProducerConfig { partitioner: Partitioner::RoundRobin, ..config(3) });
    world.brokers.partitions[2].elect(-1);
    for _ in 0..9 {
        let record = ProducerRecord::new(Str::from_static("t"), Bytes::from_static(b"v"));
        client.send(&mut world, record.with_key(Bytes::from_static(b"same")));
    }
    world.run(&mut client, 200);
    let counts: Vec<usize> = (0..4).map(|p| values(&world, p).len()).collect();
    assert_eq!(counts, [3, 3, 0, 3]);
}

#[test]
fn the_sticky_partitioner_stays_for_a_batch_and_reaches_all_partitions() {
    let batch_size = 1_000;
    let partitioner = Partitioner::Sticky;
    let (mut world, mut client) = set_up(3, 3, ProducerConfig { partitioner, batch_size, ..config(3) });
    send_all(&mut world, &mut client, 0, &["warm up"]);
    world.run(&mut client, 100);
    let mut order = Vec::new();
    for _ in 0..200 {
        let record = ProducerRecord::new(Str::from_static("t"), Bytes::from_static(&[b'v'; 39]));
        client.send(&mut world, record);
        world.run(&mut client, 20);
        order.push(client.deliveries.last().unwrap().result.unwrap().partition.partition);
    }
    // 39 bytes of value count as 107: ten fit in 1,000 bytes.
    let runs: Vec<&[i32]> = order.chunk_by(|a, b| a == b).collect();
    assert!(runs.iter().all(|run| run.len() % 10 == 0), "{runs:?}");
    assert!((0..3).all(|partition| order.contains(&partition)));
}
