//! The plan: what a run is, as a value. Everything explicit, nothing left to draw.
//!
//! [`Plan::generate`] makes it of a scenario and a seed, always the same one. As a file (`plan.toml`) it is a scenario
//! with every key written out, and is checked as strictly, so it may be edited by hand.

mod file;
mod generate;
mod stream;

use tribunal_common::Bug;
use tribunal_contract::Span;

use crate::{Cluster, Expect, Fault, Offset, Topic, Workload};

pub use file::{FORMAT, is_plan};
pub use generate::MAX_RANDOM_FAULTS;
pub use stream::Stream;

/// A run to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version of this tool that made it.
    pub tribunal: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario promises, in a sentence or two; empty if it does not say.
    pub about: String,
    /// The scenario's file, as people know it.
    pub path: String,
    /// The seed of all that the world draws: latencies, torn writes, which follower.
    pub seed: u64,
    /// How long the safety phase lasts.
    pub duration: Span,
    /// The cluster.
    pub cluster: Cluster,
    /// How far each broker's clock is off from the start, in the order of their ids.
    pub clock_offsets: Vec<Offset>,
    /// The topics, nothing left to defaults.
    pub topics: Vec<Topic>,
    /// What clients do.
    pub workloads: Vec<Workload>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What is expected.
    pub expect: Expect,
    /// What was found with it, in a regression.
    pub found: Option<Found>,
}

/// What was found with a plan, and under which circumstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The failure's signature.
    pub signature: String,
    /// Bugs that were planted. Without them the plan must hold, as without the bug that was fixed since.
    pub bugs: Vec<Bug>,
    /// The rolling hash of the run.
    pub trace_hash: u64,
}
