//! At the end, all metadata logs are equal below their high watermarks.
//!
//! The log of a node that is down is compared as the node left it. After a power loss its contents are unknown, and it
//! is not compared.

use tribunal_contract::Time;

use crate::truth::{Holding, QUORUM};
use crate::{Property, Truth, Violation};

pub(in crate::invariants) fn check(truth: &Truth, at: Time) -> Vec<Violation> {
    let partition = &truth.partitions[QUORUM];
    let mut violations = Vec::new();
    for (node, replica) in partition.replicas().filter(|(_, replica)| !replica.settling) {
        let end = replica.high_watermark.min(partition.committed.end());
        if end > 0 && partition.committed.held_by(&replica.log, end) == Holding::Other {
            let parted = partition.committed.log.common_end(&replica.log);
            let who = truth.names.of_node(node);
            let detail = format!("{who} ends with another committed metadata record at offset {parted}");
            violations.push(truth.violation(Property::QuorumConsistentCommittedData, QUORUM, at, node, detail));
        }
    }
    violations
}
