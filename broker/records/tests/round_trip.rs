//! What is built reads back.

mod common;

use bytes::{Bytes, BytesMut};
use common::{batch, build, plain};
use proptest::collection::vec;
use proptest::prelude::*;
use tribunal_records::*;

proptest! {
    #[test]
    fn a_built_batch_reads_back((options, records) in batch()) {
        let bytes = build(options, &records);
        let header = validate(&bytes).unwrap();
        prop_assert_eq!(header.base_offset, options.base_offset);
        prop_assert_eq!(header.last_offset(), records.last().unwrap().offset);
        prop_assert_eq!(header.next_offset(), header.last_offset() + 1);
        prop_assert_eq!(header.max_timestamp, records.iter().map(|r| r.timestamp).max().unwrap());
        prop_assert_eq!(header.base_timestamp, records[0].timestamp);
        prop_assert_eq!(header.partition_leader_epoch, options.partition_leader_epoch);
        prop_assert_eq!(header.attributes.is_transactional(), options.transactional);
        prop_assert_eq!(header.records_count as usize, records.len());
        prop_assert_eq!(header.total_size(), bytes.len());
        let read: Result<Vec<_>, _> = Batch::validated(bytes).unwrap().records().unwrap().collect();
        prop_assert_eq!(read.unwrap(), records);
    }

    #[test]
    fn the_size_of_a_batch_is_foretold((options, records) in batch()) {
        let mut builder = BatchBuilder::new(options);
        for r in &records {
            let foretold = builder.size_with(r.timestamp, r.key.as_deref(), r.value.as_deref(), &r.headers);
            builder.append(r.timestamp, r.key.as_deref(), r.value.as_deref(), &r.headers);
            prop_assert_eq!(builder.size(), foretold);
        }
        let size = builder.size();
        prop_assert_eq!(builder.build().len(), size);
    }

    #[test]
    fn batches_in_a_row_are_walked_to_the_short_tail(batches in vec(batch(), 0..5), cut in 0usize..400) {
        let built: Vec<_> = batches.iter().map(|(o, r)| build(*o, r)).collect();
        let mut all = BytesMut::from(&built.concat()[..]);
        let extra = plain(9);
        let cut = cut.min(extra.len() - 1);
        all.extend_from_slice(&extra[..cut]);
        let all = all.freeze();
        let mut walk = Batches::new(all.clone());
        let read: Result<Vec<_>, _> = walk.by_ref().map(|b| b.map(|b| b.bytes)).collect();
        prop_assert_eq!(read.unwrap(), built);
        prop_assert_eq!(walk.tail().len(), cut);
        let mut headers = BatchHeaders::new(&all);
        prop_assert_eq!(headers.by_ref().count(), batches.len());
        prop_assert_eq!(headers.position(), all.len() - cut);
    }

    #[test]
    fn assigned_batches_have_dense_offsets_and_stay_valid(
        batches in vec(batch(), 1..4),
        base_offset in 0i64..1_000_000,
        leader_epoch in 0i32..99,
        append_time in proptest::option::of(0i64..2_000_000_000_000),
        shared: bool,
    ) {
        let before = Bytes::from(batches.iter().map(|(o, r)| build(*o, r)).collect::<Vec<_>>().concat());
        let held = shared.then(|| before.clone());
        let copy = before.to_vec();
        let mut seen = Vec::new();
        let after = assign(before, Append { base_offset, leader_epoch, append_time }, |h| seen.push(*h)).unwrap();
        if let Some(held) = held {
            prop_assert_eq!(&held[..], &copy[..], "bytes that others hold do not change");
        }
        let mut next = base_offset;
        for ((batch, header), (_, records)) in Batches::new(after).zip(&seen).zip(&batches) {
            let batch = batch.unwrap();
            prop_assert_eq!(&validate(&batch.bytes).unwrap(), header);
            prop_assert_eq!(header.base_offset, next);
            prop_assert_eq!(header.partition_leader_epoch, leader_epoch);
            let first = records[0].offset;
            for (record, was) in batch.records().unwrap().zip(records) {
                let record = record.unwrap();
                prop_assert_eq!(record.offset - next, was.offset - first);
                prop_assert_eq!(record.timestamp, append_time.unwrap_or(was.timestamp));
                prop_assert_eq!(&record.value, &was.value);
            }
            next = header.next_offset();
        }
        prop_assert_eq!(seen.len(), batches.len());
    }
}

#[test]
fn assigning_writes_in_place_when_nobody_else_holds_the_bytes() {
    let bytes = plain(3);
    let address = bytes.as_ptr();
    let to = Append { base_offset: 70, leader_epoch: 4, append_time: Some(5) };
    assert_eq!(assign(bytes, to, |_| {}).unwrap().as_ptr(), address);
}

#[test]
fn assigning_part_of_a_batch_is_an_error() {
    let bytes = plain(3);
    let to = Append { base_offset: 0, leader_epoch: 0, append_time: None };
    for len in 0..bytes.len() {
        assert!(matches!(assign(bytes.slice(..len), to, |_| {}), Err(BatchError::Incomplete { .. })), "{len}");
    }
    assert!(assign(bytes.clone(), Append { base_offset: i64::MAX - 1, ..to }, |_| {}).is_err());
}

#[test]
fn records_of_a_batch_share_its_allocation() {
    let batch = Batch::validated(plain(2)).unwrap();
    let range = batch.bytes.as_ptr_range();
    for record in batch.records().unwrap() {
        assert!(range.contains(&record.unwrap().value.unwrap().as_ptr()));
    }
}

#[test]
fn duplicate_header_keys_keep_their_order() {
    let headers = [Header::new("a", Some("1".into())), Header::new("b", None), Header::new("a", Some("2".into()))];
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(0, None, None, &headers);
    let record = Batch::validated(builder.build()).unwrap().records().unwrap().next().unwrap().unwrap();
    assert_eq!(record.headers, headers);
    assert_eq!(record.headers[2].key_str(), Some("a"));
    assert_eq!((record.key, record.value), (None, None));
}

#[test]
fn log_append_time_stands_for_every_record() {
    let options = BatchOptions { append_time: Some(77), ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    builder.append(5, None, None, &[]);
    builder.append(900, None, None, &[]);
    let batch = Batch::validated(builder.build()).unwrap();
    assert_eq!(batch.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert!(batch.records().unwrap().all(|r| r.unwrap().timestamp == 77));
}

#[test]
fn a_control_batch_says_so_and_names_its_type() {
    let options = BatchOptions { control: true, transactional: true, producer_id: 1, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    builder.append(5, Some(&control_key(ControlType::Commit)), Some(&[0, 0, 0, 0, 0, 7]), &[]);
    let batch = Batch::validated(builder.build()).unwrap();
    assert!(batch.header.attributes.is_control());
    let record = batch.records().unwrap().next().unwrap().unwrap();
    assert_eq!(ControlType::from_key(&record.key.unwrap()), Some(ControlType::Commit));
    assert_eq!(ControlType::from_key(&[0, 0, 0]), None);
    assert_eq!(ControlType::from_key(&[0, 0, 0, 99]), None);
    assert_eq!(batch.header.check_produced(), Err(ProduceError::Control));
}

#[test]
fn what_a_producer_may_not_send_is_told_apart() {
    let header = validate(&plain(3)).unwrap();
    assert_eq!(header.check_produced(), Ok(()));
    let check = |change: fn(&mut BatchHeader)| {
        let mut changed = header;
        change(&mut changed);
        changed.check_produced()
    };
    assert_eq!(check(|h| h.records_count = 2), Err(ProduceError::Count));
    assert_eq!(check(|h| h.records_count = 0), Err(ProduceError::Count));
    assert_eq!(check(|h| h.producer_id = 4), Err(ProduceError::Sequence));
    assert_eq!(check(|h| h.attributes = h.attributes.with_transactional(true)), Err(ProduceError::NoProducerId));
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    let mut header = validate(&plain(3)).unwrap();
    assert_eq!(header.last_sequence(), -1);
    header.base_sequence = i32::MAX - 1;
    assert_eq!(header.last_sequence(), 0);
    header.base_sequence = 10;
    assert_eq!(header.last_sequence(), 12);
}
