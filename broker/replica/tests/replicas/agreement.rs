//! Logs come to agree: truncation, and nothing that was committed is lost.

use proptest::prelude::*;
use tribunal_common::TruncationMode;

use super::support::{World, Written};

const MODES: [TruncationMode; 2] = [TruncationMode::Fetch, TruncationMode::Lookup];

#[test]
fn a_deposed_leader_cuts_what_its_successor_does_not_have() {
    for mode in MODES {
        let mut world = World::new(3, 2, mode);
        world.produce(1, -1, "a");
        world.run();
        world.held.extend([2, 3]);
        world.produce(1, 1, "lost");
        // Broker 2 leads; broker 1 hears of it later, after records of the new epoch.
        world.held = [1].into();
        world.elect(2, &[2, 3]);
        world.run();
        world.produce(2, -1, "b");
        world.run();
        world.held.clear();
        world.commit();
        world.run();
        // What broker 1 has cut off must not come back with a crash, among what it fetches next.
        world.end_waits();
        assert_eq!(world.end(1), 1, "{mode:?}");
        world.sync(1);
        world.end_waits();
        let log: Vec<Written> = vec![(0, 1, b"a".to_vec()), (1, 2, b"b".to_vec())];
        for id in [1, 2, 3] {
            assert_eq!(world.log(id), log, "{mode:?} broker {id}");
            assert_eq!(world.high_watermark(id), 2, "{mode:?} broker {id}");
        }
    }
}

#[test]
fn a_follower_keeps_what_is_above_its_own_high_watermark_if_the_leader_has_it() {
    // KIP-101: the high watermark of a follower is behind, and says nothing of what is committed.
    for mode in MODES {
        let mut world = World::new(2, 1, mode);
        world.produce(1, -1, "a");
        world.run();
        assert_eq!((world.end(2), world.high_watermark(2)), (1, 0));
        world.held.insert(1);
        world.elect(1, &[1, 2]);
        assert_eq!(world.end(2), 1, "{mode:?}");
        world.elect(2, &[2]);
        assert_eq!(world.log(2), [(0, 1, b"a".to_vec())], "{mode:?}");
    }
}

#[test]
fn logs_with_epochs_the_other_never_had_are_cut_where_they_part() {
    // KIP-279: both were leaders of epochs that the other did not see.
    for mode in MODES {
        let mut world = World::new(3, 1, mode);
        world.lead_alone_in_turn();
        let leader = world.log(1);
        assert_eq!(
            leader.iter().map(|(offset, epoch, _)| (*offset, *epoch)).collect::<Vec<_>>(),
            [(0, 1), (1, 1), (2, 3)]
        );
        assert_eq!(world.log(2), leader, "{mode:?}");
        assert_eq!(world.log(3), leader, "{mode:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Answer { refuse: bool },
    Deliver { which: usize },
    Elect { which: usize },
    EndWaits,
    Hold { which: i32 },
    Lag,
    Produce { all: bool },
    Release,
    Sync { which: i32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<bool>().prop_map(|refuse| Step::Answer { refuse }),
        20 => any::<usize>().prop_map(|which| Step::Deliver { which }),
        2 => any::<usize>().prop_map(|which| Step::Elect { which }),
        1 => Just(Step::EndWaits),
        3 => (1..=3).prop_map(|which| Step::Hold { which }),
        3 => Just(Step::Lag),
        6 => any::<bool>().prop_map(|all| Step::Produce { all }),
        2 => Just(Step::Release),
        3 => (1..=3).prop_map(|which| Step::Sync { which }),
    ]
}

/// What a leader has exposed, and must never be lost.
#[derive(Default)]
struct Committed(Vec<Written>);

impl Committed {
    fn check(&mut self, world: &mut World) -> Result<(), TestCaseError> {
        let leader = world.state.leader;
        let known = world.replica(leader);
        if known.leading().is_none() || known.leader_epoch != world.state.leader_epoch {
            return Ok(());
        }
        let high_watermark = world.high_watermark(leader);
        let exposed: Vec<Written> = world.log(leader).into_iter().filter(|(at, ..)| *at < high_watermark).collect();
        let common = exposed.len().min(self.0.len());
        prop_assert_eq!(&exposed[..common], &self.0[..common], "leader {} changes what was committed", leader);
        prop_assert!(world.end(leader) >= self.0.len() as i64, "leader {} lacks what was committed", leader);
        if exposed.len() > self.0.len() {
            self.0 = exposed;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn what_is_committed_is_in_the_log_of_every_later_leader(
        lookup in any::<bool>(),
        steps in prop::collection::vec(step(), 1..160),
    ) {
        let mut world = World::new(3, 2, MODES[usize::from(lookup)]);
        let mut committed = Committed::default();
        for (n, step) in steps.into_iter().enumerate() {
            let leader = world.state.leader;
            match step {
                Step::Answer { refuse } => {
                    if !world.proposals.is_empty() {
                        world.answer_proposal(refuse.then_some(tribunal_protocol::ErrorCode::IneligibleReplica));
                    }
                }
                Step::Deliver { which } => {
                    world.deliver_one(which);
                }
                Step::Elect { which } => {
                    let isr = world.state.isr.clone();
                    world.elect(isr[which % isr.len()], &isr);
                }
                Step::EndWaits => world.fire(leader, tribunal_common::timers::FETCH_PARKED),
                Step::Hold { which } => {
                    world.held.insert(which);
                }
                Step::Lag => world.fire(leader, tribunal_common::timers::REPLICA_LAG),
                Step::Produce { all } => {
                    world.produce(leader, if all { -1 } else { 1 }, &format!("{n}"));
                }
                Step::Release => {
                    world.held.clear();
                    world.commit();
                }
                Step::Sync { which } => world.sync(which),
            }
            committed.check(&mut world)?;
        }
        // Left alone with a controller that grants everything, all logs become the leader's.
        world.held.clear();
        for _ in 0..8 {
            world.commit();
            world.run();
            while !world.proposals.is_empty() {
                world.answer_proposal(None);
                world.run();
            }
            for id in 1..=3 {
                world.sync(id);
                world.fire(id, tribunal_common::timers::FETCHER_BACKOFF);
                world.fire(id, tribunal_common::timers::ALTER_PARTITION);
            }
            world.end_waits();
            committed.check(&mut world)?;
        }
        let leader = world.log(world.state.leader);
        for id in 1..=3 {
            prop_assert_eq!(&world.log(id), &leader, "broker {}", id);
        }
    }
}
