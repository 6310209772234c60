//! `tribunal bench`.

use std::io::IsTerminal;

use serde::Serialize;
use tribunal_common::Bug;

use super::args::{BenchArgs, Benched, MessageFormat};
use super::{Exit, json, print, say_error};
use crate::bench::{Bench, BenchError, BenchOptions, Figure, Goal, ZooFigure, measure, zoo};
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
        Benched::Serve => &[Bench::Serve],
        Benched::Zoo => return zoo_of(args, world),
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

/// What hunting for a bug came to, for a machine.
#[derive(Serialize)]
struct ZooRecord {
    r#type: &'static str,
    bug: &'static str,
    hunts: usize,
    found: usize,
    seeds: Vec<u64>,
    cpu_s: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// Faults, operations and brokers after shrinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    shrunk: Option<[u64; 3]>,
}

/// Hunts for planted bugs.
fn zoo_of(args: &BenchArgs, world: &dyn World) -> Exit {
    let bugs = if args.bugs.is_empty() { Bug::ALL } else { &args.bugs };
    let human = args.output.message_format == MessageFormat::Human;
    if human {
        print(&format!("{:<22} {:>7} {:>8} {:>9}  {}\n", "bug", "found", "seeds", "CPU s", "first find, and its size"));
    }
    let mut tell = |figure: &ZooFigure| match human {
        true => print(&zoo_line(figure)),
        false => json::print(&ZooRecord {
            r#type: "zoo",
            bug: figure.bug.id(),
            hunts: figure.hunts,
            found: figure.seeds.len(),
            seeds: figure.seeds.clone(),
            cpu_s: figure.cpu_s.clone(),
            signature: figure.first.as_ref().map(|(signature, ..)| signature.clone()),
            shrunk: figure.first.as_ref().map(|(_, _, size)| [size.faults, size.operations, size.brokers]),
        }),
    };
    match zoo(bugs, args.rounds, world, &mut tell) {
        Ok(()) => Exit::AllHeld,
        Err(error) => {
            say_error(error, args.output);
            Exit::Failed
        }
    }
}

fn zoo_line(figure: &ZooFigure) -> String {
    let found = format!("{}/{}", figure.seeds.len(), figure.hunts);
    let (seeds, cpu) = match figure.medians() {
        Some((seeds, cpu)) => (seeds.to_string(), format!("{cpu:.1}")),
        None => ("-".to_owned(), "-".to_owned()),
    };
    let first = figure.first.as_ref().map(|(signature, before, after)| {
        format!(
            "{signature}: {} → {} faults, {} → {} operations, {} → {} brokers",
            before.faults, after.faults, before.operations, after.operations, before.brokers, after.brokers
        )
    });
    format!("{:<22} {found:>7} {seeds:>8} {cpu:>9}  {}\n", figure.bug.id(), first.unwrap_or_default())
}
