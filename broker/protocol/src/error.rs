//! What can go wrong between bytes and messages.

use core::fmt;

/// Bytes that are not the message they should be. Small and free of allocation: hostile input is cheap to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The message and field, such as `FetchRequest.FetchTopic.Partitions`.
    pub at: &'static str,
    /// Where in the input, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// More bytes are needed than there are.
    Truncated,
    /// Bytes follow the message.
    Trailing,
    /// A length or count below -1, or -1 where null is not allowed.
    InvalidLength,
    /// A variable-length number of more than 32 bits.
    InvalidVarint,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// Tags that do not ascend (KIP-482).
    TagOrder,
    /// A tagged field whose value does not have the size it declares.
    TagSize,
    /// Decoding would allocate more than the frame's size justifies.
    HeapBudget,
    /// The message does not have this version.
    UnsupportedVersion {
        /// The version.
        version: i16,
    },
    /// A request of an API that is not known. The header was good, so the request can be answered.
    UnknownApi {
        /// The key.
        api_key: i16,
        /// The request's correlation id.
        correlation_id: i32,
    },
    /// A request of a version that is not served. An ApiVersions request is to be answered with a body of version 0
    /// and error 35, any other by closing the connection.
    UnsupportedRequest {
        /// The API's key, which is known.
        api_key: i16,
        /// The version.
        version: i16,
        /// The request's correlation id.
        correlation_id: i32,
    },
    /// A record of the metadata log of a kind that is not known.
    UnknownRecord {
        /// The record's key.
        key: i16,
    },
    /// A frame longer than the limit.
    FrameTooLarge {
        /// The length it declares.
        len: u32,
    },
    /// A frame of negative length, or shorter than a header.
    InvalidFrame,
}

impl DecodeError {
    /// The correlation id of an ApiVersions request of an unsupported version, which is answered with a body of
    /// version 0, error 35 and the supported range.
    pub fn unsupported_api_versions(&self) -> Option<i32> {
        match self.kind {
            DecodeErrorKind::UnsupportedRequest { api_key, correlation_id, .. }
                if api_key == crate::ApiKey::ApiVersions as i16 =>
            {
                Some(correlation_id)
            }
            _ => None,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.at, self.offset)?;
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the input ends too early"),
            DecodeErrorKind::Trailing => f.write_str("bytes follow the message"),
            DecodeErrorKind::InvalidLength => f.write_str("invalid length"),
            DecodeErrorKind::InvalidVarint => f.write_str("a varint of more than 32 bits"),
            DecodeErrorKind::InvalidUtf8 => f.write_str("a string that is not UTF-8"),
            DecodeErrorKind::TagOrder => f.write_str("tags do not ascend"),
            DecodeErrorKind::TagSize => f.write_str("a tagged field of another size than declared"),
            DecodeErrorKind::HeapBudget => f.write_str("would allocate more than its frame justifies"),
            DecodeErrorKind::UnsupportedVersion { version } => write!(f, "there is no version {version}"),
            DecodeErrorKind::UnknownApi { api_key, .. } => write!(f, "no API has the key {api_key}"),
            DecodeErrorKind::UnsupportedRequest { api_key, version, .. } => {
                write!(f, "API {api_key} is not served in version {version}")
            }
            DecodeErrorKind::UnknownRecord { key } => write!(f, "no metadata record has the key {key}"),
            DecodeErrorKind::FrameTooLarge { len } => write!(f, "a frame of {len} bytes"),
            DecodeErrorKind::InvalidFrame => f.write_str("a frame of no valid length"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A value that a version cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The message and field, such as `FetchRequest.FetchTopic.Partitions`.
    pub at: &'static str,
    /// What is wrong.
    pub kind: EncodeErrorKind,
}

/// What is wrong with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeErrorKind {
    /// The version does not have this field, its value is not the default and may not be dropped.
    Absent {
        /// The version.
        version: i16,
    },
    /// Null where the version does not allow it.
    Null,
    /// Longer than its length field can say.
    TooLong,
    /// The message does not have this version.
    UnsupportedVersion {
        /// The version.
        version: i16,
    },
}

impl EncodeError {
    pub(crate) const fn absent(at: &'static str, version: i16) -> EncodeError {
        EncodeError { at, kind: EncodeErrorKind::Absent { version } }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EncodeErrorKind::Absent { version } => write!(f, "{}: version {version} cannot carry it", self.at),
            EncodeErrorKind::Null => write!(f, "{}: may not be null", self.at),
            EncodeErrorKind::TooLong => write!(f, "{}: longer than its length field can say", self.at),
            EncodeErrorKind::UnsupportedVersion { version } => write!(f, "{}: there is no version {version}", self.at),
        }
    }
}

impl core::error::Error for EncodeError {}
