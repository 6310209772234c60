//! Truncation, retention, and the limits of appends.

mod common;

use common::{DIR, TestDisk, batch, contents, fill, small, sync};
use tribunal_contract::Time;
use tribunal_log::*;
use tribunal_records::{BatchHeader, TimestampType, validate};

fn new_log(config: LogConfig, disk: &mut TestDisk) -> Log {
    Log::create(DIR, config, 0, disk).unwrap()
}

#[test]
fn truncation_cuts_whole_batches() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 10, disk);
    assert_eq!(log.truncate_to(20, disk), Ok(20));
    assert_eq!(log.truncate_to(15, disk), Ok(14));
    assert_eq!(log.truncate_to(14, disk), Ok(14));
    assert_eq!(contents(&log, disk).len(), 7);
}

#[test]
fn what_is_forgotten_does_not_return_with_a_crash() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 5, disk);
    fill(&mut log, 2, 5, disk);
    sync(&mut log, disk);
    assert!(log.delete_records_before(14));
    assert_eq!(log.forget_all(disk), Ok(true));
    assert_eq!((log.start_offset(), log.end_offset()), (20, 20));
    assert_eq!(log.end_offset_for_epoch(2), Some((2, 20)), "whom its leader compares it with");
    assert_eq!(log.forget_all(disk), Ok(false), "there is nothing left");
    sync(&mut log, disk);
    disk.crash();
    let (log, _) = Log::open(DIR, small(), Checkpoints::default(), disk, |_| {}).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (20, 20));
    assert!(contents(&log, disk).is_empty());
}

#[test]
fn what_is_written_after_a_cut_that_is_not_durable_lies_in_another_file() {
    let bases = |log: &Log| log.segment_base_offsets().collect::<Vec<_>>();
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 4, disk);
    sync(&mut log, disk);
    log.truncate_to(4, disk).unwrap();
    assert_eq!(log.unsynced_cut(), Some(4));
    fill(&mut log, 2, 2, disk);
    assert_eq!(bases(&log), [0, 4]);
    fill(&mut log, 2, 1, disk);
    assert_eq!(bases(&log), [0, 4], "nothing was cut from this one");
    // Also where nothing is left of the file: it has the same name then.
    log.truncate_to(4, disk).unwrap();
    fill(&mut log, 3, 1, disk);
    assert_eq!((bases(&log), log.end_offset()), (vec![0, 4], 6));
    assert!(disk.paths().iter().any(|path| path.contains("00000000000000000004.log.")), "{:?}", disk.paths());
    sync(&mut log, disk);
    log.truncate_to(4, disk).unwrap();
    sync(&mut log, disk);
    assert_eq!(log.unsynced_cut(), None);
    fill(&mut log, 4, 1, disk);
    assert_eq!(bases(&log), [0, 4], "a cut that is durable needs no other file");
}

#[test]
fn a_batch_that_has_rotted_does_not_take_those_behind_it_with_it() {
    // The offset of its last record, and of its first: where it says that it reaches far, or begins late.
    for (at, error) in [(23, "checksum"), (6, "log ends at")] {
        let disk = &mut TestDisk::default();
        // So that the index leads to the beginning.
        let mut log = new_log(LogConfig { index_interval_bytes: 1 << 20, ..small() }, disk);
        fill(&mut log, 1, 4, disk);
        let second = validate(&contents(&log, disk)[0]).unwrap().total_size();
        disk.edit(&format!("{DIR}/00000000000000000000.log"), |file| file[second + at] ^= 0x10);
        let told = log.truncate_to(6, disk).unwrap_err().to_string();
        assert!(told.contains(error), "{told}");
        assert_eq!(log.end_offset(), 8);
    }
}

#[test]
fn truncation_at_the_end_still_drops_an_epoch_that_wrote_nothing() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 2, disk);
    log.assign_epoch(4, 4);
    assert_eq!(log.latest_epoch(), Some(4));
    assert_eq!(log.end_offset_for_epoch(1), Some((1, 4)));
    log.truncate_to(4, disk).unwrap();
    assert_eq!(log.latest_epoch(), Some(1));
}

#[test]
fn timestamps_of_what_was_cut_are_forgotten() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    for timestamp in [10, 90, 50, 5000, 60] {
        log.append_as_leader(batch(0, -1, 1, timestamp, 30), 1, Time(0), disk).unwrap();
    }
    let at = |timestamp, offset| Some(TimestampOffset { timestamp, offset });
    assert_eq!(log.max_timestamp(disk), Ok(at(5000, 3)));
    log.truncate_to(3, disk).unwrap();
    assert_eq!(log.max_timestamp(disk), Ok(at(90, 1)));
    assert_eq!(log.offset_for_timestamp(91, disk), Ok(None));
}

#[test]
fn offsets_are_found_by_timestamp() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    let mut records = Vec::new();
    // Timestamps that jump back and forth, over several segments; three records a batch, one apart.
    for i in 0..60i64 {
        let timestamp = 1000 + (i * 37) % 100 + i * 10;
        for n in 0..3 {
            records.push(TimestampOffset { timestamp: timestamp + n, offset: log.end_offset() + n });
        }
        log.append_as_leader(batch(0, -1, 3, timestamp, 30), 1, Time(0), disk).unwrap();
    }
    log.delete_records_before(10);
    assert!(log.segment_base_offsets().count() > 3);
    let check = |log: &Log, disk: &mut TestDisk| {
        for timestamp in 990..1750 {
            let found = records.iter().find(|r| r.offset >= log.start_offset() && r.timestamp >= timestamp);
            assert_eq!(log.offset_for_timestamp(timestamp, disk), Ok(found.copied()), "{timestamp}");
        }
        let newest = records.iter().map(|r| r.timestamp).max().unwrap();
        let first = records.iter().find(|r| r.timestamp == newest).copied();
        assert_eq!(log.max_timestamp(disk), Ok(first));
    };
    check(&log, disk);
    log.prepare_close(disk).unwrap();
    sync(&mut log, disk);
    disk.crash();
    for clean in [true, false] {
        disk.crash();
        let checkpoints = Checkpoints { clean, log_start_offset: 10, recovery_point: 0 };
        let (log, _) = Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap();
        check(&log, disk);
    }
}

#[test]
fn retention_by_size_keeps_at_least_the_bytes_asked_for() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(LogConfig { retention_bytes: Some(4000), ..small() }, disk);
    fill(&mut log, 1, 50, disk);
    let before = log.size();
    let deleted = log.retain(Time(0), log.end_offset(), disk).unwrap();
    assert!(deleted > 0 && log.size() >= 4000 && log.size() < before);
    assert_eq!(log.start_offset(), log.segment_base_offsets().next().unwrap());
    assert_eq!(log.epochs().entries()[0].start_offset, log.start_offset());
    assert_eq!(log.retain(Time(0), log.end_offset(), disk), Ok(0));
    let on_disk = |disk: &TestDisk| disk.paths().iter().filter(|p| p.contains(".log")).count();
    assert_eq!(on_disk(disk), log.segment_base_offsets().count() + deleted, "files stay until a sync");
    sync(&mut log, disk);
    assert_eq!(on_disk(disk), log.segment_base_offsets().count());
}

#[test]
fn retention_by_time_goes_by_the_newest_record_and_may_take_the_active_segment() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(LogConfig { retention_ms: Some(10_000), ..small() }, disk);
    fill(&mut log, 1, 30, disk);
    let bases: Vec<_> = log.segment_base_offsets().collect();
    // Offset n has timestamp 1000 n, or one more; the newest of the first segment is in its last batch.
    let newest = (bases[1] - 2) * 1000 + 1;
    assert_eq!(log.retain(Time::from_millis((newest + 10_000) as u64), 60, disk), Ok(0));
    assert_eq!(log.retain(Time::from_millis((newest + 10_001) as u64), 60, disk), Ok(1));
    assert_eq!(log.start_offset(), bases[1]);
    log.retain(Time::from_millis(1_000_000), 60, disk).unwrap();
    assert_eq!((log.start_offset(), log.end_offset(), log.size()), (60, 60, 0));
    assert_eq!(log.retain(Time::from_millis(1_000_000), 60, disk), Ok(0));
}

#[test]
fn retention_never_passes_the_high_watermark() {
    let disk = &mut TestDisk::default();
    let config = LogConfig { retention_bytes: Some(0), retention_ms: Some(0), ..small() };
    let mut log = new_log(config, disk);
    fill(&mut log, 1, 40, disk);
    let bases: Vec<_> = log.segment_base_offsets().collect();
    log.retain(Time::from_millis(1 << 40), bases[2] - 1, disk).unwrap();
    assert_eq!(log.start_offset(), bases[1]);
}

#[test]
fn deleted_records_are_out_of_range_and_their_segments_go_with_retention() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 40, disk);
    let bases: Vec<_> = log.segment_base_offsets().collect();
    assert!(log.delete_records_before(bases[1] + 3));
    assert!(!log.delete_records_before(bases[1]));
    let out = LogError::OffsetOutOfRange { offset: 0, start: bases[1] + 3, end: 80 };
    assert_eq!(log.read(0, 100, 80, true, disk), Err(out));
    assert_eq!(log.retain(Time(0), 80, disk), Ok(1));
    assert_eq!(log.start_offset(), bases[1] + 3);
}

#[test]
fn a_log_is_made_where_there_is_none() {
    let disk = &mut TestDisk::default();
    assert!(Log::create(DIR, small(), 5, disk).is_ok());
    assert_eq!(Log::create(DIR, small(), 5, disk), Err(LogError::Exists));
}

#[test]
fn a_leader_refuses_what_is_too_large() {
    let disk = &mut TestDisk::default();
    let one = batch(0, -1, 1, 0, 100);
    let mut log = new_log(LogConfig { max_message_bytes: one.len() as u32 - 1, ..small() }, disk);
    let too_large = LogError::RecordTooLarge { size: one.len(), max: one.len() as u32 - 1 };
    assert_eq!(log.append_as_leader(one.clone(), 0, Time(0), disk), Err(too_large));
    log.set_config(LogConfig { segment_bytes: one.len() as u32, ..small() });
    assert!(log.append_as_leader(one.clone(), 0, Time(0), disk).is_ok());
    let two = [&one[..], &one].concat();
    let list = LogError::BatchListTooLarge { size: two.len(), max: one.len() as u32 };
    assert_eq!(log.append_as_leader(two.into(), 0, Time(0), disk), Err(list));
    assert_eq!(log.end_offset(), 1);
}

#[test]
fn a_follower_takes_only_what_continues_its_log() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    log.append_as_follower(batch(0, 1, 3, 0, 9), disk, |_| {}).unwrap();
    for base in [0, 2, 4] {
        let refused = log.append_as_follower(batch(base, 1, 1, 0, 9), disk, |_| {});
        assert_eq!(refused, Err(LogError::NotContiguous { expected: 3, got: base }));
    }
    let mut bad = batch(3, 1, 1, 0, 9).to_vec();
    *bad.last_mut().unwrap() ^= 1;
    assert!(matches!(log.append_as_follower(bad.into(), disk, |_| {}), Err(LogError::Batch(_))));
    assert_eq!(log.end_offset(), 3);
    log.set_config(LogConfig { compact: true, ..small() });
    log.append_as_follower(batch(7, 1, 1, 0, 9), disk, |_| {}).unwrap();
    assert_eq!(log.end_offset(), 8);
    let after_the_gap = log.read(5, 1000, 8, true, disk).unwrap();
    assert_eq!(BatchHeader::parse(&after_the_gap).unwrap().base_offset, 7);
}

#[test]
fn a_segment_is_closed_when_its_records_span_segment_ms() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(LogConfig { segment_ms: 1000, ..small() }, disk);
    for timestamp in [5000, 5500, 6000, 6001, 6500] {
        log.append_as_leader(batch(0, -1, 1, timestamp, 4), 1, Time(0), disk).unwrap();
    }
    assert_eq!(log.segment_base_offsets().collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn a_segment_is_closed_when_an_index_is_full() {
    let disk = &mut TestDisk::default();
    let config = LogConfig { segment_index_bytes: 40, index_interval_bytes: 1, segment_bytes: 1 << 30, ..small() };
    let mut log = new_log(config, disk);
    fill(&mut log, 1, 40, disk);
    for path in disk.paths().iter().filter(|p| p.ends_with("index")) {
        assert!(disk.contents(path).unwrap().len() <= 40, "{path}");
    }
    assert!(log.segment_base_offsets().count() > 5);
}

#[test]
fn log_append_time_is_stamped_by_the_leader_and_kept_by_followers() {
    let disk = &mut TestDisk::default();
    let config = LogConfig { timestamp_type: TimestampType::LogAppendTime, ..small() };
    let mut log = new_log(config, disk);
    let info = log.append_as_leader(batch(0, -1, 2, 5, 4), 1, Time::from_millis(77), disk).unwrap();
    assert_eq!((info.append_time, info.max_timestamp), (77, 77));
    let bytes = log.read(0, 1000, 2, true, disk).unwrap();
    let header = validate(&bytes).unwrap();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    let other = &mut TestDisk::default();
    let mut follower = new_log(small(), other);
    follower.append_as_follower(bytes.clone(), other, |_| {}).unwrap();
    assert_eq!(follower.read(0, 1000, 2, true, other), Ok(bytes));
}

#[test]
fn reads_near_the_end_read_nothing_but_what_they_return() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(LogConfig { segment_bytes: 1 << 30, ..small() }, disk);
    fill(&mut log, 1, 500, disk);
    for (from, reads) in [(1000, 0), (998, 1), (990, 1), (875, 1)] {
        disk.reads = 0;
        log.read(from, 1 << 20, 1000, true, disk).unwrap();
        assert_eq!(disk.reads, reads, "{from}");
    }
    disk.reads = 0;
    assert!(log.locate(990, 1 << 20, 1000, true, disk).unwrap().is_some());
    assert_eq!(disk.reads, 0);
}

#[test]
fn logs_that_differ_only_in_what_can_be_computed_are_equal() {
    let disk = &mut TestDisk::default();
    let mut log = new_log(small(), disk);
    fill(&mut log, 1, 5, disk);
    sync(&mut log, disk);
    let copy = log.clone();
    fill(&mut log, 1, 1, disk);
    assert_ne!(log, copy);
    log.truncate_to(10, disk).unwrap();
    sync(&mut log, disk);
    assert_eq!(log, copy);
}
