//! One segment: its files, and what must be known of it without reading them.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId};
use tribunal_records::{BatchHeader, NO_TIMESTAMP};

use crate::index::{Indexes, OFFSET_ENTRY, OffsetEntry, TIME_ENTRY, TimeEntry};
use crate::names::{INDEX, LOG, TIME_INDEX, segment_file};
use crate::scan::{Scan, Step};

/// A segment of the log. All but the last are closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    pub(crate) files: Files,
    /// Bytes of records.
    pub(crate) size: u64,
    /// Greatest timestamp of the first batch, which `segment.ms` counts from.
    pub(crate) first_timestamp: i64,
    /// Greatest timestamp of all.
    pub(crate) max_timestamp: i64,
    /// Last offset of the first batch that has it.
    pub(crate) max_timestamp_offset: i64,
    /// Whether records were written since the last sync was asked for.
    pub(crate) log_dirty: bool,
    /// Whether index entries that recovery will trust were written since then.
    pub(crate) index_dirty: bool,
    /// Whether the records' file was cut: until that is durable, a loss of power may bring back what was there.
    pub(crate) was_cut: bool,
}

/// The open files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Files {
    pub(crate) log: FileId,
    pub(crate) index: FileId,
    pub(crate) time_index: FileId,
}

impl Files {
    pub(crate) fn create<D: Disk>(dir: &str, base_offset: i64, disk: &mut D) -> Result<Files, DiskError> {
        let mut create = |kind| disk.create(&segment_file(dir, base_offset, kind));
        Ok(Files { log: create(LOG)?, index: create(INDEX)?, time_index: create(TIME_INDEX)? })
    }

    pub(crate) fn close<D: Disk>(self, disk: &mut D) {
        disk.close(self.log);
        disk.close(self.index);
        disk.close(self.time_index);
    }

    /// Removes the files named `<base offset>.<kind><suffix>`.
    pub(crate) fn remove<D: Disk>(dir: &str, base_offset: i64, suffix: &str, disk: &mut D) -> Result<(), DiskError> {
        for kind in [INDEX, TIME_INDEX, LOG] {
            match disk.remove(&(segment_file(dir, base_offset, kind) + suffix)) {
                Ok(()) | Err(DiskError::NotFound) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl Segment {
    pub(crate) fn new(base_offset: i64, files: Files) -> Segment {
        Segment {
            base_offset,
            files,
            size: 0,
            first_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            max_timestamp_offset: -1,
            log_dirty: false,
            index_dirty: false,
            was_cut: false,
        }
    }

    /// `offset` relative to the segment. Offsets in a segment are within `i32::MAX` of its base.
    pub(crate) fn relative(&self, offset: i64) -> u32 {
        (offset - self.base_offset).clamp(0, i64::from(i32::MAX)) as u32
    }

    /// Takes note of a batch that lies at the position `size` now has.
    pub(crate) fn note(&mut self, header: &BatchHeader) {
        if self.size == 0 {
            self.first_timestamp = header.max_timestamp;
        }
        if header.max_timestamp > self.max_timestamp {
            self.max_timestamp = header.max_timestamp;
            self.max_timestamp_offset = header.last_offset();
        }
        self.size += header.total_size() as u64;
    }

    pub(crate) fn newest(&self) -> TimeEntry {
        TimeEntry { timestamp: self.max_timestamp, relative: self.relative(self.max_timestamp_offset) }
    }

    /// Reads both indexes. `None` if they are unsound.
    pub(crate) fn read_indexes<D: Disk>(&self, disk: &mut D) -> Result<Option<Indexes>, DiskError> {
        let offsets = read_all(self.files.index, disk)?;
        let times = read_all(self.files.time_index, disk)?;
        Ok(Indexes::decode(&offsets, &times, self.size))
    }

    /// Writes both indexes anew.
    pub(crate) fn write_indexes<D: Disk>(&mut self, indexes: &Indexes, disk: &mut D) -> Result<(), DiskError> {
        for (file, bytes) in
            [(self.files.index, indexes.encode_offsets()), (self.files.time_index, indexes.encode_times())]
        {
            disk.truncate(file, 0)?;
            if !bytes.is_empty() {
                disk.append(file, bytes)?;
            }
        }
        self.index_dirty = true;
        Ok(())
    }

    /// Cuts the index files to what `indexes` still holds.
    pub(crate) fn cut_index_files<D: Disk>(&mut self, indexes: &Indexes, disk: &mut D) -> Result<(), DiskError> {
        disk.truncate(self.files.index, (indexes.offsets.len() * OFFSET_ENTRY) as u64)?;
        disk.truncate(self.files.time_index, (indexes.times.len() * TIME_ENTRY) as u64)?;
        self.index_dirty = true;
        Ok(())
    }

    /// Where to begin looking for `offset`, from the index on disk: for closed segments.
    pub(crate) fn floor_on_disk<D: Disk>(&self, offset: i64, disk: &mut D) -> Result<u64, DiskError> {
        let relative = self.relative(offset);
        let entry = floor(self.files.index, OFFSET_ENTRY, disk, |bytes| {
            OffsetEntry::decode(bytes).is_some_and(|e| e.relative <= relative)
        })?;
        let position = entry.as_deref().and_then(OffsetEntry::decode).map_or(0, |e| u64::from(e.position));
        Ok(if position < self.size { position } else { 0 })
    }

    /// The last time entry at or below `timestamp`, from the index on disk: for closed segments.
    pub(crate) fn time_floor_on_disk<D: Disk>(
        &self,
        timestamp: i64,
        disk: &mut D,
    ) -> Result<Option<TimeEntry>, DiskError> {
        let entry = floor(self.files.time_index, TIME_ENTRY, disk, |bytes| {
            TimeEntry::decode(bytes).is_some_and(|e| e.timestamp <= timestamp)
        })?;
        Ok(entry.as_deref().and_then(TimeEntry::decode))
    }

    /// Sets the timestamps from the time index and the batches behind the last index entry, and returns the offset
    /// after the last. `None` if the bytes there are no batches or the last index entry does not point to one.
    pub(crate) fn read_end<D: Disk>(&mut self, indexes: &Indexes, disk: &mut D) -> Result<Option<i64>, DiskError> {
        (self.first_timestamp, self.max_timestamp, self.max_timestamp_offset) = (NO_TIMESTAMP, NO_TIMESTAMP, -1);
        if let Step::Batch { header, .. } = Scan::new(self.files.log, 0, self.size).next(disk)? {
            self.first_timestamp = header.max_timestamp;
        }
        if let Some(last) = indexes.times.last() {
            self.max_timestamp = last.timestamp;
            self.max_timestamp_offset = self.base_offset + i64::from(last.relative);
        }
        let last = indexes.offsets.last().copied().unwrap_or(OffsetEntry { relative: 0, position: 0 });
        let mut scan = Scan::new(self.files.log, u64::from(last.position), self.size);
        let (mut first, mut end) = (true, self.base_offset);
        loop {
            match scan.next(disk)? {
                Step::Batch { header, .. } => {
                    let at_entry = first && last.position > 0;
                    if at_entry && header.last_offset() != self.base_offset + i64::from(last.relative) {
                        return Ok(None);
                    }
                    first = false;
                    end = header.next_offset();
                    if header.max_timestamp > self.max_timestamp {
                        self.max_timestamp = header.max_timestamp;
                        self.max_timestamp_offset = header.last_offset();
                    }
                }
                Step::End => return Ok(Some(end)),
                Step::Broken(_) => return Ok(None),
            }
        }
    }
}

fn read_all<D: Disk>(file: FileId, disk: &mut D) -> Result<Bytes, DiskError> {
    let len = disk.len(file)?;
    disk.read(file, 0, len as usize)
}

/// Binary search in a file of fixed entries: the last one that is `low`, if the first is.
fn floor<D: Disk>(
    file: FileId,
    entry: usize,
    disk: &mut D,
    low: impl Fn(&[u8]) -> bool,
) -> Result<Option<Bytes>, DiskError> {
    let (mut from, mut to) = (0, disk.len(file)? / entry as u64);
    let mut best = None;
    while from < to {
        let middle = from.midpoint(to);
        let bytes = disk.read(file, middle * entry as u64, entry)?;
        if low(&bytes) {
            best = Some(bytes);
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(best)
}
