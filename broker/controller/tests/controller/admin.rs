use tribunal_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use tribunal_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tribunal_protocol::{ErrorCode, ResponseBody, Str};

use crate::support::{Cluster, placed};

fn more(
    cluster: &mut Cluster,
    count: i32,
    assignments: Option<Vec<Vec<i32>>>,
    validate_only: bool,
) -> (ErrorCode, String) {
    let assignment = |broker_ids| CreatePartitionsAssignment { broker_ids };
    let assignments = assignments.map(|all| all.into_iter().map(assignment).collect());
    let topics = vec![CreatePartitionsTopic { name: Str::from("t"), count, assignments }];
    match cluster.call(3, CreatePartitionsRequest { topics, timeout_ms: 1_000, validate_only }) {
        ResponseBody::CreatePartitions(reply) => {
            let result = &reply.results[0];
            let message = result.error_message.clone().map_or_else(String::new, String::from);
            (ErrorCode::from_code(result.error_code), message)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn partitions_are_added_with_the_replication_factor_of_the_topic() {
    let mut cluster = Cluster::of(3);
    cluster.create(placed("t", 2, 2));
    let before = cluster.topic_named("t").unwrap().partitions.clone();
    assert_eq!(more(&mut cluster, 5, None, false), (ErrorCode::None, String::new()));
    let after = cluster.topic_named("t").unwrap().partitions.clone();
    assert_eq!(after.len(), 5);
    assert!(before.iter().all(|(index, partition)| after[index] == *partition), "an old partition has changed");
    assert!(after.values().all(|partition| partition.replicas.len() == 2 && partition.isr == partition.replicas));
    assert_eq!(more(&mut cluster, 6, Some(vec![vec![3, 1]]), false).0, ErrorCode::None);
    assert_eq!(cluster.topic_named("t").unwrap().partitions[&5].replicas, [3, 1]);
}

#[test]
fn partitions_are_never_taken_away_and_what_cannot_be_changes_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.create(placed("t", 2, 2));
    let records = cluster.log.records.len();
    let wrong = [
        (2, None, ErrorCode::InvalidPartitions, "Topic already has 2 partition(s)."),
        (
            1,
            None,
            ErrorCode::InvalidPartitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            4,
            Some(vec![vec![1, 2]]),
            ErrorCode::InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
    ];
    for (count, assignments, error, message) in wrong {
        assert_eq!(more(&mut cluster, count, assignments, false), (error, message.to_owned()));
    }
    for replicas in [vec![1], vec![1, 1], vec![1, 9]] {
        assert_eq!(more(&mut cluster, 3, Some(vec![replicas]), false).0, ErrorCode::InvalidReplicaAssignment);
    }
    assert_eq!(more(&mut cluster, 3, None, true).0, ErrorCode::None);
    assert_eq!(cluster.log.records.len(), records, "something was written");
}

fn alter(cluster: &mut Cluster, kind: i8, topic: &str, changes: &[(i8, &str, Option<&str>)]) -> ErrorCode {
    let change = |(operation, name, value): &(i8, &str, Option<&str>)| AlterableConfig {
        name: Str::from(*name),
        config_operation: *operation,
        value: value.map(Str::from),
    };
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: Str::from(topic),
        configs: changes.iter().map(change).collect(),
    };
    match cluster.call(1, IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false }) {
        ResponseBody::IncrementalAlterConfigs(reply) => ErrorCode::from_code(reply.responses[0].error_code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_of_a_topic_are_set_and_taken_back() {
    let mut cluster = Cluster::of(1);
    cluster.create(placed("t", 1, 1));
    let min_isr = |cluster: &Cluster| {
        let image = cluster.controller.image();
        image.topic_config(&Str::from("t"), &cluster.cfg).min_insync_replicas
    };
    let of_broker = min_isr(&cluster);
    assert_eq!(alter(&mut cluster, 2, "t", &[(0, "min.insync.replicas", Some("7"))]), ErrorCode::None);
    assert_eq!(min_isr(&cluster), 7);
    assert_eq!(alter(&mut cluster, 2, "t", &[(1, "min.insync.replicas", None)]), ErrorCode::None);
    assert_eq!(min_isr(&cluster), of_broker);
}

#[test]
fn settings_that_cannot_be_change_nothing() {
    let mut cluster = Cluster::of(1);
    cluster.create(placed("t", 1, 1));
    let records = cluster.log.records.len();
    let good = (0, "segment.ms", Some("1000"));
    let wrong = [
        (2, "t", (0, "min.insync.replicas", Some("none")), ErrorCode::InvalidConfig),
        (2, "t", (0, "no.such.setting", Some("1")), ErrorCode::InvalidConfig),
        (2, "t", (0, "retention.ms", None), ErrorCode::InvalidRequest),
        (2, "t", (2, "retention.ms", Some("1")), ErrorCode::InvalidConfig),
        (2, "t", (9, "retention.ms", Some("1")), ErrorCode::UnknownServerError),
        (2, "t", (0, "segment.ms", Some("1")), ErrorCode::InvalidRequest),
        (2, "", (0, "retention.ms", Some("1")), ErrorCode::InvalidRequest),
        (2, "no/where", (0, "retention.ms", Some("1")), ErrorCode::InvalidTopicException),
        (2, "unknown", (0, "retention.ms", Some("soon")), ErrorCode::InvalidConfig),
        (2, "unknown", (0, "retention.ms", Some("1")), ErrorCode::UnknownTopicOrPartition),
        (4, "1", (0, "log.retention.ms", Some("1")), ErrorCode::InvalidRequest),
    ];
    for (kind, name, change, error) in wrong {
        assert_eq!(alter(&mut cluster, kind, name, &[good, change]), error, "{change:?}");
    }
    assert_eq!(cluster.log.records.len(), records, "something was written");
}
