//! The checker: how fast it is over the real machines, what a state costs, and which planted bugs it finds how soon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tribunal_checker::{CheckConfig, Found, Order, Search, Stopped, World, shipped};
use tribunal_common::Bug;

use super::{BenchError, Figure, Goal};

/// The configuration whose speed is measured.
const SPEED: &str = "replica";
/// Generated states of the search that memory is compared with.
const STATES: u64 = 3_000_000;
/// For how long a planted bug is looked for, in all configurations together.
const LOOKED_FOR: Duration = Duration::from_secs(90);

/// Measures speed and memory, then looks for every planted bug in every configuration that is not nightly.
pub(super) fn measure(rounds: usize, tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let configs = shipped().map_err(|wrong| BenchError::Failed(wrong.to_string()))?;
    let speed = configs.iter().find(|config| config.name == SPEED);
    let speed = speed.ok_or_else(|| BenchError::Failed(format!("no configuration {SPEED}")))?;
    // What healed clusters do from there is another measure.
    let mut speed = speed.clone();
    speed.liveness_every = 0;
    let name = format!("checker, {SPEED}, depth first");
    let (mut rates, mut reached) = (Vec::new(), Vec::new());
    for limit in std::iter::once(STATES).chain(std::iter::repeat_n(speed.limit, rounds)) {
        let found = search(speed.clone(), Order::Depth, limit, None)?;
        reached.extend(memory("VmHWM:").map(|peak| (found.unique as f64, peak * 1024.0)));
        rates.push(found.generated as f64 / found.took.as_secs_f64());
    }
    tell(&Figure::new(name.clone(), "generated states/s", rates, Some(Goal::AtLeast(300_000.0))));
    // From a part of the space to all of it: what is there before any state does not count.
    if let [(part, before), (all, after), ..] = reached[..] {
        let bytes = (after - before) / (all - part);
        tell(&Figure::new(name, "bytes/further distinct state, all tables", vec![bytes], Some(Goal::AtMost(32.0))));
    }
    for bug in Bug::ALL {
        zoo(*bug, &configs, tell)?;
    }
    Ok(())
}

/// The smallest configuration that finds a bug, if one does: states, and seconds of that search alone.
fn zoo(bug: Bug, configs: &[CheckConfig], tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let began = Instant::now();
    let mut daily: Vec<&CheckConfig> = configs.iter().filter(|config| !config.nightly).collect();
    daily.sort_by_key(|config| config.states);
    for config in daily {
        let Some(left) = LOOKED_FOR.checked_sub(began.elapsed()) else { break };
        let found = search_for(config.clone().with_bugs(&[bug]), left);
        if let Stopped::Violation { violation, path } = &found.stopped {
            let name = format!("{} in {}: {}, {} events", bug.id(), config.name, violation.property, path.len());
            tell(&Figure::new(name.clone(), "distinct states", vec![found.unique as f64], None));
            tell(&Figure::new(name, "s", vec![found.took.as_secs_f64()], None));
            return Ok(());
        }
    }
    let name = format!("{}: not found in {} s of all configurations", bug.id(), LOOKED_FOR.as_secs());
    tell(&Figure::new(name, "found", vec![0.0], None));
    Ok(())
}

fn search_for(config: CheckConfig, time: Duration) -> Found {
    let limit = config.limit;
    Arc::new(World::new(config)).search(Search { order: Order::Breadth, limit, time: Some(time) })
}

fn search(config: CheckConfig, order: Order, limit: u64, time: Option<Duration>) -> Result<Found, BenchError> {
    let found = Arc::new(World::new(config)).search(Search { order, limit, time });
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
