//! The invariants: properties that hold after every observation.
//!
//! [`Invariants::observe`] mirrors an observation into [`Truth`] and checks the promises that it can break. Each
//! promise is a file. A broken promise is reported once per partition, because its consequences would only repeat the
//! report.
//!
//! A topic with unclean elections allows the loss of committed records. After such an election the committed log is
//! re-based on the new leader's log, and the loss shows only in the history, as `lost-write`. A reported loss is
//! followed by the same re-base.

mod observe;
mod quorum;
mod replication;

use core::hash::{Hash, Hasher};
use std::collections::BTreeSet;

use tribunal_common::{Obs, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_protocol::Uuid;

use crate::{Names, Property, Truth, Violation};
use replication::consistent_read::Reads;

/// The result of a check. The violation is boxed because it is rare and the check is on the hot path.
pub(crate) type Verdict = Result<(), Box<Violation>>;

/// Facts about a run that the invariants need before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelConfig {
    /// Node ids of the voters of the controller quorum.
    pub voters: Vec<i32>,
    /// Producers that use acks=all: a record acknowledged to them must be committed.
    pub acks_all: Vec<NodeId>,
    /// Names of topics and nodes in the sentences of violations.
    pub names: Names,
}

/// All invariants, checked against the ground truth after every observation.
#[derive(Clone, Debug)]
pub struct Invariants {
    truth: Truth,
    reads: Reads,
    acks_all: BTreeSet<NodeId>,
    broken: BTreeSet<(Property, Option<TopicIdPartition>)>,
    now: Time,
}

/// Hashes only the state that later verdicts depend on, so that the checker can merge states: two states with the same
/// hash get the same verdicts on whatever follows. Times and the explanations of violations are left out.
impl Hash for Invariants {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.truth, &self.reads, &self.acks_all, &self.broken).hash(hasher);
    }
}

impl Invariants {
    /// The state before the run: all nodes are up and all logs are empty.
    pub fn new(config: ModelConfig) -> Invariants {
        Invariants {
            truth: Truth::new(config.names, config.voters),
            reads: Reads::default(),
            acks_all: config.acks_all.into_iter().collect(),
            broken: BTreeSet::new(),
            now: Time(0),
        }
    }

    /// Takes in an observation that `node` reported at `at`, in the world's time. An error is a promise that it breaks.
    #[inline]
    pub fn observe(&mut self, at: Time, node: NodeId, obs: &Obs) -> Result<(), Box<Violation>> {
        self.now = at;
        match self.judge(at, node, obs) {
            Ok(()) => Ok(()),
            Err(violation) => self.first(violation),
        }
    }

    /// Reports a promise the first time it breaks on a partition.
    #[cold]
    fn first(&mut self, violation: Box<Violation>) -> Verdict {
        if self.broken.insert((violation.property, violation.partition)) { Err(violation) } else { Ok(()) }
    }

    /// The world has ended `node`'s process. With `power_lost`, the contents of its disk are unknown until it reports
    /// them.
    pub fn on_crash(&mut self, at: Time, node: NodeId, power_lost: bool) {
        self.truth.crash(at, node, power_lost);
    }

    /// The world has started `node`'s process again.
    pub fn on_start(&mut self, node: NodeId) {
        self.truth.node_mut(node).down = false;
    }

    /// Names a topic. Called once the topic has an id.
    pub fn name_topic(&mut self, topic: Uuid, name: &str) {
        self.truth.names.topic(topic, name);
    }

    /// Replaces the names in sentences from now on, and the origin from which times count.
    pub fn set_names(&mut self, names: Names) {
        self.truth.names = names;
    }

    /// Checks the promises that are judged only at the end of a run.
    pub fn finish(&mut self) -> Vec<Violation> {
        let mut violations = quorum::consistent_committed_data::check(&self.truth, self.now);
        violations.extend(quorum::snapshot_at_log_start::owed(&self.truth, self.now));
        violations.retain(|violation| self.broken.insert((violation.property, violation.partition)));
        violations
    }

    /// The ground truth, for triggers and reports.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}
