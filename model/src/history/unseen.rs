//! unseen: an acknowledged value is not polled by the end, after final polls.
//!
//! Every lost write is also unseen. A value that is unseen but not lost lies at the end of a partition, above
//! the highest value read. Judged only if consumers polled to the end. Records that retention deleted do not count.

use std::collections::BTreeMap;

use tribunal_common::TopicIdPartition;

use super::analysis::{Analysis, Cases};
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    for ack in &analysis.acks {
        if analysis.is_deleted(ack.partition, ack.offset) || analysis.is_read(ack) {
            continue;
        }
        cases.add(analysis, Property::Unseen, ack.partition, || {
            let (called, at) = (analysis.called(ack.partition), analysis.names.seconds(ack.at));
            let producer = analysis.names.of_node(ack.producer);
            let (absent, cause) = analysis.loss(ack);
            let gone = absent.as_deref().unwrap_or("never polled by the end");
            let detail = format!("{called} offset {}, acknowledged to {producer} at {at} s, {gone}", ack.offset);
            let mut violation = analysis.violation(Property::Unseen, ack.partition, ack.at, detail);
            violation.cause = cause;
            violation
        });
    }
    cases.into(violations);
}

/// The number of acknowledged records, by partition, that were deleted before any client read them.
pub(super) fn deleted_unread(analysis: &Analysis) -> BTreeMap<TopicIdPartition, u64> {
    let mut unread = BTreeMap::new();
    for ack in &analysis.acks {
        if analysis.is_deleted(ack.partition, ack.offset) && !analysis.is_read(ack) {
            *unread.entry(analysis.history.partition(ack.partition)).or_default() += 1;
        }
    }
    unread
}
