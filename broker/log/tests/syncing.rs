//! Sync rounds, and what happens when the disk fails.

mod common;

use common::{DIR, OP, TestDisk, batch, contents, fill, small, sync};
use tribunal_contract::{DiskError, SyncOp, Time};
use tribunal_log::*;

fn new_log(disk: &mut TestDisk) -> Log {
    Log::create(DIR, small(), 0, disk).unwrap()
}

#[test]
fn a_round_covers_what_was_there_when_it_began() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(disk);
    fill(&mut log, 1, 3, disk);
    assert!(log.unsynced());
    assert_eq!(log.start_sync(OP, disk), Ok(true));
    fill(&mut log, 1, 2, disk);
    assert_eq!(log.start_sync(OP, disk), Err(LogError::SyncUnderWay));
    let mut flushed = Vec::new();
    while let Some((op, result)) = disk.complete() {
        assert_eq!(log.flushed_offset(), 0, "nothing is durable before all is");
        flushed.push(log.synced(op, result, disk).unwrap());
    }
    assert_eq!(flushed.pop(), Some(Some(6)));
    assert!(flushed.iter().all(|f| f.is_none()));
    assert!(log.unsynced());
    assert_eq!(sync(&mut log, disk), 10);
    assert!(!log.unsynced());
    assert_eq!(log.start_sync(OP, disk), Ok(false));
}

#[test]
fn a_steady_round_syncs_one_file() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(disk);
    fill(&mut log, 1, 1, disk);
    sync(&mut log, disk);
    fill(&mut log, 1, 1, disk);
    assert_eq!(log.start_sync(OP, disk), Ok(true));
    assert_eq!(disk.pending(), 1);
}

#[test]
fn completions_of_other_rounds_are_ignored() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(disk);
    fill(&mut log, 1, 1, disk);
    assert_eq!(log.synced(OP, Ok(()), disk), Ok(None));
    log.start_sync(OP, disk).unwrap();
    assert_eq!(log.synced(SyncOp { class: 9, index: 9 }, Err(DiskError::Io), disk), Ok(None));
    assert!(log.is_syncing() && !log.is_failed());
}

#[test]
fn a_truncation_during_a_round_lowers_what_it_covers() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(disk);
    fill(&mut log, 1, 30, disk);
    log.start_sync(OP, disk).unwrap();
    log.truncate_to(20, disk).unwrap();
    fill(&mut log, 2, 30, disk);
    while let Some((op, result)) = disk.complete() {
        log.synced(op, result, disk).unwrap();
    }
    assert_eq!(log.flushed_offset(), 20);
    assert_eq!(sync(&mut log, disk), 80);
    assert!(disk.paths().iter().all(|p| !p.contains(".cut")), "{:?}", disk.paths());
}

#[test]
fn the_epoch_checkpoint_is_durable_before_the_flushed_offset_passes_the_epoch() {
    // KAFKA-16541: at whatever completion the power fails, recovery from the flushed offset knows every epoch below it.
    for completions in 0..12 {
        for seed in 0..50 {
            let disk = &mut TestDisk::default();
            disk.sync_dir_of_root();
            let mut log = new_log(disk);
            for epoch in [1, 2, 4] {
                fill(&mut log, epoch, 8, disk);
            }
            sync(&mut log, disk);
            log.truncate_to(20, disk).unwrap();
            fill(&mut log, 5, 20, disk);
            let expected = log.epochs().clone();
            log.start_sync(OP, disk).unwrap();
            for _ in 0..completions {
                if let Some((op, result)) = disk.complete() {
                    log.synced(op, result, disk).unwrap();
                }
            }
            let flushed = log.flushed_offset();
            disk.power_loss(seed);
            let checkpoints = Checkpoints { recovery_point: flushed, ..Checkpoints::default() };
            let (again, _) = Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap();
            assert!(again.end_offset() >= flushed);
            for offset in 0..flushed {
                assert_eq!(again.epoch_for_offset(offset), expected.epoch_for_offset(offset));
            }
        }
    }
}

#[test]
fn after_a_failed_write_nothing_is_written_any_more() {
    type Change = fn(&mut Log, &mut TestDisk) -> Result<(), LogError>;
    let changes: [Change; 6] = [
        |log, disk| log.append_as_leader(batch(0, -1, 1, 0, 4), 1, Time(0), disk).map(|_| ()),
        |log, disk| log.append_as_follower(batch(log.end_offset(), 1, 1, 0, 4), disk, |_| {}).map(|_| ()),
        |log, disk| log.truncate_to(1, disk).map(|_| ()),
        |log, disk| log.truncate_fully_and_start_at(9, disk),
        |log, disk| log.roll(disk),
        |log, disk| {
            log.assign_epoch(8, log.end_offset());
            log.start_sync(OP, disk).map(|_| ())
        },
    ];
    for change in changes {
        for error in [DiskError::Io, DiskError::NoSpace] {
            let disk = &mut TestDisk::default();
            let mut log = new_log(disk);
            fill(&mut log, 1, 3, disk);
            disk.fail_write = Some(error);
            assert!(matches!(change(&mut log, disk), Err(LogError::Disk { error: e, .. }) if e == error));
            assert!(log.is_failed());
            let before: Vec<_> = disk.paths().iter().map(|p| disk.contents(p)).collect();
            for change in changes {
                assert_eq!(change(&mut log, disk), Err(LogError::Failed));
            }
            let after: Vec<_> = disk.paths().iter().map(|p| disk.contents(p)).collect();
            assert_eq!(before, after);
        }
    }
}

#[test]
fn after_a_failed_sync_the_log_is_failed_and_nothing_more_is_durable() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(disk);
    fill(&mut log, 1, 3, disk);
    log.start_sync(OP, disk).unwrap();
    disk.fail_sync = Some(DiskError::Io);
    let (op, result) = disk.complete().unwrap();
    assert_eq!(log.synced(op, result, disk), Err(LogError::Disk { doing: "sync", error: DiskError::Io }));
    assert!(log.is_failed());
    while let Some((op, result)) = disk.complete() {
        assert_eq!(log.synced(op, result, disk), Ok(None));
    }
    assert_eq!(log.flushed_offset(), 0);
    assert_eq!(log.start_sync(OP, disk), Err(LogError::Failed));
    assert_eq!(contents(&log, disk).len(), 3, "reads go on");
}
