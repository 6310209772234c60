//! The versions a client speaks: the newest of Kafka 4.1.
//!
//! This is the seam where the ranges of an ApiVersions response belong once clients meet brokers other than ours.

/// Metadata with topic ids and an error for the whole response (KIP-1102).
pub const METADATA: i16 = 13;
/// Produce by topic id (KIP-516).
pub const PRODUCE: i16 = 13;
/// Fetch by topic id, with the leader's endpoint in errors (KIP-951).
pub const FETCH: i16 = 18;
/// ListOffsets with leader epochs and a timeout.
pub const LIST_OFFSETS: i16 = 10;
/// OffsetForLeaderEpoch with the current leader epoch (KIP-320).
pub const OFFSET_FOR_LEADER_EPOCH: i16 = 4;
