//! Delta debugging.

/// No parts smaller than this share of a list are taken away: where so little goes at a time, what is left stays long.
const MOST_PIECES: usize = 64;

/// A smaller list that still passes `test`, of which no single element (no 64th, if it is longer
/// than that) can be left out; or the smallest that was found
/// when `test` began to say no to everything. `test` has said yes to all of `items`.
///
/// # Errors
/// Those of `test`.
pub(super) fn ddmin<T: Clone, E>(items: Vec<T>, mut test: impl FnMut(&[T]) -> Result<bool, E>) -> Result<Vec<T>, E> {
    let mut best = items;
    if best.is_empty() || test(&[])? {
        return Ok(Vec::new());
    }
    let mut pieces = 2;
    while best.len() > 1 {
        let size = best.len().div_ceil(pieces);
        let mut taken = false;
        let mut from = 0;
        while from < best.len() {
            let until = (from + size).min(best.len());
            let rest: Vec<T> = best[..from].iter().chain(&best[until..]).cloned().collect();
            if !rest.is_empty() && test(&rest)? {
                best = rest;
                taken = true;
            } else {
                from = until;
            }
        }
        match () {
            () if (size == 1 || pieces >= MOST_PIECES) && !taken => break,
            () if taken => pieces = pieces.min(best.len()).max(2),
            () => pieces = (pieces * 2).min(best.len()).min(MOST_PIECES),
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn run(items: Vec<u32>, test: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        ddmin(items, |list| Ok::<_, Infallible>(test(list))).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_needed_stays_in_order_and_all_else_goes(len in 1u32..60, wanted in prop::collection::btree_set(0u32..60, 0..6)) {
            let wanted: Vec<u32> = wanted.into_iter().filter(|n| *n < len).collect();
            let left = run((0..len).collect(), |list| wanted.iter().all(|n| list.contains(n)));
            prop_assert_eq!(left, wanted);
        }

        #[test]
        fn no_element_of_the_result_can_be_left_out(len in 1u32..40, modulus in 2u32..7) {
            let test = |list: &[u32]| list.iter().sum::<u32>() >= len && list.iter().any(|n| n % modulus == 0);
            let all: Vec<u32> = (1..=len.max(modulus)).collect();
            prop_assume!(test(&all));
            let left = run(all, test);
            for out in 0..left.len() {
                let mut fewer = left.clone();
                fewer.remove(out);
                prop_assert!(!test(&fewer), "{left:?} without its {out}th");
            }
        }
    }
}
