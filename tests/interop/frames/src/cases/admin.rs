//! What administrators ask: more partitions, settings, sizes, assignments; records deleted.

use tribunal_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use tribunal_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use tribunal_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use tribunal_protocol::messages::describe_configs_request::DescribeConfigsResource;
use tribunal_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use tribunal_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use tribunal_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use tribunal_protocol::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, DeleteRecordsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeLogDirsRequest, DescribeTopicPartitionsRequest, IncrementalAlterConfigsRequest,
    ListPartitionReassignmentsRequest,
};
use tribunal_protocol::{RequestBody, Str};

type Cases = Vec<(&'static str, RequestBody)>;

/// How long a server may take for what it does here, in milliseconds.
const TIMEOUT_MS: i32 = 5_000;
/// Kinds of what has settings, in Kafka's numbers.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Settings of topics that both servers have, with the same values.
pub(super) const SETTINGS: &[&str] = &[
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.ms",
    "unclean.leader.election.enable",
];

fn text(text: &'static str) -> Str {
    Str::from_static(text)
}

pub(super) fn create_partitions(version: i16) -> Cases {
    let topic = |name, count, assignments: Option<&[&[i32]]>| CreatePartitionsTopic {
        name: text(name),
        count,
        assignments: assignments
            .map(|all| all.iter().map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec() }).collect()),
    };
    let request = |topics, validate_only| {
        RequestBody::from(CreatePartitionsRequest { topics, timeout_ms: TIMEOUT_MS, validate_only })
    };
    let checked = |topic| request(vec![topic], true);
    // Each version adds one.
    let grown = 2 + i32::from(version);
    vec![
        ("one more", request(vec![topic("grown", grown, None)], false)),
        ("one more, checked", checked(topic("plain", 4, None))),
        ("assigned", checked(topic("plain", 5, Some(&[&[1], &[1]])))),
        ("too few assigned", checked(topic("plain", 5, Some(&[&[1]])))),
        ("assigned to nobody", checked(topic("plain", 4, Some(&[&[]])))),
        ("assigned to a broker that is not there", checked(topic("plain", 4, Some(&[&[77]])))),
        ("as many", checked(topic("plain", 3, None))),
        ("fewer", checked(topic("plain", 1, None))),
        ("none", checked(topic("plain", 0, None))),
        ("unknown topic", checked(topic("nowhere", 3, None))),
        ("a name that no topic can have", checked(topic("no/where", 3, None))),
        ("twice", request(vec![topic("plain", 4, None), topic("plain", 5, None)], true)),
        ("a good one and a bad one", request(vec![topic("plain", 4, None), topic("nowhere", 5, None)], true)),
        ("nothing", request(vec![], true)),
    ]
}

pub(super) fn delete_records() -> Cases {
    let request = |topic, partitions: &[(i32, i64)]| {
        let partition = |&(partition_index, offset): &(i32, i64)| DeleteRecordsPartition { partition_index, offset };
        let partitions = partitions.iter().map(partition).collect();
        let topics = vec![DeleteRecordsTopic { name: text(topic), partitions }];
        RequestBody::from(DeleteRecordsRequest { topics, timeout_ms: TIMEOUT_MS })
    };
    vec![
        ("up to the middle of a batch", request("trimmed", &[(0, 4)])),
        ("up to where it begins", request("trimmed", &[(0, 1)])),
        ("everything", request("trimmed", &[(1, -1)])),
        ("beyond the end", request("trimmed", &[(0, 1_000)])),
        ("a negative offset", request("trimmed", &[(0, -7)])),
        ("twice", request("trimmed", &[(0, 4), (0, 4)])),
        ("nothing of an empty partition", request("empty", &[(0, 0)])),
        ("unknown topic", request("nowhere", &[(0, 0)])),
        ("unknown partition", request("trimmed", &[(7, 0)])),
        ("no partition", request("trimmed", &[])),
        ("nothing", DeleteRecordsRequest::default().into()),
    ]
}

pub(super) fn describe_cluster(version: i16) -> Cases {
    let asked = DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
    let mut cases = vec![("all", DescribeClusterRequest::default()), ("and what may be done", asked)];
    if version >= 1 {
        cases.push(("of controllers", DescribeClusterRequest { endpoint_type: 2, ..Default::default() }));
        cases.push(("of no kind", DescribeClusterRequest { endpoint_type: 9, ..Default::default() }));
    }
    if version >= 2 {
        cases.push((
            "and fenced brokers",
            DescribeClusterRequest { include_fenced_brokers: true, ..Default::default() },
        ));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}

pub(super) fn describe_configs(version: i16) -> Cases {
    let of = |resource_type, name, keys: Option<&[&'static str]>| DescribeConfigsResource {
        resource_type,
        resource_name: text(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| text(key)).collect()),
    };
    let request = |resources| DescribeConfigsRequest { resources, ..Default::default() };
    let one = |resource_type, name, keys| request(vec![of(resource_type, name, keys)]);
    let known: &[&'static str] = &["num.partitions", "log.segment.bytes", "node.id", "no.such.setting"];
    let mut cases = vec![
        ("a topic", one(TOPIC, "plain", Some(SETTINGS))),
        ("everything of a topic", one(TOPIC, "plain", None)),
        ("a topic with settings", one(TOPIC, "small", Some(SETTINGS))),
        ("with synonyms", DescribeConfigsRequest { include_synonyms: true, ..one(TOPIC, "small", Some(SETTINGS)) }),
        ("settings that are none", one(TOPIC, "plain", Some(&["no.such.setting"]))),
        ("unknown topic", one(TOPIC, "nowhere", None)),
        ("a name that no topic can have", one(TOPIC, "no/where", None)),
        ("a broker", one(BROKER, "1", Some(known))),
        ("another broker", one(BROKER, "77", None)),
        ("a broker that is no number", one(BROKER, "one", None)),
        ("the default of brokers", one(BROKER, "", Some(known))),
        ("of no kind", one(0, "plain", None)),
        ("a topic twice", request(vec![of(TOPIC, "plain", Some(SETTINGS)), of(TOPIC, "plain", Some(SETTINGS))])),
        ("nothing", request(vec![])),
    ];
    if version >= 3 {
        let documented = DescribeConfigsRequest { include_documentation: true, ..one(TOPIC, "plain", Some(SETTINGS)) };
        cases.push(("with documentation", documented));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}

pub(super) fn describe_log_dirs() -> Cases {
    let of = |topic, partitions: &[i32]| DescribableLogDirTopic { topic: text(topic), partitions: partitions.to_vec() };
    let request = |topics| RequestBody::from(DescribeLogDirsRequest { topics });
    vec![
        ("all", request(None)),
        ("some", request(Some(vec![of("plain", &[0, 2]), of("small", &[0])]))),
        ("what is not there", request(Some(vec![of("nowhere", &[0]), of("plain", &[9])]))),
        ("nothing", request(Some(vec![]))),
    ]
}

pub(super) fn describe_topic_partitions() -> Cases {
    let request = |names: &[&'static str], cursor: Option<(&'static str, i32)>, response_partition_limit| {
        let topics = names.iter().map(|name| TopicRequest { name: text(name) }).collect();
        let cursor = cursor.map(|(topic, partition_index)| Cursor { topic_name: text(topic), partition_index });
        RequestBody::from(DescribeTopicPartitionsRequest { topics, response_partition_limit, cursor })
    };
    vec![
        ("all", request(&[], None, 2_000)),
        ("one", request(&["plain"], None, 2_000)),
        ("several", request(&["strict", "plain", "plain"], None, 2_000)),
        ("a page of all", request(&[], None, 3)),
        ("a page of one", request(&["plain"], None, 1)),
        ("a page that ends with a topic", request(&["plain", "strict"], None, 3)),
        ("no page", request(&["plain"], None, -1)),
        ("the next page", request(&["plain", "strict"], Some(("plain", 1)), 2_000)),
        ("from a partition that is not there", request(&["plain"], Some(("plain", 9)), 2_000)),
        ("from a partition that cannot be", request(&["plain"], Some(("plain", -1)), 2_000)),
        ("from a topic that was not asked for", request(&["plain"], Some(("strict", 0)), 2_000)),
        ("from where nothing is", request(&[], Some(("zzz", 0)), 2_000)),
        ("unknown topic", request(&["nowhere"], None, 2_000)),
        ("a name that no topic can have", request(&["no/where"], None, 2_000)),
        ("no name", request(&[""], None, 2_000)),
    ]
}

pub(super) fn alter_configs() -> Cases {
    let change = |name, config_operation, value: Option<&'static str>| AlterableConfig {
        name: text(name),
        config_operation,
        value: value.map(text),
    };
    let of = |resource_type, name, configs| AlterConfigsResource { resource_type, resource_name: text(name), configs };
    let request =
        |resources, validate_only| RequestBody::from(IncrementalAlterConfigsRequest { resources, validate_only });
    let checked = |changes| request(vec![of(TOPIC, "plain", changes)], true);
    let (set, delete, append, subtract) = (0, 1, 2, 3);
    let soon = || vec![change("retention.ms", set, Some("60000"))];
    vec![
        ("set", request(vec![of(TOPIC, "trimmed", vec![change("segment.ms", set, Some("77000"))])], false)),
        ("deleted", request(vec![of(TOPIC, "trimmed", vec![change("segment.ms", delete, None)])], false)),
        ("set, checked", checked(soon())),
        ("deleted with a value", checked(vec![change("retention.ms", delete, Some("1"))])),
        ("set to nothing", checked(vec![change("retention.ms", set, None)])),
        ("what cannot be appended to", checked(vec![change("retention.ms", append, Some("1"))])),
        ("what cannot be subtracted from", checked(vec![change("retention.ms", subtract, Some("1"))])),
        ("done what cannot be done", checked(vec![change("retention.ms", 9, Some("1"))])),
        ("no number", checked(vec![change("retention.ms", set, Some("soon"))])),
        ("out of range", checked(vec![change("min.insync.replicas", set, Some("0"))])),
        ("to be compacted", checked(vec![change("cleanup.policy", set, Some("compact"))])),
        ("flushed now and then", checked(vec![change("flush.messages", set, Some("1000"))])),
        ("unknown setting", checked(vec![change("colour", set, Some("red"))])),
        ("unknown setting, deleted", checked(vec![change("colour", delete, None)])),
        ("a setting twice", checked([soon(), soon()].concat())),
        ("a topic twice", request(vec![of(TOPIC, "plain", soon()), of(TOPIC, "plain", soon())], true)),
        ("unknown topic", request(vec![of(TOPIC, "nowhere", soon())], true)),
        ("a name that no topic can have", request(vec![of(TOPIC, "no/where", soon())], true)),
        ("of no kind", request(vec![of(0, "plain", soon())], true)),
        ("a broker's", request(vec![of(BROKER, "1", vec![change("log.retention.ms", set, Some("60000"))])], true)),
        ("no change", checked(vec![])),
        ("nothing", request(vec![], true)),
    ]
}

pub(super) fn alter_reassignments() -> Cases {
    let of = |topic, partitions: &[(i32, Option<&[i32]>)]| ReassignableTopic {
        name: text(topic),
        partitions: partitions
            .iter()
            .map(|(partition_index, replicas)| ReassignablePartition {
                partition_index: *partition_index,
                replicas: replicas.map(<[i32]>::to_vec),
            })
            .collect(),
    };
    let request = |topics| {
        let timeout_ms = TIMEOUT_MS;
        RequestBody::from(AlterPartitionReassignmentsRequest { topics, timeout_ms, ..Default::default() })
    };
    let one = |partition, replicas| request(vec![of("plain", &[(partition, replicas)])]);
    vec![
        ("to where it is", one(0, Some(&[1]))),
        ("cancelled, with none under way", one(0, None)),
        ("to a broker that is not there", one(0, Some(&[77]))),
        ("to nobody", one(0, Some(&[]))),
        ("twice to a broker", one(0, Some(&[1, 1]))),
        ("unknown partition", one(9, Some(&[1]))),
        ("unknown topic", request(vec![of("nowhere", &[(0, Some(&[1]))])])),
        ("several", request(vec![of("plain", &[(0, Some(&[1])), (1, Some(&[77]))]), of("nowhere", &[(0, None)])])),
        ("nothing", request(vec![])),
    ]
}

pub(super) fn list_reassignments() -> Cases {
    let everything = ListPartitionReassignmentsRequest { timeout_ms: TIMEOUT_MS, topics: None };
    vec![("all", everything.into())]
}
