//! The single records of a batch.

use bytes::Bytes;

use crate::varint;
use crate::{BatchHeader, Compression, TimestampType};

/// One record. Key, value and headers share the batch's allocation: copy what is to be kept for long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch; the batch's append time if it has one.
    pub timestamp: i64,
    /// The key; `None` is null, which is not empty.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers in the order they were sent, duplicate keys included (KIP-82).
    pub headers: Vec<Header>,
}

/// A record header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Header {
    /// The key; UTF-8 by Kafka's rules, but brokers do not check.
    pub key: Bytes,
    /// The value; may be null.
    pub value: Option<Bytes>,
}

impl Header {
    /// A header from a text key.
    pub fn new(key: &str, value: Option<Bytes>) -> Header {
        Header { key: Bytes::copy_from_slice(key.as_bytes()), value }
    }

    /// The key as text, if it is.
    pub fn key_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.key).ok()
    }
}

/// Why the records of a batch cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordsError {
    /// They are compressed: decompress [`Batch::body`](crate::Batch::body) and use [`Records::from_body`].
    Compressed(Compression),
    /// They are compressed with an unknown codec.
    UnknownCodec(u8),
    /// The bytes end inside a record.
    Truncated,
    /// A length, count or number is malformed.
    Malformed,
    /// An offset is outside its batch or not above the one before it.
    Offset(i32),
    /// Bytes are left after the last record.
    Trailing(usize),
    /// The codec cannot read them.
    Codec,
    /// They are more than [`MAX_DECOMPRESSED`](crate::MAX_DECOMPRESSED) bytes.
    TooLarge,
}

/// The records of one batch, in order. After an error there is no next record.
#[derive(Clone, Debug)]
pub struct Records {
    body: Bytes,
    at: usize,
    left: i32,
    base_offset: i64,
    last_offset_delta: i32,
    base_timestamp: i64,
    /// Every record's timestamp, if the leader set it.
    append_time: Option<i64>,
    /// The least relative offset the next record may have.
    next_delta: i64,
}

impl Records {
    /// The records of the batch with this header. `body` is what follows the header, decompressed: the place for
    /// codecs, which must cap what they produce.
    pub fn from_body(header: &BatchHeader, body: Bytes) -> Records {
        Records {
            body,
            at: 0,
            left: header.records_count,
            base_offset: header.base_offset,
            last_offset_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp,
            append_time: match header.attributes.timestamp_type() {
                TimestampType::LogAppendTime => Some(header.max_timestamp),
                TimestampType::CreateTime => None,
            },
            next_delta: 0,
        }
    }

    fn decode(&mut self) -> Result<Record, RecordsError> {
        let bytes = &self.body[..];
        let mut at = self.at;
        let length = varint::read_i32(bytes, &mut at)?;
        let length = usize::try_from(length).map_err(|_| RecordsError::Malformed)?;
        if length > bytes.len() - at {
            return Err(RecordsError::Truncated);
        }
        let end = at + length;
        // Nothing below may read beyond the record's own end.
        let bytes = &bytes[..end];
        if at == end {
            return Err(RecordsError::Malformed);
        }
        at += 1; // Record attributes: none are defined.
        let timestamp_delta = varint::read_i64(bytes, &mut at)?;
        let offset_delta = varint::read_i32(bytes, &mut at)?;
        if i64::from(offset_delta) < self.next_delta || offset_delta > self.last_offset_delta {
            return Err(RecordsError::Offset(offset_delta));
        }
        let key = self.slice(end, &mut at)?;
        let value = self.slice(end, &mut at)?;
        let headers = self.headers(end, &mut at)?;
        if at != end {
            return Err(RecordsError::Malformed);
        }
        self.at = end;
        self.next_delta = i64::from(offset_delta) + 1;
        Ok(Record {
            offset: self.base_offset + i64::from(offset_delta),
            // Java's arithmetic wraps.
            timestamp: self.append_time.unwrap_or(self.base_timestamp.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }

    fn headers(&self, end: usize, at: &mut usize) -> Result<Vec<Header>, RecordsError> {
        let count = varint::read_i32(&self.body[..end], at)?;
        let count = usize::try_from(count).map_err(|_| RecordsError::Malformed)?;
        // A header takes two bytes at the least.
        if count > (end - *at) / 2 {
            return Err(RecordsError::Malformed);
        }
        // Two bytes may claim a header of 64: reserve for few, let real ones grow the list.
        let mut headers = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            let key = self.slice(end, at)?.ok_or(RecordsError::Malformed)?;
            headers.push(Header { key, value: self.slice(end, at)? });
        }
        Ok(headers)
    }

    /// A length and that many bytes; null is a negative length, which is always written as -1.
    fn slice(&self, end: usize, at: &mut usize) -> Result<Option<Bytes>, RecordsError> {
        let length = varint::read_i32(&self.body[..end], at)?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        if length > end - *at {
            return Err(RecordsError::Truncated);
        }
        let from = *at;
        *at += length;
        Ok(Some(self.body.slice(from..*at)))
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.body.len() - self.at;
        if self.left <= 0 {
            self.at = self.body.len();
            return (rest > 0).then_some(Err(RecordsError::Trailing(rest)));
        }
        self.left -= 1;
        let item = if rest == 0 { Err(RecordsError::Truncated) } else { self.decode() };
        if item.is_err() {
            self.left = 0;
            self.at = self.body.len();
        }
        Some(item)
    }
}

impl core::fmt::Display for RecordsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            RecordsError::Compressed(codec) => write!(f, "records are compressed with {codec:?}"),
            RecordsError::UnknownCodec(id) => write!(f, "unknown compression codec {id}"),
            RecordsError::Truncated => f.write_str("records cut short"),
            RecordsError::Malformed => f.write_str("malformed record"),
            RecordsError::Offset(delta) => write!(f, "impossible relative offset {delta}"),
            RecordsError::Trailing(n) => write!(f, "{n} bytes after the last record"),
            RecordsError::Codec => f.write_str("the records cannot be decompressed"),
            RecordsError::TooLarge => write!(f, "more than {} bytes of records", crate::MAX_DECOMPRESSED),
        }
    }
}

impl core::error::Error for RecordsError {}
