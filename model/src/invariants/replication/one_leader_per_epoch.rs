//! A partition has at most one leader in an epoch.
//!
//! Two brokers never start to lead the same epoch, and the committed metadata never names another leader without a new
//! epoch. One broker may start twice in an epoch.

use tribunal_common::PartitionState;
use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{CauseStep, Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, epoch: i32) -> Verdict {
    let Some(other) = truth.partitions[p].reigns.iter().rev().find(|reign| reign.epoch == epoch && reign.node != node)
    else {
        return Ok(());
    };
    let (called, who, first) = (truth.called(p), truth.names.of_node(node), truth.names.of_node(other.node));
    let detail = format!("{called}: {first} and {who} both lead epoch {epoch}");
    let mut violation = truth.violation(Property::OneLeaderPerEpoch, p, at, node, detail);
    let text = format!("leads epoch {epoch}");
    violation.cause.push(CauseStep { at: other.at, node: other.node, text: text.clone() });
    violation.cause.push(CauseStep { at, node, text });
    Err(Box::new(violation))
}

pub(in crate::invariants) fn check_committed(
    truth: &Truth,
    p: usize,
    at: Time,
    node: NodeId,
    before: Option<&PartitionState>,
    state: &PartitionState,
) -> Verdict {
    let Some(before) = before else { return Ok(()) };
    if before.leader_epoch != state.leader_epoch || before.leader == state.leader {
        return Ok(());
    }
    let detail = format!(
        "{}: the metadata names {} and then {} as leader of epoch {}",
        truth.called(p),
        truth.names.of_broker(before.leader),
        truth.names.of_broker(state.leader),
        state.leader_epoch
    );
    Err(Box::new(truth.violation(Property::OneLeaderPerEpoch, p, at, node, detail)))
}
