//! What a client knows of topics, partitions and their leaders.
//!
//! Topics and partitions get dense numbers ("slots") in the order in which they are first seen and keep them, so that
//! everything else, timers included, is an array by slot. A topic takes one slot for itself too, for what concerns it
//! before its partitions are known.

use std::collections::BTreeMap;

use tribunal_common::TopicIdPartition;
use tribunal_contract::NodeId;
use tribunal_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use tribunal_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use tribunal_protocol::{ErrorCode, Str, Uuid};

use crate::limits::{MAX_PARTITIONS, MAX_TOPICS};

/// A topic that the client uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    /// Zero until the topic is known.
    pub(crate) id: Uuid,
    /// What the last answer said of it.
    pub(crate) error: ErrorCode,
    /// How many partitions it has; 0 until it is known.
    pub(crate) count: u32,
    /// The slot of the topic itself.
    pub(crate) own_slot: u32,
    /// Slots by partition number. May have more than `count`: a topic may be recreated smaller.
    partitions: Vec<u32>,
}

/// A partition, or a topic's own slot (partition -1, never a leader).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    pub(crate) leader: Option<NodeId>,
    /// Epoch of the leader, -1 if it is not known.
    pub(crate) epoch: i32,
}

/// The cache. Leader epochs in it never go back within one topic id (KIP-320): a broker that lags behind may answer
/// with an older leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Metadata {
    /// Brokers of the last answer, ascending.
    pub(crate) brokers: Vec<NodeId>,
    topics: Vec<Topic>,
    by_name: BTreeMap<Str, u32>,
    slots: Vec<Slot>,
}

impl Metadata {
    /// The number of a topic. The second value tells whether it is new; none if there are too many.
    pub(crate) fn topic_or_new(&mut self, name: &Str) -> Option<(u32, bool)> {
        if let Some(&topic) = self.by_name.get(name) {
            return Some((topic, false));
        }
        if self.topics.len() == MAX_TOPICS {
            return None;
        }
        let number = self.topics.len() as u32;
        // Kept as long as the client lives: it must not pin the frame it came in.
        let name = name.detach();
        self.by_name.insert(name.clone(), number);
        let own_slot = self.new_slot(number, -1);
        self.topics.push(Topic {
            name,
            id: Uuid::ZERO,
            error: ErrorCode::None,
            count: 0,
            own_slot,
            partitions: Vec::new(),
        });
        Some((number, true))
    }

    pub(crate) fn topic(&self, number: u32) -> &Topic {
        &self.topics[number as usize]
    }

    pub(crate) fn slot(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slot of a partition that the topic has.
    pub(crate) fn slot_of(&self, topic: &Topic, partition: i32) -> Option<u32> {
        let index = u32::try_from(partition).ok().filter(|&index| index < topic.count)?;
        topic.partitions.get(index as usize).copied()
    }

    /// The slot of a partition, made if need be before the topic is known to have it.
    pub(crate) fn slot_or_new(&mut self, topic: u32, partition: i32) -> u32 {
        let known = self.topics[topic as usize].partitions.len() as i32;
        for missing in known..=partition {
            let slot = self.new_slot(topic, missing);
            self.topics[topic as usize].partitions.push(slot);
        }
        self.topics[topic as usize].partitions[partition as usize]
    }

    /// The id of a topic; zero as long as it is not known.
    pub(crate) fn id_of(&self, name: &Str) -> Uuid {
        self.topics.iter().find(|topic| topic.name == *name).map_or(Uuid::ZERO, |topic| topic.id)
    }

    pub(crate) fn id_partition(&self, slot: u32) -> TopicIdPartition {
        let slot = self.slot(slot);
        TopicIdPartition { topic: self.topic(slot.topic).id, partition: slot.partition }
    }

    /// Partitions of a topic that have a leader, ascending.
    pub(crate) fn available<'a>(&'a self, topic: &'a Topic) -> impl Iterator<Item = i32> + 'a {
        let count = topic.count as usize;
        topic.partitions[..count]
            .iter()
            .map(|&slot| self.slot(slot))
            .filter(|slot| slot.leader.is_some())
            .map(|slot| slot.partition)
    }

    /// Takes what an error answer says of the leader (KIP-951). Tells whether it is news.
    pub(crate) fn hint(&mut self, slot: u32, leader: i32, epoch: i32) -> bool {
        let slot = &mut self.slots[slot as usize];
        if leader < 0 || epoch <= slot.epoch {
            return false;
        }
        slot.leader = Some(NodeId(leader as u32));
        slot.epoch = epoch;
        true
    }

    /// The request for all topics in use.
    pub(crate) fn request(&self, allow_auto_create: bool) -> MetadataRequest {
        let topic = |topic: &Topic| MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(topic.name.clone()) };
        MetadataRequest {
            topics: Some(self.topics.iter().map(topic).collect()),
            allow_auto_topic_creation: allow_auto_create,
            ..MetadataRequest::default()
        }
    }

    /// Takes an answer.
    pub(crate) fn update(&mut self, response: &MetadataResponse) {
        self.brokers.clear();
        self.brokers.extend(response.brokers.iter().filter(|b| b.node_id >= 0).map(|b| NodeId(b.node_id as u32)));
        self.brokers.sort_unstable();
        self.brokers.dedup();
        for topic in &response.topics {
            let number = topic.name.as_ref().and_then(|name| self.by_name.get(name));
            if let Some(&number) = number {
                self.update_topic(number, topic);
            }
        }
    }

    fn update_topic(&mut self, number: u32, answer: &MetadataResponseTopic) {
        let error = ErrorCode::from_code(answer.error_code);
        let topic = &mut self.topics[number as usize];
        topic.error = error;
        if error.is_error() {
            // The broker may only lag behind: what is known stays.
            return;
        }
        if topic.id != answer.topic_id {
            // Deleted and created again: its leader epochs began anew.
            topic.id = answer.topic_id;
            topic.count = 0;
            for &slot in &topic.partitions {
                let slot = &mut self.slots[slot as usize];
                (slot.leader, slot.epoch) = (None, -1);
            }
        }
        for partition in &answer.partitions {
            self.update_partition(number, partition);
        }
        let topic = &mut self.topics[number as usize];
        // A gap in the numbers would make partitions without a leader; the count is that of the answer.
        let count = answer.partitions.iter().map(|p| p.partition_index).max().map_or(0, |last| last + 1);
        let count = count.clamp(0, MAX_PARTITIONS) as usize;
        topic.count = topic.count.max(count.min(topic.partitions.len()) as u32);
    }

    fn update_partition(&mut self, topic: u32, answer: &MetadataResponsePartition) {
        if !(0..MAX_PARTITIONS).contains(&answer.partition_index) {
            return;
        }
        let slot = self.slot_or_new(topic, answer.partition_index);
        let slot = &mut self.slots[slot as usize];
        if answer.leader_epoch < slot.epoch {
            return;
        }
        slot.epoch = answer.leader_epoch;
        slot.leader = u32::try_from(answer.leader_id).ok().map(NodeId);
    }

    fn new_slot(&mut self, topic: u32, partition: i32) -> u32 {
        let slot = self.slots.len() as u32;
        self.slots.push(Slot { topic, partition, leader: None, epoch: -1 });
        slot
    }
}
