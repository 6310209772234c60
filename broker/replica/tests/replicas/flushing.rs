//! `flush.messages=1`: what counts as replicated is durable where it lies.

use tribunal_common::TruncationMode;

use super::support::World;

/// Two replicas, both needed; the follower has appended a record, and its disk has not answered.
fn world(truncation: TruncationMode) -> World {
    let mut world = World::new(2, 2, truncation);
    world.flush_every_write(2);
    world.produce(1, -1, "a");
    world.end_waits();
    world.sync(1);
    world.end_waits();
    assert_eq!((world.end(2), world.high_watermark(1)), (1, 0));
    world
}

fn settles(world: &mut World) {
    for _ in 0..4 {
        world.sync(1);
        world.sync(2);
        world.end_waits();
    }
    assert_eq!(world.high_watermark(1), 1);
}

#[test]
fn a_record_counts_once_the_follower_has_flushed_it() {
    for truncation in [TruncationMode::Fetch, TruncationMode::Lookup] {
        settles(&mut world(truncation));
    }
}

#[test]
fn what_a_follower_recovers_after_a_crash_counts_once_it_is_flushed() {
    for truncation in [TruncationMode::Fetch, TruncationMode::Lookup] {
        let mut world = world(truncation);
        world.restart(2);
        for _ in 0..4 {
            world.end_waits();
        }
        assert_eq!((world.end(2), world.high_watermark(1)), (1, 0), "{truncation:?}");
        settles(&mut world);
    }
}

#[test]
fn what_a_replaced_leader_has_not_flushed_counts_only_then() {
    let mut world = World::new(2, 2, TruncationMode::Fetch);
    world.flush_every_write(2);
    // The new leader has the record and has flushed it, the old one waits for its disk.
    world.produce(1, -1, "a");
    world.end_waits();
    world.sync(2);
    world.held.insert(2);
    world.elect(2, &[1, 2]);
    world.held.clear();
    world.commit();
    world.end_waits();
    world.sync(2);
    world.end_waits();
    assert_eq!((world.end(1), world.end(2), world.high_watermark(2)), (1, 1, 0));
    world.sync(1);
    world.end_waits();
    assert_eq!(world.high_watermark(2), 1);
}
