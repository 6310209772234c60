//! A record below an exposed high watermark, or acknowledged with acks=all, is never lost.
//!
//! It stays in the log of every leader. The promise breaks in three cases:
//!
//! 1. a leader truncates its log below an offset that was exposed;
//! 2. a producer with acks=all gets an acknowledgement for an offset that was never below a high watermark;
//! 3. a power loss takes a committed record from the last in-sync replica that had it.
//!
//! The scenario says whether a topic that never flushes must survive the third case.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::Holding;
use crate::{Property, Truth, Violation};

/// A producer with acks=all got an acknowledgement for `offset`.
pub(in crate::invariants) fn check_acknowledged(
    truth: &Truth,
    p: usize,
    at: Time,
    node: NodeId,
    offset: i64,
) -> Verdict {
    let partition = &truth.partitions[p];
    if offset < partition.committed.highest() || partition.removed {
        return Ok(());
    }
    let detail = format!(
        "{} offset {offset} was acknowledged to {} with acks=all, and the highest high watermark is {}",
        truth.called(p),
        truth.names.of_node(node),
        partition.committed.highest()
    );
    Err(Box::new(truth.violation(Property::NoCommittedRecordLost, p, at, node, detail)))
}

/// `node` has truncated its log below the committed end.
pub(in crate::invariants) fn check_cut(truth: &Truth, p: usize, at: Time, node: NodeId) -> Verdict {
    let partition = &truth.partitions[p];
    let Some(epoch) = partition.leads(node) else { return Ok(()) };
    let end = partition.committed.end_before(epoch.saturating_add(1));
    if epoch < partition.void_below || partition.holding(node, end) != Holding::Short {
        return Ok(());
    }
    let log_end = partition.log_end(node);
    let detail = format!(
        "{}: {} leads epoch {epoch} and cuts its log to {log_end}, and offsets up to {} are committed",
        truth.called(p),
        truth.names.of_node(node),
        end - 1
    );
    let mut violation = truth.violation(Property::NoCommittedRecordLost, p, at, node, detail);
    violation.cause = truth.cause_of_loss(p, log_end.min(end - 1), at, Some(node));
    Err(Box::new(violation))
}

/// Whether `node` held everything below `end` until it lost power, and no other replica in sync or eligible holds it.
pub(super) fn by_power_loss(truth: &Truth, p: usize, node: NodeId, end: i64) -> bool {
    let partition = &truth.partitions[p];
    let lost = |replica: &crate::truth::Replica| replica.end_before_power_loss.is_some_and(|before| before >= end);
    if !partition.replica(node).is_some_and(lost) {
        return false;
    }
    let others = partition.isr().iter().chain(partition.elr()).map(|id| NodeId(*id as u32)).filter(|id| *id != node);
    !others.into_iter().any(|other| {
        // A replica that also lost power does not count until it has opened its log again.
        let opened = partition.replica(other).is_some_and(|replica| !(replica.settling && lost(replica)));
        opened && partition.holding(other, end) == Holding::All
    })
}

#[cold]
pub(super) fn after_power_loss(truth: &Truth, p: usize, at: Time, node: NodeId, end: i64) -> Box<Violation> {
    let log_end = truth.partitions[p].log_end(node);
    let detail = format!(
        "{}: offsets {log_end} to {} were committed and are gone: {}, the last in sync, lost them with its power",
        truth.called(p),
        end - 1,
        truth.names.of_node(node)
    );
    let mut violation = truth.violation(Property::NoCommittedRecordLost, p, at, node, detail);
    violation.cause = truth.cause_of_loss(p, log_end.min(end - 1), at, Some(node));
    Box::new(violation)
}
