//! The command line: a file for each command that is more than a few lines.

mod args;
mod bench;
mod check;
mod configurations;
mod demo;
mod diff;
mod exit;
mod explain;
mod hunt;
mod hunt_args;
mod hunt_text;
mod json;
mod list;
mod lookup_args;
mod manual;
mod merge;
mod replay;
mod report;
mod select;
mod serve;
mod serve_args;
mod shrink;
mod sweep;
mod terminal;
mod welcome;

#[cfg(test)]
mod guide;

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use serde::Serialize;

use args::{Cli, Command, MessageFormat, OutputArgs, RunArgs, ValidateArgs};
use lookup_args::NewArgs;
use select::Selection;
use tribunal_language::files::{FileError, LoadError};
use tribunal_language::nearest::nearest;
use tribunal_language::template;
use tribunal_world::run::{Reporter, RunOptions, RunRequest, World, execute};

pub use exit::{EXIT_CODES, Exit};
pub use json::JsonReporter;
pub use terminal::TerminalReporter;

/// Does what was typed. `world` is where plans run; without one the commands that run anything fail.
pub fn main(world: Option<&dyn World>) -> ExitCode {
    let Some(command) = Cli::try_parse().unwrap_or_else(|error| suggested(error).exit()).command else {
        print(welcome::PAGE);
        return Exit::Usage.into();
    };
    let exit = match command {
        Command::Bench(args) => bench::bench(&args, world),
        Command::Check(args) => check::check(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Demo(args) => demo::demo(&args, world),
        Command::Diff(args) => diff::diff(&args, world),
        Command::Explain(args) => explain::explain(&args),
        Command::Hunt(args) => hunt::hunt(&args, world),
        Command::List(args) => list::list(args),
        Command::Man(args) => manual::man(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::New(args) => new(&args),
        Command::Export(args) => report::export(&args),
        Command::Report(args) => report::report(&args),
        Command::Replay(args) => replay::replay(&args, world),
        Command::Run(args) => run(&args, world),
        Command::Serve(args) => serve::serve(&args),
        Command::Shrink(args) => shrink::shrink(&args, world),
        Command::Sweep(args) => sweep::sweep(&args, world),
        Command::Validate(args) => validate(&args),
    };
    exit.into()
}

/// An error of usage, with the command that was perhaps meant where clap knows none that is near.
fn suggested(mut error: clap::Error) -> clap::Error {
    let typed = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    if let (Some(typed), None) = (typed, error.get(ContextKind::SuggestedSubcommand)) {
        let cli = Cli::command();
        if let Some(near) = nearest(&typed, cli.get_subcommands().map(clap::Command::get_name)) {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![near.to_owned()]));
        }
    }
    error
}

fn run(args: &RunArgs, world: Option<&dyn World>) -> Exit {
    let output = args.how.output;
    match select::runs(&args.paths, &args.seeds) {
        Ok(requests) => {
            if args.paths.is_empty() && output.message_format == MessageFormat::Human {
                let runs = requests.len();
                print(&format!("no file is named, so the built-in regressions and scenarios run: {runs} runs\n"));
            }
            all(&requests, &args.options(), world, output)
        }
        Err(wrong) => complain(&wrong, output),
    }
}

fn all(requests: &[RunRequest], options: &RunOptions, world: Option<&dyn World>, output: OutputArgs) -> Exit {
    let Some(world) = world else {
        say_error("this build has no world to run plans in", output);
        return Exit::Failed;
    };
    let mut reporter: Box<dyn Reporter> = match output.message_format {
        MessageFormat::Human => Box::new(TerminalReporter::new(std::io::stdout().is_terminal())),
        MessageFormat::Json => Box::new(JsonReporter::new(std::io::stdout())),
    };
    match execute(requests, options, world, &mut *reporter) {
        Ok(summary) => Exit::of(&summary),
        Err(error) => {
            drop(reporter);
            say_error(error, output);
            Exit::Failed
        }
    }
}

fn validate(args: &ValidateArgs) -> Exit {
    let files = match select::files(&args.files) {
        Ok(files) => files,
        Err(wrong) => return complain(&wrong, args.output),
    };
    let mut exit = Exit::AllHeld;
    for source in files {
        let (name, checked) = (source.name().to_owned(), Selection::of(source));
        match (checked, args.output.message_format) {
            (Ok(selection), MessageFormat::Human) => print(&format!("ok {name}: {selection}\n")),
            (Ok(_), MessageFormat::Json) => json::print(&json::Valid { r#type: "valid", file: &name }),
            (Err(wrong), _) => {
                complain(&select::Wrong::File(wrong.into()), args.output);
                exit = Exit::BadFile;
            }
        }
    }
    exit
}

fn new(args: &NewArgs) -> Exit {
    /// Endings that say another format. Other dots may be part of a name.
    const OTHER_FORMATS: [&str; 5] = ["json", "tml", "txt", "yaml", "yml"];
    let mut path = args.name.clone();
    if let Some(other) = path.extension().and_then(|extension| extension.to_str()).filter(|e| OTHER_FORMATS.contains(e))
    {
        let human = OutputArgs { message_format: MessageFormat::Human };
        say_error(format!("scenario files are TOML: name it .toml and not .{other}, or leave the ending out"), human);
        return Exit::Usage;
    }
    if path.extension().is_none_or(|extension| extension != "toml") {
        path.as_mut_os_string().push(".toml");
    }
    let human = OutputArgs { message_format: MessageFormat::Human };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = template(&name);
    let source = tribunal_language::Source::new(path.to_string_lossy(), text.clone());
    if tribunal_language::Scenario::parse(source).is_err() {
        say_error(format!("`{name}` cannot be a scenario's name: lower case letters, digits and dashes only"), human);
        return Exit::Usage;
    }
    match write_new(&path, &text) {
        Ok(()) => {
            print(&format!("wrote {0}\nnext: tribunal run {0}\n", path.display()));
            Exit::AllHeld
        }
        Err(error) => {
            let why = match error.kind() {
                ErrorKind::AlreadyExists => "the file is there already; it is left as it is".to_owned(),
                ErrorKind::NotFound => "there is no such folder; make it first".to_owned(),
                _ => error.to_string(),
            };
            say_error(format!("{}: {why}", path.display()), human);
            Exit::Failed
        }
    }
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// Says what is wrong with what was selected.
fn complain(wrong: &select::Wrong, output: OutputArgs) -> Exit {
    match wrong {
        select::Wrong::File(LoadError::Bad(diagnostics)) => {
            match output.message_format {
                MessageFormat::Human => eprint!("{}", diagnostics.render(std::io::stderr().is_terminal())),
                MessageFormat::Json => {
                    for diagnostic in &diagnostics.0 {
                        json::print(&json::Tagged { r#type: "diagnostic", value: diagnostic.record() });
                    }
                }
            }
            Exit::BadFile
        }
        select::Wrong::File(LoadError::File(FileError { path, why })) => {
            say_error(format!("{path}: {why}"), output);
            Exit::BadFile
        }
        select::Wrong::Nothing(message) => {
            say_error(message, output);
            Exit::NothingSelected
        }
        select::Wrong::Record(error) => {
            say_error(error, output);
            Exit::BadFile
        }
        select::Wrong::Usage(message) => {
            say_error(message, output);
            Exit::Usage
        }
    }
}

fn say_error(message: impl Display, output: OutputArgs) {
    match output.message_format {
        MessageFormat::Human => eprintln!("error: {message}"),
        MessageFormat::Json => json::print(&json::Failure { r#type: "error", message: message.to_string() }),
    }
}

/// Prints, whether or not anyone still listens: a closed pipe is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A value as one line of JSON.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| format!("{{\"type\":\"error\",\"message\":{:?}}}", error.to_string()))
}
