//! Other seeds. What happens at other times than before loses a failure that hangs by a race with most seeds; so an
//! attempt at much less has several.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Fault, Trigger};
use tribunal_sim::stable_hash;
use tribunal_world::run::RunError;

use super::Search;

/// Tries a change of the best plan with each of the seeds that an attempt has; says whether one was taken.
pub(super) fn with_seeds(search: &mut Search<'_>, change: impl Fn(&mut Plan)) -> Result<bool, RunError> {
    for seed in 0..search.seeds {
        if with_seed(search, seed, &change)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// By how many milliseconds at most faults are moved, seed by seed.
const SHIFTS: [u64; 4] = [0, 20, 0, 300];

/// Tries a change of the best plan with its `nth` seed, and every second time with faults at slightly other times.
pub(super) fn with_seed(search: &mut Search<'_>, nth: u64, change: impl FnOnce(&mut Plan)) -> Result<bool, RunError> {
    search.change(|plan| {
        change(plan);
        if nth > 0 {
            plan.seed = stable_hash(&(plan.seed, nth, "shrink"));
        }
        let most = SHIFTS[nth as usize % SHIFTS.len()];
        let seed = plan.seed;
        plan.faults.iter_mut().enumerate().for_each(|(place, fault)| shift(fault, most, stable_hash(&(seed, place))));
    })
}

/// Moves a fault that has a time by no more than `most` milliseconds.
fn shift(fault: &mut Fault, most: u64, drawn: u64) {
    if let Trigger::At(at) = &mut fault.trigger
        && most > 0
    {
        let moved = (at.as_millis() + drawn % (2 * most)).saturating_sub(most);
        *at = Span::from_millis(moved.max(1));
    }
}
