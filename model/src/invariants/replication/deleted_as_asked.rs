//! DeleteRecords moves a leader's log start to the requested offset, never beyond the committed end. A log start does
//! not go back while its broker runs (KIP-107).
//!
//! Kafka writes log starts to disk about once a minute and at a controlled shutdown, so a crash may bring deleted
//! records back. Kafka promises no more than that, and no more is checked. Nothing is checked for a leader whose epoch
//! was ended by an unclean election.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

/// `node` has deleted the records below offset `before`, and its log now begins at `start`.
pub(in crate::invariants) fn check(
    truth: &Truth,
    p: usize,
    at: Time,
    node: NodeId,
    (before, start): (i64, i64),
) -> Verdict {
    let partition = &truth.partitions[p];
    let committed = partition.committed.end();
    let void =
        partition.awaits_unclean_leader || partition.leads(node).is_none_or(|epoch| epoch < partition.void_below);
    let wrong = match () {
        () if start != before => format!("begins its log at {start}, asked to delete what is before {before}"),
        () if start > committed && !void => format!("deletes what is before {start}, and {committed} is committed"),
        () => return Ok(()),
    };
    let detail = format!("{}: {} {wrong}", truth.called(p), truth.names.of_node(node));
    Err(Box::new(truth.violation(Property::DeletedAsAsked, p, at, node, detail)))
}

/// `node`'s log start moves to `start`; the records from there on stay.
pub(in crate::invariants) fn moves(truth: &Truth, p: usize, at: Time, node: NodeId, start: i64) -> Verdict {
    let before = truth.partitions[p].replica(node).map_or(0, |replica| replica.log.start());
    if start >= before {
        return Ok(());
    }
    let who = truth.names.of_node(node);
    let detail = format!("{}: the log start of {who} goes back from {before} to {start}", truth.called(p));
    Err(Box::new(truth.violation(Property::DeletedAsAsked, p, at, node, detail)))
}
