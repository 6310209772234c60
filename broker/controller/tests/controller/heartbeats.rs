use tribunal_protocol::messages::BrokerHeartbeatRequest;
use tribunal_protocol::{ErrorCode, ResponseBody};

use crate::support::Cluster;

#[test]
fn a_broker_is_unfenced_once_it_has_seen_its_registration() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    let epoch = cluster.register(request).unwrap();
    let behind = BrokerHeartbeatRequest { current_metadata_offset: epoch - 1, ..cluster.heartbeat_of(1) };
    let reply = cluster.heartbeat(behind);
    assert!(reply.is_fenced && !reply.is_caught_up);
    let caught_up = BrokerHeartbeatRequest { current_metadata_offset: epoch, ..cluster.heartbeat_of(1) };
    let reply = cluster.heartbeat(caught_up);
    assert!(!reply.is_fenced && reply.is_caught_up);
    assert!(cluster.has_session(1));
}

#[test]
fn a_broker_that_wants_to_stay_fenced_stays_fenced() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    cluster.register(request).unwrap();
    let request = BrokerHeartbeatRequest { want_fence: true, ..cluster.heartbeat_of(1) };
    assert!(cluster.heartbeat(request).is_fenced);
}

#[test]
fn a_heartbeat_of_another_epoch_is_stale() {
    let mut cluster = Cluster::of(1);
    for (broker_id, broker_epoch) in [(1, 0), (1, i64::MAX), (2, -1)] {
        let request = BrokerHeartbeatRequest { broker_id, broker_epoch, ..cluster.heartbeat_of(1) };
        assert_eq!(cluster.heartbeat(request).error_code, ErrorCode::StaleBrokerEpoch.code());
    }
}

#[test]
fn a_steady_heartbeat_appends_nothing_and_is_answered_at_once() {
    let mut cluster = Cluster::of(1);
    let before = cluster.log.records.len();
    let request = cluster.heartbeat_of(1);
    cluster.fx.timers.clear();
    let conn = cluster.send(1, request);
    assert!(matches!(cluster.answer(conn), Some(ResponseBody::BrokerHeartbeat(reply)) if !reply.is_fenced));
    assert_eq!(cluster.log.records.len(), before);
    assert!(cluster.has_session(1));
}

#[test]
fn an_answer_that_rests_on_what_is_not_committed_waits_for_it() {
    let mut cluster = Cluster::of(2);
    cluster.fire(tribunal_common::timers::SESSION, 2);
    let request = cluster.heartbeat_of(1);
    let conn = cluster.send(1, request);
    assert_eq!(cluster.answer(conn), None);
    cluster.commit();
    assert!(cluster.answer(conn).is_some());
}

#[test]
fn a_broker_is_fenced_when_it_wants_to_be() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    let request = BrokerHeartbeatRequest { want_fence: true, ..cluster.heartbeat_of(1) };
    assert!(cluster.heartbeat(request).is_fenced);
    assert!(!cluster.has_session(1));
    assert_eq!(cluster.partition(id).leader, 2);
}

#[test]
fn a_broker_that_leads_nothing_shuts_down_at_once() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    let reply = cluster.ask_to_stop(2);
    assert!(reply.should_shut_down && reply.is_fenced);
    assert_eq!(cluster.partition(id).isr, [1]);
    assert!(cluster.image().broker(2).unwrap().fenced);
}

#[test]
fn a_leader_shuts_down_once_every_active_broker_knows_the_new_leaders() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    let reply = cluster.ask_to_stop(1);
    assert!(!reply.should_shut_down && !reply.is_fenced);
    let broker = cluster.image().broker(1).unwrap();
    assert!(broker.in_controlled_shutdown && !broker.fenced);
    assert_eq!((cluster.partition(id).leader, &cluster.partition(id).isr[..]), (2, &[2, 3][..]));
    assert!(!cluster.ask_to_stop(1).should_shut_down);
    cluster.beat(2);
    assert!(!cluster.ask_to_stop(1).should_shut_down, "broker 3 has not seen it");
    cluster.beat(3);
    assert!(cluster.ask_to_stop(1).should_shut_down);
    assert!(cluster.image().broker(1).unwrap().fenced);
    assert!(!cluster.has_session(1));
}

#[test]
fn a_broker_that_shuts_down_joins_no_isr() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.topic("u", &[1, 2, 3]);
    cluster.ask_to_stop(1);
    let request = cluster.alteration(id, &[2, 3, 1]);
    let reply = cluster.alter(request);
    assert_eq!(reply.topics[0].partitions[0].error_code, ErrorCode::IneligibleReplica.code());
}

#[test]
fn the_last_member_of_an_isr_leaves_it_in_shutdown_and_stays_eligible() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1]);
    let reply = cluster.ask_to_stop(1);
    assert!(!reply.should_shut_down);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (-1, &[][..], &[1][..]));
    assert_eq!(partition.last_known_elr, [1]);
    cluster.beat(2);
    assert!(cluster.ask_to_stop(1).should_shut_down);
    cluster.restart(1, true);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (1, &[1][..], &[][..]));
    assert_eq!(partition.last_known_elr, []);
}

#[test]
fn a_fenced_broker_may_shut_down_at_once() {
    let mut cluster = Cluster::of(1);
    cluster.expire(1);
    let before = cluster.log.records.len();
    assert!(cluster.ask_to_stop(1).should_shut_down);
    assert_eq!(cluster.log.records.len(), before);
}

#[test]
fn leaders_move_away_from_a_log_directory_that_failed() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    let offline_log_dirs = vec![crate::support::directory(1)];
    let request = BrokerHeartbeatRequest { offline_log_dirs, ..cluster.heartbeat_of(1) };
    assert_eq!(cluster.heartbeat(request).error_code, 0);
    assert_eq!((cluster.partition(id).leader, &cluster.partition(id).isr[..]), (2, &[2][..]));
}

#[test]
fn a_late_heartbeat_does_not_bring_back_a_broker_that_has_shut_down() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1]);
    let late = cluster.heartbeat_of(1);
    cluster.ask_to_stop(1);
    cluster.beat(2);
    assert!(cluster.ask_to_stop(1).should_shut_down);
    assert!(cluster.heartbeat(late).is_fenced);
    assert_eq!(cluster.partition(id).leader, -1);
}
