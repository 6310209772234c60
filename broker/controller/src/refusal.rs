//! What is answered by, or for, a controller that is not active.

use tribunal_protocol::messages::alter_partition_response::PartitionData;
use tribunal_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use tribunal_protocol::messages::create_topics_response::CreatableTopicResult;
use tribunal_protocol::messages::delete_topics_response::DeletableTopicResult;
use tribunal_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use tribunal_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use tribunal_protocol::messages::{
    AllocateProducerIdsResponse, AlterPartitionReassignmentsResponse, AlterPartitionResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, CreatePartitionsResponse, CreateTopicsResponse, DeleteTopicsResponse,
    ElectLeadersResponse, IncrementalAlterConfigsResponse, ListPartitionReassignmentsResponse,
    UnregisterBrokerResponse,
};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str};

const CODE: i16 = ErrorCode::NotController.code();

/// The answer of a node that is not the active controller to a request that only the controller serves; `None` to any
/// other request.
pub fn not_controller(version: i16, request: &RequestBody) -> Option<ResponseBody> {
    Some(match request {
        RequestBody::BrokerRegistration(_) => {
            BrokerRegistrationResponse { error_code: CODE, ..Default::default() }.into()
        }
        RequestBody::BrokerHeartbeat(_) => BrokerHeartbeatResponse { error_code: CODE, ..Default::default() }.into(),
        RequestBody::AlterPartition(_) => AlterPartitionResponse { error_code: CODE, ..Default::default() }.into(),
        RequestBody::AllocateProducerIds(_) => {
            AllocateProducerIdsResponse { error_code: CODE, ..Default::default() }.into()
        }
        RequestBody::AlterPartitionReassignments(_) => {
            AlterPartitionReassignmentsResponse { error_code: CODE, ..Default::default() }.into()
        }
        RequestBody::ListPartitionReassignments(_) => {
            ListPartitionReassignmentsResponse { error_code: CODE, ..Default::default() }.into()
        }
        RequestBody::UnregisterBroker(_) => UnregisterBrokerResponse { error_code: CODE, ..Default::default() }.into(),
        RequestBody::CreatePartitions(request) => {
            let refused =
                |name: &Str| CreatePartitionsTopicResult { name: name.clone(), error_code: CODE, error_message: None };
            let results = request.topics.iter().map(|topic| refused(&topic.name)).collect();
            CreatePartitionsResponse { results, ..Default::default() }.into()
        }
        RequestBody::IncrementalAlterConfigs(request) => {
            let responses = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
                error_code: CODE,
                error_message: None,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            });
            IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }.into()
        }
        RequestBody::CreateTopics(request) => {
            let topics = request.topics.iter().map(|topic| topic_refused(topic.name.clone())).collect();
            CreateTopicsResponse { topics, ..Default::default() }.into()
        }
        RequestBody::DeleteTopics(request) => {
            let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Default::default()));
            let by_either = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
            let refused =
                |(name, topic_id)| DeletableTopicResult { name, topic_id, error_code: CODE, error_message: None };
            let responses = by_name.chain(by_either).map(refused).collect();
            DeleteTopicsResponse { responses, ..Default::default() }.into()
        }
        RequestBody::ElectLeaders(request) => {
            let topics = request.topic_partitions.iter().flatten();
            let results = topics.map(|topic| ReplicaElectionResult {
                topic: topic.topic.clone(),
                partition_result: topic
                    .partitions
                    .iter()
                    .map(|id| PartitionResult { partition_id: *id, error_code: CODE, error_message: None })
                    .collect(),
            });
            elections_refused(version, results.collect())
        }
        _ => return None,
    })
}

/// Turns the answer to a request whose records will not be known to be committed into a refusal.
pub(crate) fn refuse(version: i16, reply: ResponseBody) -> ResponseBody {
    match reply {
        ResponseBody::BrokerRegistration(_) => {
            BrokerRegistrationResponse { error_code: CODE, ..Default::default() }.into()
        }
        ResponseBody::BrokerHeartbeat(_) => BrokerHeartbeatResponse { error_code: CODE, ..Default::default() }.into(),
        ResponseBody::AlterPartition(_) => AlterPartitionResponse { error_code: CODE, ..Default::default() }.into(),
        ResponseBody::AllocateProducerIds(_) => {
            AllocateProducerIdsResponse { error_code: CODE, ..Default::default() }.into()
        }
        ResponseBody::AlterPartitionReassignments(_) => {
            AlterPartitionReassignmentsResponse { error_code: CODE, ..Default::default() }.into()
        }
        ResponseBody::ListPartitionReassignments(_) => {
            ListPartitionReassignmentsResponse { error_code: CODE, ..Default::default() }.into()
        }
        ResponseBody::UnregisterBroker(_) => UnregisterBrokerResponse { error_code: CODE, ..Default::default() }.into(),
        ResponseBody::CreatePartitions(mut reply) => {
            for topic in &mut reply.results {
                topic.error_code = CODE;
                topic.error_message = None;
            }
            ResponseBody::CreatePartitions(reply)
        }
        ResponseBody::IncrementalAlterConfigs(mut reply) => {
            for resource in &mut reply.responses {
                resource.error_code = CODE;
                resource.error_message = None;
            }
            ResponseBody::IncrementalAlterConfigs(reply)
        }
        ResponseBody::CreateTopics(mut reply) => {
            for topic in &mut reply.topics {
                *topic = topic_refused(topic.name.clone());
            }
            ResponseBody::CreateTopics(reply)
        }
        ResponseBody::DeleteTopics(mut reply) => {
            for topic in &mut reply.responses {
                topic.error_code = CODE;
                topic.error_message = None;
            }
            ResponseBody::DeleteTopics(reply)
        }
        ResponseBody::ElectLeaders(reply) => {
            let mut results = reply.replica_election_results;
            for result in results.iter_mut().flat_map(|topic| &mut topic.partition_result) {
                result.error_code = CODE;
                result.error_message = None;
            }
            elections_refused(version, results)
        }
        other => other,
    }
}

fn topic_refused(name: Str) -> CreatableTopicResult {
    CreatableTopicResult { name, error_code: CODE, error_message: None, ..Default::default() }
}

fn elections_refused(version: i16, replica_election_results: Vec<ReplicaElectionResult>) -> ResponseBody {
    // Version 0 has no error of its own.
    let error_code = if version == 0 { 0 } else { CODE };
    ElectLeadersResponse { error_code, replica_election_results, ..Default::default() }.into()
}

/// A partition of an AlterPartition response that was refused.
pub(crate) fn partition_refused(partition_index: i32, error: ErrorCode) -> PartitionData {
    PartitionData { partition_index, error_code: error.code(), ..Default::default() }
}
