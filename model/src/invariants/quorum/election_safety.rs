//! At most one node becomes quorum leader in an epoch.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::QUORUM;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &mut Truth, at: Time, node: NodeId, epoch: i32) -> Verdict {
    let first = *truth.quorum.elected.entry(epoch).or_insert(node);
    if first == node {
        return Ok(());
    }
    let (first, who) = (truth.names.of_node(first), truth.names.of_node(node));
    let detail = format!("{first} and {who} both lead the quorum in epoch {epoch}");
    Err(Box::new(truth.violation(Property::QuorumElectionSafety, QUORUM, at, node, detail)))
}
