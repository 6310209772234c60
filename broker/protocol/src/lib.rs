//! Kafka's wire protocol: framing and messages, generated from one table per API.
//!
//! The tables are in `tables/`, one file an API; `generator/` turns them into [`messages`], the [`ApiKey`] and the
//! enums [`RequestBody`] and [`ResponseBody`] when the crate is built. Adding an API is adding a table.
//!
//! What machines exchange is a [`Message`]; in the simulator it travels as a value and only its
//! [`wire_size`](Message::wire_size) is computed, over sockets it travels as the [`frame`]s of the real protocol.
//!
//! A decoder never panics and never allocates more than the size of its frame justifies: see [`Reader`]. Strings and
//! bytes are slices of their frame, which stays in memory as long as any of them: copy out ([`Str::detach`]) what is
//! stored for long.
//!
//! This crate does not know what is inside a record batch.

mod api;
mod error;
mod error_code;
pub mod frame;
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
pub use message::Message;
pub use messages::{ApiKey, MetadataRecord, RequestBody, ResponseBody};
pub use read::{HEAP_FLOOR, HEAP_PER_BYTE, Reader};
#[cfg(feature = "test-values")]
pub use sample::{Sample, Sampler};
pub use str::Str;
pub use uuid::{ParseUuidError, Uuid};

pub use bytes::{Bytes, BytesMut};
