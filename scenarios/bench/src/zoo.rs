//! The zoo: how long hunts, which are not told what to look for, take to find each planted bug.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tribunal_common::Bug;
use tribunal_hunt::shrink::{self, Size};
use tribunal_hunt::{HuntOptions, HuntReporter, hunt};
use tribunal_language::Seeds;
use tribunal_reports::hunt::{FailureRecord, HuntRecord};
use tribunal_world::run::{RunError, World};

use super::BenchError;

/// What hunting for a bug came to.
#[derive(Clone, Debug)]
pub struct ZooFigure {
    /// Which bug.
    pub bug: Bug,
    /// How many hunts there were.
    pub hunts: usize,
    /// What those that found it came to.
    pub finds: Vec<Find>,
}

/// A hunt that found its bug.
#[derive(Clone, Debug)]
pub struct Find {
    /// The scenario that failed.
    pub scenario: String,
    /// What the failure is, whatever the numbers.
    pub signature: String,
    /// How many seeds it took.
    pub seeds: u64,
    /// How many seconds of a processor it took.
    pub cpu_s: f64,
    /// The plan that failed.
    pub before: Size,
    /// What shrinking left of it.
    pub after: Size,
    /// How many seconds shrinking took.
    pub shrink_s: f64,
}

/// Seeds that a hunt may take before it counts as one that has not found anything.
const MOST_SEEDS: u64 = 20_000;
/// And how long: on a machine that does nothing else a hunt of one job spends as much of a processor.
const MOST_TIME: Duration = Duration::from_secs(300);
/// From the first seed of one hunt to that of the next.
const APART: u64 = 1 << 32;

/// Hunts for each of the bugs, so many times with other seeds, and tells what came of each.
///
/// # Errors
/// If runs cannot be done or written.
pub fn zoo(
    bugs: &[Bug],
    hunts: NonZeroUsize,
    world: &dyn World,
    tell: &mut dyn FnMut(&ZooFigure),
) -> Result<Zoo, BenchError> {
    let mut zoo = Zoo::default();
    for &bug in bugs {
        let mut figure = ZooFigure { bug, hunts: hunts.get(), finds: Vec::new() };
        for nth in 0..hunts.get() as u64 {
            let find = one(bug, nth, world).map_err(|error| BenchError::Failed(error.to_string()))?;
            figure.finds.extend(find);
        }
        tell(&figure);
        zoo.0.push(figure);
    }
    Ok(zoo)
}

fn one(bug: Bug, nth: u64, world: &dyn World) -> Result<Option<Find>, RunError> {
    let start = nth * APART;
    let options = HuntOptions {
        seeds: Seeds { start, end: start + MOST_SEEDS },
        part: (1, 1),
        budget: Some(MOST_TIME),
        jobs: NonZeroUsize::MIN,
        bugs: vec![bug],
        out: Path::new("target/tribunal/zoo").join(bug.id()),
        fail_fast: true,
        check_determinism: false,
    };
    let hunted = hunt(&[], &options, world, &AtomicBool::new(false), &mut Quiet)?;
    let Some(first) = hunted.failures.first() else { return Ok(None) };
    let Some(shrunk) = shrink::shrink(&first.plan, &options.bugs, shrink::MAX_RUNS, world)? else {
        return Err(RunError::new(format!("{}: seed {:#x} does not fail again", bug.id(), first.plan.seed)));
    };
    Ok(Some(Find {
        scenario: first.plan.scenario.clone(),
        signature: first.signature().to_string(),
        seeds: first.plan.seed - start + 1,
        cpu_s: hunted.record.shards.values().map(|shard| shard.cpu_s).sum(),
        before: shrunk.before,
        after: shrunk.after,
        shrink_s: shrunk.wall.as_secs_f64(),
    }))
}

impl Find {
    /// Whether shrinking did what it is to do: at most 3 faults and 10 operations, in a minute.
    pub fn is_small(&self) -> bool {
        self.after.faults <= 3 && self.after.operations <= 10 && self.shrink_s <= 60.0
    }
}

impl ZooFigure {
    /// The median over all hunts, those that found nothing last: seeds, and seconds of a processor. None if half of
    /// them found nothing.
    pub fn medians(&self) -> Option<(u64, f64)> {
        let mut seeds: Vec<u64> = self.finds.iter().map(|find| find.seeds).collect();
        let mut cpu: Vec<f64> = self.finds.iter().map(|find| find.cpu_s).collect();
        seeds.sort_unstable();
        cpu.sort_by(f64::total_cmp);
        let middle = self.hunts.saturating_sub(1) / 2;
        Some((*seeds.get(middle)?, *cpu.get(middle)?))
    }
}

/// What hunting for many bugs came to.
#[derive(Clone, Debug, Default)]
pub struct Zoo(Vec<ZooFigure>);

impl Zoo {
    /// How many bugs at least half of the hunts found, of how many.
    pub fn found(&self) -> (usize, usize) {
        (self.0.iter().filter(|figure| figure.medians().is_some()).count(), self.0.len())
    }

    /// Seconds of a processor: the median of the bugs' medians, and the longest of them. None if there are none.
    pub fn cpu_s(&self) -> Option<(f64, f64)> {
        let mut all: Vec<f64> = self.0.iter().filter_map(|figure| Some(figure.medians()?.1)).collect();
        all.sort_by(f64::total_cmp);
        Some((*all.get(all.len().saturating_sub(1) / 2)?, *all.last()?))
    }

    /// How many finds were made small, of how many.
    pub fn small(&self) -> (usize, usize) {
        let finds = || self.0.iter().flat_map(|figure| &figure.finds);
        (finds().filter(|find| find.is_small()).count(), finds().count())
    }
}

/// Tells nobody.
struct Quiet;

impl HuntReporter for Quiet {
    fn round(&mut self, _: &HuntRecord, _: u64, _: Option<u64>) {}
    fn failure(&mut self, _: &FailureRecord) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(seeds: u64, faults: u64, operations: u64) -> Find {
        let size = Size { faults, operations, brokers: 3 };
        let (scenario, signature) = ("a".to_owned(), "lost-write".to_owned());
        Find { scenario, signature, seeds, cpu_s: seeds as f64, before: size, after: size, shrink_s: 1.0 }
    }

    #[test]
    fn a_hunt_that_finds_nothing_counts_as_slower_than_any_that_does() {
        let figure = |finds: Vec<Find>| ZooFigure { bug: Bug::Kip101, hunts: 3, finds };
        assert_eq!(figure(vec![find(9, 1, 1), find(2, 1, 1), find(4, 1, 1)]).medians(), Some((4, 4.0)));
        assert_eq!(figure(vec![find(9, 1, 1), find(2, 1, 1)]).medians(), Some((9, 9.0)));
        assert_eq!(figure(vec![find(2, 1, 1)]).medians(), None);
    }

    #[test]
    fn the_zoo_tells_what_was_found_how_fast_and_how_small() {
        let figure = |finds: Vec<Find>| ZooFigure { bug: Bug::Kip101, hunts: 1, finds };
        let zoo = Zoo(vec![figure(vec![find(1, 3, 10)]), figure(vec![find(5, 4, 10)]), figure(Vec::new())]);
        assert_eq!((zoo.found(), zoo.cpu_s(), zoo.small()), ((2, 3), Some((1.0, 5.0)), (1, 2)));
    }
}
