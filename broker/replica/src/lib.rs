//! Partition replicas: leader, follower, ISR, high watermark, truncation.
//!
//! In: what the committed metadata says ([`Replicas::apply`]), Produce, Fetch, ListOffsets and OffsetForLeaderEpoch,
//! answers of leaders, completed syncs. Out: answers, fetches from the leaders of the partitions that this broker
//! follows, and changes of the ISR that the controller is asked for (KIP-497).
//!
//! | for | open |
//! |---|---|
//! | which part of this serves a request or an answer | `events.rs` |
//! | Produce, and when it is answered | `produce.rs`, `waiting.rs` |
//! | what a leader asks of a producer's records | `validate.rs` |
//! | Fetch, fetch sessions | `fetch.rs`, `parked_fetch.rs`, `sessions.rs` |
//! | the high watermark; who is in sync | `leader.rs`, `isr.rs` |
//! | a follower's fetches, and where it truncates | `fetcher.rs`, `follower.rs`, `lookup.rs` |
//! | becoming leader or follower | `replicas.rs` |
//! | what a coordinator needs of its partition | `internal.rs` |
//! | folders, checkpoints, clean shutdown | `folders.rs`, `checkpoints.rs` |
//!
//! It does not know how metadata is replicated, nor which broker is alive beyond what it is told.

mod admin;
mod checkpoints;
mod events;
mod fetch;
mod fetcher;
mod folders;
mod follower;
mod internal;
mod isr;
mod leader;
mod lookup;
mod merge;
mod offsets;
mod parked_fetch;
mod partition;
mod produce;
mod replicas;
mod sessions;
mod validate;
mod waiting;

pub use internal::{OFFSETS_TOPIC, is_internal};
pub use partition::{Partition, Role, TopicSettings};
pub use replicas::{BrokerLiveness, Replicas};

/// What identifies a batch to those who compare logs.
pub(crate) fn mark(header: &tribunal_records::BatchHeader) -> tribunal_common::BatchMark {
    tribunal_common::BatchMark {
        base: header.base_offset,
        last: header.last_offset(),
        epoch: header.partition_leader_epoch,
        crc: header.crc,
    }
}
