//! What may be typed after the commands that run nothing: `list`, `new`, `explain`, `completions`, `man`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::OutputArgs;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list [default: all but keys]
    #[arg(value_enum)]
    pub(crate) what: Option<Listed>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The scenario's name, or the path of its file
    pub(crate) name: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A name, as `tribunal list` or a failure shows it, or an exit code: lost-write, KIP-101, crash, flush, 100
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is printed [default: tribunal itself]
    pub(crate) command: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    Checks,
    Scenarios,
    Regressions,
    Faults,
    RarePaths,
    Properties,
    Bugs,
    Observations,
    Keys,
}
