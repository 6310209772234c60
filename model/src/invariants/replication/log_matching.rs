//! Any two replicas hold the same records below both their high watermarks.
//!
//! What the first leader held that exposed an offset is the measure: when a replica's high watermark moves, its log
//! below must equal that, as far as it reaches. Above high watermarks replicas may part: that is what truncation is
//! for.

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
    // After an unclean election a follower may learn late that what it holds is no longer true, and after a crash what was
    // deleted.
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
