//! Failures that a hunt finds: explained, grouped, written down.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tribunal_common::Bug;
use tribunal_language::Scenario;
use tribunal_language::command::CommandLine;
use tribunal_language::plan::Plan;
use tribunal_reports::RunFolder;
use tribunal_reports::hunt::{FailureRecord, FirstFailure};
use tribunal_world::run::{
    EndsAt, How, Kept, RunError, RunOptions, RunOutcome, RunRequest, Signature, Subject, Violation, World, execute,
    judge, run_caught,
};

/// A run of a hunt that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The run as a plan.
    pub plan: Arc<Plan>,
    /// The first property that did not hold, explained.
    pub violation: Violation,
    /// The run's folder, if it was written.
    pub folder: Option<PathBuf>,
}

/// The violation that ends a run of a plan, or the first if none does, explained; with the trace hash. None if there is
/// none.
pub(crate) fn explained(
    plan: &Plan,
    bugs: &[Bug],
    ends_at: EndsAt,
    world: &dyn World,
) -> Result<(Option<Violation>, u64), RunError> {
    let how = How { bugs, explain: true, ends_at, ..How::default() };
    let trial = run_caught(world, plan, &how)?;
    let [violations, ..] = judge(&plan.expect, trial.violations);
    let is_asked = |violation: &Violation| match ends_at {
        EndsAt::None | EndsAt::First => true,
        EndsAt::Property(only) => violation.property == only,
    };
    Ok((violations.into_iter().find(is_asked), trial.trace_hash))
}

impl Failure {
    /// What it has in common with failures of the same cause.
    pub fn signature(&self) -> &Signature {
        &self.violation.signature
    }

    /// Writes the run's folder, with the scenario in it.
    pub(super) fn write(&mut self, bugs: &[Bug], out: &Path, world: &dyn World) -> Result<(), RunError> {
        let path = RunFolder::path_of(out, &self.plan.scenario, self.plan.seed);
        let name = path.join("plan.toml").display().to_string();
        write_run(&self.plan, &name, bugs, out, world)?;
        RunFolder::open(&path)?.write_text("scenario.toml", &self.scenario.to_toml())?;
        self.folder = Some(path);
        Ok(())
    }

    /// As it is recorded.
    pub(super) fn record(&self, bugs: &[Bug]) -> FailureRecord {
        let seed = format!("{:#x}", self.plan.seed);
        let folder = self.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
        let replay = CommandLine::new("replay");
        let replay = match self.folder {
            Some(_) => replay.word(&folder),
            None => replay.word(&self.plan.path).option("--seed", &seed).bugs(bugs),
        };
        FailureRecord {
            signature: self.signature().to_string(),
            property: self.violation.property.name().to_owned(),
            tuple: self.signature().tuple.clone(),
            seeds: [seed.clone()].into(),
            first: FirstFailure {
                seed,
                detail: self.violation.detail.clone(),
                chain: self.violation.chain.clone(),
                replay: replay.finish(),
                folder,
                shrunk: None,
            },
        }
    }
}

/// Does a run of a plan for its folder in `out`.
pub(crate) fn write_run(
    plan: &Arc<Plan>,
    path: &str,
    bugs: &[Bug],
    out: &Path,
    world: &dyn World,
) -> Result<Option<RunOutcome>, RunError> {
    let subject = Subject::Plan(plan.clone(), path.to_owned());
    let options = RunOptions { bugs: bugs.to_vec(), report: true, ..RunOptions::quiet(out.to_owned()) };
    let mut kept = Kept::default();
    execute(&[RunRequest { subject, recorded: None, required: false }], &options, world, &mut kept)?;
    Ok(kept.runs.pop())
}
