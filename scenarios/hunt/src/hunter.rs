//! The rounds of a hunt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tribunal_common::ObsKind;
use tribunal_language::Scenario;
use tribunal_language::files;
use tribunal_language::plan::Plan;
use tribunal_reports::RunFolder;
use tribunal_reports::hunt::{HuntRecord, HuntRun, ShardRecord};
use tribunal_sim::stable_hash;
use tribunal_world::run::{EndsAt, How, RunError, Trial, World, judge, run_caught};

use super::failure::{Failure, explained};
use super::pool::Pool;
use super::{HuntOptions, HuntReporter, ROUND, space};

/// What a hunt came to.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// To be kept and merged.
    pub record: HuntRecord,
    /// The first failure of each signature, in the order of the seeds.
    pub failures: Vec<Failure>,
    /// Seeds whose plan ran twice and had two traces.
    pub not_deterministic: Vec<u64>,
    /// The first seed that was not looked at, if not all were.
    pub go_on_at: Option<u64>,
}

/// Runs of a hunt that are kept in figures, so that the record stays small.
const KEPT_RUNS: usize = 5_000;

/// Where no files are given, one seed of so many runs a scenario of the catalog: what the space does not have (moving
/// replicas, retention, wiped disks) is looked for too.
const OF_THE_CATALOG: u64 = 5;

/// Hunts in the given scenarios, or in the whole space and the catalog if there are none, until seeds or budget are
/// used up or `stop` is set.
///
/// # Errors
/// If a folder cannot be written, or the space holds something that is no valid scenario.
pub fn hunt(
    files: &[Arc<Scenario>],
    options: &HuntOptions,
    world: &dyn World,
    stop: &AtomicBool,
    reporter: &mut dyn HuntReporter,
) -> Result<Hunted, RunError> {
    let mut hunter = Hunter::new(files, options, world)?;
    let started = Instant::now();
    let (part, parts) = options.part;
    let mut go_on_at = None;
    let mut seeds = options.seeds.iter().filter(|seed| stable_hash(seed) % parts == part - 1).peekable();
    loop {
        let spent = options.budget.is_some_and(|budget| started.elapsed() >= budget);
        let found = options.fail_fast && !hunter.failures.is_empty();
        if spent || found || stop.load(Ordering::Relaxed) {
            break;
        }
        let round: Vec<u64> = seeds.by_ref().take(ROUND).collect();
        if round.is_empty() {
            break;
        }
        let halt = || stop.load(Ordering::Relaxed) || options.budget.is_some_and(|budget| started.elapsed() >= budget);
        let taken = hunter.round(&round, &halt, reporter)?;
        if let Some(&left) = round.get(taken) {
            hunter.shard.done_until = left;
            go_on_at = Some(left);
            break;
        }
        hunter.shard.wall_s = started.elapsed().as_secs_f64();
        hunter.shard.done_until = seeds.peek().copied().unwrap_or(options.seeds.end);
        let seeds = options.seeds.end.checked_sub(options.seeds.start).filter(|_| options.budget.is_none());
        let record = hunter.record();
        reporter.round(&record, record.runs_done(), seeds.map(|seeds| seeds / parts));
    }
    let go_on_at = go_on_at.or_else(|| seeds.peek().copied());
    hunter.shard.done_until = go_on_at.unwrap_or(options.seeds.end);
    hunter.shard.wall_s = started.elapsed().as_secs_f64();
    Ok(Hunted {
        record: hunter.record(),
        failures: hunter.failures,
        not_deterministic: hunter.not_deterministic,
        go_on_at,
    })
}

struct Hunter<'h> {
    files: &'h [Arc<Scenario>],
    options: &'h HuntOptions,
    world: &'h dyn World,
    /// The built-in scenarios, if no files are given.
    catalog: Vec<Arc<Scenario>>,
    pool: Pool,
    record: HuntRecord,
    shard: ShardRecord,
    failures: Vec<Failure>,
    not_deterministic: Vec<u64>,
}

/// What one seed came to.
struct Ran {
    scenario: Arc<Scenario>,
    trial: Trial,
    failure: Option<Failure>,
    /// Whether every run of the plan had the same trace.
    same: bool,
    cpu: Duration,
}

impl<'h> Hunter<'h> {
    fn new(files: &'h [Arc<Scenario>], options: &'h HuntOptions, world: &'h dyn World) -> Result<Hunter<'h>, RunError> {
        let built_in =
            files::catalog().filter(|_| files.is_empty()).map(|source| Scenario::parse(source).map(Arc::new));
        let catalog: Result<Vec<_>, _> = built_in.collect();
        let catalog = catalog.map_err(|wrong| RunError::new(wrong.to_string()))?;
        let mut record = HuntRecord::new(ObsKind::ALL.iter().map(|kind| kind.name().to_owned()));
        record.paths = files.iter().map(|scenario| scenario.path.clone()).collect();
        record.bugs = options.bugs.iter().map(|bug| bug.id().to_owned()).collect();
        let (part, parts) = options.part;
        let (from, until) = (options.seeds.start, options.seeds.end);
        Ok(Hunter {
            files,
            options,
            world,
            catalog,
            pool: Pool::default(),
            record,
            shard: ShardRecord { from, until, part, parts, done_until: from, ..ShardRecord::default() },
            failures: Vec::new(),
            not_deterministic: Vec::new(),
        })
    }

    /// The record so far.
    fn record(&self) -> HuntRecord {
        let mut record = self.record.clone();
        record.shards.insert(self.shard.name(), self.shard.clone());
        record
    }

    /// Runs the seeds of a round, all by what earlier rounds have shown, and takes what they show in their order.
    /// Says how many were taken: all, or those before the first that was not done when `halt` became true.
    fn round(
        &mut self,
        seeds: &[u64],
        halt: &(dyn Fn() -> bool + Sync),
        reporter: &mut dyn HuntReporter,
    ) -> Result<usize, RunError> {
        let (next, ran) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..self.options.jobs.get().min(seeds.len()) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= seeds.len() || halt() {
                            break;
                        }
                        let turn = self.shard.runs + index as u64;
                        let one = self.one(seeds[index], turn);
                        ran.lock().unwrap_or_else(PoisonError::into_inner).insert(index, one);
                    }
                });
            }
        });
        let ran = ran.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut taken = 0;
        for (index, one) in ran {
            if index != taken {
                break;
            }
            self.take(seeds[index], one?, reporter)?;
            taken += 1;
        }
        Ok(taken)
    }

    /// What a seed runs.
    fn scenario(&self, seed: u64, turn: u64) -> Result<Arc<Scenario>, RunError> {
        if !self.files.is_empty() {
            return Ok(self.pool.next_of(self.files, turn, seed));
        }
        let drawn = stable_hash(&(seed, "catalog"));
        if drawn.is_multiple_of(OF_THE_CATALOG) && !self.catalog.is_empty() {
            let place = drawn / OF_THE_CATALOG % self.catalog.len() as u64;
            return Ok(self.catalog[place as usize].clone());
        }
        let name = format!("hunt-{seed:x}");
        let path = RunFolder::path_of(&self.options.out, &name, seed).join("scenario.toml");
        let drawn = self.pool.next(seed, &name);
        let written = space::written(&drawn, &path.display().to_string());
        written.map(Arc::new).map_err(|wrong| RunError::new(format!("seed {seed:#x} drew no valid scenario:\n{wrong}")))
    }

    fn one(&self, seed: u64, turn: u64) -> Result<Ran, RunError> {
        let started = cpu();
        let bugs = &self.options.bugs[..];
        let scenario = self.scenario(seed, turn)?;
        let plan = Arc::new(Plan::generate(&scenario, seed));
        let trial = run_caught(self.world, &plan, &How { bugs, coverage: true, ..How::default() })?;
        let mut same = true;
        if self.options.check_determinism {
            same = run_caught(self.world, &plan, &How { bugs, ..How::default() })?.trace_hash == trial.trace_hash;
        }
        let [violations, ..] = judge(&plan.expect, trial.violations.clone());
        let mut failure = None;
        if !violations.is_empty() {
            let (violation, hash) = explained(&plan, bugs, EndsAt::None, self.world)?;
            same &= hash == trial.trace_hash;
            let violation = violation.unwrap_or_else(|| violations[0].clone());
            failure = Some(Failure { scenario: scenario.clone(), plan, violation, folder: None });
        }
        let cpu = cpu().saturating_sub(started);
        Ok(Ran { scenario, trial, failure, same, cpu })
    }

    fn take(&mut self, seed: u64, ran: Ran, reporter: &mut dyn HuntReporter) -> Result<(), RunError> {
        let Ran { scenario, trial, failure, same, cpu } = ran;
        // Neighbours are made of scenarios of the space only: others may say what a neighbour cannot.
        if !self.catalog.iter().any(|of| Arc::ptr_eq(of, &scenario)) {
            self.pool.take(&scenario, &trial.marks);
        }
        self.record.note(
            seed,
            trial.marks.iter().map(ToString::to_string),
            trial.reached.iter().map(|kind| kind.name()),
        );
        if self.record.runs.len() < KEPT_RUNS {
            let run = HuntRun {
                simulated_s: trial.simulated.as_secs_f64(),
                operations: trial.operations,
                faults: trial.faults,
                ack_median_ms: trial.acks.map(|acks| acks.median.as_secs_f64() * 1e3),
                ack_max_ms: trial.acks.map(|acks| acks.max.as_secs_f64() * 1e3),
            };
            self.record.runs.insert(format!("{seed:#x}"), run);
        }
        self.shard.runs += 1;
        self.shard.cpu_s += cpu.as_secs_f64();
        self.shard.simulated_s += trial.simulated.as_secs_f64();
        self.shard.inconclusive += u64::from(trial.limit.is_some());
        if !same {
            self.not_deterministic.push(seed);
        }
        let Some(mut failure) = failure else { return Ok(()) };
        self.shard.violated += 1;
        let new = !self.record.failures.contains_key(&failure.signature().to_string());
        if new {
            failure.write(&self.options.bugs, &self.options.out, self.world)?;
        }
        let record = failure.record(&self.options.bugs);
        if new {
            reporter.failure(&record);
            self.failures.push(failure);
        }
        self.record.note_failure(record);
        Ok(())
    }
}

/// Processor time of this thread; where the system does not tell, time of the wall clock.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.as_deref().and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanos.map_or_else(
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default(),
        Duration::from_nanos,
    )
}
