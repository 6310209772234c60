//! A batch of one partition, from its first record to its delivery.

use bytes::Bytes;
use tribunal_records::{Batch as Encoded, BatchBuilder, BatchOptions, HEADER_LEN, size_of_record};

use crate::{ProducerRecord, RecordId};

/// A batch and the records it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    content: Content,
    /// Number and timestamp of each record, in order.
    pub(crate) records: Vec<(RecordId, i64)>,
    /// Its share of `buffer.memory`.
    pub(crate) charge: u64,
    /// Firings of the delivery timer it has seen.
    pub(crate) age: u8,
    /// Attempts that failed.
    pub(crate) attempts: u8,
    /// Whether an attempt may have put it into a log.
    pub(crate) maybe_appended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Content {
    Open(BatchBuilder),
    Sealed(Bytes),
}

/// What a record takes of `buffer.memory`: its bytes in a batch, and a batch's header because it may be alone.
pub(crate) fn charge(record: &ProducerRecord) -> u64 {
    let size = size_of_record(0, 0, record.key.as_deref(), record.value.as_deref(), &record.headers);
    (size + HEADER_LEN) as u64
}

impl Batch {
    pub(crate) fn new(room: usize) -> Batch {
        Batch {
            content: Content::Open(BatchBuilder::with_capacity(BatchOptions::default(), room)),
            records: Vec::new(),
            charge: 0,
            age: 0,
            attempts: 0,
            maybe_appended: false,
        }
    }

    /// Whether the record can still be added. The first record always fits.
    pub(crate) fn takes(&self, record: &ProducerRecord, timestamp: i64, batch_size: u32) -> bool {
        match &self.content {
            Content::Sealed(_) => false,
            Content::Open(builder) => {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                builder.is_empty() || builder.size_with(timestamp, key, value, &record.headers) <= batch_size as usize
            }
        }
    }

    /// Adds a record that it takes; `charge` is the record's.
    pub(crate) fn push(&mut self, id: RecordId, record: &ProducerRecord, timestamp: i64, charge: u64) {
        if let Content::Open(builder) = &mut self.content {
            builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
            self.records.push((id, timestamp));
            self.charge += charge;
        }
    }

    /// Bytes on the wire.
    pub(crate) fn size(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.size(),
            Content::Sealed(bytes) => bytes.len(),
        }
    }

    /// Whether it need not wait for more records.
    pub(crate) fn is_full(&self, batch_size: u32) -> bool {
        matches!(self.content, Content::Sealed(_)) || self.size() >= batch_size as usize
    }

    /// No record is added from here on.
    pub(crate) fn seal(&mut self) -> Bytes {
        if let Content::Open(_) = self.content {
            let open = std::mem::replace(&mut self.content, Content::Sealed(Bytes::new()));
            if let Content::Open(builder) = open {
                self.content = Content::Sealed(builder.build());
            }
        }
        match &self.content {
            Content::Sealed(bytes) => bytes.clone(),
            Content::Open(_) => Bytes::new(),
        }
    }

    /// Two batches with half of the records each, in order; none if there is only one record.
    pub(crate) fn split(&mut self) -> Option<[Batch; 2]> {
        if self.records.len() < 2 {
            return None;
        }
        let bytes = self.seal();
        let records = Encoded::validated(bytes).ok()?.records().ok()?;
        let half = self.records.len() / 2;
        let mut halves = [0, 1].map(|_| Batch {
            age: self.age,
            attempts: self.attempts,
            maybe_appended: self.maybe_appended,
            ..Batch::new(self.size() / 2 + HEADER_LEN)
        });
        for (index, (record, &(id, timestamp))) in records.flatten().zip(&self.records).enumerate() {
            let half = &mut halves[usize::from(index >= half)];
            let Content::Open(builder) = &mut half.content else { continue };
            builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
            half.records.push((id, timestamp));
        }
        halves[0].charge = self.charge / 2;
        halves[1].charge = self.charge - halves[0].charge;
        for half in &mut halves {
            half.seal();
        }
        Some(halves)
    }

    /// Orders batches of a partition as their records were sent.
    pub(crate) fn first(&self) -> Option<RecordId> {
        self.records.first().map(|&(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_protocol::Str;

    fn record(n: u8) -> ProducerRecord {
        ProducerRecord::new(Str::from_static("t"), Bytes::from(vec![n; 10])).with_key(Bytes::from(vec![n]))
    }

    fn batch(count: u8) -> Batch {
        let mut batch = Batch::new(0);
        for n in 0..count {
            batch.push(RecordId(n.into()), &record(n), i64::from(n) * 10, charge(&record(n)));
        }
        batch
    }

    #[test]
    fn halves_hold_every_record_once_and_in_order() {
        let mut whole = batch(5);
        let charge = whole.charge;
        let [mut a, mut b] = whole.split().expect("five records can be split");
        assert_eq!(a.charge + b.charge, charge);
        let ids: Vec<u64> = a.records.iter().chain(&b.records).map(|(id, _)| id.0).collect();
        assert_eq!(ids, [0, 1, 2, 3, 4]);
        let values = |batch: &mut Batch| -> Vec<(i64, u8)> {
            let encoded = Encoded::validated(batch.seal()).unwrap();
            encoded.records().unwrap().map(|r| r.unwrap()).map(|r| (r.timestamp, r.value.unwrap()[0])).collect()
        };
        assert_eq!(values(&mut a), [(0, 0), (10, 1)]);
        assert_eq!(values(&mut b), [(20, 2), (30, 3), (40, 4)]);
    }

    #[test]
    fn one_record_is_not_split() {
        assert!(batch(1).split().is_none());
    }

    #[test]
    fn a_batch_takes_records_up_to_the_batch_size_and_always_one() {
        assert!(Batch::new(0).takes(&record(0), 0, 1));
        let batch = batch(2);
        let next = size_of_record(2, -10, record(0).key.as_deref(), record(0).value.as_deref(), &[]);
        assert!(batch.takes(&record(0), 0, (batch.size() + next) as u32));
        assert!(!batch.takes(&record(0), 0, (batch.size() + next - 1) as u32));
    }

    #[test]
    fn a_sealed_batch_takes_nothing_and_keeps_its_bytes() {
        let mut batch = batch(2);
        let bytes = batch.seal();
        assert!(!batch.takes(&record(0), 0, 1 << 20));
        assert_eq!(batch.seal(), bytes);
    }
}
