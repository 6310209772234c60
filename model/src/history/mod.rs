//! The history of a run: the operations of all clients, and the validations that judge them at the end.
//!
//! The definitions are Jepsen's (tests/kafka.clj). Offsets give the order of versions, so no search is needed: every
//! validation folds or scans sorted lists. Workloads make values unique in a run, so a value identifies its record. If
//! a value was sent twice all the same, its offsets tell the records apart.

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

/// Index of a partition in a [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionRef(u32);

/// One operation of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Op {
    /// Time at which the client reported it. All records of one poll have the same time.
    pub at: Time,
    /// The client.
    pub node: NodeId,
    /// The operation.
    pub kind: OpKind,
}

/// [`ClientObs`] in compact form: partitions, keys and values are indices into the history.
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

/// The promises to the clients of this run that do not hold in every run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// The idempotent producers: each record they send is in the log at most once. Duplicates of other producers are
    /// only counted.
    pub idempotent: BTreeSet<NodeId>,
    /// Whether consumers polled to the end of every partition after everything else was done.
    pub final_polls: bool,
    /// The consumer that read every partition from beginning to end after everything else was done, if the run has one.
    /// A record that it did not see is no longer in the log, even if another consumer saw it before.
    pub auditor: Option<NodeId>,
}

/// The result of all validations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// One violation for each broken property and partition. Its sentence gives the number of cases.
    pub violations: Vec<Violation>,
    /// Number of values at two offsets that break no promise, because their producers are not idempotent.
    pub duplicates: u64,
    /// Number of acknowledged records, by partition, that were deleted before any client read them. This breaks no
    /// promise, but hardly any user wants it. Counted only if consumers polled to the end.
    pub deleted_unread: BTreeMap<TopicIdPartition, u64>,
}

/// The operations of all clients, in the order of time.
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

    /// Adds an observation that client `node` reported at `at`.
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

    /// All operations, in the order of time.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The partition with this index.
    pub fn partition(&self, place: PartitionRef) -> TopicIdPartition {
        self.partitions[place.0 as usize]
    }

    /// Keys and values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Judges the whole history. With `truth`, records that retention deleted do not count as lost, and violations
    /// explain how records were lost.
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
