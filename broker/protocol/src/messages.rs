//! The messages, generated from the tables in `tables/`: one module a message, its own struct re-exported here.
//!
//! Names are Kafka's in Rust case. A field's documentation says since which version it exists, what `default` is where
//! that is not zero, and whether a version without it drops it or refuses to encode a value other than its default.

/// What the generated modules use.
mod prelude {
    pub(super) use bytes::{Bytes, BytesMut};

    pub(super) use crate::api::VersionRange;
    pub(super) use crate::error::{DecodeError, EncodeError};
    pub(super) use crate::read::{Reader, Wire};
    #[cfg(feature = "test-values")]
    pub(super) use crate::sample::{Sample, Sampler, vec_heap};
    pub(super) use crate::str::Str;
    pub(super) use crate::uuid::Uuid;
    pub(super) use crate::write::{Counter, Sink};
}

use prelude::*;

use crate::api::UnknownApiKey;

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
