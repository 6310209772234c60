//! Groups have a coordinator, whichever broker fails.

use tribunal_common::Obs;
use tribunal_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tribunal_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use tribunal_protocol::messages::{FindCoordinatorRequest, JoinGroupRequest, join_group_request};
use tribunal_protocol::{ApiKey, ErrorCode, RequestBody, ResponseBody, Sampler, Str, versions};

use super::clients::produce;
use super::support::Cluster;

const GROUP: Str = Str::from_static("payments");

/// The coordinator of the group, as a broker knows it, if it has one.
fn found(cluster: &mut Cluster, at: u32) -> Result<u32, ErrorCode> {
    let request = FindCoordinatorRequest { coordinator_keys: vec![GROUP], ..Default::default() };
    let ResponseBody::FindCoordinator(response) = cluster.ask(at, 4, request.into()) else { panic!() };
    match ErrorCode::from_code(response.coordinators[0].error_code) {
        ErrorCode::None => Ok(response.coordinators[0].node_id as u32),
        error => Err(error),
    }
}

fn coordinator(cluster: &mut Cluster, at: u32) -> u32 {
    cluster.until(|cluster| found(cluster, at).is_ok());
    found(cluster, at).unwrap()
}

/// A consumer without a group's protocol commits.
fn commit(cluster: &mut Cluster, at: u32, offset: i64) -> ErrorCode {
    let partitions = vec![OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() }];
    let topics = vec![OffsetCommitRequestTopic { name: "orders".into(), partitions, ..Default::default() }];
    let request =
        OffsetCommitRequest { group_id: GROUP, generation_id_or_member_epoch: -1, topics, ..Default::default() };
    let ResponseBody::OffsetCommit(response) = cluster.ask(at, 9, request.into()) else { panic!() };
    ErrorCode::from_code(response.topics[0].partitions[0].error_code)
}

fn committed(cluster: &mut Cluster, at: u32) -> Result<i64, ErrorCode> {
    let groups = vec![OffsetFetchRequestGroup { group_id: GROUP, topics: None, ..Default::default() }];
    let request = OffsetFetchRequest { groups, ..Default::default() };
    let ResponseBody::OffsetFetch(response) = cluster.ask(at, 9, request.into()) else { panic!() };
    match ErrorCode::from_code(response.groups[0].error_code) {
        ErrorCode::None => Ok(response.groups[0].topics.first().map_or(-1, |t| t.partitions[0].committed_offset)),
        error => Err(error),
    }
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::new(3, |cfg| {
        cfg.groups.topic_partitions = 3;
        cfg.groups.initial_rebalance_delay_ms = 50_000;
    });
    cluster.create_topic(1, "orders", 3);
    cluster
}

#[test]
fn the_first_question_for_a_coordinator_creates_the_internal_topic() {
    let mut cluster = cluster();
    assert_eq!(found(&mut cluster, 1), Err(ErrorCode::CoordinatorNotAvailable));
    let coordinator = coordinator(&mut cluster, 1);
    let topic = cluster.metadata(1, Some("__consumer_offsets")).topics.remove(0);
    assert_eq!((topic.is_internal, topic.partitions.len()), (true, 3));
    assert!(topic.partitions.iter().all(|partition| partition.replica_nodes.len() == 3));
    let ResponseBody::Produce(refused) = cluster.ask(coordinator, 13, produce(topic.topic_id, b"forged")) else {
        panic!()
    };
    let error = refused.responses[0].partition_responses[0].error_code;
    assert_eq!(error, ErrorCode::InvalidTopicException.code());
}

#[test]
fn a_committed_offset_survives_its_coordinator() {
    let mut cluster = cluster();
    let first = coordinator(&mut cluster, 1);
    cluster.until(|cluster| commit(cluster, first, 42) == ErrorCode::None);
    assert_eq!(committed(&mut cluster, first), Ok(42));
    let other = first % 3 + 1;
    assert_eq!(commit(&mut cluster, other, 1), ErrorCode::NotCoordinator);
    cluster.kill(first);
    cluster.until(|cluster| found(cluster, other).is_ok_and(|now| now != first));
    let second = found(&mut cluster, other).unwrap();
    cluster.until(|cluster| committed(cluster, second) == Ok(42));
    cluster.until(|cluster| commit(cluster, second, 43) == ErrorCode::None);
    assert!(cluster.observed(second).iter().any(|obs| matches!(obs, Obs::CoordinatorLoaded { groups: 1, .. })));
    cluster.start(first);
    cluster.until(|cluster| committed(cluster, first).is_err());
    assert_eq!(committed(&mut cluster, second), Ok(43), "the one that came back does not coordinate");
}

#[test]
fn a_join_that_waits_is_answered_when_the_coordinator_steps_down() {
    let mut cluster = cluster();
    let first = coordinator(&mut cluster, 1);
    cluster.until(|cluster| commit(cluster, first, 1) == ErrorCode::None);
    let protocols = vec![join_group_request::JoinGroupRequestProtocol { name: "range".into(), ..Default::default() }];
    let request = JoinGroupRequest {
        group_id: GROUP,
        session_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols,
        ..Default::default()
    };
    let conn = cluster.connect(first);
    cluster.send(conn, 3, request.into());
    assert!(!cluster.answers.contains_key(&conn.attempt), "it waits for others to join");
    cluster.shut_down(first);
    cluster.until(|cluster| cluster.answers.contains_key(&conn.attempt));
    let ResponseBody::JoinGroup(answer) = &cluster.answers[&conn.attempt][0] else { panic!() };
    assert_eq!(answer.error_code, ErrorCode::NotCoordinator.code());
}

#[test]
fn requests_of_any_content_leave_a_coordinator_that_serves_others() {
    let mut cluster = cluster();
    let first = coordinator(&mut cluster, 1);
    cluster.until(|cluster| commit(cluster, first, 42) == ErrorCode::None);
    let apis = [
        ApiKey::OffsetCommit,
        ApiKey::OffsetFetch,
        ApiKey::JoinGroup,
        ApiKey::Heartbeat,
        ApiKey::LeaveGroup,
        ApiKey::SyncGroup,
        ApiKey::DescribeGroups,
        ApiKey::ListGroups,
        ApiKey::OffsetDelete,
    ];
    let g = &mut Sampler::new(7);
    for round in 0..200 {
        for api in apis {
            for version in versions(api).iter() {
                let mut body = RequestBody::sample(api, version, g);
                // A few groups, so that requests meet.
                let group = Str::from(format!("any-{}", round % 3));
                match &mut body {
                    RequestBody::JoinGroup(request) => {
                        (request.group_id, request.session_timeout_ms) = (group, 10_000);
                    }
                    RequestBody::SyncGroup(request) => request.group_id = group,
                    RequestBody::Heartbeat(request) => request.group_id = group,
                    RequestBody::LeaveGroup(request) => request.group_id = group,
                    RequestBody::OffsetCommit(request) => request.group_id = group,
                    _ => {}
                }
                let conn = cluster.connect(first);
                cluster.send(conn, version, body);
            }
        }
        cluster.pass_a_timer();
    }
    assert_eq!(cluster.halted(first), None);
    cluster.until(|cluster| committed(cluster, first) == Ok(42));
}
