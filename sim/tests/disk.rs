//! What a process sees of its disk, and what survives.

mod common;

use common::{Do, Lab, Saw};
use tribunal_contract::{DiskError, NodeId};
use tribunal_sim::{DiskOp, Fault, Range, Repeat, stable_hash};

const NODE: NodeId = NodeId(0);

/// A lab with a file `f` that holds `synced` durably and `unsynced` in the page cache.
fn with_file(torn_tail_percent: u8) -> Lab {
    let mut lab = Lab::with(1, |config| config.disk.torn_tail_percent = torn_tail_percent);
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Append("f", b"synced"));
    lab.tell(0, Do::Sync("f", 1));
    lab.tell(0, Do::SyncDir(1));
    lab.run(10);
    lab.tell(0, Do::Append("f", b" and then"));
    lab.tell(0, Do::Append("f", b" more"));
    lab.run(0);
    lab.take();
    lab
}

fn read_after(mut lab: Lab, fault: Fault) -> Vec<u8> {
    assert!(lab.kernel.apply(fault));
    lab.kernel.apply(Fault::Restart { node: NODE });
    lab.tell(0, Do::Read("f"));
    lab.run(0);
    match lab.take_what().pop() {
        Some((_, Saw::Read(Ok(bytes)))) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_crash_keeps_the_page_cache() {
    assert_eq!(read_after(with_file(0), Fault::Crash { node: NODE }), b"synced and then more");
}

#[test]
fn a_power_loss_keeps_synced_data() {
    assert_eq!(read_after(with_file(0), Fault::PowerLoss { node: NODE }), b"synced");
}

#[test]
fn a_torn_tail_begins_with_the_synced_data() {
    let bytes = read_after(with_file(100), Fault::PowerLoss { node: NODE });
    assert!(bytes.len() > 6 && bytes.len() <= 20 && bytes.starts_with(b"synced"), "{bytes:?}");
}

#[test]
fn an_unsynced_name_is_lost_with_the_power() {
    let mut lab = Lab::with(1, |config| config.disk.torn_tail_percent = 0);
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Append("f", b"synced"));
    lab.tell(0, Do::Sync("f", 1));
    lab.run(10);
    lab.kernel.apply(Fault::PowerLoss { node: NODE });
    lab.kernel.apply(Fault::Restart { node: NODE });
    lab.run(0);
    assert_eq!(lab.kernel.disk(NODE).paths().count(), 0);
}

#[test]
fn a_replaced_file_returns_if_the_rename_is_unsynced() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Append("f", b"new"));
    lab.tell(0, Do::Sync("f", 2));
    lab.run(10);
    assert_eq!(read_after(lab, Fault::PowerLoss { node: NODE }), b"synced");
}

#[test]
fn rot_survives_rereads_and_restarts() {
    let mut lab = with_file(0);
    let path = stable_hash(&"f");
    assert!(lab.kernel.apply(Fault::DiskCorrupt { node: NODE, path, position: 0, bits: 1 }));
    assert!(!lab.kernel.apply(Fault::DiskCorrupt { node: NODE, path, position: 99, bits: 1 }), "beyond the end");
    lab.tell(0, Do::Read("f"));
    lab.run(0);
    assert_eq!(lab.take_what(), [(0, Saw::Read(Ok(b"rynced and then more".to_vec())))]);
    assert_eq!(read_after(lab, Fault::Crash { node: NODE }), b"rynced and then more");
}

#[test]
fn a_misdirected_write_overwrites_another_file() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Create("g"));
    lab.run(0);
    let (from, to) = (stable_hash(&"g"), stable_hash(&"f"));
    assert!(lab.kernel.apply(Fault::DiskMisdirect { node: NODE, from, to, position: 4 }));
    lab.tell(0, Do::Append("g", b"XX"));
    lab.tell(0, Do::Append("g", b"YY"));
    lab.tell(0, Do::Read("g"));
    lab.tell(0, Do::Read("f"));
    lab.run(0);
    let reads: Vec<_> = lab.take_what().into_iter().filter(|(_, saw)| matches!(saw, Saw::Read(_))).collect();
    let read = |bytes: &[u8]| (0, Saw::Read(Ok(bytes.to_vec())));
    assert_eq!(reads, [read(b"\0\0YY"), read(b"syncXX and then more")]);
}

#[test]
fn a_wiped_disk_holds_only_kept_files() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Create("k/f"));
    lab.run(0);
    assert!(!lab.kernel.apply(Fault::DiskWipe { node: NODE, kept: "" }), "a process still runs");
    lab.kernel.apply(Fault::Crash { node: NODE });
    assert!(lab.kernel.apply(Fault::DiskWipe { node: NODE, kept: "k/" }));
    assert_eq!(lab.kernel.disk(NODE).paths().collect::<Vec<_>>(), ["k/f"]);
    assert_eq!(lab.kernel.disk(NODE).used(), 0);
}

#[test]
fn a_restored_disk_equals_its_snapshot() {
    let mut lab = with_file(0);
    assert!(lab.kernel.apply(Fault::DiskSnapshot { node: NODE }));
    lab.tell(0, Do::Append("f", b", later"));
    lab.tell(0, Do::Create("g"));
    lab.run(0);
    lab.kernel.apply(Fault::PowerLoss { node: NODE });
    assert!(lab.kernel.apply(Fault::DiskRestore { node: NODE, kept: "" }));
    assert!(!lab.kernel.apply(Fault::DiskRestore { node: NODE, kept: "" }), "there is one snapshot");
    assert_eq!(lab.kernel.disk(NODE).paths().collect::<Vec<_>>(), ["f"]);
    lab.kernel.apply(Fault::Restart { node: NODE });
    lab.run(0);
    assert_eq!(read_after(lab, Fault::Crash { node: NODE }), b"synced and then more");
}

#[test]
fn a_stalled_disk_completes_its_syncs_when_released() {
    let mut lab = with_file(0);
    lab.kernel.apply(Fault::DiskStall { node: NODE, stalled: true });
    lab.tell(0, Do::Sync("f", 7));
    lab.run(1_000);
    assert_eq!(lab.take_what(), []);
    lab.kernel.apply(Fault::DiskStall { node: NODE, stalled: false });
    lab.run(0);
    assert_eq!(lab.take_what(), [(0, Saw::Synced(7, Ok(())))]);
}

#[test]
fn limited_throughput_makes_syncs_take_time_per_byte() {
    let mut lab = Lab::with(1, |config| {
        config.disk.sync_latency = Range::millis(2, 2);
        config.disk.throughput = Some(1_000);
    });
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Append("f", b"ten bytes."));
    lab.tell(0, Do::Sync("f", 1));
    lab.run(0);
    lab.take();
    lab.run(100);
    assert_eq!(lab.take(), [(12_000, 0, Saw::Synced(1, Ok(())))]);
}

#[test]
fn a_crash_before_a_power_loss_saves_nothing() {
    let mut lab = with_file(0);
    lab.kernel.apply(Fault::Crash { node: NODE });
    assert_eq!(read_after(lab, Fault::PowerLoss { node: NODE }), b"synced");
}

#[test]
fn a_sync_cut_short_by_a_power_loss_saves_nothing() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Sync("f", 2));
    lab.run(0);
    assert_eq!(read_after(lab, Fault::PowerLoss { node: NODE }), b"synced");
}

#[test]
fn a_sync_covers_only_writes_before_its_request() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Sync("f", 2));
    lab.tell(0, Do::Append("f", b"!"));
    lab.run(10);
    assert_eq!(lab.kernel.disk(NODE).lengths("f"), Some((21, 20)));
    assert_eq!(read_after(lab, Fault::PowerLoss { node: NODE }), b"synced and then more");
}

#[test]
fn syncs_of_one_file_complete_in_order() {
    let mut lab = Lab::new(1);
    lab.tell(0, Do::Create("f"));
    for n in 0..20 {
        lab.tell(0, Do::Sync("f", n));
    }
    lab.tell(0, Do::SyncDir(99));
    lab.run(0);
    lab.take();
    lab.run(10);
    let seen = lab.take();
    assert!(seen.iter().all(|(at, ..)| (500..=5_000).contains(at)), "{seen:?}");
    let of_file: Vec<u32> = seen
        .iter()
        .filter_map(|(_, _, saw)| match saw {
            Saw::Synced(n, Ok(())) if *n != 99 => Some(*n),
            _ => None,
        })
        .collect();
    assert_eq!(of_file, (0..20).collect::<Vec<_>>());
    assert_eq!(seen.len(), 21);
}

#[test]
fn a_slow_disk_scales_its_sync_latency() {
    let mut lab = Lab::with(1, |config| config.disk.sync_latency = Range::millis(2, 2));
    assert!(lab.kernel.apply(Fault::SyncLatency { node: NODE, percent: 1_000 }));
    lab.tell(0, Do::SyncDir(1));
    lab.run(0);
    lab.take();
    lab.run(100);
    assert_eq!(lab.take(), [(20_000, 0, Saw::Synced(1, Ok(())))]);
}

#[test]
fn a_failed_sync_loses_its_data_in_a_power_loss() {
    let mut lab = with_file(0);
    let fail = Fault::DiskFail { node: NODE, op: DiskOp::Sync, error: DiskError::Io, repeat: Repeat::Once };
    assert!(lab.kernel.apply(fail));
    lab.tell(0, Do::Sync("f", 2));
    lab.run(10);
    lab.tell(0, Do::Sync("f", 3));
    lab.run(10);
    assert_eq!(lab.take_what(), [(0, Saw::Synced(2, Err(DiskError::Io))), (0, Saw::Synced(3, Ok(())))]);
    assert_eq!(read_after(lab, Fault::PowerLoss { node: NODE }), b"synced");
}

#[test]
fn an_injected_failure_strikes_once_or_until_healed() {
    let mut lab = with_file(0);
    let fail = |op, repeat| Fault::DiskFail { node: NODE, op, error: DiskError::Io, repeat };
    lab.kernel.apply(fail(DiskOp::Append, Repeat::Once));
    lab.kernel.apply(fail(DiskOp::Read, Repeat::UntilHealed));
    for _ in 0..2 {
        lab.tell(0, Do::Append("f", b"."));
        lab.tell(0, Do::Read("f"));
    }
    lab.run(0);
    let io = || Saw::Read(Err(DiskError::Io));
    let seen = [Saw::Appended(Err(DiskError::Io)), io(), Saw::Appended(Ok(20)), io()].map(|saw| (0, saw));
    assert_eq!(lab.take_what(), seen);
    assert!(lab.kernel.apply(Fault::DiskHeal { node: NODE }));
    assert!(!lab.kernel.apply(Fault::DiskHeal { node: NODE }));
    lab.tell(0, Do::Read("f"));
    lab.run(0);
    assert_eq!(lab.take_what(), [(0, Saw::Read(Ok(b"synced and then more.".to_vec())))]);
}

#[test]
fn a_full_disk_keeps_a_prefix_of_the_write() {
    let mut lab = with_file(0);
    lab.kernel.apply(Fault::DiskCapacity { node: NODE, bytes: Some(23) });
    lab.tell(0, Do::Append("f", b"12345"));
    lab.tell(0, Do::Append("f", b"67890"));
    lab.tell(0, Do::Read("f"));
    lab.run(0);
    let full = || (0, Saw::Appended(Err(DiskError::NoSpace)));
    assert_eq!(lab.take_what(), [full(), full(), (0, Saw::Read(Ok(b"synced and then more123".to_vec())))]);
    assert_eq!(lab.kernel.disk(NODE).used(), 23);
    lab.kernel.apply(Fault::DiskCapacity { node: NODE, bytes: None });
    lab.tell(0, Do::Append("f", b"!"));
    lab.run(0);
    assert_eq!(lab.take_what(), [(0, Saw::Appended(Ok(23)))]);
}

#[test]
fn a_created_file_replaces_its_namesake() {
    let mut lab = with_file(0);
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Read("f"));
    lab.tell(0, Do::Read("g"));
    lab.run(0);
    let seen = [Saw::Created(Ok(())), Saw::Read(Ok(vec![])), Saw::Read(Err(DiskError::NotFound))];
    assert_eq!(lab.take_what(), seen.map(|saw| (0, saw)));
    assert_eq!(lab.kernel.disk(NODE).used(), 0);
    assert_eq!(lab.kernel.disk(NODE).paths().collect::<Vec<_>>(), ["f"]);
}
