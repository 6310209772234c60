//! `cargo xtask TASK`: what a contributor does, each task by one name. It prints the commands it runs, so that they can be
//! typed without it.

mod pages;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A task: its name, what it is for, and its commands in order. `ARGS` stands for what follows the name of the task.
struct Task {
    name: &'static str,
    about: &'static str,
    commands: &'static [&'static str],
    /// What comes after them; says whether it succeeded.
    then: Option<fn(&Path) -> std::io::Result<bool>>,
}

const TASKS: &[Task] = &[
    Task {
        name: "check",
        about: "format and lints, as CI does",
        commands: &[
            "cargo fmt --all --check",
            "cargo clippy --workspace --all-targets --locked -- -D warnings",
            "cargo clippy -p tribunal --no-default-features --locked -- -D warnings",
        ],
        then: None,
    },
    Task {
        name: "test",
        about: "every test; with the names of crates, theirs",
        commands: &["cargo test --locked PACKAGES"],
        then: None,
    },
    Task {
        name: "catalog",
        about: "every scenario and regression, each run twice; or those that are named",
        commands: &["cargo run --release --locked -- run --profile ci ARGS"],
        then: None,
    },
    Task {
        name: "deny",
        about: "licences, bans and sources of dependencies; with `advisories` what is known against them, from the network",
        commands: &["cargo deny --locked check bans licenses sources ARGS"],
        then: None,
    },
    Task {
        name: "pages",
        about: "the commands of README and the guide print what the pages show",
        commands: &["cargo build --locked"],
        then: Some(pages::compare),
    },
    Task {
        name: "doc",
        about: "the documentation of all crates",
        commands: &["cargo doc --workspace --no-deps --locked"],
        then: None,
    },
    Task { name: "ci", about: "everything that must be green, 25 minutes", commands: &[".ci/run"], then: None },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        print!("{}", usage());
        return ExitCode::from(2);
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprint!("error: there is no task `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    let rest: Vec<String> = arguments.collect();
    let commands = task.commands.iter().map(|command| words(command, &rest));
    let done = commands.map(|words| run(&words)).find(|ran| !matches!(ran, Ok(true)));
    let outcome = match (done, task.then) {
        (Some(stopped), _) => stopped,
        (None, Some(then)) => then(&root()).map_err(|error| error.to_string()),
        (None, None) => Ok(true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The words of a command, with what was typed in the place that stands for it.
fn words(command: &str, typed: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for word in command.split(' ') {
        match word {
            "ARGS" => all.extend_from_slice(typed),
            "PACKAGES" if typed.is_empty() => all.push("--workspace".to_owned()),
            "PACKAGES" => all.extend(typed.iter().flat_map(|package| ["-p".to_owned(), package.clone()])),
            word => all.push(word.to_owned()),
        }
    }
    all
}

/// Runs a command at the root of the workspace; says whether it succeeded.
fn run(words: &[String]) -> Result<bool, String> {
    println!("+ {}", words.join(" "));
    let mut command = Command::new(&words[0]);
    if words.get(1).is_some_and(|word| word == "doc") {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    let status = command.args(words.iter().skip(1)).current_dir(root()).status();
    status.map(|status| status.success()).map_err(|error| format!("{}: {error}", words[0]))
}

fn usage() -> String {
    let tasks = TASKS.iter().map(|task| format!("  {:<8} {}\n", task.name, task.about));
    format!("cargo xtask TASK [ARGUMENTS]\n\n{}", tasks.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn crates_that_are_named_are_tested_and_otherwise_all_are() {
        assert_eq!(words("cargo test PACKAGES", &[]), typed(&["cargo", "test", "--workspace"]));
        let two = words("cargo test PACKAGES", &typed(&["tribunal-log", "tribunal-sim"]));
        assert_eq!(two, typed(&["cargo", "test", "-p", "tribunal-log", "-p", "tribunal-sim"]));
    }

    #[test]
    fn contributing_has_every_task() {
        let page = include_str!("../../../CONTRIBUTING.md");
        for task in TASKS {
            assert!(page.contains(&format!("| `cargo xtask {}` |", task.name)), "{}", task.name);
        }
    }
}
