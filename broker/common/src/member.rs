//! A machine behind a connection table: what is the same for every composition of a broker's parts.

use tribunal_contract::{ConnId, Disk, DiskError, Event, Lane, NodeId, SyncOp, TimerId};
use tribunal_protocol::{Message, RequestBody, ResponseBody};

use crate::{Answer, CallFailed, Fx, Io, Received};

/// Parts of a broker as one machine. It says what concerns its parts; what concerns connections is here, once: which
/// messages are requests and which answers, which connection a lost call was on, and how a request is answered.
pub trait Member {
    /// Commands from outside the network.
    type Input;

    /// A timer of a part's.
    fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>);

    /// Serves a request. The peer is `conn.initiator`.
    fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer;

    /// The answer to a call. One of another kind than was asked for means a peer that breaks the protocol: it counts as
    /// a failed call.
    fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>);

    /// A call that will not be answered.
    fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>);

    /// A connection is gone, and what was parked on it with it.
    fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>);

    /// A sync has completed.
    ///
    /// # Errors
    /// With the reason to end the process, if it cannot go on without what was to be durable.
    fn on_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), &'static str>;

    /// A command.
    fn on_input<D: Disk, F: Fx>(&mut self, input: Self::Input, io: &mut Io<'_, D, F>);

    /// After every event: brings the parts in line with each other.
    fn settle<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>);

    /// Serves one request and answers it, unless a part keeps it for later.
    fn serve<D: Disk, F: Fx>(&mut self, conn: ConnId, version: i16, body: RequestBody, io: &mut Io<'_, D, F>) {
        match self.on_request(conn, version, body, io) {
            Answer::Now(body) => io.net.reply(io.fx, conn, body),
            Answer::Later => {}
            Answer::Never => io.net.no_reply(conn),
            Answer::Close => {
                io.net.close(io.fx, conn);
                self.on_conn_down(conn, io);
            }
        }
    }

    /// Serves the requests that waited behind one now answered.
    fn serve_ready<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        while let Some((conn, version, body)) = io.net.next_ready() {
            self.serve(conn, version, body, io);
        }
    }

    /// One event, to its end.
    fn handle<D: Disk, F: Fx>(&mut self, event: Event<Message, Self::Input>, io: &mut Io<'_, D, F>) {
        match event {
            Event::Start => {}
            Event::Timer(id) => self.on_timer(id, io),
            Event::Up { conn, peer, inbound } => io.net.up(io.fx, conn, peer, inbound),
            Event::Refused { peer, lane } => {
                if let Some(failed) = io.net.refused(peer, lane) {
                    self.on_call_failed(failed, io);
                }
            }
            Event::Down { conn, peer } => {
                if let Some(failed) = io.net.down(conn, peer) {
                    self.on_call_failed(failed, io);
                }
                self.on_conn_down(conn, io);
            }
            Event::Msg { conn, peer, msg } => match io.net.received(io.fx, conn, peer, msg) {
                Received::Request(version, body) => self.serve(conn, version, body, io),
                Received::Response(peer, lane, body) => self.on_response(peer, lane, body, io),
                Received::Nothing => {}
            },
            Event::Synced { op, result } => {
                if let Err(reason) = self.on_synced(op, result, io) {
                    return io.fx.halt(reason);
                }
            }
            Event::Input(input) => self.on_input(input, io),
        }
        self.settle(io);
    }
}
