//! The connection table: one call at a time on each outgoing lane, answers in order on each incoming connection.

use std::collections::{BTreeMap, VecDeque};

use tribunal_contract::{ConnId, Lane, NodeId};
use tribunal_protocol::{Message, RequestBody, ResponseBody};

use crate::Fx;

/// Requests that may wait behind a parked one on one connection before it is closed. Clients keep at most
/// `max.in.flight.requests.per.connection` (5) open; a peer keeps one.
const MAX_QUEUED: usize = 64;

/// What became of a request that a part was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Here is the answer.
    Now(ResponseBody),
    /// The part will answer later with [`Net::reply`].
    Later,
    /// There is no answer, by protocol (acks=0).
    Never,
    /// The request is hostile or breaks the protocol: close the connection.
    Close,
}

/// A call that will not be answered: the connection could not be opened, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFailed {
    /// Who was called.
    pub peer: NodeId,
    /// On which lane.
    pub lane: Lane,
}

/// What an incoming message turned out to be.
#[derive(Debug)]
pub enum Received {
    /// A request to be served now.
    Request(i16, RequestBody),
    /// The answer to the call on this lane.
    Response(NodeId, Lane, ResponseBody),
    /// Nothing to do: queued behind a parked request, or not ours.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Outgoing {
    Connecting { call: Option<(i16, RequestBody)> },
    Up { conn: ConnId, awaiting: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Incoming {
    /// Version of the request being served, to answer in the same.
    serving: Option<i16>,
    queue: VecDeque<(i16, RequestBody)>,
}

/// Something that a broker said to itself.
#[derive(Debug)]
pub enum Local {
    /// A request to be served.
    Request(ConnId, i16, RequestBody),
    /// The answer to the call on this lane.
    Answer(Lane, ResponseBody),
}

/// Calls of a broker to itself (it may be the controller): no connection, so no network between.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Loopback {
    /// Calls so far on each lane, and whether the last is open. A call that was given up has another number.
    calls: BTreeMap<Lane, (u32, bool)>,
    requests: VecDeque<(ConnId, i16, RequestBody)>,
    answers: VecDeque<(Lane, ResponseBody)>,
}

/// All connections of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Net {
    me: NodeId,
    loopback: Loopback,
    outgoing: BTreeMap<(NodeId, Lane), Outgoing>,
    incoming: BTreeMap<ConnId, Incoming>,
    /// Connections whose request was answered while more wait behind it.
    ready: Vec<ConnId>,
}

impl Net {
    /// The connections of node `me`: none yet.
    pub fn new(me: NodeId) -> Net {
        Net {
            me,
            loopback: Loopback::default(),
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            ready: Vec::new(),
        }
    }

    /// What this broker said to itself and has not yet been handed. Ask until there is nothing.
    pub fn next_local(&mut self) -> Option<Local> {
        if let Some((lane, body)) = self.loopback.answers.pop_front() {
            return Some(Local::Answer(lane, body));
        }
        let (conn, version, body) = self.loopback.requests.pop_front()?;
        Some(Local::Request(conn, version, body))
    }

    /// Sends `body` to `peer` on `lane`, connecting first if need be. Answered by [`Received::Response`] or by a
    /// [`CallFailed`]. There is one call at a time on a lane: false, and nothing happens, if one is open.
    pub fn call<F: Fx>(&mut self, fx: &mut F, peer: NodeId, lane: Lane, version: i16, body: RequestBody) -> bool {
        if peer == self.me {
            let (attempt, open) = self.loopback.calls.entry(lane).or_default();
            if *open {
                return false;
            }
            *attempt += 1;
            *open = true;
            let conn = ConnId { initiator: peer, acceptor: peer, lane, attempt: *attempt };
            self.loopback.requests.push_back((conn, version, body));
            return true;
        }
        match self.outgoing.get_mut(&(peer, lane)) {
            None => {
                fx.connect(peer, lane);
                self.outgoing.insert((peer, lane), Outgoing::Connecting { call: Some((version, body)) });
                true
            }
            Some(Outgoing::Connecting { call }) => {
                if call.is_some() {
                    return false;
                }
                *call = Some((version, body));
                true
            }
            Some(Outgoing::Up { conn, awaiting }) => {
                if *awaiting {
                    return false;
                }
                *awaiting = true;
                fx.send(*conn, Message::Request { version, body });
                true
            }
        }
    }

    /// Whether a call is open on this lane.
    pub fn is_calling(&self, peer: NodeId, lane: Lane) -> bool {
        if peer == self.me {
            return self.loopback.calls.get(&lane).is_some_and(|(_, open)| *open);
        }
        match self.outgoing.get(&(peer, lane)) {
            None => false,
            Some(Outgoing::Connecting { call }) => call.is_some(),
            Some(Outgoing::Up { awaiting, .. }) => *awaiting,
        }
    }

    /// Gives up an open call: its answer will not be heard. The connection is closed, because on it answers are
    /// matched by order.
    pub fn abandon<F: Fx>(&mut self, fx: &mut F, peer: NodeId, lane: Lane) {
        if peer == self.me {
            if let Some((_, open)) = self.loopback.calls.get_mut(&lane) {
                *open = false;
            }
            self.loopback.requests.retain(|(conn, ..)| conn.lane != lane);
            self.loopback.answers.retain(|(of, _)| *of != lane);
            return;
        }
        match self.outgoing.get_mut(&(peer, lane)) {
            Some(Outgoing::Connecting { call }) => *call = None,
            Some(Outgoing::Up { conn, awaiting: true }) => {
                fx.close(*conn);
                self.outgoing.remove(&(peer, lane));
            }
            Some(Outgoing::Up { .. }) | None => {}
        }
    }

    /// Answers the request being served on `conn`. Lost, as it would be on the wire, if the connection is gone.
    pub fn reply<F: Fx>(&mut self, fx: &mut F, conn: ConnId, body: ResponseBody) {
        if conn.initiator == self.me {
            if let Some((attempt, open)) = self.loopback.calls.get_mut(&conn.lane)
                && *open
                && *attempt == conn.attempt
            {
                *open = false;
                self.loopback.answers.push_back((conn.lane, body));
            }
            return;
        }
        let Some(incoming) = self.incoming.get_mut(&conn) else { return };
        let Some(version) = incoming.serving.take() else { return };
        fx.send(conn, Message::Response { version, body });
        if !incoming.queue.is_empty() {
            self.ready.push(conn);
        }
    }

    /// The request on `conn` gets no answer, by protocol.
    pub fn no_reply(&mut self, conn: ConnId) {
        if let Some(incoming) = self.incoming.get_mut(&conn) {
            incoming.serving = None;
            if !incoming.queue.is_empty() {
                self.ready.push(conn);
            }
        }
    }

    /// The next request that waited behind one now answered.
    pub fn next_ready(&mut self) -> Option<(ConnId, i16, RequestBody)> {
        while let Some(conn) = self.ready.pop() {
            let Some(incoming) = self.incoming.get_mut(&conn) else { continue };
            if incoming.serving.is_some() {
                continue;
            }
            if let Some((version, body)) = incoming.queue.pop_front() {
                incoming.serving = Some(version);
                return Some((conn, version, body));
            }
        }
        None
    }

    /// `Event::Up`.
    pub fn up<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId, inbound: bool) {
        if inbound {
            self.incoming.insert(conn, Incoming { serving: None, queue: VecDeque::new() });
            return;
        }
        let lane = conn.lane;
        match self.outgoing.get_mut(&(peer, lane)) {
            Some(state @ Outgoing::Connecting { .. }) => {
                let Outgoing::Connecting { call } = std::mem::replace(state, Outgoing::Up { conn, awaiting: false })
                else {
                    return;
                };
                if let Some((version, body)) = call {
                    fx.send(conn, Message::Request { version, body });
                    *state = Outgoing::Up { conn, awaiting: true };
                }
            }
            Some(Outgoing::Up { .. }) | None => fx.close(conn),
        }
    }

    /// `Event::Refused`.
    pub fn refused(&mut self, peer: NodeId, lane: Lane) -> Option<CallFailed> {
        match self.outgoing.remove(&(peer, lane)) {
            Some(Outgoing::Connecting { call: Some(_) }) => Some(CallFailed { peer, lane }),
            _ => None,
        }
    }

    /// `Event::Down`. Tells whether a call died with it.
    pub fn down(&mut self, conn: ConnId, peer: NodeId) -> Option<CallFailed> {
        if self.incoming.remove(&conn).is_some() {
            return None;
        }
        match self.outgoing.get(&(peer, conn.lane)) {
            Some(Outgoing::Up { conn: open, awaiting }) if *open == conn => {
                let failed = *awaiting;
                self.outgoing.remove(&(peer, conn.lane));
                failed.then_some(CallFailed { peer, lane: conn.lane })
            }
            _ => None,
        }
    }

    /// Closes an incoming connection whose peer breaks the protocol.
    pub fn close<F: Fx>(&mut self, fx: &mut F, conn: ConnId) {
        if self.incoming.remove(&conn).is_some() {
            fx.close(conn);
        }
    }

    /// `Event::Msg`.
    #[inline]
    pub fn received<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId, msg: Message) -> Received {
        match msg {
            Message::Request { version, body } => {
                let Some(incoming) = self.incoming.get_mut(&conn) else { return Received::Nothing };
                if incoming.serving.is_none() && incoming.queue.is_empty() {
                    incoming.serving = Some(version);
                    return Received::Request(version, body);
                }
                if incoming.queue.len() == MAX_QUEUED {
                    self.close(fx, conn);
                    return Received::Nothing;
                }
                incoming.queue.push_back((version, body));
                Received::Nothing
            }
            Message::Response { body, .. } => match self.outgoing.get_mut(&(peer, conn.lane)) {
                Some(Outgoing::Up { conn: open, awaiting }) if *open == conn && *awaiting => {
                    *awaiting = false;
                    Received::Response(peer, conn.lane, body)
                }
                _ => Received::Nothing,
            },
        }
    }

    /// Whether `conn` is an incoming connection that is still open.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.incoming.contains_key(&conn)
    }
}
