//! The checker: how fast it is over the real machines, what a state costs, and which planted bugs it finds how soon.

use std::sync::Arc;
use std::time::Duration;

use tribunal_checker::{CheckConfig, Found, Order, Search, Stopped, World, shipped};
use tribunal_common::Bug;

use super::{BenchError, Figure, Goal};

/// The configuration whose speed is measured.
const SPEED: &str = "replica";
/// Generated states of one measurement: some seconds.
const STATES: u64 = 3_000_000;
/// For how long a planted bug is looked for in one configuration.
const LOOKED_FOR: Duration = Duration::from_secs(30);

/// Measures speed and memory, then looks for every planted bug in every configuration that is not nightly.
pub(super) fn measure(rounds: usize, tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let configs = shipped().map_err(|wrong| BenchError::Failed(wrong.to_string()))?;
    let speed = configs.iter().find(|config| config.name == SPEED);
    let speed = speed.ok_or_else(|| BenchError::Failed(format!("no configuration {SPEED}")))?;
    let (mut rates, mut bytes) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let before = memory("VmRSS:");
        let found = search(speed.clone(), Order::Depth, STATES, None)?;
        rates.push(found.generated as f64 / found.took.as_secs_f64());
        // Later rounds use memory that is there already.
        if let (0, Some(before), Some(peak)) = (round, before, memory("VmHWM:")) {
            bytes.push((peak - before).max(0.0) * 1024.0 / found.unique as f64);
        }
    }
    let name = format!("checker, {SPEED}, depth first");
    tell(&Figure::new(name.clone(), "generated states/s", rates, Some(Goal::AtLeast(300_000.0))));
    if !bytes.is_empty() {
        tell(&Figure::new(name, "bytes/distinct state, all tables", bytes, Some(Goal::AtMost(32.0))));
    }
    for bug in Bug::ALL {
        zoo(*bug, &configs, tell)?;
    }
    Ok(())
}

/// Where a bug is found soonest, if it is.
fn zoo(bug: Bug, configs: &[CheckConfig], tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    for config in configs.iter().filter(|config| !config.nightly) {
        let found = search_for(config.clone().with_bugs(&[bug]));
        if let Stopped::Violation { violation, path } = &found.stopped {
            let name = format!("{} in {}: {}, {} events", bug.id(), config.name, violation.property, path.len());
            tell(&Figure::new(name.clone(), "distinct states", vec![found.unique as f64], None));
            tell(&Figure::new(name, "s", vec![found.took.as_secs_f64()], None));
            return Ok(());
        }
    }
    let name = format!("{}: not found in {} s in any configuration", bug.id(), LOOKED_FOR.as_secs());
    tell(&Figure::new(name, "found", vec![0.0], None));
    Ok(())
}

fn search_for(config: CheckConfig) -> Found {
    let limit = config.limit;
    Arc::new(World::new(config)).search(Search { order: Order::Breadth, limit, time: Some(LOOKED_FOR) })
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
