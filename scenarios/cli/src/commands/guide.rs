//! README and the guide say what the command line does: every command they show exists, every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::Exit;
use super::args::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages, by their paths below the root.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "scenarios/zoo.md", "scenarios/farms/README.md"]
            .map(Into::into)
            .to_vec();
    let guide = fs::read_dir(root().join("scenarios/guide")).unwrap().map(|entry| entry.unwrap().file_name());
    paths.extend(
        guide.map(|name| format!("scenarios/guide/{}", name.to_str().unwrap())).filter(|path| path.ends_with(".md")),
    );
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// Lines of code blocks that call `tribunal`: in a shell's block from the start of the line, in others after `$`.
fn commands(page: &str) -> Vec<String> {
    let (mut all, mut language) = (Vec::new(), None);
    for line in page.lines().map(str::trim) {
        match (line.strip_prefix("```"), language) {
            (Some(opened), None) => language = Some(opened),
            (Some(_), Some(_)) => language = None,
            (None, Some(language)) => {
                let typed = if language == "sh" { Some(line) } else { line.strip_prefix("$ ") };
                let typed = typed.map(|typed| typed.strip_prefix("cargo run --release -- ").unwrap_or(typed));
                let typed = typed.map(|typed| typed.split(['#', '>', '|']).next().unwrap_or(typed).trim());
                all.extend(typed.filter(|typed| typed.starts_with("tribunal ")).map(str::to_owned));
            }
            (None, None) => {}
        }
    }
    all
}

/// Code in running text that calls `tribunal`, with placeholders in capitals.
fn mentions(page: &str) -> Vec<String> {
    let text: Vec<&str> = page.split("```").step_by(2).collect();
    let code = text.iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    code.filter(|code| code.starts_with("tribunal ")).map(str::to_owned).collect()
}

#[test]
fn every_command_of_a_code_block_parses_and_names_what_there_is() {
    let known: BTreeSet<String> = super::explain::names().into_iter().collect();
    let mut count = 0;
    for (path, page) in pages() {
        for command in commands(&page) {
            count += 1;
            let words = shlex(&command);
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok(), "{path}: {command}\n{}", parsed.unwrap_err());
            let named = |word: &&String| {
                ["run", "sweep", "check", "explain"].contains(&words[1].as_str()) && !word.contains('/')
            };
            // Names are the words before the first option.
            for word in words[2..].iter().take_while(|word| !word.starts_with('-')).filter(named) {
                assert!(known.contains(word), "{path}: {command}: there is no `{word}`");
            }
        }
    }
    assert!(count >= 15, "only {count} commands were found");
}

#[test]
fn every_command_that_is_mentioned_has_its_name_and_options() {
    let cli = Cli::command();
    for (path, page) in pages() {
        for mention in mentions(&page) {
            let words: Vec<&str> = mention.split_whitespace().skip(1).collect();
            let Some(first) = words.first().filter(|word| word.chars().all(|c| c.is_ascii_lowercase())) else {
                continue;
            };
            let command = cli.find_subcommand(first);
            let command = command.unwrap_or_else(|| panic!("{path}: `{mention}`: no command {first}"));
            for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
                let option = option.split('=').next().unwrap_or(option);
                let mut known = command.get_arguments().filter_map(clap::Arg::get_long);
                assert!(
                    option == "help" || known.any(|long| long == option),
                    "{path}: `{mention}`: no option --{option}"
                );
            }
        }
    }
}

#[test]
fn the_page_of_commands_has_every_command_and_exit_code() {
    let page = fs::read_to_string(root().join("scenarios/guide/commands.md")).unwrap();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(page.contains(&format!("| `{name}")), "{name}");
    }
    for (exit, about) in Exit::ALL {
        assert!(page.contains(&format!("| {} | {about}", *exit as u8)), "{} {about}", *exit as u8);
    }
}

#[test]
fn the_page_of_hunting_and_the_zoo_have_every_planted_bug() {
    let page = fs::read_to_string(root().join("scenarios/guide/hunting.md")).unwrap();
    let zoo = fs::read_to_string(root().join("scenarios/zoo.md")).unwrap();
    for bug in tribunal_common::Bug::ALL {
        let row = format!("| {} | {} |", bug.id(), bug.about());
        assert!(page.contains(&row), "hunting.md lacks: {row}");
        assert!(zoo.contains(&format!("| {} | ", bug.id())), "zoo.md lacks {}", bug.id());
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut count = 0;
    for (path, page) in pages() {
        let beside = root().join(&path).parent().unwrap().to_owned();
        for link in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or(rest)) {
            let file = link.split('#').next().unwrap_or(link);
            if !file.is_empty() && !link.contains("://") {
                count += 1;
                assert!(beside.join(file).exists(), "{path}: {link}");
            }
        }
    }
    assert!(count >= 30, "only {count} links were found");
}

/// The words of a command line.
fn shlex(line: &str) -> Vec<String> {
    line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
}
