//! `tribunal bench`.

use std::io::IsTerminal;

use serde::Serialize;

use super::args::{BenchArgs, Benched, MessageFormat};
use super::{Exit, json, print, say_error};
use crate::bench::{Bench, BenchError, BenchOptions, Figure, Goal, measure};
use crate::run::World;

/// A figure, for a machine.
#[derive(Serialize)]
struct FigureRecord<'f> {
    r#type: &'static str,
    name: &'f str,
    unit: &'static str,
    median: f64,
    rounds: &'f [f64],
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
}

/// Measures and prints. A goal that is missed is printed as missed and is no failure: goals are for the machine they were
/// set on.
pub(super) fn bench(args: &BenchArgs, world: Option<&dyn World>) -> Exit {
    let Some(world) = world else {
        say_error("this build has no world to run plans in", args.output);
        return Exit::Failed;
    };
    if cfg!(debug_assertions) {
        eprintln!("warning: this is a debug build; for figures: cargo run --release -- bench");
    }
    // The standard scenario is first, while the process's peak memory is its own.
    let benches: &[Bench] = match args.what {
        Benched::Check => &[Bench::Check],
        Benched::Kernel => &[Bench::Kernel],
        Benched::Scenario => &[Bench::Scenario],
        Benched::Idle => &[Bench::Idle],
        Benched::All => &[Bench::Scenario, Bench::Idle, Bench::Kernel, Bench::Check],
    };
    let options = BenchOptions { rounds: args.rounds, references: !args.no_references };
    for &bench in benches {
        if std::io::stderr().is_terminal() {
            eprintln!("measuring: {bench:?}, {} rounds …", args.rounds);
        }
        let tell: &mut dyn FnMut(&Figure) = match args.output.message_format {
            MessageFormat::Human => &mut |figure| print(&format!("{figure}\n")),
            MessageFormat::Json => &mut |figure| json::print(&record(figure)),
        };
        if let Err(error) = measure(bench, options, world, tell) {
            say_error(&error, args.output);
            return match error {
                BenchError::Failed(_) => Exit::Failed,
                BenchError::Violated(_) => Exit::Violation,
            };
        }
    }
    Exit::AllHeld
}

fn record(figure: &Figure) -> FigureRecord<'_> {
    let (at_least, at_most) = match figure.goal {
        Some(Goal::AtLeast(bound)) => (Some(bound), None),
        Some(Goal::AtMost(bound)) => (None, Some(bound)),
        None => (None, None),
    };
    FigureRecord {
        r#type: "figure",
        name: &figure.name,
        unit: figure.unit,
        median: figure.median(),
        rounds: &figure.rounds,
        at_least,
        at_most,
        reached: figure.is_reached(),
    }
}
