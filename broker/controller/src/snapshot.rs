//! The image as the records of a snapshot (KIP-630), and what changed when a snapshot replaced it.

use std::sync::Arc;

use tribunal_common::TopicIdPartition;
use tribunal_protocol::messages::{ConfigRecord, FeatureLevelRecord, ProducerIdsRecord, TopicRecord};
use tribunal_protocol::{MetadataRecord, Str};

use crate::{Change, ConfigResource, METADATA_VERSION, MetadataImage, NO_LEADER, ReplayError};

impl MetadataImage {
    /// Records from which [`MetadataImage::from_snapshot`] makes this image again.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let content = &*self.content;
        let mut records: Vec<MetadataRecord> = Vec::new();
        let first = Str::from_static(METADATA_VERSION);
        // The level of the metadata comes first: it says how the rest is to be read.
        let features = content.features.get_key_value(&first).into_iter();
        for (name, level) in features.chain(content.features.iter().filter(|(name, _)| **name != first)) {
            records.push(FeatureLevelRecord { name: name.clone(), feature_level: *level }.into());
        }
        records.extend(content.brokers.values().map(|broker| MetadataRecord::from(broker.to_record())));
        for topic in content.topics.values() {
            records.push(TopicRecord { name: topic.name.clone(), topic_id: topic.id }.into());
            for (number, partition) in &topic.partitions {
                let id = TopicIdPartition { topic: topic.id, partition: *number };
                records.push(partition.to_record(id).into());
            }
        }
        for (resource, settings) in &content.configs {
            records.extend(
                settings.iter().map(|(name, value)| MetadataRecord::from(config_record(resource, name, value))),
            );
        }
        if content.next_producer_id > 0 {
            let next_producer_id = content.next_producer_id;
            records.push(ProducerIdsRecord { broker_id: -1, broker_epoch: -1, next_producer_id }.into());
        }
        records
    }

    /// The image of a snapshot that covers the log up to the record at `offset`, written in `epoch`.
    pub fn from_snapshot<'a>(
        offset: i64,
        epoch: i32,
        records: impl IntoIterator<Item = &'a MetadataRecord>,
    ) -> Result<MetadataImage, ReplayError> {
        let mut image = MetadataImage::new();
        for record in records {
            image.apply(offset, epoch, record, &mut |_| ())?;
        }
        image.advance(offset, epoch);
        Ok(image)
    }

    /// What is different from `old`, for a broker whose image a snapshot has replaced.
    pub fn changes_since(&self, old: &MetadataImage, changes: &mut impl FnMut(Change)) {
        for broker in old.brokers().filter(|broker| self.broker(broker.id).is_none()) {
            changes(Change::BrokerUnregistered(broker.id));
        }
        for broker in self.brokers() {
            self.broker_changes(old, broker.id, changes);
        }
        for id in old.content.topics.keys().filter(|id| !self.content.topics.contains_key(id)) {
            changes(Change::TopicRemoved(*id));
        }
        for topic in self.content.topics.values() {
            let before = old.content.topics.get(&topic.id);
            let resource = ConfigResource::topic(topic.name.clone());
            if before.is_none() {
                changes(Change::TopicCreated(topic.id));
            }
            if self.config(&resource) != old.config(&resource) {
                changes(Change::TopicConfig(topic.id));
            }
            if before.is_some_and(|before| Arc::ptr_eq(before, topic)) {
                continue;
            }
            for (number, partition) in &topic.partitions {
                let id = TopicIdPartition { topic: topic.id, partition: *number };
                let before = old.partition(id);
                if before == Some(partition) {
                    continue;
                }
                let unclean = before.is_some_and(|before| {
                    // Of several elections only the outcome is known: this one is certain.
                    partition.leader != NO_LEADER
                        && partition.leader_epoch == before.leader_epoch + 1
                        && partition.is_unclean_after(before)
                });
                changes(Change::Partition { id, unclean });
            }
        }
    }

    fn broker_changes(&self, old: &MetadataImage, id: i32, changes: &mut impl FnMut(Change)) {
        let (Some(now), before) = (self.broker(id), old.broker(id)) else { return };
        if before == Some(now) {
            return;
        }
        // Registered anew, all brokers begin fenced and not in shutdown.
        let same = before.filter(|before| before.epoch == now.epoch);
        if same.is_none_or(|before| before.endpoints != now.endpoints || before.features != now.features) {
            changes(Change::BrokerRegistered(id));
        }
        let (fenced, shutdown) = same.map_or((true, false), |before| (before.fenced, before.in_controlled_shutdown));
        if now.in_controlled_shutdown && !shutdown {
            changes(Change::ControlledShutdown(id));
        }
        if now.fenced != fenced {
            changes(if now.fenced { Change::BrokerFenced(id) } else { Change::BrokerUnfenced(id) });
        }
    }
}

pub(crate) fn config_record(resource: &ConfigResource, name: &Str, value: &Str) -> ConfigRecord {
    ConfigRecord {
        resource_type: resource.kind,
        resource_name: resource.name.clone(),
        name: name.clone(),
        value: Some(value.clone()),
    }
}
