//! Every in-sync replica holds everything below any presumed leader's high watermark.
//!
//! This is StrongIsr of the KIP-320 specification: for every replica that presumes to lead, stale or not, every member
//! of the ISR *that the controller has committed* holds the presumed leader's records below its high watermark. This
//! makes every clean election safe. It can break when a high watermark advances, when the ISR grows, when a member
//! truncates its log, and when a member returns from a power loss.
//!
//! A member is not checked while it is down, or restarted and not yet unfenced: until then the controller may still
//! remove it from the ISR. Leaders whose epoch was ended by an unclean election are not checked.

use tribunal_contract::{NodeId, Time};

use super::no_committed_record_lost;
use crate::invariants::Verdict;
use crate::truth::Holding;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check_all(truth: &Truth, p: usize, at: Time, end: i64) -> Verdict {
    let partition = &truth.partitions[p];
    let committed = partition.committed.below(end);
    for id in partition.isr() {
        let node = NodeId(*id as u32);
        if !partition.equals(node, end, committed) {
            check_one(truth, p, at, node, end)?;
        }
    }
    Ok(())
}

pub(in crate::invariants) fn check_one(truth: &Truth, p: usize, at: Time, node: NodeId, end: i64) -> Verdict {
    if !truth.partitions[p].isr().contains(&(node.0 as i32)) || !truth.answers(p, node) {
        return Ok(());
    }
    lacking(truth, p, at, node, end, Property::StrongIsr, "is in sync")
}

/// Checks that `node` holds everything committed below `end`. Otherwise the error is a violation of `property`, or, if
/// a power loss took the records, of [`Property::NoCommittedRecordLost`].
pub(super) fn lacking(
    truth: &Truth,
    p: usize,
    at: Time,
    node: NodeId,
    end: i64,
    property: Property,
    standing: &str,
) -> Verdict {
    let partition = &truth.partitions[p];
    let holding = partition.holding(node, end);
    if holding == Holding::All {
        return Ok(());
    }
    if no_committed_record_lost::by_power_loss(truth, p, node, end) {
        return Err(no_committed_record_lost::after_power_loss(truth, p, at, node, end));
    }
    let (called, who) = (truth.called(p), truth.names.of_node(node));
    let log_end = partition.log_end(node);
    let detail = match holding {
        Holding::Short => format!("{called}: {who} {standing} with log end {log_end}, below high watermark {end}"),
        _ => {
            let parted = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
            format!("{called}: {who} {standing} with other records from offset {parted}, below high watermark {end}")
        }
    };
    let missing = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
    let mut violation = truth.violation(property, p, at, node, detail);
    violation.cause = truth.cause_of_loss(p, missing.min(end - 1), at, Some(node));
    Err(Box::new(violation))
}
