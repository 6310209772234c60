//! One connection, as the core and the connection's task share it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tribunal_protocol::{ApiKey, Message, Str, encode_request, encode_response};

/// Answers that wait to be written, in bytes, beyond which no further request of the connection is served: a slow
/// reader holds up itself, and costs at most this and one answer more.
const MAX_UNWRITTEN: usize = 1 << 20;
/// Pieces in one write.
const MAX_PIECES: usize = 64;

/// What is to be written to a connection, and what is expected of it.
pub(crate) struct Link {
    state: RefCell<State>,
    /// There is something to do for the connection's task.
    pub(crate) wake: Notify,
    /// How this broker names itself to the peer, in requests.
    client_id: Str,
}

#[derive(Default)]
struct State {
    out: VecDeque<Bytes>,
    unwritten: usize,
    /// Inbound: the requests being served. Outbound: the requests not answered yet.
    calls: VecDeque<Call>,
    next_correlation: i32,
    closed: bool,
}

/// A request without its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) correlation_id: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
}

impl Link {
    /// A connection of which nothing is known yet.
    pub(crate) fn new(client_id: Str) -> Link {
        Link { state: RefCell::default(), wake: Notify::new(), client_id }
    }

    /// Encodes a message and queues it. One that its version cannot carry closes the connection: the peer could not
    /// make sense of the silence, and it is our mistake.
    pub(crate) fn send(&self, msg: Message) {
        let mut state = self.state.borrow_mut();
        let api = msg.api_key();
        let encoded = match msg {
            Message::Request { version, body } => {
                let correlation_id = state.next_correlation;
                state.next_correlation = correlation_id.wrapping_add(1);
                state.calls.push_back(Call { correlation_id, api, version });
                encode_request(correlation_id, Some(&self.client_id), version, &body)
            }
            Message::Response { version, body } => match state.calls.pop_front() {
                Some(call) => encode_response(call.correlation_id, version, &body),
                None => return,
            },
        };
        match encoded {
            Ok(frame) => state.push(frame),
            Err(error) => {
                tracing::error!("cannot encode {}: {error}", api.name());
                state.closed = true;
            }
        }
        self.wake.notify_one();
    }

    /// Queues a frame that answers no served request.
    pub(crate) fn send_frame(&self, frame: Bytes) {
        self.state.borrow_mut().push(frame);
    }

    /// Ends the connection once what is queued is written.
    pub(crate) fn close(&self) {
        self.state.borrow_mut().closed = true;
        self.wake.notify_one();
    }

    /// Whether it was ended by this side.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.borrow().out.is_empty()
    }

    /// Whether the next request may be served: one at a time, as Kafka does, so that answers are in order and a client
    /// that sends without reading is held up by its own socket.
    pub(crate) fn accepts_request(&self) -> bool {
        let state = self.state.borrow();
        !state.closed && state.calls.is_empty() && state.unwritten < MAX_UNWRITTEN
    }

    /// A request is being served and will be answered.
    pub(crate) fn serving(&self, call: Call) {
        self.state.borrow_mut().calls.push_back(call);
    }

    /// The oldest request that has no answer.
    pub(crate) fn answered(&self) -> Option<Call> {
        self.state.borrow_mut().calls.pop_front()
    }

    /// Writes what the socket takes. Returns how much that was.
    pub(crate) fn flush(&self, stream: &TcpStream) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        let mut written = 0;
        while !state.out.is_empty() {
            let mut pieces = [IoSlice::new(&[]); MAX_PIECES];
            let count = state.out.len().min(MAX_PIECES);
            for (piece, bytes) in pieces.iter_mut().zip(&state.out) {
                *piece = IoSlice::new(bytes);
            }
            match stream.try_write_vectored(&pieces[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    written += n;
                    state.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}

impl State {
    fn push(&mut self, frame: Bytes) {
        self.unwritten += frame.len();
        self.out.push_back(frame);
    }

    fn advance(&mut self, mut n: usize) {
        self.unwritten -= n;
        while let Some(front) = self.out.front_mut() {
            if front.len() > n {
                return front.advance(n);
            }
            n -= front.len();
            self.out.pop_front();
        }
    }
}
