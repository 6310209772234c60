//! The rare events of the network: timeouts and resets. The connection of an event may be over when the event comes up.

use tribunal_contract::{ConnId, Lane, NodeId};

use super::{Arrival, Direction, End, Item, Net, flag};
use crate::judge::Wire;
use crate::kernel::Mode;
use crate::queue::{Kind, Queue, Target};

#[derive(Clone, Copy, Debug)]
pub(crate) enum NetEvent {
    /// The initiator, at the receiving end of direction `i`, gives up its attempt.
    ConnectTimeout { i: u32, conn: ConnId },
    /// An idle sender of direction `i` notices that its peer's host has forgotten the connection.
    Keepalive { i: u32, conn: ConnId },
    /// The receiving end of direction `i` learns of a reset.
    Notice { i: u32, conn: ConnId },
    /// An attempt is refused because it could not begin.
    Refuse { to: NodeId, peer: NodeId, lane: Lane },
    /// Late bytes of a reset connection may arrive.
    Release { i: u32, conn: ConnId },
    /// The sender of direction `i` gives up waiting for acknowledgements.
    Unacked { i: u32, conn: ConnId, count: u32 },
}

/// The purpose of a draw of a connection.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    ConnectTimeout,
    Keepalive,
    Late,
    LateBy,
    Lost,
    Notice,
    Retransmit,
    Retransmitted,
    Unacked,
}

impl<M: Wire> Net<M> {
    /// Handles a token that comes up on a direction with flags.
    #[cold]
    pub(super) fn arrive_with_trouble(&mut self, queue: &mut Queue, now: u64, i: u32, mode: Mode) -> Arrival<M> {
        let direction = &mut self.directions[i as usize];
        if direction.items.is_empty() {
            self.settle(i);
            return Arrival::Nothing;
        }
        if direction.flags & (flag::CUT | flag::HELD) != 0 {
            direction.stalled += 1;
            if direction.flags & flag::CUT != 0 {
                self.start_waiting(queue, now, i);
            }
            return Arrival::Nothing;
        }
        if direction.flags & flag::NOT_OPEN != 0 {
            return self.arrive_at_no_open_end(queue, now, i, mode);
        }
        let item = direction.items.pop_front();
        let (to, conn, peer) = (direction.to, direction.conn, direction.from);
        if direction.flags & flag::ACKS_CUT != 0 {
            self.start_waiting(queue, now, i);
        }
        match item {
            Some(Item::Msg(msg)) => Arrival::Msg { to, conn, peer, msg },
            _ => self.end_goes(i),
        }
    }

    fn arrive_at_no_open_end(&mut self, queue: &mut Queue, now: u64, i: u32, mode: Mode) -> Arrival<M> {
        let direction = &mut self.directions[i as usize];
        if matches!(direction.items.front(), Some(Item::Syn)) && mode == Mode::Off {
            // The host is down and answers nothing. The item is sent again once the host is back.
            direction.stalled += 1;
            return Arrival::Nothing;
        }
        let item = direction.items.pop_front();
        let (to, peer, conn) = (direction.to, direction.from, direction.conn);
        let vanished = direction.flags & flag::VANISHED != 0;
        match item {
            Some(Item::Syn) if direction.to_end == End::Gone => {}
            Some(Item::Syn) if mode == Mode::Down => {
                // The answer goes first: if the initiator has ended as well, nothing else keeps the connection's place.
                self.push(queue, now, i ^ 1, Item::Fin);
                self.set_gone(i);
            }
            Some(Item::Syn) => {
                self.set_open(i);
                self.push(queue, now, i ^ 1, Item::SynAck);
                return Arrival::Up { to, conn, peer, inbound: true };
            }
            Some(Item::SynAck) if direction.to_end == End::Opening => {
                self.set_open(i);
                return Arrival::Up { to, conn, peer, inbound: false };
            }
            Some(Item::Fin) if direction.to_end == End::Opening => return self.end_goes(i),
            _ if vanished && mode == Mode::Off => {
                self.start_waiting(queue, now, i);
            }
            _ if vanished => self.answer_with_reset(queue, now, i),
            _ => {}
        }
        self.settle(i);
        Arrival::Nothing
    }

    /// Handles a network event that has come up.
    pub(crate) fn event(&mut self, queue: &mut Queue, now: u64, index: u32) -> Arrival<M> {
        match self.events.take(index) {
            NetEvent::Refuse { to, peer, lane } => Arrival::Refused { to, peer, lane },
            NetEvent::ConnectTimeout { i, conn } => match self.live(i, conn) {
                Some(direction) if direction.to_end == End::Opening => {
                    // A first packet that never arrived is not sent again. An acceptor that received it gets a Fin.
                    if self.directions[i as usize ^ 1].to_end == End::Opening {
                        self.set_gone(i ^ 1);
                    } else {
                        self.replace_with_fin(queue, now, i ^ 1);
                    }
                    self.end_goes(i)
                }
                _ => Arrival::Nothing,
            },
            NetEvent::Keepalive { i, conn } => {
                if self.live(i, conn).is_some_and(|d| !d.shut && d.flags & flag::VANISHED != 0) {
                    self.answer_with_reset(queue, now, i);
                }
                Arrival::Nothing
            }
            NetEvent::Notice { i, conn } => match self.live(i, conn) {
                Some(direction) if direction.to_end != End::Gone => self.end_goes(i),
                _ => Arrival::Nothing,
            },
            NetEvent::Release { i, conn } => {
                if self.live(i, conn).is_some() {
                    self.directions[i as usize].flags &= !flag::HELD;
                    self.release(queue, now, i);
                }
                Arrival::Nothing
            }
            NetEvent::Unacked { i, conn, count } => match self.live(i, conn) {
                Some(direction) if direction.unacked && direction.unacked_count == count && !direction.shut => {
                    self.replace_with_fin(queue, now, i);
                    self.end_goes(i ^ 1)
                }
                _ => Arrival::Nothing,
            },
        }
    }

    /// Makes the sender of direction `i` give up: its unsent items are dropped, and the other end learns of it when the
    /// link lets something through again.
    fn replace_with_fin(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        direction.items.clear();
        direction.stalled = 0;
        if direction.to_end != End::Gone {
            self.push(queue, now, i, Item::Fin);
        }
    }

    /// Makes the sender of direction `i` wait for an acknowledgement, unless it is already waiting.
    pub(super) fn start_waiting(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        if direction.unacked || direction.shut {
            return;
        }
        direction.unacked = true;
        direction.unacked_count += 1;
        let (conn, count) = (direction.conn, direction.unacked_count);
        let at = now + self.config.tcp_timeout.draw(self.draws(i, Draw::Unacked), count.into());
        self.schedule(queue, at, NetEvent::Unacked { i, conn, count });
    }

    /// Answers the sender of direction `i` with a reset, because the receiving host does not know the connection.
    pub(super) fn answer_with_reset(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        if !direction.reset_sent {
            direction.reset_sent = true;
            self.push(queue, now, i ^ 1, Item::Fin);
        }
    }

    /// Sends the stalled tokens of direction `i` again, if nothing blocks the direction.
    pub(super) fn retransmit(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let after = self.config.retransmit.draw(self.draws(i, Draw::Retransmit), now);
        let latency = self.links.latency(self.directions[i as usize].link);
        let at = now + after + latency.draw(self.draws(i, Draw::Retransmitted), now);
        self.release(queue, at, i);
    }

    /// Makes the stalled tokens of direction `i` come up again at `at`, if nothing blocks the direction.
    fn release(&mut self, queue: &mut Queue, at: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        if direction.flags & (flag::CUT | flag::HELD) != 0 || direction.stalled == 0 {
            return;
        }
        let stalled = core::mem::take(&mut direction.stalled);
        let at = at.max(direction.last_arrival);
        direction.last_arrival = at;
        direction.tokens += stalled;
        for _ in 0..stalled {
            queue.push(at, Target::new(Kind::Deliver, i));
        }
    }

    fn set_open(&mut self, i: u32) {
        let direction = &mut self.directions[i as usize];
        direction.to_end = End::Open;
        direction.flags &= !flag::NOT_OPEN;
        self.directions[i as usize ^ 1].shut = false;
    }

    /// Direction `i`, if it still belongs to `conn`.
    fn live(&self, i: u32, conn: ConnId) -> Option<&Direction<M>> {
        Some(&self.directions[i as usize]).filter(|d| d.conn == conn)
    }

    /// The seed of the draws of direction `i` for one purpose.
    pub(super) fn draws(&self, i: u32, purpose: Draw) -> crate::Seed {
        crate::Seed(self.seed.0 ^ self.directions[i as usize].key).index(u64::from(i % 2) << 8 | purpose as u64)
    }
}
