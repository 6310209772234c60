//! Finding offsets by timestamp (ListOffsets).

use std::ops::ControlFlow;

use tribunal_contract::Disk;
use tribunal_records::{BatchHeader, HEADER_LEN, walk};

use crate::scan::{Scan, Step};
use crate::{Log, LogError};

/// A record's timestamp and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampOffset {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The record's offset.
    pub offset: i64,
}

impl Log {
    /// The first record at or after `timestamp` (milliseconds). A batch whose records cannot be read is passed over
    /// once they cannot.
    pub fn offset_for_timestamp<D: Disk>(
        &self,
        timestamp: i64,
        disk: &mut D,
    ) -> Result<Option<TimestampOffset>, LogError> {
        for i in 0..self.segments.len() {
            let segment = &self.segments[i];
            if segment.max_timestamp < timestamp || self.segment_end(i) <= self.start_offset {
                continue;
            }
            let closed = i + 1 < self.segments.len();
            let entry = if closed {
                segment.time_floor_on_disk(timestamp, disk).map_err(LogError::disk("read an index"))?
            } else {
                let above = self.indexes.times.partition_point(|e| e.timestamp <= timestamp);
                above.checked_sub(1).map(|n| self.indexes.times[n])
            };
            // Nothing before the floor entry's batch is as new as asked for.
            let from = entry.map_or(segment.base_offset, |e| segment.base_offset + i64::from(e.relative));
            let Some((position, _)) = self.first_batch(i, from.max(self.start_offset), disk)? else {
                continue;
            };
            let found = self.search(i, position, disk, |header, record| {
                let newest = record.map_or(header.max_timestamp, |r| r.timestamp);
                newest >= timestamp && record.is_none_or(|r| r.offset >= self.start_offset)
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record with the greatest timestamp (ListOffsets -3, KIP-734). `None` if no record has one.
    pub fn max_timestamp<D: Disk>(&self, disk: &mut D) -> Result<Option<TimestampOffset>, LogError> {
        let mut best: Option<usize> = None;
        for (i, segment) in self.segments.iter().enumerate() {
            if segment.max_timestamp >= 0 && best.is_none_or(|b| segment.max_timestamp > self.segments[b].max_timestamp)
            {
                best = Some(i);
            }
        }
        let Some(i) = best else {
            return Ok(None);
        };
        let (offset, newest) = (self.segments[i].max_timestamp_offset, self.segments[i].max_timestamp);
        let Some((position, _)) = self.first_batch(i, offset, disk)? else {
            return Ok(None);
        };
        self.search(i, position, disk, |header, record| record.map_or(header.max_timestamp, |r| r.timestamp) == newest)
    }

    /// The first record from `position` on that is `wanted`. Batches are asked about first, without a record.
    fn search<D: Disk>(
        &self,
        i: usize,
        position: u64,
        disk: &mut D,
        wanted: impl Fn(&BatchHeader, Option<TimestampOffset>) -> bool,
    ) -> Result<Option<TimestampOffset>, LogError> {
        let segment = &self.segments[i];
        let mut scan = Scan::new(segment.files.log, position, segment.size);
        loop {
            match scan.next(disk).map_err(LogError::disk("read records"))? {
                Step::Batch { header, bytes, .. } if wanted(&header, None) => {
                    let mut found = None;
                    // Producers' records were looked at before they were appended.
                    let _ = walk(&header, &bytes[HEADER_LEN..], |mark| {
                        let offset = header.base_offset + i64::from(mark.offset_delta);
                        let record = TimestampOffset { timestamp: mark.timestamp, offset };
                        match wanted(&header, Some(record)) {
                            true => {
                                found = Some(record);
                                ControlFlow::Break(())
                            }
                            false => ControlFlow::Continue(()),
                        }
                    });
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Step::Batch { .. } => {}
                Step::End => return Ok(None),
                Step::Broken(error) => return Err(error.into()),
            }
        }
    }
}
