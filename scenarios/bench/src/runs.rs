//! Runs of real brokers.

use std::path::Path;
use std::time::{Duration, Instant};

use tribunal_language::command::CommandLine;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_reports::RunFolder;
use tribunal_sim::trace::{Trace, TraceKind};
use tribunal_world::run::{How, Trial, World, judge};

use super::{BenchError, Figure, Goal};

const STANDARD: (&str, &str) = ("scenarios/bench/standard.toml", include_str!("../standard.toml"));
const IDLE: (&str, &str) = ("scenarios/bench/idle.toml", include_str!("../idle.toml"));

/// Where the recorded run goes.
const OUT: &str = "target/tribunal/bench";

fn parse((path, text): (&str, &str)) -> Scenario {
    Scenario::parse(Source::new(path, text)).unwrap_or_else(|wrong| panic!("a scenario of the bench:\n{wrong}"))
}

/// One run, which must hold.
fn run(world: &dyn World, plan: &Plan, folder: Option<&RunFolder>) -> Result<Trial, BenchError> {
    let mut trial = world.run(plan, &How { folder, ..How::default() })?;
    let [violations, ..] = judge(&plan.expect, std::mem::take(&mut trial.violations));
    match violations.first() {
        None => Ok(trial),
        Some(violation) => Err(BenchError::Violated(format!(
            "{} seed {:#x} does not hold, so its speed says nothing: {}: {}\nreplay: {}",
            plan.scenario,
            plan.seed,
            violation.property.name(),
            violation.detail,
            CommandLine::new("replay").word(&plan.path).option("--seed", &format!("{:#x}", plan.seed)).finish(),
        ))),
    }
}

/// Measures the standard scenario: its own seeds, one after the other.
pub(super) fn standard(rounds: usize, world: &dyn World, tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let scenario = parse(STANDARD);
    let (mut seeds, mut simulated, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let mut passed = 0.0;
        for (index, seed) in scenario.seeds.iter().enumerate() {
            passed += run(world, &Plan::generate(&scenario, seed), None)?.simulated.as_secs_f64();
            if index == 0 {
                first.push(start.elapsed());
            }
        }
        let wall = start.elapsed().as_secs_f64();
        seeds.push(scenario.seeds.count() as f64 / wall);
        simulated.push(passed / wall);
    }
    let peak = peak_mebibytes();
    tell(&Figure::new("standard scenario", "seeds/wall s", seeds, Some(Goal::AtLeast(40.0))));
    tell(&Figure::new("standard scenario", "simulated s/wall s", simulated, Some(Goal::AtLeast(1_200.0))));
    if let Some(peak) = peak {
        tell(&Figure::new("standard scenario, peak memory", "MiB", vec![peak], Some(Goal::AtMost(32.0))));
    }
    let events = steps(&scenario, world)? as f64;
    tell(&Figure::new("standard scenario, first seed", "events", vec![events], None));
    let each = first.iter().map(|wall: &Duration| wall.as_nanos() as f64 / events).collect();
    tell(&Figure::new("standard scenario, first seed", "ns/event", each, None));
    Ok(())
}

/// Steps of brokers and clients in the run of the first seed, from its recorded trace.
fn steps(scenario: &Scenario, world: &dyn World) -> Result<usize, BenchError> {
    let plan = Plan::generate(scenario, scenario.seeds.start);
    let folder = RunFolder::create(&RunFolder::path_of(Path::new(OUT), &plan.scenario, plan.seed))?;
    run(world, &plan, Some(&folder))?;
    let path = folder.path().join("trace.bin");
    let wrong = |why: String| BenchError::Failed(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
    let trace = Trace::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(trace.events.iter().filter(|event| is_step(event.kind)).count())
}

/// Whether a machine was handed something, rather than said something or had something done to it.
fn is_step(kind: TraceKind) -> bool {
    match kind {
        TraceKind::Crashed
        | TraceKind::Fault { .. }
        | TraceKind::Halted
        | TraceKind::Observed { .. }
        | TraceKind::PowerLost
        | TraceKind::Sent { .. }
        | TraceKind::SyncAsked { .. } => false,
        TraceKind::Delivered { .. }
        | TraceKind::Down { .. }
        | TraceKind::Input
        | TraceKind::Refused { .. }
        | TraceKind::Started { .. }
        | TraceKind::Synced { .. }
        | TraceKind::Timer { .. }
        | TraceKind::Up { .. } => true,
    }
}

/// Measures a hundred real brokers that have next to nothing to do.
pub(super) fn idle(rounds: usize, world: &dyn World, tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let scenario = parse(IDLE);
    let plan = Plan::generate(&scenario, scenario.seeds.start);
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let trial = run(world, &plan, None)?;
        rates.push(trial.simulated.as_secs_f64() / start.elapsed().as_secs_f64());
    }
    let name = format!("idle, {} brokers", plan.cluster.brokers);
    tell(&Figure::new(name, "simulated s/wall s", rates, Some(Goal::AtLeast(5_000.0))));
    Ok(())
}

/// The most memory this process has had, in MiB; `None` where the system does not say.
fn peak_mebibytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_language::Workload;

    #[test]
    fn the_standard_scenario_is_what_the_figures_say() {
        let scenario = parse(STANDARD);
        let topic = &scenario.topics[0];
        assert_eq!((scenario.cluster.brokers, scenario.topics.len(), scenario.faults.len()), (3, 1, 2));
        assert_eq!((topic.partitions, topic.replication, topic.min_insync), (3, 3, 2));
        let clients: Vec<u32> = scenario.workloads.iter().map(Workload::clients).collect();
        assert_eq!(clients, [1, 2]);
        assert_eq!(scenario.duration.as_secs_f64(), 30.0);
    }

    #[test]
    fn idle_brokers_are_sent_nothing() {
        let scenario = parse(IDLE);
        assert_eq!((scenario.cluster.brokers, scenario.topics.len(), scenario.faults.len()), (100, 1, 0));
        assert!(matches!(scenario.workloads[..], [Workload::Consumer(_)]));
    }
}
