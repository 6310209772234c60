//! What may be typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tribunal_common::Bug;
use tribunal_contract::Span;
use tribunal_language::{Seeds, parse_bug, parse_seed, parse_seeds, parse_span};
use tribunal_world::run::RunOptions;

use super::exit::EXIT_CODES;
use super::hunt_args::{DiffArgs, HuntArgs, MergeArgs, ShrinkArgs};
use super::lookup_args::{CompletionsArgs, ExplainArgs, ListArgs, ManArgs, NewArgs};
use super::serve_args::ServeArgs;

/// Runs Kafka-like brokers in a simulated world, breaks them as scenario files say, judges what they promised.
#[derive(Debug, Parser)]
#[command(name = "tribunal", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    /// None shows where to start.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs scenarios at their seeds: the regressions and the catalog, or the files given
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Draws scenarios, or runs the given ones at fresh seeds, until something breaks
    #[command(after_help = EXIT_CODES)]
    Hunt(HuntArgs),
    /// Plants a bug of Kafka's history, hunts it, shrinks the find, replays it, explains it
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
    /// Finds the smallest plan that still fails in the same way, and saves it as a regression
    #[command(after_help = EXIT_CODES)]
    Shrink(ShrinkArgs),
    /// Shows the first event at which two runs differ
    #[command(after_help = EXIT_CODES)]
    Diff(DiffArgs),
    /// Combines the records of a hunt's parts
    #[command(after_help = EXIT_CODES)]
    Merge(MergeArgs),
    /// Repeats one run: a run's folder, a plan, or a scenario with a seed
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Explores every interleaving of small configurations of the real machines
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Checks scenario and plan files without running them
    #[command(after_help = EXIT_CODES)]
    Validate(ValidateArgs),
    /// Lists scenarios, faults, properties, bugs, observations, or every key of the language
    List(ListArgs),
    /// Explains a property, bug, fault, observation, rare path, key or exit code
    Explain(ExplainArgs),
    /// Writes a commented scenario to start from
    New(NewArgs),
    /// Makes the report of a run again, compares runs, or makes the page of a hunt
    Report(ReportArgs),
    /// Converts a run for other tools
    Export(ExportArgs),
    /// Runs a scenario at each value of its `[sweep]`, over seeds, and compares them
    #[command(after_help = EXIT_CODES)]
    Sweep(SweepArgs),
    /// Measures the speed of the simulator, beside others'
    Bench(BenchArgs),
    /// Starts real brokers that any Kafka client can use, until Ctrl-C
    Serve(ServeArgs),
    /// Prints the completions of the command line for a shell
    Completions(CompletionsArgs),
    /// Prints the manual page, of `tribunal` or of one of its commands
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Scenario or plan files, folders of them, or built-in names [default: all regressions and the catalog]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) seeds: SeedArgs,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    /// Continue after the first violation
    #[arg(long, help_heading = "Running")]
    pub(crate) no_fail_fast: bool,
    /// A set of options: `ci` checks determinism and continues after a violation
    #[arg(long, value_enum, default_value_t = Profile::Default, help_heading = "Running")]
    pub(crate) profile: Profile,
    /// Number of runs at a time [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Running")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct SeedArgs {
    /// This seed only, decimal or hexadecimal with 0x
    #[arg(long, value_name = "S", value_parser = parse_seed, allow_negative_numbers = true, conflicts_with = "seeds", help_heading = "Selection")]
    pub(crate) seed: Option<u64>,
    /// These seeds, the end not included [default: the scenario's own]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, help_heading = "Selection")]
    pub(crate) seeds: Option<Seeds>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A run's folder, such as target/tribunal/latest, or a plan or scenario file
    pub(crate) what: PathBuf,
    /// The seed, for a scenario file
    #[arg(long, value_name = "S", value_parser = parse_seed, help_heading = "Selection")]
    pub(crate) seed: Option<u64>,
    /// Leave out the plan's Nth fault, counted from 1; may be given several times
    #[arg(long = "drop-fault", value_name = "N", value_parser = parse_count, help_heading = "Selection")]
    pub(crate) drop_faults: Vec<NonZeroUsize>,
    /// End the run at a time after the workload's zero, such as 4.2s, or at the number of an event, as `diff` prints it
    #[arg(long, value_name = "T|EVENT", value_parser = parse_until, help_heading = "Running")]
    pub(crate) until: Option<Until>,
    /// Print what a broker did, event by event: broker2, or broker2=trace; may be given several times
    #[arg(long = "log", value_name = "BROKER", value_parser = parse_log, help_heading = "Output")]
    pub(crate) logs: Vec<u32>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Where a replay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// So long after the workload's zero.
    After(Span),
    /// At the event of that number.
    Event(u64),
}

fn parse_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| "whole seconds are needed, 1 or more, such as 60".to_owned())
}

/// A number from 1 on.
pub(super) fn parse_count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "a whole number is needed, 1 or more".to_owned())
}

fn parse_until(text: &str) -> Result<Until, String> {
    match text.parse() {
        Ok(event) => Ok(Until::Event(event)),
        Err(_) => parse_span(text)
            .map(Until::After)
            .map_err(|why| format!("{why}; or the number of an event is needed, as `diff` says it")),
    }
}

fn parse_log(text: &str) -> Result<u32, String> {
    let (who, level) = text.split_once('=').unwrap_or((text, "trace"));
    if level != "trace" {
        return Err(format!("there is no log `{level}`: a broker's log is its trace"));
    }
    let id = who.strip_prefix("broker").map_or(who, str::trim_start).parse();
    id.map_err(|_| "a broker by its id, such as broker2".to_owned())
}

/// How runs are done.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// Plant a historical bug in every broker; may be given several times (see `list bugs`)
    #[arg(long = "bug", value_name = "ID", value_parser = parse_bug, help_heading = "Running")]
    pub(crate) bugs: Vec<Bug>,
    /// Run everything twice and compare the trace hashes
    #[arg(long, help_heading = "Running")]
    pub(crate) check_determinism: bool,
    /// Hold every step of partition replicas against the abstract model of KIP-320 (see `check`)
    #[arg(long, help_heading = "Running")]
    pub(crate) check_refinement: bool,
    /// Do not write report.html, charts and tables into run folders
    #[arg(long, help_heading = "Output")]
    pub(crate) no_report: bool,
    /// Folder for the folders of runs [default: target/tribunal; for replays target/tribunal/replay]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// Text for people, or one JSON value a line
    #[arg(long, value_enum, default_value_t = MessageFormat::Human, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) message_format: MessageFormat,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration files, or built-in names [default: all but the nightly ones]
    pub(crate) configurations: Vec<PathBuf>,
    /// Also the large configurations, which take up to an hour each
    #[arg(long, conflicts_with = "configurations", help_heading = "Selection")]
    pub(crate) nightly: bool,
    /// Plant a historical bug in every machine; may be given several times (see `list bugs`)
    #[arg(long = "bug", value_name = "ID", value_parser = parse_bug, help_heading = "Checking")]
    pub(crate) bugs: Vec<Bug>,
    /// Order in which states are visited [default: depth; breadth with --bug]
    #[arg(long, value_enum, help_heading = "Checking")]
    pub(crate) order: Option<CheckOrder>,
    /// Stop after so many generated states [default: the configuration's own limit]
    #[arg(long, value_name = "STATES", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Checking")]
    pub(crate) limit: Option<u64>,
    /// Stop after so many seconds for each configuration
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, help_heading = "Checking")]
    pub(crate) time: Option<u64>,
    /// Show the states of one configuration in a browser instead of checking it
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "localhost:3000",
          conflicts_with_all = ["order", "limit", "time"], help_heading = "Checking")]
    pub(crate) explore: Option<String>,
    /// Folder for counterexamples [default: target/tribunal/check]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckOrder {
    /// The shortest counterexample first; needs more memory
    Breadth,
    /// Needs little memory: for exhausting a configuration
    Depth,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Scenario or plan files, or folders of them
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// A run's folder, such as target/tribunal/latest; a hunt's hunt.json, or its folder; with --compare, several runs
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Put the runs side by side on one page
    #[arg(long)]
    pub(crate) compare: bool,
    /// Also write pictures as PNG, beside the SVG
    #[arg(long, help_heading = "Output")]
    pub(crate) png: bool,
    /// Folder for the comparison [default: target/tribunal/compare]
    #[arg(long, value_name = "DIR", requires = "compare", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A run's folder, such as target/tribunal/latest
    pub(crate) run: PathBuf,
    /// The format
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    pub(crate) format: ExportFormat,
    /// File or folder to write [default: in the run's folder]
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Every series as a CSV file, in a folder
    Csv,
    /// A Jepsen history (jepsen.tests.kafka), in EDN
    Edn,
    /// JSON Lines
    Jsonl,
    /// Chrome's trace format, for ui.perfetto.dev
    Perfetto,
    /// A log with vector clocks, for ShiViz
    Shiviz,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Scenario files with a [sweep], folders of them, or built-in names [default: all built-in sweeps]
    pub(crate) paths: Vec<PathBuf>,
    /// These seeds for each value, the end not included [default: the scenario's own]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, help_heading = "Selection")]
    pub(crate) seeds: Option<Seeds>,
    /// Number of runs at a time [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Running")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Also write pictures as PNG, beside the SVG
    #[arg(long, help_heading = "Output")]
    pub(crate) png: bool,
    /// Folder for comparisons [default: target/tribunal/sweeps]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_value_t = Benched::All)]
    pub(crate) what: Benched,
    /// Number of measurements of each figure; the median counts
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_count, help_heading = "Running")]
    pub(crate) rounds: NonZeroUsize,
    /// Measure the kernel alone: do not build and run turmoil and madsim beside it
    #[arg(long, help_heading = "Running")]
    pub(crate) no_references: bool,
    /// With `check` and `zoo`: these bugs only
    #[arg(long = "bug", value_name = "ID", value_parser = parse_bug, help_heading = "Running")]
    pub(crate) bugs: Vec<Bug>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Demonstrates.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The first seed of the hunt
    #[arg(long, value_name = "S", value_parser = parse_seed, default_value = "0", help_heading = "Selection")]
    pub(crate) seed: u64,
    /// Number of runs at a time [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Running")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

impl DemoArgs {
    /// A demonstration is for people.
    pub(crate) fn output(&self) -> OutputArgs {
        OutputArgs { message_format: MessageFormat::Human }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benched {
    /// The model checker: states a second, memory, and the planted bugs it finds
    Check,
    /// Messages of the kernel, beside turmoil and madsim
    Kernel,
    /// The standard scenario: real brokers, every property on
    Scenario,
    /// A hundred brokers with nothing to do
    Idle,
    /// Brokers behind real sockets beside Apache Kafka 4.1.1, once; needs tests/interop/install.sh
    Serve,
    /// All of them but serve
    All,
    /// Hunts for each planted bug: seeds and seconds to find it, size after shrinking; in `all` left out
    Zoo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    Default,
    Ci,
}

impl RunArgs {
    pub(crate) fn options(&self) -> RunOptions {
        let ci = self.profile == Profile::Ci;
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        RunOptions {
            jobs: self.jobs.unwrap_or(cores),
            bugs: distinct(&self.how.bugs),
            out: self.how.out.clone().unwrap_or_else(|| DEFAULT_OUT.into()),
            check_determinism: self.how.check_determinism || ci,
            check_refinement: self.how.check_refinement,
            fail_fast: !(self.no_fail_fast || ci),
            report: !self.how.no_report,
            until: None,
        }
    }
}

impl ReplayArgs {
    /// The options of a replay of a run that had these bugs. They are planted again unless others are asked for.
    pub(crate) fn options(&self, recorded: Vec<Bug>) -> RunOptions {
        RunOptions {
            jobs: NonZeroUsize::MIN,
            bugs: if self.how.bugs.is_empty() { recorded } else { distinct(&self.how.bugs) },
            // Not where runs go: the folder of the run that is replayed must stay as it is.
            out: self.how.out.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_OUT).join("replay")),
            check_determinism: self.how.check_determinism,
            check_refinement: self.how.check_refinement,
            fail_fast: true,
            report: !self.how.no_report,
            until: None,
        }
    }
}

/// Each once: asked for twice, a bug is planted once.
pub(crate) fn distinct(bugs: &[Bug]) -> Vec<Bug> {
    bugs.iter().enumerate().filter(|(at, bug)| !bugs[..*at].contains(bug)).map(|(_, bug)| *bug).collect()
}

pub(super) const DEFAULT_OUT: &str = "target/tribunal";
