//! `tribunal bench`.

use std::io::IsTerminal;

use serde::Serialize;
use tribunal_bench::{Bench, BenchError, BenchOptions, Figure, Find, Goal, Zoo, ZooFigure, measure, zoo};
use tribunal_common::Bug;
use tribunal_hunt::shrink::Size;
use tribunal_world::run::World;

use super::args::{BenchArgs, Benched, MessageFormat, distinct};
use super::{Exit, json, print, say_error};

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

/// Measures and prints. A goal that is missed is printed as missed and is no failure: goals are for the machine they
/// were set on.
pub(super) fn bench(args: &BenchArgs, world: Option<&dyn World>) -> Exit {
    let Some(world) = world else {
        say_error("this build has no world to run plans in", args.output);
        return Exit::Failed;
    };
    let bugs = distinct(&args.bugs);
    if !bugs.is_empty() && !matches!(args.what, Benched::Check | Benched::Zoo) {
        say_error("--bug goes with `bench check` and `bench zoo`: the others plant nothing", args.output);
        return Exit::Usage;
    }
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
        Benched::Zoo => return zoo_of(args, &bugs, world),
        Benched::All => &[Bench::Scenario, Bench::Idle, Bench::Kernel, Bench::Check],
    };
    let options = BenchOptions { rounds: args.rounds, references: !args.no_references, bugs: &bugs };
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
struct ZooRecord<'f> {
    r#type: &'static str,
    bug: &'static str,
    hunts: usize,
    finds: Vec<FindRecord<'f>>,
}

/// A hunt that found its bug, for a machine.
#[derive(Serialize)]
struct FindRecord<'f> {
    scenario: &'f str,
    signature: &'f str,
    seeds: u64,
    cpu_s: f64,
    /// Faults, operations and brokers before shrinking, and after.
    before: [u64; 3],
    after: [u64; 3],
    shrink_s: f64,
}

/// Hunts for planted bugs.
fn zoo_of(args: &BenchArgs, bugs: &[Bug], world: &dyn World) -> Exit {
    let bugs = if bugs.is_empty() { Bug::ALL } else { bugs };
    let human = args.output.message_format == MessageFormat::Human;
    if human {
        print(&format!(
            "{:<18} {:>6} {:>6} {:>7}  {:<7} {:<11} {:>8}  {}\n",
            "bug", "found", "seeds", "CPU s", "faults", "operations", "shrink s", "by"
        ));
    }
    let mut tell = |figure: &ZooFigure| match human {
        true => print(&zoo_line(figure)),
        false => json::print(&ZooRecord {
            r#type: "zoo",
            bug: figure.bug.id(),
            hunts: figure.hunts,
            finds: figure.finds.iter().map(find_record).collect(),
        }),
    };
    match zoo(bugs, args.rounds, world, &mut tell) {
        Ok(zoo) => {
            if human {
                print(&zoo_summary(&zoo));
            }
            Exit::AllHeld
        }
        Err(error) => {
            say_error(error, args.output);
            Exit::Failed
        }
    }
}

fn find_record(find: &Find) -> FindRecord<'_> {
    let size = |size: Size| [size.faults, size.operations, size.brokers];
    FindRecord {
        scenario: &find.scenario,
        signature: &find.signature,
        seeds: find.seeds,
        cpu_s: find.cpu_s,
        before: size(find.before),
        after: size(find.after),
        shrink_s: find.shrink_s,
    }
}

/// A line for a bug: medians of seeds and time, the sizes that each find shrank to, the longest time that took, and
/// what found it first.
fn zoo_line(figure: &ZooFigure) -> String {
    let found = format!("{}/{}", figure.finds.len(), figure.hunts);
    let (seeds, cpu) = match figure.medians() {
        Some((seeds, cpu)) => (seeds.to_string(), format!("{cpu:.1}")),
        None => ("-".to_owned(), "-".to_owned()),
    };
    let sizes = |of: fn(Size) -> u64| {
        let after = figure.finds.iter().map(|find| of(find.after).to_string());
        after.collect::<Vec<_>>().join(" ")
    };
    let longest = figure.finds.iter().map(|find| find.shrink_s).fold(0.0, f64::max);
    let by = figure.finds.first().map(|find| format!("{}, {}", find.signature, find.scenario)).unwrap_or_default();
    let (faults, operations) = (sizes(|size| size.faults), sizes(|size| size.operations));
    format!(
        "{:<18} {found:>6} {seeds:>6} {cpu:>7}  {faults:<9} {operations:<11} {longest:>6.1}  {by}\n",
        figure.bug.id()
    )
}

fn zoo_summary(zoo: &Zoo) -> String {
    let ((found, of), (small, finds)) = (zoo.found(), zoo.small());
    let cpu = zoo.cpu_s().map(|(median, worst)| format!("; CPU s: median {median:.1}, worst {worst:.1}"));
    format!(
        "{found} of {of} found{}; {small} of {finds} finds shrink to at most 3 faults and 10 operations in 60 s\n",
        cpu.unwrap_or_default()
    )
}
