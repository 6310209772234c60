//! Attempts at few faults.

use super::ddmin::ddmin;
use super::seeds::with_seeds;
use super::{FEW_FAULTS, Search};
use tribunal_language::{Fault, Trigger};
use tribunal_world::run::RunError;

/// No more sets of faults of a size than this are tried.
const MOST_SUBSETS: usize = 60;

/// A few of the faults alone, or by delta debugging with several seeds for each attempt, while there are more than a
/// few.
pub(super) fn faults(search: &mut Search<'_>) -> Result<(), RunError> {
    let all = search.best.faults.clone();
    if all.len() <= FEW_FAULTS {
        return Ok(());
    }
    for kept in subsets(&all, FEW_FAULTS) {
        if with_seeds(search, |plan| plan.faults = kept.iter().map(|&place| all[place].clone()).collect())? {
            return Ok(());
        }
    }
    // With another seed they may have moved a little: what is tried next begins from there.
    let mut latest = all;
    ddmin((0..latest.len()).collect(), |places: &[usize]| {
        let kept: Vec<Fault> = places.iter().map(|&place| latest[place].clone()).collect();
        let taken = search.best.faults.len() > FEW_FAULTS && with_seeds(search, |plan| plan.faults = kept.clone())?;
        if taken {
            places.iter().zip(&search.best.faults).for_each(|(&place, fault)| latest[place] = fault.clone());
        }
        Ok(taken)
    })
    .map(drop)
}

/// Sets of at most `most` of the faults, by their places: the smallest first, and of one size those that happen last.
pub(super) fn subsets(faults: &[Fault], most: usize) -> Vec<Vec<usize>> {
    let mut latest: Vec<usize> = (0..faults.len()).collect();
    latest.sort_by_key(|&place| match faults[place].trigger {
        Trigger::At(at) => std::cmp::Reverse(Some(at + faults[place].after)),
        // They wait for something, and nobody knows how long.
        Trigger::When(_) => std::cmp::Reverse(None),
    });
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut last = vec![Vec::new()];
    for _ in 0..most {
        let longer = |set: &Vec<usize>| {
            let set = set.clone();
            (set.last().map_or(0, |last| last + 1)..faults.len()).map(move |next| [&set[..], &[next]].concat())
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().filter(|set| set.len() < faults.len()).take(MOST_SUBSETS).cloned());
    }
    for set in &mut all {
        set.iter_mut().for_each(|nth| *nth = latest[*nth]);
        set.sort_unstable();
    }
    all
}
