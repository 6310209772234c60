//! Every node applies the same metadata record at an offset, and snapshots of one end are equal.
//!
//! The state of a partition in one partition epoch is the same in every record and snapshot.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::{News, QUORUM, Snapshot};
use crate::{Property, Truth};

/// `node` has applied a record, which `news` compares to what others applied.
pub(in crate::invariants) fn check(truth: &Truth, at: Time, node: NodeId, offset: i64, news: News) -> Verdict {
    if news != News::Contradicts {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("{who} applies another metadata record at offset {offset} than was applied before");
    Err(Box::new(truth.violation(Property::QuorumStateMachineSafety, QUORUM, at, node, detail)))
}

/// `node` has a snapshot.
pub(in crate::invariants) fn check_snapshot(truth: &mut Truth, at: Time, node: NodeId, snapshot: Snapshot) -> Verdict {
    let key = (snapshot.end, snapshot.epoch);
    let (crc, first) = *truth.quorum.snapshots.entry(key).or_insert((snapshot.crc, node));
    if crc == snapshot.crc {
        return Ok(());
    }
    let (first, who) = (truth.names.of_node(first), truth.names.of_node(node));
    let detail = format!("{first} and {who} have different metadata snapshots up to offset {}", snapshot.end);
    Err(Box::new(truth.violation(Property::QuorumStateMachineSafety, QUORUM, at, node, detail)))
}
