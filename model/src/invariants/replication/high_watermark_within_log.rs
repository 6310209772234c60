//! A replica's high watermark never exceeds its log end offset.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

#[inline]
pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, value: i64) -> Verdict {
    let end = truth.partitions[p].log_end(node);
    if value <= end {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("{}: {who} has high watermark {value} beyond its log end {end}", truth.called(p));
    Err(Box::new(truth.violation(Property::HighWatermarkWithinLog, p, at, node, detail)))
}
