//! lost-write: an acknowledged value below the highest one read is never polled.
//!
//! If anybody polled a later value of the partition, somebody must have polled this one. A record acknowledged with
//! acks=0 is not at a known offset and is not claimed. Records that retention deleted are not lost.

use super::analysis::{Analysis, Cases};
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for ack in &analysis.acks {
        let bound = analysis.bound(ack.partition);
        if ack.offset > bound || analysis.is_deleted(ack.partition, ack.offset) || analysis.is_read(ack) {
            continue;
        }
        cases.add(analysis, Property::LostWrite, ack.partition, || {
            let (called, at) = (analysis.called(ack.partition), analysis.names.seconds(ack.at));
            let (absent, cause) = analysis.loss(ack);
            let gone = absent.unwrap_or_else(|| format!("never polled though offset {bound} was"));
            let detail = format!("{called} offset {}, acknowledged at {at} s, {gone}", ack.offset);
            let mut violation = analysis.violation(Property::LostWrite, ack.partition, ack.at, detail);
            violation.cause = cause;
            violation
        });
    }
    cases.into(violations);
}
