//! Which partition a record goes to.

use tribunal_common::Fx;
use tribunal_records::{murmur2, to_positive};

use crate::metadata::{Metadata, Topic};

/// How records without an explicit partition are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partitioner {
    /// Records with a key by the hash of the key, others sticky. Kafka's default.
    KeyHash,
    /// One after the other over the partitions that have a leader, keys or not (`RoundRobinPartitioner`).
    RoundRobin,
    /// One partition until a batch's worth of bytes went there, then another, keys or not (KIP-480, KIP-794 with
    /// `partitioner.ignore.keys`).
    Sticky,
}

/// The partition of a key among `partitions`, that of every Kafka client: a key stays where it is as long as their
/// number does not change.
///
/// # Panics
/// If there are no partitions.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    to_positive(murmur2(key)) % partitions
}

/// What a partitioner remembers of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Spread {
    /// The next place in the round, below the number of places of the last round.
    next: u32,
    /// The partition that is sticky, and how many bytes more go there.
    sticky: Option<(i32, u32)>,
}

impl Spread {
    /// The partition of a record, given how (and the size of a batch) and what (its key and size). `None` if the topic
    /// has no partitions.
    pub(crate) fn choose<F: Fx>(
        &mut self,
        (how, batch_size): (Partitioner, u32),
        (key, size): (Option<&[u8]>, u32),
        metadata: &Metadata,
        topic: &Topic,
        fx: &mut F,
    ) -> Option<i32> {
        if topic.count == 0 {
            return None;
        }
        Some(match (how, key) {
            (Partitioner::KeyHash, Some(key)) => partition_for_key(key, topic.count as i32),
            (Partitioner::RoundRobin, _) => self.round_robin(metadata, topic),
            (Partitioner::Sticky, _) | (Partitioner::KeyHash, None) => {
                self.sticky(size, batch_size, metadata, topic, fx)
            }
        })
    }

    fn round_robin(&mut self, metadata: &Metadata, topic: &Topic) -> i32 {
        let places = metadata.available(topic).count() as u32;
        // While no partition has a leader, any will do: records wait there.
        let all = if places == 0 { topic.count } else { places };
        let place = self.next % all;
        self.next = (place + 1) % all;
        if places == 0 {
            return place as i32;
        }
        metadata.available(topic).nth(place as usize).unwrap_or(0)
    }

    fn sticky<F: Fx>(&mut self, size: u32, batch_size: u32, metadata: &Metadata, topic: &Topic, fx: &mut F) -> i32 {
        let valid = |partition: i32| (partition as u32) < topic.count;
        let partition = match self.sticky {
            Some((partition, left)) if left > 0 && valid(partition) => partition,
            _ => {
                let places = metadata.available(topic).count() as u32;
                let all = if places == 0 { topic.count } else { places };
                let place = if all > 1 { fx.choose(all) } else { 0 };
                let chosen = if places == 0 { None } else { metadata.available(topic).nth(place as usize) };
                let chosen = chosen.unwrap_or(place as i32);
                self.sticky = Some((chosen, batch_size.max(1)));
                chosen
            }
        };
        if let Some((_, left)) = &mut self.sticky {
            *left = left.saturating_sub(size);
        }
        partition
    }
}
