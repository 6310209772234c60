//! Agreement with the `kafka-protocol` crate's record codec, both ways.
//!
//! Its known deviations are kept out: it loses duplicate header keys and the log-append-time bit, and it splits a
//! batch whose sequence numbers do not follow its offsets.

mod common;

use bytes::{Bytes, BytesMut};
use common::{batch, build};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as theirs;
use proptest::prelude::*;
use tribunal_records::*;

/// Headers with distinct keys.
fn without_duplicates(records: &mut [Record]) {
    for record in records {
        record.headers.sort();
        record.headers.dedup_by(|a, b| a.key == b.key);
    }
}

fn to_theirs(o: &BatchOptions, r: &Record) -> theirs::Record {
    theirs::Record {
        transactional: o.transactional,
        control: o.control,
        delete_horizon: false,
        partition_leader_epoch: o.partition_leader_epoch,
        producer_id: o.producer_id,
        producer_epoch: o.producer_epoch,
        timestamp_type: theirs::TimestampType::Creation,
        offset: r.offset,
        sequence: o.base_sequence.wrapping_add((r.offset - o.base_offset) as i32),
        timestamp: r.timestamp,
        key: r.key.clone(),
        value: r.value.clone(),
        headers: (r.headers.iter())
            .map(|h| (StrBytes::from_string(h.key_str().unwrap().to_owned()), h.value.clone()))
            .collect(),
    }
}

proptest! {
    #[test]
    fn they_read_what_we_write((options, mut records) in batch(), append_time in proptest::option::of(0i64..9999)) {
        without_duplicates(&mut records);
        let mut bytes = build(BatchOptions { append_time, ..options }, &records);
        let read = theirs::RecordBatchDecoder::decode(&mut bytes).unwrap().records;
        prop_assert_eq!(read.len(), records.len());
        for (read, record) in read.iter().zip(&records) {
            let mut expected = to_theirs(&options, record);
            if append_time.is_some() {
                // They report the producer's timestamp and the type; Kafka's clients report the append time.
                expected.timestamp_type = theirs::TimestampType::LogAppend;
                expected.timestamp = read.timestamp;
            }
            if options.producer_id < 0 {
                expected.sequence = read.sequence;
            }
            prop_assert_eq!(read, &expected);
        }
    }

    #[test]
    fn we_read_what_they_write((options, mut records) in batch()) {
        without_duplicates(&mut records);
        let all: Vec<_> = records.iter().map(|r| to_theirs(&options, r)).collect();
        let mut out = BytesMut::new();
        let how = theirs::RecordEncodeOptions { version: 2, compression: theirs::Compression::None };
        theirs::RecordBatchEncoder::encode(&mut out, &all, &how).unwrap();
        let batch = Batch::validated(out.freeze()).unwrap();
        prop_assert_eq!(batch.header.base_offset, options.base_offset);
        prop_assert_eq!(batch.header.producer_id, options.producer_id);
        prop_assert_eq!(batch.header.max_timestamp, records.iter().map(|r| r.timestamp).max().unwrap());
        let read: Result<Vec<_>, _> = batch.records().unwrap().collect();
        prop_assert_eq!(read.unwrap(), records);
    }
}

#[test]
fn a_compressed_batch_of_theirs_is_valid_but_closed() {
    let record = Record { offset: 0, timestamp: 5, key: None, value: Some(Bytes::from(vec![7; 999])), headers: vec![] };
    let mut out = BytesMut::new();
    let how = theirs::RecordEncodeOptions { version: 2, compression: theirs::Compression::Gzip };
    let all = [to_theirs(&BatchOptions::default(), &record)];
    theirs::RecordBatchEncoder::encode(&mut out, &all, &how).unwrap();
    let batch = Batch::validated(out.freeze()).unwrap();
    assert_eq!(batch.records().err(), Some(RecordsError::Compressed(Compression::Gzip)));
}
