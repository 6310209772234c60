//! The ISR: proposed by the leader, decided by the controller.

use tribunal_common::{Obs, TruncationMode, timers};
use tribunal_protocol::ErrorCode;
use tribunal_replica::BrokerLiveness;

use super::fetching::wanted;
use super::support::{World, epoch_of};

fn world() -> World {
    World::new(3, 1, TruncationMode::Fetch)
}

/// Broker 3 is out of the ISR and does not fetch.
fn without_broker_3() -> World {
    let mut world = world();
    world.held.insert(3);
    world.elect(1, &[1, 2]);
    world.produce(1, -1, "a");
    world.run();
    world
}

fn asked(world: &World) -> Vec<(i32, i64)> {
    let (_, _, request) = world.proposals.front().expect("a proposal");
    let members = &request.topics[0].partitions[0].new_isr_with_epochs;
    members.iter().map(|member| (member.broker_id, member.broker_epoch)).collect()
}

/// Broker 3 comes back and catches up.
fn broker_3_returns(world: &mut World) {
    world.held.clear();
    world.commit();
    world.run();
}

#[test]
fn a_follower_that_has_caught_up_is_proposed_with_its_broker_epoch() {
    let mut world = without_broker_3();
    broker_3_returns(&mut world);
    assert_eq!(asked(&world), [(1, epoch_of(1)), (2, epoch_of(2)), (3, epoch_of(3))]);
    world.answer_proposal(None);
    assert_eq!(world.replica(1).isr, [1, 2, 3]);
}

#[test]
fn a_member_that_is_pending_holds_up_the_high_watermark_until_it_is_refused() {
    let mut world = without_broker_3();
    broker_3_returns(&mut world);
    world.held.insert(3);
    world.produce(1, 1, "b");
    world.run();
    assert_eq!((world.end(2), world.high_watermark(1)), (2, 1));
    world.answer_proposal(Some(ErrorCode::IneligibleReplica));
    world.run();
    assert_eq!((world.replica(1).isr.as_slice(), world.high_watermark(1)), (&[1, 2][..], 2));
}

#[test]
fn a_change_whose_fate_is_unknown_stays_pending() {
    let mut world = without_broker_3();
    broker_3_returns(&mut world);
    world.held.insert(3);
    world.produce(1, 1, "b");
    world.run();
    // It may have been made, and the answer to it lost.
    world.answer_proposal(Some(ErrorCode::InvalidUpdateVersion));
    world.run();
    assert_eq!(world.high_watermark(1), 1);
}

#[test]
fn a_fenced_broker_and_one_of_another_incarnation_are_not_proposed() {
    let fenced = BrokerLiveness { epoch: epoch_of(3), active: false };
    let restarted = BrokerLiveness { epoch: epoch_of(3) + 1, active: true };
    for liveness in [Some(fenced), Some(restarted), None] {
        let mut world = without_broker_3();
        world.with(1, |replicas, _| replicas.set_broker(3, liveness));
        broker_3_returns(&mut world);
        assert_eq!((world.end(3), world.proposals.len()), (1, 0), "{liveness:?}");
    }
}

#[test]
fn a_fetch_from_before_a_restart_says_nothing_of_what_the_broker_has_now() {
    let restarted = BrokerLiveness { epoch: epoch_of(3) + 1, active: true };
    // The leader may hear of the registration first, or of the new process itself.
    for told_first in [true, false] {
        let mut world = world();
        world.held.insert(3);
        world.produce(1, 1, "a");
        world.run();
        if told_first {
            world.with(1, |replicas, _| replicas.set_broker(3, Some(restarted)));
        } else {
            world.fetch_as(1, 3, epoch_of(3) + 1, wanted(0, 1, -1));
        }
        world.fetch(1, 3, wanted(1, 1, 1));
        assert_eq!(world.high_watermark(1), 0, "its earlier process had it, and may have lost it");
        world.fetch_as(1, 3, epoch_of(3) + 1, wanted(1, 1, 1));
        assert_eq!(world.high_watermark(1), 1);
    }
}

#[test]
fn a_follower_that_does_not_catch_up_in_time_is_proposed_out_and_no_longer_waited_for() {
    let mut world = world();
    world.held.insert(3);
    let produced = world.produce(1, -1, "a");
    world.run();
    for _ in 0..2 {
        world.fire(1, timers::REPLICA_LAG);
        assert!(world.proposals.is_empty(), "not before replica.lag.time.max is over");
    }
    world.fire(1, timers::REPLICA_LAG);
    assert_eq!(asked(&world).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2]);
    assert!(
        world.broker(1).fx.observed.iter().any(|obs| matches!(obs, Obs::IsrProposed { shrink: true, size: 2, .. }))
    );
    assert_eq!(world.high_watermark(1), 0);
    world.answer_proposal(None);
    assert_eq!(world.high_watermark(1), 1);
    assert_eq!(world.produced(produced).map(|answer| answer.error_code), Some(0));
}

#[test]
fn a_follower_that_keeps_up_stays_in_sync() {
    let mut world = world();
    for n in 0..8 {
        world.produce(1, -1, &format!("{n}"));
        world.run();
        world.fire(1, timers::REPLICA_LAG);
    }
    assert!(world.proposals.is_empty());
    assert_eq!(world.replica(1).isr, [1, 2, 3]);
}
