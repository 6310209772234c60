//! Attempts at few faults.

use super::seeds::with_seeds;
use super::{FEW_FAULTS, Search};
use crate::run::RunError;

/// No more sets of faults than this are tried.
const MOST_SUBSETS: usize = 60;

/// A few of the faults alone, or one less, while there are more than a few.
pub(super) fn faults(search: &mut Search<'_>) -> Result<(), RunError> {
    let all = search.best.faults.clone();
    if all.len() <= FEW_FAULTS {
        return Ok(());
    }
    for kept in subsets(all.len(), FEW_FAULTS) {
        if with_seeds(search, |plan| plan.faults = kept.iter().map(|&place| all[place].clone()).collect())? {
            return Ok(());
        }
    }
    let mut place = 0;
    while search.best.faults.len() > FEW_FAULTS && place < search.best.faults.len() {
        let taken = with_seeds(search, |plan| drop(plan.faults.remove(place)))?;
        place += usize::from(!taken);
    }
    Ok(())
}

/// Sets of at most `most` of `count` things, the smallest first.
pub(super) fn subsets(count: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut last = vec![Vec::new()];
    for _ in 0..most {
        let longer = |set: &Vec<usize>| {
            let set = set.clone();
            (set.last().map_or(0, |last| last + 1)..count).map(move |next| [&set[..], &[next]].concat())
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().filter(|set| set.len() < count).take(MOST_SUBSETS).cloned());
    }
    all
}
