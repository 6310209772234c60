//! The checker: how fast it is over the real machines, what a state costs, and which planted bugs it finds how soon.

use std::sync::Arc;

use tribunal_checker::config::Machines;
use tribunal_checker::{CheckConfig, Found, Order, Search, Stopped, World, shipped};
use tribunal_common::Bug;

use super::{BenchError, Figure, Goal};

/// The configuration whose speed is measured.
const SPEED: &str = "replica";
/// Generated states after which a planted bug is not looked for any further in a configuration, daily or nightly.
const LOOKED_FOR: (u64, u64) = (1_000_000, 4_000_000);

/// Measures speed and memory, then looks for every planted bug in every configuration that has the machine it is in; or
/// only that, for the bugs that are given.
pub(super) fn measure(rounds: usize, bugs: &[Bug], tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let configs = shipped().map_err(|wrong| BenchError::Failed(wrong.to_string()))?;
    if !bugs.is_empty() {
        bugs.iter().for_each(|bug| zoo(*bug, &configs, tell));
        return Ok(());
    }
    let speed = configs.iter().find(|config| config.name == SPEED);
    let speed = speed.ok_or_else(|| BenchError::Failed(format!("no configuration {SPEED}")))?;
    // What healed clusters do from there is another measure.
    let mut speed = speed.clone();
    speed.liveness_every = 0;
    let name = format!("checker, {SPEED}, depth first");
    // First, as later rounds would find what the allocator kept of earlier ones.
    memory_of(&speed, &name, tell)?;
    let (mut wall, mut core) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = processor();
        let found = finished(&Arc::new(World::new(speed.clone())))?;
        let took = found.took.as_secs_f64();
        wall.push(found.generated as f64 / took);
        core.push(found.generated as f64 / before.zip(processor()).map_or(took, |(from, to)| to - from));
    }
    tell(&Figure::new(name.clone(), "generated states/s of one core", core, Some(Goal::AtLeast(300_000.0))));
    tell(&Figure::new(name, "generated states/wall s", wall, None));
    for bug in Bug::ALL {
        zoo(*bug, &configs, tell);
    }
    Ok(())
}

/// The smallest configuration that finds a bug, if one does: states, and seconds of that search alone.
fn zoo(bug: Bug, configs: &[CheckConfig], tell: &mut dyn FnMut(&Figure)) {
    let machines = match bug {
        Bug::Kip996 | Bug::VotePersistence => Machines::Quorum,
        _ => Machines::Replicas,
    };
    let mut able: Vec<&CheckConfig> = configs.iter().filter(|config| config.machines == machines).collect();
    able.sort_by_key(|config| config.states);
    let mut seconds = 0.0;
    for config in &able {
        let world = Arc::new(World::new((*config).clone().with_bugs(&[bug])));
        let limit = if config.nightly { LOOKED_FOR.1 } else { LOOKED_FOR.0 };
        let found = world.search(Search { order: Order::Breadth, limit, time: None });
        seconds += found.took.as_secs_f64();
        if let Stopped::Violation { violation, path } = &found.stopped {
            let name = format!("{} in {}: {}, {} events", bug.id(), config.name, violation.property, path.len());
            tell(&Figure::new(name.clone(), "distinct states", vec![found.unique as f64], None));
            tell(&Figure::new(name, "s", vec![found.took.as_secs_f64()], None));
            return;
        }
    }
    let name = format!("{}: not found in {} configurations", bug.id(), able.len());
    tell(&Figure::new(name, "s", vec![seconds], None));
}

/// Exhausts a configuration, and tells what a state of it costs: all that the search adds to the process at its peak,
/// with what does not grow with the states named apart.
fn memory_of(config: &CheckConfig, name: &str, tell: &mut dyn FnMut(&Figure)) -> Result<Found, BenchError> {
    let world = Arc::new(World::new(config.clone()));
    let before = memory("VmRSS:");
    let found = finished(&world)?;
    if let (Some(before), Some(peak)) = (before, memory("VmHWM:")) {
        let mut say = |unit, value, goal| tell(&Figure::new(name.to_owned(), unit, vec![value], goal));
        let bytes = (peak - before) * 1024.0 / found.unique as f64;
        say("bytes/distinct state: set, stack, remembered steps", bytes, Some(Goal::AtMost(32.0)));
        say("MiB of the process before the first state", before / 1024.0, None);
        say("remembered steps", found.steps as f64, None);
    }
    Ok(found)
}

/// What this process has used of processors so far, in seconds: the search has a thread of its own. `None` where the
/// system does not say.
fn processor() -> Option<f64> {
    /// `USER_HZ`, which Linux keeps at this on every architecture of today.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which comes before, may hold anything, but is in parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// Exhausts a world depth first.
fn finished(world: &Arc<World>) -> Result<Found, BenchError> {
    let found = world.search(Search { order: Order::Depth, limit: world.config.limit, time: None });
    match &found.stopped {
        Stopped::Violation { violation, .. } => Err(BenchError::Violated(violation.detail.clone())),
        Stopped::Exhausted | Stopped::Limit => Ok(found),
    }
}

/// A line of what the system says of this process, in KiB; `None` where it does not say.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}
