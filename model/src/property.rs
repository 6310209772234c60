//! The one list of what must hold: names, kinds and sentences, for every world and for the scenario language.

use core::fmt;

/// When a property is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyKind {
    /// After every observation, on ground truth.
    Invariant,
    /// At the end of a run, on what clients saw.
    Validation,
    /// Within a bound after faults have ended.
    Liveness,
}

tribunal_common::named! {
    /// Something that must hold. The name is that of the violation, as in `never = ["lost-write"]`.
    pub enum Property
    /// The name, in kebab-case.
    by name
    /// When it is judged.
    in kind: PropertyKind {
        Invariant {
            ConsistentRead = "consistent-read", "The record that consumers read at an offset never changes.";
            DeletedAsAsked = "deleted-as-asked", "DeleteRecords moves a leader's log start to the offset that was asked for, never beyond what is committed, and a log start never goes back while its broker runs (KIP-107).";
            ElrHoldsHighWatermark = "elr-holds-high-watermark", "Every eligible leader replica holds everything below the true high watermark (KIP-966).";
            HighWatermarkNotBelowStart = "high-watermark-not-below-log-start", "A replica's high watermark is never below its log start offset.";
            HighWatermarkWithinLog = "high-watermark-within-log", "A replica's high watermark never exceeds its log end offset.";
            IsrJoinedByActive = "isr-joined-by-active", "A broker joins an ISR only while it is unfenced and not shutting down (KIP-841).";
            IsrWithinReplicas = "isr-within-replicas", "ISR and ELR are disjoint sets of assigned replicas, and the leader is in the ISR.";
            LeaderCompleteness = "leader-completeness", "A leader's log holds everything that leaders of earlier epochs exposed below their high watermarks.";
            LogContiguous = "log-contiguous", "Batches are appended at the log end, in epochs that never go back.";
            LogMatching = "log-matching", "Any two replicas hold the same records below both their high watermarks.";
            MonotonicEpochs = "monotonic-epochs", "Leader epoch and partition epoch of a partition never go back.";
            MonotonicHighWatermark = "monotonic-high-watermark", "A leader's high watermark never goes back within its epoch.";
            NoCommittedRecordLost = "no-committed-record-lost", "A record below an exposed high watermark, or acknowledged with acks=all, is never lost.";
            OneLeaderPerEpoch = "one-leader-per-epoch", "A partition has at most one leader in an epoch.";
            OwnProperty = "own-property", "A property that a test defines holds.";
            Panic = "panic", "No broker or client panics.";
            QuorumElectionSafety = "quorum-election-safety", "At most one node becomes quorum leader in an epoch.";
            QuorumLeaderCompleteness = "quorum-leader-completeness", "A quorum leader's log holds everything committed in earlier epochs.";
            QuorumLogMatching = "quorum-log-matching", "Metadata logs that agree on epoch and offset of a batch agree on everything before it.";
            QuorumMajorityReachedHighWatermark = "quorum-majority-reached-high-watermark", "A majority of voters holds everything below the quorum leader's high watermark.";
            QuorumMonotonicEpoch = "quorum-monotonic-epoch", "A quorum member's epoch never goes back, not even across a restart.";
            QuorumMonotonicHighWatermark = "quorum-monotonic-high-watermark", "The metadata high watermark never goes back, neither in a running member nor from one leader to the next.";
            QuorumSingleLeader = "quorum-single-leader", "All members that know a quorum leader of an epoch know the same one.";
            QuorumSnapshotAtLogStart = "quorum-snapshot-at-log-start", "A metadata log begins where a snapshot of committed records ends.";
            QuorumStateMachineSafety = "quorum-state-machine-safety", "Every node applies the same metadata record at an offset, and snapshots of one end are equal.";
            QuorumVoteSafety = "quorum-vote-safety", "A voter votes for at most one candidate in an epoch, even across a restart.";
            ReplacedReplicasHeld = "replaced-replicas-held", "A replica is removed only when one that stays, in sync or eligible, holds every committed record (KIP-455).";
            RefinesKip320 = "refines-kip-320", "Each step of a partition's replicas is one that the abstract model of KIP-320 allows (judged with --check-refinement).";
            StrongIsr = "strong-isr", "Every in-sync replica holds everything below any presumed leader's high watermark.";
            ValidHighWatermark = "valid-high-watermark", "A leader's high watermark is at most the log end offset of every in-sync replica the controller knows.";
        }
        Validation {
            AbortedRead = "aborted-read", "A poll returns a value of a send that definitely failed (G1a).";
            Duplicate = "duplicate", "One value is at two offsets of a partition, though its producer is idempotent.";
            InconsistentOffsets = "inconsistent-offsets", "One offset of a partition holds two values.";
            IntNonmonotonicPoll = "int-nonmonotonic-poll", "Within one poll, offsets of a partition go back or repeat.";
            IntPollSkip = "int-poll-skip", "Within one poll, a record known to exist is skipped.";
            LostWrite = "lost-write", "An acknowledged value below the highest one read is never polled.";
            NonmonotonicPoll = "nonmonotonic-poll", "From one poll of a consumer to the next, offsets go back or repeat.";
            PollSkip = "poll-skip", "From one poll of a consumer to the next, a record known to exist is skipped.";
            QuorumConsistentCommittedData = "quorum-consistent-committed-data", "At the end, all metadata logs are equal below their high watermarks.";
            Unseen = "unseen", "An acknowledged value is not polled by the end, after final polls.";
        }
        Liveness {
            AtMost = "at-most", "Nothing happens more often than the scenario says (`at_most`).";
            NoProgress = "no-progress", "After the cluster is healed, a partition does not serve, or a replica is not in sync, within the bound.";
        }
    }
}

impl Property {
    /// The property of that name. Jepsen's `g1a` is [`Property::AbortedRead`].
    pub fn from_name(name: &str) -> Option<Property> {
        if name.eq_ignore_ascii_case("g1a") {
            return Some(Property::AbortedRead);
        }
        Property::ALL.iter().copied().find(|property| property.name() == name)
    }

    /// Whether every run checks it, even if the scenario does not name it. Only validations of the history must be
    /// named.
    pub fn always_on(self) -> bool {
        self.kind() != PropertyKind::Validation || self == Property::QuorumConsistentCommittedData
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_kebab_case_unique_and_found_again() {
        for property in Property::ALL {
            let name = property.name();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
            assert_eq!(Property::from_name(name), Some(*property));
            assert!(property.about().ends_with('.'), "{name}");
        }
        assert_eq!(Property::from_name("G1a"), Some(Property::AbortedRead));
        assert_eq!(Property::from_name("lost-writes"), None);
    }
}
