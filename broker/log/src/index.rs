//! The entries of a segment's two indexes, in memory and on disk.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of an offset index entry on disk.
pub(crate) const OFFSET_ENTRY: usize = 8;
/// Bytes of a time index entry on disk.
pub(crate) const TIME_ENTRY: usize = 12;

/// A batch's last offset (relative to the segment) and where the batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OffsetEntry {
    pub(crate) relative: u32,
    pub(crate) position: u32,
}

/// The greatest timestamp up to here and the last offset (relative to the segment) of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TimeEntry {
    pub(crate) timestamp: i64,
    pub(crate) relative: u32,
}

impl OffsetEntry {
    pub(crate) fn encode(self) -> [u8; OFFSET_ENTRY] {
        let mut out = [0; OFFSET_ENTRY];
        out[..4].copy_from_slice(&self.relative.to_be_bytes());
        out[4..].copy_from_slice(&self.position.to_be_bytes());
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<OffsetEntry> {
        (bytes.len() >= OFFSET_ENTRY).then(|| OffsetEntry { relative: bytes.get_u32(), position: bytes.get_u32() })
    }
}

impl TimeEntry {
    pub(crate) fn encode(self) -> [u8; TIME_ENTRY] {
        let mut out = [0; TIME_ENTRY];
        out[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..].copy_from_slice(&self.relative.to_be_bytes());
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<TimeEntry> {
        (bytes.len() >= TIME_ENTRY).then(|| TimeEntry { timestamp: bytes.get_i64(), relative: bytes.get_u32() })
    }
}

/// Both indexes of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Indexes {
    pub(crate) offsets: Vec<OffsetEntry>,
    pub(crate) times: Vec<TimeEntry>,
}

/// What a batch adds to the indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Added {
    pub(crate) offset: Option<OffsetEntry>,
    pub(crate) time: Option<TimeEntry>,
}

impl Indexes {
    /// Kafka's rule, the same for appends and for recovery: an entry for a batch that begins more than the interval
    /// behind the last entry. `relative` is the batch's last offset, `newest` the greatest timestamp, this batch's
    /// included.
    pub(crate) fn add(&mut self, relative: u32, position: u32, newest: TimeEntry, interval: u32) -> Added {
        let last = self.offsets.last().map_or(0, |e| e.position);
        if position - last <= interval {
            return Added::default();
        }
        let entry = OffsetEntry { relative, position };
        self.offsets.push(entry);
        Added { offset: Some(entry), time: self.add_time(newest) }
    }

    /// Adds a time entry if it says anything new.
    pub(crate) fn add_time(&mut self, newest: TimeEntry) -> Option<TimeEntry> {
        let new = newest.timestamp >= 0 && self.times.last().is_none_or(|last| newest.timestamp > last.timestamp);
        new.then(|| {
            self.times.push(newest);
            newest
        })
    }

    /// The position of the last entry whose batch ends at or before `relative`, or the start.
    pub(crate) fn floor(&self, relative: u32) -> u32 {
        let above = self.offsets.partition_point(|e| e.relative <= relative);
        above.checked_sub(1).map_or(0, |i| self.offsets[i].position)
    }

    /// Drops entries at or above an offset.
    pub(crate) fn truncate(&mut self, relative: u32) {
        self.offsets.truncate(self.offsets.partition_point(|e| e.relative < relative));
        self.times.truncate(self.times.partition_point(|e| e.relative < relative));
    }

    pub(crate) fn encode_offsets(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.offsets.len() * OFFSET_ENTRY);
        self.offsets.iter().for_each(|e| out.put_slice(&e.encode()));
        out.freeze()
    }

    pub(crate) fn encode_times(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.times.len() * TIME_ENTRY);
        self.times.iter().for_each(|e| out.put_slice(&e.encode()));
        out.freeze()
    }

    /// Reads both files. `None` if they cannot be the indexes of a segment of `size` bytes.
    pub(crate) fn decode(offsets: &[u8], times: &[u8], size: u64) -> Option<Indexes> {
        if !offsets.len().is_multiple_of(OFFSET_ENTRY) || !times.len().is_multiple_of(TIME_ENTRY) {
            return None;
        }
        let offsets: Vec<_> = offsets.chunks_exact(OFFSET_ENTRY).filter_map(OffsetEntry::decode).collect();
        let times: Vec<_> = times.chunks_exact(TIME_ENTRY).filter_map(TimeEntry::decode).collect();
        let sound = offsets.is_sorted_by(|a, b| a.relative < b.relative && a.position < b.position)
            && times.is_sorted_by(|a, b| a.timestamp < b.timestamp && a.relative < b.relative)
            && offsets.iter().all(|e| e.position > 0 && u64::from(e.position) < size && e.relative <= i32::MAX as u32)
            && times.iter().all(|e| e.timestamp >= 0 && e.relative <= i32::MAX as u32);
        sound.then_some(Indexes { offsets, times })
    }
}
