//! Any two replicas hold the same records below both their high watermarks.
//!
//! The log of the first leader that exposed an offset is the reference. When a replica's high watermark moves, the
//! replica's log below it must equal the reference, as far as the log reaches. Above their high watermarks replicas may
//! diverge; truncation resolves that.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::Holding;
use crate::{Property, Truth, Violation};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, value: i64) -> Verdict {
    let partition = &truth.partitions[p];
    if partition.awaits_unclean_leader || partition.holding(node, value) != Holding::Other {
        return Ok(());
    }
    // A follower may learn late that an unclean election made its records invalid, or, after a crash, which records
    // were deleted.
    let late = partition.leads(node).is_none()
        && (partition.committed.is_void(value - 1) || partition.holds_from_former_start(node, value));
    if late { Ok(()) } else { Err(broken(truth, p, at, node, value)) }
}

#[cold]
fn broken(truth: &Truth, p: usize, at: Time, node: NodeId, value: i64) -> Box<Violation> {
    let partition = &truth.partitions[p];
    let parted = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
    let exposed = partition.committed.exposure_of(parted).map_or(node, |exposure| exposure.node);
    let detail = format!(
        "{}: {} and {} hold different records at offset {parted}, below high watermark {value}",
        truth.called(p),
        truth.names.of_node(exposed),
        truth.names.of_node(node)
    );
    let mut violation = truth.violation(Property::LogMatching, p, at, node, detail);
    violation.cause = truth.cause_of_loss(p, parted, at, Some(node));
    Box::new(violation)
}
