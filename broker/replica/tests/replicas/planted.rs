//! The promises of this crate can be broken: each of its planted bugs breaks one.

use tribunal_common::{Bug, TruncationMode};
use tribunal_protocol::ErrorCode;

use super::fetching::wanted;
use super::support::World;

#[test]
fn kip_101_a_new_leader_lacks_what_was_above_its_high_watermark_as_a_follower() {
    let mut world = World::with_bug(2, 1, TruncationMode::Fetch, Some(Bug::Kip101));
    world.produce(1, -1, "a");
    world.run();
    world.held.insert(1);
    world.elect(1, &[1, 2]);
    world.elect(2, &[2]);
    assert_eq!((world.high_watermark(1), world.end(2)), (1, 0));
}

#[test]
fn kip_279_a_follower_keeps_a_record_that_its_leader_never_had() {
    let mut world = World::with_bug(3, 1, TruncationMode::Lookup, Some(Bug::Kip279));
    world.lead_alone_in_turn();
    assert_ne!(world.log(2), world.log(1));
}

#[test]
fn kip_320_isr_a_fetch_in_a_stale_epoch_counts() {
    let mut world = World::with_bug(3, 2, TruncationMode::Fetch, Some(Bug::Kip320Isr));
    world.held.extend([2, 3]);
    world.produce(1, 1, "a");
    for follower in [2, 3] {
        let told = world.fetch(1, follower, wanted(1, 0, 1));
        assert_eq!(told.error_code, ErrorCode::FencedLeaderEpoch.code());
    }
    assert_eq!(world.high_watermark(1), 1);
}

#[test]
fn kafka_13141_a_fetch_that_diverges_counts() {
    let mut world = World::with_bug(3, 2, TruncationMode::Fetch, Some(Bug::Kafka13141));
    world.produce(1, -1, "a");
    world.run();
    world.elect(2, &[1, 2, 3]);
    world.run();
    world.held.extend([1, 3]);
    world.produce(2, 1, "b");
    for follower in [1, 3] {
        let told = world.fetch(2, follower, wanted(2, 2, 1));
        assert_eq!((told.diverging_epoch.epoch, told.diverging_epoch.end_offset), (1, 1));
    }
    assert_eq!(world.high_watermark(2), 2);
}

#[test]
fn kip_497_a_pending_member_is_not_waited_for() {
    let mut world = World::with_bug(3, 1, TruncationMode::Fetch, Some(Bug::Kip497));
    world.held.insert(3);
    world.elect(1, &[1, 2]);
    world.produce(1, -1, "a");
    world.run();
    world.held.clear();
    world.commit();
    world.run();
    assert_eq!(world.proposals.len(), 1);
    world.held.insert(3);
    world.produce(1, 1, "b");
    world.run();
    assert_eq!((world.end(3), world.high_watermark(1)), (1, 2));
}

#[test]
fn kafka_15583_the_high_watermark_advances_below_min_insync_replicas() {
    let mut world = World::with_bug(3, 2, TruncationMode::Fetch, Some(Bug::Kafka15583));
    world.elect(1, &[1]);
    world.held.extend([2, 3]);
    world.produce(1, 1, "a");
    assert_eq!(world.high_watermark(1), 1);
}
