//! Frames that are no request: cut, continued, of a version or an API that there is not.

use bytes::{BufMut, Bytes, BytesMut};
use tribunal_protocol::frame::LENGTH_BYTES;
use tribunal_protocol::{ApiKey, RequestBody, Sampler};

use super::{CORRELATION_ID, Case};
use crate::cases::steer::steer;

/// A number that no API of Kafka has.
const NO_API: i16 = 9_999;
const KEY_AT: usize = LENGTH_BYTES;
const VERSION_AT: usize = LENGTH_BYTES + 2;

fn reframed(body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + body.len());
    frame.put_u32(body.len() as u32);
    frame.put_slice(body);
    frame.freeze()
}

pub(super) fn cases(api: ApiKey) -> Vec<Case> {
    let range = api.versions();
    let mut g = Sampler::new(api as u64);
    let mut body = RequestBody::sample(api, range.max, &mut g);
    steer(&mut body, range.max, &mut g);
    let Some(valid) = Case::new("", range.max, &body) else { return Vec::new() };
    let case =
        |name: &str, version, frame| Case { name: name.to_owned(), version, frame, answered: true, ..valid.clone() };
    let patched = |at: usize, value: i16| {
        let mut frame = BytesMut::from(&valid.frame[..]);
        frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
        frame.freeze()
    };
    let content = &valid.frame[LENGTH_BYTES..];
    // The answer to a version of ApiVersions that is not served is of version 0 (KIP-511).
    let read_as = if api == ApiKey::ApiVersions { 0 } else { range.max };
    let mut header = BytesMut::new();
    header.put_i16(api as i16);
    header.put_i16(range.max);
    header.put_i32(CORRELATION_ID);
    vec![
        case("cut short", range.max, reframed(&content[..content.len() - 1])),
        case("the start of a header", range.max, reframed(&header)),
        case("an empty frame", range.max, reframed(&[])),
        case("a version too new", read_as, patched(VERSION_AT, range.max + 1)),
        case("a version far too new", read_as, patched(VERSION_AT, i16::MAX)),
        case("a negative version", read_as, patched(VERSION_AT, -1)),
        case("an API that is none", range.max, patched(KEY_AT, NO_API)),
    ]
}
