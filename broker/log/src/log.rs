//! The log of one partition replica.

use std::collections::VecDeque;

use tribunal_contract::{Disk, DiskError};

use crate::derived::Derived;
use crate::index::Indexes;
use crate::segment::{Files, Segment};
use crate::sync::SyncState;
use crate::{EpochCache, LogConfig, LogError, names};

/// A partition's log: segments with their indexes, the leader-epoch cache, and what of it is durable.
///
/// Never empty of segments; the last one is active. Offsets run from [`Log::start_offset`] to [`Log::end_offset`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    pub(crate) dir: String,
    pub(crate) config: LogConfig,
    pub(crate) segments: Vec<Segment>,
    pub(crate) start_offset: i64,
    pub(crate) end_offset: i64,
    pub(crate) epochs: EpochCache,
    pub(crate) sync: SyncState,
    pub(crate) failed: bool,
    /// Indexes of the active segment.
    pub(crate) indexes: Derived<Indexes>,
    /// The last batches of the active segment, so that reads near the end need no search and no header.
    pub(crate) tail: Derived<VecDeque<TailBatch>>,
}

/// Where one of the last batches lies in the active segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TailBatch {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) position: u64,
    pub(crate) size: u64,
}

/// How many batches the tail remembers: more than a follower or a tailing consumer lags behind when all is well.
pub(crate) const TAIL_BATCHES: usize = 64;

impl Log {
    /// Makes an empty log in `dir` that begins at `start_offset`. `Err(Exists)` if there is one.
    pub fn create<D: Disk>(dir: &str, config: LogConfig, start_offset: i64, disk: &mut D) -> Result<Log, LogError> {
        let names = disk.list(dir).map_err(LogError::disk("list the log folder"))?;
        if names.iter().any(|name| matches!(names::classify(name), names::Entry::Log(_))) {
            return Err(LogError::Exists);
        }
        let files = Files::create(dir, start_offset, disk).map_err(LogError::disk("create a segment"))?;
        Ok(Log {
            dir: dir.to_owned(),
            config,
            segments: vec![Segment::new(start_offset, files)],
            start_offset,
            end_offset: start_offset,
            epochs: EpochCache::default(),
            sync: SyncState::new(start_offset),
            failed: false,
            indexes: Derived::default(),
            tail: Derived::default(),
        })
    }

    /// The folder the log is in.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// The configuration.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the configuration from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The first offset that may be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record gets.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Bytes of records in all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|s| s.size).sum()
    }

    /// The base offsets of the segments, oldest first.
    pub fn segment_base_offsets(&self) -> impl Iterator<Item = i64> {
        self.segments.iter().map(|s| s.base_offset)
    }

    /// Whether a write or sync failed: nothing is written any more.
    pub fn is_failed(&self) -> bool {
        self.failed
    }

    /// The leader epochs.
    pub fn epochs(&self) -> &EpochCache {
        &self.epochs
    }

    /// The latest leader epoch, if any batch or leader has had one.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.latest().map(|e| e.epoch)
    }

    /// Where `epoch` ends in this log: see [`EpochCache::end_offset_for`].
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        self.epochs.end_offset_for(epoch, self.end_offset)
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        self.epochs.epoch_for_offset(offset)
    }

    /// Notes that a leader of `epoch` begins at `start_offset`, before it writes anything.
    pub fn assign_epoch(&mut self, epoch: i32, start_offset: i64) {
        if self.epochs.assign(epoch, start_offset) {
            self.sync.epochs_dirty = true;
        }
    }

    /// Gives up the open files. Syncs nothing: see [`Log::prepare_close`]. Completions of a sync round under way are to
    /// be ignored.
    pub fn close<D: Disk>(self, disk: &mut D) {
        self.segments.iter().for_each(|s| s.files.close(disk));
        self.sync.close(disk);
    }

    pub(crate) fn active(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has a segment")
    }

    /// The index of the segment that holds `offset`, or would.
    pub(crate) fn segment_of(&self, offset: i64) -> usize {
        self.segments.partition_point(|s| s.base_offset <= offset).saturating_sub(1)
    }

    /// The offset after the segment's last.
    pub(crate) fn segment_end(&self, i: usize) -> i64 {
        self.segments.get(i + 1).map_or(self.end_offset, |next| next.base_offset)
    }

    /// Refuses to change a failed log.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        if self.failed { Err(LogError::Failed) } else { Ok(()) }
    }

    /// Marks the log failed if a change did not get through.
    pub(crate) fn wrote<T>(&mut self, doing: &'static str, result: Result<T, DiskError>) -> Result<T, LogError> {
        result.map_err(|error| {
            self.failed = true;
            LogError::Disk { doing, error }
        })
    }
}
