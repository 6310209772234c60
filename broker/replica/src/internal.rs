//! What a coordinator on this broker needs of the replicas: its partition's log, and notice of what changes.

use std::collections::BTreeSet;
use std::mem;

use bytes::Bytes;
use tribunal_common::{Fx, Io, TopicIdPartition};
use tribunal_contract::Disk;
use tribunal_protocol::{ErrorCode, Str, Uuid};

use crate::replicas::Replicas;

/// The topic that stores groups and their offsets.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Produce version of appends by a coordinator: topics have ids, batches their own format.
const APPEND_VERSION: i16 = 13;

/// Whether clients may not produce into a topic.
pub fn is_internal(topic: &str) -> bool {
    topic == OFFSETS_TOPIC
}

impl Replicas {
    /// Whether a partition of an internal topic has changed since [`Replicas::take_notices`].
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// The partitions of internal topics whose leader, high watermark or existence has changed.
    pub fn take_notices(&mut self) -> BTreeSet<TopicIdPartition> {
        mem::take(&mut self.notices)
    }

    /// Appends a batch of a coordinator's as a producer with `acks=all` would, if this broker leads the partition in
    /// `epoch`. The offset after it: the batch is committed when the high watermark reaches that.
    ///
    /// # Errors
    /// With Kafka's code; then nothing was appended.
    pub fn append_internal<D: Disk, F: Fx>(
        &mut self,
        id: TopicIdPartition,
        epoch: i32,
        batch: Bytes,
        io: &mut Io<'_, D, F>,
    ) -> Result<i64, ErrorCode> {
        let leads = |partition: &crate::Partition| partition.leading().is_some() && partition.leader_epoch == epoch;
        if !self.get(id).is_some_and(leads) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let appended = self.append(Some(id.topic), APPEND_VERSION, id.partition, Some(batch), -1, io);
        appended.map(|appended| appended.next_offset()).map_err(|refusal| refusal.error)
    }

    /// Reads whole batches of this broker's own log from `from` on: at least one, unless the log ends there.
    ///
    /// # Errors
    /// If the partition is not here, or its log cannot be read.
    pub fn read_internal<D: Disk, F: Fx>(
        &self,
        id: TopicIdPartition,
        from: i64,
        max_bytes: usize,
        io: &mut Io<'_, D, F>,
    ) -> Result<Bytes, ErrorCode> {
        let partition = self.get(id).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let end = partition.log.end_offset();
        partition.log.read(from, max_bytes, end, true, io.disk).map_err(|_| ErrorCode::KafkaStorageError)
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: Uuid) -> Option<&Str> {
        self.topics.get(&topic).map(|settings| &settings.name)
    }

    /// How many partitions a topic has; 0 if there is no such topic.
    pub fn partition_count(&self, topic: &str) -> i32 {
        self.topic_id(topic).and_then(|topic| self.partition_counts.get(&topic)).copied().unwrap_or(0)
    }

    /// Notes that a partition has changed, if a coordinator may want to know.
    pub(crate) fn notice(&mut self, at: u32) {
        if let Some(partition) = self.partitions[at as usize].as_ref().filter(|partition| partition.internal) {
            self.notices.insert(partition.id);
        }
    }
}
