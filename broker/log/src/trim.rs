//! Taking records away: from the end (truncation) and from the start (retention).

use tribunal_contract::{Disk, Time};

use crate::LogError;
use crate::log::Log;
use crate::segment::{Files, Segment};

impl Log {
    /// Cuts off `offset` and all after it, in whole batches: the new end offset may be lower. Leader epochs that begin
    /// there go too, even if no record does. Returns the end offset.
    pub fn truncate_to<D: Disk>(&mut self, offset: i64, disk: &mut D) -> Result<i64, LogError> {
        self.check()?;
        if offset >= self.end_offset {
            self.sync.epochs_dirty |= self.epochs.truncate_from_end(offset);
            return Ok(self.end_offset);
        }
        if offset < self.segments[0].base_offset {
            self.truncate_fully_and_start_at(offset, disk)?;
            return Ok(self.end_offset);
        }
        let keep = self.segment_of(offset);
        let cut = self.first_batch(keep, offset, disk)?;
        if let Some((position, header)) = cut.filter(|(_, header)| header.base_offset != offset) {
            // Logs part between batches: one that is cut in two has rotted perhaps, and says that it reaches far.
            let read = disk.read(self.segments[keep].files.log, position, header.total_size());
            tribunal_records::validate(&read.map_err(LogError::disk("read records"))?)?;
            if header.base_offset > offset {
                return Err(LogError::NotContiguous { expected: offset, got: header.base_offset });
            }
        }
        let reopened = keep + 1 < self.segments.len();
        while self.segments.len() > keep + 1 {
            if let Some(segment) = self.segments.pop() {
                self.doom(&segment, true, disk)?;
            }
        }
        let active = &mut self.segments[keep];
        let (position, end) = cut.map_or((active.size, offset), |(position, header)| (position, header.base_offset));
        let files = active.files;
        active.size = position;
        (active.log_dirty, active.index_dirty, active.was_cut) = (true, true, true);
        if reopened {
            let read = active.read_indexes(disk);
            *self.indexes = self.wrote("read an index", read)?.unwrap_or_default();
        }
        let done = disk.truncate(files.log, position);
        self.wrote("truncate records", done)?;
        let active = &mut self.segments[keep];
        self.indexes.0.truncate((end - active.base_offset).clamp(0, i64::from(u32::MAX)) as u32);
        let done = active.cut_index_files(&self.indexes, disk);
        self.wrote("truncate an index", done)?;
        let done = self.segments[keep].read_end(&self.indexes, disk);
        self.wrote("read a segment", done)?;
        match reopened {
            true => self.tail.clear(),
            false => self.tail.retain(|t| t.position < position),
        }
        self.end_offset = end;
        self.start_offset = self.start_offset.min(end);
        self.sync.epochs_dirty |= self.epochs.truncate_from_end(end);
        self.sync.cut_to(end);
        Ok(end)
    }

    /// Throws everything away and begins anew at `offset`: for a follower whose log ends before its leader's begins.
    pub fn truncate_fully_and_start_at<D: Disk>(&mut self, offset: i64, disk: &mut D) -> Result<(), LogError> {
        self.check()?;
        self.disown_deleted(disk)?;
        while let Some(segment) = self.segments.pop() {
            self.doom(&segment, true, disk)?;
        }
        let created = Files::create(&self.dir, offset, disk);
        let files = self.wrote("create a segment", created)?;
        self.segments.push(Segment::new(offset, files));
        *self.indexes = Default::default();
        self.tail.clear();
        (self.start_offset, self.end_offset) = (offset, offset);
        self.sync.epochs_dirty |= self.epochs.clear();
        self.sync.restart_at(offset);
        self.sync.names_dirty = true;
        Ok(())
    }

    /// Throws all records away and goes on at the same end in the same epoch: for a follower of whose records its leader
    /// has none any more. Whether there was anything to throw away.
    ///
    /// A start offset that is raised leaves records on the disk, and a crash brings them back: where a log begins is
    /// written at an orderly shutdown only.
    pub fn forget_all<D: Disk>(&mut self, disk: &mut D) -> Result<bool, LogError> {
        self.check()?;
        let end = self.end_offset;
        if self.segments.first().is_none_or(|segment| segment.base_offset >= end) {
            return Ok(false);
        }
        let latest = self.latest_epoch();
        self.truncate_fully_and_start_at(end, disk)?;
        if let Some(epoch) = latest {
            self.assign_epoch(epoch, end);
        }
        Ok(true)
    }

    /// Raises the start offset (DeleteRecords, or the leader's start offset at a follower). The caller does not let it
    /// pass the high watermark. Whether it rose; [`Log::retain`] then frees the space.
    pub fn delete_records_before(&mut self, offset: i64) -> bool {
        let offset = offset.min(self.end_offset);
        if offset <= self.start_offset {
            return false;
        }
        self.start_offset = offset;
        self.sync.epochs_dirty |= self.epochs.truncate_from_start(offset);
        true
    }

    /// Puts out of use the segments at the start that are too old, too many, or below the start offset, as long as they
    /// lie wholly below `high_watermark`. Returns how many. The files go after the next sync round.
    pub fn retain<D: Disk>(&mut self, now: Time, high_watermark: i64, disk: &mut D) -> Result<usize, LogError> {
        self.check()?;
        let old = self.expired(now, high_watermark);
        let large = self.oversized(high_watermark);
        let below = self.segments.windows(2).take_while(|w| w[1].base_offset <= self.start_offset).count();
        let count = old.max(large).max(below);
        if count == 0 {
            return Ok(0);
        }
        if count == self.segments.len() {
            self.roll(disk)?;
        }
        let start = self.segments[count].base_offset;
        for segment in self.segments.drain(..count).collect::<Vec<_>>() {
            self.doom(&segment, false, disk)?;
        }
        self.delete_records_before(start);
        Ok(count)
    }

    /// How many segments at the start hold only records older than `retention.ms`.
    fn expired(&self, now: Time, high_watermark: i64) -> usize {
        let Some(limit) = self.config.retention_ms else {
            return 0;
        };
        let now = now.as_millis();
        self.count_from_start(high_watermark, |s| s.max_timestamp >= 0 && now.saturating_sub(s.max_timestamp) > limit)
    }

    /// How many segments at the start the log can lose and still have `retention.bytes`.
    fn oversized(&self, high_watermark: i64) -> usize {
        let Some(limit) = self.config.retention_bytes else {
            return 0;
        };
        let mut excess = self.size().saturating_sub(limit);
        self.count_from_start(high_watermark, |segment| {
            let goes = segment.size <= excess;
            excess -= if goes { segment.size } else { 0 };
            goes
        })
    }

    fn count_from_start(&self, high_watermark: i64, mut goes: impl FnMut(&Segment) -> bool) -> usize {
        let last = self.segments.len() - 1;
        let allowed =
            |(i, s): &(usize, &Segment)| self.segment_end(*i) <= high_watermark && !(*i == last && s.size == 0);
        self.segments.iter().enumerate().take_while(allowed).take_while(|(_, s)| goes(s)).count()
    }
}
