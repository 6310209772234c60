use std::collections::BTreeSet;

use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use tribunal_protocol::messages::create_topics_response::CreatableTopicResult;
use tribunal_protocol::messages::delete_topics_request::DeleteTopicState;
use tribunal_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, CreateTopicsRequest, DeleteTopicsRequest,
};
use tribunal_protocol::{ErrorCode, ResponseBody, Str, Uuid};

use crate::support::{Cluster, assigned, placed, settings};

fn create_all(cluster: &mut Cluster, topics: Vec<CreatableTopic>, validate_only: bool) -> Vec<CreatableTopicResult> {
    match cluster.call(7, CreateTopicsRequest { topics, timeout_ms: 1_000, validate_only }) {
        ResponseBody::CreateTopics(reply) => reply.topics,
        other => panic!("{other:?}"),
    }
}

/// Error and message of a topic that is not created.
fn refused(cluster: &mut Cluster, topic: CreatableTopic) -> (ErrorCode, String) {
    let before = cluster.log.records.len();
    let result = cluster.create(topic);
    assert_eq!(cluster.log.records.len(), before);
    (ErrorCode::from_code(result.error_code), result.error_message.expect("it says why").to_string())
}

#[test]
fn replicas_are_spread_evenly() {
    let mut cluster = Cluster::of(3);
    let created = cluster.create(placed("t", 3, 2));
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 3, 2));
    let topic = cluster.topic_named("t").unwrap();
    let leaders: BTreeSet<i32> = topic.partitions.values().map(|partition| partition.leader).collect();
    assert_eq!(leaders, BTreeSet::from([1, 2, 3]));
    for broker in 1..=3 {
        let replicas = topic.partitions.values().filter(|partition| partition.replicas.contains(&broker)).count();
        assert_eq!(replicas, 2);
    }
    for partition in topic.partitions.values() {
        assert_eq!(partition.isr, partition.replicas);
        assert_eq!((partition.leader_epoch, partition.partition_epoch), (0, 0));
        assert!(partition.has_preferred_leader());
    }
}

#[test]
fn minus_one_means_the_default() {
    let mut cluster = Cluster::of(3);
    cluster.cfg.topic.num_partitions = 4;
    cluster.cfg.topic.replication_factor = 3;
    let created = cluster.create(placed("t", -1, -1));
    assert_eq!((created.num_partitions, created.replication_factor), (4, 3));
}

#[test]
fn a_replica_on_a_fenced_broker_is_not_in_sync() {
    let mut cluster = Cluster::of(3);
    cluster.expire(2);
    let created = cluster.create(placed("t", 3, 3));
    assert_eq!(created.error_code, 0);
    for partition in cluster.topic_named("t").unwrap().partitions.values() {
        assert!(partition.replicas.contains(&2) && !partition.isr.contains(&2));
        assert_eq!(partition.isr.len(), 2);
    }
}

#[test]
fn a_broker_that_shuts_down_gets_no_replicas() {
    let mut cluster = Cluster::of(2);
    cluster.topic("t", &[1, 2]);
    cluster.ask_to_stop(1);
    assert_eq!(refused(&mut cluster, placed("u", 1, 2)).0, ErrorCode::InvalidReplicationFactor);
    assert_eq!(cluster.create(placed("u", 3, 1)).error_code, 0);
    assert!(cluster.topic_named("u").unwrap().partitions.values().all(|partition| partition.leader == 2));
}

#[test]
fn more_replicas_than_brokers_are_refused() {
    let mut cluster = Cluster::of(2);
    let why = "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because \
               only 2 broker(s) are registered.";
    assert_eq!(refused(&mut cluster, placed("t", 1, 3)), (ErrorCode::InvalidReplicationFactor, why.to_owned()));
    cluster.expire(1);
    cluster.expire(2);
    let why = "Unable to replicate the partition 1 time(s): All brokers are currently fenced.";
    assert_eq!(refused(&mut cluster, placed("t", 1, 1)), (ErrorCode::InvalidReplicationFactor, why.to_owned()));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let mut cluster = Cluster::of(1);
    for factor in [0, -2] {
        assert_eq!(refused(&mut cluster, placed("t", 1, factor)).0, ErrorCode::InvalidReplicationFactor);
    }
    for partitions in [0, -2] {
        assert_eq!(refused(&mut cluster, placed("t", partitions, 1)).0, ErrorCode::InvalidPartitions);
    }
    assert_eq!(refused(&mut cluster, placed("t", i32::MAX, 1)).0, ErrorCode::PolicyViolation);
    assert_eq!(refused(&mut cluster, placed("t", 10_000, 1)).0, ErrorCode::PolicyViolation);
    assert_eq!(cluster.create(placed("t", 9_999, 1)).error_code, 0);
}

#[test]
fn an_assignment_is_taken_as_it_is() {
    let mut cluster = Cluster::of(3);
    let created = cluster.create(assigned("t", &[&[3, 1], &[1, 2]]));
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 2, 2));
    let topic = cluster.topic_named("t").unwrap();
    assert_eq!((&topic.partitions[&0].replicas[..], topic.partitions[&0].leader), (&[3, 1][..], 3));
    assert_eq!((&topic.partitions[&1].replicas[..], topic.partitions[&1].leader), (&[1, 2][..], 1));
}

#[test]
fn an_assignment_that_cannot_be_is_refused() {
    let mut cluster = Cluster::of(2);
    for replicas in [&[&[][..]][..], &[&[1, 1]], &[&[7]], &[&[1], &[1, 2]]] {
        let (error, why) = refused(&mut cluster, assigned("t", replicas));
        assert_eq!(error, ErrorCode::InvalidReplicaAssignment, "{why}");
    }
    let mut gap = assigned("t", &[&[1], &[2]]);
    gap.assignments[1].partition_index = 2;
    assert_eq!(refused(&mut cluster, gap.clone()).0, ErrorCode::InvalidReplicaAssignment);
    gap.assignments[1].partition_index = 0;
    assert_eq!(refused(&mut cluster, gap).0, ErrorCode::InvalidReplicaAssignment);
    for (num_partitions, replication_factor) in [(1, -1), (-1, 1)] {
        let both = CreatableTopic { num_partitions, replication_factor, ..assigned("t", &[&[1]]) };
        assert_eq!(refused(&mut cluster, both).0, ErrorCode::InvalidRequest);
    }
    cluster.expire(2);
    assert_eq!(refused(&mut cluster, assigned("t", &[&[2]])).0, ErrorCode::InvalidReplicaAssignment);
}

#[test]
fn names_that_kafka_does_not_allow_are_refused() {
    let mut cluster = Cluster::of(1);
    for name in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(250)] {
        let (error, why) = refused(&mut cluster, placed(name, 1, 1));
        assert_eq!(error, ErrorCode::InvalidTopicException, "{name}");
        assert!(why.starts_with("Topic name is invalid: "), "{why}");
    }
    assert_eq!(refused(&mut cluster, placed("__cluster_metadata", 1, 1)).0, ErrorCode::InvalidRequest);
    assert_eq!(cluster.create(placed(&"x".repeat(249), 1, 1)).error_code, 0);
}

#[test]
fn a_name_is_given_once_and_so_is_its_metric_name() {
    let mut cluster = Cluster::of(1);
    cluster.topic("a.b", &[1]);
    assert_eq!(
        refused(&mut cluster, placed("a.b", 1, 1)),
        (ErrorCode::TopicAlreadyExists, "Topic 'a.b' already exists.".to_owned())
    );
    assert_eq!(refused(&mut cluster, placed("a_b", 1, 1)).0, ErrorCode::InvalidTopicException);
    let results = create_all(&mut cluster, ["x", "x", "y.z", "y_z"].map(|name| placed(name, 1, 1)).to_vec(), false);
    let errors: Vec<_> = results.iter().map(|result| ErrorCode::from_code(result.error_code)).collect();
    // One answer to what comes twice; what collides with nothing that exists is Kafka's to take.
    assert_eq!(errors, [ErrorCode::InvalidRequest, ErrorCode::None, ErrorCode::None]);
}

#[test]
fn a_request_for_too_many_partitions_is_refused_as_a_whole() {
    let mut cluster = Cluster::of(1);
    let results = create_all(&mut cluster, vec![placed("small", 1, 1), placed("large", 10_000, 1)], false);
    let errors: Vec<_> = results.iter().map(|result| ErrorCode::from_code(result.error_code)).collect();
    assert_eq!(errors, [ErrorCode::PolicyViolation; 2]);
    assert!(cluster.topic_named("small").is_none());
}

#[test]
fn settings_hold_for_the_topic_and_are_reported() {
    let mut cluster = Cluster::of(1);
    let configs = settings(&[("min.insync.replicas", "3"), ("retention.ms", "-1"), ("flush.messages", "1")]);
    let created = cluster.create(CreatableTopic { configs, ..placed("t", 1, 1) });
    let config = cluster.image().topic_config(&Str::from("t"), &cluster.cfg);
    assert_eq!((config.min_insync_replicas, config.retention_ms), (3, None));
    assert_eq!(config.flush, tribunal_common::FlushPolicy::EveryWrite);
    assert_eq!(config.segment_bytes, cluster.cfg.log.segment_bytes);
    let reported = created.configs.unwrap();
    assert_eq!(reported.len(), 12);
    let of = |name: &str| reported.iter().find(|config| config.name == name).unwrap();
    assert_eq!((of("retention.ms").value.as_deref(), of("retention.ms").config_source), (Some("-1"), 1));
    assert_eq!((of("segment.bytes").value.as_deref(), of("segment.bytes").config_source), (Some("1073741824"), 5));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let mut cluster = Cluster::of(1);
    for (name, value) in [
        ("min.insync.replicas", "0"),
        ("min.insync.replicas", "many"),
        ("min.insync.replicas", "2147483648"),
        ("unclean.leader.election.enable", "maybe"),
        ("retention.ms", "-2"),
        ("retention.ms", "9223372036854775808"),
        ("segment.bytes", "14"),
        ("segment.ms", "0"),
        ("flush.messages", "0"),
        ("max.message.bytes", "-1"),
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "createtime"),
        ("no.such.setting", "1"),
    ] {
        let topic = CreatableTopic { configs: settings(&[(name, value)]), ..placed("t", 1, 1) };
        let (error, why) = refused(&mut cluster, topic);
        assert_eq!(error, ErrorCode::InvalidConfig, "{name}={value}");
        assert!(why.contains(name), "{why}");
    }
    let null = CreatableTopicConfig { name: Str::from("retention.ms"), value: None };
    let topic = CreatableTopic { configs: vec![null], ..placed("t", 1, 1) };
    let why = "Null value not supported for topic configs: retention.ms";
    assert_eq!(refused(&mut cluster, topic), (ErrorCode::InvalidConfig, why.to_owned()));
}

#[test]
fn validation_says_what_would_be_and_creates_nothing() {
    let mut cluster = Cluster::of(2);
    let before = cluster.log.records.len();
    let results = create_all(&mut cluster, vec![placed("t", 2, 2), placed("u", 1, 9)], true);
    assert_eq!((results[0].error_code, results[0].num_partitions, results[0].topic_id), (0, 2, Uuid::ZERO));
    assert_eq!(results[1].error_code, ErrorCode::InvalidReplicationFactor.code());
    assert_eq!(cluster.log.records.len(), before);
    assert!(cluster.topic_named("t").is_none());
}

#[test]
fn a_recreated_topic_has_another_id() {
    let mut cluster = Cluster::of(1);
    let mut ids = BTreeSet::new();
    for _ in 0..10 {
        let id = cluster.topic("t", &[1]).topic;
        assert!(ids.insert(id), "{id} comes twice");
        assert!(id.0 > 100 && !id.to_string().starts_with('-'));
        delete(&mut cluster, vec![by_id(id)]);
    }
}

fn by_id(topic_id: Uuid) -> DeleteTopicState {
    DeleteTopicState { name: None, topic_id }
}

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState { name: Some(Str::from(name)), topic_id: Uuid::ZERO }
}

fn delete(cluster: &mut Cluster, topics: Vec<DeleteTopicState>) -> Vec<ErrorCode> {
    let request = DeleteTopicsRequest { topics, topic_names: Vec::new(), timeout_ms: 1_000 };
    match cluster.call(6, request) {
        ResponseBody::DeleteTopics(reply) => {
            reply.responses.iter().map(|topic| ErrorCode::from_code(topic.error_code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn topics_are_deleted_by_name_or_id_with_their_settings() {
    let mut cluster = Cluster::of(1);
    cluster.topic_with("a", &[1], &[("retention.ms", "1")]);
    let b = cluster.topic("b", &[1]);
    assert_eq!(delete(&mut cluster, vec![by_name("a"), by_id(b.topic)]), [ErrorCode::None; 2]);
    assert_eq!(cluster.image().topics().count(), 0);
    cluster.topic("a", &[1]);
    assert_ne!(cluster.image().topic_config(&Str::from("a"), &cluster.cfg).retention_ms, Some(1));
}

#[test]
fn old_versions_delete_by_name() {
    let mut cluster = Cluster::of(1);
    cluster.topic("a", &[1]);
    let topic_names = vec![Str::from("a"), Str::from("nothing")];
    let request = DeleteTopicsRequest { topics: Vec::new(), topic_names, timeout_ms: 1_000 };
    let ResponseBody::DeleteTopics(reply) = cluster.call(5, request) else { panic!() };
    let errors: Vec<i16> = reply.responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [0, ErrorCode::UnknownTopicOrPartition.code()]);
}

#[test]
fn what_cannot_be_deleted_says_why() {
    let mut cluster = Cluster::of(1);
    let id = cluster.topic("a", &[1]).topic;
    let both = DeleteTopicState { name: Some(Str::from("a")), topic_id: id };
    let errors = delete(&mut cluster, vec![by_name("x"), by_id(Uuid(7)), by_id(Uuid::ZERO), both]);
    let [name, topic_id, invalid] =
        [ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicId, ErrorCode::InvalidRequest];
    assert_eq!(errors, [topic_id, invalid, name, invalid]);
    for twice in [[by_name("a"), by_id(id)], [by_name("a"), by_name("a")], [by_id(id), by_id(id)]] {
        assert_eq!(delete(&mut cluster, twice.to_vec()), [invalid], "one answer to what comes twice");
    }
    assert!(cluster.topic_named("a").is_some());
}

#[test]
fn producer_ids_come_in_blocks_that_do_not_overlap() {
    let mut cluster = Cluster::of(1);
    let mut allocate = |broker_epoch| match cluster.call(0, AllocateProducerIdsRequest { broker_id: 1, broker_epoch }) {
        ResponseBody::AllocateProducerIds(reply) => reply,
        other => panic!("{other:?}"),
    };
    let stale = allocate(-1);
    assert_eq!(stale.error_code, ErrorCode::StaleBrokerEpoch.code());
    let epoch = (0..100).find(|epoch| allocate(*epoch).error_code == 0).unwrap();
    let AllocateProducerIdsResponse { producer_id_start, producer_id_len, .. } = allocate(epoch);
    assert_eq!((producer_id_start, producer_id_len), (1_000, 1_000));
}
