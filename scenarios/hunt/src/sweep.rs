//! Sweeps: a scenario at each value of a knob, over seeds.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tribunal_language::{Diagnostics, Scenario, Seeds, Sweep};
use tribunal_reports::compare::{Comparison, Group};
use tribunal_reports::{Reading, RunFolder};
use tribunal_world::run::{
    Kept, RunError, RunOptions, RunOutcome, RunRequest, Subject, Summary, Verdict, World, execute,
};

/// A sweep that is to be done.
#[derive(Clone, Debug)]
pub struct SweepRequest {
    /// The scenario that has it.
    pub scenario: Scenario,
    /// The seeds; those of the scenario, if it is not said.
    pub seeds: Option<Seeds>,
    /// How many runs at a time.
    pub jobs: NonZeroUsize,
    /// Where the comparison goes; folders of runs are there for as long as they are read.
    pub out: PathBuf,
}

/// What a sweep came to.
#[derive(Debug)]
pub struct SweepOutcome {
    /// The runs by value.
    pub comparison: Comparison,
    /// How many runs came to what.
    pub summary: Summary,
    /// Runs that were not what the scenario expects: value, seed, what did not hold.
    pub violated: Vec<(String, u64, String)>,
}

impl SweepRequest {
    /// Does all runs. `done` is told of each, from the thread that did it.
    ///
    /// # Errors
    /// If the scenario has no sweep, or a folder cannot be written or read.
    pub fn run(&self, world: &dyn World, done: &(dyn Fn() + Sync)) -> Result<SweepOutcome, RunError> {
        let sweep = self.sweep()?;
        let points = self.points(sweep)?;
        let seeds: Vec<u64> = self.seeds.unwrap_or(self.scenario.seeds).iter().collect();
        let runs: Vec<(usize, u64)> =
            (0..points.len()).flat_map(|n| seeds.iter().map(move |seed| (n, *seed))).collect();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.get().min(runs.len().max(1)) {
                scope.spawn(|| {
                    while let Some(&(point, seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.one(&sweep.points[point].value, point, &points[point], seed, world);
                        done();
                        results.lock().unwrap_or_else(PoisonError::into_inner).insert((point, seed), result);
                    }
                });
            }
        });
        let mut outcome = SweepOutcome {
            comparison: Comparison {
                title: self.scenario.name.clone(),
                about: self.scenario.about.clone(),
                knob: sweep.knob.clone(),
                groups: sweep.points.iter().map(|point| Group::new(point.value.clone())).collect(),
            },
            summary: Summary { requested: runs.len() as u64, ..Summary::default() },
            violated: Vec::new(),
        };
        for ((point, seed), result) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (run, group) = result?;
            outcome.summary.count(run.verdict);
            if run.verdict == Verdict::Violated {
                let what: Vec<&str> = run.violations.iter().map(|violation| violation.property.name()).collect();
                outcome.violated.push((sweep.points[point].value.clone(), seed, what.join(", ")));
            }
            outcome.comparison.groups[point].merge(group);
        }
        Ok(outcome)
    }

    /// How many runs it is.
    ///
    /// # Errors
    /// If the scenario has no sweep.
    pub fn runs(&self) -> Result<u64, RunError> {
        let seeds = self.seeds.unwrap_or(self.scenario.seeds).iter().count() as u64;
        Ok(self.sweep()?.points.len() as u64 * seeds)
    }

    fn sweep(&self) -> Result<&Sweep, RunError> {
        let missing = || RunError::new(format!("{}: there is no [sweep]", self.scenario.path));
        self.scenario.sweep.as_ref().ok_or_else(missing)
    }

    fn points(&self, sweep: &Sweep) -> Result<Vec<Arc<Scenario>>, RunError> {
        let wrong = |wrong: Diagnostics| RunError::new(wrong.to_string());
        sweep.points.iter().map(|point| Scenario::parse(point.source.clone()).map(Arc::new).map_err(wrong)).collect()
    }

    /// Does a run, takes its figures, and removes its folder.
    fn one(
        &self,
        value: &str,
        point: usize,
        scenario: &Arc<Scenario>,
        seed: u64,
        world: &dyn World,
    ) -> Result<(RunOutcome, Group), RunError> {
        let out = self.out.join("runs").join(point.to_string());
        let request = RunRequest { subject: Subject::Seed(scenario.clone(), seed), recorded: None, required: false };
        // A folder of its own, so that runs side by side do not share a `latest`.
        let options = RunOptions::quiet(out.join(format!("{seed:#x}")));
        let mut kept = Kept::default();
        execute(&[request], &options, world, &mut kept)?;
        let run = kept.runs.pop().ok_or_else(|| RunError::new("a run was not reported".to_owned()))?;
        let mut group = Group::new(value.to_owned());
        if let Some(folder) = &run.folder {
            let reading = Reading::of(&RunFolder::open(folder)?)?;
            group.add(&reading.data, &reading.series);
        }
        remove(&options.out)?;
        Ok((run, group))
    }
}

fn remove(path: &Path) -> Result<(), RunError> {
    std::fs::remove_dir_all(path).map_err(|error| RunError::new(format!("{}: {error}", path.display())))
}
