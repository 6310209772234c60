//! `tribunal replay`.

use std::path::Path;

use tribunal_contract::Span;
use tribunal_reports::{ReportError, RunFolder};
use tribunal_sim::trace::{Trace, TraceEvent};
use tribunal_world::run::{How, RunError, RunOptions, RunRequest, World, run_caught};

use super::args::{DEFAULT_OUT, MessageFormat, ReplayArgs, Until};
use super::{Exit, all, check, complain, diff, print, say_error, select};

pub(super) fn replay(args: &ReplayArgs, world: Option<&dyn World>) -> Exit {
    let output = args.how.output;
    match select::script(&args.what) {
        Ok(Some(_)) if args.until.is_some() || !args.logs.is_empty() => {
            let why = "a counterexample of `check` is followed to its end: no --until, no --log";
            return complain(&select::Wrong::Usage(why.into()), output);
        }
        Ok(Some(script)) => return check::replay(&script, args),
        Ok(None) => {}
        Err(wrong) => return complain(&wrong, output),
    }
    let chosen = select::replay(&args.what, args.seed);
    let (request, bugs) = match chosen
        .and_then(|(request, bugs)| Ok((select::without(request, &args.drop_faults)?, bugs)))
        .and_then(|(request, bugs)| check_logs(args, request).map(|request| (request, bugs)))
    {
        Ok(chosen) => chosen,
        Err(wrong) => return complain(&wrong, output),
    };
    let plan = request.subject.plan();
    if plan.found.is_some()
        && plan.tribunal != env!("CARGO_PKG_VERSION")
        && output.message_format == MessageFormat::Human
    {
        let (theirs, ours) = (&plan.tribunal, env!("CARGO_PKG_VERSION"));
        eprintln!("note: found by tribunal {theirs}, and this is {ours}: traces of the two are not compared");
    }
    let options = args.options(bugs);
    match (world, args.until.is_some() || !args.logs.is_empty()) {
        (Some(world), true) => match in_part(args, request, options, world) {
            Ok(exit) => exit,
            Err(Unseen::Wrong(wrong)) => complain(&wrong, output),
            Err(Unseen::Failed(error)) => {
                say_error(error, output);
                Exit::Failed
            }
        },
        _ => all(&[request], &options, world, output),
    }
}

enum Unseen {
    Failed(RunError),
    Wrong(select::Wrong),
}

impl From<ReportError> for Unseen {
    fn from(error: ReportError) -> Unseen {
        Unseen::Failed(error.into())
    }
}

/// A log can only be that of a broker of the run.
fn check_logs(args: &ReplayArgs, request: RunRequest) -> Result<RunRequest, select::Wrong> {
    let brokers = request.subject.plan().cluster.brokers;
    match args.logs.iter().find(|id| !(1..=brokers).contains(id)) {
        Some(id) => Err(select::Wrong::Usage(format!("there is no broker {id}: the plan has 1 to {brokers}"))),
        None => Ok(request),
    }
}

/// Replays the beginning of a run, or prints what brokers did in it.
fn in_part(
    args: &ReplayArgs,
    mut request: RunRequest,
    mut options: RunOptions,
    world: &dyn World,
) -> Result<Exit, Unseen> {
    let path = Path::new(DEFAULT_OUT).join("replay").join("log");
    let folder = RunFolder::create(&path)?;
    let plan = request.subject.plan();
    let how = How { bugs: &options.bugs, folder: Some(&folder), ..How::default() };
    run_caught(world, &plan, &how)?;
    let trace = read(&path)?;
    let zero = folder.read_run()?.zero_ns;
    let until = match args.until {
        None => u64::MAX,
        Some(Until::After(span)) => {
            let end = trace.events.last().map_or(zero, |event| event.at.0);
            if zero.saturating_add(span.0) > end {
                let end = Span(end.saturating_sub(zero)).as_nanos() as f64 / 1e9;
                let why = format!("{span:?} is after the end: the run ends at {end:.3}s");
                return Err(Unseen::Wrong(select::Wrong::Usage(why)));
            }
            zero.saturating_add(span.0)
        }
        Some(Until::Event(number)) => {
            let event = trace.events.iter().find(|event| event.kind.is_event() && event.seq == number);
            let last = trace.events.iter().rev().find(|event| event.kind.is_event()).map_or(0, |event| event.seq);
            let none = || select::Wrong::Usage(format!("there is no event {number}: the last one is {last}"));
            event.ok_or_else(none).map_err(Unseen::Wrong)?.at.0
        }
    };
    for event in trace.events.iter().filter(|event| event.at.0 <= until && is_of(event, &args.logs)) {
        print(&format!("{}\n", diff::text(event, &trace)));
    }
    if args.until.is_some() {
        // Another trace than the whole run's: there is nothing to compare it with.
        request.recorded = None;
        options.until = Some(Span(until.saturating_sub(zero).max(1)));
    }
    Ok(all(&[request], &options, Some(world), args.how.output))
}

fn is_of(event: &TraceEvent, brokers: &[u32]) -> bool {
    event.kind.is_event() && brokers.contains(&event.node.0)
}

fn read(folder: &Path) -> Result<Trace, Unseen> {
    let path = folder.join("trace.bin");
    let corrupt = |why: String| Unseen::Failed(ReportError::Corrupt { path: path.clone(), why }.into());
    let bytes = std::fs::read(&path).map_err(|error| corrupt(error.to_string()))?;
    Trace::decode(&bytes).map_err(|error| corrupt(error.to_string()))
}
