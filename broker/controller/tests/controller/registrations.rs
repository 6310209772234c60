use tribunal_protocol::messages::broker_registration_request::Feature;
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str, Uuid};

use crate::support::{Cluster, directory};

#[test]
fn the_broker_epoch_is_the_offset_of_the_registration() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    let epoch = cluster.register(request).unwrap();
    let (_, record) = &cluster.log.records[epoch as usize];
    assert!(matches!(record, MetadataRecord::RegisterBroker(record) if record.broker_epoch == epoch && record.fenced));
}

#[test]
fn after_an_unclean_shutdown_the_epoch_is_still_the_offset_of_the_registration() {
    let mut cluster = Cluster::of(2);
    cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    let request = cluster.registration(2, -1);
    let before = cluster.log.records.len();
    let epoch = cluster.register(request).unwrap();
    assert!(cluster.log.records.len() > before + 1, "it leaves the ELR first");
    assert!(matches!(cluster.log.records[epoch as usize].1, MetadataRecord::RegisterBroker(_)));
}

#[test]
fn a_new_registration_is_fenced_and_has_no_session() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    cluster.register(request).unwrap();
    assert!(cluster.image().broker(1).unwrap().fenced);
    assert!(!cluster.has_session(1));
}

#[test]
fn the_same_incarnation_registers_again_and_stays_what_it_is() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    let epoch = cluster.register(request.clone()).unwrap();
    assert_eq!(cluster.register(request.clone()), Ok(epoch));
    assert!(!cluster.beat(1).is_fenced);
    cluster.fx.timers.clear();
    assert_eq!(cluster.register(request), Ok(epoch));
    assert!(!cluster.image().broker(1).unwrap().fenced);
    assert!(cluster.has_session(1));
}

#[test]
fn another_incarnation_waits_until_the_session_of_the_first_is_over() {
    let mut cluster = Cluster::of(1);
    let request = cluster.registration(1, -1);
    assert_eq!(cluster.register(request.clone()), Err(ErrorCode::DuplicateBrokerRegistration));
    cluster.expire(1);
    let old = cluster.image().broker(1).unwrap().epoch;
    assert!(cluster.register(request).unwrap() > old);
    assert!(cluster.image().broker(1).unwrap().fenced);
}

#[test]
fn who_shut_down_in_order_after_the_epoch_that_is_known_need_not_wait() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    let old = cluster.image().broker(1).unwrap().epoch;
    let mut request = cluster.registration(1, -1);
    request.previous_broker_epoch = old - 1;
    assert_eq!(cluster.register(request.clone()), Err(ErrorCode::DuplicateBrokerRegistration));
    request.previous_broker_epoch = old;
    assert!(cluster.register(request).unwrap() > old);
    assert!(cluster.image().broker(1).unwrap().fenced && !cluster.has_session(1));
    // What it led is led elsewhere, and it has kept what makes it eligible.
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (2, &[2][..], &[1][..]));
}

#[test]
fn what_is_not_fit_to_register_is_refused() {
    let mut cluster = Cluster::of(1);
    let valid = cluster.registration(2, -1);
    let refused = |cluster: &mut Cluster,
                   change: &dyn Fn(&mut tribunal_protocol::messages::BrokerRegistrationRequest)| {
        let mut request = valid.clone();
        change(&mut request);
        let before = cluster.log.records.len();
        let error = cluster.register(request).unwrap_err();
        assert_eq!(cluster.log.records.len(), before);
        error
    };
    assert_eq!(
        refused(&mut cluster, &|r| r.cluster_id = Str::from_static("another")),
        ErrorCode::InconsistentClusterId
    );
    assert_eq!(refused(&mut cluster, &|r| r.broker_id = -1), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.broker_id = i32::MAX), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.log_dirs.clear()), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.log_dirs = vec![Uuid(99)]), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.log_dirs = vec![directory(2); 2]), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.log_dirs = vec![directory(1)]), ErrorCode::InvalidRegistration);
    assert_eq!(refused(&mut cluster, &|r| r.is_migrating_zk_broker = true), ErrorCode::BrokerIdNotRegistered);
    assert_eq!(refused(&mut cluster, &|r| r.features.clear()), ErrorCode::UnsupportedVersion);
    let old =
        Feature { name: Str::from_static("metadata.version"), min_supported_version: 7, max_supported_version: 20 };
    assert_eq!(refused(&mut cluster, &|r| r.features[0] = old.clone()), ErrorCode::UnsupportedVersion);
}

#[test]
fn a_registration_is_answered_only_when_it_is_committed() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    let conn = cluster.send(4, request);
    assert_eq!(cluster.answer(conn), None);
    cluster.commit_to(cluster.log.records.len() as i64 - 1);
    assert_eq!(cluster.answer(conn), None);
    cluster.commit();
    assert!(matches!(cluster.answer(conn), Some(ResponseBody::BrokerRegistration(reply)) if reply.error_code == 0));
}

#[test]
fn a_clean_restart_keeps_a_replica_eligible() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    assert_eq!((&cluster.partition(id).isr[..], &cluster.partition(id).elr[..]), (&[1][..], &[2][..]));
    cluster.restart(2, true);
    assert_eq!(cluster.partition(id).elr, [2]);
}

#[test]
fn an_unclean_restart_takes_a_replica_out_of_the_elr() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    cluster.restart(2, false);
    assert_eq!(cluster.partition(id).elr, []);
}

#[test]
fn a_version_that_cannot_say_how_the_broker_stopped_counts_as_unclean() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    let epoch = cluster.image().broker(2).unwrap().epoch;
    let request = cluster.registration(2, epoch);
    cluster.call(2, request);
    assert_eq!(cluster.partition(id).elr, []);
}

#[test]
fn a_broker_does_not_lead_from_a_log_directory_that_it_has_no_more() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    let mut request = cluster.registration(2, -1);
    request.log_dirs = vec![Uuid(5_000)];
    cluster.register(request).unwrap();
    cluster.beat(2);
    cluster.set_isr(id, &[1, 2]);
    cluster.expire(1);
    assert_eq!(cluster.partition(id).leader, -1);
}
