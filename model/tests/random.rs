//! Random histories: those of a right model of replication break nothing, those of a wrong one are found out, and so
//! are right ones with something changed.

mod common;

use common::cluster::{Chance, Cluster, Flaw, Happening};
use common::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tribunal_common::Obs;
use tribunal_model::Violation;

/// Tells it all. The first promise that breaks, with how many things had happened.
fn judge(told: &[Happening]) -> Option<(usize, Violation)> {
    let mut trial = Trial::new();
    for (index, happening) in told.iter().enumerate() {
        match happening {
            Happening::Crash(node, power_lost) => trial.crash(*node, *power_lost),
            Happening::Start(node) => trial.start(*node),
            Happening::Reports(node, obs) => {
                if let Err(violation) = trial.tell(*node, obs) {
                    return Some((index, *violation));
                }
            }
        }
    }
    trial.invariants.finish().into_iter().next().map(|violation| (told.len(), violation))
}

/// The names of what random runs of a flawed model break.
fn found(flaw: Flaw) -> std::collections::BTreeSet<&'static str> {
    (0..600).filter_map(|seed| judge(&Cluster::run(flaw, seed, 200))).map(|(_, v)| v.property.name()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_right_model_breaks_nothing(seed in any::<u64>(), steps in 0usize..500) {
        let told = Cluster::run(Flaw::None, seed, steps);
        if let Some((index, violation)) = judge(&told) {
            let names = Trial::new().invariants.truth().names().clone();
            prop_assert!(false, "at {index} of {}: {} {}: {}\n{:#?}", told.len(), violation.property, violation.detail,
                violation.cause_line(&names), &told[index.saturating_sub(12)..=index.min(told.len() - 1)]);
        }
    }

    #[test]
    fn a_right_history_with_a_record_changed_below_a_high_watermark_is_found_out(seed in any::<u64>()) {
        let mut told = Cluster::run(Flaw::None, seed, 300);
        let fit: Vec<usize> = (0..told.len()).filter(|index| is_committed_later(&told, *index)).collect();
        prop_assume!(!fit.is_empty());
        let index = fit[Chance::new(seed).below(fit.len())];
        if let Happening::Reports(_, Obs::Appended { batch, .. }) = &mut told[index] {
            batch.crc ^= 1 << 20;
        }
        prop_assert!(judge(&told).is_some());
    }

    #[test]
    fn a_right_history_with_a_record_left_out_below_a_high_watermark_is_found_out(seed in any::<u64>()) {
        let mut told = Cluster::run(Flaw::None, seed, 300);
        let fit: Vec<usize> = (0..told.len()).filter(|index| is_committed_later(&told, *index)).collect();
        prop_assume!(!fit.is_empty());
        told.remove(fit[Chance::new(seed).below(fit.len())]);
        prop_assert!(judge(&told).is_some());
    }

    #[test]
    fn a_right_history_with_a_second_leader_in_an_epoch_is_found_out(seed in any::<u64>()) {
        let mut told = Cluster::run(Flaw::None, seed, 300);
        let leads = |happening: &Happening| matches!(happening, Happening::Reports(_, Obs::LeaderStarted { .. }));
        let index = told.iter().rposition(leads).expect("broker 1 leads from the start");
        let Happening::Reports(node, obs) = told[index].clone() else { unreachable!() };
        told.insert(index + 1, Happening::Reports(node % 3 + 1, obs));
        prop_assert!(judge(&told).is_some());
    }

    #[test]
    fn a_right_history_with_an_epoch_taken_back_is_found_out(seed in any::<u64>()) {
        let mut told = Cluster::run(Flaw::None, seed, 300);
        let changes: Vec<usize> = (0..told.len())
            .filter(|i| matches!(&told[*i], Happening::Reports(_, Obs::PartitionCommitted { .. })))
            .skip(1)
            .collect();
        prop_assume!(!changes.is_empty());
        let index = changes[Chance::new(seed).below(changes.len())];
        if let Happening::Reports(_, Obs::PartitionCommitted { state, .. }) = &mut told[index] {
            state.partition_epoch = 0;
        }
        prop_assert!(judge(&told).is_some());
    }
}

/// Whether a follower appends a record here that its own high watermark later passes, in one go.
fn is_committed_later(told: &[Happening], index: usize) -> bool {
    let Happening::Reports(node, Obs::Appended { batch, .. }) = &told[index] else { return false };
    for happening in &told[index + 1..] {
        match happening {
            Happening::Crash(other, _) if other == node => return false,
            Happening::Reports(other, Obs::Truncated { .. } | Obs::LeaderStarted { .. }) if other == node => {
                return false;
            }
            Happening::Reports(other, Obs::HighWatermark { value, leader: false, .. })
                if other == node && *value > batch.last =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[test]
fn random_runs_of_the_right_model_reach_what_they_must() {
    let told: Vec<Happening> = (0..200).flat_map(|seed| Cluster::run(Flaw::None, seed, 400)).collect();
    let count = |name: &str| {
        let named = |happening: &&Happening| matches!(happening, Happening::Reports(_, obs) if obs.name() == name);
        told.iter().filter(named).count()
    };
    for name in ["leader-elected", "follower-started", "log-truncated", "log-opened", "partition-committed"] {
        assert!(count(name) > 100, "{name}: {}", count(name));
    }
    assert!(told.iter().filter(|happening| matches!(happening, Happening::Crash(_, true))).count() > 50);
}

#[test]
fn truncation_to_the_high_watermark_is_found_out() {
    let found = found(Flaw::TruncatesToHighWatermark);
    assert!(found.contains("strong-isr") || found.contains("leader-completeness"), "{found:?}");
}

#[test]
fn fetches_across_epochs_are_found_out() {
    let found = found(Flaw::Unfenced);
    assert!(found.contains("strong-isr") || found.contains("log-matching"), "{found:?}");
}

#[test]
fn a_replica_that_joins_the_isr_early_is_found_out() {
    assert!(found(Flaw::JoinsEarly).contains("strong-isr"));
}

#[test]
fn an_election_from_outside_the_isr_is_found_out() {
    assert!(found(Flaw::ElectsAnyone).contains("leader-completeness"));
}

#[test]
fn a_leader_that_commits_alone_is_found_out() {
    assert!(found(Flaw::CommitsAlone).contains("valid-high-watermark"));
}

#[test]
fn a_broker_kept_in_sync_over_a_power_loss_is_found_out() {
    let found = found(Flaw::KeepsTheLossy);
    assert!(found.contains("strong-isr") || found.contains("leader-completeness"), "{found:?}");
}

#[test]
fn a_replica_that_joins_the_isr_by_its_former_incarnation_is_found_out() {
    // It takes a power loss, a restart and an expansion in a row: rare.
    let mut runs = (0..20_000).filter_map(|seed| judge(&Cluster::run(Flaw::MistakesIncarnations, seed, 300)));
    assert_eq!(runs.next().map(|(_, violation)| violation.property.name()), Some("strong-isr"));
}
