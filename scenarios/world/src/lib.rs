//! The simulated world: a plan on the kernel, with real brokers and clients, judged by the properties.
//!
//! In: a [`Plan`] and [`How`] to run it. Out: a [`Trial`]: what did not hold, the trace hash, and, when asked, a run's
//! folder. A run has four phases. *Warm-up*: the cluster starts, topics are created, every replica is in sync; only
//! then is the workload's clock at zero. *Safety*: clients work and faults happen as planned. *Liveness*: everything is
//! healed but what the plan says stays broken, and every partition must serve again within a bound. *Final reads*: when
//! all producers know the fate of their records, an auditor reads every partition from the beginning.
//!
//! | for | open |
//! |---|---|
//! | the phases | `phases.rs`, `phases/liveness.rs` |
//! | from plan to machines | `build.rs`, `node.rs`, `apps/mod.rs` |
//! | what each action does, and to which nodes | `actions.rs`, `disk_faults.rs`, `membership.rs`, `cuts.rs`, `targets.rs` |
//! | what is due when, and what undoes it | `faults.rs`, `triggers.rs`, `healing.rs` |
//! | which damage Kafka does not promise to survive | `atlas.rs` |
//! | observations on their way to the properties | `court.rs` |
//! | runs of many seeds, verdicts, `must` and `sometimes` | `run/execute.rs`, `run/outcome.rs`, `run/tally.rs` |
//! | counterexamples of the checker, followed here | `counterexample.rs`, `script.rs` |
//!
//! It knows one run at a time: not which seeds are worth running, nor what is shown to people.

mod actions;
mod app;
pub mod apps;
mod atlas;
mod bounds;
mod build;
mod calm;
mod counterexample;
mod court;
mod coverage;
mod cuts;
mod disk_faults;
mod explain;
mod fault_log;
mod faults;
mod film;
mod healing;
mod membership;
mod moves;
mod node;
mod phases;
mod records;
pub mod run;
mod script;
mod targets;
mod topic_actions;
mod triggers;

use tribunal_language::plan::Plan;
use tribunal_reports::ReportError;

use crate::run::{How, Trial, World};

pub use app::{App, AppSpec, Extras, Watch, WatchSpec};
pub use counterexample::Script;
pub use node::{Node, NodeInput, Packet, Report};
pub use script::{Followed, follow, follow_into};

/// Runs plans on the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelWorld;

impl World for KernelWorld {
    fn run(&self, plan: &Plan, how: &How<'_>) -> Result<Trial, ReportError> {
        self.run_with(plan, how, &Extras::default())
    }
}

impl KernelWorld {
    /// Runs a plan with what a test adds to it.
    ///
    /// # Errors
    /// Where writing into the folder fails.
    pub fn run_with(&self, plan: &Plan, how: &How<'_>, extras: &Extras) -> Result<Trial, ReportError> {
        phases::Run::new(plan, how, extras).finish(how.folder)
    }
}

/// The nodes that are brokers in a cluster of so many.
pub fn broker_nodes(brokers: u32) -> Vec<tribunal_contract::NodeId> {
    (1..=brokers).map(tribunal_contract::NodeId).collect()
}
