//! Requests that name a partition twice, or a topic without any partition. Kafka keeps what a request asks by
//! partition: the last word counts, and what has no partition is not answered.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use tribunal_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use tribunal_protocol::{Str, Uuid};

/// A topic of a request, by name or by id.
pub(crate) type TopicKey = (Str, Uuid);

/// A topic of a request with its partitions.
pub(crate) trait Asked {
    /// What is asked of a partition.
    type Partition;
    /// Which topic it is.
    fn key(&self) -> TopicKey;
    /// Its partitions.
    fn partitions(&mut self) -> &mut Vec<Self::Partition>;
    /// A partition's number.
    fn number(partition: &Self::Partition) -> i32;
}

macro_rules! asked {
    ($topic:ty, $partition:ty, $key:expr, $partitions:ident, $number:ident) => {
        impl Asked for $topic {
            type Partition = $partition;
            fn key(&self) -> TopicKey {
                let key: fn(&$topic) -> TopicKey = $key;
                key(self)
            }
            fn partitions(&mut self) -> &mut Vec<$partition> {
                &mut self.$partitions
            }
            fn number(partition: &$partition) -> i32 {
                partition.$number
            }
        }
    };
}

asked!(DeleteRecordsTopic, DeleteRecordsPartition, |t| (t.name.clone(), Uuid::ZERO), partitions, partition_index);
asked!(FetchTopic, FetchPartition, |t| (t.topic.clone(), t.topic_id), partitions, partition);
asked!(ListOffsetsTopic, ListOffsetsPartition, |t| (t.name.clone(), Uuid::ZERO), partitions, partition_index);
asked!(TopicProduceData, PartitionProduceData, |t| (t.name.clone(), t.topic_id), partition_data, index);

/// Leaves each partition once, as it was named last, and no topic without any. Gives those that were named twice.
pub(crate) fn merge<T: Asked>(topics: &mut Vec<T>) -> BTreeSet<(TopicKey, i32)> {
    let mut twice = BTreeSet::new();
    let sound = |topic: &mut T| {
        let partitions = topic.partitions();
        !partitions.is_empty() && are_distinct::<T>(partitions)
    };
    // What clients send; nothing is to be done.
    if topics.iter_mut().all(sound) && (topics.len() <= 1 || topics.is_sorted_by(|a, b| a.key() < b.key())) {
        return twice;
    }
    let mut merged: Vec<T> = Vec::with_capacity(topics.len());
    let (mut of_topic, mut of_partition) = (BTreeMap::new(), BTreeMap::new());
    for mut topic in std::mem::take(topics) {
        let partitions = std::mem::take(topic.partitions());
        if partitions.is_empty() {
            continue;
        }
        let key = topic.key();
        let at = *of_topic.entry(key.clone()).or_insert_with(|| {
            merged.push(topic);
            merged.len() - 1
        });
        let all = merged[at].partitions();
        for partition in partitions {
            let number = T::number(&partition);
            match of_partition.get(&(at, number)) {
                Some(&place) => {
                    all[place] = partition;
                    twice.insert((key.clone(), number));
                }
                None => {
                    of_partition.insert((at, number), all.len());
                    all.push(partition);
                }
            }
        }
    }
    *topics = merged;
    twice
}

/// Partitions that are compared all with all, where they are not in order: a consumer names first which it asked for
/// longest ago.
const FEW: usize = 16;

/// Whether it is plain that no partition is named twice.
fn are_distinct<T: Asked>(partitions: &[T::Partition]) -> bool {
    let named_before = |(n, partition): (usize, &T::Partition)| {
        partitions[..n].iter().any(|before| T::number(before) == T::number(partition))
    };
    partitions.is_sorted_by(|a, b| T::number(a) < T::number(b))
        || partitions.len() <= FEW && !partitions.iter().enumerate().any(named_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &'static str, partitions: &[(i32, i64)]) -> ListOffsetsTopic {
        let partition = |&(partition_index, timestamp): &(i32, i64)| ListOffsetsPartition {
            partition_index,
            timestamp,
            ..Default::default()
        };
        ListOffsetsTopic { name: Str::from_static(name), partitions: partitions.iter().map(partition).collect() }
    }

    #[test]
    fn of_a_partition_named_twice_the_last_word_counts() {
        let mut topics = vec![topic("a", &[(1, 1), (0, 2), (1, 3)]), topic("none", &[]), topic("a", &[(2, 4), (0, 5)])];
        let twice = merge(&mut topics);
        assert_eq!(topics, [topic("a", &[(1, 3), (0, 5), (2, 4)])]);
        let a = (Str::from_static("a"), Uuid::ZERO);
        assert_eq!(twice.into_iter().collect::<Vec<_>>(), [(a.clone(), 0), (a, 1)]);
    }

    #[test]
    fn what_names_nothing_twice_stays_as_it_is() {
        let many: Vec<_> = (0..40).rev().map(|number| (number, 1)).collect();
        for first in [&[(0, 1), (3, 2)][..], &[(3, 2), (0, 1), (1, 5)], &many] {
            let asked = vec![topic("a", first), topic("b", &[(0, 1)])];
            let mut topics = asked.clone();
            assert!(merge(&mut topics).is_empty());
            assert_eq!(topics, asked);
        }
    }
}
