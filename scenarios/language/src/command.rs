//! Command lines that are printed so that someone may type them again.

use std::borrow::Cow;
use std::path::Path;

use tribunal_common::Bug;

/// `tribunal` and a subcommand, to be continued.
pub struct CommandLine(String);

impl CommandLine {
    /// Begins with a subcommand.
    pub fn new(subcommand: &str) -> CommandLine {
        CommandLine(format!("tribunal {subcommand}"))
    }

    /// A word, in quotes where a shell would not take it for one.
    pub fn word(mut self, word: &str) -> CommandLine {
        // What no shell can be given (a NUL) is in no path either.
        let word = shlex::try_quote(word).unwrap_or(Cow::Borrowed(word));
        self.0.push(' ');
        self.0 += &word;
        self
    }

    /// A path.
    pub fn path(self, path: &Path) -> CommandLine {
        self.word(&path.display().to_string())
    }

    /// An option and its value.
    pub fn option(self, name: &str, value: &str) -> CommandLine {
        self.word(name).word(value)
    }

    /// An option, if it was given.
    pub fn flag(self, name: &str, given: bool) -> CommandLine {
        if given { self.word(name) } else { self }
    }

    /// `--bug`, for each.
    pub fn bugs(self, bugs: &[Bug]) -> CommandLine {
        bugs.iter().fold(self, |line, bug| line.option("--bug", bug.id()))
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let line = CommandLine::new("replay")
            .path(Path::new("my plans/it's.toml"))
            .option("--seed", "0x2a")
            .flag("--no-report", true)
            .flag("--no-shrink", false)
            .bugs(&[Bug::Kip101])
            .finish();
        assert_eq!(line, "tribunal replay \"my plans/it's.toml\" --seed 0x2a --no-report --bug KIP-101");
        let words = shlex::split(&line).expect("a shell can read it");
        assert_eq!(words[2], "my plans/it's.toml");
    }
}
