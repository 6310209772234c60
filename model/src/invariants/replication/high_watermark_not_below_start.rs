//! A replica's high watermark is never below its log start offset.
//!
//! Checked when the replica appends. Right after it has emptied its log, the replica does not know its new high
//! watermark yet.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId) -> Verdict {
    let Some(replica) = truth.partitions[p].replica(node) else { return Ok(()) };
    let (value, start) = (replica.high_watermark, replica.log.start());
    // A value below 0 means that it is not known.
    if value < 0 || value >= start || replica.settling {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("{}: {who} has high watermark {value} below its log start {start}", truth.called(p));
    Err(Box::new(truth.violation(Property::HighWatermarkNotBelowStart, p, at, node, detail)))
}
