//! A majority of voters holds everything below the quorum leader's high watermark.
//!
//! Checked when the leader's high watermark advances, and when a voter truncates its log below it. A voter that is down
//! counts with the log it had: records that counted towards the high watermark were on its disk.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::{Holding, QUORUM};
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, at: Time, node: NodeId, value: i64) -> Verdict {
    let partition = &truth.partitions[QUORUM];
    let voters = &truth.quorum.voters;
    let holders = voters.iter().filter(|id| partition.holding(NodeId(**id as u32), value) == Holding::All).count();
    if holders >= truth.quorum.majority() || voters.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "metadata below high watermark {value} is held by {holders} of {} voters, and {} are a majority",
        voters.len(),
        truth.quorum.majority()
    );
    let mut violation = truth.violation(Property::QuorumMajorityReachedHighWatermark, QUORUM, at, node, detail);
    violation.cause = truth.cause_of_loss(QUORUM, value - 1, at, Some(node));
    Err(Box::new(violation))
}
