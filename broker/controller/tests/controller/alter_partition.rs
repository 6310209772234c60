use tribunal_common::TopicIdPartition;
use tribunal_protocol::messages::AlterPartitionRequest;
use tribunal_protocol::messages::alter_partition_request::{BrokerState, PartitionData};
use tribunal_protocol::{ErrorCode, ResponseBody, Uuid};

use crate::support::Cluster;

/// The error of the one partition that is left after `change` to a valid request.
fn refused(cluster: &mut Cluster, id: TopicIdPartition, change: impl FnOnce(&mut PartitionData)) -> ErrorCode {
    let mut request = cluster.alteration(id, &[1, 2]);
    change(&mut request.topics[0].partitions[0]);
    let before = cluster.log.records.len();
    let reply = cluster.alter(request);
    assert_eq!(cluster.log.records.len(), before);
    ErrorCode::from_code(reply.topics[0].partitions[0].error_code)
}

#[test]
fn the_leader_shrinks_and_expands_its_isr() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    for (isr, epoch) in [(&[1, 3][..], 1), (&[1, 2, 3][..], 2)] {
        let request = cluster.alteration(id, isr);
        let reply = cluster.alter(request);
        let answer = &reply.topics[0].partitions[0];
        assert_eq!((answer.error_code, answer.leader_id, answer.leader_epoch), (0, 1, 0));
        assert_eq!((&answer.isr[..], answer.partition_epoch), (isr, epoch));
        assert_eq!(cluster.partition(id).isr, isr);
    }
}

#[test]
fn a_change_is_answered_only_when_it_is_committed() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    let request = cluster.alteration(id, &[1]);
    let conn = cluster.send(3, request);
    assert_eq!(cluster.answer(conn), None);
    cluster.commit();
    assert!(cluster.answer(conn).is_some());
}

#[test]
fn only_who_leads_in_the_current_epochs_is_heard() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.expire(1);
    cluster.beat(1);
    cluster.set_isr(id, &[2, 3, 1]);
    let request = cluster.alteration(id, &[2]);
    let mut others = request.clone();
    (others.broker_id, others.broker_epoch) = (3, cluster.image().broker(3).unwrap().epoch);
    assert_eq!(cluster.alter(others).topics[0].partitions[0].error_code, ErrorCode::InvalidRequest.code());
    assert_eq!(refused(&mut cluster, id, |data| data.leader_epoch -= 1), ErrorCode::FencedLeaderEpoch);
    assert_eq!(refused(&mut cluster, id, |data| data.leader_epoch += 1), ErrorCode::NotController);
    assert_eq!(refused(&mut cluster, id, |data| data.partition_epoch += 1), ErrorCode::NotController);
    assert_eq!(refused(&mut cluster, id, |data| data.partition_epoch -= 1), ErrorCode::InvalidUpdateVersion);
    assert_eq!(refused(&mut cluster, id, |data| data.partition_index = 7), ErrorCode::UnknownTopicOrPartition);
    let stale = AlterPartitionRequest { broker_epoch: 0, ..request.clone() };
    let reply = cluster.alter(stale);
    assert_eq!((reply.error_code, reply.topics.len()), (ErrorCode::StaleBrokerEpoch.code(), 0));
    let mut unknown = request;
    unknown.topics[0].topic_id = Uuid(7);
    assert_eq!(cluster.alter(unknown).topics[0].partitions[0].error_code, ErrorCode::UnknownTopicId.code());
}

#[test]
fn an_isr_must_be_a_set_of_replicas_with_the_leader_in_it() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2]);
    for isr in [&[2][..], &[], &[1, 1], &[1, 3], &[1, -1]] {
        let members = |id: &i32| BrokerState { broker_id: *id, broker_epoch: -1 };
        let error = refused(&mut cluster, id, |data| data.new_isr_with_epochs = isr.iter().map(members).collect());
        assert_eq!(error, ErrorCode::InvalidRequest, "{isr:?}");
    }
}

#[test]
fn a_fenced_or_restarted_replica_does_not_join() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.expire(2);
    let request = cluster.alteration(id, &[1, 2, 3]);
    let answer = cluster.alter(request.clone()).topics[0].partitions[0].error_code;
    assert_eq!(answer, ErrorCode::IneligibleReplica.code(), "fenced");
    cluster.restart(2, true);
    let answer = cluster.alter(request.clone()).topics[0].partitions[0].error_code;
    assert_eq!(answer, ErrorCode::IneligibleReplica.code(), "the leader saw the broker before it restarted");
    cluster.set_isr(id, &[1, 2, 3]);
}

#[test]
fn version_2_carries_no_broker_epochs() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    let mut request = cluster.alteration(id, &[]);
    request.topics[0].partitions[0].new_isr = vec![1, 3];
    let ResponseBody::AlterPartition(reply) = cluster.call(2, request) else { panic!() };
    assert_eq!(reply.topics[0].partitions[0].error_code, 0);
    assert_eq!(cluster.partition(id).isr, [1, 3]);
}

#[test]
fn asking_for_what_is_already_so_succeeds_and_appends_nothing() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    let first = cluster.alteration(id, &[1, 2]);
    cluster.alter(first.clone());
    let before = cluster.log.records.len();
    for request in [first, cluster.alteration(id, &[2, 1])] {
        let reply = cluster.alter(request);
        let answer = &reply.topics[0].partitions[0];
        assert_eq!((answer.error_code, answer.partition_epoch, &answer.isr[..]), (0, 1, &[1, 2][..]));
    }
    assert_eq!(cluster.log.records.len(), before);
}

#[test]
fn a_leader_that_recovers_is_alone_in_the_isr_until_it_says_so() {
    let mut cluster = Cluster::of(2);
    let settings = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
    let id = cluster.topic_with("t", &[1, 2], &settings);
    cluster.set_isr(id, &[1]);
    cluster.expire(1);
    cluster.beat(1);
    assert_eq!(cluster.partition(id).leader_recovery_state.value(), 1);
    assert_eq!(refused(&mut cluster, id, |data| data.leader_recovery_state = 1), ErrorCode::InvalidRequest);
    assert_eq!(refused(&mut cluster, id, |data| data.leader_recovery_state = 2), ErrorCode::InvalidRequest);
    cluster.set_isr(id, &[2]);
    assert_eq!(cluster.partition(id).leader_recovery_state.value(), 0);
    let recovering = refused(&mut cluster, id, |data| {
        data.leader_recovery_state = 1;
        data.new_isr_with_epochs.retain(|member| member.broker_id == 2);
    });
    assert_eq!(recovering, ErrorCode::InvalidRequest, "recovery begins with an election only");
}

#[test]
fn each_partition_has_an_answer_of_its_own() {
    let mut cluster = Cluster::of(2);
    let (a, b) = (cluster.topic("a", &[1, 2]), cluster.topic("b", &[1, 2]));
    let mut request = cluster.alteration(a, &[1]);
    request.topics.extend(cluster.alteration(b, &[2]).topics);
    let again = request.topics[0].clone();
    request.topics.push(again);
    let reply = cluster.alter(request);
    let errors: Vec<i16> = reply.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
    assert_eq!(errors, [0, ErrorCode::InvalidRequest.code(), ErrorCode::InvalidRequest.code()]);
    assert_eq!(cluster.partition(a).partition_epoch, 1);
}
