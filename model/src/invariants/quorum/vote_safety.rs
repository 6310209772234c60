//! A voter votes for at most one candidate in an epoch, not even over a restart.
//!
//! A candidate votes for itself. Pre-votes (KIP-996) are not binding and are not checked.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::QUORUM;
use crate::{CauseStep, Property, Truth};

pub(in crate::invariants) fn check(truth: &mut Truth, at: Time, node: NodeId, epoch: i32, candidate: i32) -> Verdict {
    let first = *truth.quorum.member(node).votes.entry(epoch).or_insert(candidate);
    if first == candidate {
        return Ok(());
    }
    let names = &truth.names;
    let (first, second) = (names.of_broker(first), names.of_broker(candidate));
    let detail = format!("{} votes for {first} and for {second} in epoch {epoch}", names.of_node(node));
    let mut violation = truth.violation(Property::QuorumVoteSafety, QUORUM, at, node, detail);
    if let Some(crash) = truth.node(node).and_then(|node| node.crashes.last()) {
        let text = if crash.power_lost { "loses power" } else { "crashes" };
        violation.cause.push(CauseStep { at: crash.at, node, text: text.to_owned() });
    }
    violation.cause.push(CauseStep { at, node, text: format!("votes for {second} in epoch {epoch}") });
    Err(Box::new(violation))
}
