//! The attribute bits of a batch.

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// gzip.
    Gzip = 1,
    /// Snappy; Java clients frame it as Xerial does.
    Snappy = 2,
    /// LZ4, frame format.
    Lz4 = 3,
    /// Zstandard (KIP-110).
    Zstd = 4,
}

impl Compression {
    /// The codec with this number, if there is one.
    pub const fn from_id(id: u8) -> Option<Compression> {
        match id {
            0 => Some(Compression::None),
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Snappy),
            3 => Some(Compression::Lz4),
            4 => Some(Compression::Zstd),
            _ => None,
        }
    }
}

/// What a batch's timestamps mean (KIP-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TimestampType {
    /// When the producer made the record.
    #[default]
    CreateTime,
    /// When the leader appended the batch: every record has the batch's max timestamp.
    LogAppendTime,
}

/// The 16 attribute bits of a batch.
///
/// Bits 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon (KIP-534); the rest is unused and
/// kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec, or its number if it is unknown.
    pub const fn compression(self) -> Result<Compression, u8> {
        let id = (self.0 & 7) as u8;
        match Compression::from_id(id) {
            Some(codec) => Ok(codec),
            None => Err(id),
        }
    }

    /// What the timestamps mean.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Attributes::LOG_APPEND_TIME != 0 { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    pub const fn is_transactional(self) -> bool {
        self.0 & Attributes::TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records, which consumers never see.
    pub const fn is_control(self) -> bool {
        self.0 & Attributes::CONTROL != 0
    }

    /// Whether the base timestamp is the time after which compaction may drop tombstones and markers (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Attributes::DELETE_HORIZON != 0
    }

    /// These attributes with another codec.
    pub const fn with_compression(self, codec: Compression) -> Attributes {
        Attributes(self.0 & !7 | codec as i16)
    }

    /// These attributes with another meaning of the timestamps.
    pub const fn with_timestamp_type(self, meaning: TimestampType) -> Attributes {
        match meaning {
            TimestampType::CreateTime => Attributes(self.0 & !Attributes::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Attributes(self.0 | Attributes::LOG_APPEND_TIME),
        }
    }

    /// These attributes, transactional or not.
    pub const fn with_transactional(self, on: bool) -> Attributes {
        self.with(Attributes::TRANSACTIONAL, on)
    }

    /// These attributes, control or not.
    pub const fn with_control(self, on: bool) -> Attributes {
        self.with(Attributes::CONTROL, on)
    }

    /// These attributes, with a delete horizon or not.
    pub const fn with_delete_horizon(self, on: bool) -> Attributes {
        self.with(Attributes::DELETE_HORIZON, on)
    }

    const fn with(self, bit: i16, on: bool) -> Attributes {
        if on { Attributes(self.0 | bit) } else { Attributes(self.0 & !bit) }
    }
}
