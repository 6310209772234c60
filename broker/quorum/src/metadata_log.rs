//! The log of `__cluster_metadata-0`: what changes it is reported as it happens.

use bytes::Bytes;
use tribunal_common::{BatchMark, Fx, Io, METADATA_LOG, Obs, syncs};
use tribunal_contract::{Disk, DiskError, SyncOp};
use tribunal_log::{Checkpoints, Log, LogConfig, LogError};
use tribunal_records::{BatchHeader, validate};

use crate::FOLDER;
use crate::snapshots::SnapshotId;
use crate::wire::LogEnd;

/// `metadata.log.segment.bytes`. Segments are also closed by snapshots, so that what these cover can be removed.
const SEGMENT_BYTES: u32 = 1 << 30;
/// The largest batch that a leader appends (Kafka's `KafkaRaftClient.MAX_BATCH_SIZE_BYTES`).
pub(crate) const MAX_BATCH_BYTES: u32 = 8 << 20;

const SYNC: SyncOp = SyncOp { class: syncs::METADATA_LOG, index: 0 };

/// The metadata log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MetadataLog {
    log: Log,
    /// The epoch of the last record before the log's start, known from the snapshot there; 0 if there is none.
    before_start: i32,
}

fn mark(header: &BatchHeader) -> BatchMark {
    BatchMark {
        base: header.base_offset,
        last: header.last_offset(),
        epoch: header.partition_leader_epoch,
        crc: header.crc,
    }
}

impl MetadataLog {
    /// Recovers the log, or makes an empty one. Every batch is read again: the log is short (snapshots bound it), and
    /// the quorum's promises rest on it. Also returns what was found, to be reported by [`MetadataLog::opened`] once
    /// the snapshots have said where the log begins: the first segment may begin before that.
    pub(crate) fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<(MetadataLog, Vec<BatchMark>), LogError> {
        let config = LogConfig {
            segment_bytes: SEGMENT_BYTES,
            max_message_bytes: MAX_BATCH_BYTES,
            index_interval_bytes: io.cfg.log.index_interval_bytes,
            retention_ms: None,
            retention_bytes: None,
            ..LogConfig::default()
        };
        let mut found = Vec::new();
        let (log, _) = Log::open(FOLDER, config, Checkpoints::default(), io.disk, |h| found.push(mark(h)))?;
        Ok((MetadataLog { log, before_start: 0 }, found))
    }

    /// Reports what recovery found from the log's start on.
    pub(crate) fn opened<D: Disk, F: Fx>(&self, found: Vec<BatchMark>, io: &mut Io<'_, D, F>) {
        let start = self.start();
        io.fx.observe(Obs::LogOpened { log: METADATA_LOG, start, kept: start });
        for batch in found.into_iter().filter(|batch| batch.last >= start) {
            io.fx.observe(Obs::Appended { log: METADATA_LOG, batch });
        }
    }

    /// The first offset.
    pub(crate) fn start(&self) -> i64 {
        self.log.start_offset()
    }

    /// The offset after the last record, and its epoch.
    pub(crate) fn end(&self) -> LogEnd {
        LogEnd { epoch: self.log.latest_epoch().unwrap_or(self.before_start), offset: self.log.end_offset() }
    }

    /// Below this no record can be lost.
    pub(crate) fn flushed(&self) -> i64 {
        self.log.flushed_offset()
    }

    /// Whether all that was done to the log is durable.
    pub(crate) fn is_durable(&self) -> bool {
        !self.log.is_syncing() && !self.log.unsynced()
    }

    /// Where this log's part up to `epoch` ends: its largest epoch not above that, and the end of it.
    pub(crate) fn end_of_epoch(&self, epoch: i32) -> LogEnd {
        match self.log.end_offset_for_epoch(epoch) {
            // The epoch is below all in the log: all that is left of such epochs is the snapshot at the start.
            Some((found, offset)) if found == epoch && offset == self.start() => {
                LogEnd { epoch: self.before_start.min(epoch), offset }
            }
            Some((epoch, offset)) => LogEnd { epoch, offset },
            None => self.end(),
        }
    }

    /// Appends one batch as leader. Returns the offset of its last record.
    pub(crate) fn append_as_leader<D: Disk, F: Fx>(
        &mut self,
        batch: Bytes,
        epoch: i32,
        io: &mut Io<'_, D, F>,
    ) -> Result<i64, LogError> {
        let crc = BatchHeader::parse(&batch)?.crc;
        let info = self.log.append_as_leader(batch, epoch, io.now, io.disk)?;
        let batch = BatchMark { base: info.first_offset, last: info.last_offset, epoch, crc };
        io.fx.observe(Obs::Appended { log: METADATA_LOG, batch });
        Ok(info.last_offset)
    }

    /// Appends what the leader sent. An error that is no failure of the disk means that nothing was appended.
    pub(crate) fn append_as_follower<D: Disk, F: Fx>(
        &mut self,
        batches: Bytes,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), LogError> {
        let fx = &mut *io.fx;
        let observe = |h: &BatchHeader| fx.observe(Obs::Appended { log: METADATA_LOG, batch: mark(h) });
        self.log.append_as_follower(batches, io.disk, observe)?;
        Ok(())
    }

    /// Cuts the log where it parts from one whose epoch `other.epoch` ends at `other.offset` (KIP-595). `floor` is the
    /// high watermark: no cut goes below it (KAFKA-12460). `Ok(false)` if it would.
    pub(crate) fn truncate_to_divergence<D: Disk, F: Fx>(
        &mut self,
        other: LogEnd,
        floor: i64,
        io: &mut Io<'_, D, F>,
    ) -> Result<bool, LogError> {
        let own = self.end_of_epoch(other.epoch);
        let at = if own.epoch == other.epoch { own.offset.min(other.offset) } else { own.offset };
        if at < floor || at < self.start() {
            return Ok(false);
        }
        if at < self.log.end_offset() {
            let end = self.log.truncate_to(at, io.disk)?;
            io.fx.observe(Obs::Truncated { log: METADATA_LOG, end });
        }
        Ok(true)
    }

    /// Throws the log away; it begins anew after the snapshot.
    pub(crate) fn restart_after<D: Disk, F: Fx>(
        &mut self,
        snapshot: SnapshotId,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), LogError> {
        self.log.truncate_fully_and_start_at(snapshot.end, io.disk)?;
        self.before_start = snapshot.epoch;
        io.fx.observe(Obs::LogStart { log: METADATA_LOG, start: snapshot.end, emptied: true });
        Ok(())
    }

    /// Lets the log begin after the snapshot, which lies in it or at its start. True if that is another place.
    pub(crate) fn begin_after(&mut self, snapshot: SnapshotId) -> bool {
        self.before_start = snapshot.epoch;
        self.log.delete_records_before(snapshot.end)
    }

    /// The same, reported.
    pub(crate) fn start_after<D: Disk, F: Fx>(&mut self, snapshot: SnapshotId, io: &mut Io<'_, D, F>) {
        if self.begin_after(snapshot) {
            io.fx.observe(Obs::LogStart { log: METADATA_LOG, start: snapshot.end, emptied: false });
        }
    }

    /// Closes the segment, and removes those that lie wholly below the start.
    pub(crate) fn roll_and_remove<D: Disk, F: Fx>(
        &mut self,
        high_watermark: i64,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), LogError> {
        self.log.roll(io.disk)?;
        self.log.retain(io.now, high_watermark, io.disk)?;
        Ok(())
    }

    /// Whole batches from the one with `from` on, below `up_to`; at least one if there is any.
    pub(crate) fn read<D: Disk>(
        &self,
        from: i64,
        max_bytes: usize,
        up_to: i64,
        disk: &mut D,
    ) -> Result<Bytes, LogError> {
        self.log.read(from, max_bytes, up_to, true, disk)
    }

    /// The largest timestamp of the batch that holds `offset`, in milliseconds, -1 if there is none.
    pub(crate) fn timestamp_at<D: Disk>(&self, offset: i64, disk: &mut D) -> Result<i64, LogError> {
        if offset < self.start() || offset >= self.log.end_offset() {
            return Ok(-1);
        }
        let batch = self.log.read(offset, 1, i64::MAX, true, disk)?;
        Ok(validate(&batch).map_or(-1, |header| header.max_timestamp))
    }

    /// The epoch of the record at `offset`, which is below the end.
    pub(crate) fn epoch_at(&self, offset: i64) -> i32 {
        if offset < self.start() {
            return self.before_start;
        }
        self.log.epoch_for_offset(offset).unwrap_or(self.before_start)
    }

    /// Begins to make durable what is not yet, unless a round is under way: then another follows it.
    pub(crate) fn sync<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) -> Result<(), LogError> {
        if !self.log.is_syncing() && self.log.unsynced() {
            self.log.start_sync(SYNC, io.disk)?;
        }
        Ok(())
    }

    /// A sync completed.
    pub(crate) fn synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), LogError> {
        if self.log.synced(op, result, io.disk)?.is_some() {
            self.sync(io)?;
        }
        Ok(())
    }
}
