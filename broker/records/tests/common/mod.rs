//! Generated batches.
#![allow(dead_code, reason = "each test file uses a part")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tribunal_records::{BatchBuilder, BatchOptions, Header, Record};

pub fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

pub fn header() -> impl Strategy<Value = Header> {
    // Few letters, so that keys repeat.
    ("[a-c]{0,2}", option::of(bytes(6))).prop_map(|(key, value)| Header::new(&key, value))
}

prop_compose! {
    /// A record but for its offset.
    pub fn record()(
        timestamp in prop_oneof![0i64..2_000_000_000_000, Just(-1)],
        key in option::of(bytes(12)),
        value in option::of(bytes(300)),
        headers in vec(header(), 0..4),
    ) -> Record {
        Record { offset: 0, timestamp, key, value, headers }
    }
}

prop_compose! {
    pub fn options()(
        base_offset in prop_oneof![0i64..1000, Just(i64::MAX / 2)],
        partition_leader_epoch in -1i32..50,
        transactional: bool,
        producer in option::of((0i64..9, 0i16..9, 0i32..1000)),
    ) -> BatchOptions {
        let (producer_id, producer_epoch, base_sequence) = producer.unwrap_or((-1, -1, -1));
        BatchOptions {
            base_offset, partition_leader_epoch, transactional, producer_id, producer_epoch, base_sequence,
            ..BatchOptions::default()
        }
    }
}

/// Options, and records whose offsets count from the base offset with the gaps given.
pub fn batch() -> impl Strategy<Value = (BatchOptions, Vec<Record>)> {
    (options(), vec((record(), prop_oneof![9 => Just(0i64), 1 => 1i64..5]), 1..12)).prop_map(|(options, records)| {
        let mut offset = options.base_offset;
        let mut out = Vec::new();
        for (i, (record, gap)) in records.into_iter().enumerate() {
            offset += if i == 0 { 0 } else { 1 + gap };
            out.push(Record { offset, ..record });
        }
        (options, out)
    })
}

pub fn build(options: BatchOptions, records: &[Record]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for r in records {
        builder.append_at(r.offset, r.timestamp, r.key.as_deref(), r.value.as_deref(), &r.headers);
    }
    builder.build()
}

/// A batch of `n` small records at offset 0.
pub fn plain(n: usize) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for i in 0..n {
        builder.append(1000 + i as i64, Some(b"key"), Some(format!("value {i}").as_bytes()), &[]);
    }
    builder.build()
}
