//! Requests, valid and subtly invalid: what both servers are asked.

mod admin;
mod fetch;
mod malformed;
mod metadata;
mod offsets;
pub mod produce;
mod random;
mod sessions;
mod steer;
mod topics;

use bytes::Bytes;
use tribunal_protocol::messages::ProduceRequest;
use tribunal_protocol::{ApiKey, RequestBody, Str, encode_request};

/// The correlation id of every case.
pub const CORRELATION_ID: i32 = 0x7472_6962;

/// One request.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// What is asked.
    pub api: ApiKey,
    /// In which version the answer is to be read.
    pub version: i16,
    /// The frame with its length, with topic ids that stand for those of a server.
    pub frame: Bytes,
    /// Whether there is to be an answer: none to Produce with `acks=0`, and none of Kafka's to null as records, which
    /// its schema allows and its handler does not.
    pub answered: bool,
}

impl Case {
    /// A request that its version can carry; none if a field has a value that the version lacks.
    fn new(name: impl Into<String>, version: i16, body: &RequestBody) -> Option<Case> {
        let client_id = Str::from_static("judge");
        let frame = encode_request(CORRELATION_ID, Some(&client_id), version, body).ok()?;
        let answered = !matches!(body, RequestBody::Produce(produce) if produce.acks == 0 || has_null_records(produce));
        Some(Case { name: name.into(), api: body.api_key(), version, frame, answered })
    }
}

fn has_null_records(produce: &ProduceRequest) -> bool {
    produce.topic_data.iter().flat_map(|topic| &topic.partition_data).any(|partition| partition.records.is_none())
}

/// Every case for an API: by hand in every version, then `random` of the generator's values, which the seed determines.
pub fn of(api: ApiKey, random: usize, seed: u64) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for version in api.versions().iter() {
        let by_hand: Vec<(&str, RequestBody)> = match api {
            ApiKey::AlterPartitionReassignments => admin::alter_reassignments(),
            ApiKey::ApiVersions => metadata::api_versions(),
            ApiKey::CreatePartitions => admin::create_partitions(version),
            ApiKey::CreateTopics => topics::create(),
            ApiKey::DeleteRecords => admin::delete_records(),
            ApiKey::DeleteTopics => topics::delete(version),
            ApiKey::DescribeCluster => admin::describe_cluster(version),
            ApiKey::DescribeConfigs => admin::describe_configs(version),
            ApiKey::DescribeLogDirs => admin::describe_log_dirs(),
            ApiKey::DescribeQuorum => metadata::describe_quorum(),
            ApiKey::DescribeTopicPartitions => admin::describe_topic_partitions(),
            ApiKey::ElectLeaders => topics::elect_leaders(version),
            ApiKey::Fetch => [fetch::fetch(version), sessions::fetch(version)].concat(),
            ApiKey::FindCoordinator => metadata::find_coordinator(version),
            ApiKey::IncrementalAlterConfigs => admin::alter_configs(),
            ApiKey::ListOffsets => offsets::list_offsets(version),
            ApiKey::ListPartitionReassignments => admin::list_reassignments(),
            ApiKey::Metadata => metadata::metadata(version),
            ApiKey::OffsetForLeaderEpoch => offsets::for_leader_epoch(version),
            ApiKey::Produce => produce::produce(version),
            _ => Vec::new(),
        };
        cases.extend(by_hand.iter().filter_map(|(name, body)| Case::new(*name, version, body)));
    }
    cases.extend(random::cases(api, random, seed));
    cases.extend(malformed::cases(api));
    cases
}
