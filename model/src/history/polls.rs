//! The steps of each consumer through each partition: from one polled record to the next.
//!
//! A new assignment or a seek starts over: the consumer may then continue at any offset.

use std::collections::BTreeMap;

use tribunal_contract::{NodeId, Time};

use super::analysis::Analysis;
use super::{Op, OpKind, PartitionRef};
use crate::{Property, Violation};

/// Two consecutive records that a consumer polled from a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) consumer: NodeId,
    pub(super) partition: PartitionRef,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) at: Time,
    /// Whether one poll returned both records.
    pub(super) within_poll: bool,
    /// Number of offsets between the two that are known to hold a record; 0 if the step does not go forward.
    pub(super) skipped: usize,
}

impl Step {
    /// The violation of `property` by this step. `more` is appended to its sentence.
    pub(super) fn violation(&self, analysis: &Analysis, property: Property, more: &str) -> Violation {
        let detail = format!(
            "{}: {} polls offset {} and then {} at {} s{more}",
            analysis.called(self.partition),
            analysis.names.of_node(self.consumer),
            self.from,
            self.to,
            analysis.names.seconds(self.at)
        );
        Violation { node: Some(self.consumer), ..analysis.violation(property, self.partition, self.at, detail) }
    }
}

/// All steps that go back, repeat a record, or skip a known record.
pub(super) fn steps(analysis: &Analysis) -> Vec<Step> {
    let mut offsets: Vec<(PartitionRef, i64)> = analysis.known.iter().map(|(p, offset, _)| (*p, *offset)).collect();
    offsets.dedup();
    let rank = |partition, offset| offsets.partition_point(|known| *known < (partition, offset));
    let mut last: BTreeMap<(NodeId, PartitionRef), (i64, Time)> = BTreeMap::new();
    let mut steps = Vec::new();
    for Op { at, node, kind } in analysis.history.ops().iter().copied() {
        match kind {
            OpKind::Assigned { partition, .. } | OpKind::Reset { partition, .. } => {
                last.remove(&(node, partition));
            }
            OpKind::Polled { partition, offset: to, .. } => {
                let Some((from, before)) = last.insert((node, partition), (to, at)) else { continue };
                if to == from + 1 {
                    continue;
                }
                let skipped = if to > from { rank(partition, to) - rank(partition, from + 1) } else { 0 };
                if to <= from || skipped > 0 {
                    steps.push(Step { consumer: node, partition, from, to, at, within_poll: before == at, skipped });
                }
            }
            _ => {}
        }
    }
    steps
}
