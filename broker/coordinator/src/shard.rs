//! A partition of the internal topic in one leader epoch.

use std::collections::VecDeque;

use tribunal_common::TopicIdPartition;
use tribunal_groups::{Groups, Then};
use tribunal_protocol::{ErrorCode, GroupRecord, Str};
use tribunal_records::Batches;

/// How far a shard has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// It reads the log from this offset on.
    Loading(i64),
    /// It has read everything, and waits until the high watermark is there: what it read might still be truncated.
    Catching,
    /// It serves.
    Serving,
    /// The log cannot be read. Another broker may do better.
    Failed,
}

/// A write that is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parked {
    /// The high watermark that commits it.
    pub(crate) required: i64,
    pub(crate) then: Then,
    /// Whether it has seen the write timer go off.
    pub(crate) waited: bool,
}

/// A partition of the internal topic in one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shard {
    pub(crate) id: TopicIdPartition,
    pub(crate) epoch: i32,
    pub(crate) phase: Phase,
    pub(crate) groups: Groups,
    /// In the order of their offsets.
    pub(crate) parked: VecDeque<Parked>,
    /// The log's end when leadership began, then the end of the last write.
    pub(crate) end: i64,
}

impl Shard {
    pub(crate) fn new(id: TopicIdPartition, epoch: i32, start: i64, end: i64) -> Shard {
        // No other coordinator gives out ids that begin so: a deleted topic comes back under another id.
        let topic = id.topic.0 as u32;
        let prefix = Str::from(format!("{topic:08x}-{:04x}-{epoch:08x}", id.partition));
        Shard { id, epoch, phase: Phase::Loading(start), groups: Groups::new(prefix), parked: VecDeque::new(), end }
    }

    /// Takes in batches as they are in the log, and says where to read on. Records of an unknown kind, and records that
    /// cannot be understood, are passed over: how many of those there were.
    ///
    /// # Errors
    /// If the batches are not well formed.
    pub(crate) fn replay(&mut self, batches: tribunal_protocol::Bytes, from: i64) -> Result<(i64, u32), ErrorCode> {
        let (mut next, mut unknown) = (from, 0);
        for batch in Batches::new(batches) {
            let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
            let header = batch.header;
            if !header.attributes.is_control() && !header.attributes.is_transactional() {
                for record in batch.records().map_err(|_| ErrorCode::CorruptMessage)? {
                    let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
                    match record.key.map(|key| GroupRecord::decode(key, record.value)) {
                        Some(Ok(Some(decoded))) => self.groups.replay(decoded),
                        Some(Ok(None) | Err(_)) | None => unknown += 1,
                    }
                }
            }
            next = header.next_offset();
        }
        Ok((next, unknown))
    }

    /// The shard, if it serves.
    pub(crate) fn ready(&self) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Serving => Ok(()),
            Phase::Loading(_) | Phase::Catching => Err(ErrorCode::CoordinatorLoadInProgress),
            Phase::Failed => Err(ErrorCode::NotCoordinator),
        }
    }
}
