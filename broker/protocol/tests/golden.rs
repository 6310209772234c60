//! Bytes that Apache Kafka 4.1.1 itself wrote (`MetadataRecordSerde` and the generated classes of kafka-clients), and
//! a few written out by hand from the protocol's definition.

use tribunal_protocol::messages::broker_registration_request::Listener;
use tribunal_protocol::messages::*;
use tribunal_protocol::*;

const TOPIC: Uuid = Uuid(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f);
const DIRECTORY: Uuid = Uuid(u128::MAX);

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> =
        text.bytes().filter(|c| !c.is_ascii_whitespace()).map(|c| (c as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The record is encoded as, and decoded from, what Kafka wrote.
fn record(version: i16, record: impl Into<MetadataRecord>, kafka: &str) {
    let record = record.into();
    let mut out = BytesMut::new();
    record.encode(version, &mut out).unwrap();
    assert_eq!(out, hex(kafka), "{record:#?}");
    assert_eq!(MetadataRecord::decode(hex(kafka)), Ok((record, version)));
}

/// The message is encoded as, and decoded from, what Kafka wrote.
macro_rules! message {
    ($version:literal, $name:ident { $($fields:tt)* }, $kafka:literal) => {{
        let value = $name { $($fields)* };
        let mut out = BytesMut::new();
        value.encode($version, &mut out).unwrap();
        assert_eq!(out, hex($kafka), "{value:#?}");
        let mut reader = Reader::new(hex($kafka));
        assert_eq!($name::decode($version, &mut reader), Ok(value));
        assert_eq!(reader.remaining(), 0);
    }};
}

fn registration() -> RegisterBrokerRecord {
    RegisterBrokerRecord {
        broker_id: 1,
        incarnation_id: TOPIC,
        broker_epoch: 7,
        end_points: vec![register_broker_record::BrokerEndpoint {
            name: "PLAINTEXT".into(),
            host: "h".into(),
            port: 9092,
            security_protocol: 0,
        }],
        features: vec![register_broker_record::BrokerFeature {
            name: "metadata.version".into(),
            min_supported_version: 7,
            max_supported_version: 27,
        }],
        rack: Some("r1".into()),
        fenced: true,
        ..Default::default()
    }
}

#[test]
fn broker_records_are_those_of_kafka() {
    record(
        0,
        registration(),
        "01000000000001000102030405060708090a0b0c0d0e0f0000000000000007020a504c41494e544558540268238400000002\
         116d657461646174612e76657273696f6e0007001b000372310100",
    );
    record(
        1,
        RegisterBrokerRecord { in_controlled_shutdown: true, ..registration() },
        "01000100000001000102030405060708090a0b0c0d0e0f0000000000000007020a504c41494e544558540268238400000002\
         116d657461646174612e76657273696f6e0007001b00037231010100",
    );
    record(
        3,
        RegisterBrokerRecord { in_controlled_shutdown: true, log_dirs: vec![TOPIC], rack: None, ..registration() },
        "0100030000000100000102030405060708090a0b0c0d0e0f0000000000000007020a504c41494e544558540268238400000002\
         116d657461646174612e76657273696f6e0007001b0000010101001102000102030405060708090a0b0c0d0e0f",
    );
    record(0, UnregisterBrokerRecord { broker_id: 2, broker_epoch: 9 }, "01010000000002000000000000000900");
    record(0, FenceBrokerRecord { id: 1, epoch: 8 }, "01070000000001000000000000000800");
    record(0, UnfenceBrokerRecord { id: 1, epoch: 8 }, "01080000000001000000000000000800");
    let change = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: 7, fenced: -1, ..Default::default() };
    record(0, change.clone(), "011100000000010000000000000007010001ff");
    record(
        2,
        BrokerRegistrationChangeRecord { fenced: 1, in_controlled_shutdown: 1, log_dirs: vec![TOPIC], ..change },
        "01110200000001000000000000000703000101010101021102000102030405060708090a0b0c0d0e0f",
    );
}

#[test]
fn topic_and_partition_records_are_those_of_kafka() {
    record(
        0,
        TopicRecord { name: "orders".into(), topic_id: TOPIC },
        "010200076f7264657273000102030405060708090a0b0c0d0e0f00",
    );
    record(0, RemoveTopicRecord { topic_id: TOPIC }, "010900000102030405060708090a0b0c0d0e0f00");
    let partition = PartitionRecord {
        partition_id: 3,
        topic_id: TOPIC,
        replicas: vec![1, 2, 3],
        isr: vec![1, 2],
        leader: 1,
        leader_epoch: 5,
        partition_epoch: 6,
        ..Default::default()
    };
    record(
        0,
        partition.clone(),
        "01030000000003000102030405060708090a0b0c0d0e0f04000000010000000200000003030000000100000002010100000001\
         000000050000000600",
    );
    let partition = PartitionRecord { directories: vec![TOPIC, DIRECTORY], ..partition };
    record(
        1,
        PartitionRecord { leader_recovery_state: 1, ..partition.clone() },
        "01030100000003000102030405060708090a0b0c0d0e0f04000000010000000200000003030000000100000002010100000001\
         000000050000000603000102030405060708090a0b0c0d0e0fffffffffffffffffffffffffffffffff01000101",
    );
    record(
        2,
        PartitionRecord { eligible_leader_replicas: Some(vec![3]), last_known_elr: Some(vec![]), ..partition },
        "01030200000003000102030405060708090a0b0c0d0e0f04000000010000000200000003030000000100000002010100000001\
         000000050000000603000102030405060708090a0b0c0d0e0fffffffffffffffffffffffffffffffff0201050200000003020101",
    );
    let nothing = PartitionChangeRecord { partition_id: 3, topic_id: TOPIC, ..Default::default() };
    record(0, nothing.clone(), "01050000000003000102030405060708090a0b0c0d0e0f00");
    let change = PartitionChangeRecord { isr: Some(vec![2]), leader: 2, ..nothing };
    record(0, change.clone(), "01050000000003000102030405060708090a0b0c0d0e0f0200050200000002010400000002");
    record(
        2,
        PartitionChangeRecord {
            replicas: Some(vec![2, 1]),
            removing_replicas: Some(vec![]),
            adding_replicas: Some(vec![9]),
            leader_recovery_state: 0,
            directories: Some(vec![TOPIC]),
            eligible_leader_replicas: Some(vec![1]),
            last_known_elr: Some(vec![3]),
            ..change
        },
        "01050200000003000102030405060708090a0b0c0d0e0f0900050200000002010400000002020903000000020000000103010104\
         0502000000090501000605020000000107050200000003081102000102030405060708090a0b0c0d0e0f",
    );
}

#[test]
fn other_metadata_records_are_those_of_kafka() {
    let config = ConfigRecord {
        resource_type: 2,
        resource_name: "orders".into(),
        name: "min.insync.replicas".into(),
        value: Some("2".into()),
    };
    record(0, config.clone(), "01040002076f7264657273146d696e2e696e73796e632e7265706c69636173023200");
    record(
        0,
        ConfigRecord { value: None, ..config },
        "01040002076f7264657273146d696e2e696e73796e632e7265706c696361730000",
    );
    record(
        0,
        FeatureLevelRecord { name: "metadata.version".into(), feature_level: 27 },
        "010c00116d657461646174612e76657273696f6e001b00",
    );
    record(
        0,
        ProducerIdsRecord { broker_id: 1, broker_epoch: 7, next_producer_id: 1000 },
        "010f0000000001000000000000000700000000000003e800",
    );
    record(0, NoOpRecord {}, "01140000");
}

#[test]
fn control_records_are_those_of_kafka() {
    message!(
        1,
        LeaderChangeMessage {
            version: 1,
            leader_id: 1,
            voters: vec![leader_change_message::Voter { voter_id: 1, voter_directory_id: TOPIC }],
            granting_voters: vec![],
        },
        "0001000000010200000001000102030405060708090a0b0c0d0e0f000100"
    );
    message!(
        0,
        SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: 1_234_567_890_123 },
        "00000000011f71fb04cb00"
    );
    message!(0, SnapshotFooterRecord { version: 0 }, "000000");
    message!(0, KRaftVersionRecord { version: 0, kraft_version: 1 }, "0000000100");
    message!(
        0,
        VotersRecord {
            version: 0,
            voters: vec![voters_record::Voter {
                voter_id: 1,
                voter_directory_id: TOPIC,
                endpoints: vec![voters_record::Endpoint { name: "CONTROLLER".into(), host: "h".into(), port: 65535 }],
                kraft_version_feature: voters_record::KRaftVersionFeature {
                    min_supported_version: 0,
                    max_supported_version: 1,
                },
            }],
        },
        "00000200000001000102030405060708090a0b0c0d0e0f020b434f4e54524f4c4c45520268ffff0000000001000000"
    );
}

#[test]
fn a_follower_fetch_is_that_of_kafka() {
    use fetch_request::{FetchPartition, FetchTopic, ReplicaState};
    message!(
        18,
        FetchRequest {
            cluster_id: Some("c".into()),
            replica_state: ReplicaState { replica_id: 2, replica_epoch: 11 },
            max_wait_ms: 500,
            min_bytes: 1,
            topics: vec![FetchTopic {
                topic_id: TOPIC,
                partitions: vec![FetchPartition {
                    partition: 0,
                    current_leader_epoch: 4,
                    fetch_offset: 100,
                    last_fetched_epoch: 3,
                    partition_max_bytes: 1_048_576,
                    replica_directory_id: DIRECTORY,
                    high_watermark: 90,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        },
        "000001f4000000017fffffff0000000000ffffffff02000102030405060708090a0b0c0d0e0f02000000000000000400000000\
         0000006400000003ffffffffffffffff00100000020010ffffffffffffffffffffffffffffffff0108000000000000005a0001\
         010200020263010d00000002000000000000000b00"
    );
}

#[test]
fn a_diverging_fetch_response_is_that_of_kafka() {
    use fetch_response::{EpochEndOffset, FetchableTopicResponse, NodeEndpoint, PartitionData};
    message!(
        18,
        FetchResponse {
            session_id: 5,
            responses: vec![FetchableTopicResponse {
                topic_id: TOPIC,
                partitions: vec![PartitionData {
                    partition_index: 1,
                    high_watermark: 42,
                    last_stable_offset: 42,
                    log_start_offset: 0,
                    diverging_epoch: EpochEndOffset { epoch: 2, end_offset: 17 },
                    aborted_transactions: None,
                    records: None,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: vec![NodeEndpoint { node_id: 1, host: "h".into(), port: 9092, rack: None }],
            ..Default::default()
        },
        "0000000000000000000502000102030405060708090a0b0c0d0e0f02000000010000000000000000002a000000000000002a00\
         0000000000000000ffffffff0001000d000000020000000000000011000001000d02000000010268000023840000"
    );
}

#[test]
fn a_pre_vote_is_that_of_kafka() {
    use vote_request::{PartitionData, TopicData};
    message!(
        2,
        VoteRequest {
            cluster_id: Some("c".into()),
            voter_id: 3,
            topics: vec![TopicData {
                topic_name: "__cluster_metadata".into(),
                partitions: vec![PartitionData {
                    partition_index: 0,
                    replica_epoch: 5,
                    replica_id: 1,
                    replica_directory_id: TOPIC,
                    voter_directory_id: DIRECTORY,
                    last_offset_epoch: 4,
                    last_offset: 99,
                    pre_vote: true,
                }],
            }],
        },
        "02630000000302135f5f636c75737465725f6d6574616461746102000000000000000500000001000102030405060708090a0b\
         0c0d0e0fffffffffffffffffffffffffffffffff00000004000000000000006301000000"
    );
}

#[test]
fn handshakes_are_those_of_kafka() {
    message!(
        4,
        ApiVersionsRequest { client_software_name: "tribunal".into(), client_software_version: "1".into() },
        "0974726962756e616c023100"
    );
    message!(
        4,
        ApiVersionsResponse {
            api_keys: vec![api_versions_response::ApiVersion { api_key: 0, min_version: 0, max_version: 13 }],
            finalized_features_epoch: 3,
            ..Default::default()
        },
        "00000200000000000d00000000000101080000000000000003"
    );
    message!(9, MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() }, "0000000000");
    message!(
        2,
        RequestHeader {
            request_api_key: 18,
            request_api_version: 4,
            correlation_id: 7,
            client_id: Some("tribunal".into()),
        },
        "0012000400000007000874726962756e616c00"
    );
}

#[test]
fn frames_are_laid_out_as_the_protocol_says() {
    let client_id = Str::from_static("me");
    let request =
        encode_request(1, Some(&client_id), 1, &MetadataRequest { topics: None, ..Default::default() }.into());
    //                          length   key  ver. correlat client id  null
    assert_eq!(request.unwrap(), hex("00000010 0003 0001 00000001 00026d65 ffffffff"));

    let response = encode_response(1, 0, &ApiVersionsResponse::default().into());
    assert_eq!(response.unwrap(), hex("0000000a 00000001 0000 00000000"));

    // Flexible since version 3, and yet under a header without tagged fields.
    let response = encode_response(1, 3, &ApiVersionsResponse::default().into());
    assert_eq!(response.unwrap(), hex("0000000c 00000001 0000 01 00000000 00"));
}

#[test]
fn ids_read_as_kafka_writes_them() {
    for (id, text) in [
        (TOPIC, "AAECAwQFBgcICQoLDA0ODw"),
        (DIRECTORY, "_____________________w"),
        (Uuid::METADATA_TOPIC, "AAAAAAAAAAAAAAAAAAAAAQ"),
        (Uuid::ZERO, "AAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
    }
    // Too short, too long, no base64, bits beyond the 128th.
    for text in
        ["", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0+Dw", "AAECAwQFBgcICQoLDA0ODx"]
    {
        assert_eq!(text.parse::<Uuid>(), Err(ParseUuidError), "{text}");
    }
}

#[test]
fn defaults_are_those_of_kafka() {
    let fetch = FetchRequest::default();
    assert_eq!((fetch.replica_id, fetch.max_bytes, fetch.session_epoch), (-1, i32::MAX, -1));
    assert_eq!(fetch_request::FetchPartition::default().high_watermark, i64::MAX);
    assert_eq!(MetadataRequest::default().topics, Some(vec![]));
    assert!(MetadataRequest::default().allow_auto_topic_creation);
    assert_eq!(MetadataResponse::default().cluster_authorized_operations, i32::MIN);
    assert_eq!(CreateTopicsRequest::default().timeout_ms, 60_000);
    assert_eq!(PartitionChangeRecord::default().leader, -2);
    assert!(RegisterBrokerRecord::default().fenced);
    assert_eq!(OffsetForLeaderEpochRequest::default().replica_id, -2);
    assert_eq!(BrokerRegistrationRequest::default().rack, Some(Str::new()));
    assert_eq!(Listener::default().port, 0);
}
