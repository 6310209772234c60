//! poll-skip, int-poll-skip: a consumer leaves out a record known to exist.
//!
//! From one polled record of a partition to the next lies an offset at which somebody was acknowledged or polled a
//! record. `int-` if both are of one poll. Gaps where nothing is known to be are no skips.

use super::analysis::{Analysis, Cases};
use super::polls::Step;
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, steps: &[Step], violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for step in steps.iter().filter(|step| step.skipped > 0) {
        let property = if step.within_poll { Property::IntPollSkip } else { Property::PollSkip };
        cases.add(analysis, property, step.partition, || {
            step.violation(analysis, property, &format!(", and skips {} known to be between", step.skipped))
        });
    }
    cases.into(violations);
}
