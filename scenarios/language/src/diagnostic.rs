//! What is wrong with a file, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::source::{Position, Source};

/// One mistake in a scenario, plan or record file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub source: Source,
    /// The bytes it is about.
    pub range: Range<usize>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All mistakes found in a file, in the order of their places. Never empty where it is an `Err`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// A diagnostic as `--message-format json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiagnosticRecord<'a> {
    /// The file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: &'a str,
    /// What stands beside the caret.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub label: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'a str>,
}

impl Diagnostic {
    /// Where it begins.
    pub fn position(&self) -> Position {
        self.source.position(self.range.start)
    }

    /// The machine-readable form.
    pub fn record(&self) -> DiagnosticRecord<'_> {
        let Position { line, column } = self.position();
        DiagnosticRecord {
            file: self.source.name(),
            line,
            column,
            message: &self.message,
            label: &self.label,
            help: self.help.as_deref(),
        }
    }

    /// The form that people read, as rustc draws it, with terminal colours if `colour`.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint { colour };
        let Position { line, column } = self.position();
        let text = self.source.line(line);
        let margin = " ".repeat(line.to_string().len());
        let bar = paint.frame("|");
        let mut out = format!(
            "{}{}\n{margin}{} {}:{line}:{column}\n{margin} {bar}\n{} {bar} {}\n{margin} {bar} {}\n",
            paint.error("error"),
            paint.strong(&format!(": {}", self.message)),
            paint.frame("-->"),
            self.source.name(),
            paint.frame(&line.to_string()),
            text.replace('\t', " "),
            format!("{}{}", " ".repeat(column - 1), paint.error(&self.caret(text, column))).trim_end(),
        );
        if let Some(help) = &self.help {
            out += &format!("{margin} {} help: {help}\n", paint.frame("="));
        }
        out
    }

    /// The carets under the part of the range that is on its first line, and the label.
    fn caret(&self, line: &str, column: usize) -> String {
        let covered = self.source.text().get(self.range.clone()).unwrap_or("");
        let covered = covered.lines().next().unwrap_or("").chars().count();
        let room = line.chars().count().saturating_sub(column - 1);
        let carets = "^".repeat(covered.min(room).max(1));
        if self.label.is_empty() { carets } else { format!("{carets} {}", self.label) }
    }
}

impl Diagnostics {
    /// All of them, as people read them, and how many there are.
    pub fn render(&self, colour: bool) -> String {
        let mut out: String = self.0.iter().map(|d| d.render(colour) + "\n").collect();
        let mut files: Vec<&str> = self.0.iter().map(|d| d.source.name()).collect();
        files.dedup();
        let errors = if self.0.len() == 1 { "1 error".to_owned() } else { format!("{} errors", self.0.len()) };
        out += &format!("{errors} in {}\n", files.join(", "));
        out
    }

    /// Puts them in the order of their places, each once.
    pub(crate) fn in_order(mut self) -> Diagnostics {
        self.0.sort_by_key(|d| (d.source.name().to_owned(), d.range.start));
        self.0.dedup();
        self
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Terminal colours, or none.
struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn error(&self, text: &str) -> String {
        self.with("1;31", text)
    }
    fn strong(&self, text: &str) -> String {
        self.with("1", text)
    }
    fn frame(&self, text: &str) -> String {
        self.with("1;34", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(range: Range<usize>, help: Option<&str>) -> Diagnostic {
        Diagnostic {
            source: Source::new("scenarios/a.toml", "name = \"a\"\n\n[cluster]\nbrokerz = 3\n"),
            range,
            message: "unknown key `brokerz`".into(),
            label: "did you mean `brokers`?".into(),
            help: help.map(str::to_owned),
        }
    }

    #[test]
    fn a_mistake_is_drawn_with_file_line_caret_and_help() {
        assert_eq!(
            diagnostic(22..29, Some("see `tribunal new`")).render(false),
            "error: unknown key `brokerz`\n \
             --> scenarios/a.toml:4:1\n  \
             |\n\
             4 | brokerz = 3\n  \
             | ^^^^^^^ did you mean `brokers`?\n  \
             = help: see `tribunal new`\n"
        );
    }

    #[test]
    fn a_range_over_several_lines_is_marked_on_its_first() {
        let drawn = diagnostic(12..33, None).render(false);
        assert!(drawn.contains("3 | [cluster]\n  | ^^^^^^^^^ did you mean"), "{drawn}");
    }

    #[test]
    fn a_place_past_the_end_still_has_a_caret() {
        let drawn = diagnostic(900..901, None).render(false);
        assert!(drawn.contains("scenarios/a.toml:5:1\n"), "{drawn}");
        assert!(drawn.contains("| ^ did you mean"), "{drawn}");
    }

    #[test]
    fn colours_are_only_there_when_asked_for() {
        assert!(!diagnostic(22..29, Some("h")).render(false).contains('\x1b'));
        assert!(diagnostic(22..29, Some("h")).render(true).contains("\x1b[1;31merror\x1b[0m"));
    }
}
