//! Snapshots on disk (KIP-630): names, writing, and which are kept.
//!
//! The log begins where the older of the two kept snapshots ends, so that a follower only slightly behind needs none.

use bytes::{Bytes, BytesMut};
use tribunal_common::{Fx, Io, Obs, syncs};
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};
use tribunal_records::{BatchBuilder, BatchOptions, Batches, validate};

use crate::metadata_log::MAX_BATCH_BYTES;
use crate::snapshot_fetch::Fetching;
use crate::wire::LogEnd;
use crate::{FOLDER, control};

const SUFFIX: &str = ".checkpoint";
const PARTIAL: &str = ".checkpoint.part";
/// How many snapshots are kept.
const KEPT: usize = 2;

/// Index of the sync of a snapshot's content.
pub(crate) const CONTENT: u32 = 0;
/// Index of the sync of a snapshot's name.
pub(crate) const NAME: u32 = 1;
/// Index of the sync of a fetched snapshot's content.
pub(crate) const FETCHED_CONTENT: u32 = 2;
/// Index of the sync of a fetched snapshot's name.
pub(crate) const FETCHED_NAME: u32 = 3;

/// Which snapshot: it covers all records below `end`, the last of which is of `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The offset after the last record covered.
    pub end: i64,
    /// Epoch of the last record covered.
    pub epoch: i32,
}

/// The snapshots of this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Snapshots {
    /// Those on disk, ascending.
    pub(crate) kept: Vec<SnapshotId>,
    /// The one being written. No file any more: its name is being synced.
    taking: Option<(SnapshotId, Option<FileId>, u32)>,
    /// The one being fetched from the leader.
    pub(crate) fetching: Option<Fetching>,
}

impl SnapshotId {
    /// The end of the log it stands for.
    pub(crate) const fn log_end(self) -> LogEnd {
        LogEnd { epoch: self.epoch, offset: self.end }
    }

    pub(crate) fn path(self) -> String {
        format!("{FOLDER}/{:020}-{:010}{SUFFIX}", self.end, self.epoch)
    }

    pub(crate) fn partial_path(self) -> String {
        format!("{FOLDER}/{:020}-{:010}{PARTIAL}", self.end, self.epoch)
    }

    /// The snapshot whose file has this name.
    fn from_name(name: &str) -> Option<SnapshotId> {
        let (end, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(end, 20) || !digits(epoch, 10) {
            return None;
        }
        Some(SnapshotId { end: end.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

impl Snapshots {
    /// Looks for snapshots on disk, and removes the beginnings of others.
    pub(crate) fn open<D: Disk>(disk: &mut D) -> Result<Snapshots, DiskError> {
        let mut kept = Vec::new();
        for name in disk.list(FOLDER)? {
            if name.ends_with(PARTIAL) {
                disk.remove(&format!("{FOLDER}/{name}"))?;
            } else if let Some(id) = SnapshotId::from_name(&name) {
                kept.push(id);
            }
        }
        kept.sort_unstable();
        Ok(Snapshots { kept, ..Default::default() })
    }

    /// Reports the snapshots that are on disk. The power may have gone between the file's coming into place and the
    /// report of it, so whoever judges may not know of it yet.
    pub(crate) fn report<D: Disk, F: Fx>(&self, io: &mut Io<'_, D, F>) -> Result<(), DiskError> {
        for &id in &self.kept {
            let crc = crc_fast::crc32_iscsi(&Snapshots::read(id, io.disk)?);
            io.fx.observe(Obs::SnapshotTaken { end: id.end, epoch: id.epoch, crc });
        }
        Ok(())
    }

    pub(crate) fn latest(&self) -> Option<SnapshotId> {
        self.kept.last().copied()
    }

    pub(crate) fn is_taking(&self) -> bool {
        self.taking.is_some()
    }

    /// Writes a snapshot of `records`; `last_timestamp` (milliseconds) is that of the last record covered.
    pub(crate) fn take<D: Disk, F: Fx>(
        &mut self,
        id: SnapshotId,
        records: &[Bytes],
        last_timestamp: i64,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        let content = encode(id.epoch, records, last_timestamp);
        let crc = crc_fast::crc32_iscsi(&content);
        let file = io.disk.create(&id.partial_path())?;
        io.disk.append(file, content)?;
        io.disk.sync(file, SyncOp { class: syncs::SNAPSHOT, index: CONTENT });
        self.taking = Some((id, Some(file), crc));
        Ok(())
    }

    /// A sync of the snapshot being taken completed. Returns it once it is durable.
    pub(crate) fn taken<D: Disk, F: Fx>(
        &mut self,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<Option<SnapshotId>, DiskError> {
        result?;
        let Some((id, file, crc)) = self.taking.take() else { return Ok(None) };
        if let Some(file) = file {
            io.disk.close(file);
            io.disk.rename(&id.partial_path(), &id.path())?;
            io.disk.sync_dir(FOLDER, SyncOp { class: syncs::SNAPSHOT, index: NAME });
            self.taking = Some((id, None, crc));
            return Ok(None);
        }
        io.fx.observe(Obs::SnapshotTaken { end: id.end, epoch: id.epoch, crc });
        Ok(Some(id))
    }

    /// Takes a durable snapshot among the kept ones, and removes those no longer needed. Returns where the log may
    /// begin: after the oldest kept one, if there is more than one.
    pub(crate) fn keep<D: Disk>(&mut self, id: SnapshotId, disk: &mut D) -> Result<Option<SnapshotId>, DiskError> {
        if let Err(at) = self.kept.binary_search(&id) {
            self.kept.insert(at, id);
        }
        while self.kept.len() > KEPT {
            disk.remove(&self.kept.remove(0).path())?;
        }
        Ok((self.kept.len() == KEPT).then(|| self.kept[0]))
    }

    /// Removes the snapshots that end before `start`: nothing refers to them any more.
    pub(crate) fn remove_before<D: Disk>(&mut self, start: i64, disk: &mut D) -> Result<(), DiskError> {
        while self.kept.first().is_some_and(|id| id.end < start) {
            disk.remove(&self.kept.remove(0).path())?;
        }
        Ok(())
    }

    /// All of a snapshot's bytes.
    pub(crate) fn read<D: Disk>(id: SnapshotId, disk: &mut D) -> Result<Bytes, DiskError> {
        let file = disk.open(&id.path())?;
        let bytes = disk.len(file).and_then(|len| disk.read(file, 0, len as usize));
        disk.close(file);
        bytes
    }
}

/// A snapshot's bytes: header, the records in batches, footer. Times are those of the log, not of this node's clock:
/// snapshots of one end are the same bytes everywhere.
fn encode(epoch: i32, records: &[Bytes], last_timestamp: i64) -> Bytes {
    let mut out = BytesMut::from(&control::snapshot_header(epoch, last_timestamp)[..]);
    let options = |base_offset| BatchOptions { base_offset, partition_leader_epoch: epoch, ..Default::default() };
    let mut offset = 1;
    let mut batch = BatchBuilder::new(options(offset));
    for record in records {
        if !batch.is_empty() && batch.size_with(last_timestamp, None, Some(record), &[]) > MAX_BATCH_BYTES as usize {
            out.extend_from_slice(&std::mem::replace(&mut batch, BatchBuilder::new(options(offset))).build());
        }
        batch.append(last_timestamp, None, Some(record), &[]);
        offset += 1;
    }
    if !batch.is_empty() {
        out.extend_from_slice(&batch.build());
    }
    out.extend_from_slice(&control::snapshot_footer(offset, epoch, last_timestamp));
    out.freeze()
}

/// Whether the bytes are whole, intact batches from header to footer.
pub(crate) fn is_whole(content: &Bytes) -> bool {
    let mut batches = Batches::new(content.clone());
    let mut kinds = Vec::new();
    let mut covered = 0;
    for batch in batches.by_ref() {
        let Ok(batch) = batch else { return false };
        if validate(&batch.bytes).is_err() {
            return false;
        }
        covered += batch.bytes.len();
        if batch.header.attributes.is_control() {
            let Ok(records) = batch.records() else { return false };
            kinds.extend(records.flatten().filter_map(|r| tribunal_records::ControlType::from_key(&r.key?)));
        }
    }
    use tribunal_records::ControlType::{SnapshotFooter, SnapshotHeader};
    covered == content.len() && kinds.first() == Some(&SnapshotHeader) && kinds.last() == Some(&SnapshotFooter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_kafkas() {
        let id = SnapshotId { end: 17, epoch: 4 };
        assert_eq!(id.path(), "__cluster_metadata-0/00000000000000000017-0000000004.checkpoint");
        assert_eq!(SnapshotId::from_name("00000000000000000017-0000000004.checkpoint"), Some(id));
        for other in ["17-4.checkpoint", "00000000000000000017-0000000004.checkpoint.part", "00000000000000000017.log"]
        {
            assert_eq!(SnapshotId::from_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_snapshot_that_misses_its_end_is_not_whole() {
        let content = encode(3, &[Bytes::from_static(b"a"), Bytes::from_static(b"b")], 5);
        assert!(is_whole(&content));
        for cut in 0..content.len() {
            assert!(!is_whole(&content.slice(..cut)), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn records_come_back_in_order(records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30)) {
            let records: Vec<Bytes> = records.into_iter().map(Bytes::from).collect();
            let content = encode(3, &records, 5);
            prop_assert!(is_whole(&content));
            let mut found = Vec::new();
            let mut next = 0;
            for batch in Batches::new(content) {
                let batch = batch.unwrap();
                prop_assert_eq!(batch.header.base_offset, next);
                next = batch.header.next_offset();
                if !batch.header.attributes.is_control() {
                    found.extend(batch.records().unwrap().map(|r| r.unwrap().value.unwrap()));
                }
            }
            prop_assert_eq!(found, records);
        }
    }
}
