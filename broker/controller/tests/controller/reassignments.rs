//! Partition reassignment (KIP-455) and unregistration of brokers.

use tribunal_common::{Reassignment, TopicIdPartition};
use tribunal_controller::{Change, MetadataImage, PartitionRegistration};
use tribunal_protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use tribunal_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use tribunal_protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment;
use tribunal_protocol::messages::{
    AlterPartitionReassignmentsRequest, ListPartitionReassignmentsRequest, UnregisterBrokerRequest,
};
use tribunal_protocol::{ErrorCode, ResponseBody, Str};

use crate::support::{Cluster, directory, reassignment};

/// What the leader is told when it asks for `isr`.
fn ask(cluster: &mut Cluster, id: TopicIdPartition, isr: &[i32]) -> ErrorCode {
    let request = cluster.alteration(id, isr);
    ErrorCode::from_code(cluster.alter(request).topics[0].partitions[0].error_code)
}

fn list(cluster: &mut Cluster, topics: Option<Vec<(&str, Vec<i32>)>>) -> Vec<(Str, Vec<OngoingPartitionReassignment>)> {
    let topics = topics.map(|topics| {
        let topic =
            |(name, partition_indexes)| ListPartitionReassignmentsTopics { name: Str::from(name), partition_indexes };
        topics.into_iter().map(|(name, indexes): (&str, _)| topic((name.to_owned(), indexes))).collect()
    });
    match cluster.call(0, ListPartitionReassignmentsRequest { timeout_ms: 1_000, topics }) {
        ResponseBody::ListPartitionReassignments(reply) => {
            assert_eq!(reply.error_code, 0);
            reply.topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn steps(cluster: &Cluster) -> Vec<Reassignment> {
    let (mut image, mut steps) = (MetadataImage::new(), Vec::new());
    for (offset, (epoch, record)) in (0..).zip(&cluster.log.records) {
        let note = &mut |change| {
            if let Change::Reassigned { step, .. } = change {
                steps.push(step);
            }
            assert!(
                !matches!(change, Change::Partition { unclean: true, .. }),
                "who joins and leads at once is in sync"
            );
        };
        image.apply(offset, *epoch, record, note).expect("the log replays");
    }
    steps
}

fn lists(partition: &PartitionRegistration) -> [&[i32]; 3] {
    [&partition.replicas, &partition.adding_replicas, &partition.removing_replicas]
}

#[test]
fn old_replicas_go_once_every_new_one_is_in_sync() {
    let mut cluster = Cluster::of(6);
    let id = cluster.topic("t", &[1, 2, 3]);
    assert_eq!(cluster.reassign("t", Some(&[4, 5, 3])), ErrorCode::None);
    assert_eq!(lists(cluster.partition(id)), [&[4, 5, 3, 1, 2][..], &[4, 5], &[1, 2]]);
    assert_eq!((cluster.partition(id).leader, cluster.partition(id).leader_epoch), (1, 0), "adding elects nobody");
    assert_eq!(cluster.partition(id).directory(4), directory(4));
    assert_eq!(ask(&mut cluster, id, &[1, 2, 3, 4]), ErrorCode::None);
    assert_eq!(cluster.partition(id).replicas.len(), 5, "one is missing");
    assert_eq!(ask(&mut cluster, id, &[1, 2, 3, 4, 5]), ErrorCode::NewLeaderElected);
    let partition = cluster.partition(id);
    assert_eq!(lists(partition), [&[4, 5, 3][..], &[], &[]]);
    assert_eq!((&partition.isr[..], partition.leader, partition.leader_epoch), (&[3, 4, 5][..], 4, 1));
    assert_eq!(partition.directories, [directory(4), directory(5), directory(3)]);
    assert_eq!(steps(&cluster), [Reassignment::Started, Reassignment::Completed]);
}

#[test]
fn a_leader_that_stays_leads_a_new_epoch_so_that_who_goes_is_fenced() {
    let mut cluster = Cluster::of(4);
    let id = cluster.topic("t", &[1, 2, 3]);
    assert_eq!(cluster.reassign("t", Some(&[1, 2, 4])), ErrorCode::None);
    assert_eq!(ask(&mut cluster, id, &[1, 2, 3, 4]), ErrorCode::NewLeaderElected);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, partition.leader_epoch, &partition.isr[..]), (1, 1, &[1, 2, 4][..]));
}

#[test]
fn replicas_that_only_go_or_change_places_do_so_at_once() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    assert_eq!(cluster.reassign("t", Some(&[3, 2, 1])), ErrorCode::None);
    assert_eq!((lists(cluster.partition(id)), cluster.partition(id).leader), ([&[3, 2, 1][..], &[], &[]], 1));
    assert_eq!(cluster.reassign("t", Some(&[3, 2])), ErrorCode::None);
    assert_eq!((lists(cluster.partition(id)), cluster.partition(id).leader), ([&[3, 2][..], &[], &[]], 3));
    assert_eq!(steps(&cluster), [Reassignment::Completed]);
    let before = cluster.log.records.len();
    assert_eq!(cluster.reassign("t", Some(&[3, 2])), ErrorCode::None);
    assert_eq!(cluster.log.records.len(), before, "there is nothing to do");
}

#[test]
fn replicas_do_not_go_while_those_that_stay_lag() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.set_isr(id, &[1, 2]);
    assert_eq!(cluster.reassign("t", Some(&[3])), ErrorCode::None);
    assert_eq!(lists(cluster.partition(id)), [&[3, 1, 2][..], &[], &[1, 2]]);
    cluster.expire(1);
    assert_eq!((cluster.partition(id).leader, cluster.partition(id).replicas.len()), (2, 3));
    assert_eq!(ask(&mut cluster, id, &[2, 3]), ErrorCode::NewLeaderElected);
    assert_eq!((lists(cluster.partition(id)), cluster.partition(id).leader), ([&[3][..], &[], &[]], 3));
}

#[test]
fn cancelling_goes_back_to_where_it_began() {
    let mut cluster = Cluster::of(5);
    let id = cluster.topic("t", &[1, 2, 3]);
    assert_eq!(cluster.reassign("t", None), ErrorCode::NoReassignmentInProgress);
    cluster.reassign("t", Some(&[4, 2, 3]));
    cluster.reassign("t", Some(&[5, 2, 3]));
    assert_eq!(lists(cluster.partition(id)), [&[5, 2, 3, 4, 1][..], &[5, 4], &[4, 1]]);
    cluster.set_isr(id, &[1, 2, 3, 4]);
    assert_eq!(cluster.reassign("t", None), ErrorCode::None);
    let partition = cluster.partition(id);
    assert_eq!((lists(partition), &partition.isr[..]), ([&[2, 3, 1][..], &[], &[]], &[1, 2, 3][..]));
    assert_eq!(partition.leader_epoch, 1, "the replicas that were added are fenced");
    assert_eq!(steps(&cluster).last(), Some(&Reassignment::Cancelled));
}

#[test]
fn what_only_added_replicas_hold_is_not_given_up_by_cancelling() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic_with("t", &[1, 2], &[("min.insync.replicas", "1")]);
    cluster.reassign("t", Some(&[3, 2]));
    cluster.set_isr(id, &[1, 3]);
    cluster.expire(1);
    assert_eq!((&cluster.partition(id).isr[..], cluster.partition(id).leader), (&[3][..], 3));
    assert_eq!(cluster.reassign("t", None), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(cluster.partition(id).replicas.len(), 3);
    assert_eq!(ask(&mut cluster, id, &[3, 2]), ErrorCode::NewLeaderElected);
    assert_eq!(lists(cluster.partition(id)), [&[3, 2][..], &[], &[]]);
}

/// An eligible replica may come back after an unclean stop, and then nobody is left who could lead.
#[test]
fn what_only_added_replicas_hold_is_not_given_up_for_one_that_is_eligible() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic_with("t", &[1, 2], &[("min.insync.replicas", "2")]);
    cluster.reassign("t", Some(&[3, 2]));
    cluster.set_isr(id, &[1, 3]);
    cluster.expire(1);
    let partition = cluster.partition(id);
    assert_eq!((&partition.isr[..], &partition.elr[..], partition.leader), (&[3][..], &[1][..], 3));
    assert_eq!(cluster.reassign("t", None), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(cluster.partition(id).leader, 3);
}

#[test]
fn nothing_is_cancelled_while_nobody_is_in_sync_or_eligible() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic_with("t", &[1], &[("min.insync.replicas", "1")]);
    cluster.reassign("t", Some(&[3]));
    cluster.expire(1);
    let uncleanly = cluster.registration(1, -1);
    cluster.register(uncleanly).expect("registered");
    let partition = cluster.partition(id);
    assert_eq!((&partition.isr[..], &partition.elr[..]), (&[][..], &[][..]));
    assert_eq!(cluster.reassign("t", None), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(cluster.partition(id).replicas, [3, 1]);
}

#[test]
fn an_election_may_end_a_reassignment() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    cluster.expire(1);
    assert_eq!(cluster.partition(id).elr, [1, 2]);
    cluster.reassign("t", Some(&[2]));
    assert_eq!(cluster.partition(id).replicas, [2, 1]);
    cluster.beat(2);
    let partition = cluster.partition(id);
    assert_eq!((lists(partition), &partition.isr[..], &partition.elr[..]), ([&[2][..], &[], &[]], &[2][..], &[][..]));
}

#[test]
fn what_cannot_be_assigned_is_refused() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2]);
    for wrong in [&[][..], &[1, 1], &[1, 9], &[-1]] {
        assert_eq!(cluster.reassign("t", Some(wrong)), ErrorCode::InvalidReplicaAssignment, "{wrong:?}");
    }
    assert_eq!(cluster.reassign("nothing", Some(&[1])), ErrorCode::UnknownTopicOrPartition);
    let mut request = reassignment("t", 1, Some(vec![1]));
    let twice = ReassignablePartition { partition_index: 0, replicas: Some(vec![2, 1]) };
    request.topics[0].partitions.extend([twice.clone(), twice]);
    let ResponseBody::AlterPartitionReassignments(reply) = cluster.call(0, request) else { panic!() };
    let errors: Vec<i16> = reply.responses[0].partitions.iter().map(|partition| partition.error_code).collect();
    let [unknown, fine, invalid] =
        [ErrorCode::UnknownTopicOrPartition, ErrorCode::None, ErrorCode::InvalidRequest].map(ErrorCode::code);
    assert_eq!(errors, [unknown, fine, invalid]);
    assert_eq!(cluster.partition(id).replicas, [2, 1]);
    let keep = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: false,
        ..reassignment("t", 0, Some(vec![1, 2, 3]))
    };
    let ResponseBody::AlterPartitionReassignments(reply) = cluster.call(1, keep) else { panic!() };
    let code = reply.responses[0].partitions[0].error_code;
    assert_eq!((code, reply.allow_replication_factor_change), (ErrorCode::InvalidReplicationFactor.code(), false));
}

#[test]
fn reassignments_under_way_are_listed_and_survive_failovers_and_snapshots() {
    let mut cluster = Cluster::of(3);
    cluster.topic("a", &[1, 2]);
    cluster.topic("b", &[1, 2]);
    cluster.reassign("b", Some(&[3, 2]));
    let under_way = OngoingPartitionReassignment {
        partition_index: 0,
        replicas: vec![3, 2, 1],
        adding_replicas: vec![3],
        removing_replicas: vec![1],
    };
    cluster.fail_over();
    assert_eq!(list(&mut cluster, None), [(Str::from("b"), vec![under_way.clone()])]);
    assert_eq!(list(&mut cluster, Some(vec![("b", vec![0, 7])])), [(Str::from("b"), vec![under_way])]);
    assert_eq!(list(&mut cluster, Some(vec![("a", vec![0]), ("b", vec![1]), ("nothing", vec![0])])), []);
    let image = cluster.image();
    let snapshot = MetadataImage::from_snapshot(image.offset(), image.epoch(), &image.to_records());
    assert_eq!(snapshot.as_ref(), Ok(image));
}

#[test]
fn an_unregistered_broker_leads_nothing_and_is_forgotten() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    assert_eq!(cluster.unregister(9), ErrorCode::BrokerIdNotRegistered);
    assert_eq!(cluster.unregister(1), ErrorCode::None);
    let partition = cluster.partition(id);
    assert_eq!((&partition.isr[..], partition.leader, &partition.replicas[..]), (&[2, 3][..], 2, &[1, 2, 3][..]));
    assert!(cluster.image().broker(1).is_none() && !cluster.has_session(1));
    assert_eq!(cluster.unregister(1), ErrorCode::BrokerIdNotRegistered);
    assert_eq!(cluster.reassign("t", Some(&[1, 2])), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(cluster.reassign("t", Some(&[2, 3])), ErrorCode::None);
    assert_eq!(cluster.partition(id).replicas, [2, 3], "its place is taken from it while it is away");
}

#[test]
fn an_unregistered_broker_that_runs_registers_again() {
    let mut cluster = Cluster::of(2);
    let heartbeat = cluster.heartbeat_of(2);
    assert_eq!(cluster.unregister(2), ErrorCode::None);
    assert_eq!(cluster.heartbeat(heartbeat).error_code, ErrorCode::StaleBrokerEpoch.code());
    cluster.start(2);
    assert!(cluster.image().is_active(2));
}

#[test]
fn who_waits_for_a_controller_that_leads_no_more_is_sent_away() {
    let mut cluster = Cluster::of(3);
    cluster.topic("t", &[1, 2]);
    let waiting = [
        cluster.send(1, reassignment("t", 0, Some(vec![3, 2]))),
        cluster.send(0, ListPartitionReassignmentsRequest::default()),
        cluster.send(0, UnregisterBrokerRequest { broker_id: 3 }),
    ];
    assert!(waiting.iter().all(|conn| cluster.answer(*conn).is_none()), "nothing is committed");
    let fx = cluster.deactivate();
    let code = |body: &ResponseBody| match body {
        ResponseBody::AlterPartitionReassignments(reply) => reply.error_code,
        ResponseBody::ListPartitionReassignments(reply) => reply.error_code,
        ResponseBody::UnregisterBroker(reply) => reply.error_code,
        other => panic!("{other:?}"),
    };
    let codes: Vec<i16> = waiting
        .iter()
        .map(|conn| match fx.sent.iter().find(|(to, _)| to == conn) {
            Some((_, tribunal_protocol::Message::Response { body, .. })) => code(body),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, [ErrorCode::NotController.code(); 3]);
}
