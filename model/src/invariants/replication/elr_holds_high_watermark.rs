//! Every eligible leader replica holds everything below the true high watermark (KIP-966).
//!
//! The true high watermark is the highest that any leader has exposed. A replica that leaves an ISR below
//! min.insync.replicas stays eligible to lead. That is safe only while the high watermark does not advance. ISR and ELR
//! both hold everything below it: [`super::strong_isr`] checks the ISR, this file checks the ELR.
//!
//! A replica is not checked while it is down, or restarted and not yet unfenced.

use tribunal_contract::{NodeId, Time};

use super::strong_isr::lacking;
use crate::invariants::Verdict;
use crate::{Property, Truth};

pub(in crate::invariants) fn check_all(truth: &Truth, p: usize, at: Time, end: i64) -> Verdict {
    truth.partitions[p].elr().iter().try_for_each(|id| check_one(truth, p, at, NodeId(*id as u32), end))
}

pub(in crate::invariants) fn check_one(truth: &Truth, p: usize, at: Time, node: NodeId, end: i64) -> Verdict {
    if !truth.partitions[p].elr().contains(&(node.0 as i32)) || !truth.answers(p, node) {
        return Ok(());
    }
    lacking(truth, p, at, node, end, Property::ElrHoldsHighWatermark, "is an eligible leader replica")
}
