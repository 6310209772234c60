//! What a log needs after an unclean shutdown: every batch read, the torn tail cut, indexes and epochs rebuilt.

use tribunal_contract::{Disk, DiskError};
use tribunal_records::{BatchHeader, validate};

use crate::index::Indexes;
use crate::names::{LOG, segment_file};
use crate::scan::{Scan, Step};
use crate::segment::{Files, Segment};
use crate::{Checkpoints, EpochCache, LogConfig, RecoveryReport};

/// A log while it is being recovered.
pub(crate) struct Recovery<'a> {
    pub(crate) dir: &'a str,
    pub(crate) config: LogConfig,
    pub(crate) segments: Vec<Segment>,
    pub(crate) epochs: EpochCache,
    /// Whether the epoch checkpoint is missing or damaged. Every batch has its epoch, so all are read.
    pub(crate) epochs_lost: bool,
    pub(crate) report: RecoveryReport,
}

impl Recovery<'_> {
    /// The first segment that must be scanned, because it may hold what was not durable or because it cannot be used
    /// without; the number of segments if none must.
    pub(crate) fn first_to_scan<D: Disk>(
        &mut self,
        checkpoints: Checkpoints,
        whole: &[bool],
        disk: &mut D,
    ) -> Result<usize, DiskError> {
        let mut first = self.segments.len();
        if !checkpoints.clean {
            // The last segment in any case: its end may be torn even if the recovery point says otherwise, because the
            // log was cut and written again since.
            let holds = self.segments.partition_point(|s| s.base_offset <= checkpoints.recovery_point);
            first = holds.min(self.segments.len()).saturating_sub(1);
        }
        if self.epochs_lost && self.segments.iter().any(|segment| segment.size > 0) {
            first = 0;
        }
        let nexts: Vec<_> = self.segments.iter().skip(1).map(|s| Some(s.base_offset)).chain([None]).collect();
        for (i, segment) in self.segments.iter_mut().enumerate().take(first) {
            let indexes = if whole[i] { segment.read_indexes(disk)? } else { None };
            let end = match indexes {
                Some(indexes) => segment.read_end(&indexes, disk)?,
                None => None,
            };
            let meets = |end| nexts[i].is_none_or(|next| self.config.follows(end, next));
            if !end.is_some_and(meets) {
                return Ok(i);
            }
        }
        Ok(first)
    }

    /// Scans all segments from `first` on. The end offset and the last segment's indexes.
    pub(crate) fn scan_from<D: Disk>(
        &mut self,
        first: usize,
        disk: &mut D,
        on_batch: &mut impl FnMut(&BatchHeader),
    ) -> Result<(i64, Indexes), DiskError> {
        let Some(from) = self.segments.get(first) else {
            return self.end_of_trusted(disk);
        };
        let mut expected = from.base_offset;
        self.report.scanned_from = expected;
        self.epochs.truncate_from_end(expected);
        let mut indexes = Indexes::default();
        let mut i = first;
        while i < self.segments.len() {
            let base = self.segments[i].base_offset;
            if i > first && !self.config.follows(expected, base) {
                self.remove_from(i, disk)?;
                break;
            }
            expected = expected.max(base);
            let closed = i + 1 < self.segments.len();
            let intact;
            (expected, indexes, intact) = self.scan_segment(i, closed, expected, disk, on_batch)?;
            if !intact {
                self.remove_from(i + 1, disk)?;
            }
            i += 1;
        }
        Ok((expected, indexes))
    }

    /// Reads one segment, cuts it where it is not sound, and makes its indexes right. The next offset, the indexes, and
    /// whether all of it was sound.
    fn scan_segment<D: Disk>(
        &mut self,
        i: usize,
        closed: bool,
        mut expected: i64,
        disk: &mut D,
        on_batch: &mut impl FnMut(&BatchHeader),
    ) -> Result<(i64, Indexes, bool), DiskError> {
        let on_disk = self.segments[i].read_indexes(disk)?;
        let segment = &mut self.segments[i];
        let size = segment.size;
        *segment = Segment::new(segment.base_offset, segment.files);
        let mut indexes = Indexes::default();
        let mut scan = Scan::new(segment.files.log, 0, size);
        while let Step::Batch { position, header, bytes } = scan.next(disk)? {
            let sound = self.config.follows(expected, header.base_offset)
                && header.last_offset() - segment.base_offset <= i64::from(i32::MAX)
                // A segment of an older history that a truncation had removed may be back after a loss of power.
                && (position > 0 || self.epochs.latest().is_none_or(|l| l.epoch <= header.partition_leader_epoch))
                && validate(&bytes).is_ok();
            if !sound {
                break;
            }
            segment.note(&header);
            let relative = segment.relative(header.last_offset());
            indexes.add(relative, position as u32, segment.newest(), self.config.index_interval_bytes);
            self.epochs.assign(header.partition_leader_epoch, header.base_offset);
            expected = header.next_offset();
            on_batch(&header);
        }
        let intact = segment.size == size;
        if !intact {
            self.report.truncated_bytes += size - segment.size;
            disk.truncate(segment.files.log, segment.size)?;
        }
        if closed && intact {
            indexes.add_time(segment.newest());
        }
        if on_disk.as_ref() != Some(&indexes) {
            segment.write_indexes(&indexes, disk)?;
            self.report.rebuilt_indexes += 1;
        }
        segment.index_dirty = true;
        Ok((expected, indexes, intact))
    }

    /// Removes segment `i` and all after it: they lie behind a hole, or belong to another history.
    fn remove_from<D: Disk>(&mut self, i: usize, disk: &mut D) -> Result<(), DiskError> {
        while self.segments.len() > i {
            if let Some(segment) = self.segments.pop() {
                self.report.truncated_bytes += segment.size;
                segment.files.close(disk);
                // The records first: indexes without records are removed at the next start.
                disk.remove(&segment_file(self.dir, segment.base_offset, LOG))?;
                Files::remove(self.dir, segment.base_offset, "", disk)?;
            }
        }
        Ok(())
    }

    /// The end of a log that needs no scan.
    fn end_of_trusted<D: Disk>(&mut self, disk: &mut D) -> Result<(i64, Indexes), DiskError> {
        let Some(last) = self.segments.last() else {
            return Ok((0, Indexes::default()));
        };
        let indexes = last.read_indexes(disk)?.unwrap_or_default();
        let from = indexes.offsets.last().map_or(0, |e| u64::from(e.position));
        let mut scan = Scan::new(last.files.log, from, last.size);
        let mut end = last.base_offset;
        while let Step::Batch { header, .. } = scan.next(disk)? {
            end = header.next_offset();
        }
        self.report.scanned_from = end;
        Ok((end, indexes))
    }
}
