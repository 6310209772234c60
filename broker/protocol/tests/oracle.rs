//! The `kafka-protocol` crate reads our bytes and writes the same ones, for every API at every version.

use kafka_protocol::messages::{ApiKey as TheirKey, RequestKind, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;
use tribunal_protocol::messages::*;
use tribunal_protocol::*;

fn their_key(api: ApiKey) -> TheirKey {
    TheirKey::try_from(api as i16).unwrap()
}

/// Our bytes, read and written there, are the same; and read here again, the same value.
fn agree<T: PartialEq + core::fmt::Debug>(
    what: &str,
    ours: &T,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    through_theirs: impl FnOnce(&mut Bytes, &mut BytesMut),
    decode: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) {
    let mut out = BytesMut::new();
    encode(&mut out).unwrap();
    let bytes = out.freeze();
    let (mut rest, mut theirs) = (bytes.clone(), BytesMut::new());
    through_theirs(&mut rest, &mut theirs);
    assert!(rest.is_empty(), "{what}: they leave {} bytes of\n{ours:#?}", rest.len());
    assert_eq!(theirs, bytes, "{what}: they write other bytes for\n{ours:#?}");
    assert_eq!(decode(&mut Reader::new(theirs.freeze())).as_ref(), Ok(ours), "{what}");
}

macro_rules! agree_plain {
    ($seed:expr, $($message:ident $({ $field:ident })?),+) => {$(
        for version in $message::VERSIONS.iter() {
            #[allow(unused_mut)]
            let mut value = $message::sample(&mut Sampler::new($seed), version);
            $(value.$field = version;)?
            agree(
                stringify!($message),
                &value,
                |out| value.encode(version, out),
                |input, out| {
                    kafka_protocol::messages::$message::decode(input, version).unwrap().encode(out, version).unwrap();
                },
                |input| $message::decode(version, input),
            );
        }
    )+};
}

proptest! {
    #[test]
    fn kafka_protocol_agrees_on_every_request_and_response(seed: u64) {
        for api in ApiKey::ALL {
            for version in versions(api).iter() {
                let what = format!("{} {version}", api.name());
                let g = &mut Sampler::new(seed);
                let request = RequestBody::sample(api, version, g);
                agree(
                    &what,
                    &request,
                    |out| request.encode(version, out),
                    |input, out| {
                        RequestKind::decode(their_key(api), input, version).unwrap().encode(out, version).unwrap();
                    },
                    |input| RequestBody::decode(api, version, input),
                );
                let response = ResponseBody::sample(api, version, g);
                agree(
                    &what,
                    &response,
                    |out| response.encode(version, out),
                    |input, out| {
                        ResponseKind::decode(their_key(api), input, version).unwrap().encode(out, version).unwrap();
                    },
                    |input| ResponseBody::decode(api, version, input),
                );
            }
        }
    }

    #[test]
    fn kafka_protocol_agrees_on_headers_and_control_records(seed: u64) {
        // Their decoder takes the field `Version` for the version of the message from there on.
        agree_plain!(
            seed,
            RequestHeader,
            ResponseHeader,
            LeaderChangeMessage { version },
            SnapshotHeaderRecord { version },
            SnapshotFooterRecord { version },
            KRaftVersionRecord { version },
            VotersRecord { version }
        );
    }
}

#[test]
fn kafka_protocol_agrees_on_versions_and_header_versions() {
    for api in ApiKey::ALL {
        let theirs = their_key(api).valid_versions();
        // Kafka 4.1 has a last version of these that it does not serve, and the oracle no code for it.
        let unstable = matches!(api, ApiKey::OffsetCommit | ApiKey::OffsetFetch);
        let last = theirs.max - i16::from(unstable);
        assert_eq!((versions(api).min, versions(api).max), (theirs.min, last), "{}", api.name());
        for version in versions(api).iter() {
            assert_eq!(
                request_header_version(api, version),
                their_key(api).request_header_version(version),
                "{}",
                api.name()
            );
            assert_eq!(
                response_header_version(api, version),
                their_key(api).response_header_version(version),
                "{}",
                api.name()
            );
        }
    }
}

#[test]
fn kafka_protocol_agrees_on_error_codes() {
    use kafka_protocol::error::ParseResponseErrorCode;
    for error in ErrorCode::ALL.into_iter().filter(|error| error.is_error()) {
        let theirs = error.code().err().unwrap();
        assert_eq!(theirs.code(), error.code(), "{error}");
        // Retriable in Apache Kafka 4.1.1.
        if error != ErrorCode::ConcurrentTransactions {
            assert_eq!(theirs.is_retriable(), error.is_retriable(), "{error}");
        }
        assert_eq!(format!("{theirs:?}"), format!("{error:?}"));
    }
}
