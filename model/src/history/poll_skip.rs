//! poll-skip, int-poll-skip: a consumer leaves out a record known to exist.
//!
//! Between two consecutively polled records of a partition lies an offset at which a client is known to have written or
//! polled a record. The property is `int-poll-skip` if one poll returned both records. A gap without a known record is
//! no skip.

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
