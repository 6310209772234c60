//! A client's connections on one lane: at most one to each broker, many requests in flight on it.
//!
//! Answers on a connection come in the order of the requests (Kafka's own rule), so they are matched first in, first
//! out, without correlation ids.

use std::collections::{BTreeMap, VecDeque};

use tribunal_common::{Fx, lanes, timers};
use tribunal_contract::{ConnId, Lane, NodeId, Span, TimerId};
use tribunal_protocol::{Message, RequestBody};

use crate::{NetConfig, backoff};

/// All connections of one lane. `C` is what the client remembers of a request until it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Links<C> {
    lane: Lane,
    request_timeout: Span,
    backoff: Span,
    backoff_max: Span,
    links: BTreeMap<NodeId, Link<C>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link<C> {
    stage: Stage,
    /// Failed attempts to connect in a row.
    failures: u8,
    calls: VecDeque<C>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Closed,
    Connecting,
    Up(ConnId),
    BackingOff,
}

/// How soon a request could go out, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Readiness {
    /// Now, behind so many others.
    Up { calls: usize },
    /// When the connection opens.
    Connecting,
    /// After connecting.
    Closed,
    /// Connecting failed a moment ago.
    BackingOff,
}

/// What a timer of a lane meant.
#[derive(Debug)]
pub(crate) enum LinkTimer<C> {
    /// The broker may be tried again.
    MayConnect,
    /// The broker does not answer; the connection is closed.
    TimedOut(NodeId, VecDeque<C>),
    /// Nothing any more.
    Stale,
}

impl<C> Links<C> {
    pub(crate) fn new(lane: Lane, config: &NetConfig) -> Links<C> {
        Links {
            lane,
            request_timeout: config.request_timeout,
            backoff: config.reconnect_backoff,
            backoff_max: config.reconnect_backoff_max,
            links: BTreeMap::new(),
        }
    }

    /// Whether events of this connection belong to this lane of this client.
    pub(crate) fn owns(&self, conn: ConnId, peer: NodeId) -> bool {
        conn.lane == self.lane && conn.acceptor == peer
    }

    /// Whether a `Refused` of this lane belongs here.
    pub(crate) fn owns_lane(&self, lane: Lane) -> bool {
        lane == self.lane
    }

    /// Whether a timer of one of the two classes of connections belongs here.
    pub(crate) fn owns_timer(&self, id: TimerId) -> bool {
        id.index % lanes::COUNT == u32::from(self.lane.0)
    }

    pub(crate) fn readiness(&self, peer: NodeId) -> Readiness {
        match self.links.get(&peer) {
            None => Readiness::Closed,
            Some(link) => match link.stage {
                Stage::Up(_) => Readiness::Up { calls: link.calls.len() },
                Stage::Connecting => Readiness::Connecting,
                Stage::Closed => Readiness::Closed,
                Stage::BackingOff => Readiness::BackingOff,
            },
        }
    }

    /// Whether a request can go out now with fewer than `max` before it. Starts to connect if that is what it takes.
    pub(crate) fn ready<F: Fx>(&mut self, fx: &mut F, peer: NodeId, max: usize) -> bool {
        match self.readiness(peer) {
            Readiness::Up { calls } => calls < max,
            Readiness::Closed => {
                self.connect(fx, peer);
                false
            }
            Readiness::Connecting | Readiness::BackingOff => false,
        }
    }

    fn connect<F: Fx>(&mut self, fx: &mut F, peer: NodeId) {
        let new = Link { stage: Stage::Closed, failures: 0, calls: VecDeque::new() };
        self.links.entry(peer).or_insert(new).stage = Stage::Connecting;
        fx.connect(peer, self.lane);
    }

    /// Sends a request on a connection that is up; `call` comes back with its answer or its loss.
    pub(crate) fn send<F: Fx>(&mut self, fx: &mut F, peer: NodeId, version: i16, body: RequestBody, call: C) {
        let timer = self.timer(timers::CLIENT_REQUEST, peer);
        let Some((conn, link)) = self.up_mut(peer) else { return };
        fx.send(conn, Message::Request { version, body });
        link.calls.push_back(call);
        if link.calls.len() == 1 {
            fx.set_timer(timer, self.request_timeout, self.request_timeout);
        }
    }

    /// Sends a request to which there is no answer, by protocol.
    pub(crate) fn send_unanswered<F: Fx>(&mut self, fx: &mut F, peer: NodeId, version: i16, body: RequestBody) {
        if let Some((conn, _)) = self.up_mut(peer) {
            fx.send(conn, Message::Request { version, body });
        }
    }

    /// `Event::Up`.
    pub(crate) fn up<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) {
        match self.links.get_mut(&peer) {
            Some(link) if link.stage == Stage::Connecting => {
                link.stage = Stage::Up(conn);
                link.failures = 0;
            }
            _ => fx.close(conn),
        }
    }

    /// `Event::Refused`.
    pub(crate) fn refused<F: Fx>(&mut self, fx: &mut F, peer: NodeId) {
        if self.links.get(&peer).is_some_and(|link| link.stage == Stage::Connecting) {
            self.back_off(fx, peer);
        }
    }

    /// `Event::Down`: the requests that died with the connection, oldest first. `None` if it is not one in use.
    pub(crate) fn down<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) -> Option<VecDeque<C>> {
        let link = self.links.get_mut(&peer)?;
        if link.stage != Stage::Up(conn) {
            return None;
        }
        let lost = std::mem::take(&mut link.calls);
        if !lost.is_empty() {
            fx.cancel_timer(self.timer(timers::CLIENT_REQUEST, peer));
        }
        self.back_off(fx, peer);
        Some(lost)
    }

    /// `Event::Msg`: the request that this answers.
    pub(crate) fn answered<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) -> Option<C> {
        let timer = self.timer(timers::CLIENT_REQUEST, peer);
        let timeout = self.request_timeout;
        let (open, link) = self.up_mut(peer)?;
        if open != conn {
            return None;
        }
        let call = link.calls.pop_front()?;
        if link.calls.is_empty() {
            fx.cancel_timer(timer);
        } else {
            fx.set_timer(timer, timeout, timeout);
        }
        Some(call)
    }

    /// A timer for which [`Links::owns_timer`] holds, of the classes `CLIENT_BACKOFF` and `CLIENT_REQUEST`.
    pub(crate) fn timer_fired<F: Fx>(&mut self, fx: &mut F, id: TimerId) -> LinkTimer<C> {
        let peer = NodeId(id.index / lanes::COUNT);
        let Some(link) = self.links.get_mut(&peer) else { return LinkTimer::Stale };
        match (id.class, link.stage) {
            (timers::CLIENT_BACKOFF, Stage::BackingOff) => {
                link.stage = Stage::Closed;
                LinkTimer::MayConnect
            }
            (timers::CLIENT_REQUEST, Stage::Up(conn)) if !link.calls.is_empty() => {
                let lost = std::mem::take(&mut link.calls);
                fx.close(conn);
                self.back_off(fx, peer);
                LinkTimer::TimedOut(peer, lost)
            }
            _ => LinkTimer::Stale,
        }
    }

    /// Gives up a connection whose peer breaks the protocol: the requests that were in flight on it.
    pub(crate) fn abandon<F: Fx>(&mut self, fx: &mut F, peer: NodeId) -> VecDeque<C> {
        let Some((conn, link)) = self.up_mut(peer) else { return VecDeque::new() };
        let lost = std::mem::take(&mut link.calls);
        fx.close(conn);
        fx.cancel_timer(self.timer(timers::CLIENT_REQUEST, peer));
        self.back_off(fx, peer);
        lost
    }

    /// Everything in flight, by broker.
    pub(crate) fn calls_mut(&mut self) -> impl Iterator<Item = &mut C> {
        self.links.values_mut().flat_map(|link| link.calls.iter_mut())
    }

    fn back_off<F: Fx>(&mut self, fx: &mut F, peer: NodeId) {
        let id = self.timer(timers::CLIENT_BACKOFF, peer);
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.stage = Stage::BackingOff;
        link.failures = backoff::bump(link.failures, self.backoff, self.backoff_max);
        let (min, max) = backoff::range(self.backoff, self.backoff_max, link.failures);
        fx.set_timer(id, min, max);
    }

    fn up_mut(&mut self, peer: NodeId) -> Option<(ConnId, &mut Link<C>)> {
        let link = self.links.get_mut(&peer)?;
        match link.stage {
            Stage::Up(conn) => Some((conn, link)),
            _ => None,
        }
    }

    fn timer(&self, class: u8, peer: NodeId) -> TimerId {
        TimerId { class, index: lanes::index(peer, self.lane) }
    }
}
