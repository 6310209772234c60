//! Applying a record of the metadata log to the image.

use core::fmt;
use std::sync::Arc;

use tribunal_common::{Reassignment, TopicIdPartition};
use tribunal_protocol::messages::{
    BrokerRegistrationChangeRecord, ConfigRecord, PartitionChangeRecord, PartitionRecord, RegisterBrokerRecord,
    TopicRecord,
};
use tribunal_protocol::{MetadataRecord, Str, Uuid};

use crate::image::Content;
use crate::{BrokerRegistration, ConfigResource, MetadataImage, NO_LEADER, PartitionRegistration, TopicImage};

/// What a record touched, so that a broker reacts to that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// A topic is new. Its settings and partitions follow.
    TopicCreated(Uuid),
    /// A topic is gone, with its partitions and settings.
    TopicRemoved(Uuid),
    /// The settings of a topic have changed.
    TopicConfig(Uuid),
    /// A partition is new or has changed.
    Partition {
        /// Which one.
        id: TopicIdPartition,
        /// Whether this elected a leader from outside ISR and ELR.
        unclean: bool,
    },
    /// A reassignment of a partition began or ended (KIP-455).
    Reassigned {
        /// Which one.
        id: TopicIdPartition,
        /// What became of it.
        step: Reassignment,
    },
    /// A broker was registered, or its registration amended.
    BrokerRegistered(i32),
    /// A registration is gone.
    BrokerUnregistered(i32),
    /// A broker may not lead any more.
    BrokerFenced(i32),
    /// A broker may lead again.
    BrokerUnfenced(i32),
    /// A broker is on its way out.
    ControlledShutdown(i32),
}

/// What `new` is to a reassignment of `old`, if anything.
fn reassignment(old: &PartitionRegistration, new: &PartitionRegistration) -> Option<Reassignment> {
    let same = old.adding_replicas == new.adding_replicas && old.removing_replicas == new.removing_replicas;
    let stays = |id: &i32| new.replicas.contains(id);
    match (old.is_reassigning(), new.is_reassigning()) {
        (_, true) if !same => Some(Reassignment::Started),
        (true, false) if old.adding_replicas.is_empty() && old.removing_replicas.iter().all(stays) => {
            Some(Reassignment::Cancelled)
        }
        (true, false) if !old.adding_replicas.is_empty() && !old.adding_replicas.iter().any(stays) => {
            Some(Reassignment::Cancelled)
        }
        (true, false) => Some(Reassignment::Completed),
        // So little was asked for that it was done at once.
        (false, false) if old.replicas.iter().any(|id| !new.replicas.contains(id)) => Some(Reassignment::Completed),
        _ => None,
    }
}

/// A record that cannot follow what came before it. The log of a working quorum has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// Its offset or epoch is lower than that of an earlier record.
    OutOfOrder,
    /// It names a topic id that does not exist.
    UnknownTopic(Uuid),
    /// It names a partition that does not exist.
    UnknownPartition(TopicIdPartition),
    /// It creates a topic whose id or name is taken.
    TopicExists(Uuid),
    /// It names a broker that is not registered.
    UnknownBroker(i32),
    /// It names another epoch of the broker than the registered one.
    WrongBrokerEpoch(i32),
    /// Its next producer id is not higher than the last.
    ProducerIdsReused,
    /// A value of it cannot be: what.
    InvalidRecord(&'static str),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::OutOfOrder => f.write_str("the record's offset or epoch is lower than an earlier one"),
            ReplayError::UnknownTopic(id) => write!(f, "there is no topic {id}"),
            ReplayError::UnknownPartition(id) => {
                write!(f, "there is no partition {} of topic {}", id.partition, id.topic)
            }
            ReplayError::TopicExists(id) => write!(f, "id or name of topic {id} is taken"),
            ReplayError::UnknownBroker(id) => write!(f, "broker {id} is not registered"),
            ReplayError::WrongBrokerEpoch(id) => write!(f, "broker {id} is registered with another epoch"),
            ReplayError::ProducerIdsReused => f.write_str("the next producer id is not higher than the last"),
            ReplayError::InvalidRecord(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for ReplayError {}

impl MetadataImage {
    /// Applies the record at `offset`, written in quorum epoch `epoch`, and tells what it touched. All records of a
    /// snapshot have the offset and epoch of the last record that it covers. After an error the image is as before.
    pub fn apply(
        &mut self,
        offset: i64,
        epoch: i32,
        record: &MetadataRecord,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        if offset < self.offset || epoch < self.epoch {
            return Err(ReplayError::OutOfOrder);
        }
        if !matches!(record, MetadataRecord::NoOp(_)) {
            Arc::make_mut(&mut self.content).apply(record, changes)?;
        }
        self.offset = offset;
        self.epoch = epoch;
        Ok(())
    }

    /// The log has gone on to `offset` of `epoch` with records that are not metadata (KIP-595 control records).
    pub fn advance(&mut self, offset: i64, epoch: i32) {
        self.offset = self.offset.max(offset);
        self.epoch = self.epoch.max(epoch);
    }
}

impl Content {
    fn apply(&mut self, record: &MetadataRecord, changes: &mut impl FnMut(Change)) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::RegisterBroker(record) => self.register_broker(record, changes),
            MetadataRecord::UnregisterBroker(record) => {
                self.registered(record.broker_id, record.broker_epoch)?;
                self.brokers.remove(&record.broker_id);
                changes(Change::BrokerUnregistered(record.broker_id));
                Ok(())
            }
            MetadataRecord::FenceBroker(record) => self.set_fenced(record.id, record.epoch, true, changes),
            MetadataRecord::UnfenceBroker(record) => self.set_fenced(record.id, record.epoch, false, changes),
            MetadataRecord::BrokerRegistrationChange(record) => self.change_broker(record, changes),
            MetadataRecord::Topic(record) => self.create_topic(record, changes),
            MetadataRecord::RemoveTopic(record) => self.remove_topic(record.topic_id, changes),
            MetadataRecord::Partition(record) => self.create_partition(record, changes),
            MetadataRecord::PartitionChange(record) => self.change_partition(record, changes),
            MetadataRecord::Config(record) => {
                self.set_config(record, changes);
                Ok(())
            }
            MetadataRecord::FeatureLevel(record) => {
                if record.feature_level < 0 {
                    return Err(ReplayError::InvalidRecord("negative feature level"));
                }
                match record.feature_level {
                    0 => self.features.remove(&record.name),
                    level => self.features.insert(record.name.detach(), level),
                };
                Ok(())
            }
            MetadataRecord::ProducerIds(record) => {
                if record.next_producer_id <= self.next_producer_id {
                    return Err(ReplayError::ProducerIdsReused);
                }
                self.next_producer_id = record.next_producer_id;
                Ok(())
            }
            MetadataRecord::NoOp(_) => Ok(()),
        }
    }

    fn register_broker(
        &mut self,
        record: &RegisterBrokerRecord,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        let broker = BrokerRegistration::from_record(record)?;
        if self.brokers.get(&broker.id).is_some_and(|existing| existing.epoch > broker.epoch) {
            return Err(ReplayError::WrongBrokerEpoch(broker.id));
        }
        let id = broker.id;
        self.brokers.insert(id, broker);
        changes(Change::BrokerRegistered(id));
        Ok(())
    }

    fn registered(&mut self, id: i32, epoch: i64) -> Result<&mut BrokerRegistration, ReplayError> {
        match self.brokers.get_mut(&id) {
            None => Err(ReplayError::UnknownBroker(id)),
            Some(broker) if broker.epoch != epoch => Err(ReplayError::WrongBrokerEpoch(id)),
            Some(broker) => Ok(broker),
        }
    }

    fn set_fenced(
        &mut self,
        id: i32,
        epoch: i64,
        fenced: bool,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        let broker = self.registered(id, epoch)?;
        if broker.fenced != fenced {
            broker.fenced = fenced;
            changes(if fenced { Change::BrokerFenced(id) } else { Change::BrokerUnfenced(id) });
        }
        Ok(())
    }

    fn change_broker(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        let fenced = match record.fenced {
            0 => None,
            1 => Some(true),
            -1 => Some(false),
            _ => return Err(ReplayError::InvalidRecord("unknown change of fencing")),
        };
        let shutdown = match record.in_controlled_shutdown {
            0 => false,
            1 => true,
            _ => return Err(ReplayError::InvalidRecord("unknown change of controlled shutdown")),
        };
        let broker = self.registered(record.broker_id, record.broker_epoch)?;
        if !record.log_dirs.is_empty() {
            broker.directories.clone_from(&record.log_dirs);
        }
        if shutdown && !broker.in_controlled_shutdown {
            broker.in_controlled_shutdown = true;
            changes(Change::ControlledShutdown(record.broker_id));
        }
        match fenced {
            Some(fenced) => self.set_fenced(record.broker_id, record.broker_epoch, fenced, changes),
            None => Ok(()),
        }
    }

    fn create_topic(&mut self, record: &TopicRecord, changes: &mut impl FnMut(Change)) -> Result<(), ReplayError> {
        let id = record.topic_id;
        if id == Uuid::ZERO || id == Uuid::METADATA_TOPIC {
            return Err(ReplayError::InvalidRecord("reserved topic id"));
        }
        if self.topics.contains_key(&id) || self.names.contains_key(&record.name) {
            return Err(ReplayError::TopicExists(id));
        }
        let name = record.name.detach();
        self.names.insert(name.clone(), id);
        self.topics.insert(id, Arc::new(TopicImage { id, name, partitions: Default::default() }));
        changes(Change::TopicCreated(id));
        Ok(())
    }

    fn remove_topic(&mut self, id: Uuid, changes: &mut impl FnMut(Change)) -> Result<(), ReplayError> {
        let topic = self.topics.remove(&id).ok_or(ReplayError::UnknownTopic(id))?;
        self.names.remove(&topic.name);
        self.configs.remove(&ConfigResource::topic(topic.name.clone()));
        changes(Change::TopicRemoved(id));
        Ok(())
    }

    fn create_partition(
        &mut self,
        record: &PartitionRecord,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        let topic = self.topics.get_mut(&record.topic_id).ok_or(ReplayError::UnknownTopic(record.topic_id))?;
        if record.partition_id < 0 {
            return Err(ReplayError::InvalidRecord("negative partition"));
        }
        let partition = PartitionRegistration::from_record(record)?;
        Arc::make_mut(topic).partitions.insert(record.partition_id, partition);
        let id = TopicIdPartition { topic: record.topic_id, partition: record.partition_id };
        changes(Change::Partition { id, unclean: false });
        Ok(())
    }

    fn change_partition(
        &mut self,
        record: &PartitionChangeRecord,
        changes: &mut impl FnMut(Change),
    ) -> Result<(), ReplayError> {
        let topic = self.topics.get_mut(&record.topic_id).ok_or(ReplayError::UnknownTopic(record.topic_id))?;
        let id = TopicIdPartition { topic: record.topic_id, partition: record.partition_id };
        let old = topic.partitions.get(&id.partition).ok_or(ReplayError::UnknownPartition(id))?;
        let new = old.merge(record)?;
        let elected = new.leader != NO_LEADER && new.leader != old.leader;
        let unclean = elected && new.is_unclean_after(old);
        let reassigned = reassignment(old, &new);
        Arc::make_mut(topic).partitions.insert(id.partition, new);
        changes(Change::Partition { id, unclean });
        if let Some(step) = reassigned {
            changes(Change::Reassigned { id, step });
        }
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord, changes: &mut impl FnMut(Change)) {
        let resource = ConfigResource { kind: record.resource_type, name: record.resource_name.detach() };
        let topic = if resource.kind == ConfigResource::TOPIC { self.names.get(&resource.name) } else { None };
        match &record.value {
            Some(value) => {
                let settings = self.configs.entry(resource).or_default();
                settings.insert(record.name.detach(), Str::detach(value));
            }
            None => {
                if let Some(settings) = self.configs.get_mut(&resource) {
                    settings.remove(&record.name);
                    if settings.is_empty() {
                        self.configs.remove(&resource);
                    }
                }
            }
        }
        if let Some(id) = topic {
            changes(Change::TopicConfig(*id));
        }
    }
}
