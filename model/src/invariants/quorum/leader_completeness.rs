//! A quorum leader's log holds everything committed in earlier epochs.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::{Holding, QUORUM};
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, at: Time, node: NodeId, epoch: i32) -> Verdict {
    let partition = &truth.partitions[QUORUM];
    let end = partition.committed.end_before(epoch);
    if partition.holding(node, end) == Holding::All {
        return Ok(());
    }
    let common = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
    let detail = format!(
        "{} leads the quorum in epoch {epoch} and lacks the committed metadata record at offset {common}",
        truth.names.of_node(node)
    );
    let mut violation = truth.violation(Property::QuorumLeaderCompleteness, QUORUM, at, node, detail);
    violation.cause = truth.cause_of_loss(QUORUM, common.min(end - 1), at, Some(node));
    Err(Box::new(violation))
}
