//! `tribunal demo`: the whole story, without anything to set up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tribunal_common::Bug;
use tribunal_hunt::shrink;
use tribunal_hunt::{HuntOptions, HuntReporter, hunt};
use tribunal_language::Seeds;
use tribunal_language::command::CommandLine;
use tribunal_reports::hunt::{FailureRecord, HuntRecord};
use tribunal_world::run::{How, RunError, World, run_caught};

use super::args::{DEFAULT_OUT, DemoArgs};
use super::{Exit, hunt_text, print, say_error};

/// The bug of the demonstration: a follower truncates to its own high watermark, as Kafka's did until 0.11.
const BUG: Bug = Bug::Kip101;

/// Plants a bug, hunts it, shrinks what was found, replays it, and tells what happened.
pub(super) fn demo(args: &DemoArgs, world: Option<&dyn World>) -> Exit {
    let Some(world) = world else {
        say_error("this build has no world to run plans in", args.output());
        return Exit::Failed;
    };
    match story(args, world) {
        Ok(exit) => exit,
        Err(error) => {
            say_error(error, args.output());
            Exit::Failed
        }
    }
}

fn story(args: &DemoArgs, world: &dyn World) -> Result<Exit, RunError> {
    let started = Instant::now();
    let out = Path::new(DEFAULT_OUT).join("demo");
    print(&format!("1. Every broker gets a bug of Kafka's history, {}: {}\n", BUG.id(), BUG.about()));
    print("2. A hunt that is not told about it draws clusters, workloads and faults until a promise breaks\n");
    let options = HuntOptions {
        seeds: Seeds { start: args.seed, end: args.seed + 10_000 },
        part: (1, 1),
        budget: None,
        jobs: args.jobs.unwrap_or(std::num::NonZeroUsize::MIN),
        bugs: vec![BUG],
        out: out.clone(),
        fail_fast: true,
        check_determinism: false,
    };
    let hunted = hunt(&[], &options, world, &AtomicBool::new(false), &mut Tell)?;
    print(&indented(&hunt_text::summary(&hunted.record)));
    let Some(failure) = hunted.failures.first() else {
        say_error("the hunt found nothing in 10,000 seeds", args.output());
        return Ok(Exit::NotReproduced);
    };
    print("3. The plan is shrunk: everything that is not needed to fail in the same way is removed\n");
    let Some(shrunk) = shrink::shrink(&failure.plan, &options.bugs, shrink::MAX_RUNS, world)? else {
        say_error("the run does not fail again", args.output());
        return Ok(Exit::NotReproduced);
    };
    let path = shrunk.save(&out).map_err(|error| RunError::new(format!("{}: {error}", out.display())))?;
    print(&indented(&hunt_text::shrunk(&shrunk.record(&path))));
    print("4. The shrunk plan runs twice more, with the same trace each time\n");
    let mut hashes = Vec::new();
    for _ in 0..2 {
        hashes.push(run_caught(world, &shrunk.plan, &How { bugs: &options.bugs, ..How::default() })?.trace_hash);
    }
    let recorded = shrunk.plan.found.as_ref().map(|found| found.trace_hash);
    let identical = hashes.iter().all(|hash| Some(*hash) == recorded);
    let said = if identical { "identical" } else { "not reproduced" };
    print(&format!(
        "   {said}: {}\n",
        hashes.iter().map(|hash| format!("{hash:#018x}")).collect::<Vec<_>>().join(", ")
    ));
    print("5. The steps that led to the violation, from the trace's happens-before graph\n");
    for step in &shrunk.violation.chain {
        print(&format!("   {:>8.3} s  {:<10} {}\n", step.time_s, step.node, step.text));
    }
    let at = shrunk.violation.at as f64 / 1e9;
    print(&format!("   {at:>8.3} s  {}: {}\n", shrunk.violation.property.name(), shrunk.violation.detail));
    let folder = failure.folder.as_deref().unwrap_or(&out);
    print(&format!("\n{:.1} s. The run that the hunt found: {}\n", started.elapsed().as_secs_f64(), folder.display()));
    print(&format!("next: {}\n", CommandLine::new("replay").path(&path).finish()));
    let plan: Arc<_> = Arc::new(shrunk.plan);
    let without = run_caught(world, &plan, &How::default())?;
    let [violations, ..] = tribunal_world::run::judge(&plan.expect, without.violations);
    print(if violations.is_empty() { "Without the bug the same plan holds.\n" } else { "" });
    Ok(if identical && violations.is_empty() { Exit::AllHeld } else { Exit::NotReproduced })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}\n")).collect()
}

/// Says what is found.
struct Tell;

impl HuntReporter for Tell {
    fn round(&mut self, _: &HuntRecord, _: u64, _: Option<u64>) {}
    fn failure(&mut self, failure: &FailureRecord) {
        print(&indented(&hunt_text::failure(failure)));
    }
}
