//! The contents of the committed metadata log, by offset. Every node reports each record again as it applies it.

use core::hash::{Hash, Hasher};
use std::collections::BTreeMap;

use tribunal_common::{PartitionState, TopicIdPartition};
use tribunal_protocol::Uuid;

use crate::digest::mix;

/// The subject of a metadata record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    Broker(i32),
    Partition(TopicIdPartition),
    Topic(Uuid),
}

/// How a reported record relates to what was reported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is the newest record of its subject.
    Newest,
    /// The same or a newer record of its subject was reported before.
    Known,
    /// Different contents were reported for the same offset or the same version.
    Contradicts,
}

#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Metadata {
    by_offset: BTreeMap<(Subject, i64), u64>,
    by_epoch: BTreeMap<(TopicIdPartition, i32), u64>,
    registers: bool,
}

impl Metadata {
    /// Whether brokers register in this world. In a world without a controller no broker is ever unfenced.
    pub(crate) fn registers(&self) -> bool {
        self.registers
    }

    pub(crate) fn broker(&mut self, broker: i32, offset: i64, kind: u64, detail: i64) -> News {
        self.registers = true;
        self.record(Subject::Broker(broker), offset, mix(kind, detail as u64))
    }

    pub(crate) fn topic_removed(&mut self, topic: Uuid, offset: i64) -> News {
        self.record(Subject::Topic(topic), offset, 0)
    }

    /// The state of a partition as of `offset`. The `unclean` flag is not compared, because a snapshot does not store
    /// it.
    pub(crate) fn partition(&mut self, offset: i64, state: &PartitionState) -> News {
        let mut hasher = Mixer(0);
        (&state.replicas, &state.isr, &state.elr, state.leader, state.leader_epoch).hash(&mut hasher);
        let digest = mix(hasher.0, state.partition_epoch as u64);
        match self.record(Subject::Partition(state.partition), offset, digest) {
            News::Newest => {
                let newest = self.by_epoch.range((state.partition, i32::MIN)..=(state.partition, i32::MAX)).next_back();
                let repeats = newest.is_some_and(|((_, epoch), _)| *epoch == state.partition_epoch);
                match self.by_epoch.insert((state.partition, state.partition_epoch), digest) {
                    Some(known) if known != digest => News::Contradicts,
                    // A snapshot repeats this state. Another property checks an older epoch at a newer offset.
                    Some(_) if repeats => News::Known,
                    _ => News::Newest,
                }
            }
            other => other,
        }
    }

    fn record(&mut self, subject: Subject, offset: i64, digest: u64) -> News {
        let newest = self.by_offset.range((subject, i64::MIN)..=(subject, i64::MAX)).next_back();
        let news = newest.is_none_or(|((_, newest), _)| *newest < offset);
        match self.by_offset.get(&(subject, offset)) {
            Some(known) if *known != digest => return News::Contradicts,
            Some(_) => return News::Known,
            None => self.by_offset.insert((subject, offset), digest),
        };
        if news { News::Newest } else { News::Known }
    }
}

struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::digest::bytes(self.0, bytes);
    }
}
