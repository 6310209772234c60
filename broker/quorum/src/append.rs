//! What the controller does with the log: append to it, read what is committed, snapshot it.

use bytes::Bytes;
use tribunal_common::{Fx, Io, Obs};
use tribunal_contract::Disk;
use tribunal_records::{BatchBuilder, BatchOptions};

use crate::role::Role;
use crate::snapshots::{SnapshotId, Snapshots};
use crate::{Quorum, QuorumRole};

pub(crate) const LOG_FAILED: &str = "the metadata log cannot be written";
pub(crate) const SNAPSHOT_FAILED: &str = "a metadata snapshot cannot be written";

/// What is next to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// Whole batches below the high watermark, the first of them the one with the offset asked for. Control batches are
    /// among them.
    Records(Bytes),
    /// The log begins later: this replaces everything below `end`.
    Snapshot {
        /// The offset after the last record covered.
        end: i64,
        /// Epoch of the last record covered.
        epoch: i32,
        /// Batches whose offsets mean nothing; control batches are among them.
        content: Bytes,
    },
    /// All that is committed has been read.
    Nothing,
}

impl Quorum {
    /// Appends records (key, value) as one batch. Leader only: `None` elsewhere, or if there is no record, or if they
    /// are too large for one batch (8 MiB). Returns the offset of the last one. It is committed once
    /// [`Quorum::high_watermark`] has passed it in the same epoch.
    pub fn append<D: Disk, F: Fx>(&mut self, records: &[(Option<Bytes>, Bytes)], io: &mut Io<'_, D, F>) -> Option<i64> {
        if self.role() != QuorumRole::Leader || records.is_empty() || self.failed {
            return None;
        }
        let now = io.now.as_millis();
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for (key, value) in records {
            if batch.size_with(now, key.as_deref(), Some(value), &[]) > crate::metadata_log::MAX_BATCH_BYTES as usize {
                return None;
            }
            batch.append(now, key.as_deref(), Some(value), &[]);
        }
        let last = self.append_batch(batch.build(), io);
        self.drive(io);
        last
    }

    /// Appends a batch as leader. Followers may have it before it is durable here; it counts only once it is.
    pub(crate) fn append_batch<D: Disk, F: Fx>(&mut self, batch: Bytes, io: &mut Io<'_, D, F>) -> Option<i64> {
        let appended = self.log.append_as_leader(batch, self.election.epoch, io);
        let last = self.check(appended, LOG_FAILED, io)?;
        let synced = self.log.sync(io);
        self.check(synced, LOG_FAILED, io)?;
        self.log_flushed(io);
        self.answer_parked(io);
        Some(last)
    }

    /// The flushed offset may have moved.
    pub(crate) fn log_flushed<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let flushed = self.log.flushed();
        match &mut self.role {
            Role::Leader(leading) => {
                if let Some(me) = Self::voter(io.cfg, io.cfg.node_id) {
                    leading.voter_at(me, flushed);
                }
                self.advance_leader_hw(io);
            }
            Role::Follower(following) => {
                let told = following.leader_hw;
                self.advance_hw(told.min(flushed), io);
                self.lost_disk &= told <= 0 || self.hw < told;
            }
            Role::Candidate(_) | Role::Prospective(_) | Role::Resigned(_) | Role::Unattached => {}
        }
    }

    /// Raises the high watermark. It never goes back.
    pub(crate) fn advance_hw<D: Disk, F: Fx>(&mut self, to: i64, io: &mut Io<'_, D, F>) -> bool {
        if to <= self.hw {
            return false;
        }
        self.hw = to;
        io.fx.observe(Obs::QuorumHighWatermark { value: to });
        true
    }

    /// What comes next for one who has applied everything below `from`. About `max_bytes` at once, at least one batch.
    pub fn read_committed<D: Disk, F: Fx>(&mut self, from: i64, max_bytes: usize, io: &mut Io<'_, D, F>) -> Committed {
        if from >= self.hw || self.failed {
            return Committed::Nothing;
        }
        if from < self.log.start() {
            let Some(SnapshotId { end, epoch }) = self.snapshots.latest() else { return Committed::Nothing };
            let content = Snapshots::read(SnapshotId { end, epoch }, io.disk);
            return match self.check(content, "a metadata snapshot cannot be read", io) {
                Some(content) => Committed::Snapshot { end, epoch, content },
                None => Committed::Nothing,
            };
        }
        let read = self.log.read(from, max_bytes, self.hw, io.disk);
        match self.check(read, "the metadata log cannot be read", io) {
            Some(batches) if !batches.is_empty() => Committed::Records(batches),
            _ => Committed::Nothing,
        }
    }

    /// Writes a snapshot that covers everything below `end`, whose last record is of `epoch`; `records` are the values
    /// of the metadata records that make up that state. Once it is durable the log begins after the snapshot before
    /// it.
    ///
    /// Does nothing if one is being written, if there is one as late, or if `end` is not committed.
    pub fn take_snapshot<D: Disk, F: Fx>(&mut self, end: i64, epoch: i32, records: &[Bytes], io: &mut Io<'_, D, F>) {
        let id = SnapshotId { end, epoch };
        let late = self.snapshots.latest().is_some_and(|latest| latest.end >= end);
        if self.failed || late || self.snapshots.is_taking() || end > self.hw || end <= self.log.start() {
            return;
        }
        if self.log.epoch_at(end - 1) != epoch {
            return;
        }
        let timestamp = self.log.timestamp_at(end - 1, io.disk).unwrap_or(-1);
        let started = self.snapshots.take(id, records, timestamp, io);
        self.check(started, SNAPSHOT_FAILED, io);
    }

    /// A snapshot of this node is durable: the log may let go of what the one before it covers.
    pub(crate) fn snapshot_taken<D: Disk, F: Fx>(&mut self, id: SnapshotId, io: &mut Io<'_, D, F>) {
        if id.end < self.log.start() {
            // A later one came from the leader meanwhile.
            let removed = io.disk.remove(&id.path());
            self.check(removed, SNAPSHOT_FAILED, io);
            return;
        }
        let kept = self.snapshots.keep(id, io.disk);
        let Some(start) = self.check(kept, SNAPSHOT_FAILED, io) else { return };
        if let Some(start) = start {
            self.log.start_after(start, io);
        }
        let cleaned = self.log.roll_and_remove(self.hw, io).and_then(|()| self.log.sync(io));
        self.check(cleaned, LOG_FAILED, io);
    }
}
