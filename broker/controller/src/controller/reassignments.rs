//! AlterPartitionReassignments and ListPartitionReassignments (KIP-455).

use std::collections::BTreeSet;

use tribunal_common::{BrokerConfig, TopicIdPartition};
use tribunal_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use tribunal_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use tribunal_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str};

use super::{Controller, MAX_RECORDS};
use crate::broker::UNASSIGNED_DIRECTORY;
use crate::reassignment::{Assignment, without};
use crate::{BrokerRegistration, PartitionRegistration, TopicImage};

/// Why a partition is not reassigned, and a sentence for people; an empty one where the code says it all.
type Refused = (ErrorCode, String);

impl Controller {
    pub(super) fn alter_reassignments(
        &self,
        request: &AlterPartitionReassignmentsRequest,
        cfg: &BrokerConfig,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        if request.topics.is_empty() {
            // Kafka answers nothing with what its schema begins with: an empty sentence.
            let error_message = Some(Str::new());
            let nothing = AlterPartitionReassignmentsResponse { error_message, ..Default::default() };
            return (Vec::new(), nothing.into());
        }
        let mut records = Vec::new();
        let mut seen = BTreeSet::new();
        let mut reassign = |name: &Str, number: i32, target: Option<&Vec<i32>>| {
            if records.len() >= MAX_RECORDS {
                let why = "Unable to perform excessively large batch operation.";
                return Err((ErrorCode::PolicyViolation, why.to_owned()));
            }
            let record = self.reassign(name, number, target, request.allow_replication_factor_change, cfg)?;
            let Some(record) = record else { return Ok(()) };
            if !seen.insert((name.clone(), number)) {
                // A second change would be made to a state that is no more.
                return Err((ErrorCode::InvalidRequest, format!("{name}-{number} is named twice.")));
            }
            records.push(record);
            Ok(())
        };
        let responses = request.topics.iter().map(|topic| ReassignableTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|partition| {
                    let number = partition.partition_index;
                    answer(number, reassign(&topic.name, number, partition.replicas.as_ref()))
                })
                .collect(),
        });
        let responses = responses.collect();
        let response = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: request.allow_replication_factor_change,
            responses,
            ..Default::default()
        };
        (records, response.into())
    }

    /// The record that begins a reassignment to `target`, or cancels the one under way without a target.
    fn reassign(
        &self,
        name: &Str,
        number: i32,
        target: Option<&Vec<i32>>,
        any_factor: bool,
        cfg: &BrokerConfig,
    ) -> Result<Option<MetadataRecord>, Refused> {
        let unknown = |why: String| (ErrorCode::UnknownTopicOrPartition, why);
        let topic = self.image.topic_by_name(name);
        let topic = topic.ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let partition = topic.partitions.get(&number);
        let partition = partition.ok_or_else(|| unknown(format!("Unable to find partition {name}:{number}.")))?;
        let config = self.image.topic_config(name, cfg);
        let id = TopicIdPartition { topic: topic.id, partition: number };
        let change = self.change(id, partition, |broker| self.image.is_active(broker), &config);
        let now = Assignment::of(partition);
        let change = match target {
            Some(target) => {
                self.check_replicas(target).map_err(|why| (ErrorCode::InvalidReplicaAssignment, why))?;
                let factor = now.target().len();
                if !any_factor && factor != target.len() {
                    let why = format!("The replication factor is changed from {factor} to {}", target.len());
                    return Err((ErrorCode::InvalidReplicationFactor, why));
                }
                let directory =
                    |id: i32| self.image.broker(id).map_or(UNASSIGNED_DIRECTORY, BrokerRegistration::default_directory);
                change.reassign(now.towards(target), directory)
            }
            None => {
                let isr = self.isr_after_revert(topic, number, partition, config.unclean_leader_election)?;
                change.reassign(now.reverted(), |id| partition.directory(id)).target_isr(isr)
            }
        };
        Ok(change.build().map(MetadataRecord::from))
    }

    /// The ISR once a reassignment is cancelled. It may be empty only where the topic allows to elect any replica, and
    /// one is there. An eligible leader replica (KIP-966) is not enough: one that comes back after an unclean stop is
    /// not eligible any more, and the leader of now, which has everything, is no replica then.
    fn isr_after_revert(
        &self,
        topic: &TopicImage,
        number: i32,
        partition: &PartitionRegistration,
        unclean: bool,
    ) -> Result<Vec<i32>, Refused> {
        if !partition.is_reassigning() {
            return Err((ErrorCode::NoReassignmentInProgress, String::new()));
        }
        let isr = without(&partition.isr, &partition.adding_replicas);
        let mut others = partition.replicas.iter().filter(|id| !partition.adding_replicas.contains(id));
        let electable = unclean && others.any(|id| self.could_lead(*id, partition));
        if isr.is_empty() && !electable {
            let why = format!(
                "Unable to revert partition assignment for {}:{number} because it would require an unclean leader \
                 election.",
                topic.name
            );
            return Err((ErrorCode::InvalidReplicaAssignment, why));
        }
        Ok(isr)
    }

    fn could_lead(&self, id: i32, partition: &PartitionRegistration) -> bool {
        let broker = self.image.broker(id).filter(|broker| broker.is_active());
        broker.is_some_and(|broker| broker.has_online_directory(partition.directory(id)))
    }

    pub(super) fn list_reassignments(&self, request: &ListPartitionReassignmentsRequest) -> ResponseBody {
        let of = |topic: &TopicImage, wanted: &dyn Fn(i32) -> bool| {
            let under_way =
                topic.partitions.iter().filter(|(number, partition)| partition.is_reassigning() && wanted(**number));
            let partitions: Vec<_> = under_way.map(|(number, partition)| ongoing(*number, partition)).collect();
            (!partitions.is_empty()).then(|| OngoingTopicReassignment { name: topic.name.clone(), partitions })
        };
        let topics = match &request.topics {
            None => self.image.topics().filter_map(|topic| of(topic, &|_| true)).collect(),
            Some(topics) => topics
                .iter()
                .filter_map(|asked| {
                    let topic = self.image.topic_by_name(&asked.name)?;
                    of(topic, &|number| asked.partition_indexes.contains(&number))
                })
                .collect(),
        };
        ListPartitionReassignmentsResponse { topics, ..Default::default() }.into()
    }
}

fn answer(partition_index: i32, result: Result<(), Refused>) -> ReassignablePartitionResponse {
    let (error_code, error_message) = match result {
        Ok(()) => (ErrorCode::None.code(), None),
        Err((error, why)) => (error.code(), (!why.is_empty()).then(|| Str::from(why))),
    };
    ReassignablePartitionResponse { partition_index, error_code, error_message }
}

fn ongoing(partition_index: i32, partition: &PartitionRegistration) -> OngoingPartitionReassignment {
    OngoingPartitionReassignment {
        partition_index,
        replicas: partition.replicas.clone(),
        adding_replicas: partition.adding_replicas.clone(),
        removing_replicas: partition.removing_replicas.clone(),
    }
}
