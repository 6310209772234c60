//! The effects of faults on connections.

use tribunal_contract::{Lane, NodeId};

use super::events::Draw;
use super::{End, Item, Net, NetEvent, flag};
use crate::Latency;
use crate::judge::Wire;
use crate::queue::Queue;

impl<M: Wire> Net<M> {
    /// Closes the connections of `node`, whose process has ended and whose host is up.
    pub(crate) fn process_ended(&mut self, queue: &mut Queue, now: u64, node: NodeId) {
        for i in 0..self.directions.len() as u32 {
            let incoming = &self.directions[i as usize];
            // If the acceptor's end does not exist yet, the first packet is refused on arrival.
            let exists = incoming.to_end == End::Open || incoming.to_end == End::Opening && i % 2 == 1;
            if incoming.to == node && exists {
                self.finish(queue, now, i ^ 1);
            }
        }
    }

    /// Ends the host of `node` without notice to its peers.
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
            // A host without power does not send lost bytes again, and the bytes behind them are useless without them.
            let outgoing = &mut self.directions[i as usize ^ 1];
            if outgoing.stalled > 0 {
                outgoing.stalled = 0;
                outgoing.items.clear();
            }
        }
    }

    /// Brings back the host of `node`, which does not know its old connections.
    pub(crate) fn host_returned(&mut self, queue: &mut Queue, now: u64, node: NodeId) {
        for i in 0..self.directions.len() as u32 {
            let incoming = &mut self.directions[i as usize];
            if incoming.to != node {
                continue;
            }
            if incoming.flags & flag::VANISHED == 0 {
                self.retransmit(queue, now, i);
            } else if incoming.shut {
                // The sender has ended as well, so the reset would reach nobody.
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

    /// Cuts or heals the link from one node to another. False if nothing changed.
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

    /// Drops the end of `node` of its connections with `peer`, without notice to `peer`. False if there were none.
    pub(crate) fn half_open(&mut self, queue: &mut Queue, now: u64, node: NodeId, peer: NodeId) -> bool {
        let mut any = false;
        for i in 0..self.directions.len() as u32 {
            let incoming = &mut self.directions[i as usize];
            if incoming.to != node || incoming.from != peer || incoming.to_end != End::Open {
                continue;
            }
            any = true;
            // From now on the host answers every item as a host does that has lost its memory: with a reset.
            incoming.flags |= flag::VANISHED;
            let conn = incoming.conn;
            self.schedule(queue, now, NetEvent::Notice { i, conn });
            let at = now + self.config.keepalive.draw(self.draws(i, Draw::Keepalive), 0);
            self.schedule(queue, at, NetEvent::Keepalive { i, conn });
        }
        any
    }

    /// Resets one connection. `late` says whether bytes to the acceptor still arrive; with `None` a draw decides.
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

    /// Loses the items in flight in direction `i` from a drawn position on. Items before it may still arrive in time.
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
