//! Exponential backoff (KIP-580) as timer ranges.

use tribunal_contract::Span;

/// The range for the wait after the `failures`-th failure in a row: `base` doubled each time up to `max`, give or take
/// a fifth so that clients which failed together do not come back together.
pub(crate) fn range(base: Span, max: Span, failures: u8) -> (Span, Span) {
    let doublings = u32::from(failures.saturating_sub(1)).min(32);
    let middle = base.as_nanos().saturating_mul(1 << doublings).min(max.as_nanos());
    let spread = middle / 5;
    let upper = (middle + spread).min(max.as_nanos().max(middle));
    (Span::from_nanos(middle - spread), Span::from_nanos(upper))
}

/// One failure more, counted only as far as it makes the wait longer: a number that goes on growing would make states
/// differ that behave alike.
pub(crate) fn bump(failures: u8, base: Span, max: Span) -> u8 {
    let reached = failures >= 1 && range(base, max, failures) == range(base, max, failures.saturating_add(1));
    if reached { failures } else { failures.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_jitter_by_a_fifth() {
        let (base, max) = (Span::from_millis(100), Span::from_millis(1_000));
        let ms = |failures| {
            let (from, to) = range(base, max, failures);
            (from.as_millis(), to.as_millis())
        };
        assert_eq!(ms(1), (80, 120));
        assert_eq!(ms(2), (160, 240));
        assert_eq!(ms(4), (640, 960));
        assert_eq!(ms(5), (800, 1_000));
        assert_eq!(ms(200), (800, 1_000));
    }

    #[test]
    fn failures_are_counted_only_while_they_change_the_wait() {
        let (base, max) = (Span::from_millis(100), Span::from_millis(1_000));
        let mut failures = 0;
        for _ in 0..300 {
            failures = bump(failures, base, max);
        }
        assert_eq!(failures, 5);
        assert_eq!(range(base, max, 5), range(base, max, 6));
    }
}
