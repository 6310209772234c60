//! ISR and ELR are disjoint sets of assigned replicas, and the leader is in the ISR.

use tribunal_common::PartitionState;
use tribunal_contract::{NodeId, Time};

use crate::invariants::Verdict;
use crate::{Property, Truth};

pub(in crate::invariants) fn check(truth: &Truth, p: usize, at: Time, node: NodeId, state: &PartitionState) -> Verdict {
    let names = &truth.names;
    let foreign = |set: &[i32]| set.iter().copied().find(|id| !state.replicas.contains(id));
    let twice = |set: &[i32]| set.iter().enumerate().find(|(i, id)| set[..*i].contains(id)).map(|(_, id)| *id);
    let wrong = if let Some(id) = foreign(&state.isr).or_else(|| foreign(&state.elr)) {
        format!("{} is in sync or eligible and holds no replica", names.of_broker(id))
    } else if let Some(id) = state.elr.iter().find(|id| state.isr.contains(id)) {
        format!("{} is in the ISR and in the ELR", names.of_broker(*id))
    } else if let Some(id) = twice(&state.isr).or_else(|| twice(&state.elr)) {
        format!("{} is in the ISR or the ELR twice", names.of_broker(id))
    } else if state.leader >= 0 && !state.isr.contains(&state.leader) {
        format!("{} leads and is not in the ISR of {}", names.of_broker(state.leader), names.of_brokers(&state.isr))
    } else {
        return Ok(());
    };
    let detail = format!("{} in partition epoch {}: {wrong}", truth.called(p), state.partition_epoch);
    Err(Box::new(truth.violation(Property::IsrWithinReplicas, p, at, node, detail)))
}
