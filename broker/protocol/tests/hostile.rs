//! Bytes of an enemy: refused without a panic and without more heap than they justify.

// What the fuzz targets demand as well.
#[allow(dead_code, reason = "the fuzz targets use the rest")]
#[path = "../fuzz/src/oracle.rs"]
mod oracle;

use proptest::prelude::*;
use tribunal_protocol::frame::MAX_FRAME;
use tribunal_protocol::messages::*;
use tribunal_protocol::*;

/// Decodes as everything there is; values that come out hold no more heap than allowed and are what they say.
fn decode_as_everything(input: &Bytes) {
    for api in ApiKey::ALL {
        for version in versions(api).iter() {
            oracle::request_of(api, version, input);
            oracle::response_of(api, version, input);
        }
    }
    let _ = decode_request(input.clone());
    oracle::metadata_record(input);
}

/// A message of the seed, as bytes.
fn any_message(seed: u64) -> (ApiKey, i16, BytesMut) {
    let mut g = Sampler::new(seed);
    let api = ApiKey::ALL[g.below(ApiKey::ALL.len())];
    let range = versions(api);
    let version = range.min + g.below((range.max - range.min + 1) as usize) as i16;
    let mut out = BytesMut::new();
    match g.bool() {
        true => RequestBody::sample(api, version, &mut g).encode(version, &mut out).unwrap(),
        false => ResponseBody::sample(api, version, &mut g).encode(version, &mut out).unwrap(),
    }
    (api, version, out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_as_everything(&Bytes::from(bytes));
    }

    #[test]
    fn small_bytes_that_look_like_lengths_never_panic(bytes in prop::collection::vec(0_u8..6, 0..300)) {
        decode_as_everything(&Bytes::from(bytes));
    }

    #[test]
    fn mutated_messages_never_panic(
        seed: u64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (_, _, mut bytes) = any_message(seed);
        prop_assume!(!bytes.is_empty());
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        decode_as_everything(&bytes.freeze());
    }

    #[test]
    fn a_truncated_message_is_an_error_and_never_a_panic(seed: u64) {
        let mut g = Sampler::new(seed);
        for api in ApiKey::ALL {
            let version = versions(api).max;
            let mut out = BytesMut::new();
            RequestBody::sample(api, version, &mut g).encode(version, &mut out).unwrap();
            let bytes = out.freeze();
            for len in 0..bytes.len() {
                let cut = RequestBody::decode(api, version, &mut Reader::new(bytes.slice(..len)));
                prop_assert!(cut.is_err(), "{} {version}: {len} of {} bytes decode", api.name(), bytes.len());
            }
        }
    }

    #[test]
    fn a_huge_count_anywhere_asks_for_no_memory(
        seed: u64,
        index: prop::sample::Index,
        huge in prop::sample::select(vec![
            vec![0x7f, 0xff, 0xff, 0xff],
            vec![0xff, 0xff, 0xff, 0xff, 0x0f],
            vec![0x80, 0x00, 0x00, 0x00],
            vec![0x00, 0x10, 0x00, 0x00],
        ]),
    ) {
        let (_, _, bytes) = any_message(seed);
        let at = index.index(bytes.len() + 1);
        let hostile = [&bytes[..at], &huge, &bytes[at..]].concat();
        decode_as_everything(&Bytes::from(hostile));
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames(
        lens in prop::collection::vec(0_usize..40, 1..8),
        cuts in prop::collection::vec(1_usize..20, 1..50),
    ) {
        let frames: Vec<Vec<u8>> = lens.iter().enumerate().map(|(i, len)| vec![i as u8; *len]).collect();
        let framed = |frame: &Vec<u8>| [&(frame.len() as u32).to_be_bytes()[..], frame].concat();
        let stream: Vec<u8> = frames.iter().flat_map(framed).collect();
        let (mut connection, mut received, mut rest) = (Frames::new(MAX_FRAME), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            connection.received().extend_from_slice(now);
            while let Some(frame) = connection.next_frame().unwrap() {
                received.push(frame.to_vec());
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(received, frames);
    }
}

#[test]
fn the_count_that_made_another_decoder_ask_for_154_gigabytes_is_refused() {
    let mut reader = Reader::new(Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]));
    let error = MetadataRequest::decode(1, &mut reader).unwrap_err();
    assert_eq!((error.at, error.offset, error.kind), ("MetadataRequest.Topics", 4, DecodeErrorKind::Truncated));
}

#[test]
fn one_byte_strings_cannot_be_blown_up_into_handles() {
    // Half a million empty names, a byte each, whose handles would take 16 MiB.
    let count = 500_000_u32;
    let mut bytes = BytesMut::new();
    let compact = count + 1;
    bytes.extend_from_slice(&[compact as u8 | 0x80, (compact >> 7) as u8 | 0x80, (compact >> 14) as u8]);
    bytes.extend_from_slice(&vec![1; count as usize]);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0]);
    let error = DeleteTopicsRequest::decode(4, &mut Reader::new(bytes.freeze())).unwrap_err();
    assert_eq!((error.at, error.kind), ("DeleteTopicsRequest.TopicNames", DecodeErrorKind::HeapBudget));
}

#[test]
fn many_small_arrays_share_one_budget() {
    // Each topic's own array is small; together they are not.
    let topic = fetch_request::FetchTopic { topic: Str::new(), ..Default::default() };
    let request = FetchRequest { topics: vec![topic; 100_000], ..Default::default() };
    let mut out = BytesMut::new();
    request.encode(12, &mut out).unwrap();
    let error = FetchRequest::decode(12, &mut Reader::new(out.freeze())).unwrap_err();
    assert_eq!((error.at, error.kind), ("FetchRequest.Topics", DecodeErrorKind::HeapBudget));
}

#[test]
fn a_metadata_request_for_ten_thousand_short_names_is_within_the_budget() {
    let topic = |i: usize| metadata_request::MetadataRequestTopic {
        name: Some(Str::from(format!("topic{i:04}"))),
        ..Default::default()
    };
    let request = MetadataRequest { topics: Some((0..10_000).map(topic).collect()), ..Default::default() };
    for version in versions(ApiKey::Metadata).iter() {
        let mut out = BytesMut::new();
        request.encode(version, &mut out).unwrap();
        assert!(MetadataRequest::decode(version, &mut Reader::new(out.freeze())).is_ok(), "version {version}");
    }
}
