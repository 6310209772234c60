//! CreateTopics, DeleteTopics and ElectLeaders: mostly what is refused.

use tribunal_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use tribunal_protocol::messages::delete_topics_request::DeleteTopicState;
use tribunal_protocol::messages::elect_leaders_request::TopicPartitions;
use tribunal_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest};
use tribunal_protocol::{RequestBody, Str};

use super::metadata::TOO_LONG;
use super::produce::id_of;

const DELETION_BY_ID_SINCE: i16 = 6;
const ELECTION_TYPES_SINCE: i16 = 1;

pub(super) fn create() -> Vec<(&'static str, RequestBody)> {
    let topic = |name, num_partitions, replication_factor| CreatableTopic {
        name: Str::from_static(name),
        num_partitions,
        replication_factor,
        ..Default::default()
    };
    let assigned = |num_partitions, replicas: &[&[i32]]| CreatableTopic {
        num_partitions,
        replication_factor: num_partitions as i16,
        assignments: replicas
            .iter()
            .enumerate()
            .map(|(index, brokers)| CreatableReplicaAssignment {
                partition_index: index as i32,
                broker_ids: brokers.to_vec(),
            })
            .collect(),
        ..topic("new", 0, 0)
    };
    let configured = |name, value: Option<&'static str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: Str::from_static(name), value: value.map(Str::from_static) }],
        ..topic("new", 1, 1)
    };
    // Nothing is created: what the request would do is the answer.
    let request = |topics| CreateTopicsRequest { topics, timeout_ms: 5_000, validate_only: true };
    let one = |topic| request(vec![topic]);
    let mut gap = assigned(-1, &[&[1], &[1]]);
    gap.assignments[1].partition_index = 5;
    let cases = [
        ("valid", one(topic("new", 3, 1))),
        ("defaults", one(topic("new", -1, -1))),
        ("valid, with a setting", one(configured("retention.ms", Some("60000")))),
        ("exists", one(topic("plain", 3, 1))),
        ("a name that no topic can have", one(topic("no/where", 1, 1))),
        ("a name of one dot", one(topic(".", 1, 1))),
        ("a name that is too long", one(topic(TOO_LONG, 1, 1))),
        ("no name", one(topic("", 1, 1))),
        ("no partitions", one(topic("new", 0, 1))),
        ("fewer than no partitions", one(topic("new", -2, 1))),
        ("no replicas", one(topic("new", 1, 0))),
        ("more replicas than brokers", one(topic("new", 1, 4))),
        ("twice", request(vec![topic("new", 1, 1), topic("new", 1, 1)])),
        ("a good one and a bad one", request(vec![topic("new", 1, 1), topic("plain", 1, 1)])),
        ("names that collide", request(vec![topic("new.one", 1, 1), topic("new_one", 1, 1)])),
        ("assigned", one(assigned(-1, &[&[1], &[1]]))),
        ("assigned and counted", one(assigned(2, &[&[1], &[1]]))),
        ("assigned to nobody", one(assigned(-1, &[&[]]))),
        ("assigned to a broker that is not there", one(assigned(-1, &[&[77]]))),
        ("assigned twice to a broker", one(assigned(-1, &[&[1, 1]]))),
        ("assigned with a gap", one(gap)),
        ("unknown setting", one(configured("colour", Some("red")))),
        ("a setting that is no number", one(configured("retention.ms", Some("soon")))),
        ("a setting out of range", one(configured("min.insync.replicas", Some("0")))),
        ("a setting of no value", one(configured("retention.ms", None))),
        ("a segment that is too small", one(configured("segment.bytes", Some("10")))),
        ("nothing", request(vec![])),
    ];
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}

pub(super) fn delete(version: i16) -> Vec<(&'static str, RequestBody)> {
    let named = |names: &[&'static str]| {
        let topic = |name: &&'static str| DeleteTopicState { name: Some(Str::from_static(name)), ..Default::default() };
        match version >= DELETION_BY_ID_SINCE {
            true => DeleteTopicsRequest { topics: names.iter().map(topic).collect(), ..Default::default() },
            false => DeleteTopicsRequest {
                topic_names: names.iter().copied().map(Str::from_static).collect(),
                ..Default::default()
            },
        }
    };
    let by_id = |topic, name: Option<&'static str>| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: name.map(Str::from_static), topic_id: id_of(topic) }],
        ..Default::default()
    };
    let mut cases = vec![
        ("unknown topic", named(&["nowhere"])),
        ("deleted topic", named(&["doomed"])),
        ("unknown topic, twice", named(&["nowhere", "nowhere"])),
        ("a name that no topic can have", named(&["no/where"])),
        ("no name", named(&[""])),
        ("nothing", named(&[])),
    ];
    if version >= DELETION_BY_ID_SINCE {
        cases.push(("unknown id", by_id("nowhere", None)));
        cases.push(("deleted id", by_id("doomed", None)));
        cases.push(("an id and a name", by_id("nowhere", Some("nowhere"))));
    }
    cases
        .into_iter()
        .map(|(name, request)| (name, DeleteTopicsRequest { timeout_ms: 5_000, ..request }.into()))
        .collect()
}

pub(super) fn elect_leaders(version: i16) -> Vec<(&'static str, RequestBody)> {
    let request = |topic, partitions: &[i32]| {
        let topic = TopicPartitions { topic: Str::from_static(topic), partitions: partitions.to_vec() };
        ElectLeadersRequest { topic_partitions: Some(vec![topic]), timeout_ms: 5_000, ..Default::default() }
    };
    let mut cases = vec![
        ("preferred, which leads", request("plain", &[0, 1])),
        ("unknown topic", request("nowhere", &[0])),
        ("unknown partition", request("plain", &[9])),
        ("nothing", ElectLeadersRequest { topic_partitions: Some(vec![]), timeout_ms: 5_000, ..Default::default() }),
        ("everything", ElectLeadersRequest { topic_partitions: None, timeout_ms: 5_000, ..Default::default() }),
    ];
    if version >= ELECTION_TYPES_SINCE {
        cases.push(("unclean, with a leader", ElectLeadersRequest { election_type: 1, ..request("plain", &[0]) }));
        cases.push(("of no type", ElectLeadersRequest { election_type: 5, ..request("plain", &[0]) }));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}
