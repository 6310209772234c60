//! Connections in scripted runs: finding them, and telling which events need a decision of the caller.

use tribunal_contract::{ConnId, Lane, NodeId};

use super::{End, Item, Net, NetEvent, flag};
use crate::judge::Wire;
use crate::queue::Queue;

/// A connection of a lane, identified by age, so that two worlds with different numbering can agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The node that opened it.
    pub initiator: NodeId,
    /// The node that accepts it.
    pub acceptor: NodeId,
    /// The lane.
    pub lane: Lane,
    /// The number of older connections of the same ends and lane that still exist.
    pub older: usize,
}

impl<M: Wire> Net<M> {
    /// The direction to the acceptor of the connection at `place`.
    pub(crate) fn at(&self, place: Place) -> Option<u32> {
        let mut there: Vec<(u32, u32)> = (0..self.directions.len() as u32)
            .step_by(2)
            .filter(|i| {
                let ConnId { initiator, acceptor, lane, .. } = self.directions[*i as usize].conn;
                let gone = |i: u32| self.directions[i as usize].to_end == End::Gone;
                (initiator, acceptor, lane) == (place.initiator, place.acceptor, place.lane)
                    && !(gone(*i) && gone(i + 1))
            })
            .map(|i| (self.directions[i as usize].conn.attempt, i))
            .collect();
        there.sort_unstable();
        there.get(place.older).map(|(_, i)| *i)
    }

    /// Whether the host handles a token of direction `i` without a decision of the caller: it is no message for an open
    /// end.
    pub(crate) fn is_settling(&self, i: u32) -> bool {
        let direction = &self.directions[i as usize];
        direction.flags & flag::CUT == 0
            && (direction.flags & flag::NOT_OPEN != 0 || !matches!(direction.items.front(), Some(Item::Msg(_))))
    }

    /// Whether an event of the network may happen at once in a scripted run. A connect timeout may if the link is cut,
    /// because the attempt cannot succeed.
    pub(crate) fn is_prompt(&self, index: u32) -> bool {
        match self.events.get(index) {
            Some(NetEvent::Refuse { .. } | NetEvent::Notice { .. } | NetEvent::Release { .. }) => true,
            Some(NetEvent::ConnectTimeout { i, conn }) => {
                let direction = &self.directions[*i as usize];
                direction.conn == *conn && direction.to_end == End::Opening && direction.flags & flag::CUT != 0
            }
            Some(NetEvent::Keepalive { .. } | NetEvent::Unacked { .. }) | None => false,
        }
    }

    /// Resets the connection of direction `i`. `late` says whether bytes on their way to the acceptor still arrive.
    pub(crate) fn reset_at(&mut self, queue: &mut Queue, now: u64, i: u32, late: bool) {
        self.reset_one(queue, now, i, Some(late));
    }
}
