//! Marks of behaviour: what tells one run from another, so that a hunt knows whether a run showed anything new.

use std::collections::BTreeSet;
use std::fmt;

/// A mark of behaviour. Equal marks are equal behaviour, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// What it is about.
    pub class: MarkClass,
    /// Which one of its class: a stable hash of what was seen.
    pub hash: u64,
}

/// What a mark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkClass {
    /// A fault, and the state of what it struck.
    Fault,
    /// An observation, as often in one run as it was in few before: once, twice, four times, and so on.
    Observation,
    /// From one state of a partition, a quorum member or a broker to the next.
    Transition,
}

/// The marks of a run.
pub type Marks = BTreeSet<Mark>;

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            MarkClass::Fault => "fault",
            MarkClass::Observation => "observation",
            MarkClass::Transition => "transition",
        };
        write!(f, "{class}:{:016x}", self.hash)
    }
}
