//! The task of one connection: frames in, frames out.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tribunal_contract::{ConnId, Event, Lane, NodeId};
use tribunal_protocol::{
    DecodeError, Frames, Message, RequestBody, decode_request, decode_response, encode_unsupported_api_versions,
};

use crate::budget::{Budget, Share};
use crate::core::Core;
use crate::link::{Call, Link};
use crate::peers::{Callers, lane_of};

/// Bytes read ahead of what is being served, unless one frame alone is larger.
const READ_AHEAD: usize = 64 << 10;
/// First reads of a connection are small: many connections never send much.
const FIRST_READ: usize = 4 << 10;

/// Bounds of every connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `socket.request.max.bytes`: a longer frame closes its connection.
    pub(crate) max_frame: usize,
    /// `connections.max.idle.ms`: a connection on which nothing moves for so long is closed.
    pub(crate) idle: Duration,
}

/// Why a connection ends.
#[derive(Debug)]
enum Ended {
    /// The peer closed it, or the network failed.
    Io(io::Error),
    /// The peer sent what is no valid frame.
    Decode(DecodeError),
    /// The peer sent a valid frame that has no place here.
    Protocol(&'static str),
    /// Nothing moved for too long.
    Idle,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        Ended::Io(error)
    }
}

impl From<DecodeError> for Ended {
    fn from(error: DecodeError) -> Ended {
        Ended::Decode(error)
    }
}

/// Serves a connection that a client or a peer has opened, until it ends.
pub(crate) async fn serve_inbound(core: Rc<Core>, callers: Rc<Callers>, stream: TcpStream, limits: Limits) {
    let link = Rc::new(Link::new(callers.client_id(Lane(0))));
    let mut inbound = Inbound { core: &core, callers: &callers, link: &link, conn: None };
    let share = callers.unfinished.share();
    let ended = run(&link, &stream, limits, share, &mut inbound).await;
    let conn = inbound.conn;
    if let Err(ended) = ended {
        match ended {
            Ended::Io(error) => tracing::trace!("connection ended: {error}"),
            Ended::Idle => tracing::debug!("an idle connection is closed"),
            Ended::Decode(error) => tracing::debug!("a connection is closed: {error}"),
            Ended::Protocol(why) => tracing::debug!("a connection is closed: {why}"),
        }
    }
    if let Some(conn) = conn {
        core.down(conn, conn.initiator);
        callers.gone(conn);
    }
}

/// Connects to a peer and carries the calls of one lane, until it ends.
pub(crate) async fn serve_outbound(core: Rc<Core>, callers: Rc<Callers>, peer: NodeId, lane: Lane, timeout: Duration) {
    let connected = match callers.address(peer) {
        Some(address) => tokio::time::timeout(timeout, TcpStream::connect(address)).await,
        None => Ok(Err(io::ErrorKind::AddrNotAvailable.into())),
    };
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::trace!(?peer, "cannot connect: {error}");
            return core.step(Event::Refused { peer, lane });
        }
        Err(_) => return core.step(Event::Refused { peer, lane }),
    };
    // Small requests must not wait for acknowledgements; without it latency is what suffers.
    let _ = stream.set_nodelay(true);
    let conn = callers.outgoing(peer, lane);
    let link = Rc::new(Link::new(callers.client_id(lane)));
    core.up(conn, peer, false, link.clone());
    let mut outbound = Outbound { core: &core, link: &link, conn };
    // A peer's answers may be as large as what it was asked for; nothing ends a lane that is merely quiet.
    let limits = Limits { max_frame: i32::MAX as usize, idle: Duration::MAX };
    let answers = Budget::new(usize::MAX);
    if let Err(Ended::Decode(error)) = run(&link, &stream, limits, answers.share(), &mut outbound).await {
        tracing::warn!(?peer, "a broker answers what cannot be read: {error}");
    }
    core.down(conn, peer);
}

/// What is done with the frames of a connection.
trait Handler {
    /// Whether a frame may be handled now.
    fn accepts(&self) -> bool;
    /// Handles one.
    fn frame(&mut self, frame: Bytes) -> Result<(), Ended>;
}

struct Inbound<'a> {
    core: &'a Core,
    callers: &'a Callers,
    link: &'a Rc<Link>,
    /// Known from the first request on: it says who calls.
    conn: Option<ConnId>,
}

impl Handler for Inbound<'_> {
    fn accepts(&self) -> bool {
        self.link.accepts_request()
    }

    fn frame(&mut self, frame: Bytes) -> Result<(), Ended> {
        let (header, body) = match decode_request(frame) {
            Ok(request) => request,
            Err(error) => {
                let correlation_id = error.unsupported_api_versions().ok_or(error)?;
                let answer = encode_unsupported_api_versions(correlation_id);
                self.link.send_frame(answer.map_err(|_| Ended::Protocol("no answer to an unknown version"))?);
                return Ok(());
            }
        };
        let conn = match self.conn {
            Some(conn) => conn,
            None => {
                let conn = self.callers.incoming(header.client_id.as_ref());
                self.conn = Some(conn);
                self.core.up(conn, conn.initiator, true, self.link.clone());
                conn
            }
        };
        let (api, version) = (body.api_key(), header.request_api_version);
        if lane_of(conn).is_none() && !tribunal_core::serves_clients(api) {
            return Err(Ended::Protocol("a request that only brokers may send"));
        }
        // What it knows of the cluster may be old or nothing: a client would be told that its topics do not exist. It
        // tries again, or elsewhere.
        if lane_of(conn).is_none() && self.core.is_starting() {
            return Err(Ended::Protocol("a client comes before this broker serves"));
        }
        // Without acks there is no answer, so none is waited for.
        if !matches!(&body, RequestBody::Produce(produce) if produce.acks == 0) {
            self.link.serving(Call { correlation_id: header.correlation_id, api, version });
        }
        let msg = Message::Request { version, body };
        self.core.step(Event::Msg { conn, peer: conn.initiator, msg });
        Ok(())
    }
}

struct Outbound<'a> {
    core: &'a Core,
    link: &'a Link,
    conn: ConnId,
}

impl Handler for Outbound<'_> {
    fn accepts(&self) -> bool {
        !self.link.is_closed()
    }

    fn frame(&mut self, frame: Bytes) -> Result<(), Ended> {
        let Some(Call { correlation_id, api, version }) = self.link.answered() else {
            return Err(Ended::Protocol("an answer to nothing"));
        };
        let (header, body) = decode_response(frame, api, version)?;
        if header.correlation_id != correlation_id {
            return Err(Ended::Protocol("an answer to another request"));
        }
        let msg = Message::Response { version, body };
        self.core.step(Event::Msg { conn: self.conn, peer: self.conn.acceptor, msg });
        Ok(())
    }
}

/// Moves bytes until the connection ends. `Ok` if this side has ended it.
async fn run(
    link: &Link,
    stream: &TcpStream,
    limits: Limits,
    mut share: Share<'_>,
    handler: &mut impl Handler,
) -> Result<(), Ended> {
    let mut frames = Frames::new(limits.max_frame);
    let mut chunk = FIRST_READ;
    let mut moved = Instant::now();
    let idle = tokio::time::sleep(limits.idle.min(Duration::from_secs(1 << 30)));
    tokio::pin!(idle);
    loop {
        let mut whole_waits = false;
        loop {
            if !handler.accepts() {
                whole_waits = true;
                break;
            }
            match frames.next_frame()? {
                Some(frame) => handler.frame(frame)?,
                None => break,
            }
        }
        if !share.hold(frames.received().len().saturating_sub(READ_AHEAD)) {
            return Err(Ended::Protocol("too many long requests come at once"));
        }
        let sent = link.flush(stream)?;
        if sent > 0 {
            share.moves(sent);
            moved = Instant::now();
            if whole_waits && handler.accepts() {
                continue;
            }
        }
        if link.is_closed() && link.is_empty() {
            return Ok(());
        }
        // While a request is served its successors are read only so far.
        let reads = !link.is_closed() && (!whole_waits || frames.received().len() < READ_AHEAD);
        let interest = match (reads, !link.is_empty()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        tokio::select! {
            ready = stream.ready(interest.unwrap_or(Interest::ERROR)), if interest.is_some() => {
                if ready?.is_readable() && reads {
                    let received = read(stream, &mut frames, &mut chunk)?;
                    if received > 0 {
                        share.moves(received);
                        moved = Instant::now();
                    }
                }
            }
            () = link.wake.notified() => {}
            () = &mut idle => {
                let until = moved + limits.idle;
                if until <= Instant::now() {
                    return Err(Ended::Idle);
                }
                idle.as_mut().reset(until);
            }
        }
    }
}

/// Reads once, in pieces that grow with what comes. How many bytes there were.
fn read(stream: &TcpStream, frames: &mut Frames, chunk: &mut usize) -> io::Result<usize> {
    let received = frames.received();
    received.reserve(*chunk);
    match stream.try_read_buf(received) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(n) => {
            if n >= *chunk {
                *chunk = (*chunk * 4).min(1 << 20);
            }
            Ok(n)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
