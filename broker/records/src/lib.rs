//! Record batches of format 2 (magic 2), the one form in which records travel and lie on disk.
//!
//! In: the bytes of one batch or of several. Out: their headers, their records, or the reason why they are not valid. A
//! batch is opaque [`Bytes`](bytes::Bytes) to most of the broker: [`BatchHeader`] reads what routing needs, [`assign`]
//! stamps offsets and the leader epoch, [`Batches`] walks several batches. Only clients and checkers look at single
//! records, with [`BatchBuilder`] and [`Records`].
//!
//! | for | open |
//! |---|---|
//! | the 61 bytes of a header, and which batch is trusted | `header.rs`, `attributes.rs` |
//! | what a leader writes into a batch | `assign.rs` |
//! | making a batch, reading its records | `builder.rs`, `records.rs` |
//! | compression, as a stream that is never held | `codec.rs`, `walk.rs`, `xerial.rs` |
//!
//! All decoding is bounded: hostile bytes are errors, and no count is trusted before the bytes that must back it have
//! been seen. This crate knows no files and no connections.

mod assign;
mod attributes;
mod batches;
mod builder;
mod codec;
mod control;
mod header;
mod murmur2;
mod records;
mod varint;
mod walk;
mod xerial;

pub use assign::{Append, assign, create_time};
pub use attributes::{Attributes, Compression, TimestampType};
pub use batches::{Batch, BatchHeaders, Batches};
pub use builder::{BatchBuilder, BatchOptions, size_of_record};
pub use control::{CONTROL_KEY_LEN, ControlType, control_key};
pub use header::{BatchError, BatchHeader, HEADER_LEN, MAGIC, ProduceError, framed, is_intact, validate};
pub use murmur2::{murmur2, to_positive};
pub use records::{Header, Record, Records, RecordsError};
pub use walk::{MAX_DECOMPRESSED, RecordMark, walk};

/// "No producer id": the batch is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;
/// "No producer epoch".
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// "No sequence number".
pub const NO_SEQUENCE: i32 = -1;
/// "No leader epoch": not yet appended by a leader.
pub const NO_LEADER_EPOCH: i32 = -1;
/// "No timestamp".
pub const NO_TIMESTAMP: i64 = -1;
