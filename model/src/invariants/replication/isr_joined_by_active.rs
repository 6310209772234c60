//! A broker joins an ISR only while it is unfenced and not shutting down (KIP-841). A fenced broker or one that shuts
//! down is about to be gone: it would hold up the high watermark, or end as the only in-sync replica.

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
    // The first ISR of a new partition is not checked.
    let Some(before) = before.filter(|_| truth.metadata.registers()) else { return Ok(()) };
    let inactive = |id: &&i32| truth.node(NodeId(**id as u32)).is_some_and(|broker| broker.inactive);
    let Some(id) = state.isr.iter().filter(|id| !before.isr.contains(id)).find(inactive) else { return Ok(()) };
    let who = truth.names.of_broker(*id);
    let epoch = state.partition_epoch;
    let detail =
        format!("{} in partition epoch {epoch}: {who} joins the ISR and is fenced or shutting down", truth.called(p));
    Err(Box::new(truth.violation(Property::IsrJoinedByActive, p, at, node, detail)))
}
