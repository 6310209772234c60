//! CreatePartitions (KIP-195): more partitions for topics that exist.

use tribunal_common::TopicIdPartition;
use tribunal_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use tribunal_protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use tribunal_protocol::messages::create_topics_request::CreatableReplicaAssignment;
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str};

use super::create_topics::{Refused, check_size, named_twice, once};
use super::{Controller, MAX_RECORDS};

impl Controller {
    pub(super) fn create_partitions(
        &self,
        request: &CreatePartitionsRequest,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        let mut records = Vec::new();
        let twice = named_twice(request.topics.iter().map(|topic| &topic.name));
        let results = once(&request.topics, |topic| &topic.name).map(|topic| {
            let added = match twice.contains(&topic.name) {
                false => self.more_partitions(topic, MAX_RECORDS - records.len(), choose),
                true => Err((ErrorCode::InvalidRequest, "Duplicate topic name.".to_owned())),
            };
            let (error, message) = match added {
                Ok(mut added) => {
                    records.append(&mut added);
                    (ErrorCode::None, None)
                }
                Err((error, why)) => (error, Some(why).filter(|why| !why.is_empty())),
            };
            CreatePartitionsTopicResult {
                name: topic.name.clone(),
                error_code: error.code(),
                error_message: message.map(Str::from),
            }
        });
        let response = CreatePartitionsResponse { results: results.collect(), ..Default::default() };
        if request.validate_only {
            records.clear();
        }
        (records, response.into())
    }

    fn more_partitions(
        &self,
        wanted: &CreatePartitionsTopic,
        max_records: usize,
        choose: &mut impl FnMut(u32) -> u32,
    ) -> Result<Vec<MetadataRecord>, Refused> {
        let name = &wanted.name;
        let Some(topic) = self.image.topic_by_name(name) else {
            return Err((ErrorCode::UnknownTopicOrPartition, String::new()));
        };
        let current = topic.partitions.len() as i32;
        if wanted.count == current {
            return Err((ErrorCode::InvalidPartitions, format!("Topic already has {current} partition(s).")));
        }
        if wanted.count < current {
            let count = wanted.count;
            let why =
                format!("The topic {name} currently has {current} partition(s); {count} would not be an increase.");
            return Err((ErrorCode::InvalidPartitions, why));
        }
        let additional = wanted.count - current;
        let factor = topic.partitions.values().next().map_or(1, |partition| partition.replicas.len());
        let replicas = match &wanted.assignments {
            None => {
                check_size(additional as usize, max_records)?;
                self.place_on_usable(additional, factor as i16, choose)?
            }
            Some(assignments) if assignments.len() != additional as usize => {
                let given = assignments.len();
                let why = format!(
                    "Attempted to add {additional} additional partition(s), but only {given} assignment(s) were specified."
                );
                return Err((ErrorCode::InvalidReplicaAssignment, why));
            }
            Some(assignments) => {
                check_size(assignments.len(), max_records)?;
                for (index, assignment) in (current..).zip(assignments) {
                    let assignment = CreatableReplicaAssignment {
                        partition_index: index,
                        broker_ids: assignment.broker_ids.clone(),
                    };
                    self.check_assignment(&assignment, factor)
                        .map_err(|why| (ErrorCode::InvalidReplicaAssignment, why))?;
                }
                assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect()
            }
        };
        let partition = |index| TopicIdPartition { topic: topic.id, partition: index };
        Ok((current..).zip(&replicas).map(|(index, replicas)| self.new_partition(partition(index), replicas)).collect())
    }
}
