//! Thousands of random schedules of deliveries, syncs, timers, resets, partitions, crashes and losses of power. The
//! invariants hold after every event; once all is repaired, the quorum gets on.

mod world;

use proptest::prelude::*;
use tribunal_common::{Bug, Bugs};
use world::{Dice, World};

fn run(voters: usize, observers: usize, steps: usize, seed: u64, schedule: Vec<u16>) -> World {
    let mut world = World::new(voters, observers, Bugs::NONE, Dice::new(schedule, seed));
    world.start_all();
    for _ in 0..steps {
        world.wild_step(true);
    }
    world.recover();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_in_any_schedule_and_the_quorum_recovers(
        voters in 1_usize..6,
        observers in 0_usize..2,
        steps in 50_usize..600,
        seed: u64,
        schedule in proptest::collection::vec(any::<u16>(), 0..300),
    ) {
        run(voters, observers, steps, seed, schedule);
    }
}

#[test]
fn long_schedules_reach_everything_they_are_to_test() {
    let mut reached = std::collections::BTreeMap::new();
    for seed in 0..300 {
        let world = run(3, 1, 2_500, seed * 7_919 + 1, Vec::new());
        for (name, count) in world.truth.reached {
            *reached.entry(name).or_insert(0) += count;
        }
    }
    for name in [
        "appended",
        "log-start-moved",
        "log-truncated",
        "pre-vote-granted",
        "quorum-high-watermark-advanced",
        "quorum-leader-elected",
        "quorum-leader-resigned",
        "snapshot-installed",
        "snapshot-taken",
        "vote-granted",
    ] {
        assert!(reached.get(name).is_some_and(|n| *n > 20), "{name} hardly ever happened: {reached:?}");
    }
}

#[test]
fn a_vote_answered_before_it_is_on_disk_elects_two_leaders_in_one_epoch() {
    let bugs = Bugs::NONE.with(Bug::VotePersistence);
    let hunt = |seed: u64| {
        std::panic::catch_unwind(|| {
            let mut world = World::new(3, 0, bugs, Dice::new(Vec::new(), seed * 6_151 + 1));
            world.truth.votes_are_durable = false;
            world.start_all();
            for _ in 0..4_000 {
                world.wild_step(true);
            }
        })
    };
    let why = |panic: Box<dyn std::any::Any + Send>| {
        panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "no message".into())
    };
    let found: Vec<String> = (0..4_000).filter_map(|seed| hunt(seed).err()).map(why).take(5).collect();
    assert!(!found.is_empty(), "the planted bug was not found");
    assert!(found.iter().any(|why| why.contains("ElectionSafety")), "{found:?}");
}

#[test]
#[ignore = "takes minutes"]
fn a_long_hunt_finds_nothing() {
    for seed in 0..20_000_u64 {
        let voters = 1 + (seed % 5) as usize;
        run(voters, (seed % 3 == 0) as usize, 1_500, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, Vec::new());
    }
}
