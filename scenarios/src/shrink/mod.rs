//! Shrinking: the smallest plan that still fails in the same way.
//!
//! A candidate is the best plan so far with something taken away or made plain. It takes the place of the best if the
//! first property that does not hold is the same and the failure's signature is too; with a bug planted the property is
//! enough, if the candidate holds without the bug. Faults and records are taken away by delta debugging (Zeller 2002),
//! the rest one thing at a time, until nothing more goes or the runs are used up. The number of runs is the only bound,
//! so that a plan shrinks to the same plan on every machine.

mod ddmin;
mod few;
mod passes;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tribunal_common::Bug;
use tribunal_reports::hunt::ShrinkRecord;

use crate::hunt::explained;
use crate::language::{Source, Workload};
use crate::plan::{Found, Plan};
use crate::run::{How, RunError, Signature, Violation, World, judge, run_caught};

/// Runs that shrinking may take if nothing else is said.
pub const MAX_RUNS: u64 = 1_200;

/// How large a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Faults.
    pub faults: u64,
    /// Records that producers send.
    pub operations: u64,
    /// Brokers.
    pub brokers: u64,
}

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The small plan, with what was found.
    pub plan: Plan,
    /// The failure of the small plan.
    pub violation: Violation,
    /// The plan's size before.
    pub before: Size,
    /// And after.
    pub after: Size,
    /// How many runs it took.
    pub runs: u64,
    /// How long it took.
    pub wall: Duration,
}

/// Shrinks a plan that fails with these bugs planted. None if it does not fail.
///
/// # Errors
/// If runs cannot be done.
pub fn shrink(plan: &Plan, bugs: &[Bug], max_runs: u64, world: &dyn World) -> Result<Option<Shrunk>, RunError> {
    let started = Instant::now();
    let (Some(violation), _) = explained(plan, bugs, true, world)? else { return Ok(None) };
    let mut search = Search {
        world,
        bugs,
        signature: violation.signature.clone(),
        best: Plan { found: None, ..plan.clone() },
        violation,
        runs: 1,
        max_runs,
    };
    passes::all(&mut search)?;
    let Search { mut best, violation, runs, .. } = search;
    // Lines of the scenario mean nothing any more: the plan's own are.
    for fault in &mut best.faults {
        fault.line = 0;
    }
    let (_, trace_hash) = explained(&best, bugs, false, world)?;
    best.found = Some(Found { signature: violation.signature.to_string(), bugs: bugs.to_vec(), trace_hash });
    let (before, after) = (Size::of(plan), Size::of(&best));
    Ok(Some(Shrunk { plan: best, violation, before, after, runs, wall: started.elapsed() }))
}

/// A search for a smaller plan.
struct Search<'s> {
    world: &'s dyn World,
    bugs: &'s [Bug],
    signature: Signature,
    best: Plan,
    /// The failure of the best plan.
    violation: Violation,
    runs: u64,
    max_runs: u64,
}

impl Search<'_> {
    /// Whether it is a failure of the same cause. With a bug planted, and none without it, the cause is certain: then it
    /// need only break the same promise, however it comes to that.
    fn is_same(&self, violation: &Violation) -> bool {
        match self.bugs {
            [] => violation.signature == self.signature,
            _ => violation.property == self.signature.property,
        }
    }

    /// Whether the runs are used up.
    fn is_over(&self) -> bool {
        self.runs >= self.max_runs
    }

    /// Takes the candidate if it is another valid plan that fails in the same way; says whether it was taken.
    fn attempt(&mut self, candidate: Plan) -> Result<bool, RunError> {
        if self.is_over() || candidate == self.best {
            return Ok(false);
        }
        // Not every change leaves a plan that makes sense, and the language knows best.
        if Plan::parse(Source::new("candidate.toml", candidate.to_toml())).is_err() {
            return Ok(false);
        }
        self.runs += 1;
        // What led to it is found out only of those that break the same promise: most do not, and it costs a recording.
        let how = How { bugs: self.bugs, stop_early: true, ..How::default() };
        let trial = run_caught(self.world, &candidate, &how)?;
        let [violations, ..] = judge(&candidate.expect, trial.violations);
        let breaks = violations.first().is_some_and(|violation| violation.property == self.signature.property);
        if !breaks || !self.holds_without_bugs(&candidate)? {
            return Ok(false);
        }
        match explained(&candidate, self.bugs, true, self.world)? {
            (Some(violation), _) if self.is_same(&violation) => {
                (self.best, self.violation) = (candidate, violation);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether it is the planted bugs that the candidate fails by. Where none are planted there is nothing to ask.
    fn holds_without_bugs(&mut self, candidate: &Plan) -> Result<bool, RunError> {
        if self.bugs.is_empty() {
            return Ok(true);
        }
        self.runs += 1;
        let trial = run_caught(self.world, candidate, &How::default())?;
        let [violations, ..] = judge(&candidate.expect, trial.violations);
        Ok(violations.is_empty())
    }

    /// Tries a change of the best plan.
    fn change(&mut self, change: impl FnOnce(&mut Plan)) -> Result<bool, RunError> {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.attempt(candidate)
    }
}

impl Size {
    /// The size of a plan.
    pub fn of(plan: &Plan) -> Size {
        let operations = plan.workloads.iter().map(|workload| match workload {
            Workload::Producer(producer) => passes::due(producer).map(|times| times.len() as u64).sum(),
            Workload::Consumer(_) => 0,
        });
        Size {
            faults: plan.faults.len() as u64,
            operations: operations.sum(),
            brokers: u64::from(plan.cluster.brokers),
        }
    }
}

impl Shrunk {
    /// Saves the plan as a regression in a folder, and says where.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, folder: &Path) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let name = format!("{}-{:x}.toml", self.violation.property.as_str(), self.plan.seed);
        let path = folder.join(name);
        let plan = Plan { path: path.display().to_string(), ..self.plan.clone() };
        std::fs::write(&path, plan.to_toml())?;
        Ok(path)
    }

    /// As a hunt records it.
    pub fn record(&self, path: &Path) -> ShrinkRecord {
        ShrinkRecord {
            path: path.display().to_string(),
            faults: [self.before.faults, self.after.faults],
            operations: [self.before.operations, self.after.operations],
            brokers: [self.before.brokers, self.after.brokers],
            runs: self.runs,
            wall_s: self.wall.as_secs_f64(),
            signature: self.violation.signature.to_string(),
        }
    }
}
