//! inconsistent-offsets: one offset of a partition holds two values.
//!
//! The evidence is the acknowledgements and polls of all clients together.

use tribunal_contract::Time;

use super::analysis::{Analysis, Cases};
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for pair in analysis.known.windows(2) {
        let ((partition, offset, first), (other, next, second)) = (pair[0], pair[1]);
        if (partition, offset) != (other, next) {
            continue;
        }
        cases.add(analysis, Property::InconsistentOffsets, partition, || {
            let (called, a, b) = (analysis.called(partition), analysis.shown(first), analysis.shown(second));
            let at = told_at(analysis, partition, offset);
            let detail = format!("{called} offset {offset} holds {a} and {b}");
            analysis.violation(Property::InconsistentOffsets, partition, at, detail)
        });
    }
    cases.into(violations);
}

/// Time of the last acknowledgement or first poll that told of this offset.
fn told_at(analysis: &Analysis, partition: super::PartitionRef, offset: i64) -> Time {
    let acks = analysis.acks.iter().filter(|ack| (ack.partition, ack.offset) == (partition, offset)).map(|ack| ack.at);
    let reads = analysis.reads.iter().filter(|r| (r.partition, r.offset) == (partition, offset)).map(|read| read.at);
    acks.chain(reads).max().unwrap_or_default()
}
