//! Fetched records that are not polled yet.

use std::collections::VecDeque;

use bytes::Bytes;
use tribunal_protocol::ErrorCode;
use tribunal_records::{Batch, BatchError, Record, RecordsError, validate};

/// The rest of a fetch of one partition: one batch decoded, the others as they came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Fetched {
    rest: Bytes,
    /// Records of the batch at hand.
    records: VecDeque<Record>,
    /// Where the position is after them.
    end: Option<i64>,
    epoch: i32,
    /// Whether the position has moved since the fetch.
    progress: bool,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// A record and the leader epoch of its batch.
    Record(Record, i32),
    /// Nothing; and whether the position has moved at all.
    End { progress: bool },
    /// Bytes that are no records, or that this client cannot read.
    Bad(ErrorCode),
}

impl Fetched {
    /// Takes what a fetch brought.
    pub(crate) fn start(&mut self, bytes: Bytes) {
        self.clear();
        self.rest = bytes;
    }

    pub(crate) fn clear(&mut self) {
        self.rest = Bytes::new();
        self.records.clear();
        self.end = None;
        self.epoch = -1;
        self.progress = false;
    }

    /// The next record from `position` on, which moves behind it, as does the epoch of what was read last.
    pub(crate) fn next(&mut self, position: &mut i64, epoch: &mut i32) -> Next {
        loop {
            if let Some(record) = self.records.pop_front() {
                *position = record.offset + 1;
                *epoch = self.epoch;
                self.progress = true;
                self.finish_batch(position, epoch);
                return Next::Record(record, self.epoch);
            }
            self.finish_batch(position, epoch);
            match self.next_batch(*position) {
                Ok(true) => {}
                Ok(false) => {
                    let progress = self.progress;
                    self.clear();
                    return Next::End { progress };
                }
                Err(error) => {
                    self.clear();
                    return Next::Bad(error);
                }
            }
        }
    }

    /// Moves behind the batch once its last record is polled: compaction may have taken those after it, and control
    /// records are never polled.
    fn finish_batch(&mut self, position: &mut i64, epoch: &mut i32) {
        if self.records.is_empty()
            && let Some(end) = self.end.take()
            && end > *position
        {
            (*position, *epoch) = (end, self.epoch);
            self.progress = true;
        }
    }

    /// Decodes the next batch. False if there is none that is whole: a fetch may end inside a batch.
    fn next_batch(&mut self, position: i64) -> Result<bool, ErrorCode> {
        let header = match validate(&self.rest) {
            Ok(header) => header,
            Err(BatchError::Incomplete { .. }) => return Ok(false),
            Err(BatchError::UnknownCodec(_)) => return Err(ErrorCode::UnsupportedCompressionType),
            Err(_) => return Err(ErrorCode::CorruptMessage),
        };
        let bytes = self.rest.split_to(header.total_size());
        self.end = Some(header.next_offset());
        self.epoch = header.partition_leader_epoch;
        if header.attributes.is_control() || header.next_offset() <= position {
            return Ok(true);
        }
        let records = Batch { header, bytes }.records().map_err(|error| match error {
            RecordsError::Compressed(_) | RecordsError::UnknownCodec(_) => ErrorCode::UnsupportedCompressionType,
            _ => ErrorCode::CorruptMessage,
        })?;
        for record in records {
            let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
            // The first batch of a fetch may begin before the position.
            if record.offset >= position {
                self.records.push_back(record);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_records::{BatchBuilder, BatchOptions};

    fn batch(base_offset: i64, epoch: i32, offsets: &[i64]) -> Bytes {
        let options = BatchOptions { base_offset, partition_leader_epoch: epoch, ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        for &offset in offsets {
            builder.append_at(offset, 0, None, Some(&offset.to_be_bytes()), &[]);
        }
        builder.build()
    }

    fn drain(fetched: &mut Fetched, mut position: i64) -> (Vec<i64>, i64, i32, Next) {
        let (mut offsets, mut epoch) = (Vec::new(), -1);
        loop {
            match fetched.next(&mut position, &mut epoch) {
                Next::Record(record, _) => offsets.push(record.offset),
                end => return (offsets, position, epoch, end),
            }
        }
    }

    #[test]
    fn reading_begins_at_the_position_inside_a_batch_and_ends_behind_the_last() {
        let mut fetched = Fetched::default();
        fetched.start([batch(10, 3, &[10, 11, 12]), batch(13, 4, &[13, 15])].concat().into());
        let (offsets, position, epoch, end) = drain(&mut fetched, 11);
        assert_eq!((offsets, position, epoch), (vec![11, 12, 13, 15], 16, 4));
        assert!(matches!(end, Next::End { progress: true }));
    }

    #[test]
    fn a_cut_batch_at_the_end_is_left_for_the_next_fetch() {
        let mut fetched = Fetched::default();
        let whole: Bytes = [batch(0, 1, &[0]), batch(1, 1, &[1])].concat().into();
        fetched.start(whole.slice(..whole.len() - 1));
        let (offsets, position, ..) = drain(&mut fetched, 0);
        assert_eq!((offsets, position), (vec![0], 1));
    }

    #[test]
    fn control_records_are_passed_over_and_count_as_progress() {
        let options = BatchOptions { base_offset: 5, partition_leader_epoch: 2, control: true, ..Default::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(0, Some(&[0, 0, 0, 1]), Some(&[0; 6]), &[]);
        let mut fetched = Fetched::default();
        fetched.start(builder.build());
        let (offsets, position, epoch, end) = drain(&mut fetched, 5);
        assert_eq!((offsets, position, epoch), (vec![], 6, 2));
        assert!(matches!(end, Next::End { progress: true }));
    }

    #[test]
    fn a_damaged_batch_is_an_error_and_none_of_its_records_is_seen() {
        let mut bytes = batch(0, 1, &[0, 1]).to_vec();
        let last = bytes.len() - 1;
        bytes[last - 3] ^= 1;
        let mut fetched = Fetched::default();
        fetched.start(bytes.into());
        let (offsets, position, _, end) = drain(&mut fetched, 0);
        assert_eq!((offsets, position), (vec![], 0));
        assert!(matches!(end, Next::Bad(ErrorCode::CorruptMessage)));
    }

    #[test]
    fn a_fetch_that_brings_nothing_new_is_no_progress() {
        let mut fetched = Fetched::default();
        fetched.start(batch(0, 1, &[0, 1]));
        let (offsets, position, _, end) = drain(&mut fetched, 7);
        assert_eq!((offsets, position), (vec![], 7));
        assert!(matches!(end, Next::End { progress: false }));
    }
}
