//! `tribunal bench`: the figures of the README, each the median of its rounds, beside what it must reach.
//!
//! In: what is to be measured ([`Bench`]) and how often. Out: [`Figure`]s, each as soon as it is there.
//!
//! | for | open |
//! |---|---|
//! | the kernel, beside turmoil and madsim | `kernel.rs`, `references.rs` |
//! | the standard scenario, idle brokers | `runs.rs`, `standard.toml`, `idle.toml` |
//! | the checker | `check.rs` |
//! | real brokers beside Apache Kafka's | `serve.rs` |
//! | how long hunts take to find each planted bug | `zoo.rs` |
//!
//! It knows what is measured, not how a figure is shown.

mod check;
mod figure;
mod kernel;
mod references;
mod runs;
mod serve;
mod zoo;

use std::fmt;
use std::num::NonZeroUsize;

use tribunal_common::Bug;
use tribunal_reports::ReportError;
use tribunal_world::run::World;

pub use figure::{Figure, Goal};
pub use zoo::{Find, Zoo, ZooFigure, zoo};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// The model checker.
    Check,
    /// Messages of the kernel, beside other simulators.
    Kernel,
    /// The standard scenario.
    Scenario,
    /// Brokers with nothing to do.
    Idle,
    /// Brokers behind real sockets, beside Apache Kafka's.
    Serve,
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchOptions<'b> {
    /// How often each figure is measured; its median counts.
    pub rounds: NonZeroUsize,
    /// Whether the kernel is set beside the simulators of `sim/reference`, which cargo builds.
    pub references: bool,
    /// The bugs that the checker looks for, and nothing else is measured; none: all of them, and the rest too.
    pub bugs: &'b [Bug],
}

/// Why something could not be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BenchError {
    /// The tool, or what it needs, failed.
    Failed(String),
    /// A run that was measured did not hold.
    Violated(String),
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BenchError::Failed(why) | BenchError::Violated(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BenchError {}

impl From<ReportError> for BenchError {
    fn from(error: ReportError) -> BenchError {
        BenchError::Failed(error.to_string())
    }
}

/// Measures, and tells each figure when it has it.
///
/// # Errors
/// If a reference cannot be built or run, or a run that is measured does not hold: the speed of a wrong run is no
/// figure.
pub fn measure(
    bench: Bench,
    options: BenchOptions<'_>,
    world: &dyn World,
    tell: &mut dyn FnMut(&Figure),
) -> Result<(), BenchError> {
    let rounds = options.rounds.get();
    match bench {
        Bench::Check => check::measure(rounds, options.bugs, tell),
        Bench::Kernel => kernel::measure(rounds, options.references, tell),
        Bench::Scenario => runs::standard(rounds, world, tell),
        Bench::Idle => {
            kernel::idle(rounds, tell);
            runs::idle(rounds, world, tell)
        }
        Bench::Serve => serve::side_by_side(tell),
    }
}
