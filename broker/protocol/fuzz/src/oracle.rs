//! What must hold of every decoder, whatever it is given. The tests of the crate use it as well.

use tribunal_protocol::*;

/// Decodes a request body of any API: the first two bytes say which one and which version, the rest is the body.
pub fn request(input: &Bytes) {
    if let Some((api, version, body)) = choose(input) {
        request_of(api, version, &body);
    }
}

/// Decodes a response body, chosen in the same way.
pub fn response(input: &Bytes) {
    if let Some((api, version, body)) = choose(input) {
        response_of(api, version, &body);
    }
}

/// Decodes a request body of this API and version.
pub fn request_of(api: ApiKey, version: i16, input: &Bytes) {
    if let Ok(body) = RequestBody::decode(api, version, &mut Reader::new(input.clone())) {
        assert!(body.heap() <= heap_limit(input.len()), "{body:?}");
        encodes_again(&body, version, RequestBody::encode, |r| RequestBody::decode(api, version, r));
    }
}

/// Decodes a response body of this API and version.
pub fn response_of(api: ApiKey, version: i16, input: &Bytes) {
    if let Ok(body) = ResponseBody::decode(api, version, &mut Reader::new(input.clone())) {
        assert!(body.heap() <= heap_limit(input.len()), "{body:?}");
        encodes_again(&body, version, ResponseBody::encode, |r| ResponseBody::decode(api, version, r));
    }
}

/// Decodes a metadata record.
pub fn metadata_record(input: &Bytes) {
    if let Ok((record, version)) = MetadataRecord::decode(input.clone()) {
        let mut out = BytesMut::new();
        record.encode(version, &mut out).unwrap();
        assert_eq!(MetadataRecord::decode(out.freeze()), Ok((record, version)));
    }
}

/// The input by which [`request`] and [`response`] decode this body.
pub fn chosen(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let place = ApiKey::ALL.iter().position(|known| *known == api).expect("all are there");
    let mut input = vec![place as u8, (version - versions(api).min) as u8];
    input.extend_from_slice(body);
    input
}

/// The API and version that an input chooses, and the body.
pub fn choose(input: &Bytes) -> Option<(ApiKey, i16, Bytes)> {
    let &[api, version] = input.first_chunk()?;
    let api = ApiKey::ALL[usize::from(api) % ApiKey::ALL.len()];
    let range = versions(api);
    let count = range.max - range.min + 1;
    Some((api, range.min + i16::from(version) % count, input.slice(2..)))
}

/// The promise of `Reader`: what decoding may allocate for so many bytes.
fn heap_limit(input: usize) -> usize {
    (HEAP_PER_BYTE * input).max(HEAP_FLOOR)
}

/// What was decoded can be encoded, and then decodes to the same: nothing lies between what is read and written.
fn encodes_again<T: PartialEq + core::fmt::Debug>(
    value: &T,
    version: i16,
    encode: impl FnOnce(&T, i16, &mut BytesMut) -> Result<(), EncodeError>,
    decode: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) {
    let mut out = BytesMut::new();
    encode(value, version, &mut out).unwrap();
    assert_eq!(decode(&mut Reader::new(out.freeze())).as_ref(), Ok(value));
}
