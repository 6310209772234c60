//! What the codec promises beyond the round trip, one promise a test.

use core::hash::{BuildHasher, Hash};
use std::hash::{BuildHasherDefault, DefaultHasher};

use tribunal_protocol::messages::*;
use tribunal_protocol::*;

fn encoded(body: impl Into<RequestBody>, version: i16) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::new();
    body.into().encode(version, &mut out).map(|()| out.freeze())
}

#[test]
fn produce_is_advertised_from_0_and_served_from_3() {
    assert_eq!(versions(ApiKey::Produce), VersionRange { min: 3, max: 13 });
    assert_eq!(advertised_versions(ApiKey::Produce), VersionRange { min: 0, max: 13 });
    for api in ApiKey::ALL.into_iter().filter(|api| *api != ApiKey::Produce) {
        assert_eq!(advertised_versions(api), versions(api), "{}", api.name());
    }
}

#[test]
fn keys_of_apis_are_those_of_kafka() {
    for api in ApiKey::ALL {
        assert_eq!(ApiKey::try_from(api as i16), Ok(api));
    }
    assert!(ApiKey::ALL.is_sorted());
    assert_eq!(ApiKey::try_from(-1), Err(UnknownApiKey(-1)));
    assert_eq!(ApiKey::AlterPartition as i16, 56);
    assert_eq!(ApiKey::AlterPartition.name(), "AlterPartition");
}

#[test]
fn an_api_versions_request_of_the_future_gets_a_body_of_version_0() {
    // Version 99, then bytes that no known version explains.
    let frame = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 7, 1, 2, 3]);
    let error = decode_request(frame).unwrap_err();
    assert_eq!(error.unsupported_api_versions(), Some(7));

    let mut connection = Frames::new(100);
    connection.received().extend_from_slice(&encode_unsupported_api_versions(7).unwrap());
    let frame = connection.next_frame().unwrap().unwrap();
    let (header, body) = decode_response(frame, ApiKey::ApiVersions, 0).unwrap();
    assert_eq!(header.correlation_id, 7);
    let ResponseBody::ApiVersions(body) = body else { panic!("{body:?}") };
    assert_eq!(ErrorCode::from_code(body.error_code), ErrorCode::UnsupportedVersion);
    let range = &body.api_keys[0];
    assert_eq!((range.api_key, range.min_version, range.max_version), (18, 0, 4));
}

#[test]
fn a_request_of_an_unserved_version_or_unknown_api_says_whom_to_answer() {
    let produce_v2 = Bytes::from_static(&[0, 0, 0, 2, 0, 0, 0, 9, 0xff, 0xff]);
    let error = decode_request(produce_v2).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnsupportedRequest { api_key: 0, version: 2, correlation_id: 9 });
    assert_eq!(error.unsupported_api_versions(), None);

    let unknown = Bytes::from_static(&[3, 0xe7, 0, 0, 0, 0, 0, 9, 0xff, 0xff]);
    let error = decode_request(unknown).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnknownApi { api_key: 999, correlation_id: 9 });
}

#[test]
fn bytes_after_a_request_are_ignored_and_after_an_answer_an_error() {
    // All topics, as librdkafka 2.16 asks for them: it keeps room for a count that it then does not need.
    let librdkafkas = b"\x00\x03\x00\x0d\x00\x00\x00\x02\x00\x07rdkafka\x00\x00\x00\x00\x00\x00\x00\x00";
    let (header, body) = decode_request(Bytes::from_static(librdkafkas)).unwrap();
    assert_eq!((header.request_api_version, header.correlation_id), (13, 2));
    assert_eq!(body, MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() }.into());

    let bytes = encode_response(1, 0, &ApiVersionsResponse::default().into()).unwrap();
    let longer = [&bytes[4..], &[0]].concat();
    let error = decode_response(longer.into(), ApiKey::ApiVersions, 0).unwrap_err();
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::Trailing, 10));
}

#[test]
fn a_frame_longer_than_the_limit_is_refused_before_it_arrives() {
    let mut connection = Frames::new(16);
    connection.received().extend_from_slice(&[0, 0, 0, 17]);
    assert_eq!(connection.next_frame().unwrap_err().kind, DecodeErrorKind::FrameTooLarge { len: 17 });
    let mut connection = Frames::new(16);
    connection.received().extend_from_slice(&[0xff, 0, 0, 17]);
    assert_eq!(connection.next_frame().unwrap_err().kind, DecodeErrorKind::InvalidFrame);
}

#[test]
fn a_value_that_the_version_lacks_is_an_error_unless_it_may_be_dropped() {
    let topic = fetch_request::ForgottenTopic { topic: "orders".into(), ..Default::default() };
    let request = FetchRequest { forgotten_topics_data: vec![topic], rack_id: "r1".into(), ..Default::default() };
    assert_eq!(
        encoded(request.clone(), 6),
        Err(EncodeError { at: "FetchRequest.ForgottenTopicsData", kind: EncodeErrorKind::Absent { version: 6 } })
    );
    // The rack is ignorable: version 7 drops it and is read back without it.
    let bytes = encoded(request, 7).unwrap();
    let read = FetchRequest::decode(7, &mut Reader::new(bytes)).unwrap();
    assert_eq!((read.rack_id.len(), read.forgotten_topics_data.len()), (0, 1));
}

#[test]
fn a_tagged_value_that_the_version_lacks_is_an_error_too() {
    let state = fetch_request::ReplicaState { replica_id: 1, replica_epoch: 1 };
    let request = FetchRequest { replica_state: state, ..Default::default() };
    let error = encoded(request, 14).unwrap_err();
    assert_eq!((error.at, error.kind), ("FetchRequest.ReplicaState", EncodeErrorKind::Absent { version: 14 }));
}

#[test]
fn null_is_an_error_both_ways_where_a_version_does_not_allow_it() {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let error = encoded(request, 0).unwrap_err();
    assert_eq!((error.at, error.kind), ("MetadataRequest.Topics", EncodeErrorKind::Null));
    let null = Bytes::from_static(&[0xff; 4]);
    let error = MetadataRequest::decode(0, &mut Reader::new(null.clone())).unwrap_err();
    assert_eq!((error.at, error.kind), ("MetadataRequest.Topics", DecodeErrorKind::InvalidLength));
    assert_eq!(MetadataRequest::decode(1, &mut Reader::new(null)).unwrap().topics, None);
}

#[test]
fn a_string_longer_than_its_length_field_is_an_error_and_leaves_no_bytes() {
    let topic = metadata_request::MetadataRequestTopic { name: Some("x".repeat(40_000).into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let mut out = BytesMut::from(&b"before"[..]);
    let error = request.encode(1, &mut out).unwrap_err();
    assert_eq!((error.at, error.kind), ("MetadataRequest.MetadataRequestTopic.Name", EncodeErrorKind::TooLong));
    assert_eq!(out, &b"before"[..]);
    // Compact lengths have room for it.
    request.encode(9, &mut out).unwrap();
}

#[test]
fn versions_that_a_message_does_not_have_are_errors() {
    let error = encoded(FetchRequest::default(), 3).unwrap_err();
    assert_eq!((error.at, error.kind), ("FetchRequest", EncodeErrorKind::UnsupportedVersion { version: 3 }));
    let error = FetchRequest::decode(19, &mut Reader::new(Bytes::new())).unwrap_err();
    assert_eq!((error.at, error.kind), ("FetchRequest", DecodeErrorKind::UnsupportedVersion { version: 19 }));
    let error = MetadataRecord::from(NoOpRecord {}).encode(1, &mut BytesMut::new()).unwrap_err();
    assert_eq!(error.kind, EncodeErrorKind::UnsupportedVersion { version: 1 });
}

#[test]
fn a_tagged_field_at_its_default_is_not_on_the_wire() {
    let bytes = encoded(FetchRequest::default(), 18).unwrap();
    assert_eq!(bytes.last(), Some(&0), "the count of tagged fields");
    let tagged = FetchRequest { cluster_id: Some("c".into()), ..Default::default() };
    assert_eq!(encoded(tagged, 18).unwrap().len(), bytes.len() + b"\x00\x02\x02c".len());
}

/// An ApiVersions request of version 3 with these tagged fields.
fn with_tags(tags: &[u8]) -> Result<ApiVersionsRequest, DecodeErrorKind> {
    let bytes = [b"\x02a\x02b", tags].concat();
    let mut reader = Reader::new(bytes.into());
    let read = ApiVersionsRequest::decode(3, &mut reader).map_err(|error| error.kind)?;
    assert_eq!(reader.remaining(), 0);
    Ok(read)
}

#[test]
fn unknown_tagged_fields_are_passed_over_and_forgotten() {
    let read = with_tags(b"\x02\x05\x03abc\x07\x00").unwrap();
    assert_eq!(encoded(read, 3).unwrap(), &b"\x02a\x02b\x00"[..]);
}

#[test]
fn tagged_fields_that_lie_are_errors() {
    assert_eq!(with_tags(b"\x01\x05\x04abc"), Err(DecodeErrorKind::Truncated), "longer than the input");
    assert_eq!(with_tags(b"\x02\x05\x00\x05\x00"), Err(DecodeErrorKind::TagOrder), "twice the same");
    assert_eq!(with_tags(b"\x02\x05\x00\x04\x00"), Err(DecodeErrorKind::TagOrder), "descending");
    assert_eq!(with_tags(b"\xff\xff\xff\xff\x0f"), Err(DecodeErrorKind::Truncated), "more than there are");
    assert_eq!(with_tags(b"\xff\xff\xff\xff\x1f"), Err(DecodeErrorKind::InvalidVarint), "33 bits");
    assert_eq!(with_tags(b"\x80\x80\x80\x80\x80\x00"), Err(DecodeErrorKind::InvalidVarint), "six bytes");
}

#[test]
fn a_known_tagged_field_is_bounded_to_the_size_it_declares() {
    let bytes = encoded(FetchRequest { cluster_id: Some("abc".into()), ..Default::default() }, 12).unwrap();
    let at = bytes.len() - 5;
    assert_eq!(bytes[at..], b"\x04\x04abc"[..]);
    for (declared, what, kind) in [
        (3, "a value that reaches beyond its field", DecodeErrorKind::Truncated),
        (5, "a field that reaches beyond the input", DecodeErrorKind::Truncated),
    ] {
        let mut bytes = bytes.to_vec();
        bytes[at] = declared;
        let error = FetchRequest::decode(12, &mut Reader::new(bytes.into())).unwrap_err();
        assert_eq!(error.kind, kind, "{what}");
    }
    let mut bytes = bytes.to_vec();
    bytes[at] = 5;
    bytes.push(0);
    let error = FetchRequest::decode(12, &mut Reader::new(bytes.into())).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TagSize, "a field longer than its value");
}

#[test]
fn records_of_a_frame_are_slices_of_it() {
    let records = Bytes::from(vec![7; 1000]);
    let partition = produce_request::PartitionProduceData { index: 0, records: Some(records) };
    let topic = produce_request::TopicProduceData { partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { topic_data: vec![topic], ..Default::default() };
    let frame = encoded(request, 13).unwrap();
    let read = ProduceRequest::decode(13, &mut Reader::new(frame.clone())).unwrap();
    let slice = read.topic_data[0].partition_data[0].records.clone().unwrap();
    assert!(frame.as_ptr_range().contains(&slice.as_ptr()));
}

#[test]
fn a_detached_string_lets_its_frame_go() {
    let frame = Bytes::from(b"orders and much more".to_vec());
    let name = Str::from_utf8(frame.slice(..6)).unwrap();
    let detached = name.detach();
    assert_eq!(detached, name);
    drop(name);
    assert!(frame.is_unique());
}

#[test]
fn strings_that_are_not_utf8_are_errors() {
    let error = ApiVersionsRequest::decode(3, &mut Reader::new(Bytes::from_static(b"\x02\xff\x01\x00"))).unwrap_err();
    assert_eq!((error.at, error.kind), ("ApiVersionsRequest.ClientSoftwareName", DecodeErrorKind::InvalidUtf8));
}

#[test]
fn a_string_is_equal_ordered_and_hashed_as_str() {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = BuildHasherDefault::<DefaultHasher>::default().build_hasher();
        value(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    };
    let texts = ["", "a", "ab", "b", "ß", "→", "𝄞", "orders"];
    for a in texts {
        for b in texts {
            assert_eq!(Str::from(a).cmp(&Str::from(b)), a.cmp(b));
            let (left, right) = (Str::from(a), Str::from(b));
            assert_eq!(left == right, a == b);
        }
        assert_eq!(hash(&|h| Str::from(a).hash(h)), hash(&|h| a.hash(h)));
        assert_eq!((Str::from(a).as_str(), format!("{:?}", Str::from(a))), (a, format!("{a:?}")));
    }
}

#[test]
fn error_codes_that_are_not_known_are_unknown_server_errors() {
    for error in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_code(error.code()), error);
    }
    assert_eq!(ErrorCode::ALL.len(), 135);
    assert_eq!(ErrorCode::NotLeaderOrFollower.code(), 6);
    assert_eq!(ErrorCode::NotLeaderOrFollower.name(), "NOT_LEADER_OR_FOLLOWER");
    assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
    for code in [-2, 134, i16::MAX, i16::MIN] {
        assert_eq!(ErrorCode::from_code(code), ErrorCode::UnknownServerError);
    }
}

#[test]
fn metadata_records_in_another_frame_are_errors() {
    let kind = |bytes: &'static [u8]| MetadataRecord::decode(Bytes::from_static(bytes)).unwrap_err().kind;
    assert_eq!(kind(b"\x00\x14\x00\x00"), DecodeErrorKind::UnsupportedVersion { version: 0 });
    assert_eq!(kind(b"\x02\x14\x00\x00"), DecodeErrorKind::UnsupportedVersion { version: 2 });
    assert_eq!(kind(b"\x01\x06\x00\x00"), DecodeErrorKind::UnknownRecord { key: 6 });
    assert_eq!(kind(b"\x01\x14\x01\x00"), DecodeErrorKind::UnsupportedVersion { version: 1 });
    assert_eq!(kind(b"\x01\x14\x00\x00\x00"), DecodeErrorKind::Trailing);
}

#[test]
fn messages_are_cheap_to_move() {
    assert!(size_of::<Message>() <= 192);
    assert!(size_of::<ResponseBody>() <= 128, "{}", size_of::<ResponseBody>());
}
