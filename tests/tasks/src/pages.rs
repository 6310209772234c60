//! `cargo xtask pages`: runs every command that README and the guide show with its output, and compares the two.
//!
//! Durations and rates depend on the machine and are not compared. A line `…` in a page stands for any lines.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// A command of a page with the output that the page shows.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    command: String,
    output: Vec<String>,
}

/// Compares all pages; says whether every command prints what its page shows.
pub(crate) fn compare(root: &Path) -> io::Result<bool> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let tribunal = target.join("debug/tribunal");
    let mut pages = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("scenarios/guide"))? {
        pages.push(entry?.path());
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let (mut all, mut wrong) = (0, 0);
    for page in pages {
        let name = page.strip_prefix(root).unwrap_or(&page).display().to_string();
        let folder = scratch(root, &name)?;
        for shown in commands(&fs::read_to_string(&page)?) {
            // `serve` runs until it is told to end.
            let Some(arguments) = shown.command.strip_prefix("tribunal ").filter(|rest| !rest.starts_with("serve"))
            else {
                continue;
            };
            all += 1;
            let ran = Command::new(&tribunal).args(arguments.split_whitespace()).current_dir(&folder).output()?;
            let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
            let printed: Vec<String> = printed.lines().map(str::to_owned).collect();
            if matches(&shown.output, &printed) {
                println!("as shown: {name}: {}", shown.command);
            } else {
                wrong += 1;
                println!("NOT as shown: {name}: {}\n{}\n", shown.command, printed.join("\n"));
            }
        }
    }
    println!("{all} commands, {wrong} do not print what their page shows");
    Ok(wrong == 0 && all > 0)
}

/// An empty folder for the commands of a page.
fn scratch(root: &Path, page: &str) -> io::Result<PathBuf> {
    let folder = root.join("target/pages").join(page.replace(['/', '.'], "-"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The commands of a page's blocks of text, each with the lines below it.
fn commands(page: &str) -> Vec<Shown> {
    let (mut all, mut block): (Vec<Shown>, Option<usize>) = (Vec::new(), None);
    // Whether the lines belong to a command of this block.
    let mut open = false;
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), block) {
            (Some("text"), None) => (block, open) = (Some(indent), false),
            (Some(""), Some(_)) => block = None,
            (None, Some(indent)) => {
                let line = line.get(indent..).unwrap_or_default();
                if let Some(command) = line.strip_prefix("$ ") {
                    all.push(Shown { command: command.to_owned(), output: Vec::new() });
                    open = true;
                } else if let Some(last) = all.last_mut().filter(|_| open) {
                    last.output.push(line.to_owned());
                }
            }
            _ => {}
        }
    }
    all
}

/// Whether the lines that a page shows are those that were printed.
fn matches(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line.trim() == "…" => (0..=printed.len()).any(|skip| matches(rest, &printed[skip..])),
        Some((line, rest)) => match printed.split_first() {
            Some((first, after)) => timeless(line) == timeless(first) && matches(rest, after),
            None => false,
        },
    }
}

/// A line without its durations and rates: numbers before `s`, ` s` or `/s`.
fn timeless(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.trim_end();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len() - at);
        let (before, number, after) = (&rest[..at], &rest[at..at + length], &rest[at + length..]);
        let unit = ["/s", " s", "s"].into_iter().find(|unit| {
            let next = after.strip_prefix(unit).map(|next| next.chars().next());
            next.is_some_and(|next| next.is_none_or(|c| !c.is_ascii_alphanumeric()))
        });
        text += before;
        text += if unit.is_some() { "#" } else { number };
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn commands_are_found_with_their_output_also_in_lists() {
        let page = "a\n\n```sh\ntribunal demo\n```\n\n1. b\n\n   ```text\n   $ tribunal run x\n   PASS\n     why\n   $ tribunal list\n   ```\n\n```text\nalone\n```\n";
        let found = commands(page);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Shown { command: "tribunal run x".into(), output: lines("PASS\n  why") });
        assert_eq!(found[1], Shown { command: "tribunal list".into(), output: Vec::new() });
    }

    #[test]
    fn durations_do_not_count_and_everything_else_does() {
        let shown = lines("PASS [0.14s | 32.1s simulated] x seed 0x0\n…\n3 runs in 0.22s: 3 held (17/s, 1.2 s)");
        let printed = lines("PASS [9.1s | 31.0s simulated] x seed 0x0\na\nb\n3 runs in 12s: 3 held (9/s, 12 s)");
        assert!(matches(&shown, &printed));
        assert!(matches(&shown, &[printed[0].clone(), printed[3].clone()]));
        assert!(!matches(
            &shown,
            &lines("PASS [9.1s | 31.0s simulated] x seed 0x1\n3 runs in 12s: 3 held (9/s, 12 s)")
        ));
        assert!(!matches(&shown, &printed[..3]));
        assert_eq!(timeless("5 sends, 3 seeds, 0x4s"), "5 sends, 3 seeds, 0x#s");
    }
}
