//! The batches of one partition that are not in flight.

use std::collections::VecDeque;

use crate::producer::batch::Batch;
use crate::{ProducerRecord, RecordId};

/// Bytes by which the parts of a record that are of variable length may exceed the estimate of its charge.
const ROOM: usize = 16;

/// Batches in the order in which they are to be sent; only the last may be open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Queue {
    pub(crate) batches: VecDeque<Batch>,
    pub(crate) gate: Gate,
    /// Batches in flight.
    pub(crate) in_flight: u16,
    /// Whether the partition is in the producer's list of those with something to send.
    pub(crate) listed: bool,
    /// Whether the delivery timer runs.
    pub(crate) ticking: bool,
}

/// Whether the first batch may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) enum Gate {
    /// There is none.
    #[default]
    Empty,
    /// It waits for more records; the timer runs.
    Lingering,
    /// It failed and waits to be sent again; the timer runs.
    BackingOff,
    /// It may.
    Open,
}

impl Queue {
    /// Adds a record behind all others; `charge` is what it takes of the buffer.
    pub(crate) fn push(&mut self, id: RecordId, record: &ProducerRecord, timestamp: i64, charge: u64, batch_size: u32) {
        let fits = self.batches.back().is_some_and(|last| last.takes(record, timestamp, batch_size));
        if !fits {
            if let Some(last) = self.batches.back_mut() {
                last.seal();
            }
            // Room for this record: where records are few, most batches have one.
            self.batches.push_back(Batch::new(charge as usize + ROOM));
        }
        if let Some(last) = self.batches.back_mut() {
            last.push(id, record, timestamp, charge);
        }
    }

    /// Puts a batch back to where its records belong among the others.
    pub(crate) fn put_back(&mut self, batch: Batch) {
        let at = self.batches.iter().position(|other| other.first() > batch.first());
        self.batches.insert(at.unwrap_or(self.batches.len()), batch);
    }

    /// Whether the first batch need not wait for more records.
    pub(crate) fn is_due(&self, batch_size: u32) -> bool {
        self.batches.len() > 1 || self.batches.front().is_some_and(|batch| batch.is_full(batch_size))
    }

    /// Whether no batch is here or in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.batches.is_empty() && self.in_flight == 0
    }
}
