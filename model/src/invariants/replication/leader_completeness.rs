//! A leader's log holds everything that leaders of earlier epochs exposed below their high watermarks.
//!
//! Checked when the controller commits an election, and again when the leader starts its epoch. A leader that starts
//! late, in an epoch that is over, need not hold records that later epochs exposed. After an unclean election the new
//! leader's log is the reference, and earlier records are not required. A leader that held everything until it lost
//! power, while no other replica was in sync, breaks [`super::no_committed_record_lost`] instead: its election was
//! right.

use tribunal_common::PartitionState;
use tribunal_contract::{NodeId, Time};

use super::no_committed_record_lost;
use crate::invariants::Verdict;
use crate::truth::Holding;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, epoch: i32) -> Verdict {
    let partition = &truth.partitions[p];
    let end = partition.committed.end_before(epoch);
    let holding = partition.holding(node, end);
    if holding == Holding::All {
        return Ok(());
    }
    if no_committed_record_lost::by_power_loss(truth, p, node, end) {
        return Err(no_committed_record_lost::after_power_loss(truth, p, at, node, end));
    }
    let (called, who, log_end) = (truth.called(p), truth.names.of_node(node), partition.log_end(node));
    let common = partition.replica(node).map_or(0, |replica| partition.committed.log.common_end(&replica.log));
    let detail = match holding {
        Holding::Short => {
            format!(
                "{called}: {who} leads epoch {epoch} with log end {log_end}, and offsets up to {} are committed",
                end - 1
            )
        }
        _ => {
            format!("{called}: {who} leads epoch {epoch} with other records than those committed from offset {common}")
        }
    };
    let mut violation = truth.violation(Property::LeaderCompleteness, p, at, node, detail);
    violation.cause = truth.cause_of_loss(p, common.min(end - 1), at, Some(node));
    Err(Box::new(violation))
}

/// The controller has committed an election.
pub(in crate::invariants) fn check_elected(truth: &Truth, p: usize, at: Time, state: &PartitionState) -> Verdict {
    let node = NodeId(state.leader as u32);
    if truth.answers(p, node) { check(truth, p, at, node, state.leader_epoch) } else { Ok(()) }
}
