//! Replicas are removed only if a remaining in-sync or eligible replica holds every committed record (KIP-455).
//!
//! Checked when the controller commits an assignment without some of a partition's replicas. The removed replicas
//! delete their logs, so records that only they held are lost without an election that another property could check. A
//! remaining replica that held everything until it lost power is enough: [`super::no_committed_record_lost`] reports
//! that loss.

use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::truth::Holding;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId) -> Verdict {
    let partition = &truth.partitions[p];
    let end = partition.committed.end();
    let stay: Vec<i32> = partition.isr().iter().chain(partition.elr()).copied().collect();
    let holds = |id: &i32| {
        let node = NodeId(*id as u32);
        let before_power_loss = partition.replica(node).and_then(|replica| replica.end_before_power_loss);
        partition.holding(node, end) == Holding::All || before_power_loss.is_some_and(|before| before >= end)
    };
    if end == 0 || partition.removed || stay.iter().any(holds) {
        return Ok(());
    }
    let detail = format!(
        "{}: of {}, whom a reassignment leaves in sync or eligible, none holds what is committed below {end}",
        truth.called(p),
        truth.names.of_brokers(&stay)
    );
    Err(Box::new(truth.violation(Property::ReplacedReplicasHeld, p, at, node, detail)))
}
