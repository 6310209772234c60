//! What clients ask of the cluster: versions, metadata, coordinators, the quorum.

use tribunal_protocol::messages::metadata_request::MetadataRequestTopic;
use tribunal_protocol::messages::{
    ApiVersionsRequest, DescribeQuorumRequest, FindCoordinatorRequest, MetadataRequest, describe_quorum_request,
};
use tribunal_protocol::{RequestBody, Str};

use super::produce::id_of;

const AUTO_CREATION_SINCE: i16 = 4;
const TOPIC_IDS_SINCE: i16 = 10;
const NULL_NAMES_SINCE: i16 = 12;
const MANY_KEYS_SINCE: i16 = 4;

pub(super) fn api_versions() -> Vec<(&'static str, RequestBody)> {
    let named = |name, version| ApiVersionsRequest {
        client_software_name: Str::from_static(name),
        client_software_version: Str::from_static(version),
    };
    vec![
        ("named", named("judge", "1.0").into()),
        ("no name", named("", "").into()),
        ("a name that is none", named("-judge", "1.0").into()),
        ("a version that is none", named("judge", "1 0").into()),
    ]
}

pub(super) fn metadata(version: i16) -> Vec<(&'static str, RequestBody)> {
    let named = |name: &'static str| MetadataRequestTopic { name: Some(Str::from_static(name)), ..Default::default() };
    let by_id = |topic| MetadataRequestTopic {
        name: (version < NULL_NAMES_SINCE).then(|| Str::from_static("")),
        topic_id: id_of(topic),
    };
    // Versions before 4 always create what is missing: there nothing unknown is asked for.
    let request = |topics: Vec<MetadataRequestTopic>| MetadataRequest {
        topics: Some(topics),
        allow_auto_topic_creation: version < AUTO_CREATION_SINCE,
        ..Default::default()
    };
    let mut cases = vec![
        ("one topic", request(vec![named("plain")])),
        ("several topics", request(vec![named("strict"), named("plain"), named("empty")])),
        ("a topic twice", request(vec![named("plain"), named("plain")])),
        ("a name that no topic can have", request(vec![named("no/where")])),
        ("a name that is too long", request(vec![named(TOO_LONG)])),
        ("no name", request(vec![named("")])),
    ];
    if version >= 1 {
        cases.push(("no topics", request(vec![])));
    }
    if version >= AUTO_CREATION_SINCE {
        cases.push(("unknown topic", request(vec![named("nowhere"), named("plain")])));
        cases.push(("deleted topic", request(vec![named("doomed")])));
        // Other cases create topics in both; all of them are compared here.
        cases.push(("all topics", MetadataRequest { topics: None, ..request(vec![]) }));
    }
    if version >= TOPIC_IDS_SINCE {
        cases.push(("by id", request(vec![by_id("plain"), by_id("empty")])));
        cases.push(("unknown id", request(vec![by_id("nowhere")])));
        cases.push(("deleted id", request(vec![by_id("doomed")])));
        cases.push(("by id and by name", request(vec![by_id("plain"), named("empty")])));
        let both = MetadataRequestTopic { name: Some(Str::from_static("empty")), topic_id: id_of("plain") };
        cases.push(("an id with another's name", request(vec![both])));
    }
    if (8..=10).contains(&version) {
        let operations = MetadataRequest { include_cluster_authorized_operations: true, ..request(vec![]) };
        cases.push(("what may be done with the cluster", operations));
    }
    if version >= 8 {
        let operations = MetadataRequest { include_topic_authorized_operations: true, ..request(vec![named("plain")]) };
        cases.push(("what may be done with a topic", operations));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}

/// 250 characters: one more than a topic's name may have.
pub(super) const TOO_LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

pub(super) fn find_coordinator(version: i16) -> Vec<(&'static str, RequestBody)> {
    let request = |key_type, key| match version >= MANY_KEYS_SINCE {
        true => {
            FindCoordinatorRequest { key_type, coordinator_keys: vec![Str::from_static(key)], ..Default::default() }
        }
        false => FindCoordinatorRequest { key_type, key: Str::from_static(key), ..Default::default() },
    };
    let mut cases = vec![("of a group", request(0, "group").into())];
    if version >= 1 {
        cases.push(("of no kind", request(9, "group").into()));
    }
    if version >= MANY_KEYS_SINCE {
        cases.push(("of nothing", FindCoordinatorRequest::default().into()));
    }
    cases
}

pub(super) fn describe_quorum() -> Vec<(&'static str, RequestBody)> {
    let request = |topic, partition_index| {
        let partitions = vec![describe_quorum_request::PartitionData { partition_index }];
        let topic = describe_quorum_request::TopicData { topic_name: Str::from_static(topic), partitions };
        RequestBody::from(DescribeQuorumRequest { topics: vec![topic] })
    };
    vec![
        ("the metadata log", request("__cluster_metadata", 0)),
        ("another partition of it", request("__cluster_metadata", 1)),
        ("a topic", request("plain", 0)),
        ("nothing", DescribeQuorumRequest::default().into()),
    ]
}
