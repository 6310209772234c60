//! What a leader writes into batches as it appends them.

use bytes::{Bytes, BytesMut};

use crate::header::{ATTRIBUTES_AT, CRC_AT, CRC_FROM, EPOCH_AT, MAX_TIMESTAMP_AT, crc32c};
use crate::{BatchError, BatchHeader, BatchHeaders, TimestampType};

/// Where and when batches are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Append {
    /// Offset of the first record.
    pub base_offset: i64,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// Set if the topic uses log append time: milliseconds since the Unix epoch.
    pub append_time: Option<i64>,
}

/// Says in a batch's header that its timestamps are its producer's and that `max_timestamp` (milliseconds) is the
/// greatest of them: a leader does not take a producer's word for either. The checksum follows.
///
/// # Panics
/// If `batch` is not one whole batch.
pub fn create_time(batch: Bytes, max_timestamp: i64) -> Bytes {
    let mut out = batch.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let mut header = BatchHeader::parse(&out).expect("a whole batch");
    header.attributes = header.attributes.with_timestamp_type(TimestampType::CreateTime);
    stamp(&mut out, &mut header, max_timestamp);
    out.freeze()
}

/// Writes a header's attributes and a new greatest timestamp.
fn stamp(batch: &mut [u8], header: &mut BatchHeader, max_timestamp: i64) {
    header.max_timestamp = max_timestamp;
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&header.attributes.0.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    header.crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&header.crc.to_be_bytes());
}

/// Gives whole batches that lie one after the other consecutive offsets, a leader epoch and, if asked, an append
/// time. Offset and epoch lie outside the checksum; the append time changes it.
///
/// Writes in place if nobody else holds the bytes, else into a copy. Calls `each` with the final header of every
/// batch. `Err` if the bytes are not whole batches.
pub fn assign(bytes: Bytes, to: Append, mut each: impl FnMut(&BatchHeader)) -> Result<Bytes, BatchError> {
    let mut walk = BatchHeaders::new(&bytes);
    let mut next = to.base_offset;
    for item in walk.by_ref() {
        let (_, header) = item?;
        let span = i64::from(header.last_offset_delta);
        let bad = BatchError::Offset { base: next, delta: header.last_offset_delta };
        next = next.checked_add(span).and_then(|last| last.checked_add(1)).ok_or(bad)?;
    }
    if walk.position() != bytes.len() || bytes.is_empty() {
        let header = BatchHeader::parse(&bytes[walk.position()..])?;
        return Err(BatchError::Incomplete { need: header.total_size(), have: bytes.len() - walk.position() });
    }
    let mut out = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let (mut at, mut offset) = (0, to.base_offset);
    while at < out.len() {
        let mut header = BatchHeader::parse(&out[at..])?;
        let batch = &mut out[at..at + header.total_size()];
        header.base_offset = offset;
        header.partition_leader_epoch = to.leader_epoch;
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        batch[EPOCH_AT..EPOCH_AT + 4].copy_from_slice(&to.leader_epoch.to_be_bytes());
        if let Some(time) = to.append_time {
            header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
            stamp(batch, &mut header, time);
        }
        each(&header);
        at += header.total_size();
        offset = header.next_offset();
    }
    Ok(out.freeze())
}
