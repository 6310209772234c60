//! Partition replicas: leader, follower, ISR, high watermark, truncation.
//!
//! [`Replicas`] holds every partition replica of one broker. It is told what the committed metadata says
//! ([`Replicas::apply`]), serves Produce, Fetch, ListOffsets and OffsetForLeaderEpoch, fetches from the leaders of the
//! partitions it follows, and asks the controller for changes of the ISR (KIP-497).
//!
//! It does not know how metadata is replicated, nor which broker is alive beyond what it is told.

mod admin;
mod checkpoints;
mod fetch;
mod fetcher;
mod folders;
mod follower;
mod isr;
mod leader;
mod lookup;
mod merge;
mod offsets;
mod partition;
mod produce;
mod replicas;
mod sessions;
mod validate;
mod waiting;

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
