//! A client's connections on one lane: at most one to each broker, many requests in flight on it.
//!
//! Answers on a connection come in the order of the requests (Kafka's own rule), so they are matched first in, first
//! out, without correlation ids.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use tribunal_common::{Fx, lanes, timers};
use tribunal_contract::{ConnId, Event, Lane, NodeId, Span, TimerId};
use tribunal_protocol::{Message, RequestBody, ResponseBody};

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

/// What an event of the lane means to the client.
#[derive(Debug)]
pub(crate) enum Heard<C> {
    /// A broker has answered this request.
    Answered(NodeId, C, ResponseBody),
    /// No connection to a broker could be opened.
    Refused(NodeId),
    /// The connection to a broker is gone, or was given up because no answer came in time; these requests died with
    /// it, oldest first.
    Lost(NodeId, VecDeque<C>),
    /// Nothing.
    Nothing,
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

    /// Takes an event of the lane's connections and of their timers, and gives back any other.
    pub(crate) fn hear<I, F: Fx>(
        &mut self,
        event: Event<Message, I>,
        fx: &mut F,
    ) -> ControlFlow<Heard<C>, Event<Message, I>> {
        ControlFlow::Break(match event {
            Event::Up { conn, peer, inbound: false } if self.owns(conn, peer) => {
                self.up(fx, conn, peer);
                Heard::Nothing
            }
            Event::Refused { peer, lane } if lane == self.lane => {
                self.refused(fx, peer);
                Heard::Refused(peer)
            }
            Event::Down { conn, peer } if self.owns(conn, peer) => {
                self.down(fx, conn, peer).map_or(Heard::Nothing, |lost| Heard::Lost(peer, lost))
            }
            Event::Msg { conn, peer, msg } if self.owns(conn, peer) => match msg {
                Message::Response { body, .. } => {
                    self.answered(fx, conn, peer).map_or(Heard::Nothing, |call| Heard::Answered(peer, call, body))
                }
                Message::Request { .. } => Heard::Nothing,
            },
            Event::Timer(id) if self.owns_timer(id) => self.timer_fired(fx, id),
            other => return ControlFlow::Continue(other),
        })
    }

    fn owns(&self, conn: ConnId, peer: NodeId) -> bool {
        conn.lane == self.lane && conn.acceptor == peer
    }

    fn owns_timer(&self, id: TimerId) -> bool {
        matches!(id.class, timers::CLIENT_BACKOFF | timers::CLIENT_REQUEST)
            && id.index % lanes::COUNT == u32::from(self.lane.0)
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

    fn up<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) {
        match self.links.get_mut(&peer) {
            Some(link) if link.stage == Stage::Connecting => {
                link.stage = Stage::Up(conn);
                link.failures = 0;
            }
            _ => fx.close(conn),
        }
    }

    fn refused<F: Fx>(&mut self, fx: &mut F, peer: NodeId) {
        if self.links.get(&peer).is_some_and(|link| link.stage == Stage::Connecting) {
            self.back_off(fx, peer);
        }
    }

    /// The requests that died with the connection, oldest first. `None` if it is not one in use.
    fn down<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) -> Option<VecDeque<C>> {
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

    /// The request that an answer on this connection is to.
    fn answered<F: Fx>(&mut self, fx: &mut F, conn: ConnId, peer: NodeId) -> Option<C> {
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

    fn timer_fired<F: Fx>(&mut self, fx: &mut F, id: TimerId) -> Heard<C> {
        let peer = NodeId(id.index / lanes::COUNT);
        let Some(link) = self.links.get_mut(&peer) else { return Heard::Nothing };
        match (id.class, link.stage) {
            (timers::CLIENT_BACKOFF, Stage::BackingOff) => {
                link.stage = Stage::Closed;
                Heard::Nothing
            }
            (timers::CLIENT_REQUEST, Stage::Up(conn)) if !link.calls.is_empty() => {
                let lost = std::mem::take(&mut link.calls);
                fx.close(conn);
                self.back_off(fx, peer);
                Heard::Lost(peer, lost)
            }
            _ => Heard::Nothing,
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
