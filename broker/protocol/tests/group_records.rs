//! Records of `__consumer_offsets`.

use proptest::prelude::*;
use tribunal_protocol::messages::*;
use tribunal_protocol::*;

fn key() -> OffsetCommitKey {
    OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 3 }
}

#[test]
fn an_offset_is_written_as_kafka_writes_it() {
    let value = OffsetCommitValue {
        offset: 42,
        leader_epoch: 7,
        metadata: "m".into(),
        commit_timestamp: 1_000,
        ..OffsetCommitValue::default()
    };
    let (written, body) = GroupRecord::Offset(key(), Some(value)).encode().unwrap();
    assert_eq!(&*written, b"\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x03");
    let expected = b"\x00\x04\0\0\0\0\0\0\0\x2a\0\0\0\x07\x02m\0\0\0\0\0\0\x03\xe8\0";
    assert_eq!(body.as_deref(), Some(&expected[..]));
}

#[test]
fn an_offset_that_kafka_0_8_committed_is_read() {
    let value = Bytes::from_static(b"\x00\x00\0\0\0\0\0\0\0\x2a\x00\x01m\0\0\0\0\0\0\x03\xe8");
    let read = GroupRecord::decode(Bytes::from_static(b"\x00\x00\x00\x01g\x00\x01t\x00\x00\x00\x03"), Some(value));
    let offset = OffsetCommitValue { offset: 42, metadata: "m".into(), commit_timestamp: 1_000, ..Default::default() };
    assert_eq!(read, Ok(Some(GroupRecord::Offset(key(), Some(offset)))));
}

#[test]
fn a_record_of_an_unknown_type_is_no_error_and_a_value_of_an_unknown_version_is() {
    assert_eq!(GroupRecord::decode(Bytes::from_static(b"\x00\x09anything"), None), Ok(None));
    let (key, _) = GroupRecord::Offset(key(), None).encode().unwrap();
    let error = GroupRecord::decode(key, Some(Bytes::from_static(b"\x00\x05"))).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnsupportedVersion { version: 5 });
    assert!(GroupRecord::decode(Bytes::from_static(b"\x00"), None).is_err());
}

proptest! {
    #[test]
    fn a_record_that_is_written_is_read_again(seed: u64, tombstone: bool) {
        let g = &mut Sampler::new(seed);
        let mut offset = OffsetCommitValue::sample(g, 4);
        if g.bool() {
            // An expiry of its own has no place beside what later versions carry.
            offset = OffsetCommitValue::sample(g, 1);
        }
        let records = [
            GroupRecord::Offset(OffsetCommitKey::sample(g, 0), (!tombstone).then_some(offset)),
            GroupRecord::Group(
                GroupMetadataKey::sample(g, 0),
                (!tombstone).then(|| GroupMetadataValue::sample(g, 3)),
            ),
        ];
        for record in records {
            let (key, value) = record.encode().unwrap();
            prop_assert_eq!(GroupRecord::decode(key, value), Ok(Some(record)));
        }
    }

    #[test]
    fn a_value_cut_short_is_an_error_and_a_rotten_one_no_panic(seed: u64, at: usize, bits in 1u8..) {
        let g = &mut Sampler::new(seed);
        let record = GroupRecord::Group(GroupMetadataKey::sample(g, 0), Some(GroupMetadataValue::sample(g, 3)));
        let (key, value) = record.encode().unwrap();
        let mut value = value.unwrap().to_vec();
        let at = at % value.len();
        value[at] ^= bits;
        if let Ok(Some(read)) = GroupRecord::decode(key.clone(), Some(value.clone().into())) {
            prop_assert!(read.encode().is_ok());
        }
        value[at] ^= bits;
        value.truncate(at);
        prop_assert!(GroupRecord::decode(key, Some(value.into())).is_err());
    }
}
