//! nonmonotonic-poll, int-nonmonotonic-poll: a consumer goes back, or polls a record again.
//!
//! The property is `int-nonmonotonic-poll` if one poll returned both records. A step after a new assignment or a seek
//! does not count.

use super::analysis::{Analysis, Cases};
use super::polls::Step;
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, steps: &[Step], violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for step in steps.iter().filter(|step| step.to <= step.from) {
        let property = if step.within_poll { Property::IntNonmonotonicPoll } else { Property::NonmonotonicPoll };
        cases.add(analysis, property, step.partition, || step.violation(analysis, property, ""));
    }
    cases.into(violations);
}
