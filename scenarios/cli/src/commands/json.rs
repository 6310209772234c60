//! JSON Lines: one value a line, each with a `type`.

use std::io::Write;

use serde::Serialize;

use tribunal_world::run::{Reporter, RunOutcome, ScenarioOutcome, Summary};

/// Tells a machine. A line that cannot be written is lost: whoever reads has gone.
#[derive(Debug)]
pub struct JsonReporter<W> {
    out: W,
}

impl<W: Write> JsonReporter<W> {
    /// Tells it to `out`.
    pub fn new(out: W) -> JsonReporter<W> {
        JsonReporter { out }
    }

    fn line(&mut self, value: &impl Serialize) {
        let _ = writeln!(self.out, "{}", super::line(value));
    }
}

/// A record with its type.
#[derive(Serialize)]
pub(super) struct Tagged<T> {
    pub(super) r#type: &'static str,
    #[serde(flatten)]
    pub(super) value: T,
}

#[derive(Serialize)]
struct Started {
    r#type: &'static str,
    runs: u64,
}

#[derive(Serialize)]
pub(super) struct Failure {
    pub(super) r#type: &'static str,
    pub(super) message: String,
}

#[derive(Serialize)]
pub(super) struct Valid<'n> {
    pub(super) r#type: &'static str,
    pub(super) file: &'n str,
}

#[derive(Serialize)]
struct ScenarioRecord<'s> {
    r#type: &'static str,
    scenario: &'s str,
    path: &'s str,
    runs: u64,
    violated: u64,
    whole: bool,
    never_shown: Vec<&'static str>,
    hints: &'s [String],
    never_reached: Vec<&'static str>,
    expected: Vec<Shown>,
    simulated_s: f64,
    wall_s: f64,
    operations: u64,
    faults: u64,
    trace_hash: String,
}

#[derive(Serialize)]
struct Shown {
    property: &'static str,
    runs: u64,
}

#[derive(Serialize)]
struct SummaryRecord {
    r#type: &'static str,
    requested: u64,
    done: u64,
    held: u64,
    inconclusive: u64,
    violated: u64,
    not_reproduced: u64,
    not_deterministic: u64,
    wall_s: f64,
    exit: u8,
}

impl<W: Write> Reporter for JsonReporter<W> {
    fn started(&mut self, runs: u64) {
        self.line(&Started { r#type: "started", runs });
    }

    fn run(&mut self, run: &RunOutcome) {
        self.line(&Tagged { r#type: "run", value: run.record() });
    }

    fn scenario(&mut self, scenario: &ScenarioOutcome) {
        self.line(&ScenarioRecord {
            r#type: "scenario",
            scenario: &scenario.scenario,
            path: &scenario.path,
            runs: scenario.runs,
            violated: scenario.violated,
            whole: scenario.is_whole(),
            never_shown: scenario.never_shown.iter().map(|property| property.name()).collect(),
            hints: &scenario.hints,
            never_reached: scenario.never_reached.iter().map(|kind| kind.name()).collect(),
            expected: scenario
                .expected
                .iter()
                .map(|&(property, runs)| Shown { property: property.name(), runs })
                .collect(),
            simulated_s: scenario.simulated.as_secs_f64(),
            wall_s: scenario.wall.as_secs_f64(),
            operations: scenario.operations,
            faults: scenario.faults,
            trace_hash: format!("{:#018x}", scenario.trace_hash),
        });
    }

    fn finished(&mut self, summary: &Summary) {
        self.line(&SummaryRecord {
            r#type: "summary",
            requested: summary.requested,
            done: summary.done(),
            held: summary.held,
            inconclusive: summary.inconclusive,
            violated: summary.violated,
            not_reproduced: summary.not_reproduced,
            not_deterministic: summary.not_deterministic,
            wall_s: summary.wall.as_secs_f64(),
            exit: super::Exit::of(summary) as u8,
        });
    }
}

/// Prints a value as a line of its own.
pub(super) fn print(value: &impl Serialize) {
    super::print(&(super::line(value) + "\n"));
}
