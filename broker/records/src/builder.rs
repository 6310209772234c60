//! Making a batch, record by record, in one buffer.

use bytes::{BufMut, Bytes, BytesMut};

use crate::header::{CRC_AT, CRC_FROM, HEADER_LEN, LOG_OVERHEAD, MAGIC, crc32c};
use crate::{
    Attributes, Compression, Header, NO_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP,
    TimestampType, varint,
};

/// What a batch says of itself apart from its records. The default is a plain batch as a producer sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchOptions {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Epoch of the appending leader, or -1.
    pub partition_leader_epoch: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether it holds control records.
    pub control: bool,
    /// Set if the broker stamps the batch: log append time in milliseconds.
    pub append_time: Option<i64>,
    /// Id of the idempotent producer, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions {
            base_offset: 0,
            partition_leader_epoch: NO_LEADER_EPOCH,
            transactional: false,
            control: false,
            append_time: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
        }
    }
}

/// A batch in the making. Records go straight into the buffer that becomes the batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchBuilder {
    options: BatchOptions,
    buf: BytesMut,
    count: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(options: BatchOptions) -> BatchBuilder {
        BatchBuilder::with_capacity(options, 256)
    }

    /// An empty batch with room for `bytes` in all before the buffer must grow.
    pub fn with_capacity(options: BatchOptions, bytes: usize) -> BatchBuilder {
        let mut buf = BytesMut::with_capacity(bytes.max(HEADER_LEN));
        buf.put_bytes(0, HEADER_LEN);
        BatchBuilder {
            options,
            buf,
            count: 0,
            last_offset_delta: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Adds a record at the next offset. `timestamp` is in milliseconds.
    pub fn append(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        self.append_delta(self.last_offset_delta + 1, timestamp, key, value, headers);
    }

    /// Adds a record at `offset`, leaving a gap as compaction does.
    ///
    /// # Panics
    /// If `offset` is not above the last record's or too far from the base offset.
    pub fn append_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) {
        let delta = i32::try_from(offset - self.options.base_offset).expect("offset fits the batch");
        assert!(delta > self.last_offset_delta, "offsets grow");
        self.append_delta(delta, timestamp, key, value, headers);
    }

    fn append_delta(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let body = record_body_size(offset_delta, timestamp_delta, key, value, headers);
        self.buf.reserve(varint::size(body as i64) + body);
        varint::write(&mut self.buf, body as i64);
        self.buf.put_u8(0);
        varint::write(&mut self.buf, timestamp_delta);
        varint::write(&mut self.buf, i64::from(offset_delta));
        put_slice(&mut self.buf, key);
        put_slice(&mut self.buf, value);
        varint::write(&mut self.buf, headers.len() as i64);
        for header in headers {
            put_slice(&mut self.buf, Some(&header.key));
            put_slice(&mut self.buf, header.value.as_deref());
        }
        self.count += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp = if self.count == 1 { timestamp } else { self.max_timestamp.max(timestamp) };
    }

    /// Bytes of the batch so far, header included.
    pub fn size(&self) -> usize {
        self.buf.len()
    }

    /// Bytes of the batch if this record were added: what to compare with a batch size limit.
    pub fn size_with(&self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
        let base = if self.count == 0 { timestamp } else { self.base_timestamp };
        let delta = timestamp.wrapping_sub(base);
        self.size() + size_of_record(self.last_offset_delta + 1, delta, key, value, headers)
    }

    /// How many records it has.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The options it was made with.
    pub fn options(&self) -> &BatchOptions {
        &self.options
    }

    /// Sets who sends the batch: a producer learns its id, or numbers the batch, only when it drains it.
    pub fn set_producer(&mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) {
        (self.options.producer_id, self.options.producer_epoch, self.options.base_sequence) =
            (producer_id, producer_epoch, base_sequence);
    }

    /// The finished batch.
    ///
    /// # Panics
    /// If there is no record: an empty batch is made by compaction only.
    pub fn build(mut self) -> Bytes {
        assert!(self.count > 0, "a batch has records");
        let o = &self.options;
        let meaning = if o.append_time.is_some() { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
        let attributes = Attributes::default()
            .with_compression(Compression::None)
            .with_timestamp_type(meaning)
            .with_transactional(o.transactional)
            .with_control(o.control);
        let batch_length = i32::try_from(self.buf.len() - LOG_OVERHEAD).expect("a batch is below 2 GiB");
        let mut head = &mut self.buf[..HEADER_LEN];
        head.put_i64(o.base_offset);
        head.put_i32(batch_length);
        head.put_i32(o.partition_leader_epoch);
        head.put_i8(MAGIC);
        head.put_u32(0);
        head.put_i16(attributes.0);
        head.put_i32(self.last_offset_delta);
        head.put_i64(self.base_timestamp);
        head.put_i64(o.append_time.unwrap_or(self.max_timestamp));
        head.put_i64(o.producer_id);
        head.put_i16(o.producer_epoch);
        head.put_i32(o.base_sequence);
        head.put_i32(self.count);
        let crc = crc32c(&self.buf[CRC_FROM..]);
        self.buf[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        self.buf.freeze()
    }
}

/// Bytes that a record takes in a batch, its length prefix included. Deltas are relative to the batch's first record.
pub fn size_of_record(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header],
) -> usize {
    let body = record_body_size(offset_delta, timestamp_delta, key, value, headers);
    varint::size(body as i64) + body
}

fn record_body_size(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header],
) -> usize {
    let headers_size: usize =
        headers.iter().map(|h| slice_size(Some(&h.key)) + slice_size(h.value.as_deref())).sum::<usize>();
    1 + varint::size(timestamp_delta)
        + varint::size(i64::from(offset_delta))
        + slice_size(key)
        + slice_size(value)
        + varint::size(headers.len() as i64)
        + headers_size
}

fn slice_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |b| varint::size(b.len() as i64) + b.len())
}

fn put_slice(buf: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write(buf, -1),
        Some(b) => {
            varint::write(buf, b.len() as i64);
            buf.put_slice(b);
        }
    }
}
