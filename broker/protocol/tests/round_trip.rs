//! Every message at every version: what is encoded is decoded again, and measured exactly.

use proptest::prelude::*;
use tribunal_protocol::messages::*;
use tribunal_protocol::*;

/// Encodes with one closure, decodes with the other, and compares value and sizes.
fn round_trip<T: PartialEq + core::fmt::Debug>(
    name: &str,
    value: &T,
    size: usize,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    decode: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) {
    let mut out = BytesMut::new();
    encode(&mut out).unwrap_or_else(|error| panic!("{name}: {error}\n{value:#?}"));
    assert_eq!(out.len(), size, "{name}: size\n{value:#?}");
    let mut reader = Reader::new(out.freeze());
    let decoded = decode(&mut reader).unwrap_or_else(|error| panic!("{name}: {error}\n{value:#?}"));
    assert_eq!(decoded, *value, "{name}");
    assert_eq!(reader.remaining(), 0, "{name}: bytes are left");
}

macro_rules! round_trip_plain {
    ($seed:expr, $($message:ident),+) => {$(
        for version in $message::VERSIONS.iter() {
            let value = $message::sample(&mut Sampler::new($seed), version);
            round_trip(
                stringify!($message),
                &value,
                value.encoded_size(version),
                |out| value.encode(version, out),
                |input| $message::decode(version, input),
            );
        }
    )+};
}

proptest! {
    #[test]
    fn every_request_and_response_comes_back_as_it_was(seed: u64) {
        for api in ApiKey::ALL {
            for version in versions(api).iter() {
                let g = &mut Sampler::new(seed);
                let request = RequestBody::sample(api, version, g);
                prop_assert_eq!(request.api_key(), api);
                round_trip(
                    api.name(),
                    &request,
                    request.encoded_size(version),
                    |out| request.encode(version, out),
                    |input| RequestBody::decode(api, version, input),
                );
                let response = ResponseBody::sample(api, version, g);
                prop_assert_eq!(response.api_key(), api);
                round_trip(
                    api.name(),
                    &response,
                    response.encoded_size(version),
                    |out| response.encode(version, out),
                    |input| ResponseBody::decode(api, version, input),
                );
            }
        }
    }

    #[test]
    fn every_metadata_record_comes_back_with_its_version(seed: u64) {
        for key in MetadataRecord::KEYS {
            let any = MetadataRecord::sample(key, 0, &mut Sampler::new(seed)).unwrap();
            for version in any.versions().iter() {
                let record = MetadataRecord::sample(key, version, &mut Sampler::new(seed)).unwrap();
                prop_assert_eq!(record.key(), key);
                let mut out = BytesMut::new();
                record.encode(version, &mut out).unwrap();
                prop_assert_eq!(out.len(), record.encoded_size(version));
                prop_assert_eq!(MetadataRecord::decode(out.freeze()), Ok((record, version)));
            }
        }
    }

    #[test]
    fn headers_and_bodies_of_control_records_come_back_as_they_were(seed: u64) {
        round_trip_plain!(
            seed,
            RequestHeader, ResponseHeader, LeaderChangeMessage, SnapshotHeaderRecord, SnapshotFooterRecord,
            KRaftVersionRecord, VotersRecord
        );
    }

    #[test]
    fn a_request_and_its_response_travel_in_frames_of_the_size_foretold(seed: u64, correlation_id: i32) {
        let mut connection = Frames::new(frame::MAX_FRAME);
        for api in ApiKey::ALL {
            for version in versions(api).iter() {
                let g = &mut Sampler::new(seed);
                let client_id = g.option(true, Sampler::str);
                let body = RequestBody::sample(api, version, g);
                let bytes = encode_request(correlation_id, client_id.as_ref(), version, &body).unwrap();
                let message = Message::Request { version, body };
                prop_assert_eq!(bytes.len(), message.wire_size_with_client_id(client_id.as_ref().map_or(0, Str::len)));
                connection.received().extend_from_slice(&bytes);
                let (header, body) = decode_request(connection.next_frame().unwrap().unwrap()).unwrap();
                prop_assert_eq!((header.correlation_id, header.client_id), (correlation_id, client_id));
                prop_assert_eq!((header.request_api_key, header.request_api_version), (api as i16, version));
                prop_assert_eq!(Message::Request { version, body }, message);

                let body = ResponseBody::sample(api, version, g);
                let bytes = encode_response(correlation_id, version, &body).unwrap();
                let message = Message::Response { version, body };
                prop_assert_eq!(bytes.len(), message.wire_size());
                connection.received().extend_from_slice(&bytes);
                let frame = connection.next_frame().unwrap().unwrap();
                let (header, body) = decode_response(frame, api, version).unwrap();
                prop_assert_eq!(header.correlation_id, correlation_id);
                prop_assert_eq!(Message::Response { version, body }, message);
            }
        }
    }
}
