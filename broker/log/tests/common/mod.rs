//! A disk whose power can fail, and batches to write to it.
#![allow(dead_code, reason = "each test file uses a part")]

mod disk;

pub use disk::TestDisk;

use bytes::Bytes;
use tribunal_contract::{SyncOp, Time};
use tribunal_log::{Log, LogConfig};
use tribunal_records::{BatchBuilder, BatchOptions};

pub const OP: SyncOp = SyncOp { class: 3, index: 0 };
pub const DIR: &str = "orders-0";
pub const ALL: usize = usize::MAX >> 1;

/// Small segments and dense indexes.
pub fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1500,
        index_interval_bytes: 200,
        retention_ms: None,
        segment_ms: i64::MAX,
        ..LogConfig::default()
    }
}

/// A batch at `base_offset` as a leader of `epoch` would have it.
pub fn batch(base_offset: i64, epoch: i32, records: usize, timestamp: i64, value: usize) -> Bytes {
    let options = BatchOptions { base_offset, partition_leader_epoch: epoch, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for i in 0..records {
        let value: Vec<u8> = (0..value).map(|n| (n as i64 + timestamp) as u8).collect();
        builder.append(timestamp + i as i64, Some(b"key"), Some(&value), &[]);
    }
    builder.build()
}

/// Appends `n` batches of two records, timestamps 1000 apart from the end offset on.
pub fn fill(log: &mut Log, epoch: i32, n: usize, disk: &mut TestDisk) {
    for _ in 0..n {
        let timestamp = log.end_offset() * 1000;
        log.append_as_leader(batch(0, -1, 2, timestamp, 40), epoch, Time(0), disk).unwrap();
    }
}

/// Runs a sync round to its end.
pub fn sync(log: &mut Log, disk: &mut TestDisk) -> i64 {
    if log.start_sync(OP, disk).unwrap() {
        while let Some((op, result)) = disk.complete() {
            log.synced(op, result, disk).unwrap();
        }
    }
    assert!(!log.is_syncing());
    log.flushed_offset()
}

/// All batches of a log, one `Bytes` each.
pub fn contents(log: &Log, disk: &mut TestDisk) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut from = log.start_offset();
    while from < log.end_offset() {
        let bytes = log.read(from, ALL, log.end_offset(), true, disk).unwrap();
        assert!(!bytes.is_empty(), "nothing at {from} below {}", log.end_offset());
        for batch in tribunal_records::Batches::new(bytes) {
            let batch = batch.unwrap();
            from = batch.header.next_offset();
            out.push(batch.bytes);
        }
    }
    out
}

/// All batches in the segments' files, those below the start offset included.
pub fn stored(log: &Log, disk: &TestDisk) -> Vec<Bytes> {
    let files = log.segment_base_offsets().map(|base| disk.contents(&format!("{DIR}/{base:020}.log")).unwrap());
    let walk = |file: Vec<u8>| tribunal_records::Batches::new(file.into()).map(|batch| batch.unwrap().bytes);
    files.flat_map(walk).collect()
}
