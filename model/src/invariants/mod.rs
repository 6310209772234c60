//! What must hold after every observation.
//!
//! [`Invariants::observe`] mirrors an observation into [`Truth`] and asks the promises that it can break; each promise
//! is a file. A promise that broke is reported once a partition: what follows from it would repeat it.
//!
//! After an unclean election, losing committed data is what the topic allows: what is committed is then re-based on the
//! new leader's log, and the loss shows in the history only, as `lost-write`. The same re-base follows a reported loss.

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

/// What a check says. Boxed: violations are rare, and the check is on the hot path.
pub(crate) type Verdict = Result<(), Box<Violation>>;

/// What the invariants must be told before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelConfig {
    /// Voters of the controller quorum.
    pub voters: Vec<i32>,
    /// Producers that use acks=all: what they are told is acknowledged must be committed.
    pub acks_all: Vec<NodeId>,
    /// How sentences call topics and nodes.
    pub names: Names,
}

/// Every invariant, judged on ground truth after every observation.
#[derive(Clone, Debug)]
pub struct Invariants {
    truth: Truth,
    reads: Reads,
    acks_all: BTreeSet<NodeId>,
    broken: BTreeSet<(Property, Option<TopicIdPartition>)>,
    now: Time,
}

/// What later verdicts depend on. The time of things and how a violation is explained are left out, so that a checker
/// can tell states apart by it: two that hash alike are judged alike whatever happens next.
impl Hash for Invariants {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.truth, &self.reads, &self.acks_all, &self.broken).hash(hasher);
    }
}

impl Invariants {
    /// Before anything has happened: all nodes up, all logs empty.
    pub fn new(config: ModelConfig) -> Invariants {
        Invariants {
            truth: Truth::new(config.names, config.voters),
            reads: Reads::default(),
            acks_all: config.acks_all.into_iter().collect(),
            broken: BTreeSet::new(),
            now: Time(0),
        }
    }

    /// Takes in what `node` reported at `at`, the world's time. An error is a promise that this observation breaks.
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

    /// The world has ended `node`'s process. With `power_lost`, what its disk holds is unknown until it reports it.
    pub fn on_crash(&mut self, at: Time, node: NodeId, power_lost: bool) {
        self.truth.crash(at, node, power_lost);
    }

    /// The world has started `node`'s process again.
    pub fn on_start(&mut self, node: NodeId) {
        self.truth.node_mut(node).down = false;
    }

    /// Tells the name of a topic, once it has an id.
    pub fn name_topic(&mut self, topic: Uuid, name: &str) {
        self.truth.names.topic(topic, name);
    }

    /// From now on sentences use these names, whose times count from another origin.
    pub fn set_names(&mut self, names: Names) {
        self.truth.names = names;
    }

    /// At the end of the run: what is judged only then.
    pub fn finish(&mut self) -> Vec<Violation> {
        let mut violations = quorum::consistent_committed_data::check(&self.truth, self.now);
        violations.extend(quorum::snapshot_at_log_start::owed(&self.truth, self.now));
        violations.retain(|violation| self.broken.insert((violation.property, violation.partition)));
        violations
    }

    /// The mirror, for triggers and reports.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}
