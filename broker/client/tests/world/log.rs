//! A partition's log as the test keeps it.

use bytes::Bytes;
use tribunal_records::{Append, Batch, BatchBuilder, BatchOptions, assign};

/// A partition: its leader, and the one log that counts.
#[derive(Clone, Debug)]
pub struct Partition {
    pub leader: i32,
    pub epoch: i32,
    /// Leaders and epochs it had, oldest first, for brokers that lag behind.
    pub history: Vec<(i32, i32)>,
    pub start: i64,
    batches: Vec<Batch>,
}

impl Partition {
    pub fn new(leader: i32) -> Partition {
        Partition { leader, epoch: 0, history: vec![(leader, 0)], start: 0, batches: Vec::new() }
    }

    pub fn end(&self) -> i64 {
        self.batches.last().map_or(self.start, |batch| batch.header.next_offset())
    }

    /// Another broker leads.
    pub fn elect(&mut self, leader: i32) {
        self.leader = leader;
        self.epoch += 1;
        self.history.push((leader, self.epoch));
    }

    /// Appends what a producer sent; the base offset.
    pub fn append(&mut self, bytes: Bytes) -> i64 {
        let base_offset = self.end();
        let to = Append { base_offset, leader_epoch: self.epoch, append_time: None };
        let bytes = assign(bytes, to, |header| assert_eq!(header.check_produced(), Ok(()))).expect("whole batches");
        self.batches.push(Batch::validated(bytes).expect("one intact batch"));
        base_offset
    }

    /// Appends one batch with these values.
    pub fn append_values(&mut self, values: &[&str]) {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for value in values {
            builder.append(1_000, None, Some(value.as_bytes()), &[]);
        }
        self.append(builder.build());
    }

    /// Cuts the log, by whole batches, so that it ends at or before `end`.
    pub fn truncate(&mut self, end: i64) {
        self.batches.retain(|batch| batch.header.next_offset() <= end);
    }

    /// Deletes the first batches, as retention does.
    pub fn delete_below(&mut self, start: i64) {
        self.batches.retain(|batch| batch.header.base_offset >= start);
        self.start = self.batches.first().map_or(start, |batch| batch.header.base_offset);
    }

    /// Whole batches from the one that holds `offset` on, as many as fit, and a piece of the next.
    pub fn read(&self, offset: i64, max: usize) -> Bytes {
        let mut out = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.header.next_offset() > offset) {
            if !out.is_empty() && out.len() + batch.bytes.len() > max {
                out.extend_from_slice(&batch.bytes[..batch.bytes.len().min(max.saturating_sub(out.len()))]);
                break;
            }
            out.extend_from_slice(&batch.bytes);
        }
        out.into()
    }

    /// The value at each offset.
    pub fn values(&self) -> Vec<(i64, Bytes)> {
        let records = |batch: &Batch| batch.records().expect("uncompressed");
        let record = |r: Result<tribunal_records::Record, _>| {
            let r = r.expect("well-formed");
            (r.offset, r.value.expect("a value"))
        };
        self.batches.iter().flat_map(records).map(record).collect()
    }

    /// The largest epoch not above `epoch`, and where it ends (KIP-101).
    pub fn epoch_end(&self, epoch: i32) -> (i32, i64) {
        if epoch >= self.epoch {
            return (self.epoch, self.end());
        }
        let next = self.batches.iter().find(|batch| batch.header.partition_leader_epoch > epoch);
        let end = next.map_or(self.end(), |batch| batch.header.base_offset);
        let own = self.batches.iter().rev().map(|batch| batch.header.partition_leader_epoch).find(|&own| own <= epoch);
        // As Kafka's leader epoch cache has it: below the first epoch, the start of that with the epoch asked for.
        (own.unwrap_or(epoch), end)
    }

    pub fn epoch_at(&self, offset: i64) -> i32 {
        let holder = self.batches.iter().find(|batch| batch.header.next_offset() > offset);
        holder.map_or(self.epoch, |batch| batch.header.partition_leader_epoch)
    }
}
