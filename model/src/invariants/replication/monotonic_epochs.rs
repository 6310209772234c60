//! Leader epoch and partition epoch of a partition never go back.
//!
//! In the committed metadata every change of a partition has a new partition epoch (KIP-497), and its leader epoch is
//! not older than before.

use tribunal_common::PartitionState;
use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(
    truth: &Truth,
    p: usize,
    at: Time,
    node: NodeId,
    before: Option<&PartitionState>,
    state: &PartitionState,
) -> Verdict {
    let Some(before) = before else { return Ok(()) };
    let called = truth.called(p);
    let detail = if state.leader_epoch < before.leader_epoch {
        format!("{called}: the leader epoch goes back from {} to {}", before.leader_epoch, state.leader_epoch)
    } else if state.partition_epoch <= before.partition_epoch {
        format!("{called}: a change has partition epoch {} after {}", state.partition_epoch, before.partition_epoch)
    } else {
        return Ok(());
    };
    Err(Box::new(truth.violation(Property::MonotonicEpochs, p, at, node, detail)))
}
