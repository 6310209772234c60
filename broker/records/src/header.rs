//! The fixed 61 bytes before the records, and the checks that make a batch trustworthy.

use crate::{Attributes, Compression, NO_PRODUCER_ID};

/// Bytes of a batch before its first record.
pub const HEADER_LEN: usize = 61;

/// The only supported format version.
pub const MAGIC: i8 = 2;

/// Bytes before the field that `batch_length` starts to count from.
pub(crate) const LOG_OVERHEAD: usize = 12;
/// Where the bytes covered by the CRC begin.
pub(crate) const CRC_FROM: usize = 21;
pub(crate) const LENGTH_AT: usize = 8;
pub(crate) const EPOCH_AT: usize = 12;
/// The least that may follow the length field: a message of format 0.
const MIN_LENGTH: i32 = 14;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC_AT: usize = 17;
pub(crate) const ATTRIBUTES_AT: usize = 21;
pub(crate) const MAX_TIMESTAMP_AT: usize = 35;

/// No record takes fewer bytes: length, attributes, timestamp, offset, key length, value length, header count.
pub(crate) const MIN_RECORD_LEN: usize = 7;

/// Everything a batch says of itself before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchHeader {
    /// Offset of the first record (before compaction).
    pub base_offset: i64,
    /// Bytes after the length field; at least 49.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch, -1 before it is appended. Not covered by the CRC.
    pub partition_leader_epoch: i32,
    /// CRC-32C of the batch from its attributes on.
    pub crc: u32,
    /// The attribute bits.
    pub attributes: Attributes,
    /// Offset of the last record, relative to the first. Compaction keeps it even if that record is gone.
    pub last_offset_delta: i32,
    /// Timestamp that the records' deltas count from, in milliseconds; or the delete horizon.
    pub base_timestamp: i64,
    /// Greatest timestamp in the batch, in milliseconds.
    pub max_timestamp: i64,
    /// Id of the idempotent producer, or -1.
    pub producer_id: i64,
    /// Epoch of the producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// How many records there are.
    pub records_count: i32,
}

/// Why bytes are not a whole, intact batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchError {
    /// There are fewer bytes than the batch says it has (or fewer than a header).
    Incomplete {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The length field is below the smallest possible.
    Length(i32),
    /// Another format version: message sets 0 and 1 ended with Kafka 4 (KIP-724).
    Magic(i8),
    /// The checksum does not match the bytes.
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The base offset is negative, or the last offset does not fit.
    Offset {
        /// Offset of the first record.
        base: i64,
        /// Relative offset of the last.
        delta: i32,
    },
    /// The record count is impossible for the offsets or the bytes.
    Count(i32),
    /// No such codec.
    UnknownCodec(u8),
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. Checks what the other fields depend on (length, magic) and that
    /// offsets do not overflow; [`validate`] checks the rest.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let Some(h) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(BatchError::Incomplete { need: HEADER_LEN, have: bytes.len() });
        };
        let magic = h[MAGIC_AT] as i8;
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(field(h, 0)),
            batch_length: i32::from_be_bytes(field(h, LENGTH_AT)),
            partition_leader_epoch: i32::from_be_bytes(field(h, EPOCH_AT)),
            crc: u32::from_be_bytes(field(h, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(h, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(field(h, 23)),
            base_timestamp: i64::from_be_bytes(field(h, 27)),
            max_timestamp: i64::from_be_bytes(field(h, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(h, 43)),
            producer_epoch: i16::from_be_bytes(field(h, 51)),
            base_sequence: i32::from_be_bytes(field(h, 53)),
            records_count: i32::from_be_bytes(field(h, 57)),
        };
        if header.batch_length < (HEADER_LEN - LOG_OVERHEAD) as i32 {
            return Err(BatchError::Length(header.batch_length));
        }
        let delta = i64::from(header.last_offset_delta);
        // One below the maximum, so that the next offset can be named as well.
        if header.base_offset < 0 || delta < 0 || header.base_offset.checked_add(delta).is_none_or(|o| o == i64::MAX) {
            return Err(BatchError::Offset { base: header.base_offset, delta: header.last_offset_delta });
        }
        Ok(header)
    }

    /// Bytes of the whole batch, header and all.
    pub const fn total_size(&self) -> usize {
        LOG_OVERHEAD + self.batch_length as usize
    }

    /// Offset of the last record.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset + self.last_offset_delta as i64
    }

    /// The offset after the last record.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Sequence number of the last record; sequence numbers wrap from `i32::MAX` to 0 (KIP-98). -1 if there is none.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        ((self.base_sequence as i64 + self.last_offset_delta as i64) % (1 << 31)) as i32
    }

    /// Whether the batch has a producer id: it is deduplicated by its sequence numbers.
    pub const fn is_idempotent(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Checks what must hold for a batch from a producer but not for one from another replica: dense offsets from
    /// zero or more records, no control batch, and sequence numbers present with a producer id. What the attributes say
    /// of timestamps is the leader's to overwrite.
    pub fn check_produced(&self) -> Result<(), ProduceError> {
        if self.records_count <= 0 || self.records_count - 1 != self.last_offset_delta {
            return Err(ProduceError::Count);
        }
        if self.attributes.is_control() {
            return Err(ProduceError::Control);
        }
        if self.is_idempotent() && (self.producer_epoch < 0 || self.base_sequence < 0) {
            return Err(ProduceError::Sequence);
        }
        if self.attributes.is_transactional() && !self.is_idempotent() {
            return Err(ProduceError::NoProducerId);
        }
        Ok(())
    }
}

/// The size of the batch at the start of `bytes`, header and all, if it is wholly there, and nothing else is checked
/// but what tells a batch from rubbish: a length that some format could have, and a format that there is or was. What
/// is too short to be a batch is the part of one at the end.
///
/// # Errors
/// [`BatchError::Length`] or [`BatchError::Magic`].
pub fn framed(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
    let Some(length) = bytes.get(LENGTH_AT..LOG_OVERHEAD) else { return Ok(None) };
    let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
    if length < MIN_LENGTH {
        return Err(BatchError::Length(length));
    }
    let Some(&magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
    if !(0..=MAGIC).contains(&(magic as i8)) {
        return Err(BatchError::Magic(magic as i8));
    }
    let size = LOG_OVERHEAD + length as usize;
    Ok((size <= bytes.len()).then_some(size))
}

/// Whether these bytes, exactly one batch, have the checksum that their header says.
pub fn is_intact(batch: &[u8]) -> bool {
    batch.len() >= HEADER_LEN && crc32c(&batch[CRC_FROM..]).to_be_bytes() == batch[CRC_AT..CRC_FROM]
}

/// Checks the batch at the start of `bytes`, which may go on after it: structure, sizes, counts and CRC-32C. The
/// records inside are covered by the checksum but not decoded.
pub fn validate(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let size = header.total_size();
    let Some(batch) = bytes.get(..size) else {
        return Err(BatchError::Incomplete { need: size, have: bytes.len() });
    };
    let codec = header.attributes.compression().map_err(BatchError::UnknownCodec)?;
    // Compaction may have removed records, even all of them, but never adds any.
    let count = i64::from(header.records_count);
    let fits = codec != Compression::None || count as usize <= (size - HEADER_LEN) / MIN_RECORD_LEN;
    if count < 0 || count > i64::from(header.last_offset_delta) + 1 || !fits {
        return Err(BatchError::Count(header.records_count));
    }
    let computed = crc32c(&batch[CRC_FROM..]);
    if computed != header.crc {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    Ok(header)
}

/// Why a well-formed batch is not one that a producer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProduceError {
    /// Offsets are not dense, or there is no record.
    Count,
    /// Control batches are written by brokers only.
    Control,
    /// A producer id without epoch or sequence number.
    Sequence,
    /// Transactional without a producer id.
    NoProducerId,
}

pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&header[at..at + N]);
    out
}

impl core::fmt::Display for BatchError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BatchError::Incomplete { need, have } => write!(f, "batch cut short: {have} of {need} bytes"),
            BatchError::Length(n) => write!(f, "batch length {n} is below 49"),
            BatchError::Magic(n) => write!(f, "batch format {n}, only 2 is supported"),
            BatchError::Crc { stored, computed } => write!(f, "checksum is {computed:08x}, header says {stored:08x}"),
            BatchError::Offset { base, delta } => write!(f, "impossible offsets {base} + {delta}"),
            BatchError::Count(n) => write!(f, "impossible record count {n}"),
            BatchError::UnknownCodec(n) => write!(f, "unknown compression codec {n}"),
        }
    }
}

impl core::error::Error for BatchError {}

impl core::fmt::Display for ProduceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            ProduceError::Count => "record count does not match the offsets",
            ProduceError::Control => "control batch from a producer",
            ProduceError::Sequence => "producer id without epoch or sequence number",
            ProduceError::NoProducerId => "transactional batch without a producer id",
        })
    }
}

impl core::error::Error for ProduceError {}
