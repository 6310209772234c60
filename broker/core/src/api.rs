//! Answers that need nothing but the metadata image.

use std::collections::BTreeSet;

use tribunal_common::BrokerConfig;
use tribunal_controller::{MetadataImage, NO_LEADER, TopicImage, invalid_topic_name};
use tribunal_coordinator::partition_of;
use tribunal_protocol::messages::ApiVersionsRequest;
use tribunal_protocol::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use tribunal_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use tribunal_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use tribunal_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use tribunal_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use tribunal_protocol::{ApiKey, ErrorCode, Str, Uuid, advertised_versions};
use tribunal_replica::{OFFSETS_TOPIC, is_internal};

/// What may be done where nobody is kept from anything, as bits of Kafka's operations: with a topic, read, write,
/// create, delete, alter, describe, and see and change its settings; with the cluster, create, alter, describe, act as
/// a broker, see and change settings, and write idempotently.
pub(crate) const TOPIC_OPERATIONS: i32 = operations(&[3, 4, 5, 6, 7, 8, 10, 11]);
pub(crate) const CLUSTER_OPERATIONS: i32 = operations(&[5, 7, 8, 9, 10, 11, 12]);
/// Nobody has asked.
const UNKNOWN_OPERATIONS: i32 = i32::MIN;

const fn operations(numbers: &[u8]) -> i32 {
    let (mut bits, mut i) = (0, 0);
    while i < numbers.len() {
        bits |= 1 << numbers[i];
        i += 1;
    }
    bits
}

/// First version that asks for topics by id, whose names are then null.
const NULL_NAMES_SINCE: i16 = 12;

/// What FindCoordinator may ask for, in Kafka's numbers.
pub(crate) const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// First version of FindCoordinator that says what it asks for, and first that asks for several.
const KEY_TYPE_SINCE: i16 = 1;
const BATCH_SINCE: i16 = 4;

/// First version of ApiVersions whose readers take 0 for the lowest level of a feature (KAFKA-17011).
const LEVEL_ZERO_SINCE: i16 = 4;

/// What clients may ask of a broker. The rest is between brokers.
const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::AlterPartitionReassignments,
    ApiKey::OffsetDelete,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeQuorum,
    ApiKey::DescribeCluster,
    ApiKey::UnregisterBroker,
    ApiKey::DescribeTopicPartitions,
];

/// Whether clients may send requests of this API. Those between brokers are no business of theirs.
pub fn serves_clients(api: ApiKey) -> bool {
    SERVED.contains(&api)
}

/// Answers ApiVersions (KIP-35, KIP-511).
pub(crate) fn api_versions(request: &ApiVersionsRequest, version: i16, image: &MetadataImage) -> ApiVersionsResponse {
    // Letters and digits at both ends, dots and dashes between them as well.
    let outer = |c: char| c.is_ascii_alphanumeric();
    let valid = |name: &Str| {
        name.starts_with(outer) && name.ends_with(outer) && name.chars().all(|c| outer(c) || matches!(c, '.' | '-'))
    };
    let named = version < 3 || valid(&request.client_software_name) && valid(&request.client_software_version);
    if !named {
        return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
    }
    let api_keys = SERVED
        .iter()
        .map(|&api| {
            let range = advertised_versions(api);
            ApiVersion { api_key: api as i16, min_version: range.min, max_version: range.max }
        })
        .collect();
    ApiVersionsResponse {
        api_keys,
        supported_features: tribunal_controller::SUPPORTED_FEATURES
            .iter()
            .filter(|(_, min, _)| *min > 0 || version >= LEVEL_ZERO_SINCE)
            .map(|&(name, min, max)| SupportedFeatureKey {
                name: Str::from_static(name),
                min_version: min,
                max_version: max,
            })
            .collect(),
        finalized_features_epoch: image.offset(),
        finalized_features: image
            .features()
            .map(|(name, level)| FinalizedFeatureKey {
                name: name.clone(),
                max_version_level: level,
                min_version_level: level,
            })
            .collect(),
        ..Default::default()
    }
}

/// Answers Metadata, and names the topics that are to be created.
pub(crate) fn metadata(
    image: &MetadataImage,
    controller: Option<i32>,
    version: i16,
    mut request: MetadataRequest,
    cfg: &BrokerConfig,
) -> (MetadataResponse, Vec<Str>) {
    if let Some(topics) = &mut request.topics {
        if version < NULL_NAMES_SINCE && topics.iter().any(|topic| topic.topic_id != Uuid::ZERO) {
            return (ids_refused(topics), Vec::new());
        }
        once(topics);
    }
    let mut missing = Vec::new();
    let mut topics: Vec<MetadataResponseTopic> = match request.topics {
        None => image.topics().map(|topic| describe(image, topic)).collect(),
        // Before version 1 there was no null: an empty list asked for all.
        Some(topics) if topics.is_empty() && version == 0 => {
            image.topics().map(|topic| describe(image, topic)).collect()
        }
        Some(topics) => topics
            .into_iter()
            .map(|wanted| {
                let by_id = wanted.topic_id != Uuid::ZERO;
                let found = match &wanted.name {
                    _ if by_id => image.topic(wanted.topic_id),
                    Some(name) => image.topic_by_name(name),
                    None => None,
                };
                match (found, wanted.name) {
                    (Some(topic), _) => describe(image, topic),
                    (None, name) => {
                        let invalid = name.as_ref().is_some_and(|name| invalid_topic_name(name).is_some());
                        let error = match by_id {
                            true => ErrorCode::UnknownTopicId,
                            false if invalid => ErrorCode::InvalidTopicException,
                            false => ErrorCode::UnknownTopicOrPartition,
                        };
                        if let Some(name) = &name
                            && !by_id
                            && !invalid
                            && cfg.topic.auto_create
                            && (request.allow_auto_topic_creation || version < 4)
                        {
                            missing.push(name.clone());
                        }
                        let name = if by_id { None } else { name };
                        let topic_id = wanted.topic_id;
                        MetadataResponseTopic { error_code: error.code(), name, topic_id, ..Default::default() }
                    }
                }
            })
            .collect(),
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let brokers = image.brokers().filter(|broker| !broker.fenced).filter_map(|broker| {
        let endpoint = broker.endpoints.first()?;
        Some(MetadataResponseBroker {
            node_id: broker.id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: broker.rack.clone(),
        })
    });
    let response = MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(cfg.cluster_id.clone()),
        controller_id: controller.unwrap_or(-1),
        topics,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_OPERATIONS,
            false => UNKNOWN_OPERATIONS,
        },
        ..Default::default()
    };
    (response, missing)
}

/// Each topic once; where any is asked for by its id, those alone.
fn once(topics: &mut Vec<MetadataRequestTopic>) {
    let by_id = topics.iter().any(|topic| topic.topic_id != Uuid::ZERO);
    let mut seen = BTreeSet::new();
    topics.retain(|topic| match by_id {
        true => topic.topic_id != Uuid::ZERO && seen.insert((None, topic.topic_id)),
        false => seen.insert((topic.name.clone(), Uuid::ZERO)),
    });
}

/// The answer to versions 10 and 11 that ask by ids: they have them, and Kafka serves none.
fn ids_refused(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let refused = topics.iter().map(|topic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..Default::default()
    });
    MetadataResponse { topics: refused.collect(), cluster_id: None, controller_id: -1, ..Default::default() }
}

/// What is said of a partition beside its leader: that there is none.
pub(crate) fn leader_error(leader: i32) -> i16 {
    match leader {
        NO_LEADER => ErrorCode::LeaderNotAvailable.code(),
        _ => ErrorCode::None.code(),
    }
}

fn describe(image: &MetadataImage, topic: &TopicImage) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|(&index, partition)| MetadataResponsePartition {
        error_code: leader_error(partition.leader),
        partition_index: index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        offline_replicas: offline(image, &partition.replicas),
    });
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: partitions.collect(),
        ..Default::default()
    }
}

/// The replicas whose broker is not there.
pub(crate) fn offline(image: &MetadataImage, replicas: &[i32]) -> Vec<i32> {
    let is_offline = |replica: &i32| image.broker(*replica).is_none_or(|broker| broker.fenced);
    replicas.iter().copied().filter(is_offline).collect()
}

/// Answers FindCoordinator: the leader of the partition of `__consumer_offsets` that the group belongs to. There is no
/// coordinator of transactions yet.
pub(crate) fn find_coordinator(
    image: &MetadataImage,
    mut request: FindCoordinatorRequest,
    version: i16,
) -> FindCoordinatorResponse {
    let kind = if version >= KEY_TYPE_SINCE { request.key_type } else { GROUP };
    let single = version < BATCH_SINCE;
    if single {
        request.coordinator_keys = vec![std::mem::take(&mut request.key)];
    }
    let found = request.coordinator_keys.into_iter().map(|key| {
        let found = match kind {
            GROUP => group_coordinator(image, &key),
            TRANSACTION => Err(ErrorCode::CoordinatorNotAvailable),
            _ => Err(ErrorCode::InvalidRequest),
        };
        match found {
            Ok((node_id, host, port)) => Coordinator { key, node_id, host, port, ..Default::default() },
            Err(error) => Coordinator {
                key,
                node_id: -1,
                port: -1,
                error_code: error.code(),
                error_message: Some(Str::from_static(error.sentence())),
                ..Default::default()
            },
        }
    });
    let mut coordinators: Vec<Coordinator> = found.collect();
    if !single {
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let one = coordinators.pop().unwrap_or_default();
    let error = ErrorCode::from_code(one.error_code);
    FindCoordinatorResponse {
        error_code: one.error_code,
        error_message: Some(Str::from_static(if error == ErrorCode::None { "NONE" } else { error.sentence() })),
        node_id: one.node_id,
        host: one.host,
        port: one.port,
        ..Default::default()
    }
}

fn group_coordinator(image: &MetadataImage, group: &Str) -> Result<(i32, Str, i32), ErrorCode> {
    let unavailable = ErrorCode::CoordinatorNotAvailable;
    let topic = image.topic_by_name(&Str::from_static(OFFSETS_TOPIC)).ok_or(unavailable)?;
    let count = topic.partitions.len() as i32;
    if count == 0 {
        return Err(unavailable);
    }
    let partition = topic.partitions.get(&partition_of(group, count)).ok_or(unavailable)?;
    let broker = image.broker(partition.leader).filter(|broker| !broker.fenced).ok_or(unavailable)?;
    let endpoint = broker.endpoints.first().ok_or(unavailable)?;
    Ok((broker.id, endpoint.host.clone(), i32::from(endpoint.port)))
}
