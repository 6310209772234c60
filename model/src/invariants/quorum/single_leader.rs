//! All members that know a quorum leader of an epoch know the same one.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::QUORUM;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &mut Truth, at: Time, node: NodeId, epoch: i32, leader: i32) -> Verdict {
    let (known, by) = *truth.quorum.known.entry(epoch).or_insert((leader, node));
    if known == leader {
        return Ok(());
    }
    let names = &truth.names;
    let detail = format!(
        "{} knows {} as quorum leader of epoch {epoch}, and {} knows {}",
        names.of_node(by),
        names.of_broker(known),
        names.of_node(node),
        names.of_broker(leader)
    );
    Err(Box::new(truth.violation(Property::QuorumSingleLeader, QUORUM, at, node, detail)))
}
