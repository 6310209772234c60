//! CreateTopics: names, settings, placement.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_common::{BrokerConfig, TopicIdPartition};
use tribunal_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use tribunal_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use tribunal_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str, Uuid};

use super::{Controller, MAX_RECORDS};
use crate::broker::UNASSIGNED_DIRECTORY;
use crate::placement::{UsableBroker, place};
use crate::snapshot::config_record;
use crate::topic_id::topic_id;
use crate::topic_name::{collide, invalid_topic_name};
use crate::{BrokerRegistration, ConfigResource, LeaderRecoveryState, PartitionRegistration, TopicConfig};

/// The metadata log's own topic, which nobody creates.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// Kafka's number for a setting of the topic itself.
const TOPIC_SOURCE: i8 = 1;
/// Kafka's number for a default of Kafka.
const DEFAULT_SOURCE: i8 = 5;

/// Partitions that one request may ask for (Kafka's own limit).
const MAX_PARTITIONS: i64 = 10_000;

/// Why a topic is not created, and a sentence for people.
pub(super) type Refused = (ErrorCode, String);

/// A topic that is to be.
struct NewTopic {
    config: TopicConfig,
    settings: BTreeMap<Str, Str>,
    /// Replicas of each partition.
    assignments: Vec<Vec<i32>>,
}

impl Controller {
    /// `next_offset` is that of the first record; it becomes part of the topic's id.
    pub(super) fn create_topics(
        &self,
        request: &CreateTopicsRequest,
        next_offset: i64,
        cfg: &BrokerConfig,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        if asks_for_too_many(&request.topics, cfg) {
            let why = "Excessively large number of partitions per request.";
            let refuse = |topic: &CreatableTopic| refused(&topic.name, (ErrorCode::PolicyViolation, why.to_owned()));
            let topics = request.topics.iter().map(refuse).collect();
            return (Vec::new(), CreateTopicsResponse { throttle_time_ms: 0, topics }.into());
        }
        let mut records = Vec::new();
        let twice = named_twice(request.topics.iter().map(|topic| &topic.name));
        let topics = once(&request.topics, |topic| &topic.name).map(|topic| {
            let new = self.check_name(&topic.name, twice.contains(&topic.name));
            let new = new.and_then(|()| self.new_topic(topic, MAX_RECORDS - records.len(), cfg, choose));
            match new {
                Err(why) => refused(&topic.name, why),
                Ok(new) => {
                    // What is only validated has no id.
                    let id = match request.validate_only {
                        true => Uuid::ZERO,
                        false => topic_id(self.epoch, next_offset + records.len() as i64, &topic.name),
                    };
                    self.topic_records(&topic.name, id, &new, &mut records);
                    created(&topic.name, id, &new)
                }
            }
        });
        let response = CreateTopicsResponse { throttle_time_ms: 0, topics: topics.collect() };
        if request.validate_only {
            records.clear();
        }
        (records, response.into())
    }

    fn check_name(&self, name: &Str, duplicate: bool) -> Result<(), Refused> {
        if duplicate {
            return Err((ErrorCode::InvalidRequest, "Duplicate topic name.".to_owned()));
        }
        if *name == METADATA_TOPIC {
            let why = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
            return Err((ErrorCode::InvalidRequest, why));
        }
        if let Some(why) = invalid_topic_name(name) {
            return Err((ErrorCode::InvalidTopicException, why));
        }
        if self.image.topic_id(name).is_some() {
            return Err((ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        // Two new ones may collide: Kafka looks at those that exist.
        if let Some(other) = self.image.topics().map(|topic| &topic.name).find(|other| collide(name, other)) {
            let why = format!("Topic '{name}' collides with existing topic: {other}");
            return Err((ErrorCode::InvalidTopicException, why));
        }
        Ok(())
    }

    fn new_topic(
        &self,
        topic: &CreatableTopic,
        max_records: usize,
        cfg: &BrokerConfig,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> Result<NewTopic, Refused> {
        let mut config = TopicConfig::defaults(cfg);
        let settings = settings(topic, &mut config)?;
        let max_partitions = max_records.saturating_sub(1 + settings.len());
        let assignments = if topic.assignments.is_empty() {
            self.placed(topic, max_partitions, cfg, choose)?
        } else {
            self.assigned(topic, max_partitions)?
        };
        Ok(NewTopic { config, settings, assignments })
    }

    fn placed(
        &self,
        topic: &CreatableTopic,
        max_partitions: usize,
        cfg: &BrokerConfig,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> Result<Vec<Vec<i32>>, Refused> {
        if topic.replication_factor < -1 || topic.replication_factor == 0 {
            let why = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err((ErrorCode::InvalidReplicationFactor, why.to_owned()));
        }
        if topic.num_partitions < -1 || topic.num_partitions == 0 {
            let why = "Number of partitions was set to an invalid non-positive value.";
            return Err((ErrorCode::InvalidPartitions, why.to_owned()));
        }
        let or = |value, default| if value == -1 { default } else { value };
        let partitions = or(topic.num_partitions, cfg.topic.num_partitions).max(1);
        let factor =
            if topic.replication_factor == -1 { cfg.topic.replication_factor } else { topic.replication_factor };
        let factor = factor.max(1);
        check_size(partitions as usize, max_partitions)?;
        self.place_on_usable(partitions, factor, choose)
    }

    /// Places new partitions on brokers that are not shutting down.
    pub(super) fn place_on_usable(
        &self,
        partitions: i32,
        factor: i16,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> Result<Vec<Vec<i32>>, Refused> {
        let usable = self.image.brokers().filter(|broker| {
            // One that is fenced has left controlled shutdown.
            broker.fenced || !broker.in_controlled_shutdown
        });
        let usable: Vec<UsableBroker> = usable
            .map(|broker| UsableBroker { id: broker.id, rack: broker.rack.clone(), fenced: broker.fenced })
            .collect();
        place(&usable, partitions, factor, choose).map_err(|why| {
            let why = format!("Unable to replicate the partition {factor} time(s): {why}");
            (ErrorCode::InvalidReplicationFactor, why)
        })
    }

    fn assigned(&self, topic: &CreatableTopic, max_partitions: usize) -> Result<Vec<Vec<i32>>, Refused> {
        let invalid = |why: String| (ErrorCode::InvalidReplicaAssignment, why);
        let contradicts = |what| {
            let why = format!("A manual partition assignment was specified, but {what} was not set to -1.");
            Err((ErrorCode::InvalidRequest, why))
        };
        if topic.replication_factor != -1 {
            return contradicts("replication factor");
        }
        if topic.num_partitions != -1 {
            return contradicts("numPartitions");
        }
        check_size(topic.assignments.len(), max_partitions)?;
        let mut assignments: BTreeMap<i32, &CreatableReplicaAssignment> = BTreeMap::new();
        let factor = topic.assignments[0].broker_ids.len();
        for assignment in &topic.assignments {
            let number = assignment.partition_index;
            self.check_assignment(assignment, factor).map_err(invalid)?;
            if assignments.insert(number, assignment).is_some() {
                return Err(invalid(format!("Found multiple manual partition assignments for partition {number}")));
            }
        }
        if !assignments.keys().copied().eq(0..assignments.len() as i32) {
            return Err(invalid("partitions should be a consecutive 0-based integer sequence".to_owned()));
        }
        Ok(assignments.into_values().map(|assignment| assignment.broker_ids.clone()).collect())
    }

    pub(super) fn check_assignment(
        &self,
        assignment: &CreatableReplicaAssignment,
        factor: usize,
    ) -> Result<(), String> {
        let ids = &assignment.broker_ids;
        self.check_replicas(ids)?;
        if ids.len() != factor {
            return Err(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
                 with previous partitions, which have {factor} replica(s).",
                ids.len()
            ));
        }
        if !ids.iter().any(|id| self.image.is_active(*id)) {
            let number = assignment.partition_index;
            return Err(format!(
                "All brokers specified in the manual partition assignment for partition {number} are fenced or in \
                 controlled shutdown."
            ));
        }
        Ok(())
    }

    /// Whether somebody may ask for these replicas: they are distinct registered brokers. Else Kafka's sentence.
    pub(super) fn check_replicas(&self, ids: &[i32]) -> Result<(), String> {
        if ids.is_empty() {
            return Err("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        for (at, id) in sorted.iter().enumerate() {
            if self.image.broker(*id).is_none() {
                return Err(format!(
                    "The manual partition assignment includes broker {id}, but no such broker is registered."
                ));
            }
            if at > 0 && sorted[at - 1] == *id {
                return Err(format!("The manual partition assignment includes the broker {id} more than once."));
            }
        }
        Ok(())
    }

    fn topic_records(&self, name: &Str, id: Uuid, new: &NewTopic, records: &mut Vec<MetadataRecord>) {
        records.push(TopicRecord { name: name.clone(), topic_id: id }.into());
        let resource = ConfigResource::topic(name.clone());
        records.extend(new.settings.iter().map(|(key, value)| config_record(&resource, key, value).into()));
        let partition = |number| TopicIdPartition { topic: id, partition: number };
        let partitions = (0..).zip(&new.assignments);
        records.extend(partitions.map(|(number, replicas)| self.new_partition(partition(number), replicas)));
    }

    /// The record of a new partition. Replicas on brokers that are not active are not in sync.
    pub(super) fn new_partition(&self, id: TopicIdPartition, replicas: &[i32]) -> MetadataRecord {
        let isr: Vec<i32> = replicas.iter().copied().filter(|id| self.image.is_active(*id)).collect();
        let directory =
            |id: &i32| self.image.broker(*id).map_or(UNASSIGNED_DIRECTORY, BrokerRegistration::default_directory);
        let partition = PartitionRegistration {
            directories: replicas.iter().map(directory).collect(),
            replicas: replicas.to_vec(),
            // Placement begins with an unfenced broker, an assignment is checked to have an active one.
            leader: isr.first().copied().unwrap_or(crate::NO_LEADER),
            isr,
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
            leader_epoch: 0,
            partition_epoch: 0,
            leader_recovery_state: LeaderRecoveryState::Recovered,
        };
        partition.to_record(id).into()
    }
}

/// Names that a request has more than once.
pub(super) fn named_twice<'a>(names: impl Iterator<Item = &'a Str>) -> BTreeSet<&'a Str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

/// The elements of a request, but the first alone of those with the same name.
pub(super) fn once<'a, T>(all: &'a [T], name: impl Fn(&'a T) -> &'a Str) -> impl Iterator<Item = &'a T> {
    let mut seen = BTreeSet::new();
    all.iter().filter(move |one| seen.insert(name(one)))
}

fn asks_for_too_many(topics: &[CreatableTopic], cfg: &BrokerConfig) -> bool {
    let partitions = |topic: &CreatableTopic| match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => i64::from(cfg.topic.num_partitions),
        (0, count) => i64::from(count.max(0)),
        (assigned, _) => assigned as i64,
    };
    topics.iter().map(partitions).sum::<i64>() > MAX_PARTITIONS
}

fn refused(name: &Str, (error, message): Refused) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code: error.code(),
        error_message: Some(Str::from(message)),
        ..CreatableTopicResult::default()
    }
}

fn settings(topic: &CreatableTopic, config: &mut TopicConfig) -> Result<BTreeMap<Str, Str>, Refused> {
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|setting| setting.value.is_none()).map(|setting| setting.name.as_str()).collect();
    if !nulls.is_empty() {
        let why = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err((ErrorCode::InvalidConfig, why));
    }
    let mut settings = BTreeMap::new();
    for setting in &topic.configs {
        let Some(value) = &setting.value else { continue };
        config.set(&setting.name, value).map_err(|why| (ErrorCode::InvalidConfig, why.to_string()))?;
        settings.insert(setting.name.clone(), value.clone());
    }
    Ok(settings)
}

pub(super) fn check_size(partitions: usize, max: usize) -> Result<(), Refused> {
    if partitions <= max {
        return Ok(());
    }
    Err((ErrorCode::PolicyViolation, "Unable to perform excessively large batch operation.".to_owned()))
}

fn created(name: &Str, topic_id: Uuid, new: &NewTopic) -> CreatableTopicResult {
    let configs = new.config.entries().map(|(key, value)| {
        let own = new.settings.contains_key(&Str::from_static(key));
        CreatableTopicConfigs {
            name: Str::from_static(key),
            value: Some(Str::from(value)),
            read_only: false,
            config_source: if own { TOPIC_SOURCE } else { DEFAULT_SOURCE },
            is_sensitive: false,
        }
    });
    CreatableTopicResult {
        name: name.clone(),
        topic_id,
        error_code: ErrorCode::None.code(),
        error_message: None,
        topic_config_error_code: ErrorCode::None.code(),
        num_partitions: new.assignments.len() as i32,
        replication_factor: new.assignments.first().map_or(0, Vec::len) as i16,
        configs: Some(configs.collect()),
    }
}
