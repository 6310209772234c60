//! Whatever brokers and clients do, in any order, what the controller decides keeps its promises.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tribunal_common::TopicIdPartition;
use tribunal_controller::{MetadataImage, NO_LEADER, PartitionRegistration};
use tribunal_protocol::messages::create_topics_request::CreatableTopic;
use tribunal_protocol::messages::delete_topics_request::DeleteTopicState;
use tribunal_protocol::messages::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest,
    UnregisterBrokerRequest,
};
use tribunal_protocol::{ResponseBody, Str, Uuid};

use crate::support::{Cluster, placed, reassignment, settings};

#[derive(Clone, Debug)]
enum Op {
    Register { broker: i32, clean: bool },
    Heartbeat { broker: i32, behind: i64, want_fence: bool, want_shut_down: bool },
    Expire { broker: i32 },
    Create { topic: u8, partitions: i32, factor: i16, min_isr: i32, unclean: bool },
    Delete { topic: u8 },
    Alter { partition: usize, members: u8, stale: i32 },
    Elect { unclean: bool },
    Reassign { partition: usize, target: Option<Vec<i32>> },
    Unregister { broker: i32 },
    Commit { up_to: f64 },
    FailOver,
}

fn op() -> impl Strategy<Value = Op> {
    let broker = 1..=5;
    prop_oneof![
        2 => (broker.clone(), any::<bool>()).prop_map(|(broker, clean)| Op::Register { broker, clean }),
        6 => (broker.clone(), prop_oneof![4 => Just(0), 1 => 0..20_i64], prop::bool::weighted(0.1), prop::bool::weighted(0.15))
            .prop_map(|(broker, behind, want_fence, want_shut_down)| Op::Heartbeat { broker, behind, want_fence, want_shut_down }),
        2 => broker.clone().prop_map(|broker| Op::Expire { broker }),
        1 => broker.prop_map(|broker| Op::Unregister { broker }),
        4 => (any::<prop::sample::Index>(), prop::option::weighted(0.8, prop::collection::vec(1..=5_i32, 1..=4)))
            .prop_map(|(partition, target)| Op::Reassign { partition: partition.index(64), target }),
        2 => (0..4_u8, 1..4, 1..4_i16, 1..4, any::<bool>())
            .prop_map(|(topic, partitions, factor, min_isr, unclean)| Op::Create { topic, partitions, factor, min_isr, unclean }),
        1 => (0..4_u8).prop_map(|topic| Op::Delete { topic }),
        6 => (any::<prop::sample::Index>(), any::<u8>(), prop_oneof![6 => Just(0), 1 => -1..2])
            .prop_map(|(partition, members, stale)| Op::Alter { partition: partition.index(64), members, stale }),
        1 => any::<bool>().prop_map(|unclean| Op::Elect { unclean }),
        3 => (0.0..=1.0).prop_map(|up_to| Op::Commit { up_to }),
        1 => Just(Op::FailOver),
    ]
}

struct Run {
    cluster: Cluster,
    committed: i64,
    /// The last registration each broker sent.
    registrations: BTreeMap<i32, BrokerRegistrationRequest>,
    before: BTreeMap<TopicIdPartition, PartitionRegistration>,
}

impl Run {
    fn step(&mut self, op: Op) {
        let cluster = &mut self.cluster;
        match op {
            Op::Register { broker, clean } => {
                let epoch = cluster.image().broker(broker).map_or(-1, |broker| broker.epoch);
                let mut request = cluster.registration(broker, if clean { epoch } else { -1 });
                // Now and then the answer was lost and the same incarnation asks again.
                if let Some(last) = self.registrations.get(&broker).filter(|last| last.incarnation_id.0 % 3 == 0) {
                    request.incarnation_id = last.incarnation_id;
                }
                self.registrations.insert(broker, request.clone());
                cluster.send(4, request);
            }
            Op::Heartbeat { broker, behind, want_fence, want_shut_down } => {
                let request = cluster.heartbeat_of(broker);
                let current_metadata_offset = request.current_metadata_offset - behind;
                cluster
                    .send(1, BrokerHeartbeatRequest { current_metadata_offset, want_fence, want_shut_down, ..request });
            }
            Op::Expire { broker } => {
                let unfenced = cluster.image().broker(broker).is_some_and(|broker| !broker.fenced);
                assert_eq!(cluster.has_session(broker), unfenced, "a session belongs to every unfenced broker");
                if unfenced {
                    cluster.fire(tribunal_common::timers::SESSION, broker as u32);
                }
            }
            Op::Create { topic, partitions, factor, min_isr, unclean } => {
                let configs = [
                    ("min.insync.replicas", min_isr.to_string()),
                    ("unclean.leader.election.enable", unclean.to_string()),
                ];
                let configs = settings(&configs.each_ref().map(|(name, value)| (*name, &value[..])));
                let topic = CreatableTopic { configs, ..placed(&format!("t{topic}"), partitions, factor) };
                cluster.send(7, CreateTopicsRequest { topics: vec![topic], timeout_ms: 0, validate_only: false });
            }
            Op::Delete { topic } => {
                let topics =
                    vec![DeleteTopicState { name: Some(Str::from(format!("t{topic}"))), topic_id: Uuid::ZERO }];
                cluster.send(6, DeleteTopicsRequest { topics, ..Default::default() });
            }
            Op::Alter { partition, members, stale } => {
                let count = cluster.image().partitions().count().max(1);
                let Some((id, current)) = cluster.image().partitions().nth(partition % count) else { return };
                let chosen = current
                    .replicas
                    .iter()
                    .enumerate()
                    .filter(|(n, id)| members >> n & 1 == 1 || **id == current.leader);
                let isr: Vec<i32> = chosen.map(|(_, id)| *id).collect();
                let mut request = cluster.alteration(id, &isr);
                request.topics[0].partitions[0].partition_epoch += stale;
                cluster.send(3, request);
            }
            Op::Reassign { partition, target } => {
                let count = cluster.image().partitions().count().max(1);
                let Some((id, _)) = cluster.image().partitions().nth(partition % count) else { return };
                let name = cluster.image().topic(id.topic).expect("it has a partition").name.clone();
                cluster.send(1, reassignment(&name, id.partition, target));
            }
            Op::Unregister { broker } => {
                cluster.send(0, UnregisterBrokerRequest { broker_id: broker });
                assert!(!cluster.has_session(broker), "who is not registered has no session");
            }
            Op::Elect { unclean } => {
                cluster.send(
                    2,
                    ElectLeadersRequest { election_type: unclean.into(), topic_partitions: None, timeout_ms: 0 },
                );
            }
            Op::Commit { up_to } => {
                let open = cluster.log.records.len() as i64 - self.committed;
                self.committed += (open as f64 * up_to) as i64;
                cluster.commit_to(self.committed);
            }
            Op::FailOver => {
                cluster.fail_over();
                self.committed = cluster.log.records.len() as i64;
            }
        }
        self.check();
    }

    fn check(&mut self) {
        let image = self.cluster.image();
        for (id, partition) in image.partitions() {
            check_partition(image, partition);
            if let Some(before) = self.before.get(&id) {
                check_epochs(before, partition);
                check_removed(before, partition);
            }
        }
        self.before = image.partitions().map(|(id, partition)| (id, partition.clone())).collect();
    }

    fn finish(mut self) {
        assert_eq!(self.cluster.image(), &self.cluster.replayed(), "the image is what the log says");
        let image = self.cluster.image();
        let records = image.to_records();
        let snapshot = MetadataImage::from_snapshot(image.offset(), image.epoch(), &records);
        assert_eq!(snapshot.as_ref(), Ok(image), "the image is what its snapshot says");
        self.cluster.commit();
        let heartbeat = self.cluster.heartbeat_of(1);
        let conn = self.cluster.send(1, heartbeat);
        self.cluster.commit();
        assert!(matches!(self.cluster.answer(conn), Some(ResponseBody::BrokerHeartbeat(_))));
        self.settle();
    }

    /// With every broker back, every partition is led: what was eligible is there, and who led last as well.
    fn settle(&mut self) {
        for broker in 1..=5 {
            let cluster = &mut self.cluster;
            match cluster.image().broker(broker) {
                None => cluster.start(broker),
                Some(_) => cluster.restart(broker, true),
            }
        }
        self.check();
        for (_, partition) in self.cluster.image().partitions() {
            let hopeless = partition.elr.is_empty() && partition.last_known_elr.is_empty();
            assert!(partition.has_leader() || hopeless, "{partition:?}");
        }
        self.finish_reassignments();
    }

    /// Once every replica of a partition that is led has caught up, no reassignment is under way.
    fn finish_reassignments(&mut self) {
        let ids: Vec<_> = self.cluster.image().partitions().map(|(id, _)| id).collect();
        for id in ids {
            let partition = self.cluster.partition(id).clone();
            if partition.has_leader() {
                let request = self.cluster.alteration(id, &partition.replicas);
                assert_eq!(self.cluster.alter(request).error_code, 0);
                self.check();
                assert!(!self.cluster.partition(id).is_reassigning(), "{partition:?}");
            }
        }
    }
}

fn check_partition(image: &MetadataImage, partition: &PartitionRegistration) {
    let PartitionRegistration { replicas, isr, elr, leader, .. } = partition;
    assert!(*leader == NO_LEADER || isr.contains(leader), "the leader is in sync: {partition:?}");
    assert!(isr.iter().all(|id| replicas.contains(id) && !elr.contains(id)), "{partition:?}");
    assert!(elr.iter().all(|id| replicas.contains(id)), "{partition:?}");
    let stay = replicas.iter().filter(|id| !partition.removing_replicas.contains(id));
    let ready = stay.clone().all(|id| isr.contains(id)) && stay.count() > 0;
    assert!(!(partition.is_reassigning() && ready), "a reassignment does not wait for nothing: {partition:?}");
    assert!(isr.iter().all(|id| image.is_active(*id)), "nobody in sync is fenced or shutting down: {partition:?}");
    let eligible = if isr.is_empty() { elr } else { isr };
    let electable = eligible.iter().any(|id| image.is_active(*id));
    assert!(*leader != NO_LEADER || !electable, "somebody could lead: {partition:?}");
}

/// Replicas go only when others hold what is committed, and whoever leads then leads another epoch.
fn check_removed(before: &PartitionRegistration, after: &PartitionRegistration) {
    if before.replicas.iter().all(|id| after.replicas.contains(id)) {
        return;
    }
    let held = |partition: &PartitionRegistration| !partition.isr.is_empty() || !partition.elr.is_empty();
    assert!(held(after) || !held(before), "{before:?} {after:?}");
    assert!(after.leader_epoch > before.leader_epoch, "{before:?} {after:?}");
}

fn check_epochs(before: &PartitionRegistration, after: &PartitionRegistration) {
    assert!(after.leader_epoch >= before.leader_epoch && after.partition_epoch >= before.partition_epoch);
    if after.leader != before.leader {
        assert!(after.leader_epoch > before.leader_epoch, "{before:?} {after:?}");
    }
    if after != before {
        assert!(after.partition_epoch > before.partition_epoch, "{before:?} {after:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn partitions_are_led_by_who_has_all_and_the_log_says_so(ops in prop::collection::vec(op(), 1..120), brokers in 3..=5) {
        let mut cluster = Cluster::of(brokers);
        cluster.commit();
        let committed = cluster.log.records.len() as i64;
        let mut run = Run { cluster, committed, registrations: BTreeMap::new(), before: BTreeMap::new() };
        for op in ops {
            run.step(op);
        }
        run.finish();
    }
}
