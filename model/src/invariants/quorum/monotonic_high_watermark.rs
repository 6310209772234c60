//! The metadata high watermark never goes back, neither on a running member nor from one leader to the next.
//!
//! A restarted member starts over. A new leader knows its high watermark only after it has committed a record of its
//! own epoch, so its first report is not below the report of any earlier leader. A leader whose epoch is over may still
//! report less.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::QUORUM;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, at: Time, node: NodeId, value: i64, leads: Option<i32>) -> Verdict {
    let partition = &truth.partitions[QUORUM];
    let own = partition.replica(node).map_or(-1, |replica| replica.high_watermark);
    let who = truth.names.of_node(node);
    let detail = if value < own {
        format!("the metadata high watermark of {who} goes back from {own} to {value}")
    } else if leads.is_some_and(|epoch| epoch >= partition.committed.epoch()) && value < partition.committed.end() {
        let end = partition.committed.end();
        format!("{who} leads the quorum with metadata high watermark {value}, after {end} was committed")
    } else {
        return Ok(());
    };
    Err(Box::new(truth.violation(Property::QuorumMonotonicHighWatermark, QUORUM, at, node, detail)))
}
