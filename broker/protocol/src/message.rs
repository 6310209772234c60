//! What machines exchange.

use crate::frame::{LENGTH_BYTES, header_size};
use crate::messages::{ApiKey, RequestBody, ResponseBody};

/// A request or response as a value, with the version that both sides agreed on.
///
/// There is no correlation id: on a connection, answers come in the order of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A request.
    Request {
        /// Version of the API.
        version: i16,
        /// What is asked.
        body: RequestBody,
    },
    /// The answer to the oldest request of the connection that has none.
    Response {
        /// Version of the API, that of the request.
        version: i16,
        /// What is answered.
        body: ResponseBody,
    },
}

// Messages are moved through queues by the million: rare large bodies are boxed (`boxed` in their table).
const _: () = assert!(size_of::<Message>() <= 192);

impl Message {
    /// A request in a version of its API.
    pub fn request(version: i16, body: impl Into<RequestBody>) -> Message {
        Message::Request { version, body: body.into() }
    }

    /// A response in a version of its API.
    pub fn response(version: i16, body: impl Into<ResponseBody>) -> Message {
        Message::Response { version, body: body.into() }
    }

    /// The API this belongs to.
    pub const fn api_key(&self) -> ApiKey {
        match self {
            Message::Request { body, .. } => body.api_key(),
            Message::Response { body, .. } => body.api_key(),
        }
    }

    /// The version of the API.
    pub const fn version(&self) -> i16 {
        match self {
            Message::Request { version, .. } | Message::Response { version, .. } => *version,
        }
    }

    /// Bytes of its frame on a connection, with the length and the header, where the client id is empty or null.
    pub fn wire_size(&self) -> usize {
        self.wire_size_with_client_id(0)
    }

    /// [`Message::wire_size`] where the client id has `client_id` bytes. Only requests carry it.
    pub fn wire_size_with_client_id(&self, client_id: usize) -> usize {
        let body = match self {
            Message::Request { version, body } => body.encoded_size(*version),
            Message::Response { version, body } => body.encoded_size(*version),
        };
        LENGTH_BYTES + header_size(self, client_id) + body
    }
}
