//! What a terminal shows.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tribunal_contract::Span;
use tribunal_reports::causal::chain_line;
use tribunal_reports::thousands;
use tribunal_world::run::{Reporter, RunOutcome, ScenarioOutcome, Summary, Verdict, Violation};

use super::print;

/// Tells people: a line for each run, or for each scenario if there are many runs; everything about what fails.
#[derive(Debug)]
pub struct TerminalReporter {
    colour: bool,
    bar: ProgressBar,
    /// Whether there are so many runs that those that hold are shown by scenario.
    many: bool,
}

/// More runs than this are shown by scenario.
const MANY: u64 = 200;

impl TerminalReporter {
    /// With colours, or without. Progress is shown if the error stream is a terminal.
    pub fn new(colour: bool) -> TerminalReporter {
        TerminalReporter { colour, bar: ProgressBar::hidden(), many: false }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| print(text));
    }

    fn paint(&self, word: &str) -> String {
        let code = match word {
            "PASS" => "32",
            "LIMIT" => "33",
            _ => "31",
        };
        if self.colour { format!("\x1b[1;{code}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

impl Reporter for TerminalReporter {
    fn started(&mut self, runs: u64) {
        self.many = runs > MANY;
        self.bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs  {elapsed} {msg}");
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    fn run(&mut self, run: &RunOutcome) {
        self.bar.inc(1);
        if self.many && run.verdict == Verdict::Held {
            self.bar.set_message(run.scenario.clone());
            return;
        }
        self.say(&run_text(run, &self.paint(word(run.verdict))));
    }

    fn scenario(&mut self, scenario: &ScenarioOutcome) {
        if self.many && scenario.violated == 0 && scenario.is_whole() {
            let head = head(&self.paint("PASS"), scenario.wall, scenario.simulated, &scenario.scenario);
            let what = counted(scenario.operations, scenario.faults, scenario.trace_hash);
            let expected = shown(scenario);
            self.say(&format!("{head} {} seeds   {what}{expected}\n", thousands(scenario.runs)));
        }
        if !scenario.is_whole() {
            self.say(&lacking(scenario, &self.paint("FAIL")));
        }
    }

    fn finished(&mut self, summary: &Summary) {
        self.bar.finish_and_clear();
        self.say(&summary_text(summary));
    }
}

impl Drop for TerminalReporter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "PASS",
        Verdict::Inconclusive => "LIMIT",
        Verdict::NotDeterministic | Verdict::NotReproduced | Verdict::Violated => "FAIL",
    }
}

fn head(word: &str, wall: Duration, simulated: Span, scenario: &str) -> String {
    format!("{word} [{:.2}s | {} simulated] {scenario}", wall.as_secs_f64(), seconds(simulated))
}

fn counted(operations: u64, faults: u64, trace_hash: u64) -> String {
    let faults = self::faults(faults);
    format!("{} operations · {faults} · trace {}", thousands(operations), short(trace_hash))
}

/// How many faults.
pub(super) fn faults(faults: u64) -> String {
    format!("{} {}", thousands(faults), if faults == 1 { "fault" } else { "faults" })
}

/// A run as people read it.
fn run_text(run: &RunOutcome, word: &str) -> String {
    let head = format!("{} seed {:#x}", head(word, run.wall, run.simulated, &run.scenario), run.seed);
    let counted = counted(run.operations, run.faults, run.trace_hash);
    let identical = if run.identical { " · identical" } else { "" };
    let notes: String = run.notes.iter().map(|note| format!("  note: {note}\n")).collect();
    let mut text = match run.verdict {
        Verdict::Held => {
            let mut names: Vec<&str> = run.expected.iter().map(|violation| violation.property.name()).collect();
            names.dedup();
            let expected = if names.is_empty() { String::new() } else { format!(" · expected {}", names.join(", ")) };
            return format!("{head}   {counted}{expected}{identical}\n{notes}");
        }
        Verdict::Inconclusive => {
            format!("{head}   {counted}{identical}\n  limit: {}\n", run.limit.as_deref().unwrap_or("unknown"))
        }
        Verdict::Violated if run.identical => format!("{head}   trace {}{identical}\n", short(run.trace_hash)),
        Verdict::Violated => format!("{head}\n"),
        Verdict::NotDeterministic => {
            let other = short(run.other_hash.unwrap_or_default());
            format!("{head}\n  not deterministic: trace {}, and then {other}\n", short(run.trace_hash))
        }
        Verdict::NotReproduced => {
            let other = short(run.other_hash.unwrap_or_default());
            format!("{head}\n  not reproduced: trace {}, recorded {other}\n", short(run.trace_hash))
        }
    };
    for violation in &run.violations {
        text += &violation_text(run, violation);
    }
    text += &notes;
    text += &format!("  replay: {}\n", run.replay_command());
    if let Some(report) = run.report.as_ref().or(run.folder.as_ref()) {
        text += &format!("  report: {}\n", report.display());
    }
    text
}

fn violation_text(run: &RunOutcome, violation: &Violation) -> String {
    let mut text = format!("  {}: {}\n", violation.property.name(), violation.detail);
    let led_to_it = if violation.chain.is_empty() { violation.cause.clone() } else { chain_line(&violation.chain) };
    if !led_to_it.is_empty() {
        text += &format!("  {led_to_it}\n");
    }
    match violation.line {
        Some(line) => text + &format!("  at {}:{line}\n", run.scenario_path),
        None => text,
    }
}

fn shown(scenario: &ScenarioOutcome) -> String {
    let shown =
        scenario.expected.iter().map(|(name, runs)| format!(" · expected {} ×{}", name.name(), thousands(*runs)));
    shown.collect()
}

/// What a scenario did not show over its seeds.
fn lacking(scenario: &ScenarioOutcome, word: &str) -> String {
    let head = head(word, scenario.wall, scenario.simulated, &scenario.scenario);
    let mut text = format!("{head} over {} seeds\n", thousands(scenario.runs));
    for name in &scenario.never_shown {
        text += &format!("  {}: this is expected here, and no run showed it\n", name.name());
    }
    for hint in &scenario.hints {
        text += &format!("  help: {hint}\n");
    }
    for kind in &scenario.never_reached {
        text += &format!("  never reached: {}\n", kind.name());
    }
    text + &format!("  at {}\n", scenario.path)
}

fn summary_text(summary: &Summary) -> String {
    let counts = [
        ("held", summary.held),
        ("violated", summary.violated),
        ("inconclusive", summary.inconclusive),
        ("not reproduced", summary.not_reproduced),
        ("not deterministic", summary.not_deterministic),
        ("not run", summary.requested - summary.done()),
    ];
    let counts =
        counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{} {what}", thousands(*count)));
    let lacking = summary.scenarios.iter().filter(|scenario| !scenario.is_whole()).count() as u64;
    let lacking = (lacking > 0).then(|| format!("{lacking} scenarios did not show what they must"));
    let counts: Vec<String> = counts.chain(lacking).collect();
    let runs = if summary.requested == 1 { "run" } else { "runs" };
    let wall = summary.wall.as_secs_f64();
    let text = format!("{} {runs} in {wall:.2}s: {}\n", thousands(summary.requested), counts.join(" · "));
    match &summary.report {
        Some(report) => text + &format!("report: {}\n", report.display()),
        None => text,
    }
}

/// The first digits of a trace hash.
fn short(hash: u64) -> String {
    format!("{:04x}…", hash >> 48)
}

/// Simulated time in seconds, to a tenth.
fn seconds(span: Span) -> String {
    let tenths = (span.as_millis() + 50) / 100;
    match tenths % 10 {
        0 => format!("{}s", tenths / 10),
        tenth => format!("{}.{tenth}s", tenths / 10),
    }
}

#[cfg(test)]
mod tests;
