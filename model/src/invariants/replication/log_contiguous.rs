//! Batches are appended at the log end, in epochs that never go back.
//!
//! A batch begins at or after the log end offset: compaction leaves gaps, nothing leaves an overlap. Its epoch is not
//! older than the epoch of the batch before it, unless that batch is below the log start and deleted. An empty log may
//! begin within its first batch. A leader starts with the log end that follows from its reported appends.

use tribunal_common::BatchMark;
use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, batch: &BatchMark) -> Verdict {
    let Some(log) = truth.partitions[p].replica(node).map(|replica| &replica.log) else { return Ok(()) };
    let Some(last) = log.last() else { return Ok(()) };
    let follows = batch.epoch >= last.mark.epoch || last.mark.last < log.start();
    if batch.base > last.mark.last && follows && batch.last >= batch.base {
        return Ok(());
    }
    let detail = format!(
        "{}: {} appends offsets {} to {} of epoch {} after offset {} of epoch {}",
        truth.called(p),
        truth.names.of_node(node),
        batch.base,
        batch.last,
        batch.epoch,
        last.mark.last,
        last.mark.epoch
    );
    Err(Box::new(truth.violation(Property::LogContiguous, p, at, node, detail)))
}

/// A leader starts and reports its log end offset.
pub(in crate::invariants) fn check_end(truth: &Truth, p: usize, at: Time, node: NodeId, end: i64) -> Verdict {
    let mirrored = truth.partitions[p].log_end(node);
    if mirrored == end {
        return Ok(());
    }
    let (called, who) = (truth.called(p), truth.names.of_node(node));
    let detail = format!("{called}: {who} starts to lead with log end {end}, and its appends add up to {mirrored}");
    Err(Box::new(truth.violation(Property::LogContiguous, p, at, node, detail)))
}
