//! The properties, judged as in every other world: observations go to [`Invariants`], which is part of the state.
//!
//! Only what later verdicts depend on tells two states apart, see the `Hash` of [`Invariants`].

use std::sync::{Arc, Mutex, PoisonError};

use tribunal_common::{Obs, ObsKind};
use tribunal_contract::NodeId;
use tribunal_model::{Invariants, Reached, Violation};

use crate::hash::{Fingerprint, Hashed};
use crate::node::NOW;
use crate::remembered::{Once, Table, key};

/// What the properties know, and what they say.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What they know now.
    pub truth: Hashed<Invariants>,
    /// A promise that these observations break.
    pub violation: Option<Arc<Violation>>,
}

/// What changes the truth.
#[derive(Clone, Debug, Hash)]
enum News<'a> {
    Crash(bool),
    Observed(&'a Hashed<Vec<Obs>>),
    Start,
}

/// Verdicts that are remembered before all are forgotten.
const MAX_REMEMBERED: usize = 20_000;

/// Verdicts that have been worked out, and what was ever observed.
#[derive(Default)]
pub struct Bench {
    known: Mutex<Known>,
    reached: Mutex<Reached>,
}

#[derive(Default)]
struct Known {
    verdicts: Table<Judged>,
    truths: Once<Hashed<Invariants>>,
}

impl core::fmt::Debug for Bench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bench")
    }
}

impl Bench {
    /// A node reported this.
    pub fn observed(&self, truth: &Hashed<Invariants>, node: NodeId, observed: &Hashed<Vec<Obs>>) -> Judged {
        self.judge(truth, node, &News::Observed(observed))
    }

    /// A process ended.
    pub fn crashed(&self, truth: &Hashed<Invariants>, node: NodeId, power: bool) -> Judged {
        self.judge(truth, node, &News::Crash(power))
    }

    /// A process starts.
    pub fn started(&self, truth: &Hashed<Invariants>, node: NodeId) -> Judged {
        self.judge(truth, node, &News::Start)
    }

    /// From now on what happens counts.
    pub fn open(&self) {
        if let Ok(mut reached) = self.reached.lock() {
            *reached = Reached::new();
        }
        // What was judged on the way here may happen again, and is then to be counted.
        if let Ok(mut known) = self.known.lock() {
            *known = Known::default();
        }
    }

    /// How often something was observed, over all steps worked out so far.
    pub fn times(&self, kind: ObsKind) -> u64 {
        self.reached.lock().map_or(0, |reached| reached.count(kind))
    }

    fn judge(&self, truth: &Hashed<Invariants>, node: NodeId, news: &News<'_>) -> Judged {
        let key = key(Fingerprint::of(&(node, news)), truth.fingerprint());
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).verdicts.get(&key) {
            return known.clone();
        }
        let mut next = Invariants::clone(truth);
        let mut violation = None;
        match news {
            News::Crash(power) => next.on_crash(NOW, node, *power),
            News::Start => next.on_start(node),
            News::Observed(observed) => {
                for obs in observed.iter() {
                    if let Err(broken) = next.observe(NOW, node, obs) {
                        violation.get_or_insert(Arc::new(*broken));
                    }
                    if let Ok(mut reached) = self.reached.lock() {
                        reached.note(obs);
                    }
                }
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.verdicts.len() >= MAX_REMEMBERED {
            *known = Known::default();
        }
        let truth = Hashed::new(next);
        let truth = known.truths.same(truth.fingerprint(), &truth);
        let judged = Judged { truth, violation };
        known.verdicts.insert(key, judged.clone());
        judged
    }
}
