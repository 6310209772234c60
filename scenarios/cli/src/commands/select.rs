//! From what was typed to the runs that are wanted.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tribunal_common::Bug;
use tribunal_language::files::{self, LoadError};
use tribunal_language::nearest::nearest;
use tribunal_language::plan::{Plan, is_plan};
use tribunal_language::{Diagnostics, Scenario, Seeds, Source, parse_seed};
use tribunal_reports::{ReportError, RunFolder};
use tribunal_sim::trace::Trace;
use tribunal_world::Script;
use tribunal_world::run::{RunRequest, Subject};

use super::args::{DEFAULT_OUT, SeedArgs};

/// What is wrong with what was selected.
#[derive(Debug)]
pub(super) enum Wrong {
    /// A scenario or plan file.
    File(LoadError),
    /// There is nothing.
    Nothing(String),
    /// A run's folder.
    Record(ReportError),
    /// The flags do not go with it.
    Usage(String),
}

impl From<LoadError> for Wrong {
    fn from(error: LoadError) -> Wrong {
        Wrong::File(error)
    }
}

impl From<files::FileError> for Wrong {
    fn from(error: files::FileError) -> Wrong {
        Wrong::File(error.into())
    }
}

/// A file, read.
pub(super) enum Selection {
    Plan(Arc<Plan>, String),
    Scenario(Arc<Scenario>),
}

impl Selection {
    /// Reads a file as what it is.
    pub(super) fn of(source: Source) -> Result<Selection, Diagnostics> {
        if is_plan(&source) {
            let path = source.name().to_owned();
            Plan::parse(source).map(|plan| Selection::Plan(Arc::new(plan), path))
        } else {
            Scenario::parse(source).map(|scenario| Selection::Scenario(Arc::new(scenario)))
        }
    }

    fn requests(self, seeds: &SeedArgs, all: &mut Vec<RunRequest>) {
        match self {
            Selection::Plan(plan, path) => {
                all.push(RunRequest { subject: Subject::Plan(plan, path), recorded: None, required: false });
            }
            Selection::Scenario(scenario) => {
                let own = scenario.seeds;
                let chosen = match (seeds.seed, seeds.seeds) {
                    (Some(seed), _) => vec![seed],
                    (None, chosen) => chosen.unwrap_or(own).iter().collect(),
                };
                let Seeds { start, end } = own;
                // What a scenario shows over its seeds can be asked of those seeds, or of more of them.
                let required = seeds.seed.is_none() && seeds.seeds.is_none_or(|s| s.start <= start && s.end >= end);
                all.extend(chosen.into_iter().map(|seed| RunRequest {
                    subject: Subject::Seed(scenario.clone(), seed),
                    recorded: None,
                    required,
                }));
            }
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selection::Plan(plan, _) => {
                let faults = super::terminal::faults(plan.faults.len() as u64);
                write!(f, "plan of {} seed {:#x}, {faults}", plan.scenario, plan.seed)
            }
            Selection::Scenario(scenario) => {
                write!(f, "{}, seeds {}, {:?} simulated", scenario.name, scenario.seeds, scenario.duration)
            }
        }
    }
}

/// How many seeds of a scenario are run before the next scenario has its turn.
const SEEDS_OF_A_TURN: usize = 50;

/// The runs of the files given, or of all that is built in: regressions first.
pub(super) fn runs(paths: &[PathBuf], seeds: &SeedArgs) -> Result<Vec<RunRequest>, Wrong> {
    let files: Vec<Source> =
        if paths.is_empty() { files::regressions().chain(files::catalog()).collect() } else { files(paths)? };
    // All mistakes of all files are said before anything runs.
    let (mut requests, mut wrong, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    for source in files {
        match Selection::of(source) {
            Ok(selection) => {
                let from = requests.len();
                selection.requests(seeds, &mut requests);
                turns.extend((0..requests.len() - from).map(|n| n / SEEDS_OF_A_TURN));
            }
            Err(mut diagnostics) => wrong.append(&mut diagnostics.0),
        }
    }
    // Scenarios take turns, so that what one of them finds does not wait for all seeds of those before it.
    let mut in_turns: Vec<(usize, RunRequest)> = turns.into_iter().zip(requests).collect();
    in_turns.sort_by_key(|(turn, _)| *turn);
    let requests: Vec<RunRequest> = in_turns.into_iter().map(|(_, request)| request).collect();
    match () {
        () if !wrong.is_empty() => Err(Wrong::File(Diagnostics(wrong).into())),
        () if requests.is_empty() => Err(Wrong::Nothing("there is nothing to run".into())),
        () => Ok(requests),
    }
}

/// The files of the paths: files, folders of them, names from the catalog.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<Source>, Wrong> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = folder(path)?;
            if found.is_empty() {
                return Err(Wrong::Nothing(format!("{}: there are no .toml files", path.display())));
            }
            all.extend(found);
            continue;
        }
        match files::load(path) {
            Ok(source) => all.push(source),
            Err(error) => {
                let name = path.to_str().unwrap_or_default();
                let known =
                    |source: &Source| KINDS.iter().any(|kind| source.name() == format!("scenarios/{kind}/{name}.toml"));
                let named = built_in().find(known);
                all.push(named.ok_or_else(|| or_did_they_mean(path, error))?);
            }
        }
    }
    Ok(all)
}

/// Folders of built-in files that are known by their names.
const KINDS: [&str; 3] = ["catalog", "regressions", "sweeps"];

fn built_in() -> impl Iterator<Item = Source> {
    files::catalog().chain(files::regressions()).chain(files::sweeps())
}

/// The error, with the file or built-in name that was perhaps meant.
fn or_did_they_mean(path: &Path, mut error: files::FileError) -> files::FileError {
    let name = path.to_str().unwrap_or_default();
    let with_ending = format!("{name}.toml");
    let newest = Path::new(DEFAULT_OUT).join("latest");
    let named: Vec<Source> = built_in().collect();
    let names = named.iter().filter_map(|source| Path::new(source.name()).file_stem()?.to_str());
    error.why += &match nearest(name.trim_end_matches(".toml"), names) {
        _ if Path::new(&with_ending).is_file() => format!("; did you mean {with_ending}?"),
        _ if name == "latest" && newest.exists() => format!("; did you mean {}?", newest.display()),
        Some(meant) => format!("; did you mean {meant}?"),
        None if name.contains(['/', '.']) => String::new(),
        None => ", and no built-in scenario; `tribunal list scenarios` lists those".to_owned(),
    };
    error
}

/// The TOML files directly in a folder, in the order of their names.
fn folder(path: &Path) -> Result<Vec<Source>, Wrong> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| files::FileError { path: path.display().to_string(), why: error.to_string() })?;
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().map(|path| files::load(path).map_err(Wrong::from)).collect()
}

/// The counterexample of a check, if that is what is to be replayed: its plan, or the folder it is in.
pub(super) fn script(what: &Path) -> Result<Option<Script>, Wrong> {
    let in_folder = what.join("plan.toml");
    let path = if what.is_dir() { &in_folder } else { what };
    match files::load(path) {
        Ok(source) if Script::is_script(&source) => {
            let bad = |why| files::FileError { path: source.name().to_owned(), why };
            Ok(Some(Script::parse(source.text()).map_err(bad)?))
        }
        // Whatever it is, or is not, others say.
        _ => Ok(None),
    }
}

/// The run to be done again, and the bugs it had.
pub(super) fn replay(what: &Path, seed: Option<u64>) -> Result<(RunRequest, Vec<Bug>), Wrong> {
    if what.is_dir() {
        if seed.is_some() {
            return Err(Wrong::Usage("a run has its seed: --seed goes with a scenario file".into()));
        }
        return recorded(what);
    }
    let source = files(&[what.to_owned()])?.remove(0);
    let subject = match (Selection::of(source).map_err(LoadError::from)?, seed) {
        (Selection::Plan(plan, path), None) => {
            // A regression says what it was found with. Another version's traces are not ours.
            let ours = plan.tribunal == env!("CARGO_PKG_VERSION");
            let recorded = plan.found.as_ref().filter(|_| ours).map(|found| found.trace_hash);
            let bugs = plan.found.as_ref().map(|found| found.bugs.clone()).unwrap_or_default();
            return Ok((RunRequest { subject: Subject::Plan(plan, path), recorded, required: false }, bugs));
        }
        (Selection::Plan(..), Some(_)) => {
            return Err(Wrong::Usage("a plan has its seed: --seed goes with a scenario file".into()));
        }
        (Selection::Scenario(scenario), Some(seed)) => Subject::Seed(scenario, seed),
        (Selection::Scenario(_), None) => {
            return Err(Wrong::Usage("which run? a scenario file needs --seed, such as --seed 0".into()));
        }
    };
    Ok((RunRequest { subject, recorded: None, required: false }, Vec::new()))
}

/// The run without some of its faults, counted from 1: another run, that has no trace to be compared with.
pub(super) fn without(request: RunRequest, faults: &[NonZeroUsize]) -> Result<RunRequest, Wrong> {
    if faults.is_empty() {
        return Ok(request);
    }
    let mut plan = (*request.subject.plan()).clone();
    let all = plan.faults.len();
    if let Some(none) = faults.iter().find(|nth| nth.get() > all) {
        return Err(Wrong::Usage(format!("there is no fault {none}: the plan has {all}")));
    }
    let mut nth = 0;
    plan.faults.retain(|_| {
        nth += 1;
        !faults.iter().any(|dropped| dropped.get() == nth)
    });
    let path = request.subject.path().to_owned();
    Ok(RunRequest { subject: Subject::Plan(Arc::new(plan), path), recorded: None, required: false })
}

/// A trace that is there must be that of the run, and one that this build can read: of another version it would be
/// compared in vain.
fn check_trace(path: &Path, hash: u64) -> Result<(), Wrong> {
    let corrupt = |why: String| Wrong::Record(ReportError::Corrupt { path: path.to_owned(), why });
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(corrupt(error.to_string())),
    };
    let trace = Trace::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
    match trace.hash() {
        found if found == hash => Ok(()),
        found => Err(corrupt(format!("a trace of another run: its hash is {found:016x}, the verdict's {hash:016x}"))),
    }
}

/// The run of a folder.
fn recorded(folder: &Path) -> Result<(RunRequest, Vec<Bug>), Wrong> {
    let verdict = RunFolder::open(folder).and_then(|folder| folder.read_verdict()).map_err(Wrong::Record)?;
    let corrupt = |why: String| {
        let path = folder.join("verdict.json");
        Wrong::Record(ReportError::Corrupt { path, why })
    };
    let hash =
        parse_seed(&verdict.trace_hash).map_err(|_| corrupt(format!("`{}` is no trace hash", verdict.trace_hash)))?;
    let bugs = verdict.bugs.iter().map(|id| Bug::from_id(id).ok_or_else(|| corrupt(format!("`{id}` is no bug"))));
    let bugs: Vec<Bug> = bugs.collect::<Result<_, _>>()?;
    check_trace(&folder.join("trace.bin"), hash)?;
    let path = folder.join("plan.toml");
    let plan = Plan::load(&path)?;
    let subject = Subject::Plan(Arc::new(plan), path.display().to_string());
    Ok((RunRequest { subject, recorded: Some(hash), required: false }, bugs))
}
