//! A leader's high watermark never goes back within its epoch.
//!
//! A new leader does not know the high watermark of the previous leader and may start below it. A follower's high
//! watermark goes back when the follower truncates its log.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::Role;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, value: i64) -> Verdict {
    let Some(replica) = truth.partitions[p].replica(node) else { return Ok(()) };
    let Role::Leader { epoch } = replica.role else { return Ok(()) };
    if value >= replica.exposed {
        return Ok(());
    }
    let (called, who, before) = (truth.called(p), truth.names.of_node(node), replica.exposed);
    let detail =
        format!("{called}: {who} leads epoch {epoch} and its high watermark goes back from {before} to {value}");
    Err(Box::new(truth.violation(Property::MonotonicHighWatermark, p, at, node, detail)))
}
