//! Bytes that are not what they say.

mod common;

use bytes::{Bytes, BytesMut};
use common::{batch, build, plain};
use proptest::prelude::*;
use tribunal_records::*;

fn set<const N: usize>(bytes: &Bytes, at: usize, value: [u8; N]) -> Bytes {
    let mut out = BytesMut::from(&bytes[..]);
    out[at..at + N].copy_from_slice(&value);
    out.freeze()
}

/// Makes the checksum right again.
fn reseal(bytes: &Bytes) -> Bytes {
    let crc = crc_fast::crc32_iscsi(&bytes[21..]);
    set(bytes, 17, crc.to_be_bytes())
}

/// Everything that decodes, decodes.
fn read_all(bytes: &Bytes) {
    let _ = validate(bytes);
    for batch in Batches::new(bytes.clone()).flatten() {
        let count = batch.records().map_or(0, |records| records.count());
        assert!(count <= batch.bytes.len(), "no more records than bytes");
        let body = Records::from_body(&batch.header, batch.body());
        assert!(body.count() <= batch.bytes.len());
    }
    let to = Append { base_offset: 3, leader_epoch: 1, append_time: Some(9) };
    let _ = assign(bytes.clone(), to, |_| {});
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_flipped_byte_under_the_checksum_is_found((options, records) in batch(), at: prop::sample::Index, flip in 1u8..) {
        let bytes = build(options, &records);
        let at = 21 + at.index(bytes.len() - 21);
        let bad = set(&bytes, at, [bytes[at] ^ flip]);
        prop_assert!(validate(&bad).is_err());
    }

    #[test]
    fn mutated_batches_never_panic(
        (options, records) in batch(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep: prop::sample::Index,
        sealed: bool,
    ) {
        let mut bytes = build(options, &records);
        for (at, value) in changes {
            bytes = set(&bytes, at.index(bytes.len()), [value]);
        }
        if sealed {
            bytes = reseal(&bytes);
        }
        read_all(&bytes);
        read_all(&bytes.slice(..keep.index(bytes.len() + 1)));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if let Some(magic) = bytes.get_mut(16) {
            *magic = 2;
        }
        read_all(&Bytes::from(bytes));
    }
}

#[test]
fn every_broken_rule_has_its_error() {
    let good = plain(3);
    let is = |bytes: Bytes| validate(&bytes).unwrap_err();
    assert_eq!(is(good.slice(..60)), BatchError::Incomplete { need: 61, have: 60 });
    assert_eq!(is(good.slice(..good.len() - 1)), BatchError::Incomplete { need: good.len(), have: good.len() - 1 });
    assert_eq!(is(set(&good, 16, [1])), BatchError::Magic(1));
    assert_eq!(is(set(&good, 8, 48i32.to_be_bytes())), BatchError::Length(48));
    assert_eq!(is(set(&good, 8, (-1i32).to_be_bytes())), BatchError::Length(-1));
    assert_eq!(is(set(&good, 0, (-1i64).to_be_bytes())), BatchError::Offset { base: -1, delta: 2 });
    assert_eq!(is(set(&good, 0, i64::MAX.to_be_bytes())), BatchError::Offset { base: i64::MAX, delta: 2 });
    assert!(matches!(is(set(&good, 70, [good[70] ^ 1])), BatchError::Crc { .. }));
    assert_eq!(is(reseal(&set(&good, 57, 4i32.to_be_bytes()))), BatchError::Count(4));
    assert_eq!(is(reseal(&set(&good, 57, (-1i32).to_be_bytes()))), BatchError::Count(-1));
    assert_eq!(is(reseal(&set(&good, 21, [0, 5]))), BatchError::UnknownCodec(5));
    let many = set(&set(&good, 57, i32::MAX.to_be_bytes()), 23, (i32::MAX - 1).to_be_bytes());
    assert_eq!(is(reseal(&many)), BatchError::Count(i32::MAX));
}

#[test]
fn compressed_records_are_named_and_their_seam_takes_plain_bytes() {
    let good = Batch::validated(plain(2)).unwrap();
    let zstd = Batch::validated(reseal(&set(&good.bytes, 21, [0, 4]))).unwrap();
    assert_eq!(zstd.records().err(), Some(RecordsError::Compressed(Compression::Zstd)));
    let records = Records::from_body(&zstd.header, good.body());
    assert!(records.eq(good.records().unwrap()));
}

#[test]
fn hostile_counts_in_records_are_errors() {
    let header = validate(&plain(1)).unwrap();
    let first = |body: &[u8]| Records::from_body(&header, Bytes::copy_from_slice(body)).next().unwrap();
    // Two billion headers in no bytes.
    let many_headers = [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(first(&many_headers), Err(RecordsError::Malformed));
    // A value of a gigabyte.
    assert_eq!(first(&[20, 0, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 0]), Err(RecordsError::Truncated));
    // A record longer than its batch.
    assert_eq!(first(&[100, 0, 0]), Err(RecordsError::Truncated));
    // A value that runs over its record's end into the next.
    assert_eq!(first(&[12, 0, 0, 0, 1, 6, 0, 0, 0, 0]), Err(RecordsError::Truncated));
    // A key of length -2 is null, as it is to Kafka.
    assert_eq!(first(&[12, 0, 0, 0, 3, 1, 0]).unwrap().key, None);
    // A header whose name has a length of -2.
    assert_eq!(first(&[16, 0, 0, 0, 1, 1, 2, 3, 1]), Err(RecordsError::Malformed));
    // An offset outside the batch.
    assert_eq!(first(&[12, 0, 0, 2, 1, 1, 0]), Err(RecordsError::Offset(1)));
    assert_eq!(first(&[]), Err(RecordsError::Truncated));
    let trailing: Vec<_> = Records::from_body(&header, Bytes::from_static(&[12, 0, 0, 0, 1, 1, 0, 9])).collect();
    assert!(trailing[0].is_ok());
    assert_eq!(trailing[1..], [Err(RecordsError::Trailing(1))]);
}

#[test]
fn a_malformed_batch_ends_the_walk() {
    let bytes = Bytes::from([plain(1), set(&plain(1), 16, [9]), plain(1)].concat());
    let walked: Vec<_> = Batches::new(bytes).collect();
    assert_eq!(walked.len(), 2);
    assert_eq!(walked[1], Err(BatchError::Magic(9)));
}
