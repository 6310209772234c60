//! `tribunal hunt`.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tribunal_hunt::shrink;
use tribunal_hunt::{HuntOptions, HuntReporter, Hunted};
use tribunal_language::command::CommandLine;
use tribunal_language::files::LoadError;
use tribunal_language::{Scenario, Seeds};
use tribunal_reports::hunt::{FailureRecord, HuntRecord};
use tribunal_reports::machine;
use tribunal_world::run::{Refined, RunError, World};

use super::args::{DEFAULT_OUT, MessageFormat, OutputArgs, distinct};
use super::hunt_args::{HuntArgs, MachineArgs, Part, REGRESSIONS};
use super::select::{self, Selection, Wrong};
use super::{Exit, complain, hunt_text, json, print, say_error};

/// The budget of a hunt that has neither seeds nor a budget.
const DEFAULT_BUDGET: Duration = Duration::from_secs(60);
/// Seeds that a hunt may use if none are given: more than any budget lasts for.
const MANY: u64 = 1 << 32;

/// Set by Ctrl-C or SIGTERM; a second one ends the process at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Hunts, shrinks what it finds, and says what came of it.
pub(super) fn hunt(args: &HuntArgs, world: Option<&dyn World>) -> Exit {
    let output = args.how.output;
    let Some(world) = world else {
        say_error("this build has no world to run plans in", output);
        return Exit::Failed;
    };
    let files = match scenarios(&args.paths) {
        Ok(files) => files,
        Err(wrong) => return complain(&wrong, output),
    };
    // Without a handler Ctrl-C ends the hunt at once, which is worse but no reason not to hunt.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    let (folder, file) = places(args.how.out.as_deref());
    let refined = Refined(world);
    let world: &dyn World = if args.how.check_refinement { &refined } else { world };
    match done(args, &files, &folder, &file, world) {
        Ok(exit) => exit,
        Err(error) => {
            say_error(error, output);
            Exit::Failed
        }
    }
}

fn done(
    args: &HuntArgs,
    files: &[Arc<Scenario>],
    folder: &Path,
    file: &Path,
    world: &dyn World,
) -> Result<Exit, RunError> {
    let output = args.how.output;
    let options = options(args, folder);
    std::fs::create_dir_all(folder).map_err(|error| RunError::new(format!("{}: {error}", folder.display())))?;
    let mut told = Told::new(output, &options);
    let mut hunted = tribunal_hunt::hunt(files, &options, world, &INTERRUPTED, &mut told)?;
    told.bar.finish_and_clear();
    // What was found is safe before anything else is done with it.
    hunted.record.write(file)?;
    if !args.no_shrink {
        shrink_all(&mut hunted, &options, &args.regressions, world, output)?;
        hunted.record.write(file)?;
    }
    report(&hunted.record, &args.machines, output)?;
    if output.message_format == MessageFormat::Human {
        print(&format!("  record: {}\n", file.display()));
        if let Some(next) = hunted.go_on_at.filter(|_| INTERRUPTED.load(Ordering::Relaxed)) {
            let spent: f64 = hunted.record.shards.values().map(|shard| shard.wall_s).sum();
            let (command, next_file) = again(args, file, next, options.seeds.end, Duration::from_secs_f64(spent));
            print(&format!("interrupted; to continue: {command}\n"));
            let merge = CommandLine::new("merge").path(file).path(&next_file).finish();
            print(&format!("then combine both: {merge}\n"));
        }
    }
    for seed in &hunted.not_deterministic {
        say_error(format!("not deterministic: seed {seed:#x} had two traces"), output);
    }
    Ok(match () {
        () if !hunted.not_deterministic.is_empty() => Exit::NotDeterministic,
        () => exit_of(&hunted.record),
    })
}

/// What a record comes to.
pub(super) fn exit_of(record: &HuntRecord) -> Exit {
    match () {
        () if !record.failures.is_empty() => Exit::Violation,
        () if record.runs_done() == 0 => Exit::NothingSelected,
        () if record.shards.values().any(|shard| shard.inconclusive > 0) => Exit::Inconclusive,
        () => Exit::AllHeld,
    }
}

/// Says what a hunt came to, to people and machines.
pub(super) fn report(record: &HuntRecord, machines: &MachineArgs, output: OutputArgs) -> Result<(), RunError> {
    match output.message_format {
        MessageFormat::Human => print(&hunt_text::summary(record)),
        MessageFormat::Json => json::print(&json::Tagged { r#type: "hunt", value: record }),
    }
    let wrong = |path: &Path, error: std::io::Error| RunError::new(format!("{}: {error}", path.display()));
    if let Some(path) = &machines.junit {
        let text = machine::junit(record).map_err(RunError::new)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(path, text))
            .map_err(|error| wrong(path, error))?;
    }
    if machines.github {
        machine::annotations(record).iter().for_each(|line| print(&format!("{line}\n")));
        if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
            let written =
                std::fs::OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| {
                    std::io::Write::write_all(&mut file, machine::step_summary(record).as_bytes())
                });
            written.map_err(|error| wrong(&path, error))?;
        }
    }
    Ok(())
}

/// Shrinks the first failure of each signature, and saves it.
fn shrink_all(
    hunted: &mut Hunted,
    options: &HuntOptions,
    regressions: &Path,
    world: &dyn World,
    output: OutputArgs,
) -> Result<(), RunError> {
    for failure in &hunted.failures {
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        let shrunk = shrink::shrink(&failure.plan, &options.bugs, shrink::MAX_RUNS, world)?;
        let Some(shrunk) = shrunk else {
            say_error(format!("seed {:#x} does not fail again", failure.plan.seed), output);
            continue;
        };
        let cannot_save = |error| RunError::new(format!("cannot save into {}: {error}", regressions.display()));
        let path = shrunk.save(regressions).map_err(cannot_save)?;
        let record = shrunk.record(&path);
        match output.message_format {
            MessageFormat::Human => print(&hunt_text::shrunk(&record)),
            MessageFormat::Json => json::print(&json::Tagged { r#type: "shrunk", value: &record }),
        }
        if let Some(known) = hunted.record.failures.get_mut(&failure.signature().to_string()) {
            known.first.shrunk = Some(record);
        }
    }
    Ok(())
}

/// The scenarios of the paths; none for the whole space.
fn scenarios(paths: &[PathBuf]) -> Result<Vec<Arc<Scenario>>, Wrong> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut scenarios = Vec::new();
    for source in select::files(paths)? {
        match Selection::of(source).map_err(LoadError::from)? {
            Selection::Scenario(scenario) => scenarios.push(scenario),
            Selection::Plan(_, path) => {
                return Err(Wrong::Usage(format!("{path}: a plan has one run; hunt in scenario files")));
            }
        }
    }
    Ok(scenarios)
}

fn options(args: &HuntArgs, folder: &Path) -> HuntOptions {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let Part(part, parts) = args.partition.unwrap_or(Part(1, 1));
    HuntOptions {
        seeds: args.seeds.unwrap_or_else(fresh_seeds),
        part: (part, parts),
        budget: args.budget.or(args.seeds.is_none().then_some(DEFAULT_BUDGET)),
        jobs: args.jobs.unwrap_or(cores),
        bugs: distinct(&args.how.bugs),
        out: folder.to_owned(),
        fail_fast: args.fail_fast,
        check_determinism: args.how.check_determinism,
    }
}

/// Seeds that no hunt before has used, in all likelihood.
fn fresh_seeds() -> Seeds {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let start = seconds << 20;
    Seeds { start, end: start + MANY }
}

/// The folder for runs, and the file for the record. A path that ends in `.json` or `.jsonl` is the file's.
fn places(out: Option<&Path>) -> (PathBuf, PathBuf) {
    match out {
        Some(file) if file.extension().is_some_and(|end| end == "json" || end == "jsonl") => {
            (file.with_extension("runs"), file.to_owned())
        }
        Some(folder) => (folder.to_owned(), folder.join("hunt.json")),
        None => {
            let folder = Path::new(DEFAULT_OUT).join("hunt");
            let file = folder.join("hunt.json");
            (folder, file)
        }
    }
}

/// The command that goes on with the seeds and the time that are left, and where it leaves its record: not where the
/// one that was interrupted did.
fn again(args: &HuntArgs, file: &Path, next: u64, end: u64, spent: Duration) -> (String, PathBuf) {
    let line = args.paths.iter().fold(CommandLine::new("hunt"), |line, path| line.path(path));
    let mut line = line.option("--seeds", &format!("{next:#x}..{end:#x}"));
    if let Some(Part(part, parts)) = args.partition {
        line = line.option("--partition", &format!("hash:{part}/{parts}"));
    }
    if let Some(budget) = args.budget.or(args.seeds.is_none().then_some(DEFAULT_BUDGET)) {
        line = line.option("--budget", &format!("{}s", budget.saturating_sub(spent).as_secs().max(1)));
    }
    line = line
        .bugs(&distinct(&args.how.bugs))
        .flag("--fail-fast", args.fail_fast)
        .flag("--no-shrink", args.no_shrink)
        .flag("--check-determinism", args.how.check_determinism)
        .flag("--check-refinement", args.how.check_refinement)
        .flag("--no-report", args.how.no_report)
        .flag("--github", args.machines.github);
    if let Some(jobs) = args.jobs {
        line = line.option("-j", &jobs.to_string());
    }
    if args.regressions != Path::new(REGRESSIONS) {
        line = line.word("--regressions").path(&args.regressions);
    }
    if let Some(junit) = &args.machines.junit {
        line = line.word("--junit").path(&beside(junit, next));
    }
    let is_folder = file.file_name().is_some_and(|name| name == "hunt.json");
    let place = file.parent().filter(|_| is_folder).unwrap_or(file);
    let out = beside(place, next);
    (line.word("--out").path(&out).finish(), places(Some(&out)).1)
}

/// The same place with a seed in its name.
fn beside(path: &Path, seed: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{seed:x}"));
    let mut beside = path.with_file_name(name);
    if let Some(end) = path.extension() {
        beside.set_extension(end);
    }
    beside
}

/// Tells of a hunt while it goes on.
struct Told {
    output: OutputArgs,
    bar: ProgressBar,
}

impl Told {
    fn new(output: OutputArgs, options: &HuntOptions) -> Told {
        let Seeds { start, end } = options.seeds;
        match output.message_format {
            MessageFormat::Human if options.budget.is_some() => print(&format!("hunting from seed {start:#x} on\n")),
            MessageFormat::Human => print(&format!("hunting seeds {start:#x}..{end:#x}\n")),
            MessageFormat::Json => json::print(&hunt_text::Started {
                r#type: "hunt-started",
                from: format!("{start:#x}"),
                until: format!("{end:#x}"),
                budget_s: options.budget.map(|budget| budget.as_secs_f64()),
            }),
        }
        let bar = match output.message_format {
            MessageFormat::Human if std::io::stderr().is_terminal() => ProgressBar::new_spinner(),
            _ => ProgressBar::hidden(),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Told { output, bar }
    }
}

impl HuntReporter for Told {
    fn round(&mut self, record: &HuntRecord, seeds_done: u64, seeds: Option<u64>) {
        self.bar.tick();
        self.bar.set_message(hunt_text::progress(record, seeds_done, seeds, self.bar.elapsed()));
        if self.output.message_format == MessageFormat::Json {
            json::print(&hunt_text::Progress {
                r#type: "progress",
                seeds: seeds_done,
                marks: record.marks.len(),
                failures: record.failures.len(),
            });
        }
    }

    fn failure(&mut self, failure: &FailureRecord) {
        match self.output.message_format {
            MessageFormat::Human => self.bar.suspend(|| print(&hunt_text::failure(failure))),
            MessageFormat::Json => json::print(&json::Tagged { r#type: "failure", value: failure }),
        }
    }
}
