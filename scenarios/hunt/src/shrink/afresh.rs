//! From the beginning again: what was taken away first may have been what would have let more go.

use super::fewer::subsets;
use super::seeds::with_seed;
use super::{FEW_FAULTS, Search, passes};
use tribunal_language::plan::Plan;
use tribunal_world::run::RunError;

/// So many beginnings are followed to their end.
const BEGINNINGS: usize = 4;

/// From the whole plan with a few of its faults only, and other seeds, while the result is not small.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    let faults = search.whole.faults.clone();
    let mut begun = 0;
    for kept in subsets(&faults, FEW_FAULTS) {
        if search.is_small() || search.is_over() || begun == BEGINNINGS {
            return Ok(());
        }
        let (best, violation) = (search.best.clone(), search.violation.clone());
        search.best = Plan { found: None, ..search.whole.clone() };
        let some = |plan: &mut Plan| plan.faults = kept.iter().map(|&place| faults[place].clone()).collect();
        let mut taken = false;
        for seed in 0..search.seeds {
            taken = taken || with_seed(search, seed, some)?;
        }
        if taken {
            begun += 1;
            passes::less(search)?;
        }
        if !taken || search.rank() >= Search::rank_of(&best) {
            (search.best, search.violation) = (best, violation);
        }
    }
    Ok(())
}
