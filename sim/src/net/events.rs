//! The rare events of the network: timeouts and resets. They name a connection, which may be over when they come up.

use tribunal_contract::{ConnId, Lane, NodeId};

use super::{Arrival, Direction, End, Item, Net, flag};
use crate::judge::Wire;
use crate::kernel::Mode;
use crate::queue::{Kind, Queue, Target};

#[derive(Clone, Copy, Debug)]
pub(crate) enum NetEvent {
    /// The initiator (to which direction `i` leads) waited long enough.
    ConnectTimeout { i: u32, conn: ConnId },
    /// An idle sender of direction `i` finds out that its peer's host has forgotten the connection.
    Keepalive { i: u32, conn: ConnId },
    /// The receiving end of direction `i` learns of a reset.
    Notice { i: u32, conn: ConnId },
    /// An attempt that could not even begin.
    Refuse { to: NodeId, peer: NodeId, lane: Lane },
    /// Late bytes of a reset connection may arrive.
    Release { i: u32, conn: ConnId },
    /// The sender of direction `i` has waited long enough for acknowledgements.
    Unacked { i: u32, conn: ConnId, count: u32 },
}

/// What a draw of a connection is for.
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
    /// A token came up on a direction that has flags.
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
            // Nobody is there to answer: it is sent again once the host is back.
            direction.stalled += 1;
            return Arrival::Nothing;
        }
        let item = direction.items.pop_front();
        let (to, peer, conn) = (direction.to, direction.from, direction.conn);
        let vanished = direction.flags & flag::VANISHED != 0;
        match item {
            Some(Item::Syn) if direction.to_end == End::Gone => {}
            Some(Item::Syn) if mode == Mode::Down => {
                // The answer first: if the initiator is gone too, nothing else keeps the connection's place.
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

    /// A network event has come up.
    pub(crate) fn event(&mut self, queue: &mut Queue, now: u64, index: u32) -> Arrival<M> {
        match self.events.take(index) {
            NetEvent::Refuse { to, peer, lane } => Arrival::Refused { to, peer, lane },
            NetEvent::ConnectTimeout { i, conn } => match self.live(i, conn) {
                Some(direction) if direction.to_end == End::Opening => {
                    // A first packet that never got through is not sent again; an acceptor that heard it is told.
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

    /// The sender of direction `i` gives up: what it still had to send is dropped, and the other end learns of it when
    /// something gets through again.
    fn replace_with_fin(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        direction.items.clear();
        direction.stalled = 0;
        if direction.to_end != End::Gone {
            self.push(queue, now, i, Item::Fin);
        }
    }

    /// From now on the sender of direction `i` waits for an acknowledgement, if it does not already.
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

    /// What direction `i` leads to has no memory of the connection, and says so to the sender.
    pub(super) fn answer_with_reset(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let direction = &mut self.directions[i as usize];
        if !direction.reset_sent {
            direction.reset_sent = true;
            self.push(queue, now, i ^ 1, Item::Fin);
        }
    }

    /// What came up in vain on direction `i` is sent again, if nothing is in its way.
    pub(super) fn retransmit(&mut self, queue: &mut Queue, now: u64, i: u32) {
        let after = self.config.retransmit.draw(self.draws(i, Draw::Retransmit), now);
        let latency = self.links.latency(self.directions[i as usize].link);
        let at = now + after + latency.draw(self.draws(i, Draw::Retransmitted), now);
        self.release(queue, at, i);
    }

    /// What came up in vain on direction `i` comes up again at `at`, if nothing is in its way.
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

    /// Direction `i`, if it is still of `conn`.
    fn live(&self, i: u32, conn: ConnId) -> Option<&Direction<M>> {
        Some(&self.directions[i as usize]).filter(|d| d.conn == conn)
    }

    /// Where the draws of direction `i` for one purpose come from.
    pub(super) fn draws(&self, i: u32, purpose: Draw) -> crate::Seed {
        crate::Seed(self.seed.0 ^ self.directions[i as usize].key).index(u64::from(i % 2) << 8 | purpose as u64)
    }
}
