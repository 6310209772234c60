//! Orderly shutdown: the marker says that everything is on disk, so it is left only if everything is.

use tribunal_common::TruncationMode;

use super::support::World;

const MARKER: &str = ".kafka_cleanshutdown";

/// A leader that has begun an epoch and not written it down, and is asked to close.
fn closes(fails: bool) -> World {
    let mut world = World::new(2, 1, TruncationMode::Fetch);
    world.with(1, |replicas, _| replicas.all_opened());
    world.sync(1);
    world.elect(1, &[1, 2]);
    world.commit();
    if fails {
        world.fail_next_write(1);
    }
    world.with(1, |replicas, io| replicas.close(io));
    world.sync(1);
    world
}

#[test]
fn a_log_directory_that_is_all_on_disk_is_marked() {
    let world = closes(false);
    assert!(world.broker(1).replicas.is_closed());
    assert!(world.paths(1).iter().any(|path| path == MARKER), "{:?}", world.paths(1));
}

#[test]
fn a_log_directory_whose_last_sync_could_not_begin_has_failed_and_is_not_marked() {
    let world = closes(true);
    assert!(world.broker(1).replicas.is_offline() && !world.broker(1).replicas.is_closed());
    assert!(!world.paths(1).iter().any(|path| path == MARKER), "{:?}", world.paths(1));
}

#[test]
fn a_log_is_in_order_once_its_last_sync_is_complete() {
    let mut world = World::new(2, 1, TruncationMode::Fetch);
    world.with(1, |replicas, _| replicas.all_opened());
    world.flush_every_write(1);
    world.produce(1, -1, "a");
    world.elect(1, &[1, 2]);
    world.commit();
    world.produce(1, -1, "b");
    assert!(world.replica(1).log.is_syncing() && world.replica(1).log.unsynced());
    world.with(1, |replicas, io| replicas.close(io));
    while world.sync_one(1) {
        let goes_on = world.paths(1).iter().any(|path| path.starts_with("recovery-point-offset-checkpoint"));
        assert!(!goes_on || !world.replica(1).log.is_syncing(), "{:?}", world.paths(1));
    }
    assert!(world.broker(1).replicas.is_closed());
}

#[test]
fn a_shutdown_does_not_wait_for_a_log_that_was_taken_away() {
    let mut world = World::new(2, 1, TruncationMode::Fetch);
    world.with(1, |replicas, _| replicas.all_opened());
    world.sync(1);
    world.elect(1, &[1, 2]);
    world.commit();
    world.with(1, |replicas, io| replicas.close(io));
    assert!(world.broker(1).replicas.is_closing() && !world.broker(1).replicas.is_closed());
    world.state.replicas = vec![2];
    world.elect(2, &[2]);
    world.commit();
    world.sync(1);
    assert!(world.broker(1).replicas.is_closed());
}

/// A broker whose log began at offset 1 of its only segment ends, in order or not, and another begins.
fn restarted(in_order: bool) -> World {
    let mut world = World::new(1, 1, TruncationMode::Fetch);
    world.with(1, |replicas, _| replicas.all_opened());
    world.elect(1, &[1]);
    world.commit();
    for value in ["a", "b"] {
        world.produce(1, -1, value);
    }
    world.delete_before(1, 1);
    if in_order {
        world.with(1, |replicas, io| replicas.close(io));
        world.sync(1);
        assert!(world.broker(1).replicas.is_closed());
    }
    world.restart(1);
    world
}

#[test]
fn records_that_were_deleted_do_not_return_after_an_orderly_shutdown() {
    let mut world = restarted(true);
    assert_eq!((world.replica(1).log.start_offset(), world.end(1)), (1, 2));
    // Also not after the next one; and where a log began says nothing once it was not closed in order.
    world.with(1, |replicas, io| {
        replicas.all_opened();
        replicas.close(io);
    });
    world.sync(1);
    world.restart(1);
    assert_eq!(world.replica(1).log.start_offset(), 1);
    world.restart(1);
    assert_eq!((world.replica(1).log.start_offset(), restarted(false).replica(1).log.start_offset()), (0, 0));
}
