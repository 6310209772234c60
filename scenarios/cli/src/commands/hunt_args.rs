//! What may be typed after `hunt`, `shrink`, `diff` and `merge`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::args::{HowArgs, OutputArgs, parse_count};
use tribunal_language::{Seeds, parse_seed, parse_seeds, parse_span};

#[derive(Debug, Args)]
pub(crate) struct HuntArgs {
    /// Scenario files, folders of them, or built-in names [default: scenarios drawn from the seed]
    pub(crate) paths: Vec<PathBuf>,
    /// These seeds, the end not included [default: from a number taken from the clock]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, help_heading = "Selection")]
    pub(crate) seeds: Option<Seeds>,
    /// One part of the seeds, such as hash:1/4. Give every part the same seeds, and `merge` them afterwards
    #[arg(long, value_name = "hash:M/N", value_parser = parse_part, requires = "seeds", help_heading = "Selection")]
    pub(crate) partition: Option<Part>,
    /// Time limit, such as 5m [default: 60s without --seeds]
    #[arg(long, value_name = "TIME", value_parser = parse_budget, help_heading = "Running")]
    pub(crate) budget: Option<Duration>,
    /// Number of runs at a time [default: one for each core]; finds do not depend on it
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Running")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// End with the first failure
    #[arg(long, help_heading = "Running")]
    pub(crate) fail_fast: bool,
    /// Do not shrink finds
    #[arg(long, help_heading = "Running")]
    pub(crate) no_shrink: bool,
    /// Folder for shrunk failures
    #[arg(long, value_name = "DIR", default_value = REGRESSIONS, help_heading = "Output")]
    pub(crate) regressions: PathBuf,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    #[command(flatten)]
    pub(crate) machines: MachineArgs,
}

/// What is written for other programs.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) junit: Option<PathBuf>,
    /// Print GitHub annotations, and write the step summary where $GITHUB_STEP_SUMMARY says
    #[arg(long, help_heading = "Output")]
    pub(crate) github: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShrinkArgs {
    /// A run's folder, such as target/tribunal/latest, or a plan or scenario file
    pub(crate) what: PathBuf,
    /// The seed, for a scenario file
    #[arg(long, value_name = "S", value_parser = parse_seed, help_heading = "Selection")]
    pub(crate) seed: Option<u64>,
    /// Plant a historical bug in every broker; the bugs of a run's folder are planted anyway
    #[arg(long = "bug", value_name = "ID", value_parser = tribunal_language::parse_bug, help_heading = "Running")]
    pub(crate) bugs: Vec<tribunal_common::Bug>,
    /// Maximum number of runs
    #[arg(long, value_name = "N", default_value_t = tribunal_hunt::shrink::MAX_RUNS, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Running")]
    pub(crate) max_runs: u64,
    /// Folder for the regression file
    #[arg(long, value_name = "DIR", default_value = REGRESSIONS, help_heading = "Output")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A run's folder or a plan file
    pub(crate) a: PathBuf,
    /// Another run's folder or plan file
    pub(crate) b: PathBuf,
    /// Number of events shown around the place
    #[arg(long, value_name = "N", default_value = "5", help_heading = "Output")]
    pub(crate) context: usize,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Records that `hunt` wrote: hunt.json files, or their folders
    #[arg(required = true)]
    pub(crate) shards: Vec<PathBuf>,
    /// File for the combined record [default: target/tribunal/hunt/merged.json]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machines: MachineArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The part of the seeds: its number, from 1, and the number of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part(pub(crate) u64, pub(crate) u64);

pub(super) const REGRESSIONS: &str = "scenarios/regressions";

fn parse_part(text: &str) -> Result<Part, String> {
    let numbers = text.strip_prefix("hash:").and_then(|part| part.split_once('/'));
    let Some((part, parts)) = numbers.and_then(|(m, n)| Some((m.parse().ok()?, n.parse().ok()?))) else {
        return Err("a part is hash:M/N, such as hash:1/4 for the first of four".into());
    };
    match () {
        () if parts == 0 => Err("of no parts there is none".into()),
        () if part == 0 || part > parts => Err(format!("parts are counted from 1 to {parts}")),
        () => Ok(Part(part, parts)),
    }
}

fn parse_budget(text: &str) -> Result<Duration, String> {
    match parse_span(text)?.as_nanos() {
        0 => Err("in no time nothing is hunted".into()),
        nanos => Ok(Duration::from_nanos(nanos)),
    }
}
