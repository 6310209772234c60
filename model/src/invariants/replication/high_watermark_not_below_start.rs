//! A replica's high watermark is never below its log start offset.
//!
//! Asked when the replica appends: between throwing its log away and knowing its new high watermark is one step.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId) -> Verdict {
    let Some(replica) = truth.partitions[p].replica(node) else { return Ok(()) };
    let (value, start) = (replica.high_watermark, replica.log.start());
    // Below 0 it is not known.
    if value < 0 || value >= start || replica.settling {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("{}: {who} has high watermark {value} below its log start {start}", truth.called(p));
    Err(Box::new(truth.violation(Property::HighWatermarkNotBelowStart, p, at, node, detail)))
}
