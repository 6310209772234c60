//! Partition changes of a cluster whose level of eligible leader replicas is 0.

use tribunal_common::TopicIdPartition;
use tribunal_controller::{Election, LeaderRecoveryState, PartitionChange, PartitionRegistration};
use tribunal_protocol::Uuid;
use tribunal_protocol::messages::PartitionChangeRecord;

const ID: TopicIdPartition = TopicIdPartition { topic: Uuid(500), partition: 0 };

fn partition(isr: &[i32], leader: i32) -> PartitionRegistration {
    PartitionRegistration {
        replicas: vec![1, 2, 3],
        directories: vec![Uuid(1); 3],
        isr: isr.to_vec(),
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        leader,
        leader_epoch: 0,
        partition_epoch: 0,
        leader_recovery_state: LeaderRecoveryState::Recovered,
    }
}

/// What becomes of `current` when it is to have `isr` and only `active` may lead.
fn change(
    current: &PartitionRegistration,
    isr: &[i32],
    active: &[i32],
    election: Election,
) -> Option<PartitionChangeRecord> {
    PartitionChange::new(ID, current, |id| active.contains(&id), 2, false)
        .target_isr(isr.to_vec())
        .election(election)
        .build()
}

#[test]
fn the_last_member_stays_in_the_isr_and_leads_when_it_returns() {
    let record = change(&partition(&[1], 1), &[], &[2, 3], Election::Online).unwrap();
    assert_eq!((record.leader, record.isr, record.eligible_leader_replicas), (-1, None, None));
    let record = change(&partition(&[1], -1), &[1], &[1, 2, 3], Election::Online).unwrap();
    assert_eq!((record.leader, record.isr), (1, None));
}

#[test]
fn nobody_becomes_eligible_by_leaving_a_small_isr() {
    let record = change(&partition(&[1, 2], 1), &[1], &[1, 2, 3], Election::Online).unwrap();
    assert_eq!((record.isr, record.eligible_leader_replicas, record.last_known_elr), (Some(vec![1]), None, None));
}

#[test]
fn an_unclean_leader_is_the_whole_isr() {
    let record = change(&partition(&[1], 1), &[], &[3], Election::Unclean).unwrap();
    assert_eq!((record.leader, record.isr), (3, Some(vec![3])));
    assert_eq!(record.leader_recovery_state, LeaderRecoveryState::Recovering.value());
}

#[test]
fn no_change_is_no_record() {
    assert_eq!(change(&partition(&[1, 2], 1), &[2, 1], &[1, 2, 3], Election::Unclean), None);
    assert_eq!(change(&partition(&[1, 2], 1), &[1, 2], &[1, 2, 3], Election::Preferred), None);
}
