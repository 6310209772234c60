//! Walking several batches that lie one after the other.

use bytes::Bytes;

use crate::{BatchError, BatchHeader, Records, RecordsError, header, validate};

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
            Ok(crate::Compression::None) => Ok(Records::from_body(&self.header, self.body())),
            Ok(codec) => Err(RecordsError::Compressed(codec)),
            Err(id) => Err(RecordsError::UnknownCodec(id)),
        }
    }

    /// The bytes after the header: the records, compressed if the attributes say so.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(header::HEADER_LEN..)
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
