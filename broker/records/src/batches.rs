//! Walking several batches that lie one after the other.

use bytes::{Bytes, BytesMut};

use crate::codec::compress;
use crate::header::{ATTRIBUTES_AT, CRC_AT, CRC_FROM, EPOCH_AT, HEADER_LEN, LENGTH_AT, LOG_OVERHEAD, crc32c};
use crate::{BatchError, BatchHeader, Compression, Records, RecordsError, validate};

/// The headers of batches that lie one after the other, with the position of each. No checksums are computed.
///
/// Ends at the first batch that is not wholly there: [`BatchHeaders::position`] then says where the short tail
/// begins. A malformed header is an error and ends the walk.
#[derive(Clone, Debug)]
pub struct BatchHeaders<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> BatchHeaders<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> BatchHeaders<'a> {
        BatchHeaders { bytes, position: 0, failed: false }
    }

    /// Where the next batch, or the short tail, begins.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl Iterator for BatchHeaders<'_> {
    type Item = Result<(usize, BatchHeader), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match BatchHeader::parse(&self.bytes[self.position..]) {
            Ok(header) if header.total_size() <= self.bytes.len() - self.position => {
                let at = self.position;
                self.position += header.total_size();
                Some(Ok((at, header)))
            }
            Ok(_) | Err(BatchError::Incomplete { .. }) => None,
            Err(e) => {
                self.failed = true;
                Some(Err(e))
            }
        }
    }
}

/// One batch: its header and all its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// What the batch says of itself.
    pub header: BatchHeader,
    /// The whole batch, header included.
    pub bytes: Bytes,
}

impl Batch {
    /// Checks structure and checksum and takes the bytes, which must be exactly one batch.
    pub fn validated(bytes: Bytes) -> Result<Batch, BatchError> {
        let header = validate(&bytes)?;
        if bytes.len() != header.total_size() {
            return Err(BatchError::Length(header.batch_length));
        }
        Ok(Batch { header, bytes })
    }

    /// The records. `Err(RecordsError::Compressed)` if they must be decompressed first.
    pub fn records(&self) -> Result<Records, RecordsError> {
        match self.header.attributes.compression() {
            Ok(Compression::None) => Ok(Records::from_body(&self.header, self.body())),
            Ok(codec) => Err(RecordsError::Compressed(codec)),
            Err(id) => Err(RecordsError::UnknownCodec(id)),
        }
    }

    /// This batch with its records compressed, as a producer would send it. One that is compressed already stays as it
    /// is.
    pub fn compressed(&self, codec: Compression) -> Batch {
        if self.header.attributes.compression() != Ok(Compression::None) {
            return self.clone();
        }
        let body = compress(codec, &self.body());
        let mut bytes = BytesMut::with_capacity(HEADER_LEN + body.len());
        bytes.extend_from_slice(&self.bytes[..HEADER_LEN]);
        bytes.extend_from_slice(&body);
        let length = i32::try_from(bytes.len() - LOG_OVERHEAD).expect("a batch is below 2 GiB");
        bytes[LENGTH_AT..EPOCH_AT].copy_from_slice(&length.to_be_bytes());
        let attributes = self.header.attributes.with_compression(codec);
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.0.to_be_bytes());
        let crc = crc32c(&bytes[CRC_FROM..]);
        bytes[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        let header = BatchHeader { batch_length: length, attributes, crc, ..self.header };
        Batch { header, bytes: bytes.freeze() }
    }

    /// The bytes after the header: the records, compressed if the attributes say so.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(HEADER_LEN..)
    }
}

/// Batches that lie one after the other, as slices that share the one allocation. No checksums are computed.
///
/// Kafka ends a fetch at a size limit, so the last batch may be cut: that is no error, see [`Batches::tail`].
#[derive(Clone, Debug)]
pub struct Batches {
    bytes: Bytes,
    position: usize,
    failed: bool,
}

impl Batches {
    /// Starts at the first byte.
    pub fn new(bytes: Bytes) -> Batches {
        Batches { bytes, position: 0, failed: false }
    }

    /// What has not been walked: once the iterator has ended, the part of a batch at the end.
    pub fn tail(&self) -> Bytes {
        self.bytes.slice(self.position..)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut headers = BatchHeaders { bytes: &self.bytes, position: self.position, failed: self.failed };
        let item = headers.next()?;
        (self.position, self.failed) = (headers.position, headers.failed);
        Some(item.map(|(at, header)| Batch { header, bytes: self.bytes.slice(at..at + header.total_size()) }))
    }
}
