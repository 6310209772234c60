use tribunal_common::TopicIdPartition;
use tribunal_controller::{Change, MetadataImage, ReplayError, partition_state};
use tribunal_protocol::messages::*;
use tribunal_protocol::{MetadataRecord, Str, Uuid};

use crate::support::Cluster;

const TOPIC: Uuid = Uuid(500);
const ID: TopicIdPartition = TopicIdPartition { topic: TOPIC, partition: 0 };

fn apply(image: &mut MetadataImage, record: impl Into<MetadataRecord>) -> Result<Vec<Change>, ReplayError> {
    let mut changes = Vec::new();
    image.apply(image.offset() + 1, 0, &record.into(), &mut |change| changes.push(change))?;
    Ok(changes)
}

fn partition() -> PartitionRecord {
    PartitionRecord {
        partition_id: 0,
        topic_id: TOPIC,
        replicas: vec![1, 2, 3],
        isr: vec![1, 2],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        ..Default::default()
    }
}

fn with_partition() -> MetadataImage {
    let mut image = MetadataImage::new();
    apply(&mut image, TopicRecord { name: Str::from("t"), topic_id: TOPIC }).unwrap();
    apply(&mut image, partition()).unwrap();
    image
}

#[test]
fn a_change_says_what_it_touched_and_whether_it_was_unclean() {
    let mut image = with_partition();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, ..Default::default() };
    let clean = PartitionChangeRecord { isr: Some(vec![2]), leader: 2, ..change.clone() };
    assert_eq!(apply(&mut image, clean), Ok(vec![Change::Partition { id: ID, unclean: false }]));
    let unclean = PartitionChangeRecord { isr: Some(vec![3]), leader: 3, ..change.clone() };
    assert_eq!(apply(&mut image, unclean), Ok(vec![Change::Partition { id: ID, unclean: true }]));
    let state = partition_state(&image, ID, true).unwrap();
    assert_eq!((state.leader, state.leader_epoch, state.partition_epoch, state.unclean), (3, 2, 2, true));
    assert_eq!(apply(&mut image, RemoveTopicRecord { topic_id: TOPIC }), Ok(vec![Change::TopicRemoved(TOPIC)]));
    assert_eq!(partition_state(&image, ID, false), None);
}

#[test]
fn a_leader_from_the_elr_was_elected_cleanly() {
    let mut image = with_partition();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, ..Default::default() };
    let empty = PartitionChangeRecord {
        isr: Some(vec![]),
        leader: -1,
        eligible_leader_replicas: Some(vec![1, 2]),
        ..change.clone()
    };
    apply(&mut image, empty).unwrap();
    let elr = Some(vec![1]);
    let elected = PartitionChangeRecord { isr: Some(vec![2]), leader: 2, eligible_leader_replicas: elr, ..change };
    assert_eq!(apply(&mut image, elected), Ok(vec![Change::Partition { id: ID, unclean: false }]));
}

#[test]
fn the_same_leader_again_is_a_new_leader_epoch() {
    let mut image = with_partition();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, leader: 1, ..Default::default() };
    apply(&mut image, change).unwrap();
    assert_eq!(image.partition(ID).unwrap().leader_epoch, 1);
}

#[test]
fn broker_changes_are_told_apart() {
    let mut image = MetadataImage::new();
    let register = RegisterBrokerRecord { broker_id: 1, broker_epoch: 5, ..Default::default() };
    assert_eq!(apply(&mut image, register), Ok(vec![Change::BrokerRegistered(1)]));
    let change = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: 5, ..Default::default() };
    let unfence = BrokerRegistrationChangeRecord { fenced: -1, ..change.clone() };
    assert_eq!(apply(&mut image, unfence.clone()), Ok(vec![Change::BrokerUnfenced(1)]));
    assert_eq!(apply(&mut image, unfence), Ok(vec![]), "it is so already");
    let shutdown = BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..change };
    assert_eq!(apply(&mut image, shutdown), Ok(vec![Change::ControlledShutdown(1)]));
    assert_eq!(apply(&mut image, FenceBrokerRecord { id: 1, epoch: 5 }), Ok(vec![Change::BrokerFenced(1)]));
    assert_eq!(
        apply(&mut image, UnregisterBrokerRecord { broker_id: 1, broker_epoch: 5 }),
        Ok(vec![Change::BrokerUnregistered(1)])
    );
}

#[test]
fn a_record_that_cannot_follow_is_an_error_and_changes_nothing() {
    let mut image = with_partition();
    apply(&mut image, RegisterBrokerRecord { broker_id: 1, broker_epoch: 5, ..Default::default() }).unwrap();
    apply(&mut image, ProducerIdsRecord { next_producer_id: 1_000, ..Default::default() }).unwrap();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, ..Default::default() };
    let broker = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: 5, ..Default::default() };
    let hostile: Vec<MetadataRecord> = vec![
        TopicRecord { name: Str::from("t"), topic_id: Uuid(501) }.into(),
        TopicRecord { name: Str::from("u"), topic_id: TOPIC }.into(),
        TopicRecord { name: Str::from("u"), topic_id: Uuid::ZERO }.into(),
        RemoveTopicRecord { topic_id: Uuid(7) }.into(),
        PartitionRecord { topic_id: Uuid(7), ..partition() }.into(),
        PartitionRecord { partition_id: -1, ..partition() }.into(),
        PartitionRecord { replicas: vec![], isr: vec![], leader: -1, ..partition() }.into(),
        PartitionRecord { replicas: vec![1, 1], ..partition() }.into(),
        PartitionRecord { replicas: (0..1_001).collect(), ..partition() }.into(),
        PartitionRecord { isr: vec![1, 4], ..partition() }.into(),
        PartitionRecord { leader: 3, ..partition() }.into(),
        PartitionRecord { eligible_leader_replicas: Some(vec![1]), ..partition() }.into(),
        PartitionRecord { directories: vec![Uuid(1)], ..partition() }.into(),
        PartitionRecord { leader_recovery_state: 2, ..partition() }.into(),
        PartitionChangeRecord { topic_id: Uuid(7), ..change.clone() }.into(),
        PartitionChangeRecord { partition_id: 1, ..change.clone() }.into(),
        PartitionChangeRecord { leader: 3, ..change.clone() }.into(),
        PartitionChangeRecord { isr: Some(vec![2]), ..change.clone() }.into(),
        PartitionChangeRecord { replicas: Some(vec![4]), ..change }.into(),
        RegisterBrokerRecord { broker_id: -1, ..Default::default() }.into(),
        RegisterBrokerRecord { broker_id: i32::MAX, ..Default::default() }.into(),
        RegisterBrokerRecord { broker_id: 1, broker_epoch: 4, ..Default::default() }.into(),
        BrokerRegistrationChangeRecord { broker_epoch: 4, ..broker.clone() }.into(),
        BrokerRegistrationChangeRecord { broker_id: 2, ..broker.clone() }.into(),
        BrokerRegistrationChangeRecord { fenced: 2, ..broker.clone() }.into(),
        BrokerRegistrationChangeRecord { in_controlled_shutdown: -1, ..broker }.into(),
        UnfenceBrokerRecord { id: 2, epoch: 5 }.into(),
        FeatureLevelRecord { name: Str::from("f"), feature_level: -1 }.into(),
        ProducerIdsRecord { next_producer_id: 1_000, ..Default::default() }.into(),
    ];
    let before = image.clone();
    for record in hostile {
        assert!(apply(&mut image, record.clone()).is_err(), "{record:?}");
        assert_eq!(image, before, "{record:?}");
    }
    let no_op = MetadataRecord::from(NoOpRecord::default());
    assert_eq!(image.apply(0, 0, &no_op, &mut |_| ()), Err(ReplayError::OutOfOrder));
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let mut image = with_partition();
    let before = image.clone();
    let change = PartitionChangeRecord { partition_id: 0, topic_id: TOPIC, isr: Some(vec![1]), ..Default::default() };
    apply(&mut image, change).unwrap();
    assert_eq!(before.partition(ID).unwrap().isr, [1, 2]);
    assert_eq!(image.partition(ID).unwrap().isr, [1]);
}

#[test]
fn a_snapshot_makes_the_same_image_and_begins_with_the_metadata_version() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic_with("t", &[1, 2, 3], &[("retention.ms", "5"), ("segment.ms", "7")]);
    cluster.set_isr(id, &[1]);
    cluster.ask_to_stop(1);
    cluster
        .call(0, AllocateProducerIdsRequest { broker_id: 2, broker_epoch: cluster.image().broker(2).unwrap().epoch });
    let image = cluster.image();
    let records = image.to_records();
    assert!(matches!(&records[0], MetadataRecord::FeatureLevel(record) if record.name == "metadata.version"));
    assert_eq!(MetadataImage::from_snapshot(image.offset(), image.epoch(), &records).as_ref(), Ok(image));
}

#[test]
fn a_snapshot_that_replaces_an_image_tells_what_is_different() {
    let mut cluster = Cluster::of(3);
    let (kept, changed) = (cluster.topic("kept", &[1, 2]), cluster.topic("changed", &[3, 2]));
    let gone = cluster.topic("gone", &[1]).topic;
    let old = cluster.replayed();
    let delete = DeleteTopicsRequest { topic_names: vec![Str::from("gone")], ..Default::default() };
    cluster.call(5, delete);
    cluster.expire(3);
    let new = cluster.topic("new", &[1]);
    let image = cluster.image();
    let snapshot = MetadataImage::from_snapshot(image.offset(), image.epoch(), &image.to_records()).unwrap();
    let mut changes = Vec::new();
    snapshot.changes_since(&old, &mut |change| changes.push(change));
    changes.sort();
    let mut expected = vec![
        Change::TopicCreated(new.topic),
        Change::TopicRemoved(gone),
        Change::Partition { id: changed, unclean: false },
        Change::Partition { id: new, unclean: false },
        Change::BrokerFenced(3),
    ];
    expected.sort();
    assert_eq!(changes, expected, "nothing of {kept:?}");
}

#[test]
fn settings_come_and_go() {
    let mut image = with_partition();
    let set = ConfigRecord {
        resource_type: 2,
        resource_name: Str::from("t"),
        name: Str::from("segment.ms"),
        value: Some(Str::from("5")),
    };
    assert_eq!(apply(&mut image, set.clone()), Ok(vec![Change::TopicConfig(TOPIC)]));
    let cfg = tribunal_common::BrokerConfig::new(1, vec![1]);
    assert_eq!(image.topic_config(&Str::from("t"), &cfg).segment_ms, 5);
    apply(&mut image, ConfigRecord { value: None, ..set }).unwrap();
    assert_eq!(image.topic_config(&Str::from("t"), &cfg).segment_ms, cfg.log.segment_ms);
}
