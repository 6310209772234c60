//! Reading whole batches.

use bytes::Bytes;
use tribunal_contract::{Disk, FileId};
use tribunal_records::{BatchError, BatchHeader, BatchHeaders, HEADER_LEN};

use crate::scan::{Scan, Step};
use crate::{Log, LogError};

/// Whole batches in a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// The segment's records.
    pub file: FileId,
    /// Where the first batch begins.
    pub position: u64,
    /// Bytes in all.
    pub len: usize,
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Want {
    from: i64,
    max_bytes: usize,
    up_to: i64,
    min_one: bool,
}

impl Log {
    /// Reads whole batches, the first one that with `from` in it, as many as fit `max_bytes` and lie wholly below
    /// `up_to`. If `min_one`, the first batch comes even if it is larger. Empty if there is none.
    ///
    /// The bytes are the disk's own wherever it gives slices. One read never crosses segments.
    pub fn read<D: Disk>(
        &self,
        from: i64,
        max_bytes: usize,
        up_to: i64,
        min_one: bool,
        disk: &mut D,
    ) -> Result<Bytes, LogError> {
        match self.find(Want { from, max_bytes, up_to, min_one }, disk)? {
            None => Ok(Bytes::new()),
            Some((_, Some(bytes))) => Ok(bytes),
            Some((slice, None)) => {
                disk.read(slice.file, slice.position, slice.len).map_err(LogError::disk("read records"))
            }
        }
    }

    /// Where [`Log::read`] would read: for worlds that send files without copying them.
    pub fn locate<D: Disk>(
        &self,
        from: i64,
        max_bytes: usize,
        up_to: i64,
        min_one: bool,
        disk: &mut D,
    ) -> Result<Option<Slice>, LogError> {
        Ok(self.find(Want { from, max_bytes, up_to, min_one }, disk)?.map(|(slice, _)| slice))
    }

    /// The slice, and its bytes if they had to be read to find it.
    fn find<D: Disk>(&self, want: Want, disk: &mut D) -> Result<Option<(Slice, Option<Bytes>)>, LogError> {
        if want.from < self.start_offset || want.from > self.end_offset {
            let (start, end) = (self.start_offset, self.end_offset);
            return Err(LogError::OffsetOutOfRange { offset: want.from, start, end });
        }
        if want.from >= self.end_offset.min(want.up_to) {
            return Ok(None);
        }
        if self.tail.front().is_some_and(|t| t.base_offset <= want.from) {
            return Ok(self.find_in_tail(want).map(|slice| (slice, None)));
        }
        // Compaction may have left nothing at `from` in its segment: then the next segment has what follows.
        for i in self.segment_of(want.from)..self.segments.len() {
            if let Some(found) = self.find_in_segment(i, want, disk)? {
                return Ok((found.0.len > 0).then_some((found.0, Some(found.1))));
            }
        }
        // The log ends behind `from`, so a batch does: its offsets, which no checksum covers, have rotted.
        Err(BatchError::Offset { base: want.from, delta: 0 }.into())
    }

    /// For offsets within the remembered tail: no read at all.
    fn find_in_tail(&self, want: Want) -> Option<Slice> {
        let first = self.tail.partition_point(|t| t.last_offset < want.from);
        let position = self.tail.get(first)?.position;
        let mut len = 0;
        for batch in self.tail.range(first..) {
            let grown = len + batch.size as usize;
            if batch.last_offset >= want.up_to || (grown > want.max_bytes && !(len == 0 && want.min_one)) {
                break;
            }
            len = grown;
        }
        let file = self.segments.last()?.files.log;
        (len > 0).then_some(Slice { file, position, len })
    }

    /// `None` if no batch of the segment ends at or after `from`; an empty slice if one does but may not be read.
    fn find_in_segment<D: Disk>(&self, i: usize, want: Want, disk: &mut D) -> Result<Option<(Slice, Bytes)>, LogError> {
        let segment = &self.segments[i];
        let Some((position, header)) = self.first_batch(i, want.from, disk)? else {
            return Ok(None);
        };
        let empty = (Slice { file: segment.files.log, position, len: 0 }, Bytes::new());
        let first = header.total_size();
        if header.last_offset() >= self.end_offset {
            // Behind the end of the log, as far as its base offset says, which no checksum covers.
            let delta = (header.last_offset() - header.base_offset) as i32;
            return Err(BatchError::Offset { base: header.base_offset, delta }.into());
        }
        if header.last_offset() >= want.up_to || (first > want.max_bytes && !want.min_one) {
            return Ok(Some(empty));
        }
        let file = segment.files.log;
        let len = want.max_bytes.max(first).min((segment.size - position) as usize);
        let bytes = disk.read(file, position, len).map_err(LogError::disk("read records"))?;
        let mut headers = BatchHeaders::new(&bytes);
        let mut end = 0;
        while let Some(item) = headers.next() {
            let (_, header) = item?;
            if header.last_offset() >= want.up_to {
                break;
            }
            end = headers.position();
        }
        Ok(Some((Slice { file, position, len: end }, bytes.slice(..end))))
    }

    /// Position and header of the first batch of segment `i` that ends at or after `offset`.
    pub(crate) fn first_batch<D: Disk>(
        &self,
        i: usize,
        offset: i64,
        disk: &mut D,
    ) -> Result<Option<(u64, BatchHeader)>, LogError> {
        let segment = &self.segments[i];
        let mut start = u64::from(self.indexes.floor(segment.relative(offset)));
        if i + 1 < self.segments.len() {
            start = segment.floor_on_disk(offset, disk).map_err(LogError::disk("read an index"))?;
            // The index of a closed segment may have rotted: then the segment is searched from its start.
            if start > 0 && !self.header_at(i, start, disk).is_ok_and(|h| h.base_offset <= offset) {
                start = 0;
            }
        }
        let mut scan = Scan::new(segment.files.log, start, segment.size);
        loop {
            match scan.next(disk).map_err(LogError::disk("read records"))? {
                Step::Batch { position, header, .. } if header.last_offset() >= offset => {
                    return Ok(Some((position, header)));
                }
                Step::Batch { .. } => {}
                Step::End => return Ok(None),
                Step::Broken(error) => return Err(error.into()),
            }
        }
    }

    fn header_at<D: Disk>(&self, i: usize, position: u64, disk: &mut D) -> Result<BatchHeader, LogError> {
        let bytes =
            disk.read(self.segments[i].files.log, position, HEADER_LEN).map_err(LogError::disk("read records"))?;
        Ok(BatchHeader::parse(&bytes)?)
    }
}
