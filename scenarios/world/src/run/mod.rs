//! Runs: what is asked of a world, what it tells, and what follows for the scenario.
//!
//! [`execute`] does the asking, on as many threads as there are jobs. A [`World`] runs one plan; it knows neither other
//! runs nor what is expected. [`Tally`] judges over the seeds.

mod execute;
mod hints;
mod marks;
mod outcome;
mod panics;
mod tally;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use tribunal_common::Bug;
use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Expect, Scenario};
use tribunal_model::Property;
use tribunal_reports::RunFolder;

pub use execute::{Refined, RunError, World, execute, run_caught};
pub use marks::{Mark, MarkClass, Marks};
pub use outcome::{AckLatency, RunOutcome, ScenarioOutcome, Signature, Struck, Summary, Trial, Verdict, Violation};
pub use tally::{Tally, counts, judge};

/// A run that is wanted.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// What is to be run.
    pub subject: Subject,
    /// The trace hash that it must have, for a replay.
    pub recorded: Option<u64>,
    /// Whether the requests of this scenario are all its own seeds, or more: then it must show over them what it is to
    /// show.
    pub required: bool,
}

/// What is to be run. A scenario's plans are made when they are due: thousands of seeds need not be held at once.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A plan, and the file it came from.
    Plan(Arc<Plan>, String),
    /// A scenario with a seed.
    Seed(Arc<Scenario>, u64),
}

impl Subject {
    /// The plan.
    pub fn plan(&self) -> Arc<Plan> {
        match self {
            Subject::Plan(plan, _) => plan.clone(),
            Subject::Seed(scenario, seed) => Arc::new(Plan::generate(scenario, *seed)),
        }
    }

    /// The scenario's name.
    pub fn scenario(&self) -> &str {
        match self {
            Subject::Plan(plan, _) => &plan.scenario,
            Subject::Seed(scenario, _) => &scenario.name,
        }
    }

    /// The file it came from.
    pub fn path(&self) -> &str {
        match self {
            Subject::Plan(_, path) => path,
            Subject::Seed(scenario, _) => &scenario.path,
        }
    }

    /// What is expected of it.
    pub fn expect(&self) -> &Expect {
        match self {
            Subject::Plan(plan, _) => &plan.expect,
            Subject::Seed(scenario, _) => &scenario.expect,
        }
    }
}

/// How a world runs a plan. None of it changes what happens, but for the bugs and where the run ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct How<'a> {
    /// Bugs planted in every broker.
    pub bugs: &'a [Bug],
    /// A folder into which what happened is written: history, observations, trace, series, operations.
    pub folder: Option<&'a RunFolder>,
    /// Whether what led to a violation is found out, as it is with a folder: [`Violation::chain`].
    pub explain: bool,
    /// Whether each step of replicas is held against the abstract model of replication.
    pub refinement: bool,
    /// Whether marks of behaviour are gathered: [`Trial::marks`].
    pub coverage: bool,
    /// Which violation ends the run.
    pub ends_at: EndsAt,
    /// Where the run ends before its time, after the workload's zero. What is judged at the end of a run is then not.
    pub until: Option<Span>,
}

/// Which violation ends a run. Only those count that the plan does not expect or allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndsAt {
    /// None: it goes on to its end.
    #[default]
    None,
    /// The first.
    First,
    /// The first of this property, whatever else breaks before.
    Property(Property),
}

/// How runs are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// How many at a time.
    pub jobs: NonZeroUsize,
    /// Bugs planted in every broker.
    pub bugs: Vec<Bug>,
    /// Where run folders go: `<out>/<scenario>/<seed>/`.
    pub out: PathBuf,
    /// Whether each plan is run twice and the trace hashes compared.
    pub check_determinism: bool,
    /// Whether each step of replicas is held against the abstract model of replication.
    pub check_refinement: bool,
    /// Whether the first violation ends it.
    pub fail_fast: bool,
    /// Whether a run that has a folder gets a report.
    pub report: bool,
    /// Where runs end before their time, after the workload's zero.
    pub until: Option<Span>,
}

impl RunOptions {
    /// Every run once, one at a time, to the end whatever is found; no bug; folders below `out`, without reports.
    pub fn quiet(out: PathBuf) -> RunOptions {
        RunOptions {
            jobs: NonZeroUsize::MIN,
            bugs: Vec::new(),
            out,
            check_determinism: false,
            check_refinement: false,
            fail_fast: false,
            report: false,
            until: None,
        }
    }
}

/// Reports runs to people or machines.
pub trait Reporter {
    /// So many runs will be done.
    fn started(&mut self, runs: u64);
    /// A run is done. Called in the order of the requests.
    fn run(&mut self, run: &RunOutcome);
    /// All runs of a scenario are done.
    fn scenario(&mut self, scenario: &ScenarioOutcome);
    /// Everything is done.
    fn finished(&mut self, summary: &Summary);
}

/// A reporter that keeps what it is told.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Each run, in the order of the requests.
    pub runs: Vec<RunOutcome>,
    /// Each scenario.
    pub scenarios: Vec<ScenarioOutcome>,
}

impl Kept {
    /// The runs that did not hold, as text with the commands that repeat them; empty if all held.
    pub fn failures(&self) -> String {
        let failed = self.runs.iter().filter(|run| run.verdict != Verdict::Held);
        failed
            .map(|run| {
                let found = run.violations.iter().map(|v| format!("  {}: {}\n", v.property.name(), v.detail));
                let found: String = found.collect();
                format!("{} seed {:#x}\n{found}  replay: {}\n", run.scenario, run.seed, run.replay_command())
            })
            .collect()
    }
}

impl Reporter for Kept {
    fn started(&mut self, _: u64) {}

    fn run(&mut self, run: &RunOutcome) {
        self.runs.push(run.clone());
    }

    fn scenario(&mut self, scenario: &ScenarioOutcome) {
        self.scenarios.push(scenario.clone());
    }

    fn finished(&mut self, _: &Summary) {}
}
