//! Writing at the end.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, Time};
use tribunal_records::{Append, BatchError, BatchHeader, BatchHeaders, NO_TIMESTAMP, TimestampType, assign, validate};

use crate::log::{TAIL_BATCHES, TailBatch};
use crate::segment::{Files, Segment};
use crate::{Log, LogError};

/// What was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AppendInfo {
    /// Offset of the first record.
    pub first_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Greatest timestamp, in milliseconds, or -1.
    pub max_timestamp: i64,
    /// The time that the leader stamped the batches with, if the topic uses log append time; else -1.
    pub append_time: i64,
    /// How many batches.
    pub batches: u32,
    /// How many bytes.
    pub bytes: usize,
    /// CRC-32C of the last batch as it is in the log: a stamped append time changes it.
    pub crc: u32,
}

impl AppendInfo {
    fn new(first_offset: i64) -> AppendInfo {
        AppendInfo {
            first_offset,
            last_offset: first_offset - 1,
            max_timestamp: NO_TIMESTAMP,
            append_time: NO_TIMESTAMP,
            batches: 0,
            bytes: 0,
            crc: 0,
        }
    }

    fn add(&mut self, header: &BatchHeader) {
        self.last_offset = header.last_offset();
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        self.batches += 1;
        self.bytes += header.total_size();
        self.crc = header.crc;
    }
}

impl Log {
    /// Appends one or more batches as the leader of `leader_epoch`: gives them offsets, the epoch and, if the topic
    /// wants it, the append time. The batches must have been validated: checksums are not looked at again.
    pub fn append_as_leader<D: Disk>(
        &mut self,
        batches: Bytes,
        leader_epoch: i32,
        now: Time,
        disk: &mut D,
    ) -> Result<AppendInfo, LogError> {
        self.check()?;
        if batches.len() as u64 > u64::from(self.config.segment_bytes) {
            return Err(LogError::BatchListTooLarge { size: batches.len(), max: self.config.segment_bytes });
        }
        let append_time = (self.config.timestamp_type == TimestampType::LogAppendTime).then(|| now.as_millis());
        let mut info = AppendInfo::new(self.end_offset);
        let max = self.config.max_message_bytes;
        let mut too_large = None;
        let batches = assign(batches, Append { base_offset: self.end_offset, leader_epoch, append_time }, |header| {
            if header.total_size() > max as usize {
                too_large = Some(header.total_size());
            }
            info.add(header);
        })?;
        if let Some(size) = too_large {
            return Err(LogError::RecordTooLarge { size, max });
        }
        info.append_time = append_time.unwrap_or(NO_TIMESTAMP);
        self.write(&batches, &info, disk)?;
        Ok(info)
    }

    /// Appends batches as they came from the leader, offsets and epochs kept. They must begin where the log ends and
    /// have good checksums; part of a batch at the end, as fetches have it, is dropped. `on_batch` sees every batch
    /// once it is in the log.
    pub fn append_as_follower<D: Disk>(
        &mut self,
        batches: Bytes,
        disk: &mut D,
        mut on_batch: impl FnMut(&BatchHeader),
    ) -> Result<AppendInfo, LogError> {
        self.check()?;
        let mut info = AppendInfo::new(self.end_offset);
        let mut expected = self.end_offset;
        while info.bytes < batches.len() {
            let header = match validate(&batches[info.bytes..]) {
                Ok(header) => header,
                Err(BatchError::Incomplete { .. }) if info.batches > 0 => break,
                Err(error) => return Err(error.into()),
            };
            if !self.config.follows(expected, header.base_offset) {
                return Err(LogError::NotContiguous { expected, got: header.base_offset });
            }
            if info.batches == 0 {
                info.first_offset = header.base_offset;
            }
            info.add(&header);
            expected = header.next_offset();
        }
        if info.batches == 0 {
            return Ok(info);
        }
        let batches = batches.slice(..info.bytes);
        self.write(&batches, &info, disk)?;
        BatchHeaders::new(&batches).flatten().for_each(|(_, header)| on_batch(&header));
        Ok(info)
    }

    /// Writes checked batches and takes note of them.
    fn write<D: Disk>(&mut self, batches: &Bytes, info: &AppendInfo, disk: &mut D) -> Result<(), LogError> {
        if self.must_roll(info) {
            self.roll(disk)?;
        }
        if self.active().was_cut && self.unsynced_cut().is_some() {
            self.begin_apart(disk)?;
        }
        let active = self.active();
        active.log_dirty = true;
        let file = active.files.log;
        let written = disk.append(file, batches.clone());
        self.wrote("append records", written)?;
        for (_, header) in BatchHeaders::new(batches).flatten() {
            let noted = self.note(&header, disk);
            self.wrote("append an index entry", noted)?;
        }
        Ok(())
    }

    /// Takes note of a batch that was written at the end of the active segment.
    fn note<D: Disk>(&mut self, header: &BatchHeader, disk: &mut D) -> Result<(), DiskError> {
        let segment = self.segments.last_mut().expect("a log has a segment");
        let position = segment.size;
        segment.note(header);
        let interval = self.config.index_interval_bytes;
        let relative = segment.relative(header.last_offset());
        let added = self.indexes.add(relative, position as u32, segment.newest(), interval);
        if let Some(entry) = added.offset {
            disk.append(segment.files.index, Bytes::copy_from_slice(&entry.encode()))?;
        }
        if let Some(entry) = added.time {
            disk.append(segment.files.time_index, Bytes::copy_from_slice(&entry.encode()))?;
        }
        if self.tail.len() == TAIL_BATCHES {
            self.tail.pop_front();
        }
        self.tail.push_back(TailBatch {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            position,
            size: header.total_size() as u64,
        });
        if self.epochs.assign(header.partition_leader_epoch, header.base_offset) {
            self.sync.epochs_dirty = true;
        }
        self.end_offset = header.next_offset();
        Ok(())
    }

    /// Kafka's `LogSegment.shouldRoll`, except that a segment whose records have no timestamps does not age.
    fn must_roll(&self, info: &AppendInfo) -> bool {
        let config = &self.config;
        let active = self.segments.last().expect("a log has a segment");
        if active.size == 0 {
            // A new segment here would have the same name, unless a gap was skipped.
            return info.last_offset - active.base_offset > i64::from(i32::MAX) && self.end_offset > active.base_offset;
        }
        // By the records' own clock where they have one: replicas then roll alike.
        let age = match active.first_timestamp {
            first if first >= 0 && info.max_timestamp >= 0 => info.max_timestamp.saturating_sub(first),
            _ => 0,
        };
        let offsets_full = (self.indexes.offsets.len() as u64 + 1) * 8 > u64::from(config.segment_index_bytes);
        // One entry is kept free for the last timestamp, added when the segment is closed.
        let times_full = (self.indexes.times.len() as u64 + 2) * 12 > u64::from(config.segment_index_bytes);
        active.size + info.bytes as u64 > u64::from(config.segment_bytes)
            || age > config.segment_ms
            || offsets_full
            || times_full
            || info.last_offset - active.base_offset > i64::from(i32::MAX)
    }

    /// Closes the active segment and begins a new one at the end offset. Does nothing if the active one is empty.
    pub fn roll<D: Disk>(&mut self, disk: &mut D) -> Result<(), LogError> {
        self.check()?;
        if self.segments.last().is_some_and(|s| s.size == 0 && s.base_offset == self.end_offset) {
            return Ok(());
        }
        let ended = self.add_last_time_entry(disk);
        self.wrote("close a segment", ended)?;
        let files = Files::create(&self.dir, self.end_offset, disk);
        let files = self.wrote("create a segment", files)?;
        self.segments.push(Segment::new(self.end_offset, files));
        self.sync.names_dirty = true;
        *self.indexes = Default::default();
        self.tail.clear();
        Ok(())
    }

    /// Begins another file. In one that was cut, a loss of power could leave what was cut off, and behind it what was
    /// written later: whole batches, offsets without a gap, and a history that there never was.
    fn begin_apart<D: Disk>(&mut self, disk: &mut D) -> Result<(), LogError> {
        if self.active().size > 0 {
            return self.roll(disk);
        }
        if let Some(segment) = self.segments.pop() {
            self.doom(&segment, true, disk)?;
            let files = Files::create(&self.dir, segment.base_offset, disk);
            let files = self.wrote("create a segment", files)?;
            self.segments.push(Segment::new(segment.base_offset, files));
            *self.indexes = Default::default();
            self.tail.clear();
        }
        Ok(())
    }

    /// What the active segment's indexes need so that they can be trusted without a scan.
    pub(crate) fn add_last_time_entry<D: Disk>(&mut self, disk: &mut D) -> Result<(), DiskError> {
        let segment = self.segments.last_mut().expect("a log has a segment");
        segment.index_dirty = true;
        match self.indexes.add_time(segment.newest()) {
            Some(entry) => disk.append(segment.files.time_index, Bytes::copy_from_slice(&entry.encode())).map(|_| ()),
            None => Ok(()),
        }
    }
}
