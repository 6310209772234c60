//! The sorted lists that all validations share: the sends of each value, the values known at each offset, the polls.

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
    /// Time of the first send that definitely failed, if any. A value that was sent only once must then never be
    /// polled.
    pub(super) failed: Option<Time>,
}

pub(super) struct Analysis<'a> {
    pub(super) history: &'a History,
    pub(super) names: &'a Names,
    truth: Option<&'a Truth>,
    /// The sends of each value, indexed by value; the null value comes last. None if nobody sent it.
    sends: Vec<Option<Sends>>,
    /// Sorted by partition, offset, value.
    pub(super) acks: Vec<Ack>,
    /// The first poll of each (partition, offset, value), in that order.
    pub(super) reads: Vec<Read>,
    /// (partition, value) of `reads`, sorted.
    read_values: Vec<(PartitionRef, ValueRef)>,
    /// Each (partition, offset, value) that an acknowledgement or a poll reported: sorted, without repetition.
    pub(super) known: Vec<(PartitionRef, i64, ValueRef)>,
    /// The same by value: sorted by partition, value, offset.
    pub(super) places: Vec<(PartitionRef, ValueRef, i64)>,
    /// For each partition, the highest offset at which a polled value was first seen.
    bounds: Vec<i64>,
    log_starts: Vec<i64>,
}

impl<'a> Analysis<'a> {
    pub(super) fn new(history: &'a History, names: &'a Names, truth: Option<&'a Truth>) -> Analysis<'a> {
        let mut sent: BTreeMap<(NodeId, u64), ValueRef> = BTreeMap::new();
        let mut sends: Vec<Option<Sends>> = vec![None; history.values().len() + 1];
        let (mut acks, mut reads) = (Runs::default(), Runs::default());
        for Op { at, node, kind } in history.ops().iter().copied() {
            match kind {
                OpKind::Send { id, value, .. } => {
                    sent.insert((node, id), value);
                    let none = Sends { count: 0, producer: node, failed: None };
                    sends[history.values().place(value)].get_or_insert(none).count += 1;
                }
                OpKind::Acknowledged { id, partition, offset } if offset >= 0 => {
                    if let Some(value) = sent.get(&(node, id)) {
                        acks.push(partition, node, Ack { partition, offset, value: *value, at, producer: node });
                    }
                }
                OpKind::Failed { id, definite: true, .. } => {
                    let value = sent.get(&(node, id)).map(|value| history.values().place(*value));
                    if let Some(sends) = value.and_then(|place| sends[place].as_mut()) {
                        sends.failed.get_or_insert(at);
                    }
                }
                OpKind::Polled { partition, offset, value, .. } => {
                    reads.push(partition, node, Read { partition, offset, value, at, consumer: node });
                }
                _ => {}
            }
        }
        // The lists are almost in order already, and a stable sort is fast on such input.
        let (acks, mut reads) = (acks.sorted(), reads.sorted());
        reads.dedup_by_key(|read| (read.partition, read.offset, read.value));
        let mut known: Vec<_> = acks.iter().map(|ack| (ack.partition, ack.offset, ack.value)).collect();
        known.extend(reads.iter().map(|read| (read.partition, read.offset, read.value)));
        known.sort();
        known.dedup();
        let mut places: Vec<_> = known.iter().map(|(partition, offset, value)| (*partition, *value, *offset)).collect();
        places.sort();
        let mut read_values: Vec<_> = reads.iter().map(|read| (read.partition, read.value)).collect();
        read_values.sort();
        read_values.dedup();
        let bounds = bounds(history.partitions.len(), &places, &read_values);
        let log_start = |id| truth.map_or(0, |truth| truth.log_start(id));
        let log_starts = history.partitions.iter().map(|id| log_start(*id)).collect();
        Analysis { history, names, truth, sends, acks, reads, read_values, known, places, bounds, log_starts }
    }

    /// All sends of a value, or none if no client sent it.
    pub(super) fn sends(&self, value: ValueRef) -> Option<&Sends> {
        self.sends[self.history.values().place(value)].as_ref()
    }

    /// Whether the value identifies one record: it is not null and was sent at most once.
    pub(super) fn identifies(&self, value: ValueRef) -> bool {
        value != ValueRef::NULL && self.sends(value).is_none_or(|sends| sends.count == 1)
    }

    /// The (partition, value) pairs that one consumer polled, sorted.
    pub(super) fn polled_by(&self, consumer: NodeId) -> Vec<(PartitionRef, ValueRef)> {
        let polls = self.history.ops().iter().filter(|op| op.node == consumer);
        let mut polled: Vec<_> = polls
            .filter_map(|op| match op.kind {
                OpKind::Polled { partition, value, .. } => Some((partition, value)),
                _ => None,
            })
            .collect();
        polled.sort();
        polled.dedup();
        polled
    }

    /// Whether any consumer polled the acknowledged record.
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

    /// The value as shown in a violation's sentence.
    pub(super) fn shown(&self, value: ValueRef) -> String {
        const MAX: usize = 32;
        match self.history.values().get(value) {
            None => "null".to_owned(),
            Some(bytes) if bytes.len() <= MAX => format!("\"{}\"", bytes.escape_ascii()),
            Some(bytes) => format!("\"{}…\"", bytes[..MAX].escape_ascii()),
        }
    }

    /// How an acknowledged record was lost: a phrase for the sentence (`absent after epoch 4`), none if it is not
    /// known, and the causes.
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

/// Lists that grow almost in order, one for each client and partition.
struct Runs<T>(BTreeMap<(PartitionRef, NodeId), Vec<T>>);

impl<T> Default for Runs<T> {
    fn default() -> Runs<T> {
        Runs(BTreeMap::new())
    }
}

impl<T: Ord> Runs<T> {
    fn push(&mut self, partition: PartitionRef, client: NodeId, item: T) {
        self.0.entry((partition, client)).or_default().push(item);
    }

    /// All of them as one list, in order.
    fn sorted(self) -> Vec<T> {
        let mut all: Vec<T> = self.0.into_values().flatten().collect();
        all.sort();
        all
    }
}

/// For each partition, the highest of the first offsets of its polled values. `places` and `read_values` are sorted.
fn bounds(
    partitions: usize,
    places: &[(PartitionRef, ValueRef, i64)],
    read_values: &[(PartitionRef, ValueRef)],
) -> Vec<i64> {
    let mut bounds = vec![-1; partitions];
    let mut read = read_values.iter().copied().peekable();
    for same in places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (partition, value, offset) = same[0];
        while read.next_if(|read| *read < (partition, value)).is_some() {}
        if read.peek() == Some(&(partition, value)) {
            let bound = &mut bounds[partition.0 as usize];
            *bound = offset.max(*bound);
        }
    }
    bounds
}

/// The cases of one property. Each partition gets one violation: it tells the first case in full and counts the others.
pub(super) struct Cases {
    violations: Vec<(Violation, u64)>,
}

impl Cases {
    pub(super) fn new() -> Cases {
        Cases { violations: Vec::new() }
    }

    /// Adds a case. `tell` is called only for the first case of a property and partition, and makes its violation.
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
