//! Requests and responses as the frames of a connection: a length of four bytes, a header, a body.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::api::{request_header_version, response_header_version};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::messages::api_versions_response::ApiVersion;
use crate::messages::{ApiKey, ApiVersionsResponse, RequestBody, RequestHeader, ResponseBody, ResponseHeader};
use crate::read::Reader;
use crate::str::Str;
use crate::{ErrorCode, Message};

/// Bytes of the length before a frame, which does not count itself.
pub const LENGTH_BYTES: usize = 4;

/// The longest frame that Kafka takes by default (`socket.request.max.bytes`), in bytes without the length.
pub const MAX_FRAME: usize = 104_857_600;

/// Cuts frames from what a connection delivers.
///
/// A connection that has sent something else than a frame is not to be read further: every later call gives the same
/// error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frames {
    received: BytesMut,
    max: usize,
}

impl Frames {
    /// For frames of up to `max` bytes without the length. Keep it small until the peer is authenticated.
    pub fn new(max: usize) -> Frames {
        Frames { received: BytesMut::new(), max }
    }

    /// What was received. A socket reads into it, others append.
    pub fn received(&mut self) -> &mut BytesMut {
        &mut self.received
    }

    /// The next frame without its length, uncopied; `None` until all of it is there. Nothing is reserved for bytes that
    /// a length only announces.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = self.received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let len = u32::from_be_bytes(*length);
        let error = |kind| Err(DecodeError { at: "frame", offset: 0, kind });
        if len > i32::MAX as u32 {
            return error(DecodeErrorKind::InvalidFrame);
        }
        if len as usize > self.max {
            return error(DecodeErrorKind::FrameTooLarge { len });
        }
        if self.received.len() - LENGTH_BYTES < len as usize {
            return Ok(None);
        }
        self.received.advance(LENGTH_BYTES);
        Ok(Some(self.received.split_to(len as usize).freeze()))
    }
}

/// A request as a frame with its length.
pub fn encode_request(
    correlation_id: i32,
    client_id: Option<&Str>,
    version: i16,
    body: &RequestBody,
) -> Result<Bytes, EncodeError> {
    let api = body.api_key();
    let header = RequestHeader {
        request_api_key: api as i16,
        request_api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
    };
    let header_version = request_header_version(api, version);
    let len = header.encoded_size(header_version) + body.encoded_size(version);
    framed(len, "request", |out| {
        header.encode(header_version, out)?;
        body.encode(version, out)
    })
}

/// A response as a frame with its length.
pub fn encode_response(correlation_id: i32, version: i16, body: &ResponseBody) -> Result<Bytes, EncodeError> {
    let header_version = response_header_version(body.api_key(), version);
    let header = ResponseHeader { correlation_id };
    let len = header.encoded_size(header_version) + body.encoded_size(version);
    framed(len, "response", |out| {
        header.encode(header_version, out)?;
        body.encode(version, out)
    })
}

/// The frame, with its length, that answers an ApiVersions request of a version that is not served: version 0, error
/// 35, and the range of ApiVersions itself (KIP-511), so that the client can ask again.
pub fn encode_unsupported_api_versions(correlation_id: i32) -> Result<Bytes, EncodeError> {
    let versions = ApiKey::ApiVersions.advertised_versions();
    let range =
        ApiVersion { api_key: ApiKey::ApiVersions as i16, min_version: versions.min, max_version: versions.max };
    let body = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![range],
        ..ApiVersionsResponse::default()
    };
    encode_response(correlation_id, 0, &body.into())
}

fn framed(
    len: usize,
    what: &'static str,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<Bytes, EncodeError> {
    let length = i32::try_from(len).map_err(|_| EncodeError { at: what, kind: EncodeErrorKind::TooLong })?;
    let mut out = BytesMut::with_capacity(LENGTH_BYTES + len);
    out.put_i32(length);
    write(&mut out)?;
    debug_assert_eq!(out.len(), LENGTH_BYTES + len, "the measured and the written {what} differ");
    Ok(out.freeze())
}

/// A request from a frame without its length. What follows it in the frame is ignored, as by Kafka: librdkafka leaves
/// three bytes behind a Metadata request for all topics.
///
/// Where the API is unknown, or the version not served, the error carries the correlation id: see
/// [`DecodeErrorKind::UnsupportedRequest`] and [`encode_unsupported_api_versions`].
pub fn decode_request(frame: Bytes) -> Result<(RequestHeader, RequestBody), DecodeError> {
    let error = |kind| DecodeError { at: "RequestHeader.RequestApiKey", offset: 0, kind };
    // These are in the same place in every version of the header, and say which version it has.
    let Some(&[k0, k1, v0, v1, c0, c1, c2, c3]) = frame.first_chunk() else {
        return Err(error(DecodeErrorKind::Truncated));
    };
    let (api_key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let correlation_id = i32::from_be_bytes([c0, c1, c2, c3]);
    let api = ApiKey::try_from(api_key).map_err(|_| error(DecodeErrorKind::UnknownApi { api_key, correlation_id }))?;
    if !api.versions().contains(version) {
        return Err(error(DecodeErrorKind::UnsupportedRequest { api_key, version, correlation_id }));
    }
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(request_header_version(api, version), &mut reader)?;
    let body = RequestBody::decode(api, version, &mut reader)?;
    Ok((header, body))
}

/// A response from a frame without its length. A response does not say what it answers: the API and the version are
/// those of the request.
pub fn decode_response(frame: Bytes, api: ApiKey, version: i16) -> Result<(ResponseHeader, ResponseBody), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(response_header_version(api, version), &mut reader)?;
    let body = ResponseBody::decode(api, version, &mut reader)?;
    reader.finish(api.name())?;
    Ok((header, body))
}

/// The size of a message's header, with a client id of `client_id` bytes.
pub(crate) fn header_size(message: &Message, client_id: usize) -> usize {
    match message {
        // Key, version, correlation id, length of the client id, tagged fields.
        Message::Request { version, body } => match request_header_version(body.api_key(), *version) {
            1 => 10 + client_id,
            _ => 11 + client_id,
        },
        Message::Response { version, body } => match response_header_version(body.api_key(), *version) {
            0 => 4,
            _ => 5,
        },
    }
}
