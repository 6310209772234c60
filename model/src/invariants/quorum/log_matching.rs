//! Metadata logs that agree on epoch and offset of a batch agree on everything before it.
//!
//! This is Raft's log matching, checked for every batch as it is appended, committed or not. In addition, the records
//! of the first leader that exposed an offset are the reference: every other member holds the same records there once
//! its own high watermark has passed the offset.

use tribunal_common::BatchMark;
use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::{Holding, QUORUM};
use crate::{Property, Truth};

/// `node` has appended `batch`.
pub(in crate::invariants) fn check(truth: &Truth, at: Time, node: NodeId, batch: &BatchMark) -> Verdict {
    let partition = &truth.partitions[QUORUM];
    let Some(mine) = partition.replica(node).and_then(|replica| replica.log.last()) else { return Ok(()) };
    for (other, replica) in partition.replicas().filter(|(other, replica)| *other != node && !replica.settling) {
        let Some(theirs) = replica.log.batch_at(batch.last) else { continue };
        if theirs.mark.epoch == batch.epoch && theirs.digest != mine.digest {
            let detail = format!(
                "{} and {} have a metadata batch at offset {} in epoch {} and differ in it or before it",
                truth.names.of_node(other),
                truth.names.of_node(node),
                batch.base,
                batch.epoch
            );
            return Err(Box::new(truth.violation(Property::QuorumLogMatching, QUORUM, at, node, detail)));
        }
    }
    Ok(())
}

/// `node`'s high watermark has passed `value`, which was exposed before.
pub(in crate::invariants) fn check_committed(truth: &Truth, at: Time, node: NodeId, value: i64) -> Verdict {
    let partition = &truth.partitions[QUORUM];
    if partition.holding(node, value) != Holding::Other {
        return Ok(());
    }
    let parted = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
    let who = truth.names.of_node(node);
    let detail = format!("{who} holds another metadata record at offset {parted} than was committed there");
    let mut violation = truth.violation(Property::QuorumLogMatching, QUORUM, at, node, detail);
    violation.cause = truth.cause_of_loss(QUORUM, parted, at, Some(node));
    Err(Box::new(violation))
}
