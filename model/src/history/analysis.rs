//! What validations share: which value was sent by whom, what is known to be at which offset, what was polled.

use std::collections::BTreeMap;

use tribunal_contract::{NodeId, Time};

use super::{History, Op, OpKind, PartitionRef, ValueRef};
use crate::{CauseStep, Names, Property, Truth, Violation};

/// An acknowledged send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ack {
    pub(super) partition: PartitionRef,
    pub(super) offset: i64,
    pub(super) value: ValueRef,
    pub(super) at: Time,
    pub(super) producer: NodeId,
}

/// The first poll of a value at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Read {
    pub(super) partition: PartitionRef,
    pub(super) offset: i64,
    pub(super) value: ValueRef,
    pub(super) at: Time,
    pub(super) consumer: NodeId,
}

/// All sends of one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sends {
    pub(super) count: u32,
    pub(super) producer: NodeId,
    /// When the first of them definitely failed. For a value sent once: it must not be seen.
    pub(super) failed: Option<Time>,
}

pub(super) struct Analysis<'a> {
    pub(super) history: &'a History,
    pub(super) names: &'a Names,
    truth: Option<&'a Truth>,
    pub(super) sends: BTreeMap<ValueRef, Sends>,
    /// Sorted by partition, offset, value.
    pub(super) acks: Vec<Ack>,
    /// Sorted by partition, offset, value; one each.
    pub(super) reads: Vec<Read>,
    /// (partition, value) of `reads`, sorted.
    read_values: Vec<(PartitionRef, ValueRef)>,
    /// What acknowledgements and polls put where: sorted, one each.
    pub(super) known: Vec<(PartitionRef, i64, ValueRef)>,
    /// For each partition, the highest offset at which a polled value was first seen.
    bounds: Vec<i64>,
    log_starts: Vec<i64>,
}

impl<'a> Analysis<'a> {
    pub(super) fn new(history: &'a History, names: &'a Names, truth: Option<&'a Truth>) -> Analysis<'a> {
        let mut sent: BTreeMap<(NodeId, u64), ValueRef> = BTreeMap::new();
        let mut sends: BTreeMap<ValueRef, Sends> = BTreeMap::new();
        let (mut acks, mut reads) = (Vec::new(), Vec::new());
        for Op { at, node, kind } in history.ops().iter().copied() {
            match kind {
                OpKind::Send { id, value, .. } => {
                    sent.insert((node, id), value);
                    sends.entry(value).or_insert(Sends { count: 0, producer: node, failed: None }).count += 1;
                }
                OpKind::Acknowledged { id, partition, offset } if offset >= 0 => {
                    if let Some(value) = sent.get(&(node, id)) {
                        acks.push(Ack { partition, offset, value: *value, at, producer: node });
                    }
                }
                OpKind::Failed { id, definite: true, .. } => {
                    if let Some(sends) = sent.get(&(node, id)).and_then(|value| sends.get_mut(value)) {
                        sends.failed.get_or_insert(at);
                    }
                }
                OpKind::Polled { partition, offset, value, .. } => {
                    reads.push(Read { partition, offset, value, at, consumer: node });
                }
                _ => {}
            }
        }
        acks.sort_unstable();
        reads.sort_unstable();
        reads.dedup_by_key(|read| (read.partition, read.offset, read.value));
        let mut known: Vec<_> = acks.iter().map(|ack| (ack.partition, ack.offset, ack.value)).collect();
        known.extend(reads.iter().map(|read| (read.partition, read.offset, read.value)));
        known.sort_unstable();
        known.dedup();
        let mut read_values: Vec<_> = reads.iter().map(|read| (read.partition, read.value)).collect();
        read_values.sort_unstable();
        read_values.dedup();
        let bounds = bounds(history.partitions.len(), &known, &read_values);
        let log_start = |id| truth.map_or(0, |truth| truth.log_start(id));
        let log_starts = history.partitions.iter().map(|id| log_start(*id)).collect();
        Analysis { history, names, truth, sends, acks, reads, read_values, known, bounds, log_starts }
    }

    /// Whether a value stands for one record: it was sent once at most, and is not null.
    pub(super) fn identifies(&self, value: ValueRef) -> bool {
        value != ValueRef::NULL && self.sends.get(&value).is_none_or(|sends| sends.count == 1)
    }

    /// What one consumer polled, sorted.
    pub(super) fn polled_by(&self, consumer: NodeId) -> Vec<(PartitionRef, ValueRef)> {
        let polls = self.history.ops().iter().filter(|op| op.node == consumer);
        let mut polled: Vec<_> = polls
            .filter_map(|op| match op.kind {
                OpKind::Polled { partition, value, .. } => Some((partition, value)),
                _ => None,
            })
            .collect();
        polled.sort_unstable();
        polled.dedup();
        polled
    }

    /// Whether what was acknowledged was polled by anyone.
    pub(super) fn is_read(&self, ack: &Ack) -> bool {
        if self.identifies(ack.value) {
            return self.read_values.binary_search(&(ack.partition, ack.value)).is_ok();
        }
        let key = (ack.partition, ack.offset, ack.value);
        self.reads.binary_search_by_key(&key, |read| (read.partition, read.offset, read.value)).is_ok()
    }

    /// The highest offset of a partition that is known to have been read; -1 if none was.
    pub(super) fn bound(&self, partition: PartitionRef) -> i64 {
        self.bounds[partition.0 as usize]
    }

    /// Whether retention may have deleted `offset`.
    pub(super) fn is_deleted(&self, partition: PartitionRef, offset: i64) -> bool {
        offset < self.log_starts[partition.0 as usize]
    }

    pub(super) fn called(&self, partition: PartitionRef) -> String {
        self.names.of_partition(self.history.partition(partition))
    }

    /// A value as people read it.
    pub(super) fn shown(&self, value: ValueRef) -> String {
        const MAX: usize = 32;
        match self.history.values().get(value) {
            None => "null".to_owned(),
            Some(bytes) if bytes.len() <= MAX => format!("\"{}\"", bytes.escape_ascii()),
            Some(bytes) => format!("\"{}…\"", bytes[..MAX].escape_ascii()),
        }
    }

    /// What became of an acknowledged record: for the sentence, if it is known (`absent after epoch 4`), and as causes.
    pub(super) fn loss(&self, ack: &Ack) -> (Option<String>, Vec<CauseStep>) {
        let id = self.history.partition(ack.partition);
        match self.truth.and_then(|truth| truth.loss(id, ack.offset, ack.at)) {
            None => (None, Vec::new()),
            Some(loss) => (loss.last_epoch.map(|epoch| format!("absent after epoch {epoch}")), loss.cause),
        }
    }

    pub(super) fn violation(&self, property: Property, partition: PartitionRef, at: Time, detail: String) -> Violation {
        let partition = Some(self.history.partition(partition));
        Violation { property, partition, at, node: None, detail, cause: Vec::new() }
    }
}

/// For each partition, the highest of the first offsets of its polled values.
fn bounds(
    partitions: usize,
    known: &[(PartitionRef, i64, ValueRef)],
    read_values: &[(PartitionRef, ValueRef)],
) -> Vec<i64> {
    let mut first: Vec<_> = known.iter().map(|(partition, offset, value)| (*partition, *value, *offset)).collect();
    first.sort_unstable();
    first.dedup_by_key(|(partition, value, _)| (*partition, *value));
    let mut bounds = vec![-1; partitions];
    for (partition, value, offset) in first {
        if read_values.binary_search(&(partition, value)).is_ok() {
            let bound = &mut bounds[partition.0 as usize];
            *bound = offset.max(*bound);
        }
    }
    bounds
}

/// Cases of one property, told as one violation a partition: the first in full, the others as a number.
pub(super) struct Cases {
    violations: Vec<(Violation, u64)>,
}

impl Cases {
    pub(super) fn new() -> Cases {
        Cases { violations: Vec::new() }
    }

    /// Adds a case; `tell` makes its violation if it is the first of its property and partition.
    pub(super) fn add(
        &mut self,
        analysis: &Analysis,
        property: Property,
        partition: PartitionRef,
        tell: impl FnOnce() -> Violation,
    ) {
        let id = Some(analysis.history.partition(partition));
        match self.violations.iter_mut().find(|(told, _)| told.partition == id && told.property == property) {
            Some((_, count)) => *count += 1,
            None => self.violations.push((tell(), 1)),
        }
    }

    pub(super) fn into(self, violations: &mut Vec<Violation>) {
        violations.extend(self.violations.into_iter().map(|(mut violation, count)| {
            if count > 1 {
                violation.detail.push_str(&format!(" ({count} such)"));
            }
            violation
        }));
    }
}
