//! The small files beside the logs: high-watermark checkpoint, recovery points, log starts, clean-shutdown marker.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tribunal_common::{Fx, Io, Obs, TopicIdPartition, syncs, timers};
use tribunal_contract::{Disk, DiskError, SyncOp, TimerId};
use tribunal_log::{
    CLEAN_SHUTDOWN_FILE, CleanShutdown, LOG_START_CHECKPOINT, Log, LogConfig, LogError, OffsetCheckpoint,
    PARTITION_METADATA, RECOVERY_POINT_CHECKPOINT, REPLICATION_CHECKPOINT, Refusal, Replace, partition_folder,
};
use tribunal_protocol::Str;

use crate::folders::{Found, claim, look_into};
use crate::replicas::{Replicas, start_sync};

/// Sync index of the high-watermark checkpoint.
const HIGH_WATERMARKS: u32 = 0;
/// Sync index of the recovery-point checkpoint.
const RECOVERY_POINTS: u32 = 1;
/// Sync index of the clean-shutdown marker.
const MARKER: u32 = 2;
/// Sync index of the log-start checkpoint.
const LOG_STARTS: u32 = 3;

/// What is known of the small files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Checkpoints {
    /// High watermarks as last written.
    high_watermarks: OffsetCheckpoint,
    /// Where logs ended when they were closed in order.
    ends: OffsetCheckpoint,
    /// Where logs began that did not begin with their first segment, as the file says: true of logs that were closed in
    /// order.
    starts: OffsetCheckpoint,
    /// Whether the last incarnation shut down in order; its broker epoch if so.
    marker: Option<CleanShutdown>,
    /// Whether every log has been opened, and recovered where there was no marker.
    all_opened: bool,
    /// Files being replaced, by sync index.
    replacing: BTreeMap<u32, Replace>,
    /// A replacement or a removal failed.
    failed: Option<DiskError>,
    /// Shutting down in order.
    closing: Option<Closing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Closing {
    /// Logs are being made durable.
    Logs(BTreeSet<u32>),
    /// Checkpoints are being written.
    Checkpoints,
    /// The marker is being written.
    Marker,
    /// All is on disk.
    Closed,
}

/// A partition's log as it was found or made.
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) high_watermark: i64,
    /// Whether it was made.
    pub(crate) new: bool,
}

impl Checkpoints {
    /// Reads what the last incarnation left. A checkpoint that cannot be read counts as absent: high watermarks then
    /// begin at the log start and come back from the leaders. A marker is removed; its removal has to be durable before
    /// a log is written to, see [`Replicas::may_open_logs`].
    pub(crate) fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Checkpoints {
        let marker = CleanShutdown::read(CLEAN_SHUTDOWN_FILE, io.disk).ok().flatten();
        let mut failed = None;
        if marker.is_some() {
            // From now on a crash is not clean.
            failed = io.disk.remove(CLEAN_SHUTDOWN_FILE).err();
        }
        let high_watermarks = OffsetCheckpoint::read(REPLICATION_CHECKPOINT, io.disk).unwrap_or_default();
        let ends = match marker {
            Some(_) => OffsetCheckpoint::read(RECOVERY_POINT_CHECKPOINT, io.disk).unwrap_or_default(),
            None => OffsetCheckpoint::default(),
        };
        let starts = OffsetCheckpoint::read(LOG_START_CHECKPOINT, io.disk).unwrap_or_default();
        arm(io);
        Checkpoints {
            high_watermarks,
            ends,
            starts,
            marker,
            all_opened: false,
            replacing: BTreeMap::new(),
            failed,
            closing: None,
        }
    }

    pub(crate) fn failure(&self) -> Option<DiskError> {
        self.failed
    }

    pub(crate) fn previous_broker_epoch(&self) -> i64 {
        self.marker.map_or(-1, |marker| marker.broker_epoch)
    }

    /// Opens the partition's log, or creates it.
    pub(crate) fn open_log<D: Disk, F: Fx>(
        &mut self,
        id: TopicIdPartition,
        topic: &Str,
        config: LogConfig,
        io: &mut Io<'_, D, F>,
    ) -> Result<Opened, LogError> {
        let dir = partition_folder(topic, id.partition);
        let mut high_watermark = self.high_watermarks.get(topic, id.partition).unwrap_or(0);
        let (mut log, new) = match look_into(&dir, id.topic, io.disk)? {
            Found::Log => {
                // Without a clean shutdown everything is scanned: slower than from a recovery point, and right even if
                // the log was truncated below one and written again before the power went.
                let clean = self.marker.is_some();
                let log_start_offset = self.starts.get(topic, id.partition).filter(|_| clean).unwrap_or(0);
                let checkpoints = tribunal_log::Checkpoints { clean, log_start_offset, recovery_point: 0 };
                let mut scanned = Vec::new();
                let (mut log, report) = Log::open(&dir, config, checkpoints, io.disk, |header| scanned.push(*header))?;
                io.fx.observe(Obs::LogOpened { log: id, start: log.start_offset(), kept: report.scanned_from });
                for header in scanned {
                    io.fx.observe(Obs::Appended { log: id, batch: crate::mark(&header) });
                }
                // The controller was told that all is there. The next start, without the marker, tells it otherwise.
                let end = self.ends.get(topic, id.partition).unwrap_or(log.end_offset());
                if log.end_offset() != end {
                    let why = if log.end_offset() < end { Refusal::Shrunk } else { Refusal::Grown };
                    return Err(LogError::Refused { file: dir, why });
                }
                if !clean {
                    let file =
                        io.disk.open(&format!("{dir}/{PARTITION_METADATA}")).map_err(failed("claim the folder"))?;
                    log.sync_too(file, io.disk);
                }
                (log, false)
            }
            Found::Nothing => {
                high_watermark = 0;
                io.fx.observe(Obs::LogOpened { log: id, start: 0, kept: 0 });
                // First, so that what a crash leaves of this is nobody else's.
                let file = claim(&dir, id.topic, io.disk).map_err(failed("claim the folder"))?;
                let mut log = Log::create(&dir, config, 0, io.disk)?;
                log.sync_too(file, io.disk);
                (log, true)
            }
        };
        let high_watermark = high_watermark.clamp(log.start_offset(), log.end_offset());
        if !new && self.marker.is_none() {
            log.distrust(high_watermark);
        }
        Ok(Opened { log, high_watermark, new })
    }

    /// The partition is gone.
    pub(crate) fn forget(&mut self, topic: &Str, partition: i32) {
        self.high_watermarks.remove(topic, partition);
    }

    /// The marker to leave. An incarnation that ended before it opened the logs knows nothing of them: they are in
    /// order if the one before left them so, and otherwise they still have to be recovered.
    fn next_marker(&self, broker_epoch: i64) -> Option<CleanShutdown> {
        match self.marker {
            _ if self.all_opened => Some(CleanShutdown { broker_epoch }),
            // Nothing was written since, so the epoch that counts is still that one.
            Some(marker) if broker_epoch < 0 => Some(marker),
            Some(_) => Some(CleanShutdown { broker_epoch }),
            None => None,
        }
    }

    fn replace<D: Disk, F: Fx>(&mut self, index: u32, path: &str, contents: Bytes, io: &mut Io<'_, D, F>) {
        let op = SyncOp { class: syncs::CHECKPOINT, index };
        match Replace::start(path, contents, op, io.disk) {
            Ok(replace) => {
                self.replacing.insert(index, replace);
            }
            Err(error) => self.failed = Some(error),
        }
    }

    /// A sync of class `CHECKPOINT` completed. Whether the file is now in place.
    fn synced<D: Disk, F: Fx>(&mut self, op: SyncOp, result: Result<(), DiskError>, io: &mut Io<'_, D, F>) -> bool {
        let Some(replace) = self.replacing.get_mut(&op.index) else { return false };
        match replace.synced(result, io.disk) {
            Ok(false) => false,
            Ok(true) => {
                self.replacing.remove(&op.index);
                true
            }
            Err(error) => {
                self.replacing.remove(&op.index);
                self.failed = Some(error);
                false
            }
        }
    }
}

impl Replicas {
    /// Every partition of the metadata has its log open now.
    pub fn all_opened(&mut self) {
        self.checkpoints.all_opened = true;
    }

    /// Whether every partition of the metadata has its log open.
    pub fn has_opened_all(&self) -> bool {
        self.checkpoints.all_opened
    }

    /// The broker epoch of the last incarnation if it shut down in order, else -1 (KIP-966: anything else is an
    /// unclean shutdown).
    pub fn previous_broker_epoch(&self) -> i64 {
        self.checkpoints.previous_broker_epoch()
    }

    /// `CHECKPOINT`: writes the high watermarks if they have changed.
    pub(crate) fn write_checkpoints<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        arm(io);
        if self.offline || self.checkpoints.replacing.contains_key(&HIGH_WATERMARKS) {
            return;
        }
        let mut changed = false;
        for at in 0..self.partitions.len() as u32 {
            let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
            let checkpoint = &mut self.checkpoints.high_watermarks;
            // Not of what lies beyond a cut that a loss of power may undo: other records would count as committed then.
            // The next time it is durable.
            let cut = partition.log.unsynced_cut();
            let durable = partition.high_watermark.min(cut.unwrap_or(i64::MAX));
            if checkpoint.get(&partition.topic, partition.id.partition) != Some(durable) {
                checkpoint.set(&partition.topic, partition.id.partition, durable);
                changed = true;
            }
            if cut.is_some()
                && let Err(error) = start_sync(partition, at, io)
            {
                return self.fail(&error, io);
            }
        }
        if changed {
            let contents = self.checkpoints.high_watermarks.encode();
            self.checkpoints.replace(HIGH_WATERMARKS, REPLICATION_CHECKPOINT, contents, io);
            self.check_checkpoints(io);
        }
    }

    pub(crate) fn on_checkpoint_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) {
        self.checkpoints.synced(op, result, io);
        self.check_checkpoints(io);
        self.close_on(io);
    }

    fn check_checkpoints<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Some(error) = self.checkpoints.failure() {
            self.fail(&format_args!("replace a checkpoint: {error}"), io);
        }
    }

    /// `RETENTION`: deletes old segments.
    pub(crate) fn apply_retention<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        io.fx.set_timer(RETENTION, io.cfg.retention_interval, io.cfg.retention_interval);
        for at in 0..self.partitions.len() as u32 {
            if self.offline {
                return;
            }
            let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
            let before = partition.log.start_offset();
            match partition.log.retain(io.now, partition.high_watermark, io.disk) {
                Err(error) => self.fail(&error, io),
                Ok(0) => {}
                Ok(_) => {
                    let start = partition.log.start_offset();
                    if start != before {
                        io.fx.observe(Obs::LogStart { log: partition.id, start, emptied: false });
                    }
                    if let Err(error) = start_sync(partition, at, io) {
                        self.fail(&error, io);
                    }
                }
            }
        }
    }

    /// Begins an orderly shutdown: everything to disk, then the marker. Serves nothing from now on.
    pub fn close<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if self.offline || self.checkpoints.closing.is_some() {
            return;
        }
        let mut waiting = BTreeSet::new();
        for at in 0..self.partitions.len() as u32 {
            let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
            if let Err(error) = partition.log.prepare_close(io.disk).and_then(|()| start_sync(partition, at, io)) {
                return self.fail(&error, io);
            }
            if partition.log.is_syncing() {
                waiting.insert(at);
            }
        }
        self.checkpoints.closing = Some(Closing::Logs(waiting));
        self.close_on(io);
    }

    /// Whether the log directory is in order and marked so.
    pub fn is_closed(&self) -> bool {
        self.checkpoints.closing == Some(Closing::Closed)
    }

    /// Whether an orderly shutdown has begun.
    pub fn is_closing(&self) -> bool {
        self.checkpoints.closing.is_some()
    }

    /// A log's sync round is over, or the log is gone.
    pub(crate) fn close_log<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(Closing::Logs(waiting)) = &mut self.checkpoints.closing else { return };
        if let Some(partition) = self.partitions[at as usize].as_mut() {
            if let Err(error) = start_sync(partition, at, io) {
                return self.fail(&error, io);
            }
            // With every write flushed the next round has begun already, and what it covers no longer counts as
            // unsynced.
            if partition.log.is_syncing() {
                return;
            }
        }
        waiting.remove(&at);
        self.close_on(io);
    }

    fn close_on<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        match &self.checkpoints.closing {
            Some(Closing::Logs(waiting)) if waiting.is_empty() && !self.checkpoints.all_opened => {
                self.checkpoints.closing = Some(Closing::Checkpoints);
                self.close_on(io);
            }
            Some(Closing::Logs(waiting)) if waiting.is_empty() => {
                let (mut recovery, mut starts) = (OffsetCheckpoint::default(), OffsetCheckpoint::default());
                for partition in self.partitions.iter().flatten() {
                    recovery.set(&partition.topic, partition.id.partition, partition.log.flushed_offset());
                    let start = partition.log.start_offset();
                    if partition.log.segment_base_offsets().next().is_some_and(|base| base < start) {
                        starts.set(&partition.topic, partition.id.partition, start);
                    }
                    let high_watermark = partition.high_watermark;
                    self.checkpoints.high_watermarks.set(&partition.topic, partition.id.partition, high_watermark);
                }
                self.checkpoints.closing = Some(Closing::Checkpoints);
                let contents = self.checkpoints.high_watermarks.encode();
                self.checkpoints.replace(RECOVERY_POINTS, RECOVERY_POINT_CHECKPOINT, recovery.encode(), io);
                if starts != self.checkpoints.starts {
                    self.checkpoints.replace(LOG_STARTS, LOG_START_CHECKPOINT, starts.encode(), io);
                }
                if !self.checkpoints.replacing.contains_key(&HIGH_WATERMARKS) {
                    self.checkpoints.replace(HIGH_WATERMARKS, REPLICATION_CHECKPOINT, contents, io);
                }
                self.check_checkpoints(io);
            }
            Some(Closing::Checkpoints) if self.checkpoints.replacing.is_empty() => {
                self.checkpoints.closing = Some(Closing::Marker);
                if let Some(marker) = self.checkpoints.next_marker(self.broker_epoch) {
                    self.checkpoints.replace(MARKER, CLEAN_SHUTDOWN_FILE, marker.encode(), io);
                    self.check_checkpoints(io);
                }
                self.close_on(io);
            }
            Some(Closing::Marker) if self.checkpoints.replacing.is_empty() && self.checkpoints.failed.is_none() => {
                self.checkpoints.closing = Some(Closing::Closed);
            }
            _ => {}
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(DiskError) -> LogError {
    move |error| LogError::Disk { doing, error }
}

const RETENTION: TimerId = TimerId { class: timers::RETENTION, index: 0 };

fn arm<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let id = TimerId { class: timers::CHECKPOINT, index: 0 };
    io.fx.set_timer(id, io.cfg.checkpoint_interval, io.cfg.checkpoint_interval);
}

/// Begins to look for segments to delete.
pub(crate) fn arm_retention<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    io.fx.set_timer(RETENTION, io.cfg.retention_interval, io.cfg.retention_interval);
}
