//! What faults do to connections.

use tribunal_contract::{Lane, NodeId};

use super::events::Draw;
use super::{End, Item, Net, NetEvent, flag};
use crate::Latency;
use crate::judge::Wire;
use crate::queue::Queue;

impl<M: Wire> Net<M> {
    /// The process of `node` is gone; its host closes what it had open.
    pub(crate) fn process_ended(&mut self, queue: &mut Queue, now: u64, node: NodeId) {
        for i in 0..self.directions.len() as u32 {
            let incoming = &self.directions[i as usize];
            // An acceptor's end that does not exist yet is refused when the first packet arrives.
            let exists = incoming.to_end == End::Open || incoming.to_end == End::Opening && i % 2 == 1;
            if incoming.to == node && exists {
                self.finish(queue, now, i ^ 1);
            }
        }
    }

    /// The host of `node` is gone. Nobody is told.
    pub(crate) fn host_vanished(&mut self, node: NodeId) {
        for i in 0..self.directions.len() as u32 {
            let incoming = &self.directions[i as usize];
            if incoming.to != node || incoming.to_end == End::Opening && i % 2 == 0 {
                continue;
            }
            if incoming.to_end != End::Gone {
                self.directions[i as usize].flags |= flag::VANISHED;
                self.set_gone(i);
            }
            // Lost bytes are not sent again by a host without power, nor are those behind them understood.
            let outgoing = &mut self.directions[i as usize ^ 1];
            if outgoing.stalled > 0 {
                outgoing.stalled = 0;
                outgoing.items.clear();
            }
        }
    }

    /// The host of `node` is back and knows nothing of its old connections.
    pub(crate) fn host_returned(&mut self, queue: &mut Queue, now: u64, node: NodeId) {
        for i in 0..self.directions.len() as u32 {
            let incoming = &mut self.directions[i as usize];
            if incoming.to != node {
                continue;
            }
            if incoming.flags & flag::VANISHED == 0 {
                self.retransmit(queue, now, i);
            } else if incoming.shut {
                // The sender has gone as well: nobody is left to answer.
                incoming.unacked = false;
            } else if incoming.unacked {
                incoming.unacked = false;
                self.answer_with_reset(queue, now, i);
            } else {
                let conn = incoming.conn;
                let at = now + self.config.keepalive.draw(self.draws(i, Draw::Keepalive), 0);
                self.schedule(queue, at, NetEvent::Keepalive { i, conn });
            }
        }
    }

    /// Cuts or heals the way from one node to another. False if it was so already.
    pub(crate) fn set_cut(&mut self, queue: &mut Queue, now: u64, from: NodeId, to: NodeId, cut: bool) -> bool {
        let link = self.links.between(from, to);
        let changed = self.links.set_cut(link, cut);
        if changed {
            self.update_cuts(queue, now);
        }
        changed
    }

    /// Heals every link. False if none was cut.
    pub(crate) fn heal_all(&mut self, queue: &mut Queue, now: u64) -> bool {
        let changed = self.links.heal_all();
        if changed {
            self.update_cuts(queue, now);
        }
        changed
    }

    fn update_cuts(&mut self, queue: &mut Queue, now: u64) {
        for i in 0..self.directions.len() as u32 {
            let (link, back) = (self.directions[i as usize].link, self.directions[i as usize ^ 1].link);
            let flags = super::cut_flags(self.links.is_cut(link), self.links.is_cut(back));
            let direction = &mut self.directions[i as usize];
            if direction.flags & (flag::CUT | flag::ACKS_CUT) == flags {
                continue;
            }
            direction.flags = direction.flags & !(flag::CUT | flag::ACKS_CUT) | flags;
            if flags == 0 && direction.flags & flag::VANISHED == 0 {
                direction.unacked = false;
            }
            self.retransmit(queue, now, i);
        }
    }

    /// Resets the connections between two nodes. False if there were none.
    pub(crate) fn reset(&mut self, queue: &mut Queue, now: u64, a: NodeId, b: NodeId, lane: Option<Lane>) -> bool {
        let mut any = false;
        for to_acceptor in (0..self.directions.len() as u32).step_by(2) {
            let direction = &self.directions[to_acceptor as usize];
            let conn = direction.conn;
            let between = (direction.from, direction.to) == (a, b) || (direction.from, direction.to) == (b, a);
            let over = direction.to_end == End::Gone && self.directions[to_acceptor as usize + 1].to_end == End::Gone;
            if !between || over || lane.is_some_and(|lane| lane != conn.lane) {
                continue;
            }
            any = true;
            self.reset_one(queue, now, to_acceptor, None);
        }
        any
    }

    /// The end of `node` of its connections with `peer` is gone and the other is not told. False if there were none.
    pub(crate) fn half_open(&mut self, queue: &mut Queue, now: u64, node: NodeId, peer: NodeId) -> bool {
        let mut any = false;
        for i in 0..self.directions.len() as u32 {
            let incoming = &mut self.directions[i as usize];
            if incoming.to != node || incoming.from != peer || incoming.to_end != End::Open {
                continue;
            }
            any = true;
            // Whatever comes from now on is answered as a host answers that has lost its memory.
            incoming.flags |= flag::VANISHED;
            let conn = incoming.conn;
            self.schedule(queue, now, NetEvent::Notice { i, conn });
            let at = now + self.config.keepalive.draw(self.draws(i, Draw::Keepalive), 0);
            self.schedule(queue, at, NetEvent::Keepalive { i, conn });
        }
        any
    }

    /// `late` says whether bytes on their way to the acceptor arrive all the same; if not, chance does.
    pub(super) fn reset_one(&mut self, queue: &mut Queue, now: u64, to_acceptor: u32, late: Option<bool>) {
        let to_initiator = to_acceptor + 1;
        let conn = self.directions[to_acceptor as usize].conn;
        for i in [to_initiator, to_acceptor] {
            self.directions[i as usize].shut = true;
            self.directions[i as usize].unacked = false;
        }
        self.lose(to_initiator);
        let notice = |net: &Self, i| {
            let latency = net.links.latency(net.directions[i as usize].link);
            now + latency.draw(net.draws(i, Draw::Notice), 0)
        };
        let at = notice(self, to_initiator);
        self.schedule(queue, at, NetEvent::Notice { i: to_initiator, conn });

        let direction = &self.directions[to_acceptor as usize];
        let in_flight = direction.to_end == End::Open && !direction.items.is_empty();
        let chance = |net: &Self| net.draws(to_acceptor, Draw::Late).chance(0, net.config.late_bytes_percent);
        if in_flight && late.unwrap_or_else(|| chance(self)) {
            self.directions[to_acceptor as usize].flags |= flag::HELD;
            self.push(queue, now, to_acceptor, Item::Fin);
            let at = at + self.config.late_bytes.draw(self.draws(to_acceptor, Draw::LateBy), 0);
            self.schedule(queue, at, NetEvent::Release { i: to_acceptor, conn });
        } else {
            self.lose(to_acceptor);
            let at = notice(self, to_acceptor);
            self.schedule(queue, at, NetEvent::Notice { i: to_acceptor, conn });
        }
    }

    /// What is in flight in direction `i` is lost from some byte on: what came before it may still be in time.
    fn lose(&mut self, i: u32) {
        let draws = self.draws(i, Draw::Lost);
        let direction = &mut self.directions[i as usize];
        let count = direction.items.len() as u64;
        let may_arrive = direction.to_end == End::Open && direction.stalled == 0;
        let kept = if may_arrive && draws.chance(0, 50) { draws.below(1, count + 1) } else { 0 };
        direction.items.truncate(kept as usize);
        direction.stalled = 0;
    }

    pub(crate) fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Option<Latency>) {
        self.links.set_latency(from, to, latency);
    }

    pub(crate) fn set_bandwidth(&mut self, now: u64, from: NodeId, to: NodeId, bandwidth: Option<u64>) {
        self.links.set_bandwidth(now, from, to, bandwidth);
    }
}
