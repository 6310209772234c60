//! Fetch: what followers and consumers are told.

use tribunal_common::TruncationMode;
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::fetch_request::FetchPartition;

use super::support::World;

fn world() -> World {
    World::new(3, 2, TruncationMode::Fetch)
}

pub(super) fn wanted(offset: i64, leader_epoch: i32, last_epoch: i32) -> FetchPartition {
    FetchPartition {
        fetch_offset: offset,
        current_leader_epoch: leader_epoch,
        last_fetched_epoch: last_epoch,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    }
}

#[test]
fn a_consumer_reads_up_to_the_high_watermark_and_a_follower_up_to_the_end() {
    let mut world = world();
    world.produce(1, -1, "a");
    world.run();
    world.held.extend([2, 3]);
    world.produce(1, 1, "b");
    let consumer = world.fetch(1, -1, wanted(0, 1, -1));
    let follower = world.fetch(1, 2, wanted(0, 1, -1));
    assert_eq!((consumer.high_watermark, follower.high_watermark), (1, 1));
    let bytes = |records: &Option<bytes::Bytes>| records.as_ref().map_or(0, |records| records.len());
    assert!(bytes(&consumer.records) > 0);
    assert_eq!(bytes(&follower.records), 2 * bytes(&consumer.records));
}

#[test]
fn a_new_high_watermark_comes_to_followers_with_the_next_records_or_when_their_wait_is_over() {
    let mut world = world();
    world.produce(1, -1, "a");
    world.run();
    assert_eq!([1, 2, 3].map(|id| world.high_watermark(id)), [1, 0, 0]);
    world.produce(1, -1, "b");
    world.run();
    assert_eq!([1, 2, 3].map(|id| world.high_watermark(id)), [2, 1, 1]);
    world.end_waits();
    assert_eq!([1, 2, 3].map(|id| world.high_watermark(id)), [2, 2, 2]);
}

#[test]
fn a_fetch_in_another_epoch_is_refused_and_teaches_the_leader_nothing() {
    let mut world = world();
    world.held.extend([2, 3]);
    world.produce(1, 1, "a");
    let stale = world.fetch(1, 2, wanted(1, 0, 1));
    assert_eq!(stale.error_code, ErrorCode::FencedLeaderEpoch.code());
    assert_eq!((stale.current_leader.leader_id, stale.current_leader.leader_epoch), (1, 1));
    let early = world.fetch(1, 2, wanted(1, 2, 1));
    assert_eq!(early.error_code, ErrorCode::UnknownLeaderEpoch.code());
    world.fetch(1, 3, wanted(1, 0, 1));
    assert_eq!(world.high_watermark(1), 0);
    // The same two, in the leader's epoch, are what the high watermark waits for.
    world.fetch(1, 2, wanted(1, 1, 1));
    world.fetch(1, 3, wanted(1, 1, 1));
    assert_eq!(world.high_watermark(1), 1);
}

#[test]
fn a_fetch_that_diverges_is_told_where_and_does_not_count() {
    let mut world = world();
    world.produce(1, -1, "a");
    world.run();
    world.elect(2, &[1, 2, 3]);
    world.run();
    world.held.extend([1, 3]);
    world.produce(2, 1, "b");
    // A follower whose log has two records of epoch 1 where the leader's has one.
    let told = world.fetch(2, 3, wanted(2, 2, 1));
    assert_eq!((told.diverging_epoch.epoch, told.diverging_epoch.end_offset), (1, 1));
    assert!(told.records.is_none_or(|records| records.is_empty()));
    world.fetch(2, 1, wanted(2, 2, 1));
    assert_eq!(world.high_watermark(2), 1);
}

#[test]
fn offsets_outside_the_log_are_out_of_range() {
    let mut world = world();
    world.produce(1, -1, "a");
    world.run();
    for offset in [-1, 3] {
        let told = world.fetch(1, -1, wanted(offset, 1, -1));
        assert_eq!(told.error_code, ErrorCode::OffsetOutOfRange.code(), "{offset}");
    }
}

#[test]
fn who_is_no_replica_cannot_fetch_as_one() {
    let mut world = world();
    let told = world.fetch(1, 8, wanted(0, 1, -1));
    assert_eq!(told.error_code, ErrorCode::NotLeaderOrFollower.code());
}
