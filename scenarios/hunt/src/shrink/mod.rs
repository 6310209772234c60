//! Shrinking: the smallest plan that still fails in the same way.
//!
//! A candidate is the best plan so far with a part removed or simplified. It replaces the best plan if it breaks the
//! property that broke first, with the same signature, whatever else it breaks. With a bug planted the property is
//! enough, if the candidate holds without the bug.
//!
//! 1. The parts of the plan are made independent of each other, so that a fault strikes the same nodes at the same time
//!    whatever else is removed.
//! 2. Delta debugging (Zeller 2002) removes faults and records until nothing more can be removed. Attempts to remove much
//!    have several seeds.
//! 3. If the plan is not small then, leaders are named too, and shrinking starts again from a few of its faults.
//! 4. The rest is simplified last.
//!
//! The number of runs and of steps in them are the only bounds, so a plan shrinks to the same plan on every machine.

mod afresh;
mod ddmin;
mod few;
mod fewer;
mod merge;
mod named;
mod passes;
mod plain;
mod seeds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tribunal_common::Bug;
use tribunal_language::plan::{Found, Plan};
use tribunal_language::{Source, Workload};
use tribunal_reports::hunt::ShrinkRecord;
use tribunal_sim::stable_hash;
use tribunal_world::run::{EndsAt, How, RunError, Signature, Trial, Violation, World, judge, run_caught};

use crate::explained;

/// Runs that shrinking may take if nothing else is said.
pub const MAX_RUNS: u64 = 12_000;

/// Steps of machines in all runs of a shrinking, at most: what the runs cost, counted so that it is the same
/// everywhere.
const MOST_EVENTS: u64 = 32_000_000;
/// And so many more once the plan is small: making it plain is worth less.
const MOST_EVENTS_ONCE_SMALL: u64 = 3_000_000;
/// What recording a run costs more than the run, in such runs.
const RECORDING: u64 = 4;

/// Seeds that an attempt at much less has, at first and where that did not make the plan small.
const SEEDS: [u64; 2] = [6, 24];
/// A plan with more faults than this is not small,
const FEW_FAULTS: usize = 3;
/// nor one with more records.
const FEW_RECORDS: u64 = 10;

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
    let (Some(violation), _) = explained(plan, bugs, EndsAt::First, world)? else { return Ok(None) };
    let mut search = Search {
        world,
        bugs,
        signature: violation.signature.clone(),
        whole: plan,
        seeds: SEEDS[0],
        is_steady: false,
        best: Plan { found: None, ..plan.clone() },
        violation,
        runs: 1,
        events: 0,
        most_events: MOST_EVENTS,
        refused: BTreeSet::new(),
        max_runs,
    };
    passes::all(&mut search)?;
    let Search { mut best, violation, runs, .. } = search;
    // Lines of the scenario mean nothing any more: the plan's own are.
    for fault in &mut best.faults {
        fault.line = 0;
    }
    let (_, trace_hash) = explained(&best, bugs, EndsAt::None, world)?;
    best.found = Some(Found { signature: violation.signature.to_string(), bugs: bugs.to_vec(), trace_hash });
    let (before, after) = (Size::of(plan), Size::of(&best));
    Ok(Some(Shrunk { plan: best, violation, before, after, runs, wall: started.elapsed() }))
}

/// A search for a smaller plan.
struct Search<'s> {
    world: &'s dyn World,
    bugs: &'s [Bug],
    signature: Signature,
    /// The plan that is shrunk.
    whole: &'s Plan,
    /// Seeds that an attempt at much less has.
    seeds: u64,
    /// Whether messages and syncs have been given one length each: tried once.
    is_steady: bool,
    best: Plan,
    /// The failure of the best plan.
    violation: Violation,
    runs: u64,
    max_runs: u64,
    /// Steps of machines in all of them.
    events: u64,
    /// How many there may be.
    most_events: u64,
    /// Hashes of the candidates that were not taken.
    refused: BTreeSet<u64>,
}

impl Search<'_> {
    /// Whether it is a failure of the same cause. With a bug planted, and none without it, the cause is certain: then
    /// it need only break the same promise, however it comes to that.
    fn is_same(&self, violation: &Violation) -> bool {
        match self.bugs {
            [] => violation.signature == self.signature,
            _ => violation.property == self.signature.property,
        }
    }

    /// A run shows what is looked for when the promise breaks that broke at first, whatever else does before.
    fn ends_at(&self) -> EndsAt {
        EndsAt::Property(self.signature.property)
    }

    /// Whether people can take it in.
    fn is_small(&self) -> bool {
        self.rank().0 == 0
    }

    fn rank(&self) -> (u64, u64) {
        Search::rank_of(&self.best)
    }

    /// How far a plan is from small, and how large it is: a fault is as hard to take in as ten records.
    fn rank_of(plan: &Plan) -> (u64, u64) {
        let Size { faults, operations, .. } = Size::of(plan);
        let missed = u64::from(faults > FEW_FAULTS as u64) + u64::from(operations > FEW_RECORDS);
        (missed, faults * 10 + operations)
    }

    /// Whether the runs are used up, or what they may cost.
    fn is_over(&self) -> bool {
        self.runs >= self.max_runs || self.events >= self.most_events
    }

    /// Runs a plan and counts it.
    fn run(&mut self, plan: &Plan, how: &How<'_>) -> Result<Trial, RunError> {
        let trial = run_caught(self.world, plan, how)?;
        self.runs += 1;
        self.events += trial.events;
        Ok(trial)
    }

    /// Takes the candidate if it is another valid plan that fails in the same way; says whether it was taken.
    fn attempt(&mut self, candidate: Plan) -> Result<bool, RunError> {
        if self.is_over() || candidate == self.best {
            return Ok(false);
        }
        let text = candidate.to_toml();
        let hash = stable_hash(&text);
        // Not every change leaves a plan that makes sense, and the language knows best.
        if self.refused.contains(&hash) || Plan::parse(Source::new("candidate.toml", text)).is_err() {
            return Ok(false);
        }
        let Some(violation) = self.fails(&candidate)? else {
            self.refused.insert(hash);
            return Ok(false);
        };
        let was_small = self.is_small();
        (self.best, self.violation) = (candidate, violation);
        if !was_small && self.is_small() {
            self.most_events = self.events + MOST_EVENTS_ONCE_SMALL;
        }
        Ok(true)
    }

    /// How a plan fails, if it does in the same way.
    fn fails(&mut self, plan: &Plan) -> Result<Option<Violation>, RunError> {
        // What led to it is found out only of those that break the same promise: most do not, and it costs a recording.
        let how = How { bugs: self.bugs, ends_at: self.ends_at(), ..How::default() };
        let trial = self.run(plan, &how)?;
        let [violations, ..] = judge(&plan.expect, trial.violations);
        let breaks = violations.iter().any(|violation| violation.property == self.signature.property);
        if !breaks || !self.holds_without_bugs(plan)? {
            return Ok(None);
        }
        self.events += RECORDING * trial.events;
        let (violation, _) = explained(plan, self.bugs, self.ends_at(), self.world)?;
        Ok(violation.filter(|violation| self.is_same(violation)))
    }

    /// Runs the best plan until it fails: what happened when.
    fn again(&mut self) -> Result<Trial, RunError> {
        let how = How { bugs: self.bugs, ends_at: self.ends_at(), ..How::default() };
        let best = self.best.clone();
        self.run(&best, &how)
    }

    /// Whether it is the planted bugs that the candidate fails by. Where none are planted there is nothing to ask.
    fn holds_without_bugs(&mut self, candidate: &Plan) -> Result<bool, RunError> {
        if self.bugs.is_empty() {
            return Ok(true);
        }
        let trial = self.run(candidate, &How::default())?;
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
        let name = format!("{}-{:x}.toml", self.violation.property.name(), self.plan.seed);
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
