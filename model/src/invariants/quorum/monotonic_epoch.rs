//! A quorum member's epoch never goes back, not even over a restart: a member writes it to disk before it acts on it.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::QUORUM;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &mut Truth, at: Time, node: NodeId, epoch: i32) -> Verdict {
    let member = truth.quorum.member(node);
    let before = member.epoch;
    member.epoch = before.max(epoch);
    if epoch >= before {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("the quorum epoch of {who} goes back from {before} to {epoch}");
    Err(Box::new(truth.violation(Property::QuorumMonotonicEpoch, QUORUM, at, node, detail)))
}
