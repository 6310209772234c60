//! Produce: what an acknowledgement means.

use bytes::Bytes;
use tribunal_common::TruncationMode;
use tribunal_common::timers;
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::fetch_request::FetchPartition;
use tribunal_records::{Batch, BatchBuilder, BatchOptions, Compression, create_time};

use super::support::World;

fn world(min_isr: i32) -> World {
    World::new(3, min_isr, TruncationMode::Fetch)
}

#[test]
fn acks_all_waits_until_every_in_sync_replica_has_the_record() {
    let mut world = world(2);
    world.held.insert(3);
    let asked = world.produce(1, -1, "a");
    world.run();
    assert_eq!((world.end(2), world.end(3), world.high_watermark(1)), (1, 0, 0));
    assert_eq!(world.produced(asked), None);
    world.held.clear();
    world.run();
    let answer = world.produced(asked).expect("answered");
    assert_eq!((answer.error_code, answer.base_offset, world.high_watermark(1)), (0, 0, 1));
}

#[test]
fn acks_1_is_answered_once_the_leader_has_it() {
    let mut world = world(2);
    world.held.extend([2, 3]);
    let asked = world.produce(1, 1, "a");
    assert_eq!(world.produced(asked).map(|answer| (answer.error_code, answer.base_offset)), Some((0, 0)));
    assert_eq!(world.high_watermark(1), 0);
}

#[test]
fn acks_0_is_appended_and_never_answered() {
    let mut world = world(2);
    let asked = world.produce(1, 0, "a");
    world.run();
    assert_eq!(world.produced(asked), None);
    assert_eq!([1, 2, 3].map(|id| world.end(id)), [1, 1, 1]);
}

#[test]
fn below_min_insync_replicas_acks_all_is_refused_and_nothing_is_appended() {
    let mut world = world(2);
    world.elect(1, &[1]);
    let asked = world.produce(1, -1, "a");
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(ErrorCode::NotEnoughReplicas.code()));
    assert_eq!(world.end(1), 0);
}

#[test]
fn below_min_insync_replicas_nothing_new_is_committed() {
    let mut world = world(2);
    world.elect(1, &[1]);
    world.held.extend([2, 3]);
    world.produce(1, 1, "a");
    world.run();
    assert_eq!((world.end(1), world.high_watermark(1)), (1, 0));
}

#[test]
fn a_record_whose_isr_shrank_below_the_minimum_after_the_append_is_not_acknowledged() {
    let mut world = world(3);
    world.held.insert(3);
    let asked = world.produce(1, -1, "a");
    world.run();
    // The controller takes broker 3 out; what remains has the record, but is too few to be promised it.
    world.state.isr = vec![1, 2];
    world.state.partition_epoch += 1;
    world.commit();
    world.run();
    assert_eq!((world.produced(asked), world.high_watermark(1)), (None, 0));
    world.fire(1, timers::PRODUCE_PARKED);
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(ErrorCode::RequestTimedOut.code()));
}

#[test]
fn who_waits_at_a_leader_that_is_deposed_is_sent_away() {
    let mut world = world(2);
    world.held.extend([2, 3]);
    let asked = world.produce(1, -1, "a");
    world.held.clear();
    world.elect(2, &[2, 3]);
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(ErrorCode::NotLeaderOrFollower.code()));
}

#[test]
fn a_follower_takes_no_records_from_clients() {
    let mut world = world(2);
    let asked = world.produce(2, 1, "a");
    let answer = world.produced(asked).expect("answered");
    assert_eq!(answer.error_code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!((answer.current_leader.leader_id, answer.current_leader.leader_epoch), (1, 1));
    assert_eq!(world.end(2), 0);
}

#[test]
fn bytes_that_are_not_one_intact_batch_are_refused_and_nothing_is_appended() {
    let mut world = world(2);
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(1, None, Some(b"a"), &[]);
    let batch = builder.build();
    let mut damaged = batch.to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let cases = [
        (Bytes::new(), ErrorCode::InvalidRecord),
        (damaged.into(), ErrorCode::CorruptMessage),
        // Kafka's reader sees no whole batch in it.
        (batch.slice(..batch.len() - 1), ErrorCode::InvalidRecord),
        ([&batch[..], &batch[..]].concat().into(), ErrorCode::InvalidRecord),
    ];
    for (bytes, error) in cases {
        let asked = world.produce_bytes(1, 1, bytes);
        assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(error.code()));
        assert_eq!(world.end(1), 0);
    }
}

fn of_one(timestamp: i64) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(timestamp, None, Some(b"a"), &[]);
    builder.build()
}

#[test]
fn part_of_a_batch_after_the_batch_is_left_out() {
    let mut world = world(1);
    let batch = of_one(1);
    let asked = world.produce_bytes(1, 1, [&batch[..], b"rubbish"].concat().into());
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(0));
    assert_eq!(world.replica(1).log.size(), batch.len() as u64);
}

#[test]
fn a_record_from_a_time_to_come_is_refused_by_its_place() {
    let mut world = world(1);
    let far = 1_000_000 + 3_600_000 + 1;
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(1, None, Some(b"a"), &[]);
    builder.append(far, None, Some(b"b"), &[]);
    for batch in [builder.build()].into_iter().flat_map(|plain| {
        let packed = Batch::validated(plain.clone()).unwrap().compressed(Compression::Zstd).bytes;
        [plain, packed]
    }) {
        let asked = world.produce_bytes(1, 1, batch);
        let answer = world.produced(asked).expect("answered");
        assert_eq!((answer.error_code, answer.log_start_offset), (ErrorCode::InvalidTimestamp.code(), 0));
        let places: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!(places, [1]);
        assert!(answer.error_message.is_some());
        assert_eq!(world.end(1), 0);
    }
    let asked = world.produce_bytes(1, 1, of_one(far - 1));
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(0));
}

#[test]
fn the_greatest_timestamp_is_that_of_the_records_whatever_the_batch_says() {
    let mut world = world(1);
    let asked = world.produce_bytes(1, 1, create_time(of_one(5), 777));
    assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(0));
    let right = of_one(5);
    let mut expected = right.to_vec();
    expected[12..16].copy_from_slice(&1i32.to_be_bytes());
    let fetched = world.fetch(
        1,
        2,
        FetchPartition { partition_max_bytes: 1 << 20, current_leader_epoch: 1, ..Default::default() },
    );
    assert_eq!(fetched.records.as_deref(), Some(&expected[..]));
}

#[test]
fn records_that_cannot_be_decompressed_are_refused() {
    let mut world = world(1);
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let good = Batch::validated(of_one(1)).unwrap().compressed(codec);
        let asked = world.produce_bytes(1, 1, good.bytes.clone());
        assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(0), "{codec:?}");
        let end = world.end(1);
        // The records are as they were, and the attributes say that they are compressed.
        let mut bad = of_one(1).to_vec();
        bad[22] = codec as u8;
        let crc = crc_fast::crc32_iscsi(&bad[21..]);
        bad[17..21].copy_from_slice(&crc.to_be_bytes());
        let asked = world.produce_bytes(1, 1, bad.into());
        let error = ErrorCode::UnknownServerError.code();
        assert_eq!(world.produced(asked).map(|answer| answer.error_code), Some(error), "{codec:?}");
        assert_eq!(world.end(1), end);
    }
}
