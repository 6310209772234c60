//! Connections over links.
//!
//! A connection is two directions. A direction holds its sent and not yet received items in order, and the queue holds
//! one token for each item: when a token comes up, the head of its direction arrives. Items therefore cannot overtake
//! each other, and a partition only counts the tokens that come up and pushes as many again when it heals.
//!
//! | fault | effect on processes | duty of replication |
//! |---|---|---|
//! | latency, bandwidth, congestion | messages take longer, and queue | survive; replace nodes that are too slow for their timeouts |
//! | partition, one way or both | nothing gets through; after a timeout the sender gives the connection up | survive: one leader an epoch, no progress without a majority |
//! | stall, flapping | a short partition: bytes are held and sent again, and connections survive | survive |
//! | reset | both ends learn of it; of what is in flight a beginning arrives in time, or all of it late, or nothing | survive: repeat what has no answer, take no old request for a new one |
//! | half-open | one end is gone, and the other notices when it sends, or later | survive |
//!
//! The model covers the behaviour of TCP that a process can see. Bytes that do not get through are held and sent again.
//! A sender gives the connection up if acknowledgements stay away for too long. The host of a process that dies closes
//! the connections of the process. A host that loses power sends no notice, and answers with resets once it is back.
//!
//! The model makes three simplifications:
//! 1. The acceptor sees a connection half a round trip before the initiator; with real TCP, half a round trip after.
//! 2. An idle connection outlives a partition of any length.
//! 3. Bytes that reach a closed end are dropped without a reset.

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

/// The event that a token or a network event brings to a process.
#[derive(Debug)]
pub(crate) enum Arrival<M> {
    /// No event: the process notices nothing.
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

/// An item that travels in a direction.
#[derive(Debug)]
enum Item<M> {
    Msg(M),
    /// The first packet of a connection, to the acceptor.
    Syn,
    /// The acceptor's answer to `Syn`.
    SynAck,
    /// The sender's end is closed: by its process, by the death of the process, or by a reset.
    Fin,
}

/// One end of a connection, as its host knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The initiator's end waits for an answer. The acceptor's end does not exist yet.
    Opening,
    Open,
    Gone,
}

/// The conditions that keep a token of a direction from the fast path. Zero on a healthy connection.
mod flag {
    /// The receiving end is not open.
    pub const NOT_OPEN: u8 = 1;
    /// The link is cut.
    pub const CUT: u8 = 2;
    /// The opposite link is cut, so arrivals are not acknowledged.
    pub const ACKS_CUT: u8 = 4;
    /// Bytes are held back to arrive late after a reset.
    pub const HELD: u8 = 8;
    /// The receiving end was lost without notice to the sender.
    pub const VANISHED: u8 = 16;
}

/// One direction of a connection. Connection `n` has `2n` (from the initiator) and `2n + 1` (from the acceptor).
#[derive(Debug)]
struct Direction<M> {
    items: VecDeque<Item<M>>,
    /// The time of the last token. A later token may not come up before it.
    last_arrival: u64,
    conn: ConnId,
    /// The index by which the draws of the connection are forked.
    key: u64,
    from: NodeId,
    to: NodeId,
    link: u32,
    /// The number of tokens in the queue.
    tokens: u32,
    /// The number of tokens that came up while the direction was blocked.
    stalled: u32,
    flags: u8,
    /// The state of the receiving end.
    to_end: End,
    /// Whether the sending end accepts no more items.
    shut: bool,
    /// Whether the sender's acknowledgement timeout is running. The next field counts these timeouts.
    unacked: bool,
    unacked_count: u32,
    /// Whether a reset is on its way to the sender, because the other end vanished.
    reset_sent: bool,
}

#[derive(Debug)]
pub(crate) struct Net<M> {
    seed: Seed,
    config: NetConfig,
    links: Links,
    directions: Vec<Direction<M>>,
    /// The connections whose directions may be reused.
    free: Vec<u32>,
    events: Slab<NetEvent>,
}

impl<M: Wire> Net<M> {
    pub(crate) fn new(seed: Seed, config: NetConfig) -> Net<M> {
        let seed = seed.fork("network");
        let links = Links::new(seed, &config);
        Net { seed, config, links, directions: Vec::new(), free: Vec::new(), events: Slab::new() }
    }

    /// Sends `msg` from `from` on `conn`. A connection that accepts no more items drops it.
    #[inline]
    pub(crate) fn send(&mut self, queue: &mut Queue, now: u64, from: NodeId, conn: ConnId, msg: M) {
        if let Some(i) = self.outgoing(from, conn)
            && !self.directions[i as usize].shut
        {
            self.push(queue, now, i, Item::Msg(msg));
        }
    }

    /// The host that receives this token.
    #[inline]
    pub(crate) fn receiver(&self, i: u32) -> NodeId {
        self.directions[i as usize].to
    }

    /// Whether a token of direction `i` is part of a handshake, which hosts perform without their processes.
    pub(crate) fn is_opening(&self, i: u32) -> bool {
        self.directions[i as usize].to_end == End::Opening
    }

    /// The fast path: a token of a healthy direction `i` comes up, its receiver runs, and the item is a message.
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

    /// Handles a token of direction `i` that has come up. `mode` is the mode of the receiver.
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
            // A reset lost the item of this token.
            None => Arrival::Nothing,
        }
    }

    /// Opens a connection from `initiator`. An attempt of a node to connect to itself is refused.
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

    /// Closes the end of `from` of `conn`. Items sent before still arrive.
    pub(crate) fn close(&mut self, queue: &mut Queue, now: u64, from: NodeId, conn: ConnId) {
        if let Some(i) = self.outgoing(from, conn)
            && !self.directions[i as usize].shut
        {
            self.finish(queue, now, i);
        }
    }

    /// Closes the sending end of direction `i` in order.
    fn finish(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &self.directions[i as usize];
        match direction.to_end {
            End::Gone => {}
            // An initiator that gives up before its first packet arrives does not send it again. An acceptor has
            // already answered: after a heal its answer and the Fin behind it still reach the initiator.
            End::Opening if direction.stalled > 0 && i.is_multiple_of(2) => self.set_gone(i),
            _ => self.push(queue, now, i, Item::Fin),
        }
        self.set_gone(i ^ 1);
    }

    /// Tells the receiving end of direction `i` that its connection is over.
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

    /// Removes the receiving end of direction `i`, which then neither receives nor sends.
    fn set_gone(&mut self, i: u32) {
        let direction = &mut self.directions[i as usize];
        direction.to_end = End::Gone;
        direction.flags |= flag::NOT_OPEN;
        direction.items.clear();
        direction.stalled = 0;
        self.directions[i as usize ^ 1].shut = true;
        self.settle(i);
    }

    /// Frees the connection of direction `i` if both ends are gone and no token is left.
    fn settle(&mut self, i: u32) {
        let done = |d: &Direction<M>| d.to_end == End::Gone && d.tokens == 0;
        let (a, b) = (&self.directions[i as usize], &self.directions[i as usize ^ 1]);
        if !done(a) || !done(b) {
            return;
        }
        let (slot, conn) = (i / 2, a.conn);
        if self.links.retire(conn, slot) {
            // Tokens held back by a cut for a removed end must not come up for the next connection in this slot.
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
