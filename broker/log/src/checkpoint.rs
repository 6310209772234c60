//! The broker's offset checkpoints: one text file for all partitions of a log directory.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use tribunal_contract::Disk;

use crate::error::Refusal;
use crate::replace::read_file;
use crate::{LogError, text};

/// File of the flushed offsets: recovery begins there.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// File of the high watermarks.
pub const REPLICATION_CHECKPOINT: &str = "replication-offset-checkpoint";
/// File of the start offsets of logs that do not begin with their first segment.
pub const LOG_START_CHECKPOINT: &str = "log-start-offset-checkpoint";

/// Offsets by topic and partition, as in Kafka's `OffsetCheckpointFile`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct OffsetCheckpoint {
    offsets: BTreeMap<String, BTreeMap<i32, i64>>,
}

impl OffsetCheckpoint {
    /// The offset of a partition.
    pub fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        self.offsets.get(topic)?.get(&partition).copied()
    }

    /// Sets the offset of a partition.
    pub fn set(&mut self, topic: &str, partition: i32, offset: i64) {
        match self.offsets.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, offset),
            None => self.offsets.entry(topic.to_owned()).or_default().insert(partition, offset),
        };
    }

    /// Forgets a partition.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.offsets.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.offsets.remove(topic);
            }
        }
    }

    /// Topic, partition and offset, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.offsets.iter().flat_map(|(topic, partitions)| partitions.iter().map(|(p, o)| (topic.as_str(), *p, *o)))
    }

    /// The text of the file. Write it with [`Replace`](crate::Replace).
    pub fn encode(&self) -> Bytes {
        let mut out = format!("0\n{}\n", self.iter().count());
        for (topic, partition, offset) in self.iter() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{topic} {partition} {offset}");
        }
        Bytes::from(out)
    }

    /// Reads the text of the file.
    pub fn decode(bytes: &[u8]) -> Result<OffsetCheckpoint, Refusal> {
        let mut checkpoint = OffsetCheckpoint::default();
        text::read_checkpoint(bytes, |line| {
            let mut words = line.split(' ');
            let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
            checkpoint.set(topic, partition.parse().ok()?, offset.parse().ok()?);
            words.next().is_none().then_some(())
        })?;
        Ok(checkpoint)
    }

    /// Reads the file; empty if there is none.
    pub fn read<D: Disk>(path: &str, disk: &mut D) -> Result<OffsetCheckpoint, LogError> {
        match read_file(path, disk).map_err(LogError::disk("read a checkpoint"))? {
            None => Ok(OffsetCheckpoint::default()),
            Some(bytes) => {
                OffsetCheckpoint::decode(&bytes).map_err(|why| LogError::Refused { file: path.to_owned(), why })
            }
        }
    }
}
