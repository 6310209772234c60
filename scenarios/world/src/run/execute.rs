//! Doing runs: on several threads, twice where asked, a panic caught, a folder written where it is worth one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Instant;

use tribunal_language::plan::Plan;
use tribunal_model::Property;
use tribunal_reports::{ReportError, ReportOptions, RunFolder, write_report};

use super::hints::hints;
use super::outcome::{RunOutcome, Summary, Trial, Verdict, Violation};
use super::panics::caught;
use super::tally::{Tally, judge};
use super::{How, Reporter, RunOptions, RunRequest, Subject};

/// Something that can run a plan.
pub trait World: Sync {
    /// Runs the plan to its end. The result depends on the plan and the bugs only.
    ///
    /// # Errors
    /// Where writing into the folder fails.
    fn run(&self, plan: &Plan, how: &How<'_>) -> Result<Trial, ReportError>;
}

/// A world in which every run holds each step of its replicas against the abstract model of replication.
pub struct Refined<'w>(pub &'w dyn World);

impl World for Refined<'_> {
    fn run(&self, plan: &Plan, how: &How<'_>) -> Result<Trial, ReportError> {
        self.0.run(plan, &How { refinement: true, ..*how })
    }
}

/// Why runs could not be done or noted. Says nothing of the cluster.
#[derive(Debug)]
pub struct RunError(String);

impl RunError {
    /// With what is to be said.
    pub fn new(why: String) -> RunError {
        RunError(why)
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RunError {}

impl From<ReportError> for RunError {
    fn from(error: ReportError) -> RunError {
        RunError(error.to_string())
    }
}

/// How many violations of a scenario are written to folders; the rest is only reported.
const FOLDERS_OF_A_SCENARIO: u64 = 10;

/// Does the runs and reports each, in the order of the requests, whatever the number of jobs.
///
/// # Errors
/// Where a run's folder cannot be written.
pub fn execute(
    requests: &[RunRequest],
    options: &RunOptions,
    world: &dyn World,
    reporter: &mut dyn Reporter,
) -> Result<Summary, RunError> {
    let started = Instant::now();
    reporter.started(requests.len() as u64);
    let mut gathered = Gathered::new(requests, &options.out);
    let mut seen = BTreeSet::new();
    let first = requests.iter().map(|request| seen.insert(request.subject.scenario())).collect();
    let runner = Runner { requests, first, options, world, folders: Mutex::default() };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.get().min(requests.len().max(1)) {
            let (sender, runner, next, stop) = (sender.clone(), &runner, &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= requests.len() || sender.send((index, runner.one(index))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, outcome) in receiver {
            early.insert(index, outcome);
            while let Some(outcome) = early.remove(&due) {
                let go_on = gathered.take(due, outcome, reporter);
                due += 1;
                if !go_on && (options.fail_fast || gathered.error.is_some()) {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
    if let Some(error) = gathered.error {
        return Err(error);
    }
    gathered.summary.wall = started.elapsed();
    reporter.finished(&gathered.summary);
    Ok(gathered.summary)
}

/// Runs a plan; a panic is a violation, never the end of the tool.
///
/// # Errors
/// Where writing into the folder fails.
pub fn run_caught(world: &dyn World, plan: &Plan, how: &How<'_>) -> Result<Trial, ReportError> {
    caught(|| world.run(plan, how)).unwrap_or_else(|said| {
        let violation = Violation::new(Property::Panic, said, 0);
        Ok(Trial { violations: vec![violation], ..Trial::default() })
    })
}

/// What has been reported so far.
struct Gathered<'r> {
    summary: Summary,
    /// The scenarios in the order of the requests. Two files may hold scenarios of one name.
    scenarios: Vec<Gathering>,
    /// Which of them each request is of.
    of_request: Vec<usize>,
    error: Option<RunError>,
    requests: &'r [RunRequest],
    /// Where `latest` is.
    out: &'r Path,
    /// Whether `latest` points at a violation: nothing later takes its place.
    latest_is_violation: bool,
}

struct Gathering {
    tally: Tally,
    /// How many of its requests are not done.
    open: usize,
}

impl<'r> Gathered<'r> {
    fn new(requests: &'r [RunRequest], out: &'r Path) -> Gathered<'r> {
        let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut scenarios: Vec<Gathering> = Vec::new();
        let mut of_request = Vec::new();
        for RunRequest { subject, required, .. } in requests {
            let place = *places.entry((subject.path(), subject.scenario())).or_insert_with(|| {
                let tally = Tally::new(subject.scenario(), subject.path(), subject.expect(), *required);
                scenarios.push(Gathering { tally, open: 0 });
                scenarios.len() - 1
            });
            scenarios[place].open += 1;
            of_request.push(place);
        }
        let summary = Summary { requested: requests.len() as u64, ..Summary::default() };
        Gathered { summary, scenarios, of_request, error: None, requests, out, latest_is_violation: false }
    }

    /// Points `latest` at the first violation, or else at the last run that has a folder, in the order of the requests.
    fn link_latest(&mut self, run: &RunOutcome) -> Result<(), ReportError> {
        let Some(folder) = run.folder.as_ref().filter(|_| !self.latest_is_violation) else { return Ok(()) };
        self.latest_is_violation = !matches!(run.verdict, Verdict::Held | Verdict::Inconclusive);
        RunFolder::open(folder)?.link_latest(self.out)?;
        if run.report.is_some() {
            self.summary.report = Some(self.out.join("latest").join("report.html"));
        }
        Ok(())
    }

    /// Takes the outcome of a request and reports it; says whether there is reason to go on.
    fn take(&mut self, index: usize, outcome: Result<RunOutcome, RunError>, reporter: &mut dyn Reporter) -> bool {
        let run = match outcome {
            Ok(run) => run,
            Err(error) => {
                self.error = Some(error);
                return false;
            }
        };
        if let Err(error) = self.link_latest(&run) {
            self.error = Some(error.into());
            return false;
        }
        let gathering = &mut self.scenarios[self.of_request[index]];
        gathering.tally.add(&run);
        gathering.open -= 1;
        self.summary.count(run.verdict);
        reporter.run(&run);
        if gathering.open == 0 {
            let mut outcome = gathering.tally.clone().finish();
            if !outcome.never_shown.is_empty() {
                outcome.hints = hints(&self.requests[index].subject.plan(), &outcome.never_shown);
            }
            reporter.scenario(&outcome);
            self.summary.scenarios.push(outcome);
        }
        matches!(run.verdict, Verdict::Held | Verdict::Inconclusive)
    }
}

/// Does single runs.
struct Runner<'r> {
    requests: &'r [RunRequest],
    /// Whether each request is the first of its scenario.
    first: Vec<bool>,
    options: &'r RunOptions,
    world: &'r dyn World,
    /// How many folders each scenario has been given.
    folders: Mutex<BTreeMap<&'r str, u64>>,
}

impl<'r> Runner<'r> {
    /// Does one run, and judges it.
    fn one(&self, index: usize) -> Result<RunOutcome, RunError> {
        let started = Instant::now();
        let request = &self.requests[index];
        let plan = &*request.subject.plan();
        // A scenario's first run has a folder, whatever it comes to. Of the others, those that are worth one are done
        // again for it, so that the many that are not cost no writing.
        let mut folder = if self.first[index] { Some(self.folder(plan)?) } else { None };
        let trial = self.trial(plan, folder.as_ref())?;
        let mut hashes = Vec::new();
        if self.options.check_determinism {
            hashes.push(self.trial(plan, None)?.trace_hash);
        }
        let [mut violations, mut expected, mut allowed] = judge(&plan.expect, trial.violations);
        if folder.is_none() && !violations.is_empty() && self.may_have_a_folder(request.subject.scenario()) {
            let made = self.folder(plan)?;
            // What is recorded knows more of what led to it.
            let recorded = self.trial(plan, Some(&made))?;
            hashes.push(recorded.trace_hash);
            [violations, expected, allowed] = judge(&plan.expect, recorded.violations);
            folder = Some(made);
        }
        let other_hash = hashes.into_iter().find(|hash| *hash != trial.trace_hash);
        let recorded = request.recorded.filter(|recorded| *recorded != trial.trace_hash);
        let verdict = match () {
            () if other_hash.is_some() => Verdict::NotDeterministic,
            () if recorded.is_some() => Verdict::NotReproduced,
            () if !violations.is_empty() => Verdict::Violated,
            () if trial.limit.is_some() => Verdict::Inconclusive,
            () => Verdict::Held,
        };
        let mut outcome = RunOutcome {
            scenario: plan.scenario.clone(),
            path: request.subject.path().to_owned(),
            scenario_path: plan.path.clone(),
            seed: plan.seed,
            verdict,
            violations,
            expected,
            allowed,
            simulated: trial.simulated,
            wall: started.elapsed(),
            operations: trial.operations,
            faults: trial.faults,
            trace_hash: trial.trace_hash,
            other_hash: other_hash.or(recorded),
            reached: trial.reached,
            limit: trial.limit,
            notes: trial.notes,
            bugs: self.options.bugs.clone(),
            of_seed: matches!(request.subject, Subject::Seed(..)),
            identical: request.recorded.is_some() && recorded.is_none(),
            folder: folder.as_ref().map(|folder| folder.path().to_owned()),
            report: None,
        };
        if let Some(folder) = &folder {
            folder.write_text("plan.toml", &plan.to_toml())?;
            folder.write_verdict(&outcome.record())?;
            if self.options.report {
                outcome.report = Some(write_report(folder, ReportOptions::default())?);
            }
        }
        Ok(outcome)
    }

    fn trial(&self, plan: &Plan, folder: Option<&RunFolder>) -> Result<Trial, RunError> {
        let refinement = self.options.check_refinement;
        let until = self.options.until;
        let how = How { bugs: &self.options.bugs, folder, refinement, until, ..How::default() };
        Ok(run_caught(self.world, plan, &how)?)
    }

    fn folder(&self, plan: &Plan) -> Result<RunFolder, RunError> {
        Ok(RunFolder::create(&RunFolder::path_of(&self.options.out, &plan.scenario, plan.seed))?)
    }

    fn may_have_a_folder(&self, scenario: &'r str) -> bool {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let given = folders.entry(scenario).or_default();
        *given += 1;
        *given <= FOLDERS_OF_A_SCENARIO
    }
}
