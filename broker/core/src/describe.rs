//! What the metadata image says of cluster, topics and settings, to those who administer them.

use tribunal_common::BrokerConfig;
use tribunal_controller::{ConfigResource, MetadataImage, TopicConfig, TopicImage, invalid_topic_name};
use tribunal_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use tribunal_protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use tribunal_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use tribunal_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use tribunal_protocol::messages::describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest};
use tribunal_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use tribunal_protocol::{ErrorCode, Str};

use crate::api::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use crate::settings::{BROKER_SETTINGS, Setting, is_told_in_hours, kafka_default, kind_of, synonym};

/// First version of DescribeCluster that tells of fenced brokers.
const FENCED_SINCE: i16 = 2;
/// `max.request.partition.size.limit`: partitions in one answer to DescribeTopicPartitions.
const MAX_PARTITIONS: usize = 2_000;
/// DescribeCluster of brokers.
const BROKERS: i8 = 1;
/// DescribeCluster of controllers.
const CONTROLLERS: i8 = 2;

/// Where a setting comes from, in Kafka's numbers.
const TOPIC_SOURCE: i8 = 1;
const STATIC_SOURCE: i8 = 4;
const DEFAULT_SOURCE: i8 = 5;

/// Answers DescribeCluster (KIP-700).
pub(crate) fn cluster(
    image: &MetadataImage,
    controller: Option<i32>,
    version: i16,
    request: &DescribeClusterRequest,
    cfg: &BrokerConfig,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let (error, why) = match request.endpoint_type {
            CONTROLLERS => (
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
                    .into(),
            ),
            unknown => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {unknown}")),
        };
        return DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(Str::from(why)),
            ..Default::default()
        };
    }
    let shown =
        image.brokers().filter(|broker| !broker.fenced || version >= FENCED_SINCE && request.include_fenced_brokers);
    let brokers = shown.filter_map(|broker| {
        let endpoint = broker.endpoints.first()?;
        Some(DescribeClusterBroker {
            broker_id: broker.id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: broker.rack.clone(),
            is_fenced: version >= FENCED_SINCE && broker.fenced,
        })
    });
    DescribeClusterResponse {
        error_message: None,
        cluster_id: cfg.cluster_id.clone(),
        controller_id: controller.unwrap_or(-1),
        brokers: brokers.collect(),
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_OPERATIONS,
            false => i32::MIN,
        },
        ..Default::default()
    }
}

/// Answers DescribeTopicPartitions (KIP-966): topics by name, from the cursor on, until there are enough partitions.
pub(crate) fn topic_partitions(
    image: &MetadataImage,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    if !is_cursor_valid(&request) {
        let refused = |topic: TopicRequest| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(topic.name),
            ..Default::default()
        };
        let topics = request.topics.into_iter().map(refused).collect();
        return DescribeTopicPartitionsResponse { topics, ..Default::default() };
    }
    let cursor = request.cursor.map_or((Str::new(), 0), |cursor| (cursor.topic_name, cursor.partition_index));
    let mut names: Vec<Str> = match request.topics.is_empty() {
        true => image.topics().map(|topic| topic.name.clone()).collect(),
        false => request.topics.into_iter().map(|topic| topic.name).collect(),
    };
    names.sort();
    names.dedup();
    let mut left = usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, MAX_PARTITIONS);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= cursor.0) {
        let first = if name == cursor.0 { cursor.1 } else { 0 };
        if left == 0 {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: 0 });
            break;
        }
        let Some(topic) = image.topic_by_name(&name) else {
            let error = match invalid_topic_name(&name) {
                Some(_) => ErrorCode::InvalidTopicException,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: error.code(),
                name: Some(name),
                topic_authorized_operations: TOPIC_OPERATIONS,
                ..Default::default()
            });
            continue;
        };
        let partitions = described_partitions(image, topic, first, left);
        left -= partitions.len();
        let next = partitions.last().map_or(first, |last| last.partition_index + 1);
        let more = topic.partitions.range(next..).next().is_some();
        response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name.clone()),
            topic_id: topic.id,
            partitions,
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..Default::default()
        });
        if more {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: next });
            break;
        }
    }
    response
}

/// A cursor names one of the topics asked for, and a partition that there could be.
fn is_cursor_valid(request: &DescribeTopicPartitionsRequest) -> bool {
    let Some(cursor) = &request.cursor else { return true };
    let asked = request.topics.is_empty() || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
    asked && cursor.partition_index >= 0
}

fn described_partitions(
    image: &MetadataImage,
    topic: &TopicImage,
    first: i32,
    limit: usize,
) -> Vec<DescribeTopicPartitionsResponsePartition> {
    let wanted = topic.partitions.range(first..).take(limit);
    let described = wanted.map(|(&index, partition)| DescribeTopicPartitionsResponsePartition {
        error_code: crate::api::leader_error(partition.leader),
        partition_index: index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        eligible_leader_replicas: Some(partition.elr.clone()),
        last_known_elr: Some(partition.last_known_elr.clone()),
        offline_replicas: crate::api::offline(image, &partition.replicas),
    });
    described.collect()
}

/// Answers DescribeConfigs (KIP-133).
pub(crate) fn configs(
    image: &MetadataImage,
    request: DescribeConfigsRequest,
    cfg: &BrokerConfig,
) -> DescribeConfigsResponse {
    let kinds = [ConfigResource::TOPIC, ConfigResource::BROKER];
    if request.resources.iter().any(|resource| !kinds.contains(&resource.resource_type)) {
        return of_no_kind(request);
    }
    let synonyms = request.include_synonyms;
    let results = request.resources.into_iter().map(|resource| {
        let described = match resource.resource_type {
            ConfigResource::TOPIC => topic_configs(image, &resource.resource_name, synonyms, cfg),
            _ => broker_configs(&resource.resource_name, synonyms, cfg),
        };
        match described {
            Ok(configs) => DescribeConfigsResult {
                // Kafka's sentence where there is nothing to say.
                error_message: Some(Str::new()),
                resource_type: resource.resource_type,
                configs: only_asked(configs, &resource),
                resource_name: resource.resource_name,
                ..Default::default()
            },
            Err((error, message)) => DescribeConfigsResult {
                error_code: error.code(),
                error_message: Some(message.map_or_else(Str::new, Str::from)),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
                ..Default::default()
            },
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

/// The answer where something is asked for that has no settings here: nothing of the request is served.
fn of_no_kind(request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let error = ErrorCode::InvalidRequest;
    let results = request.resources.into_iter().map(|resource| DescribeConfigsResult {
        error_code: error.code(),
        error_message: Some(Str::from_static(error.sentence())),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        ..Default::default()
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

type Described = Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, Option<String>)>;

fn only_asked(
    configs: Vec<DescribeConfigsResourceResult>,
    resource: &DescribeConfigsResource,
) -> Vec<DescribeConfigsResourceResult> {
    match &resource.configuration_keys {
        // Kafka takes an empty list for all, as null.
        Some(keys) if !keys.is_empty() => configs.into_iter().filter(|config| keys.contains(&config.name)).collect(),
        _ => configs,
    }
}

fn topic_configs(image: &MetadataImage, name: &Str, synonyms: bool, cfg: &BrokerConfig) -> Described {
    if let Some(why) = invalid_topic_name(name) {
        return Err((ErrorCode::InvalidTopicException, Some(why)));
    }
    if image.topic_id(name).is_none() {
        return Err((ErrorCode::UnknownTopicOrPartition, None));
    }
    let own = image.config(&ConfigResource::topic(name.clone()));
    let config = image.topic_config(name, cfg);
    let defaults = TopicConfig::defaults(cfg);
    let entries = config.entries().zip(defaults.entries());
    let described = entries.map(|((name, value), (_, of_broker))| {
        let own = own.is_some_and(|own| own.contains_key(&Str::from_static(name)));
        let (setting, from_kafka) = (synonym(name), kafka_default(name));
        let mut from = Vec::new();
        if own {
            from.push(source(name, &value, TOPIC_SOURCE));
        }
        if from_kafka.as_ref() != Some(&of_broker) {
            from.push(source(setting, &of_broker, STATIC_SOURCE));
        }
        if let Some(value) = &from_kafka
            && !is_told_in_hours(setting)
        {
            from.push(source(setting, value, DEFAULT_SOURCE));
        }
        entry(name, value, from, synonyms, kind_of(name))
    });
    Ok(described.collect())
}

fn broker_configs(name: &Str, synonyms: bool, cfg: &BrokerConfig) -> Described {
    if name.is_empty() {
        // The settings of all brokers together: there are no dynamic ones.
        return Ok(Vec::new());
    }
    match name.parse::<i32>() {
        Ok(id) if id == cfg.node_id => {}
        Ok(id) => {
            let why = format!("Unexpected broker id, expected {} or empty string, but received {id}", cfg.node_id);
            return Err((ErrorCode::InvalidRequest, Some(why)));
        }
        Err(_) => {
            let why = format!("Broker id must be an integer, but it is: {name}");
            return Err((ErrorCode::InvalidRequest, Some(why)));
        }
    }
    let kafka = BrokerConfig::new(cfg.node_id, Vec::new());
    let described = BROKER_SETTINGS.iter().map(|Setting { name, kind, value }| {
        let (ours, default) = (value(cfg), value(&kafka));
        let mut from = Vec::new();
        // A node's id has no default.
        if ours != default || *name == "node.id" {
            from.push(source(name, &ours, STATIC_SOURCE));
        }
        from.push(source(name, &default, DEFAULT_SOURCE));
        let described = entry(name, ours, from, synonyms, *kind);
        DescribeConfigsResourceResult { read_only: true, ..described }
    });
    Ok(described.collect())
}

fn source(name: &'static str, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym { name: Str::from_static(name), value: Some(Str::from(value)), source }
}

fn entry(
    name: &'static str,
    value: String,
    from: Vec<DescribeConfigsSynonym>,
    synonyms: bool,
    config_type: i8,
) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: Str::from_static(name),
        value: Some(Str::from(value)),
        config_source: from.first().map_or(DEFAULT_SOURCE, |first| first.source),
        synonyms: if synonyms { from } else { Vec::new() },
        config_type,
        documentation: None,
        ..Default::default()
    }
}
