//! aborted-read (G1a): a poll returns a value of a send that definitely failed.
//!
//! A failure that leaves open whether the record was written proves nothing.

use super::analysis::{Analysis, Cases};
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for read in &analysis.reads {
        let Some(failed) = analysis.sends(read.value).and_then(|sends| sends.failed) else { continue };
        if !analysis.identifies(read.value) {
            continue;
        }
        cases.add(analysis, Property::AbortedRead, read.partition, || {
            let (called, shown) = (analysis.called(read.partition), analysis.shown(read.value));
            let (consumer, at) = (analysis.names.of_node(read.consumer), analysis.names.seconds(read.at));
            let failed = analysis.names.seconds(failed);
            let detail = format!(
                "{called} offset {}: {consumer} polls {shown} at {at} s, whose send definitely failed at {failed} s",
                read.offset
            );
            analysis.violation(Property::AbortedRead, read.partition, read.at, detail)
        });
    }
    cases.into(violations);
}
