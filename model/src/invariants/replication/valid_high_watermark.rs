//! A leader's high watermark is at most the log end offset of every in-sync replica the controller knows.
//!
//! A weaker and simpler form of [`super::strong_isr`], checked first when a high watermark advances: it compares
//! lengths, not contents. A member is not checked while it is down, or restarted and not yet unfenced.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, leader: NodeId, value: i64) -> Verdict {
    let partition = &truth.partitions[p];
    for id in partition.isr() {
        let node = NodeId(*id as u32);
        if partition.log_end(node) < value && node != leader && truth.answers(p, node) {
            return Err(broken(truth, p, at, leader, node, value));
        }
    }
    Ok(())
}

#[cold]
fn broken(truth: &Truth, p: usize, at: Time, leader: NodeId, node: NodeId, value: i64) -> Box<crate::Violation> {
    let (who, member) = (truth.names.of_node(leader), truth.names.of_node(node));
    let detail = format!(
        "{}: {who} exposes high watermark {value}, and {member} is in sync with log end {}",
        truth.called(p),
        truth.partitions[p].log_end(node)
    );
    let mut violation = truth.violation(Property::ValidHighWatermark, p, at, leader, detail);
    violation.cause = truth.cause_of_loss(p, value - 1, at, Some(node));
    Box::new(violation)
}
