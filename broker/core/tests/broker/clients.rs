//! Clients may ask any broker.

use bytes::Bytes;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use tribunal_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tribunal_protocol::messages::{
    ApiVersionsRequest, BrokerHeartbeatRequest, DescribeQuorumRequest, FindCoordinatorRequest, describe_quorum_request,
};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str, Uuid, advertised_versions};
use tribunal_records::{BatchBuilder, BatchOptions};

use super::support::Cluster;

/// The topic's id and leader, once all brokers know it.
fn topic(cluster: &mut Cluster, name: &'static str) -> (Uuid, u32) {
    cluster.until(|cluster| {
        (1..=3).all(|id| {
            let found = cluster.metadata(id, Some(name)).topics.remove(0);
            found.error_code == 0 && found.partitions.iter().all(|partition| partition.leader_id > 0)
        })
    });
    let found = cluster.metadata(1, Some(name)).topics.remove(0);
    (found.topic_id, found.partitions[0].leader_id as u32)
}

pub(super) fn produce(topic: Uuid, value: &'static [u8]) -> RequestBody {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    batch.append(1, None, Some(value), &[]);
    let data = PartitionProduceData { index: 0, records: Some(batch.build()) };
    let topic = TopicProduceData { topic_id: topic, partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 1_000, topic_data: vec![topic], ..Default::default() }.into()
}

pub(super) fn fetch(topic: Uuid, offset: i64, max_wait_ms: i32) -> RequestBody {
    let wanted = FetchPartition {
        fetch_offset: offset,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic_id: topic, partitions: vec![wanted], ..Default::default() };
    FetchRequest { max_wait_ms, min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic], ..Default::default() }.into()
}

#[test]
fn a_topic_may_be_created_at_any_broker_and_all_come_to_know_it() {
    let mut cluster = Cluster::new(3, |_| {});
    let other = (1..=3).find(|id| *id != cluster.controller()).expect("three brokers");
    let created = cluster.create_topic(other, "orders", 3);
    assert_eq!((created.topics[0].error_code, created.topics[0].num_partitions), (0, 1));
    topic(&mut cluster, "orders");
    let again = cluster.create_topic(other, "orders", 3);
    assert_eq!(again.topics[0].error_code, ErrorCode::TopicAlreadyExists.code());
    let impossible = cluster.create_topic(other, "copies", 4);
    assert_eq!(impossible.topics[0].error_code, ErrorCode::InvalidReplicationFactor.code());
}

#[test]
fn any_broker_tells_of_the_quorum_what_its_leader_knows() {
    let mut cluster = Cluster::new(3, |_| {});
    let partition = describe_quorum_request::PartitionData::default();
    let topic = describe_quorum_request::TopicData {
        topic_name: Str::from_static("__cluster_metadata"),
        partitions: vec![partition],
    };
    for id in 1..=3 {
        let request = DescribeQuorumRequest { topics: vec![topic.clone()] };
        let ResponseBody::DescribeQuorum(mut told) = cluster.ask(id, 2, request.into()) else { panic!() };
        let told = told.topics.remove(0).partitions.remove(0);
        assert_eq!((told.error_code, told.leader_id as u32), (0, cluster.controller()), "at {id}");
        assert_eq!(told.current_voters.len(), 3, "at {id}");
    }
}

#[test]
fn what_a_leader_acknowledged_can_be_read_from_it() {
    let mut cluster = Cluster::new(3, |_| {});
    cluster.create_topic(1, "orders", 3);
    let (id, leader) = topic(&mut cluster, "orders");
    let ResponseBody::Produce(produced) = cluster.ask(leader, 13, produce(id, b"a")) else { panic!() };
    let produced = &produced.responses[0].partition_responses[0];
    assert_eq!((produced.error_code, produced.base_offset), (0, 0));
    let ResponseBody::Fetch(mut fetched) = cluster.ask(leader, 17, fetch(id, 0, 500)) else { panic!() };
    let data = fetched.responses.remove(0).partitions.remove(0);
    let records: Bytes = data.records.expect("records");
    let batch = tribunal_records::Batch::validated(records).expect("a batch");
    let values: Vec<_> = batch.records().expect("records").flatten().map(|record| record.value).collect();
    assert_eq!((data.high_watermark, values), (1, vec![Some(Bytes::from_static(b"a"))]));
}

#[test]
fn requests_on_one_connection_are_answered_in_order_also_behind_one_that_waits() {
    let mut cluster = Cluster::new(3, |_| {});
    cluster.create_topic(1, "orders", 3);
    let (id, leader) = topic(&mut cluster, "orders");
    let conn = cluster.connect(leader);
    cluster.send(conn, 17, fetch(id, 0, 300));
    cluster.send(conn, 13, produce(id, b"a"));
    assert!(!cluster.answers.contains_key(&conn.attempt), "the fetch waits, and the produce behind it");
    cluster.until(|cluster| cluster.answers.get(&conn.attempt).is_some_and(|answers| answers.len() == 2));
    let answers = &cluster.answers[&conn.attempt];
    assert!(matches!(answers[..], [ResponseBody::Fetch(_), ResponseBody::Produce(_)]), "{answers:?}");
}

#[test]
fn a_topic_that_a_client_names_is_created_where_that_is_allowed() {
    let mut cluster = Cluster::new(3, |cfg| cfg.topic.auto_create = true);
    let first = cluster.metadata(1, Some("orders")).topics.remove(0);
    assert_eq!(first.error_code, ErrorCode::UnknownTopicOrPartition.code());
    topic(&mut cluster, "orders");
    let mut strict = Cluster::new(3, |_| {});
    strict.metadata(1, Some("orders"));
    for _ in 0..3 {
        let found = strict.metadata(2, Some("orders")).topics.remove(0);
        assert_eq!(found.error_code, ErrorCode::UnknownTopicOrPartition.code());
    }
}

#[test]
fn what_api_versions_lists_is_what_the_protocol_has() {
    let mut cluster = Cluster::new(3, |_| {});
    let name = || Str::from_static("test");
    let request = ApiVersionsRequest { client_software_name: name(), client_software_version: name() };
    let ResponseBody::ApiVersions(response) = cluster.ask(1, 4, request.into()) else { panic!() };
    assert_eq!(response.error_code, 0);
    for listed in &response.api_keys {
        let key = tribunal_protocol::ApiKey::try_from(listed.api_key).expect("a known API");
        let range = advertised_versions(key);
        assert!(tribunal_core::serves_clients(key));
        assert_eq!((listed.min_version, listed.max_version), (range.min, range.max), "{key:?}");
    }
    let nameless = ApiVersionsRequest { client_software_name: Str::from_static("?"), client_software_version: name() };
    let ResponseBody::ApiVersions(refused) = cluster.ask(1, 4, nameless.into()) else { panic!() };
    assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn transactions_have_no_coordinator() {
    let mut cluster = Cluster::new(3, |_| {});
    let coordinator_keys = vec![Str::from_static("transaction")];
    let request = FindCoordinatorRequest { key_type: 1, coordinator_keys, ..Default::default() };
    let ResponseBody::FindCoordinator(response) = cluster.ask(1, 4, request.into()) else { panic!() };
    assert_eq!(response.coordinators[0].error_code, ErrorCode::CoordinatorNotAvailable.code());
}

#[test]
fn only_the_active_controller_takes_heartbeats() {
    let mut cluster = Cluster::new(3, |_| {});
    let controller = cluster.controller();
    for id in 1..=3 {
        let request = BrokerHeartbeatRequest { broker_id: 9, broker_epoch: 1, ..Default::default() };
        let ResponseBody::BrokerHeartbeat(answer) = cluster.ask(id, 1, request.into()) else { panic!() };
        let expected = if id == controller { ErrorCode::StaleBrokerEpoch } else { ErrorCode::NotController };
        assert_eq!(answer.error_code, expected.code(), "broker {id}, controller {controller}");
    }
}
