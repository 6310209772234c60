//! Answers that clients depend on, at the versions where they are easily wrong.

mod common;

use std::net::SocketAddr;

use common::{Client, batch, block_on, fetch, first, produce, start};
use tempfile::tempdir;
use tribunal_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use tribunal_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use tribunal_protocol::messages::describe_configs_request::DescribeConfigsResource;
use tribunal_protocol::messages::describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest};
use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use tribunal_protocol::messages::metadata_request::MetadataRequestTopic;
use tribunal_protocol::messages::{
    DescribeClusterRequest, DescribeConfigsRequest, DescribeLogDirsRequest, ListOffsetsRequest, MetadataRequest,
};
use tribunal_protocol::{Bytes, BytesMut, ErrorCode, ResponseBody, Str, versions};

/// The error of a produce of these bytes.
fn refused(client: &mut Client, version: i16, topic: &str, records: impl Into<Bytes>) -> ErrorCode {
    let ResponseBody::Produce(answer) = client.call(version, produce(topic, 1, records.into())) else {
        panic!("another answer")
    };
    let partition = &answer.responses[0].partition_responses[0];
    assert_eq!(partition.base_offset, -1);
    ErrorCode::from_code(partition.error_code)
}

/// A good batch with these bytes at a place, its checksum left as it is.
fn spoiled(at: usize, bytes: &[u8]) -> BytesMut {
    let mut batch = BytesMut::from(&batch(&["value"])[..]);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch
}

#[test]
fn a_batch_is_refused_as_kafka_refuses_it() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    let twice = [&batch(&["a"])[..], &batch(&["b"])].concat();
    for (what, records, error) in [
        ("nothing", BytesMut::new(), ErrorCode::InvalidRecord),
        ("two batches", BytesMut::from(&twice[..]), ErrorCode::InvalidRecord),
        ("a base offset", spoiled(0, &7_i64.to_be_bytes()), ErrorCode::InvalidRecord),
        ("an older format", spoiled(16, &[1]), ErrorCode::InvalidRecord),
        ("an unknown format", spoiled(16, &[9]), ErrorCode::CorruptMessage),
        ("a wrong checksum", spoiled(17, &[0; 4]), ErrorCode::CorruptMessage),
        ("a spoiled record", spoiled(64, &[0xff]), ErrorCode::CorruptMessage),
    ] {
        assert_eq!(refused(&mut client, 9, "t", records), error, "{what}");
    }
    // zstd came with version 7.
    assert_eq!(refused(&mut client, 6, "t", spoiled(21, &[0, 4])), ErrorCode::UnsupportedCompressionType);
    assert_eq!(client.produce("t", 7, &["a"]), Err(ErrorCode::InvalidRequiredAcks));
    assert_eq!(client.produce("t", -1, &["a"]), Ok(0), "nothing of the above was appended");
    block_on(cluster.shut_down());
}

#[test]
fn a_broker_that_does_not_lead_says_so_and_what_does_not_exist_is_unknown() {
    let folder = tempdir().unwrap();
    let cluster = start(3, folder.path());
    let brokers: Vec<SocketAddr> = cluster.addresses().map(|(_, address)| address).collect();
    let mut client = Client::connect(brokers[0]);
    client.create("t", 1, 1);
    let leader = client.leader("t", 0);
    for broker in brokers.iter().filter(|broker| **broker != leader) {
        let mut client = Client::connect(*broker);
        // This broker hears of the topic when it has applied the metadata.
        client.leader("t", 0);
        while client.produce("t", 1, &["a"]) == Err(ErrorCode::UnknownTopicOrPartition) {}
        assert_eq!(client.produce("t", 1, &["a"]), Err(ErrorCode::NotLeaderOrFollower));
        for version in [4, 11] {
            let ResponseBody::Fetch(answer) = client.call(version, fetch("t", 0, 1 << 20)) else {
                panic!("another answer")
            };
            assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::NotLeaderOrFollower.code());
        }
        let mut unknown = fetch("t", 0, 1 << 20);
        unknown.topics[0].partitions[0].partition = 1;
        let ResponseBody::Fetch(answer) = client.call(11, unknown) else { panic!("another answer") };
        assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    }
    let name = |name: &str| MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
    let wanted = MetadataRequest { topics: Some(vec![name("bad name"), name("none")]), ..Default::default() };
    let ResponseBody::Metadata(answer) =
        client.call(12, MetadataRequest { allow_auto_topic_creation: false, ..wanted })
    else {
        panic!("another answer")
    };
    let errors: Vec<ErrorCode> = answer.topics.iter().map(|topic| ErrorCode::from_code(topic.error_code)).collect();
    assert_eq!(errors, [ErrorCode::InvalidTopicException, ErrorCode::UnknownTopicOrPartition]);
    block_on(cluster.shut_down());
}

#[test]
fn offsets_are_told_in_every_version() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    client.produce("t", -1, &["a", "b"]).unwrap();
    for version in versions(tribunal_protocol::ApiKey::ListOffsets).iter() {
        for (timestamp, offset) in [(-1, 2), (-2, 0), (1_700_000_000_000, 0), (1_800_000_000_000, -1)] {
            let wanted = ListOffsetsPartition { timestamp, current_leader_epoch: -1, ..Default::default() };
            let topic = ListOffsetsTopic { name: Str::from("t"), partitions: vec![wanted] };
            let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
            let ResponseBody::ListOffsets(answer) = client.call(version, request) else { panic!("another answer") };
            let found = &answer.topics[0].partitions[0];
            assert_eq!((found.error_code, found.offset), (0, offset), "version {version}, timestamp {timestamp}");
        }
    }
    block_on(cluster.shut_down());
}

#[test]
fn admin_clients_see_cluster_settings_sizes_and_change_topics() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    client.produce("t", -1, &["a", "b", "c"]).unwrap();

    let ResponseBody::DescribeCluster(answer) =
        client.call(1, DescribeClusterRequest { endpoint_type: 1, ..Default::default() })
    else {
        panic!("another answer")
    };
    assert_eq!(answer.cluster_id, *cluster.cluster_id());
    assert_eq!(answer.brokers.iter().map(|broker| broker.broker_id).collect::<Vec<_>>(), [1]);

    let resource = |resource_type, name: &str| DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: None,
    };
    let resources = vec![resource(2, "t"), resource(4, "1"), resource(2, "none"), resource(4, "2")];
    let ResponseBody::DescribeConfigs(answer) =
        client.call(4, DescribeConfigsRequest { resources, ..Default::default() })
    else {
        panic!("another answer")
    };
    let errors: Vec<i16> = answer.results.iter().map(|result| result.error_code).collect();
    assert_eq!(errors, [0, 0, ErrorCode::UnknownTopicOrPartition.code(), ErrorCode::InvalidRequest.code()]);
    let value = |result: usize, name: &str| {
        let found = answer.results[result].configs.iter().find(|config| config.name == *name);
        found.and_then(|config| config.value.clone()).map(String::from)
    };
    assert_eq!(value(0, "max.message.bytes").as_deref(), Some("1048588"));
    assert_eq!(value(1, "node.id").as_deref(), Some("1"));

    let ResponseBody::DescribeLogDirs(answer) = client.call(4, DescribeLogDirsRequest { topics: None }) else {
        panic!("another answer")
    };
    assert_eq!(answer.results[0].topics[0].name, "t");
    assert!(answer.results[0].topics[0].partitions[0].partition_size > 0);

    let delete = |offset| {
        let partition = DeleteRecordsPartition { partition_index: 0, offset };
        let topic = DeleteRecordsTopic { name: Str::from("t"), partitions: vec![partition] };
        DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1_000 }
    };
    for (offset, error, low) in [(2, 0, 2), (1, 0, 2), (9, 1, -1), (-1, 0, 3)] {
        let ResponseBody::DeleteRecords(answer) = client.call(2, delete(offset)) else { panic!("another answer") };
        let result = &answer.topics[0].partitions[0];
        assert_eq!((result.error_code, result.low_watermark), (error, low), "before {offset}");
    }

    let topic = CreatePartitionsTopic { name: Str::from("t"), count: 5, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1_000, validate_only: false };
    let ResponseBody::CreatePartitions(answer) = client.call(3, request) else { panic!("another answer") };
    assert_eq!(answer.results[0].error_code, 0);
    client.leader("t", 4);
    // Page by page: two partitions, two, one.
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest {
            topics: vec![TopicRequest { name: Str::from("t") }],
            response_partition_limit: 2,
            cursor,
        };
        let ResponseBody::DescribeTopicPartitions(answer) = client.call(0, request) else { panic!("another answer") };
        pages.push(answer.topics[0].partitions.iter().map(|found| found.partition_index).collect::<Vec<_>>());
        let Some(next) = answer.next_cursor else { break };
        cursor = Some(tribunal_protocol::messages::describe_topic_partitions_request::Cursor {
            topic_name: next.topic_name,
            partition_index: next.partition_index,
        });
    }
    assert_eq!(pages, [vec![0, 1], vec![2, 3], vec![4]]);
    block_on(cluster.shut_down());
}

#[test]
fn clients_are_told_what_is_advertised_and_replicas_are_spread_over_racks() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = common::start_with(3, folder.path(), |config| {
        for (member, rack) in config.members.iter_mut().zip(["a", "a", "b"]) {
            member.advertised = Some((Str::from_static("kafka.example.com"), 19_091 + member.id as u16));
            member.rack = Some(Str::from_static(rack));
        }
    });
    assert_eq!(cluster.bootstrap(), "kafka.example.com:19092,kafka.example.com:19093,kafka.example.com:19094");
    let mut client = Client::connect(common::first(&cluster));
    client.create("t", 6, 2);
    let request = MetadataRequest { topics: None, ..Default::default() };
    // The broker that was asked may not have applied the topic yet.
    let answer = loop {
        let ResponseBody::Metadata(answer) = client.call(12, request.clone()) else { panic!("another answer") };
        if answer.topics.iter().any(|topic| topic.partitions.len() == 6) {
            break answer;
        }
    };
    let mut brokers: Vec<_> = answer.brokers.iter().map(|b| (b.node_id, &*b.host, b.port, b.rack.as_deref())).collect();
    brokers.sort_unstable();
    let host = "kafka.example.com";
    let told = [(1, host, 19_092, Some("a")), (2, host, 19_093, Some("a")), (3, host, 19_094, Some("b"))];
    assert_eq!(brokers, told);
    assert_eq!(answer.topics[0].partitions.len(), 6);
    for partition in &answer.topics[0].partitions {
        assert!(partition.replica_nodes.contains(&3), "{:?} are on one rack", partition.replica_nodes);
    }
}
