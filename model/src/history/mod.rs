//! What clients did and saw, and what must hold of it at the end of a run.
//!
//! Definitions are Jepsen's (tests/kafka.clj). Offsets give the order of versions, so nothing is searched: everything
//! is folds and scans over sorted lists. A value identifies its record, because workloads make values unique in a run;
//! where one was sent twice all the same, offsets do.

mod aborted_read;
mod analysis;
mod duplicate;
mod inconsistent_offsets;
mod lost_write;
mod nonmonotonic_poll;
mod poll_skip;
mod polls;
mod unseen;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use tribunal_common::{ClientObs, TopicIdPartition};
use tribunal_contract::{NodeId, Time};

use crate::{Names, Truth, Violation};
use analysis::Analysis;
pub use values::{ValueRef, Values};

/// A partition of a [`History`], as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionRef(u32);

/// Something that a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Op {
    /// When. Records of one poll have one time.
    pub at: Time,
    /// Which client.
    pub node: NodeId,
    /// What.
    pub kind: OpKind,
}

/// [`ClientObs`] in few bytes: partitions, keys and values are indices into the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The fields are those of `ClientObs`.
pub enum OpKind {
    Acknowledged { id: u64, partition: PartitionRef, offset: i64 },
    Assigned { partition: PartitionRef, offset: i64 },
    Failed { id: u64, error: i16, definite: bool },
    Polled { partition: PartitionRef, offset: i64, timestamp: i64, key: ValueRef, value: ValueRef },
    Reset { partition: PartitionRef, offset: i64, truncated: bool },
    Retried { partition: PartitionRef, error: i16 },
    Send { id: u64, partition: PartitionRef, key: ValueRef, value: ValueRef },
}

/// What was promised to the clients of a run, beyond what is promised always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// Idempotent producers: what they send is there once. Duplicates of others are counted only.
    pub idempotent: BTreeSet<NodeId>,
    /// Consumers have polled to the end of every partition after everything else was done.
    pub final_polls: bool,
    /// A consumer that, after everything else was done, has read every partition from its beginning to its end: what it
    /// did not see is not in the log any more, whoever saw it before.
    pub auditor: Option<NodeId>,
}

/// What the validations say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// One for each property and partition that it does not hold on; the sentence says how many cases there are.
    pub violations: Vec<Violation>,
    /// Values at two offsets whose producer was not promised otherwise.
    pub duplicates: u64,
    /// Acknowledged records, by partition, that were deleted before any client read them. That breaks no promise, and
    /// hardly any user wants it. Asked only where consumers have polled to the end.
    pub deleted_unread: BTreeMap<TopicIdPartition, u64>,
}

/// What clients did, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct History {
    ops: Vec<Op>,
    partitions: Vec<TopicIdPartition>,
    places: BTreeMap<TopicIdPartition, PartitionRef>,
    recent: Option<(TopicIdPartition, PartitionRef)>,
    values: Values,
}

impl History {
    /// An empty history.
    pub fn new() -> History {
        History::default()
    }

    /// Adds what client `node` reported at `at`.
    pub fn record(&mut self, at: Time, node: NodeId, obs: &ClientObs) {
        let kind = match obs {
            ClientObs::Send { id, partition, key, value } => OpKind::Send {
                id: *id,
                partition: self.place(*partition),
                key: self.values.add(key.as_ref()),
                value: self.values.add(value.as_ref()),
            },
            ClientObs::Acknowledged { id, partition, offset } => {
                OpKind::Acknowledged { id: *id, partition: self.place(*partition), offset: *offset }
            }
            ClientObs::Failed { id, error, definite } => OpKind::Failed { id: *id, error: *error, definite: *definite },
            ClientObs::Retried { partition, error } => {
                OpKind::Retried { partition: self.place(*partition), error: *error }
            }
            ClientObs::Assigned { partition, offset } => {
                OpKind::Assigned { partition: self.place(*partition), offset: *offset }
            }
            ClientObs::Reset { partition, offset, truncated } => {
                OpKind::Reset { partition: self.place(*partition), offset: *offset, truncated: *truncated }
            }
            ClientObs::Polled { partition, offset, timestamp, key, value } => OpKind::Polled {
                partition: self.place(*partition),
                offset: *offset,
                timestamp: *timestamp,
                key: self.values.add(key.as_ref()),
                value: self.values.add(value.as_ref()),
            },
        };
        self.ops.push(Op { at, node, kind });
    }

    fn place(&mut self, id: TopicIdPartition) -> PartitionRef {
        match self.recent {
            Some((recent, place)) if recent == id => place,
            _ => {
                let place = *self.places.entry(id).or_insert_with(|| {
                    self.partitions.push(id);
                    PartitionRef(self.partitions.len() as u32 - 1)
                });
                self.recent = Some((id, place));
                place
            }
        }
    }

    /// Everything, in the order of time.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// A partition by its index.
    pub fn partition(&self, place: PartitionRef) -> TopicIdPartition {
        self.partitions[place.0 as usize]
    }

    /// Keys and values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Judges the whole history. With the ground truth at hand, records that retention has deleted do not count as
    /// lost, and losses are explained.
    pub fn judge(&self, promises: &Promises, names: &Names, truth: Option<&Truth>) -> Judgement {
        let analysis = Analysis::new(self, names, truth);
        let mut judgement = Judgement::default();
        let violations = &mut judgement.violations;
        inconsistent_offsets::check(&analysis, violations);
        judgement.duplicates = duplicate::check(&analysis, promises, violations);
        aborted_read::check(&analysis, violations);
        lost_write::check(&analysis, promises.auditor, violations);
        if promises.final_polls {
            unseen::check(&analysis, violations);
            judgement.deleted_unread = unseen::deleted_unread(&analysis);
        }
        let steps = polls::steps(&analysis);
        poll_skip::check(&analysis, &steps, violations);
        nonmonotonic_poll::check(&analysis, &steps, violations);
        judgement
    }
}
