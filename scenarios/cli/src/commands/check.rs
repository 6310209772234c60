//! `tribunal check`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tribunal_checker::{CheckConfig, Found, Order, Search, Stopped, World, explore};
use tribunal_language::command::CommandLine;
use tribunal_reports::{ReportOptions, RunFolder, thousands, write_report};
use tribunal_world::Script;
use tribunal_world::{Followed, follow_into};

use super::args::{CheckArgs, CheckOrder, MessageFormat, OutputArgs, ReplayArgs};
use super::configurations::selected;
use super::{Exit, complain, json, print, say_error};

/// What a search came to, for a machine.
#[derive(Serialize)]
struct CheckRecord<'c> {
    r#type: &'static str,
    configuration: &'c str,
    result: &'static str,
    distinct_states: u64,
    generated_states: u64,
    depth: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_states: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_states: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    never: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

/// Checks the configurations asked for, one after the other: the worst of what they come to counts.
pub(super) fn check(args: &CheckArgs) -> Exit {
    let output = args.output;
    let configs = match selected(args) {
        Ok(configs) => configs,
        Err(wrong) => return complain(&wrong, output),
    };
    if let Some(address) = &args.explore {
        let [(config, _)] = &configs[..] else {
            say_error("--explore shows one configuration: name it", output);
            return Exit::Usage;
        };
        let world = Arc::new(World::new(config.clone()));
        // Explorer itself begins before the first state.
        print(&format!("{}: http://{address}/#/steps/0 (end with ctrl-c)\n", config.name));
        return match explore(world, address) {
            Ok(()) => Exit::AllHeld,
            Err(error) => {
                say_error(format!("{address}: {error}"), output);
                Exit::Failed
            }
        };
    }
    let mut worst = Exit::AllHeld;
    for (config, text) in &configs {
        let exit = one(config, text, args);
        worst = match (worst, exit) {
            (Exit::Violation, _) | (_, Exit::Violation) => Exit::Violation,
            (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
            (Exit::Inconclusive, _) | (_, Exit::Inconclusive) => Exit::Inconclusive,
            _ => exit,
        };
    }
    worst
}

fn one(config: &CheckConfig, text: &str, args: &CheckArgs) -> Exit {
    let human = args.output.message_format == MessageFormat::Human;
    let order = match args.order {
        Some(CheckOrder::Breadth) => Order::Breadth,
        Some(CheckOrder::Depth) => Order::Depth,
        // With a bug planted, a counterexample is what is wanted.
        None if !args.bugs.is_empty() => Order::Breadth,
        None => Order::Depth,
    };
    let limit = args.limit.unwrap_or(config.limit);
    let search = Search { order, limit, time: args.time.map(Duration::from_secs) };
    if human && std::io::stderr().is_terminal() {
        eprintln!("checking {}, {order} …", config.name);
    }
    let world = Arc::new(World::new(config.clone()));
    announce(&world, limit, human);
    let mut found = world.search(search);
    if order == Order::Depth && matches!(found.stopped, Stopped::Violation { .. }) {
        // One that people can read is short.
        let shorter = world.search(Search { order: Order::Breadth, ..search });
        if matches!(shorter.stopped, Stopped::Violation { .. }) {
            found = shorter;
        }
    }
    let plan = match &found.stopped {
        Stopped::Violation { path, violation } => {
            let script = Script::of(&world, text, path, violation);
            match write_plan(&script, &config.name, args.out.as_deref()) {
                Ok(path) => Some(path),
                Err(error) => {
                    say_error(error, args.output);
                    return Exit::Failed;
                }
            }
        }
        _ => None,
    };
    report(&world, &found, plan.as_deref(), args.output)
}

/// Says before a search that it cannot finish, if that is known or likely. No state is generated less than once.
fn announce(world: &World, limit: u64, human: bool) {
    if !human {
        return;
    }
    let config = &world.config;
    let (states, how) = match config.states.filter(|_| config.bugs.is_empty()) {
        Some(states) => (states, ""),
        None => match world.estimate() {
            Some(guess) => (guess.states as u64, "about, by a guess, "),
            None => return,
        },
    };
    if states > limit {
        print(&format!(
            "{}: cannot finish: it has {how}{} distinct states, and the limit is {} generated ones\n",
            config.name,
            thousands(states),
            thousands(limit)
        ));
    }
}

fn report(world: &World, found: &Found, plan: Option<&Path>, output: OutputArgs) -> Exit {
    let config = &world.config;
    let mut record = CheckRecord {
        r#type: "check",
        configuration: &config.name,
        result: "held",
        distinct_states: found.unique,
        generated_states: found.generated,
        depth: found.depth,
        seconds: found.took.as_secs_f64(),
        known_states: config.states,
        estimated_states: None,
        never: Vec::new(),
        property: None,
        detail: None,
        events: None,
        plan: plan.map(|path| path.display().to_string()),
    };
    let seconds = found.took.as_secs_f64();
    let covered = format!(
        "{} distinct states, {} generated, depth {}, {seconds:.1} s",
        thousands(found.unique),
        thousands(found.generated),
        found.depth
    );
    let name = &config.name;
    let (exit, text) = match &found.stopped {
        Stopped::Exhausted if !found.never.is_empty() => {
            record.result = "never";
            record.never.clone_from(&found.never);
            let never = found.never.join(", ");
            (Exit::Violation, format!("FAIL {name}: {covered}\n  never reached: {never}\n"))
        }
        Stopped::Exhausted => {
            let other = config.states.filter(|states| *states != found.unique && config.bugs.is_empty());
            let note = other.map_or_else(String::new, |states| {
                format!(
                    "\n  its file says {} states: the configuration or the machines have changed",
                    thousands(states)
                )
            });
            (Exit::AllHeld, format!("ok {name}: {covered}{note}\n"))
        }
        Stopped::Limit => {
            record.result = "limit";
            let guess = found.estimate.map_or((found.unique as f64, String::new()), |guess| {
                let share = format!(
                    "estimated: {:.2} % of what {} random walks met was covered",
                    100.0 * guess.covered,
                    thousands(guess.walks.into())
                );
                // What has been seen is there, whatever walks say.
                (guess.states.max(found.unique as f64), share)
            });
            let known = config.states.filter(|_| config.bugs.is_empty());
            let (states, how) = known.map_or(guess, |states| (states as f64, "known".to_owned()));
            record.estimated_states = Some(states as u64);
            let rate = found.unique as f64 / seconds.max(0.001);
            (
                Exit::Inconclusive,
                format!(
                    "LIMIT {name}: {covered}; all of them held\n  of about {} distinct states ({how}); all would take about {}\n",
                    thousands(states as u64),
                    duration(states / rate)
                ),
            )
        }
        Stopped::Violation { violation, path } => {
            record.result = "violated";
            (record.property, record.detail) = (Some(violation.property.name()), Some(violation.detail.clone()));
            record.events = Some(path.len());
            (Exit::Violation, counterexample(world, found, plan, &covered))
        }
    };
    match output.message_format {
        MessageFormat::Human => print(&text),
        MessageFormat::Json => json::print(&record),
    }
    exit
}

fn counterexample(world: &World, found: &Found, plan: Option<&Path>, covered: &str) -> String {
    let Stopped::Violation { violation, path } = &found.stopped else { return String::new() };
    let name = &world.config.name;
    let mut text = format!("FAIL {name}: {covered}\n  {}: {}\n", violation.property, violation.detail);
    for (index, action) in path.iter().enumerate() {
        text += &format!("  {:>3}  {action}\n", index + 1);
    }
    let last = path.iter().try_fold(world.init(), |state, action| world.after(&state, *action));
    if let Some(state) = last {
        text += &format!("{state:?}").lines().map(|line| format!("       {line}\n")).collect::<String>();
    }
    if let Some(plan) = plan {
        text += &format!("  replay: {}\n", CommandLine::new("replay").path(plan).finish());
    }
    text
}

/// Where counterexamples go unless it is said.
const OUT: &str = "target/tribunal/check";

fn write_plan(script: &Script, name: &str, out: Option<&Path>) -> Result<PathBuf, String> {
    let folder = out.unwrap_or(Path::new(OUT)).join(name);
    let path = folder.join("plan.toml");
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, script.to_toml()));
    written.map(|()| path.clone()).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a replay came to, for a machine.
#[derive(Serialize)]
struct ReplayRecord<'r> {
    r#type: &'static str,
    configuration: &'r str,
    result: &'static str,
    events: usize,
    detail: String,
}

/// Follows a counterexample in the kernel: exits with a violation if the same promise breaks there.
///
/// The run's folder is beside the plan, or where `--out` says.
pub(super) fn replay(script: &Script, args: &ReplayArgs) -> Exit {
    let output = args.how.output;
    let how = &args.how;
    let twice = how.check_determinism || how.check_refinement;
    if args.seed.is_some() || !how.bugs.is_empty() || twice || !args.drop_faults.is_empty() {
        say_error("the counterexample of a check is replayed as it is: only flags of the output go with it", output);
        return Exit::Usage;
    }
    let out = how.out.clone().unwrap_or_else(|| Path::new(OUT).join(&script.check).join("replay"));
    let path = if args.what.is_dir() { args.what.join("plan.toml") } else { args.what.clone() };
    let (followed, report) = match recorded(script, &out, &path, !how.no_report) {
        Ok(done) => done,
        Err(error) => {
            say_error(error, output);
            return Exit::BadFile;
        }
    };
    let (exit, result, detail) = match &followed {
        Followed::Broke { property, detail, .. } if *property == script.property => {
            (Exit::Violation, "violated", format!("{property}: {detail}"))
        }
        Followed::Broke { property, detail, .. } => {
            (Exit::NotReproduced, "another violation", format!("{property}: {detail}, where {} broke", script.property))
        }
        Followed::Held => (Exit::NotReproduced, "held", format!("{} holds in the kernel", script.property)),
        Followed::Lost { step, why } => (Exit::NotReproduced, "lost", format!("step {step} cannot be followed: {why}")),
    };
    let events = script.steps.len();
    match output.message_format {
        MessageFormat::Json => {
            json::print(&ReplayRecord { r#type: "replay", configuration: &script.check, result, events, detail });
        }
        MessageFormat::Human => {
            let head = if exit == Exit::Violation { "FAIL" } else { "NOT REPRODUCED" };
            let report = report.map_or_else(String::new, |report| format!("  report: {}\n", report.display()));
            print(&format!("{head} {}: {events} steps in the kernel\n  {detail}\n{report}", script.check));
        }
    }
    exit
}

/// Follows a script into a run's folder, and draws its report if that is wanted.
fn recorded(script: &Script, out: &Path, path: &Path, report: bool) -> Result<(Followed, Option<PathBuf>), String> {
    let folder = RunFolder::create(out).map_err(|error| error.to_string())?;
    let followed = follow_into(script, &folder, &path.display().to_string())?;
    let drawn = report.then(|| write_report(&folder, ReportOptions::default())).transpose();
    Ok((followed, drawn.map_err(|error| error.to_string())?))
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} minutes", seconds / 60.0),
        ..172_800.0 => format!("{:.0} hours", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}
