//! Looking at the records of a batch one after the other, whatever compresses them, and keeping none.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use crate::codec::decompressed;
use crate::varint::{self, BadVarint};
use crate::{BatchHeader, Compression, RecordsError, TimestampType};

/// The most bytes that a batch may have once decompressed. Kafka knows no such limit; without one a megabyte could keep
/// the broker busy for minutes. Compressed a hundredfold, a batch of Kafka's default limit is still below it.
pub const MAX_DECOMPRESSED: u64 = 256 << 20;

/// Where and when a record of a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMark {
    /// Its offset, relative to the batch's first.
    pub offset_delta: i32,
    /// Milliseconds since the Unix epoch; the batch's append time if it has one.
    pub timestamp: i64,
}

/// Shows `each` record of the batch with this header until it says to stop. `body` is what follows the header, as it is
/// in the batch. Records are checked as far as they are looked at; memory is bounded by the codec's window.
///
/// # Errors
/// [`RecordsError::Codec`] where the codec cannot read on, [`RecordsError::TooLarge`] beyond [`MAX_DECOMPRESSED`]; the
/// others for records that are not well formed, or bytes after the last one.
pub fn walk(
    header: &BatchHeader,
    body: &[u8],
    each: impl FnMut(RecordMark) -> ControlFlow<()>,
) -> Result<(), RecordsError> {
    match header.attributes.compression() {
        Ok(Compression::None) => walk_plain(header, Input { stream: body, read: 0 }, each),
        Ok(codec) => {
            let stream = decompressed(codec, body).map_err(unreadable)?;
            walk_plain(header, Input { stream, read: 0 }, each)
        }
        Err(id) => Err(RecordsError::UnknownCodec(id)),
    }
}

fn walk_plain<R: BufRead>(
    header: &BatchHeader,
    mut input: Input<R>,
    mut each: impl FnMut(RecordMark) -> ControlFlow<()>,
) -> Result<(), RecordsError> {
    let append_time =
        (header.attributes.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp);
    for _ in 0..header.records_count {
        let mark = input.record(header.base_timestamp, append_time)?;
        if each(mark).is_break() {
            return Ok(());
        }
    }
    match input.stream.fill_buf().map_err(unreadable)?.len() {
        0 => Ok(()),
        more => Err(RecordsError::Trailing(more)),
    }
}

/// Uncompressed records, and how far they are read.
struct Input<R> {
    stream: R,
    read: u64,
}

impl<R: BufRead> Input<R> {
    fn record(&mut self, base_timestamp: i64, append_time: Option<i64>) -> Result<RecordMark, RecordsError> {
        let length = self.varint()?;
        let start = self.read;
        self.byte()?; // Record attributes: none are defined.
        let timestamp_delta = varint::read(|| self.byte())?;
        let offset_delta = self.varint()?;
        self.bytes()?;
        self.bytes()?;
        let headers = self.varint()?;
        if headers < 0 {
            return Err(RecordsError::Malformed);
        }
        for _ in 0..headers {
            if !self.bytes()? {
                return Err(RecordsError::Malformed);
            }
            self.bytes()?;
        }
        if i64::try_from(self.read - start) != Ok(i64::from(length)) {
            return Err(RecordsError::Malformed);
        }
        // Java's arithmetic wraps.
        let timestamp = append_time.unwrap_or(base_timestamp.wrapping_add(timestamp_delta));
        Ok(RecordMark { offset_delta, timestamp })
    }

    /// Skips a length and that many bytes. False for null, which Kafka reads from any negative length.
    fn bytes(&mut self) -> Result<bool, RecordsError> {
        let length = self.varint()?;
        let Ok(mut left) = usize::try_from(length) else { return Ok(false) };
        while left > 0 {
            let have = self.stream.fill_buf().map_err(unreadable)?.len().min(left);
            if have == 0 {
                return Err(RecordsError::Truncated);
            }
            self.stream.consume(have);
            self.read += have as u64;
            left -= have;
        }
        Ok(true)
    }

    fn varint(&mut self) -> Result<i32, RecordsError> {
        let value = varint::read(|| self.byte())?;
        i32::try_from(value).map_err(|_| RecordsError::Malformed)
    }

    fn byte(&mut self) -> Result<u8, RecordsError> {
        let &byte = self.stream.fill_buf().map_err(unreadable)?.first().ok_or(RecordsError::Truncated)?;
        self.stream.consume(1);
        self.read += 1;
        Ok(byte)
    }
}

fn unreadable(error: io::Error) -> RecordsError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => RecordsError::TooLarge,
        _ => RecordsError::Codec,
    }
}

impl From<BadVarint> for RecordsError {
    fn from(_: BadVarint) -> RecordsError {
        RecordsError::Malformed
    }
}
