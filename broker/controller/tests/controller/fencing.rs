use tribunal_protocol::messages::BrokerRegistrationChangeRecord;

use crate::support::Cluster;

#[test]
fn a_broker_whose_session_ends_is_fenced_and_leaves_every_isr() {
    let mut cluster = Cluster::of(3);
    let ids = [cluster.topic("t", &[1, 2, 3]), cluster.topic("u", &[2, 1, 3])];
    let epoch = cluster.image().broker(1).unwrap().epoch;
    cluster.expire(1);
    let fenced = BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: epoch, fenced: 1, ..Default::default() };
    assert_eq!(cluster.log.records.last().unwrap().1, fenced.into());
    for id in ids {
        let partition = cluster.partition(id);
        assert_eq!((partition.leader, &partition.isr[..]), (2, &[2, 3][..]));
        assert_eq!(partition.elr, [], "the ISR has its minimum");
    }
    assert!(!cluster.has_session(1));
}

#[test]
fn the_leader_epoch_grows_with_a_new_leader_and_not_with_a_smaller_isr() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.expire(3);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader_epoch, partition.partition_epoch), (0, 1));
    cluster.expire(1);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader_epoch, partition.partition_epoch), (1, 2));
}

#[test]
fn the_new_leader_is_the_first_replica_of_the_assignment_that_is_in_sync() {
    let mut cluster = Cluster::of(4);
    let id = cluster.topic("t", &[2, 4, 1, 3]);
    cluster.set_isr(id, &[2, 3, 1]);
    cluster.expire(2);
    assert_eq!(cluster.partition(id).leader, 1);
}

#[test]
fn who_leaves_an_isr_below_its_minimum_stays_eligible() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.expire(3);
    assert_eq!(cluster.partition(id).elr, []);
    cluster.expire(2);
    let partition = cluster.partition(id);
    assert_eq!((&partition.isr[..], &partition.elr[..]), (&[1][..], &[2][..]));
    cluster.expire(1);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (-1, &[][..], &[1, 2][..]));
    assert_eq!(partition.last_known_elr, [1]);
}

#[test]
fn an_eligible_replica_leads_when_the_isr_is_empty() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    for broker in [3, 2, 1] {
        cluster.expire(broker);
    }
    cluster.restart(3, true);
    assert_eq!(cluster.partition(id).leader, -1, "3 left while more than the minimum were in sync");
    cluster.restart(2, true);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (2, &[2][..], &[1][..]));
    assert_eq!(partition.last_known_elr, []);
    assert_eq!(partition.leader_recovery_state.value(), 0, "that was a clean election");
}

#[test]
fn the_elr_is_cleared_when_the_isr_has_its_minimum_again() {
    let mut cluster = Cluster::of(3);
    let id = cluster.topic("t", &[1, 2, 3]);
    cluster.set_isr(id, &[1]);
    assert_eq!(cluster.partition(id).elr, [2, 3]);
    cluster.set_isr(id, &[1, 2]);
    assert_eq!(cluster.partition(id).elr, []);
}

#[test]
fn the_last_leader_leads_again_when_nobody_is_eligible() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(2);
    cluster.expire(1);
    cluster.restart(2, false);
    assert_eq!(cluster.partition(id).leader, -1);
    cluster.restart(1, false);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (1, &[1][..], &[][..]));
    assert_eq!(partition.leader_recovery_state.value(), 1, "it may have lost records");
    assert_eq!(partition.last_known_elr, []);
}

#[test]
fn a_last_leader_that_is_fenced_is_not_elected() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1]);
    cluster.expire(1);
    let request = cluster.registration(1, -1);
    cluster.register(request).unwrap();
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.elr[..], &partition.last_known_elr[..]), (-1, &[][..], &[1][..]));
}

#[test]
fn without_an_eligible_replica_nobody_leads_unless_the_topic_allows_it() {
    let mut cluster = Cluster::of(2);
    let clean = cluster.topic("clean", &[1, 2]);
    let dirty = cluster.topic_with(
        "dirty",
        &[1, 2],
        &[("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")],
    );
    let strict = cluster.topic_with("strict", &[1, 2], &[("min.insync.replicas", "1")]);
    for id in [clean, dirty, strict] {
        cluster.set_isr(id, &[1]);
    }
    cluster.expire(1);
    assert_eq!(cluster.partition(clean).leader, 2, "2 left an ISR below its minimum, so it has all");
    assert_eq!(cluster.partition(strict).leader, -1);
    let partition = cluster.partition(dirty);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (2, &[2][..], &[][..]));
    assert_eq!(partition.leader_recovery_state.value(), 1);
}

#[test]
fn a_returning_broker_leads_what_only_it_can_lead() {
    let mut cluster = Cluster::of(2);
    let alone = cluster.topic("alone", &[2]);
    let both = cluster.topic("both", &[2, 1]);
    cluster.expire(2);
    assert_eq!((cluster.partition(alone).leader, cluster.partition(both).leader), (-1, 1));
    cluster.beat(2);
    assert_eq!((cluster.partition(alone).leader, cluster.partition(both).leader), (2, 1));
}
