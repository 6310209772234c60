//! What the metadata log says, as of one offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_common::TopicIdPartition;
use tribunal_protocol::{Str, Uuid};

use crate::{BrokerRegistration, PartitionRegistration};

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicImage {
    /// Topic id.
    pub id: Uuid,
    /// Name.
    pub name: Str,
    /// Partitions by number.
    pub partitions: BTreeMap<i32, PartitionRegistration>,
}

/// What a dynamic setting is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Kafka's number of the kind: [`ConfigResource::TOPIC`], [`ConfigResource::BROKER`].
    pub kind: i8,
    /// A topic's name, a broker's id in digits; empty for all brokers.
    pub name: Str,
}

impl ConfigResource {
    /// Settings of a topic.
    pub const TOPIC: i8 = 2;
    /// Settings of a broker, or of all.
    pub const BROKER: i8 = 4;

    /// The settings of topic `name`.
    pub const fn topic(name: Str) -> ConfigResource {
        ConfigResource { kind: ConfigResource::TOPIC, name }
    }
}

/// All that the metadata log says, as of one offset. A clone shares everything until one of the two changes, and what
/// it then copies is the list of topics, not the topics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataImage {
    pub(crate) offset: i64,
    pub(crate) epoch: i32,
    pub(crate) content: Arc<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Content {
    pub features: BTreeMap<Str, i16>,
    pub brokers: BTreeMap<i32, BrokerRegistration>,
    pub topics: BTreeMap<Uuid, Arc<TopicImage>>,
    pub names: BTreeMap<Str, Uuid>,
    pub configs: BTreeMap<ConfigResource, BTreeMap<Str, Str>>,
    pub next_producer_id: i64,
}

impl Default for MetadataImage {
    fn default() -> Self {
        MetadataImage::new()
    }
}

impl MetadataImage {
    /// Of an empty log.
    pub fn new() -> MetadataImage {
        MetadataImage { offset: -1, epoch: 0, content: Arc::default() }
    }

    /// Offset of the last record it covers, -1 if there is none.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Quorum epoch of that record.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The topic of that id.
    pub fn topic(&self, id: Uuid) -> Option<&TopicImage> {
        self.content.topics.get(&id).map(|topic| &**topic)
    }

    /// The id of the topic of that name.
    pub fn topic_id(&self, name: &Str) -> Option<Uuid> {
        self.content.names.get(name).copied()
    }

    /// The topic of that name.
    pub fn topic_by_name(&self, name: &Str) -> Option<&TopicImage> {
        self.topic(self.topic_id(name)?)
    }

    /// The partition of that topic id and number.
    pub fn partition(&self, id: TopicIdPartition) -> Option<&PartitionRegistration> {
        self.content.topics.get(&id.topic)?.partitions.get(&id.partition)
    }

    /// The broker of that id, fenced or not.
    pub fn broker(&self, id: i32) -> Option<&BrokerRegistration> {
        self.content.brokers.get(&id)
    }

    /// Whether the broker is registered, not fenced and not shutting down.
    pub fn is_active(&self, broker: i32) -> bool {
        self.broker(broker).is_some_and(BrokerRegistration::is_active)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.content.names.values().filter_map(|id| self.topic(*id))
    }

    /// All partitions, by topic id and number.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicIdPartition, &PartitionRegistration)> {
        self.content.topics.values().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|(number, partition)| (TopicIdPartition { topic: topic.id, partition: *number }, partition))
        })
    }

    /// All registered brokers, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.content.brokers.values()
    }

    /// The finalized level of a feature, 0 if it has none.
    pub fn feature(&self, name: &'static str) -> i16 {
        self.content.features.get(&Str::from_static(name)).copied().unwrap_or(0)
    }

    /// All finalized features, by name.
    pub fn features(&self) -> impl Iterator<Item = (&Str, i16)> {
        self.content.features.iter().map(|(name, level)| (name, *level))
    }

    /// The dynamic settings of a resource, `None` if it has none.
    pub fn config(&self, resource: &ConfigResource) -> Option<&BTreeMap<Str, Str>> {
        self.content.configs.get(resource)
    }

    /// The first producer id of the next block.
    pub fn next_producer_id(&self) -> i64 {
        self.content.next_producer_id
    }
}
