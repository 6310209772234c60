//! What opening a log does about what it finds.

mod common;

use common::{ALL, DIR, TestDisk, batch, contents, fill, small, sync};
use tribunal_contract::{Disk, Time};
use tribunal_log::*;

fn path(base: i64, kind: &str) -> String {
    format!("{DIR}/{base:020}.{kind}")
}

/// A synced log of several segments, and its segments' base offsets.
fn synced_log(disk: &mut TestDisk) -> (Log, Vec<i64>) {
    disk.sync_dir_of_root();
    let mut log = Log::create(DIR, small(), 0, disk).unwrap();
    fill(&mut log, 1, 20, disk);
    fill(&mut log, 3, 20, disk);
    assert_eq!(sync(&mut log, disk), 80);
    let bases: Vec<_> = log.segment_base_offsets().collect();
    assert!(bases.len() >= 4);
    (log, bases)
}

fn open(disk: &mut TestDisk, recovery_point: i64) -> (Log, RecoveryReport) {
    disk.crash();
    let checkpoints = Checkpoints { recovery_point, ..Checkpoints::default() };
    Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap()
}

#[test]
fn a_torn_tail_is_cut_at_the_last_valid_batch() {
    let disk = &mut TestDisk::default();
    let (log, bases) = synced_log(disk);
    let all = contents(&log, disk);
    let last = path(*bases.last().unwrap(), "log");
    let whole = disk.contents(&last).unwrap().len();
    let size = all.last().unwrap().len();
    for lost in 1..=size {
        let disk = &mut disk.clone();
        disk.edit(&last, |f| f.truncate(whole - lost));
        let (log, report) = open(disk, 80);
        assert_eq!(log.end_offset(), 78);
        assert_eq!(report.truncated_bytes, (size - lost) as u64);
        assert_eq!(contents(&log, disk), all[..39]);
        assert_eq!(log.flushed_offset(), 78);
    }
    // A flipped bit in the tail is found by the checksum.
    disk.edit(&last, |f| *f.last_mut().unwrap() ^= 1);
    let (mut log, report) = open(disk, 80);
    assert_eq!((log.end_offset(), report.truncated_bytes), (78, size as u64));
    fill(&mut log, 3, 1, disk);
    assert_eq!(log.end_offset(), 80);
}

#[test]
fn a_tear_in_a_closed_segment_takes_all_behind_it() {
    let disk = &mut TestDisk::default();
    let (_, bases) = synced_log(disk);
    disk.edit(&path(bases[1], "log"), |f| f.truncate(f.len() - 1));
    let (log, report) = open(disk, 0);
    assert_eq!(log.end_offset(), bases[2] - 2);
    assert!(report.truncated_bytes > 2000);
    assert_eq!(log.segment_base_offsets().collect::<Vec<_>>(), bases[..2]);
    assert!(disk.paths().iter().all(|p| !p.contains(&format!("{:020}", bases[2]))), "{:?}", disk.paths());
}

#[test]
fn segments_behind_a_hole_go() {
    let disk = &mut TestDisk::default();
    let (_, bases) = synced_log(disk);
    disk.remove(&path(bases[2], "log")).unwrap();
    let (log, _) = open(disk, 0);
    assert_eq!(log.end_offset(), bases[2]);
    assert_eq!(log.latest_epoch(), log.epoch_for_offset(log.end_offset() - 1));
}

#[test]
fn a_stale_epoch_checkpoint_is_corrected_from_the_records() {
    for stale in ["0\n0\n", "0\n1\n1 0\n", "0\n2\n1 0\n2 70\n", "0\n3\n1 0\n3 40\n9 80\n", "0\n2\n1 0\n3 60\n"] {
        let disk = &mut TestDisk::default();
        let (log, _) = synced_log(disk);
        let epochs = log.epochs().clone();
        disk.edit(&format!("{DIR}/leader-epoch-checkpoint"), |f| *f = stale.into());
        let (mut log, _) = open(disk, 0);
        assert_eq!(log.epochs(), &epochs, "{stale:?}");
        sync(&mut log, disk);
        assert_eq!(disk.contents(&format!("{DIR}/leader-epoch-checkpoint")).unwrap(), b"0\n2\n1 0\n3 40\n");
    }
}

#[test]
fn a_lost_epoch_checkpoint_is_rebuilt_after_a_clean_shutdown() {
    let file = format!("{DIR}/leader-epoch-checkpoint");
    let damaged: [Option<&[u8]>; 5] = [None, Some(b""), Some(b"0\n2\n1 0\n"), Some(&[0; 16]), Some(b"\xffgarbage")];
    for damaged in damaged {
        let disk = &mut TestDisk::default();
        let (log, bases) = synced_log(disk);
        let (epochs, end) = (log.epochs().clone(), log.end_offset());
        match damaged {
            None => disk.remove(&file).unwrap(),
            Some(bytes) => disk.edit(&file, |f| *f = bytes.to_vec()),
        }
        disk.crash();
        let clean = Checkpoints { clean: true, recovery_point: end, ..Checkpoints::default() };
        let (log, report) = Log::open(DIR, small(), clean, disk, |_| {}).unwrap();
        assert_eq!((log.epochs(), log.end_offset()), (&epochs, end), "{damaged:?}");
        assert_eq!((report.scanned_from, report.truncated_bytes), (bases[0], 0), "{damaged:?}");
    }
}

#[test]
fn epochs_above_the_recovery_point_come_from_the_records_and_below_it_from_the_checkpoint() {
    let disk = &mut TestDisk::default();
    let (mut log, bases) = synced_log(disk);
    fill(&mut log, 4, 1, disk);
    let epochs = log.epochs().clone();
    let (log, report) = open(disk, 80);
    assert_eq!(log.epochs(), &epochs);
    assert!(report.scanned_from == *bases.last().unwrap() || report.scanned_from == 80);
}

#[test]
fn missing_and_corrupt_indexes_are_rebuilt() {
    for clean in [false, true] {
        for kind in ["index", "timeindex"] {
            for damage in ["missing", "cut", "zeros", "random", "empty"] {
                let disk = &mut TestDisk::default();
                let (mut log, bases) = synced_log(disk);
                log.prepare_close(disk).unwrap();
                sync(&mut log, disk);
                let all = contents(&log, disk);
                let victim = path(bases[1], kind);
                let good = disk.contents(&victim).unwrap();
                match damage {
                    "missing" => disk.remove(&victim).unwrap(),
                    "cut" => disk.edit(&victim, |f| f.truncate(f.len() - 3)),
                    "zeros" => disk.edit(&victim, |f| f.fill(0)),
                    "random" => disk.edit(&victim, |f| f.iter_mut().for_each(|b| *b = b.wrapping_mul(91) ^ 0xa5)),
                    _ => disk.edit(&victim, Vec::clear),
                }
                disk.crash();
                let checkpoints = Checkpoints { clean, ..Checkpoints::default() };
                let (log, report) = Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap();
                assert_eq!(contents(&log, disk), all);
                if damage == "empty" && clean {
                    // Still an index, only a useless one.
                    continue;
                }
                assert!(report.rebuilt_indexes >= 1, "{clean} {kind} {damage}");
                assert_eq!(disk.contents(&victim).unwrap(), good);
            }
        }
    }
}

#[test]
fn an_index_of_a_closed_segment_that_rots_later_does_not_mislead_reads() {
    let disk = &mut TestDisk::default();
    let (log, bases) = synced_log(disk);
    disk.edit(&path(bases[0], "index"), |f| f.chunks_mut(8).for_each(|e| e[4..].copy_from_slice(&[0, 0, 1, 7])));
    for offset in 0..bases[1] {
        let read = log.read(offset, 1, ALL as i64, true, disk).unwrap();
        assert_eq!(tribunal_records::BatchHeader::parse(&read).unwrap().base_offset, offset & !1);
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let refusal = |disk: &mut TestDisk| {
        disk.crash();
        let before: Vec<_> = disk.paths().iter().map(|p| disk.contents(p)).collect();
        let refused = Log::open(DIR, small(), Checkpoints::default(), disk, |_| {}).unwrap_err();
        let after: Vec<_> = disk.paths().iter().map(|p| disk.contents(p)).collect();
        assert_eq!(before, after, "nothing is changed");
        match refused {
            LogError::Refused { file, why } => (file, why),
            other => panic!("{other}"),
        }
    };
    let mut base = TestDisk::default();
    synced_log(&mut base);

    let disk = &mut base.clone();
    disk.edit(&format!("{DIR}/12.log"), |_| {});
    assert_eq!(refusal(disk), (format!("{DIR}/12.log"), Refusal::Name));

    let disk = &mut base.clone();
    disk.edit(&format!("{DIR}/leader-epoch-checkpoint"), |f| *f = b"1\n2\n1 0\n".to_vec());
    assert_eq!(refusal(disk), (format!("{DIR}/leader-epoch-checkpoint"), Refusal::Version(1)));

    // A format of the future, as far as that can be told: two batches of it, or one with the checksum in its old place.
    let later = |offset: i64| [&offset.to_be_bytes()[..], &10i32.to_be_bytes(), &[0; 4], &[3; 6]].concat();
    let disk = &mut base.clone();
    disk.edit(&path(0, "log"), |f| *f = [later(0), later(2)].concat());
    assert_eq!(refusal(disk), (path(0, "log"), Refusal::Magic(3)));

    let disk = &mut base.clone();
    let mut checked = later(0);
    let crc = crc_fast::crc32_iscsi(&checked[21..]);
    checked[17..21].copy_from_slice(&crc.to_be_bytes());
    disk.edit(&path(0, "log"), |f| *f = checked.clone());
    assert_eq!(refusal(disk), (path(0, "log"), Refusal::Magic(3)));

    // A message of format 1: offset, size, checksum, magic, attributes, timestamp, key, value.
    let disk = &mut base.clone();
    let body = [&[1u8, 0][..], &5i64.to_be_bytes(), &(-1i32).to_be_bytes(), &1i32.to_be_bytes(), b"x"].concat();
    let crc = crc_fast::crc32_iso_hdlc(&body);
    let old = [&0i64.to_be_bytes()[..], &(4 + body.len() as i32).to_be_bytes(), &crc.to_be_bytes(), &body].concat();
    disk.edit(&path(0, "log"), |f| *f = old.clone());
    assert_eq!(refusal(disk), (path(0, "log"), Refusal::Magic(1)));

    let text = LogError::Refused { file: path(0, "log"), why: Refusal::Magic(1) }.to_string();
    assert_eq!(text, "orders-0/00000000000000000000.log: record format 1 is not supported, only 2");
}

/// A log of one batch, and the bytes of that.
fn one_batch() -> (TestDisk, Vec<u8>) {
    let mut disk = TestDisk::default();
    disk.sync_dir_of_root();
    let mut log = Log::create(DIR, small(), 0, &mut disk).unwrap();
    fill(&mut log, 1, 1, &mut disk);
    sync(&mut log, &mut disk);
    let whole = disk.contents(&path(0, "log")).unwrap().to_vec();
    (disk, whole)
}

#[test]
fn a_torn_first_batch_is_not_taken_for_one_of_a_later_format() {
    let (disk, whole) = one_batch();
    // What a torn sector kept of the batch may end anywhere, and then comes anything, a format's number too.
    for kept in 0..whole.len() - 1 {
        for noise in [3, 104, 255] {
            let disk = &mut disk.clone();
            disk.edit(&path(0, "log"), |f| f[kept..].fill(noise));
            let (log, report) = open(disk, 0);
            assert_eq!((log.end_offset(), report.truncated_bytes), (0, whole.len() as u64), "{kept} bytes kept");
        }
    }
}

#[test]
fn a_rotten_format_number_is_not_taken_for_a_later_format() {
    let (disk, whole) = one_batch();
    // No checksum covers the number, so the batch has the right one still.
    for magic in (0..=u8::MAX).filter(|magic| *magic != 2) {
        let disk = &mut disk.clone();
        disk.edit(&path(0, "log"), |f| f[16] = magic);
        let (log, report) = open(disk, 0);
        assert_eq!((log.end_offset(), report.truncated_bytes), (0, whole.len() as u64), "{magic}");
    }
}

#[test]
fn files_of_others_in_the_folder_stay() {
    let disk = &mut TestDisk::default();
    synced_log(disk);
    for other in
        ["quorum-state", "00000000000000000040.snapshot", "partition.metadata", "00000000000000000010-1.checkpoint"]
    {
        disk.edit(&format!("{DIR}/{other}"), |f| *f = b"mine".to_vec());
    }
    let (log, _) = open(disk, 0);
    assert_eq!(log.end_offset(), 80);
    assert_eq!(disk.paths().iter().filter(|p| disk.contents(p).unwrap() == b"mine").count(), 4);
}

#[test]
fn the_recovery_point_does_not_pass_what_was_found_unsynced() {
    // KAFKA-10101: after a crash of the process the tail is read from the page cache, and a loss of power takes it.
    let disk = &mut TestDisk::default();
    let (mut log, _) = synced_log(disk);
    fill(&mut log, 3, 10, disk);
    let (mut log, _) = open(disk, 80);
    assert_eq!((log.end_offset(), log.flushed_offset()), (100, 80));
    assert!(log.unsynced());
    let mut lost = disk.clone();
    lost.power_loss(4);
    let (after, _) = open(&mut lost, 80);
    assert!(after.end_offset() >= 80);
    assert_eq!(sync(&mut log, disk), 100);
    disk.power_loss(4);
    assert_eq!(open(disk, 100).0.end_offset(), 100);
}

#[test]
fn a_recovery_point_beyond_the_end_is_brought_back() {
    let disk = &mut TestDisk::default();
    synced_log(disk);
    let (log, _) = open(disk, 5000);
    assert_eq!((log.end_offset(), log.flushed_offset()), (80, 80));
}

#[test]
fn a_log_start_beyond_the_end_begins_the_log_anew_there() {
    let disk = &mut TestDisk::default();
    synced_log(disk);
    disk.crash();
    let checkpoints = Checkpoints { log_start_offset: 200, ..Checkpoints::default() };
    let (mut log, _) = Log::open(DIR, small(), checkpoints, disk, |_| {}).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (200, 200));
    assert_eq!(log.latest_epoch(), None);
    log.append_as_leader(batch(0, -1, 1, 0, 4), 9, Time(0), disk).unwrap();
    assert_eq!(log.end_offset(), 201);
}

#[test]
fn scanned_batches_are_reported_in_order() {
    let disk = &mut TestDisk::default();
    let (_, bases) = synced_log(disk);
    disk.crash();
    let mut seen = Vec::new();
    let checkpoints = Checkpoints { recovery_point: bases[2] + 1, ..Checkpoints::default() };
    Log::open(DIR, small(), checkpoints, disk, |h| seen.push(h.base_offset)).unwrap();
    assert_eq!(seen, (bases[2]..80).step_by(2).collect::<Vec<_>>());
}

#[test]
fn a_first_sector_that_was_never_written_is_a_torn_batch_and_no_other_format() {
    for byte in [0u8, 0x1f, 0xa5, 0xff] {
        let mut disk = TestDisk::default();
        synced_log(&mut disk);
        disk.edit(&path(0, "log"), |f| f[..17].fill(byte));
        let (log, report) = Log::open(DIR, small(), Checkpoints::default(), &mut disk, |_| {}).unwrap();
        assert_eq!((log.end_offset(), report.scanned_from), (0, 0), "{byte:#x}");
    }
}
