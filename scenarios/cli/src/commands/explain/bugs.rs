//! What planted bugs break, and what finds them.

use tribunal_common::Bug;
use tribunal_model::Property;
use tribunal_model::Property as P;

/// The properties that a bug is known to break, the telling one first, and the scenario of the catalog that shows it.
/// Each was seen in runs of that scenario, or in a counterexample of the checker.
pub(super) fn known(bug: Bug) -> (&'static [Property], &'static str) {
    match bug {
        Bug::Kip101 => (
            &[P::StrongIsr, P::LostWrite, P::InconsistentOffsets, P::LeaderCompleteness, P::Unseen],
            "fast-failovers-lose-nothing-by-lookup-truncation",
        ),
        Bug::Kip279 => (
            &[P::LogMatching, P::LogContiguous, P::LostWrite, P::Unseen, P::InconsistentOffsets, P::StrongIsr],
            "slow-followers-do-not-diverge-in-quick-elections",
        ),
        Bug::Kip320Isr => {
            (&[P::StrongIsr, P::LostWrite, P::Unseen, P::InconsistentOffsets], "stale-followers-stay-out-of-isr")
        }
        Bug::Kip320Truncation => (
            &[P::LeaderCompleteness, P::ElrHoldsHighWatermark, P::LostWrite, P::Unseen, P::InconsistentOffsets],
            "late-leader-does-not-guide-truncation",
        ),
        Bug::Kip497 => (&[P::StrongIsr, P::ValidHighWatermark], "fast-failovers-lose-nothing-by-lookup-truncation"),
        Bug::Kip841 => (&[P::IsrJoinedByActive], "fenced-broker-stays-out-of-isr"),
        Bug::Kip903 => (&[P::StrongIsr, P::ValidHighWatermark], "old-fetch-does-not-readmit-wiped-broker"),
        Bug::Kip966 => (&[P::ElrHoldsHighWatermark], "survivable-faults-lose-nothing"),
        Bug::Kip996 => (&[P::AtMost], "returning-voter-does-not-depose-leader"),
        Bug::Kafka7164 => {
            (&[P::LogMatching, P::LeaderCompleteness, P::StrongIsr], "killed-leader-truncates-unreplicated-records")
        }
        Bug::Kafka9491 => (&[P::HighWatermarkNotBelowStart], "follower-behind-retention-starts-over"),
        Bug::Kafka10706 => (&[P::NoProgress], "empty-epoch-does-not-block-followers"),
        Bug::Kafka10778 => (&[P::NoProgress], "failed-disk-moves-its-leaders"),
        Bug::Kafka13141 => (
            &[P::StrongIsr, P::ValidHighWatermark, P::NoProgress, P::LeaderCompleteness, P::LostWrite],
            "fast-failovers-lose-nothing-by-fetch-truncation",
        ),
        Bug::Kafka15583 => (&[P::ElrHoldsHighWatermark, P::LeaderCompleteness], "writes-below-min-insync-are-refused"),
        Bug::VotePersistence => (
            &[
                P::QuorumVoteSafety,
                P::QuorumElectionSafety,
                P::QuorumSingleLeader,
                P::QuorumLogMatching,
                P::QuorumLeaderCompleteness,
                P::QuorumStateMachineSafety,
            ],
            "voter-keeps-its-vote-across-power-loss",
        ),
    }
}

/// What a bug is, what it breaks, how to see it.
pub(super) fn text(bug: Bug) -> String {
    let (breaks, scenario) = known(bug);
    let breaks: Vec<&str> = breaks.iter().map(|property| property.name()).collect();
    let source = match bug.id().strip_prefix("KAFKA-") {
        Some(_) => format!("Reported as https://issues.apache.org/jira/browse/{}\n", bug.id()),
        None if bug.id().starts_with("KIP-") => {
            let number: String = bug.id()[4..].chars().take_while(char::is_ascii_digit).collect();
            format!("Mended by KIP-{number}\n")
        }
        None => String::new(),
    };
    format!(
        "With it, {}.\n{source}Breaks: {}\nNext: tribunal run {scenario} --bug {} --seeds 0..100\n",
        bug.about(),
        breaks.join(", "),
        bug.id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_language::files::catalog;

    #[test]
    fn every_bug_names_a_scenario_of_the_catalog_and_what_it_breaks() {
        for bug in Bug::ALL {
            let (breaks, scenario) = known(*bug);
            assert!(!breaks.is_empty());
            assert!(
                catalog().any(|source| source.name() == format!("scenarios/catalog/{scenario}.toml")),
                "{scenario}"
            );
        }
    }
}
