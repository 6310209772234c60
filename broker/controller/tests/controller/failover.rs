use tribunal_common::Obs;
use tribunal_controller::not_controller;
use tribunal_protocol::messages::{
    AllocateProducerIdsRequest, BrokerHeartbeatRequest, CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest,
};
use tribunal_protocol::{ErrorCode, Message, RequestBody, ResponseBody, Str};

use crate::support::{Cluster, placed};

#[test]
fn an_empty_log_begins_with_the_feature_levels() {
    let cluster = Cluster::empty();
    assert_eq!((cluster.image().feature("metadata.version"), cluster.image().is_elr_enabled()), (27, true));
    assert_eq!(cluster.fx.observed, [Obs::ControllerActive { epoch: 0 }]);
}

#[test]
fn a_new_controller_gives_every_unfenced_broker_a_whole_session() {
    let mut cluster = Cluster::of(3);
    cluster.expire(2);
    cluster.fail_over();
    assert_eq!([1, 2, 3].map(|broker| cluster.has_session(broker)), [true, false, true]);
    assert_eq!(cluster.image(), &cluster.replayed());
}

#[test]
fn a_controlled_shutdown_goes_on_under_a_new_controller() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    assert!(!cluster.ask_to_stop(1).should_shut_down);
    cluster.fail_over();
    assert!(cluster.ask_to_stop(1).should_shut_down, "it leads nothing any more");
    assert_eq!(cluster.partition(id).isr, [2]);
}

#[test]
fn who_waits_is_sent_away_when_the_controller_goes() {
    let mut cluster = Cluster::of(1);
    cluster.topic("t", &[1]);
    let broker_epoch = cluster.image().broker(1).unwrap().epoch;
    let topics = vec![placed("new", 1, 1)];
    let create = CreateTopicsRequest { topics, timeout_ms: 1_000, validate_only: false };
    let registration = cluster.registration(2, -1);
    let delete = DeleteTopicsRequest { topic_names: vec![Str::from("t")], ..Default::default() };
    let requests: Vec<(i16, RequestBody)> = vec![
        (7, create.into()),
        (4, registration.into()),
        (0, AllocateProducerIdsRequest { broker_id: 1, broker_epoch }.into()),
        (1, cluster.heartbeat_of(1).into()),
        (0, ElectLeadersRequest::default().into()),
        (2, ElectLeadersRequest::default().into()),
        (
            3,
            cluster
                .alteration(
                    tribunal_common::TopicIdPartition { topic: cluster.topic_named("t").unwrap().id, partition: 0 },
                    &[1],
                )
                .into(),
        ),
        (5, delete.into()),
    ];
    let conns: Vec<_> = requests.into_iter().map(|(version, body)| cluster.send(version, body)).collect();
    assert!(conns.iter().all(|conn| cluster.answer(*conn).is_none()));
    let fx = cluster.deactivate();
    for conn in conns {
        let (_, message) = fx.sent.iter().find(|(to, _)| *to == conn).expect("it is answered");
        let Message::Response { version, body } = message else { panic!("{message:?}") };
        let mut out = bytes::BytesMut::new();
        body.encode(*version, &mut out).expect("the request's version can carry the refusal");
        let error = match body {
            ResponseBody::CreateTopics(reply) => reply.topics[0].error_code,
            ResponseBody::DeleteTopics(reply) => reply.responses[0].error_code,
            ResponseBody::BrokerRegistration(reply) => reply.error_code,
            ResponseBody::BrokerHeartbeat(reply) => reply.error_code,
            ResponseBody::AlterPartition(reply) => reply.error_code,
            ResponseBody::AllocateProducerIds(reply) => reply.error_code,
            ResponseBody::ElectLeaders(_) if *version == 0 => continue,
            ResponseBody::ElectLeaders(reply) => reply.error_code,
            other => panic!("{other:?}"),
        };
        assert_eq!(error, ErrorCode::NotController.code(), "{body:?}");
    }
    assert!(fx.timers.is_empty());
}

#[test]
fn a_controller_that_was_deposed_refuses_and_changes_nothing() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.log.deposed = true;
    let before = cluster.controller.clone();
    let request = cluster.registration(3, -1);
    assert_eq!(cluster.register(request), Err(ErrorCode::NotController));
    let request = BrokerHeartbeatRequest { want_fence: true, ..cluster.heartbeat_of(1) };
    assert_eq!(cluster.heartbeat(request).error_code, ErrorCode::NotController.code());
    let request = cluster.alteration(id, &[1]);
    assert_eq!(cluster.alter(request).error_code, ErrorCode::NotController.code());
    assert_eq!(cluster.create(placed("u", 1, 1)).error_code, ErrorCode::NotController.code());
    cluster.fire(tribunal_common::timers::SESSION, 2);
    assert_eq!(cluster.controller, before);
}

#[test]
fn nobody_is_answered_on_a_connection_that_is_gone() {
    let mut cluster = Cluster::empty();
    let request = cluster.registration(1, -1);
    let conn = cluster.send(4, request);
    let with = cluster.controller.clone();
    cluster.hang_up(conn);
    assert_ne!(cluster.controller, with);
    cluster.commit();
    assert_eq!(cluster.answer(conn), None);
}

#[test]
fn what_only_the_controller_serves_is_refused_by_others() {
    let elect = RequestBody::from(ElectLeadersRequest::default());
    let heartbeat = RequestBody::from(BrokerHeartbeatRequest::default());
    let metadata = RequestBody::from(tribunal_protocol::messages::MetadataRequest::default());
    assert!(matches!(not_controller(2, &elect), Some(ResponseBody::ElectLeaders(reply)) if reply.error_code == 41));
    assert!(
        matches!(not_controller(1, &heartbeat), Some(ResponseBody::BrokerHeartbeat(reply)) if reply.error_code == 41)
    );
    assert_eq!(not_controller(12, &metadata), None);
}
