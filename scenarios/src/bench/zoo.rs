//! The zoo: how long hunts, which are not told what to look for, take to find each planted bug.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tribunal_common::Bug;
use tribunal_reports::hunt::{FailureRecord, HuntRecord};

use super::BenchError;
use crate::hunt::{HuntOptions, HuntReporter, hunt};
use crate::language::Seeds;
use crate::run::World;
use crate::shrink::{self, Size};

/// What hunting for a bug came to.
#[derive(Clone, Debug)]
pub struct ZooFigure {
    /// Which bug.
    pub bug: Bug,
    /// How many hunts there were.
    pub hunts: usize,
    /// Of the hunts that found it: how many seeds each took.
    pub seeds: Vec<u64>,
    /// And how many seconds of a processor.
    pub cpu_s: Vec<f64>,
    /// What the first find was, and its size before and after shrinking.
    pub first: Option<(String, Size, Size)>,
}

/// Seeds that a hunt may take before it counts as one that has not found anything.
const MOST_SEEDS: u64 = 4_096;
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
) -> Result<(), BenchError> {
    for &bug in bugs {
        let mut figure = ZooFigure { bug, hunts: hunts.get(), seeds: Vec::new(), cpu_s: Vec::new(), first: None };
        for nth in 0..hunts.get() as u64 {
            one(&mut figure, nth, world).map_err(|error| BenchError::Failed(error.to_string()))?;
        }
        tell(&figure);
    }
    Ok(())
}

fn one(figure: &mut ZooFigure, nth: u64, world: &dyn World) -> Result<(), crate::run::RunError> {
    let start = nth * APART;
    let options = HuntOptions {
        seeds: Seeds { start, end: start + MOST_SEEDS },
        part: (1, 1),
        budget: None,
        jobs: NonZeroUsize::MIN,
        bugs: vec![figure.bug],
        out: Path::new("target/tribunal/zoo").join(figure.bug.id()),
        fail_fast: true,
        check_determinism: false,
    };
    let hunted = hunt(&[], &options, world, &AtomicBool::new(false), &mut Quiet)?;
    let Some(first) = hunted.failures.first() else { return Ok(()) };
    figure.seeds.push(first.plan.seed - start + 1);
    figure.cpu_s.push(hunted.record.shards.values().map(|shard| shard.cpu_s).sum());
    if figure.first.is_none()
        && let Some(shrunk) = shrink::shrink(&first.plan, &options.bugs, shrink::MAX_RUNS, world)?
    {
        figure.first = Some((first.signature().to_string(), shrunk.before, shrunk.after));
    }
    Ok(())
}

impl ZooFigure {
    /// The median of the hunts that found it: seeds, and seconds of a processor.
    pub fn medians(&self) -> Option<(u64, f64)> {
        let (mut seeds, mut cpu) = (self.seeds.clone(), self.cpu_s.clone());
        seeds.sort_unstable();
        cpu.sort_by(f64::total_cmp);
        Some((*seeds.get(seeds.len() / 2)?, *cpu.get(cpu.len() / 2)?))
    }
}

/// Tells nobody.
struct Quiet;

impl HuntReporter for Quiet {
    fn round(&mut self, _: &HuntRecord, _: u64, _: Option<u64>) {}
    fn failure(&mut self, _: &FailureRecord) {}
}
