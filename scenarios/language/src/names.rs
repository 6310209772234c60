//! The names that scenarios may use for what is judged and what is reached.
//!
//! Properties are those of [`tribunal_model`], observations those of [`tribunal_common::Obs::NAMES`]: a
//! [`PropertyName`] or [`ObservationName`] can only be one of them.

use tribunal_common::Bug;
use tribunal_model::{Property, PropertyKind};

use super::nearest::nearest;

/// A row of the table of observations.
#[derive(Debug)]
pub struct Observation {
    /// Name, in lower case with dashes.
    pub name: &'static str,
    /// What happened.
    pub about: &'static str,
}

macro_rules! observations {
    ($($name:literal $about:literal)*) => {
        /// Everything a run can be required to reach, or a fault can wait for.
        pub const OBSERVATIONS: &[Observation] = &[$(Observation { name: $name, about: $about }),*];
    };
}

observations! {
    "appended" "a batch is at the end of a log"
    "broker-fenced" "the controller has fenced a broker"
    "broker-registered" "a broker has registered with the controller"
    "broker-unfenced" "the controller has unfenced a broker"
    "broker-unregistered" "the controller has forgotten a broker"
    "consumer-assigned" "a consumer has its partitions"
    "controlled-shutdown" "a broker has asked to leave, and may"
    "controller-active" "a quorum leader has loaded all and is the active controller"
    "folder-set-aside" "a folder of a log directory is no replica of the broker, and is kept under another name"
    "follower-started" "a broker follows the leader of a partition, or none"
    "follower-truncated" "a follower has cut its log to agree with the leader's"
    "high-watermark-advanced" "a replica's high watermark has advanced"
    "isr-expanded" "a leader asks for a replica to join the in-sync replicas"
    "isr-shrunk" "a replica leaves the in-sync replicas: a leader asks for it, or the controller has done it"
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
    "reassignment-cancelled" "a partition stays with the replicas it had"
    "reassignment-completed" "a partition has the replicas that were wanted, and the others go"
    "reassignment-started" "a partition is to have other replicas"
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

/// The planted bug of that id, or what is wrong with it.
///
/// # Errors
/// If there is none, with the nearest one that there is.
pub fn parse_bug(id: &str) -> Result<Bug, String> {
    Bug::from_id(id).ok_or_else(|| match nearest(id, Bug::ALL.iter().map(|bug| bug.id())) {
        Some(near) => format!("unknown bug; did you mean {near}?"),
        None => "unknown bug; `tribunal list bugs` lists them".into(),
    })
}

/// A property that exists, as files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyName(Property);

/// An observation that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservationName(&'static str);

impl PropertyName {
    /// The property of that name.
    pub fn new(name: &str) -> Option<PropertyName> {
        Property::ALL.iter().copied().find(|property| property.name() == name).map(PropertyName)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The property.
    pub fn property(self) -> Property {
        self.0
    }

    /// Whether it is judged whether or not a scenario names it: everything but what clients may see of the history.
    pub fn always_on(self) -> bool {
        self.0.kind() != PropertyKind::Validation || self.0 == Property::QuorumConsistentCommittedData
    }
}

impl From<Property> for PropertyName {
    fn from(property: Property) -> PropertyName {
        PropertyName(property)
    }
}

impl ObservationName {
    /// Some name, where a table that must say one has yet to be read.
    pub(crate) const FIRST: ObservationName = ObservationName(OBSERVATIONS[0].name);

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
    fn every_property_can_be_named() {
        for property in Property::ALL {
            assert_eq!(PropertyName::new(property.name()), Some(PropertyName::from(*property)));
        }
        assert_eq!(PropertyName::new("Lost-Write"), None);
    }

    #[test]
    fn the_observations_are_those_that_brokers_and_clients_make() {
        let known: Vec<&str> = OBSERVATIONS.iter().map(|o| o.name).collect();
        assert_eq!(known, tribunal_common::Obs::NAMES);
    }
}
