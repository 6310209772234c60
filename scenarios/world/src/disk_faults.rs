//! What faults do to brokers' disks, as far as the atlas allows it.

use std::ops::Range;

use tribunal_contract::{DiskError, NodeId};
use tribunal_language::{Corruption, Crash, DiskErrorKind, DiskFault, DiskLoss, DiskOperation, Power};
use tribunal_log::parse_partition_folder;
use tribunal_records::BatchHeaders;
use tribunal_sim::{DiskOp, Fault as KernelFault, NodeDisk, Repeat, Seed, stable_hash};

use super::atlas::Damage;
use super::faults::{Faults, SimKernel};

/// Where a batch of format 2 has its leader epoch.
const LEADER_EPOCH: Range<u64> = 12..16;
/// From a byte of the leader epoch to one that the checksum covers.
const PAST_THE_CHECKSUM: u64 = 9;
/// The folder of the metadata log and of the votes: on a disk of its own.
const METADATA: &str = "__cluster_metadata-0/";

impl Faults {
    /// Operations of a disk fail from now on.
    pub(super) fn fail_disk(&mut self, kernel: &mut SimKernel, node: NodeId, disk: &DiskFault) {
        let op = match disk.fail {
            DiskOperation::Append => DiskOp::Append,
            DiskOperation::Create => DiskOp::Create,
            DiskOperation::Open => DiskOp::Open,
            DiskOperation::Read => DiskOp::Read,
            DiskOperation::Remove => DiskOp::Remove,
            DiskOperation::Rename => DiskOp::Rename,
            DiskOperation::Sync => DiskOp::Sync,
            DiskOperation::Truncate => DiskOp::Truncate,
        };
        let error = match disk.error {
            DiskErrorKind::Io => DiskError::Io,
            DiskErrorKind::NoSpace => DiskError::NoSpace,
        };
        let repeat = if disk.once { Repeat::Once } else { Repeat::UntilHealed };
        let damage = if op == DiskOp::Sync { Damage::SyncFailure } else { Damage::Unclean };
        if self.may_damage(kernel, node, damage) {
            self.atlas.doom(kernel, node, true);
            kernel.apply(KernelFault::DiskFail { node, op, error, repeat });
        }
    }

    /// Whether a crash may take from the disk what it takes.
    pub(super) fn may_lose(&mut self, kernel: &SimKernel, node: NodeId, crash: &Crash) -> bool {
        match (crash.disk, crash.power) {
            (DiskLoss::Kept, Power::Kept) => self.atlas.allows(kernel, node, Damage::Unclean),
            (DiskLoss::Kept, Power::Lost) => self.atlas.allows(kernel, node, Damage::PowerLoss),
            (DiskLoss::Old | DiskLoss::Wiped, _) => self.atlas.allows(kernel, node, Damage::Lost),
        }
    }

    /// The disk of a broker that is down comes back as something else.
    pub(super) fn lose_disk(kernel: &mut SimKernel, node: NodeId, loss: DiskLoss) {
        let kept = METADATA;
        match loss {
            DiskLoss::Kept => {}
            DiskLoss::Old => {
                kernel.apply(KernelFault::DiskRestore { node, kept });
            }
            DiskLoss::Wiped => {
                kernel.apply(KernelFault::DiskWipe { node, kept });
            }
        }
    }

    /// Bytes of a partition's log are wrong from now on, or from the next write on.
    pub(super) fn corrupt(&mut self, kernel: &mut SimKernel, node: NodeId, how: Corruption, chance: u64) {
        let draws = Seed(chance).fork("corrupt");
        let logs = record_files(kernel.disk(node));
        if logs.is_empty() || !self.may_damage(kernel, node, Damage::Corruption) {
            return;
        }
        let (name, len) = &logs[draws.below(0, logs.len() as u64) as usize];
        let position = draws.below(1, (*len).max(1));
        let path = stable_hash(name);
        match how {
            Corruption::Rot => {
                let position = under_a_checksum(&kernel.disk(node).contents(name).unwrap_or_default(), position);
                let bits = 1 << draws.below(2, 8);
                kernel.apply(KernelFault::DiskCorrupt { node, path, position, bits });
            }
            Corruption::Misdirected => {
                let (from, _) = &logs[draws.below(3, logs.len() as u64) as usize];
                let from = stable_hash(from);
                kernel.apply(KernelFault::DiskMisdirect { node, from, to: path, position });
            }
        }
    }
}

/// A byte of a log that can be known to have rotted: Kafka's format has no checksum over the leader epoch of a batch.
fn under_a_checksum(log: &[u8], position: u64) -> u64 {
    let starts = BatchHeaders::new(log).map_while(Result::ok).map(|(start, _)| start as u64);
    match starts.take_while(|start| *start <= position).last() {
        Some(start) if LEADER_EPOCH.contains(&(position - start)) => position + PAST_THE_CHECKSUM,
        _ => position,
    }
}

/// The files of records of all partitions, with their lengths.
fn record_files(disk: &NodeDisk) -> Vec<(String, u64)> {
    let in_use = |path: &str| path.split_once('/').is_some_and(|(folder, _)| parse_partition_folder(folder).is_some());
    let of_partition = |path: &&str| path.ends_with(".log") && !path.starts_with(METADATA) && in_use(path);
    let paths = disk.paths().filter(of_partition);
    paths.filter_map(|path| Some((path.to_owned(), disk.lengths(path)?.0))).filter(|(_, len)| *len > 0).collect()
}
