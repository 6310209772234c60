//! Kafka's wire protocol: framing and messages, generated from one table per API.
//!
//! In: bytes of a connection. Out: a [`Message`], which is what machines exchange; and back. In the simulator a message
//! travels as a value and only its [`wire_size`](Message::wire_size) is computed; over sockets it travels as the
//! [`frame`]s of the real protocol.
//!
//! | for | open |
//! |---|---|
//! | an API's fields and versions; to add an API | `tables` (one file an API, with a README), then `generator` |
//! | which APIs there are, and header versions | `src/api.rs` |
//! | frames: length, header, body | `src/frame.rs` |
//! | bounded decoding; writing and measuring | `src/read.rs`, `src/write.rs` |
//! | records of the metadata log; of `__consumer_offsets` | `src/metadata_record.rs`, `src/group_record.rs` |
//!
//! A decoder never panics and never allocates more than the size of its frame justifies: see [`Reader`]. Strings and
//! bytes are slices of their frame, which stays in memory as long as any of them: copy out ([`Str::detach`]) what is
//! stored for long.
//!
//! It does not know what is inside a record batch.

mod api;
mod error;
mod error_code;
pub mod frame;
mod group_record;
mod message;
pub mod messages;
mod metadata_record;
mod read;
#[cfg(feature = "test-values")]
mod sample;
mod str;
mod uuid;
mod write;

pub use api::{
    UnknownApiKey, VersionRange, advertised_versions, request_header_version, response_header_version, versions,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use error_code::ErrorCode;
pub use frame::{
    Frames, decode_request, decode_response, encode_request, encode_response, encode_unsupported_api_versions,
};
pub use group_record::GroupRecord;
pub use message::Message;
pub use messages::{ApiKey, MetadataRecord, RequestBody, ResponseBody};
pub use read::{HEAP_FLOOR, HEAP_PER_BYTE, Reader};
#[cfg(feature = "test-values")]
pub use sample::{Sample, Sampler};
pub use str::Str;
pub use uuid::{ParseUuidError, Uuid};

pub use bytes::{Bytes, BytesMut};
