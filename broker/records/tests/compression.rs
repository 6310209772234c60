//! Compressed batches: looked at as they are, record by record.

mod common;

use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use common::{batch, build, plain};
use kafka_protocol::records as theirs;
use proptest::prelude::*;
use tribunal_records::*;

const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn marks(batch: &Batch) -> Result<Vec<RecordMark>, RecordsError> {
    let mut marks = Vec::new();
    walk(&batch.header, &batch.body(), |mark| {
        marks.push(mark);
        ControlFlow::Continue(())
    })?;
    Ok(marks)
}

fn compressed(bytes: Bytes, codec: Compression) -> Batch {
    Batch::validated(bytes).unwrap().compressed(codec)
}

/// The same header over another body.
fn with_body(batch: &Batch, body: &[u8]) -> Batch {
    let mut bytes = BytesMut::from(&batch.bytes[..HEADER_LEN]);
    bytes.extend_from_slice(body);
    let length = bytes.len() as u32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc_fast::crc32_iscsi(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    Batch::validated(bytes.freeze()).unwrap()
}

proptest! {
    #[test]
    fn a_compressed_batch_has_the_records_of_the_plain_one((options, records) in batch(), codec in 0..4usize) {
        let plain = Batch::validated(build(options, &records)).unwrap();
        let expected: Vec<_> = records
            .iter()
            .map(|r| RecordMark { offset_delta: (r.offset - options.base_offset) as i32, timestamp: r.timestamp })
            .collect();
        prop_assert_eq!(marks(&plain).unwrap(), expected.clone());
        let packed = plain.compressed(CODECS[codec]);
        prop_assert_eq!(Batch::validated(packed.bytes.clone()).unwrap(), packed.clone());
        prop_assert_eq!(packed.header.attributes.compression(), Ok(CODECS[codec]));
        prop_assert_eq!(marks(&packed).unwrap(), expected);
    }

    #[test]
    fn no_bytes_of_a_compressed_body_are_trusted(
        codec in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep: prop::sample::Index,
    ) {
        let whole = compressed(plain(20), CODECS[codec]);
        let mut body = whole.body().to_vec();
        for (at, value) in changes {
            let at = at.index(body.len());
            body[at] = value;
        }
        body.truncate(keep.index(body.len() + 1));
        let _ = marks(&with_body(&whole, &body));
    }

    #[test]
    fn a_body_that_is_cut_is_noticed(codec in 0..4usize, keep: prop::sample::Index) {
        let whole = compressed(plain(50), CODECS[codec]);
        let body = whole.body();
        // The last bytes may be a checksum, which codecs look at after the last record.
        let cut = keep.index(body.len() / 2);
        prop_assert!(marks(&with_body(&whole, &body[..cut])).is_err());
    }
}

#[test]
fn what_another_implementation_compresses_is_read() {
    let codecs =
        [theirs::Compression::Gzip, theirs::Compression::Snappy, theirs::Compression::Lz4, theirs::Compression::Zstd];
    for (codec, compression) in CODECS.into_iter().zip(codecs) {
        let record = |offset| theirs::Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: theirs::TimestampType::Creation,
            offset,
            // It splits a batch whose sequence numbers do not follow its offsets.
            sequence: offset as i32 - 1,
            timestamp: 5_000 + offset,
            key: None,
            value: Some(Bytes::from(vec![7; 100_000])),
            headers: Default::default(),
        };
        let records: Vec<_> = (0..3).map(record).collect();
        let mut out = BytesMut::new();
        let how = theirs::RecordEncodeOptions { version: 2, compression };
        theirs::RecordBatchEncoder::encode(&mut out, &records, &how).unwrap();
        let batch = Batch::validated(out.freeze()).unwrap();
        assert_eq!(batch.header.attributes.compression(), Ok(codec));
        let expected = [0, 1, 2].map(|i| RecordMark { offset_delta: i, timestamp: 5_000 + i64::from(i) });
        assert_eq!(marks(&batch).unwrap(), expected);
    }
}

#[test]
fn a_record_that_does_not_end_is_given_up_at_the_limit() {
    // A value of more bytes than any batch may have, of which all are there.
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(1, None, Some(&vec![0; MAX_DECOMPRESSED as usize]), &[]);
    let bomb = compressed(builder.build(), Compression::Zstd);
    assert!(bomb.bytes.len() < 64 << 10, "{} bytes", bomb.bytes.len());
    assert_eq!(marks(&bomb), Err(RecordsError::TooLarge));
}

#[test]
fn bytes_after_the_last_record_are_noticed() {
    let whole = Batch::validated(plain(2)).unwrap();
    let longer = with_body(&whole, &[&whole.body()[..], b"x"].concat());
    assert_eq!(marks(&longer), Err(RecordsError::Trailing(1)));
    for codec in CODECS {
        assert!(matches!(marks(&longer.compressed(codec)), Err(RecordsError::Trailing(_))), "{codec:?}");
    }
}

#[test]
fn a_batch_is_told_from_rubbish_by_its_length_and_format() {
    let batch = plain(2);
    let changed = |at: usize, value: &[u8]| {
        let mut bytes = batch.to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        framed(&bytes)
    };
    assert_eq!(framed(&batch), Ok(Some(batch.len())));
    assert_eq!(framed(&[&batch[..], b"more"].concat()), Ok(Some(batch.len())));
    assert_eq!(framed(&batch[..batch.len() - 1]), Ok(None));
    assert_eq!(framed(&batch[..11]), Ok(None));
    assert_eq!(changed(8, &13i32.to_be_bytes()), Err(BatchError::Length(13)));
    assert_eq!(changed(8, &(-1i32).to_be_bytes()), Err(BatchError::Length(-1)));
    assert_eq!(changed(16, &[3]), Err(BatchError::Magic(3)));
    assert_eq!(changed(16, &[1]), Ok(Some(batch.len())), "a format of before");
}

#[test]
fn a_leader_overwrites_what_a_batch_says_of_its_timestamps() {
    let batch = plain(2);
    let attributes = Attributes::default().with_timestamp_type(TimestampType::LogAppendTime);
    let mut stamped = batch.to_vec();
    stamped[21..23].copy_from_slice(&attributes.0.to_be_bytes());
    let right = create_time(stamped.into(), 77);
    assert!(is_intact(&right));
    let header = validate(&right).unwrap();
    assert_eq!((header.max_timestamp, header.attributes.timestamp_type()), (77, TimestampType::CreateTime));
    assert_eq!(create_time(right, validate(&batch).unwrap().max_timestamp), batch);
}
