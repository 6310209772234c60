//! The names that scenarios may use for what is judged and what is reached.
//!
//! The only place that knows them: [`PropertyName`] and [`ObservationName`] can only be made from these tables.

/// When a property is judged, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertyKind {
    /// On the cluster's true state, after every event. Always on.
    Invariant,
    /// Within a bound once the cluster is healed. Always on.
    Liveness,
    /// On what clients saw, at the end of a run. A scenario chooses.
    Validation,
}

/// A row of the table of properties.
#[derive(Debug)]
pub struct Property {
    /// Name, in lower case with dashes.
    pub name: &'static str,
    /// What it looks at.
    pub kind: PropertyKind,
    /// What is promised, or what the anomaly means.
    pub about: &'static str,
}

/// A row of the table of observations.
#[derive(Debug)]
pub struct Observation {
    /// Name, in lower case with dashes.
    pub name: &'static str,
    /// What happened.
    pub about: &'static str,
}

macro_rules! properties {
    ($($kind:ident $name:literal $about:literal)*) => {
        /// Every property, by kind.
        pub const PROPERTIES: &[Property] =
            &[$(Property { name: $name, kind: PropertyKind::$kind, about: $about }),*];
    };
}

macro_rules! observations {
    ($($name:literal $about:literal)*) => {
        /// Everything a run can be required to reach, or a fault can wait for.
        pub const OBSERVATIONS: &[Observation] = &[$(Observation { name: $name, about: $about }),*];
    };
}

properties! {
    Invariant "consistent-read" "What a consumer was given at an offset never changes."
    Invariant "elr-holds-high-watermark" "Every eligible leader replica holds everything below the true high watermark (KIP-966)."
    Invariant "high-watermark-within-log" "A replica's high watermark never exceeds its log end offset."
    Invariant "isr-within-replicas" "ISR and ELR are disjoint sets of assigned replicas, and the leader is in the ISR."
    Invariant "leader-completeness" "A leader's log holds everything that leaders of earlier epochs exposed."
    Invariant "log-contiguous" "Batches are appended at the log end, in epochs that never go back."
    Invariant "log-matching" "Any two replicas hold the same records below both their high watermarks."
    Invariant "monotonic-epochs" "Leader epoch and partition epoch of a partition never go back."
    Invariant "monotonic-high-watermark" "A leader's high watermark never goes back within its epoch."
    Invariant "no-committed-record-lost" "A record below an exposed high watermark, or acknowledged with acks=all, is never lost."
    Invariant "one-leader-per-epoch" "A partition has at most one leader in an epoch."
    Invariant "panic" "No broker or client panics."
    Invariant "quorum-election-safety" "At most one node becomes quorum leader in an epoch."
    Invariant "quorum-leader-completeness" "A quorum leader's log holds everything committed in earlier epochs."
    Invariant "quorum-log-matching" "Metadata logs that agree on epoch and offset of a batch agree on everything before it."
    Invariant "quorum-majority-reached-high-watermark" "A majority of voters holds everything below the quorum's high watermark."
    Invariant "quorum-monotonic-epoch" "A quorum member's epoch never goes back, not even over a restart."
    Invariant "quorum-monotonic-high-watermark" "The metadata high watermark never goes back."
    Invariant "quorum-single-leader" "All members that know a quorum leader of an epoch know the same one."
    Invariant "quorum-snapshot-at-log-start" "Where a metadata log begins, a snapshot of committed records ends."
    Invariant "quorum-state-machine-safety" "Every node applies the same metadata record at an offset."
    Invariant "quorum-vote-safety" "A voter votes for at most one candidate in an epoch, not even over a restart."
    Invariant "strong-isr" "Every in-sync replica holds everything below any presumed leader's high watermark."
    Invariant "valid-high-watermark" "A leader's high watermark is within the log of every in-sync replica."
    Validation "aborted-read" "A poll returns a value of a send that definitely failed (G1a)."
    Validation "duplicate" "One value is at two offsets of a partition, though its producer is idempotent."
    Validation "inconsistent-offsets" "One offset of a partition holds two values."
    Validation "int-nonmonotonic-poll" "Within one poll, offsets of a partition go back or repeat."
    Validation "int-poll-skip" "Within one poll, a record known to exist is skipped."
    Validation "lost-write" "An acknowledged value below the highest one read is never polled."
    Validation "nonmonotonic-poll" "From one poll of a consumer to the next, offsets go back or repeat."
    Validation "poll-skip" "From one poll of a consumer to the next, a record known to exist is skipped."
    Validation "quorum-consistent-committed-data" "At the end, all metadata logs are equal below their high watermarks."
    Validation "unseen" "An acknowledged value is not polled by the end, after final polls."
    Liveness "no-progress" "After the cluster is healed, a partition does not serve within the bound."
}

observations! {
    "appended" "a batch is at the end of a log"
    "broker-fenced" "the controller has fenced a broker"
    "broker-registered" "a broker has registered with the controller"
    "broker-unfenced" "the controller has unfenced a broker"
    "consumer-assigned" "a consumer has its partitions"
    "controlled-shutdown" "a broker has asked to leave, and may"
    "controller-active" "a quorum leader has loaded all and is the active controller"
    "follower-started" "a broker follows the leader of a partition, or none"
    "follower-truncated" "a follower has cut its log to agree with the leader's"
    "high-watermark-advanced" "a replica's high watermark has advanced"
    "isr-expanded" "a leader asks for a replica to join the in-sync replicas"
    "isr-shrunk" "a leader asks for a replica to leave the in-sync replicas"
    "leader-elected" "a broker leads a partition from now on"
    "log-deleted" "a log is gone"
    "log-dir-offline" "a log directory has failed and is offline"
    "log-opened" "a log was opened at a start"
    "log-start-moved" "a log begins later: old records were deleted, or a snapshot stands for them"
    "log-truncated" "a log was cut"
    "not-enough-replicas" "a write was refused for lack of in-sync replicas"
    "offset-reset" "a consumer has lost its position and starts over"
    "partition-committed" "the controller has changed the state of a partition"
    "pre-vote-granted" "a quorum member would vote for a prospective candidate"
    "produce-retried" "a producer sends a batch again"
    "quorum-high-watermark-advanced" "the metadata log's high watermark has advanced"
    "quorum-leader-elected" "the quorum has a new leader"
    "quorum-leader-resigned" "a quorum leader has stepped down"
    "quorum-role-changed" "a quorum member has another role"
    "record-acknowledged" "a record was acknowledged to its producer"
    "record-failed" "a producer has given a record up"
    "record-polled" "a consumer was given records"
    "record-sent" "an application gave a record to its producer"
    "segment-rolled" "a log has begun a new segment"
    "snapshot-installed" "a node has loaded a metadata snapshot from another"
    "snapshot-taken" "a node has written a metadata snapshot"
    "topic-removed" "a topic was deleted"
    "unclean-leader-elected" "a replica that may lack records was elected"
    "vote-granted" "a quorum member has voted for a candidate"
}

/// A property that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyName(&'static str);

/// An observation that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservationName(&'static str);

impl PropertyName {
    /// The property of that name.
    pub fn new(name: &str) -> Option<PropertyName> {
        PROPERTIES.iter().find(|p| p.name == name).map(|p| PropertyName(p.name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// What it looks at.
    pub fn kind(self) -> PropertyKind {
        PROPERTIES.iter().find(|p| p.name == self.0).map_or(PropertyKind::Invariant, |p| p.kind)
    }
}

impl ObservationName {
    /// The observation of that name.
    pub fn new(name: &str) -> Option<ObservationName> {
        OBSERVATIONS.iter().find(|o| o.name == name).map(|o| ObservationName(o.name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let all = PROPERTIES.iter().map(|p| p.name).chain(OBSERVATIONS.iter().map(|o| o.name));
        let mut seen = std::collections::BTreeSet::new();
        for name in all {
            assert!(seen.insert(name), "{name} twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        }
    }

    #[test]
    fn the_observations_are_those_that_brokers_and_clients_make() {
        let known: Vec<&str> = OBSERVATIONS.iter().map(|o| o.name).collect();
        assert_eq!(known, tribunal_common::Obs::NAMES);
    }
}
