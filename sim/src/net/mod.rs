//! Connections over links.
//!
//! A connection is two directions. Each holds what was sent and not yet received, in order, and the queue holds one
//! token for each item of it: when a token comes up, the head of its direction arrives. So nothing can overtake, and a
//! partition only has to count the tokens that came up meanwhile and push as many again when it heals.
//!
//! | fault | what processes see | what replication must do |
//! |---|---|---|
//! | latency, bandwidth, congestion | messages take longer, and queue | survive; replace who is too slow for its timeouts |
//! | partition, one way or both | nothing gets through; after some time the connection is given up | survive: one leader an epoch, no progress without a majority |
//! | stall, flapping | the same for a short time: bytes are held and sent again, connections survive | survive |
//! | reset | both ends learn of it; of what is in flight a beginning arrives in time, or all of it late, or nothing | survive: repeat what has no answer, take no old request for a new one |
//! | half-open | one end is gone and the other finds out when it sends, or later | survive |
//!
//! What TCP does is modelled as far as a process can see it. Bytes that do not get through are held and sent again; a
//! sender whose bytes (or their acknowledgements) stay away too long gives the connection up. A process that dies has
//! its connections closed by its host; a host that loses power tells nobody, and answers with a reset once it is back.
//! Of three simplifications one should know: the acceptor sees a connection half a round trip before the initiator
//! (real ones, half a round trip after); an idle connection outlives a partition of any length; and bytes that reach an
//! end that has closed are dropped without a reset.

mod events;
mod faults;
mod link;
mod script;

use std::collections::VecDeque;

use tribunal_contract::{ConnId, Lane, NodeId};

use crate::judge::Wire;
use crate::kernel::Mode;
use crate::queue::{Kind, Queue, Target};
use crate::slab::Slab;
use crate::{NetConfig, Seed};

use events::Draw;
pub(crate) use events::NetEvent;
use link::Links;
pub use script::Place;

/// What a token or a network event brings to a process.
#[derive(Debug)]
pub(crate) enum Arrival<M> {
    /// Nothing a process can see.
    Nothing,
    Msg {
        to: NodeId,
        conn: ConnId,
        peer: NodeId,
        msg: M,
    },
    Up {
        to: NodeId,
        conn: ConnId,
        peer: NodeId,
        inbound: bool,
    },
    Refused {
        to: NodeId,
        peer: NodeId,
        lane: Lane,
    },
    Down {
        to: NodeId,
        conn: ConnId,
        peer: NodeId,
    },
}

/// What travels in a direction.
#[derive(Debug)]
enum Item<M> {
    Msg(M),
    /// The first packet of a connection, to the acceptor.
    Syn,
    /// Its answer.
    SynAck,
    /// The sender's end is closed: by itself, by its death, or by a reset.
    Fin,
}

/// One end of a connection, as its host knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The initiator's waits for an answer; the acceptor's does not exist yet.
    Opening,
    Open,
    Gone,
}

/// Why a token of a direction cannot take the short way. Zero on a healthy connection.
mod flag {
    /// The receiving end is not open.
    pub const NOT_OPEN: u8 = 1;
    /// The link is cut.
    pub const CUT: u8 = 2;
    /// The link back is cut: what arrives is not acknowledged.
    pub const ACKS_CUT: u8 = 4;
    /// Late bytes after a reset.
    pub const HELD: u8 = 8;
    /// The receiving end went with its host's power, so nothing told the sender.
    pub const VANISHED: u8 = 16;
}

/// One way of a connection. Directions `2n` (from the initiator) and `2n + 1` (from the acceptor) are connection `n`.
#[derive(Debug)]
struct Direction<M> {
    items: VecDeque<Item<M>>,
    /// No token may come up before the last one.
    last_arrival: u64,
    conn: ConnId,
    /// What the draws of the connection are forked by.
    key: u64,
    from: NodeId,
    to: NodeId,
    link: u32,
    /// Tokens in the queue.
    tokens: u32,
    /// Tokens that came up and could not be used yet.
    stalled: u32,
    flags: u8,
    /// Whether the receiving end is open.
    to_end: End,
    /// Whether the sending end takes no more.
    shut: bool,
    /// Whether the sender's time to give up is running, and which such time it is.
    unacked: bool,
    unacked_count: u32,
    /// Whether the sender is about to learn that the other end vanished.
    reset_sent: bool,
}

#[derive(Debug)]
pub(crate) struct Net<M> {
    seed: Seed,
    config: NetConfig,
    links: Links,
    directions: Vec<Direction<M>>,
    /// Connections whose directions may be reused.
    free: Vec<u32>,
    events: Slab<NetEvent>,
}

impl<M: Wire> Net<M> {
    pub(crate) fn new(seed: Seed, config: NetConfig) -> Net<M> {
        let seed = seed.fork("network");
        let links = Links::new(seed, &config);
        Net { seed, config, links, directions: Vec::new(), free: Vec::new(), events: Slab::new() }
    }

    /// `from` sends `msg` on `conn`; on a connection that takes no more it is lost.
    #[inline]
    pub(crate) fn send(&mut self, queue: &mut Queue, now: u64, from: NodeId, conn: ConnId, msg: M) {
        if let Some(i) = self.outgoing(from, conn)
            && !self.directions[i as usize].shut
        {
            self.push(queue, now, i, Item::Msg(msg));
        }
    }

    /// The host whose token this is.
    #[inline]
    pub(crate) fn receiver(&self, i: u32) -> NodeId {
        self.directions[i as usize].to
    }

    /// Whether a token of direction `i` is part of setting up a connection, which hosts do without their processes.
    pub(crate) fn is_opening(&self, i: u32) -> bool {
        self.directions[i as usize].to_end == End::Opening
    }

    /// The short way: a token of direction `i` has come up, its receiver runs, nothing is wrong, and it is a message.
    #[inline(always)]
    pub(crate) fn arrive_in_order(&mut self, i: u32) -> Option<(NodeId, NodeId, ConnId, M)> {
        let direction = &mut self.directions[i as usize];
        if direction.flags != 0 || !matches!(direction.items.front(), Some(Item::Msg(_))) {
            return None;
        }
        let Some(Item::Msg(msg)) = direction.items.pop_front() else { return None };
        direction.tokens -= 1;
        Some((direction.to, direction.from, direction.conn, msg))
    }

    /// A token of direction `i` has come up. `mode` is that of the receiver.
    #[cold]
    pub(crate) fn arrive(&mut self, queue: &mut Queue, now: u64, i: u32, mode: Mode) -> Arrival<M> {
        let direction = &mut self.directions[i as usize];
        direction.tokens -= 1;
        if direction.flags != 0 {
            return self.arrive_with_trouble(queue, now, i, mode);
        }
        match direction.items.pop_front() {
            Some(Item::Msg(msg)) => Arrival::Msg { to: direction.to, conn: direction.conn, peer: direction.from, msg },
            Some(_) => self.end_goes(i),
            // What this token stood for was lost in a reset.
            None => Arrival::Nothing,
        }
    }

    /// `initiator` opens a connection. A node has no connections to itself: such an attempt is refused.
    pub(crate) fn connect(&mut self, queue: &mut Queue, now: u64, initiator: NodeId, acceptor: NodeId, lane: Lane) {
        if initiator == acceptor {
            let refused = NetEvent::Refuse { to: initiator, peer: acceptor, lane };
            self.schedule(queue, now, refused);
            return;
        }
        let out = self.links.between(initiator, acceptor);
        let back = self.links.between(acceptor, initiator);
        let slot = self.free.pop().unwrap_or(self.directions.len() as u32 / 2);
        let attempt = self.links.open(out, lane, slot);
        let conn = ConnId { initiator, acceptor, lane, attempt };
        let (out_cut, back_cut) = (self.links.is_cut(out), self.links.is_cut(back));
        let outgoing = Direction::new(conn, initiator, acceptor, out, cut_flags(out_cut, back_cut));
        let incoming = Direction::new(conn, acceptor, initiator, back, cut_flags(back_cut, out_cut));
        if slot as usize * 2 == self.directions.len() {
            self.directions.extend([outgoing, incoming]);
        } else {
            self.directions[slot as usize * 2] = outgoing;
            self.directions[slot as usize * 2 + 1] = incoming;
        }
        self.push(queue, now, slot * 2, Item::Syn);
        let at = now + self.config.connect_timeout.draw(self.draws(slot * 2, Draw::ConnectTimeout), 0);
        self.schedule(queue, at, NetEvent::ConnectTimeout { i: slot * 2 + 1, conn });
    }

    /// `from` closes its end of `conn`. What it sent before still arrives.
    pub(crate) fn close(&mut self, queue: &mut Queue, now: u64, from: NodeId, conn: ConnId) {
        if let Some(i) = self.outgoing(from, conn)
            && !self.directions[i as usize].shut
        {
            self.finish(queue, now, i);
        }
    }

    /// The sending end of direction `i` closes in order.
    fn finish(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &self.directions[i as usize];
        match direction.to_end {
            End::Gone => {}
            // An initiator that gives up before its first packet has got through does not send it again. An acceptor
            // has answered already: that answer, and the end behind it, still reach the initiator after a heal.
            End::Opening if direction.stalled > 0 && i.is_multiple_of(2) => self.set_gone(i),
            _ => self.push(queue, now, i, Item::Fin),
        }
        self.set_gone(i ^ 1);
    }

    /// The receiving end of direction `i` is told that its connection is over.
    fn end_goes(&mut self, i: u32) -> Arrival<M> {
        let direction = &self.directions[i as usize];
        let (to, peer, conn, end) = (direction.to, direction.from, direction.conn, direction.to_end);
        self.set_gone(i);
        match end {
            End::Open => Arrival::Down { to, conn, peer },
            End::Opening if i % 2 == 1 => Arrival::Refused { to, peer, lane: conn.lane },
            _ => Arrival::Nothing,
        }
    }

    /// The receiving end of direction `i` exists no longer: it takes nothing and sends nothing.
    fn set_gone(&mut self, i: u32) {
        let direction = &mut self.directions[i as usize];
        direction.to_end = End::Gone;
        direction.flags |= flag::NOT_OPEN;
        direction.items.clear();
        direction.stalled = 0;
        self.directions[i as usize ^ 1].shut = true;
        self.settle(i);
    }

    /// Frees the connection of direction `i` if nothing of it is left.
    fn settle(&mut self, i: u32) {
        let done = |d: &Direction<M>| d.to_end == End::Gone && d.tokens == 0;
        let (a, b) = (&self.directions[i as usize], &self.directions[i as usize ^ 1]);
        if !done(a) || !done(b) {
            return;
        }
        let (slot, conn) = (i / 2, a.conn);
        if self.links.retire(conn, slot) {
            // What a cut link held back for an end that was gone must not come up for the next connection here.
            for direction in &mut self.directions[slot as usize * 2..][..2] {
                direction.items.clear();
                direction.stalled = 0;
            }
            self.free.push(slot);
        }
    }

    #[inline]
    fn push(&mut self, queue: &mut Queue, now: u64, i: u32, item: Item<M>) {
        let direction = &mut self.directions[i as usize];
        let size = |item: &Item<M>| if let Item::Msg(msg) = item { msg.wire_size() } else { 0 };
        let arrival = self.links.arrival(direction.link, now, || size(&item)).max(direction.last_arrival);
        direction.last_arrival = arrival;
        direction.items.push_back(item);
        direction.tokens += 1;
        queue.push(arrival, Target::new(Kind::Deliver, i));
    }

    fn schedule(&mut self, queue: &mut Queue, at: u64, event: NetEvent) {
        let index = self.events.insert(event);
        queue.push(at, Target::new(Kind::Net, index));
    }

    /// The direction in which `from` sends on `conn`.
    #[inline]
    fn outgoing(&self, from: NodeId, conn: ConnId) -> Option<u32> {
        let slot = self.links.find(conn)?;
        Some(slot * 2 + u32::from(from != conn.initiator))
    }
}

fn cut_flags(cut: bool, back_cut: bool) -> u8 {
    (if cut { flag::CUT } else { 0 }) | (if back_cut { flag::ACKS_CUT } else { 0 })
}

impl<M> Direction<M> {
    fn new(conn: ConnId, from: NodeId, to: NodeId, link: u32, flags: u8) -> Direction<M> {
        Direction {
            items: VecDeque::new(),
            last_arrival: 0,
            conn,
            key: crate::stable_hash(&conn),
            from,
            to,
            link,
            tokens: 0,
            stalled: 0,
            flags: flags | flag::NOT_OPEN,
            to_end: End::Opening,
            shut: true,
            unacked: false,
            unacked_count: 0,
            reset_sent: false,
        }
    }
}
