//! The names that scenarios may use for what is judged and what is reached.
//!
//! The only place that knows them: [`PropertyName`] and [`ObservationName`] can only be made from these tables.

/// What a property looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertyKind {
    /// Checked on the cluster's true state after every event. Always on.
    Invariant,
    /// Checked on what clients saw, at the end of a run. A scenario chooses.
    History,
    /// Checked in the liveness phase. Always on.
    Progress,
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
    Invariant "leader-completeness" "a new leader has every committed record"
    Invariant "log-matching" "two replicas agree below the high watermark"
    Invariant "strong-isr" "the in-sync replicas hold all below any presumed leader's high watermark"
    Invariant "valid-high-watermark" "no high watermark is above the log end of an in-sync replica"
    Invariant "consistent-read" "what was read at an offset never changes"
    Invariant "no-committed-record-lost" "a committed record is on some replica that may lead"
    Invariant "one-leader-per-epoch" "a leader epoch has one leader"
    Invariant "monotonic-epoch" "epochs never go back"
    Invariant "isr-in-replicas" "in-sync replicas are assigned replicas"
    Invariant "election-safety" "an epoch of the controller quorum elects at most one leader"
    Invariant "quorum-leader-completeness" "a new active controller has every committed metadata record"
    Invariant "quorum-log-matching" "two metadata logs agree below the high watermark"
    Invariant "state-machine-safety" "no two nodes apply different metadata at one offset"
    Invariant "quorum-monotonic-epoch" "a quorum member's epoch never goes back"
    Invariant "monotonic-high-watermark" "the quorum's high watermark never goes back"
    Invariant "majority-reached-high-watermark" "a majority of voters holds all below the quorum's high watermark"
    Invariant "single-leader" "at most one quorum member leads in an epoch"
    Invariant "snapshot-at-log-start" "a log that does not start at 0 has a snapshot at its start"
    Invariant "no-panic" "no broker or client panics"
    History "inconsistent-offsets" "one offset of a partition holds two values"
    History "duplicate" "one value is at two offsets of a partition"
    History "lost-write" "an acknowledged value below the highest read one is never polled"
    History "unseen" "an acknowledged value is not polled by the end"
    History "aborted-read" "a poll returns a value whose send definitely failed"
    History "poll-skip" "a consumer's next poll leaves out records"
    History "nonmonotonic-poll" "a consumer's next poll goes back"
    History "int-poll-skip" "one poll leaves out records between two it returns"
    History "int-nonmonotonic-poll" "one poll returns records out of order"
    History "int-send-skip" "records of one batch are not neighbours in the log"
    History "int-nonmonotonic-send" "records of one batch are out of order in the log"
    History "nonmonotonic-send" "a producer's later record has a lower offset"
    Progress "no-progress" "after healing, produce and consume do not succeed within the bound"
}

observations! {
    "broker-fenced" "the controller has fenced a broker"
    "broker-registered" "a broker has registered with the controller"
    "broker-unfenced" "the controller has unfenced a broker"
    "controlled-shutdown" "a broker has shut down with the controller's consent"
    "follower-truncated" "a follower has cut its log to agree with the leader's"
    "high-watermark-advanced" "a leader's high watermark has advanced"
    "isr-expanded" "a replica has joined the in-sync replicas"
    "isr-shrunk" "a replica has left the in-sync replicas"
    "leader-elected" "a partition has a new leader"
    "log-dir-offline" "a log directory has failed and is offline"
    "not-enough-replicas" "a produce was refused for lack of in-sync replicas"
    "offset-reset" "a consumer has lost its position and started over"
    "produce-retried" "a producer has sent a batch again"
    "quorum-leader-elected" "the quorum has a new leader, the active controller"
    "quorum-leader-resigned" "the active controller has resigned"
    "record-acknowledged" "a record was acknowledged to its producer"
    "record-failed" "a producer has given a record up"
    "segment-rolled" "a log has begun a new segment"
    "snapshot-installed" "a node has loaded a metadata snapshot from another"
    "snapshot-taken" "a node has written a metadata snapshot"
    "unclean-leader-elected" "a replica outside the in-sync replicas was elected"
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
}
