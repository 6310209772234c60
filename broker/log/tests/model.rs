//! A log against a list of batches, through appends, rolls, truncation, retention, syncs, crashes and losses of power.

mod common;

use std::collections::BTreeSet;

use bytes::Bytes;
use common::{ALL, DIR, OP, TestDisk, batch, contents, small, stored, sync};
use proptest::prelude::*;
use tribunal_contract::Time;
use tribunal_log::*;
use tribunal_records::BatchHeader;

#[derive(Clone, Debug)]
enum Op {
    Append { records: usize, value: usize, new_epoch: bool },
    Follow { records: usize, value: usize, new_epoch: bool },
    Roll,
    Truncate { back: u8 },
    ForgetAll,
    Restart { ahead: u8 },
    Retain { high_watermark_back: u8, bytes: u16 },
    DeleteRecords { back: u8 },
    StartSync,
    Complete { syncs: u8 },
    Read { back: u8, max_bytes: usize, up_to_back: u8, min_one: bool },
    Crash { forget: bool },
    PowerLoss { seed: u64, forget: bool },
    CleanRestart { power_loss: Option<u64> },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1usize..4, 0usize..120, prop::bool::weighted(0.2))
            .prop_map(|(records, value, new_epoch)| Op::Append { records, value, new_epoch }),
        4 => (1usize..4, 0usize..120, prop::bool::weighted(0.2))
            .prop_map(|(records, value, new_epoch)| Op::Follow { records, value, new_epoch }),
        1 => Just(Op::Roll),
        2 => any::<u8>().prop_map(|back| Op::Truncate { back: back % 40 }),
        1 => Just(Op::ForgetAll),
        1 => (0u8..9).prop_map(|ahead| Op::Restart { ahead }),
        1 => (0u8..9, any::<u16>()).prop_map(|(high_watermark_back, bytes)| Op::Retain { high_watermark_back, bytes }),
        1 => (0u8..60).prop_map(|back| Op::DeleteRecords { back }),
        3 => Just(Op::StartSync),
        4 => (1u8..6).prop_map(|syncs| Op::Complete { syncs }),
        4 => (0u8..60, 0usize..2500, 0u8..9, any::<bool>())
            .prop_map(|(back, max_bytes, up_to_back, min_one)| Op::Read { back, max_bytes, up_to_back, min_one }),
        1 => any::<bool>().prop_map(|forget| Op::Crash { forget }),
        2 => (any::<u64>(), any::<bool>()).prop_map(|(seed, forget)| Op::PowerLoss { seed, forget }),
        1 => proptest::option::of(any::<u64>()).prop_map(|power_loss| Op::CleanRestart { power_loss }),
    ]
}

/// What the log must hold.
struct Model {
    batches: Vec<(BatchHeader, Bytes)>,
    start: i64,
    end: i64,
    epoch: i32,
    /// The broker's recovery-point checkpoint.
    recovery_point: i64,
    /// Everything ever written.
    history: BTreeSet<Bytes>,
}

struct Run {
    log: Log,
    disk: TestDisk,
    model: Model,
}

impl Run {
    fn new() -> Run {
        let mut disk = TestDisk::default();
        let log = Log::create(DIR, small(), 0, &mut disk).unwrap();
        let model = Model { batches: vec![], start: 0, end: 0, epoch: 0, recovery_point: 0, history: BTreeSet::new() };
        Run { log, disk, model }
    }

    fn step(&mut self, op: &Op) {
        let Run { log, disk, model } = self;
        match *op {
            Op::Append { records, value, new_epoch } => {
                model.epoch += i32::from(new_epoch);
                let end = model.end;
                let info =
                    log.append_as_leader(batch(0, -1, records, end * 10, value), model.epoch, Time(0), disk).unwrap();
                assert_eq!((info.first_offset, info.last_offset), (end, end + records as i64 - 1));
                model.push(batch(end, model.epoch, records, end * 10, value));
            }
            Op::Follow { records, value, new_epoch } => {
                model.epoch += i32::from(new_epoch);
                let end = model.end;
                let first = batch(end, model.epoch, records, end * 10, value);
                let second = batch(end + records as i64, model.epoch, 1, 5, value);
                let third = batch(end + records as i64 + 1, model.epoch, 1, 5, value);
                let cut = third.len() - 1 - value.min(60);
                let fetched = Bytes::from([&first[..], &second, &third[..cut]].concat());
                let mut seen = 0;
                let info = log.append_as_follower(fetched, disk, |_| seen += 1).unwrap();
                assert_eq!((seen, info.batches), (2, 2));
                model.push(first);
                model.push(second);
            }
            Op::Roll => log.roll(disk).unwrap(),
            Op::Truncate { back } => {
                let to = (model.end - i64::from(back)).max(0);
                let end = log.truncate_to(to, disk).unwrap();
                let first_base = model.batches.first().map_or(model.end, |(h, _)| h.base_offset);
                model.batches.retain(|(h, _)| h.next_offset() <= to);
                model.end = match model.batches.last() {
                    Some((h, _)) => h.next_offset(),
                    None => first_base.min(to),
                };
                // What no batch of the model covers is below the first segment or was empty.
                assert_eq!(end, model.end);
                model.start = model.start.min(end);
                // As Kafka's log manager does.
                model.recovery_point = model.recovery_point.min(end);
            }
            Op::Restart { ahead } => {
                let at = model.end + i64::from(ahead);
                log.truncate_fully_and_start_at(at, disk).unwrap();
                model.batches.clear();
                (model.start, model.end, model.recovery_point) = (at, at, at);
            }
            Op::ForgetAll => {
                let first = log.segment_base_offsets().next().unwrap();
                assert_eq!(log.forget_all(disk).unwrap(), first < model.end);
                if first < model.end {
                    model.batches.clear();
                    (model.start, model.recovery_point) = (model.end, model.end);
                }
            }
            Op::Retain { high_watermark_back, bytes } => {
                let high_watermark = model.end - i64::from(high_watermark_back);
                log.set_config(LogConfig { retention_bytes: Some(u64::from(bytes)), ..small() });
                let had = log.size();
                let first_kept = |log: &Log| log.segment_base_offsets().next().unwrap();
                let count = log.retain(Time(0), high_watermark, disk).unwrap();
                log.set_config(small());
                let base = first_kept(log);
                model.batches.retain(|(h, _)| h.base_offset >= base);
                assert!(count == 0 || base <= high_watermark.max(model.start));
                assert!(count == 0 || log.size() >= had.min(u64::from(bytes)) || base <= model.start);
                model.start = model.start.max(base);
            }
            Op::DeleteRecords { back } => {
                let to = model.end - i64::from(back);
                assert_eq!(log.delete_records_before(to), to > model.start);
                model.start = model.start.max(to);
            }
            Op::StartSync => {
                if !log.is_syncing() {
                    let unsynced = log.unsynced();
                    assert_eq!(log.start_sync(OP, disk).unwrap(), unsynced);
                } else {
                    assert_eq!(log.start_sync(OP, disk), Err(LogError::SyncUnderWay));
                }
            }
            Op::Complete { syncs } => {
                for _ in 0..syncs {
                    let Some((op, result)) = disk.complete() else { break };
                    if let Some(flushed) = log.synced(op, result, disk).unwrap() {
                        assert_eq!(flushed, log.flushed_offset());
                        model.recovery_point = flushed;
                    }
                }
            }
            Op::Read { back, max_bytes, up_to_back, min_one } => {
                let from = model.end - i64::from(back);
                let up_to = model.end - i64::from(up_to_back);
                let read = log.read(from, max_bytes, up_to, min_one, disk);
                if from < model.start {
                    let (start, end) = (model.start, model.end);
                    assert_eq!(read, Err(LogError::OffsetOutOfRange { offset: from, start, end }));
                } else {
                    assert_eq!(read.unwrap(), model.read(log, from, max_bytes, up_to, min_one));
                }
            }
            Op::Crash { forget } => {
                disk.crash();
                self.reopen(forget, false);
                assert_eq!(self.log.end_offset(), self.model.end, "the page cache outlives the process");
                assert_eq!(self.log.start_offset(), self.model.start);
                self.log.distrust(self.log.flushed_offset());
            }
            Op::PowerLoss { seed, forget } => {
                let flushed = log.flushed_offset().min(model.end);
                let cut = log.unsynced_cut().unwrap_or(i64::MAX);
                disk.power_loss(seed);
                self.reopen(forget, false);
                self.take_over_survivors(flushed, cut);
            }
            Op::CleanRestart { power_loss } => {
                while let Some((op, result)) = disk.complete() {
                    log.synced(op, result, disk).unwrap();
                }
                log.prepare_close(disk).unwrap();
                let flushed = sync(log, disk);
                assert_eq!(flushed, model.end);
                model.recovery_point = flushed;
                let old = log.clone();
                old.close(disk);
                match power_loss {
                    Some(seed) => disk.power_loss(seed),
                    None => disk.crash(),
                }
                let report = self.reopen(false, true);
                assert_eq!(report, RecoveryReport { scanned_from: self.model.end, ..RecoveryReport::default() });
                assert_eq!(self.log.end_offset(), self.model.end);
                assert_eq!(self.log.flushed_offset(), self.model.end);
                assert!(!self.log.unsynced() || self.log.epochs().entries().is_empty() || self.model.start > 0);
            }
        }
    }

    fn reopen(&mut self, forget: bool, clean: bool) -> RecoveryReport {
        let recovery_point = if forget { 0 } else { self.model.recovery_point };
        let checkpoints = Checkpoints { recovery_point, log_start_offset: self.model.start, clean };
        let (log, report) = Log::open(DIR, small(), checkpoints, &mut self.disk, |_| {}).unwrap();
        assert!(log.flushed_offset() <= log.end_offset());
        self.model.recovery_point = self.model.recovery_point.min(log.end_offset());
        // Segments below the start offset go when a log is opened.
        let first = log.segment_base_offsets().next().unwrap();
        self.model.batches.retain(|(h, _)| h.base_offset >= first);
        self.log = log;
        report
    }

    /// After a loss of power: nothing durable is gone, all there is was written once, and below the last `cut` that was
    /// not durable it is what was there.
    fn take_over_survivors(&mut self, flushed: i64, cut: i64) {
        let Run { log, disk, model } = self;
        assert!(log.end_offset() >= flushed, "{} of {flushed} durable offsets", log.end_offset());
        let survivors = stored(log, disk);
        let durable = |h: &BatchHeader, start: i64| h.next_offset() <= flushed && h.next_offset() > start;
        let kept = survivors.iter().map(|b| BatchHeader::parse(b).unwrap());
        let kept: Vec<_> = kept.filter(|h| durable(h, model.start.max(log.start_offset()))).collect();
        let must: Vec<_> = model.batches.iter().map(|(h, _)| *h).collect();
        let must: Vec<_> = must.into_iter().filter(|h| durable(h, model.start.max(log.start_offset()))).collect();
        assert_eq!(kept, must, "durable batches are as they were");
        for bytes in &survivors {
            let header = BatchHeader::parse(bytes).unwrap();
            let is_known = header.next_offset() > cut || header.next_offset() <= model.start;
            assert!(is_known || model.batches.iter().any(|(_, b)| b == bytes), "{} is back", header.base_offset);
        }
        model.batches.clear();
        for bytes in survivors {
            assert!(model.history.contains(&bytes), "a batch that was never written");
            model.batches.push((BatchHeader::parse(&bytes).unwrap(), bytes));
        }
        (model.start, model.end) = (log.start_offset(), log.end_offset());
        model.epoch = model.epoch.max(log.latest_epoch().unwrap_or(0));
    }

    fn check(&mut self) {
        let Run { log, disk, model } = self;
        assert_eq!(log.end_offset(), model.end);
        assert_eq!(log.start_offset(), model.start);
        let visible = |h: &BatchHeader| h.next_offset() > model.start;
        let expected: Vec<_> = model.batches.iter().filter(|(h, _)| visible(h)).map(|(_, b)| b.clone()).collect();
        assert_eq!(contents(log, disk), expected);
        let mut epochs = EpochCache::default();
        for (header, _) in &model.batches {
            epochs.assign(header.partition_leader_epoch, header.base_offset);
        }
        for (header, _) in model.batches.iter().filter(|(h, _)| visible(h)) {
            let offset = header.base_offset.max(model.start);
            assert_eq!(log.epoch_for_offset(offset), Some(header.partition_leader_epoch));
            let epoch = header.partition_leader_epoch;
            assert_eq!(log.end_offset_for_epoch(epoch), epochs.end_offset_for(epoch, model.end));
        }
    }
}

impl Model {
    fn push(&mut self, bytes: Bytes) {
        let header = BatchHeader::parse(&bytes).unwrap();
        self.end = header.next_offset();
        self.history.insert(bytes.clone());
        self.batches.push((header, bytes));
    }

    fn read(&self, log: &Log, from: i64, max_bytes: usize, up_to: i64, min_one: bool) -> Bytes {
        let mut out = Vec::new();
        let segment_end = log.segment_base_offsets().find(|base| *base > from).unwrap_or(i64::MAX);
        for (header, bytes) in self.batches.iter().filter(|(h, _)| h.last_offset() >= from) {
            let fits = out.len() + bytes.len() <= max_bytes || (out.is_empty() && min_one);
            if header.last_offset() >= up_to || header.base_offset >= segment_end || !fits {
                break;
            }
            out.extend_from_slice(bytes);
        }
        Bytes::from(out)
    }
}

proptest! {


    #[test]
    fn a_log_behaves_as_a_list_of_batches(ops in prop::collection::vec(op(), 1..80)) {
        let mut run = Run::new();
        for op in &ops {
            run.step(op);
            run.check();
        }
    }

    #[test]
    fn indexes_rebuilt_from_the_records_are_those_that_appends_wrote(
        appends in prop::collection::vec((1usize..4, 0usize..150, 0i64..5000, prop::bool::weighted(0.1)), 1..60)
    ) {
        let disk = &mut TestDisk::default();
        let mut log = Log::create(DIR, small(), 0, disk).unwrap();
        for (records, value, timestamp, roll) in appends {
            log.append_as_leader(batch(0, -1, records, timestamp, value), 1, Time(0), disk).unwrap();
            if roll {
                log.roll(disk).unwrap();
            }
        }
        disk.crash();
        let (again, report) = Log::open(DIR, small(), Checkpoints::default(), disk, |_| {}).unwrap();
        prop_assert_eq!(report, RecoveryReport::default());
        prop_assert_eq!(again.epochs(), log.epochs());
        // With all index files gone, too.
        let index_files: Vec<_> = disk.paths().into_iter().filter(|p| p.ends_with("index")).collect();
        let before: Vec<_> = index_files.iter().map(|p| disk.contents(p)).collect();
        for path in &index_files {
            tribunal_contract::Disk::remove(disk, path).unwrap();
        }
        disk.crash();
        let checkpoints = Checkpoints { clean: true, ..Checkpoints::default() };
        Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap();
        let after: Vec<_> = index_files.iter().map(|p| disk.contents(p)).collect();
        let (active, closed) = (index_files.len() - 2, ..index_files.len() - 2);
        prop_assert_eq!(&after[closed], &before[closed]);
        prop_assert!(after[active..].iter().all(|f| f.is_some()));
    }

    #[test]
    fn reads_from_files_and_from_memory_agree(ops in prop::collection::vec(op(), 1..60), max in 0usize..2000) {
        let mut run = Run::new();
        ops.iter().for_each(|op| run.step(op));
        let Run { log, disk, .. } = &mut run;
        // A closed and reopened log has no tail in memory.
        log.prepare_close(disk).unwrap();
        let mut copy = disk.clone();
        copy.crash();
        let checkpoints = Checkpoints { clean: true, log_start_offset: log.start_offset(), recovery_point: 0 };
        let (cold, _) = Log::open(DIR, small(), checkpoints, &mut copy, |_| {}).unwrap();
        for from in log.start_offset()..=log.end_offset() {
            for min_one in [false, true] {
                let warm = log.read(from, max, log.end_offset(), min_one, disk).unwrap();
                prop_assert_eq!(&cold.read(from, max, log.end_offset(), min_one, &mut copy).unwrap(), &warm);
                let located = log.locate(from, max, log.end_offset(), min_one, disk).unwrap();
                prop_assert_eq!(located.map_or(0, |s| s.len), warm.len());
            }
        }
        prop_assert!(log.read(log.start_offset(), ALL, log.end_offset(), true, disk).is_ok());
    }
}
