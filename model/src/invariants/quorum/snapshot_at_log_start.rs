//! A snapshot of committed records ends at the start of every metadata log.
//!
//! Without it there would be a gap, or a state that nobody committed. A node may report the log start before the
//! snapshot, but must report both before anything else about the quorum. One case is exempt: after a power loss a log
//! may end before the snapshot on the node's disk. The node is about to replace such a log with the snapshot.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::{QUORUM, Snapshot};
use crate::{Property, Truth, Violation};

/// `node`'s metadata log now begins at `start`.
pub(in crate::invariants) fn begins(truth: &mut Truth, node: NodeId, start: i64) {
    let member = truth.quorum.member(node);
    let covered = start == 0 || member.snapshots.iter().any(|snapshot| snapshot.end == start);
    member.owes_snapshot = (!covered).then_some(start);
}

/// `node` has a snapshot.
pub(in crate::invariants) fn check(truth: &mut Truth, at: Time, node: NodeId, snapshot: Snapshot) -> Verdict {
    let member = truth.quorum.member(node);
    member.snapshots.push(snapshot);
    if member.owes_snapshot == Some(snapshot.end) {
        member.owes_snapshot = None;
    }
    let committed = truth.partitions[QUORUM].committed.end();
    if snapshot.end <= committed {
        return Ok(());
    }
    let (who, end) = (truth.names.of_node(node), snapshot.end);
    let detail = format!("{who} has a metadata snapshot up to offset {end}, and only {committed} is committed");
    Err(Box::new(truth.violation(Property::QuorumSnapshotAtLogStart, QUORUM, at, node, detail)))
}

/// `node` reports something else about the quorum: a snapshot that it still owes is now missing.
pub(in crate::invariants) fn due(truth: &Truth, at: Time, node: NodeId) -> Verdict {
    match truth.quorum.get(node).and_then(|member| member.owes_snapshot) {
        None => Ok(()),
        Some(_) if is_to_be_replaced(truth, node) => Ok(()),
        Some(start) => Err(Box::new(missing(truth, at, node, start))),
    }
}

/// The snapshots that running nodes still owe at the end. A stopped node may have stopped before it could report.
pub(in crate::invariants) fn owed(truth: &Truth, at: Time) -> Vec<Violation> {
    let runs = |node: NodeId| truth.node(node).is_none_or(|node| !node.down);
    let owed = truth.quorum.members().filter_map(|(node, member)| member.owes_snapshot.map(|start| (node, start)));
    let owed = owed.filter(|(node, _)| runs(*node) && !is_to_be_replaced(truth, *node));
    owed.map(|(node, start)| missing(truth, at, node, start)).collect()
}

/// Whether a power loss cut `node`'s log, so that a snapshot on its disk now ends beyond the log.
fn is_to_be_replaced(truth: &Truth, node: NodeId) -> bool {
    let Some(replica) = truth.partitions[QUORUM].replica(node) else { return false };
    let end = replica.log.end();
    let has_lost = replica.end_before_power_loss.is_some_and(|before| before > end);
    has_lost && truth.quorum.get(node).is_some_and(|member| member.snapshots.iter().any(|snapshot| snapshot.end > end))
}

fn missing(truth: &Truth, at: Time, node: NodeId, start: i64) -> Violation {
    let who = truth.names.of_node(node);
    let detail = format!("the metadata log of {who} begins at offset {start}, where no snapshot of it ends");
    truth.violation(Property::QuorumSnapshotAtLogStart, QUORUM, at, node, detail)
}
