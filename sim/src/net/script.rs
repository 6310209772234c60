//! Connections when the caller decides what arrives: finding them, and telling what still needs a decision.

use tribunal_contract::{ConnId, Lane, NodeId};

use super::{End, Item, Net, NetEvent, flag};
use crate::judge::Wire;
use crate::queue::Queue;

/// One of the connections of a lane that are there, by age: what two worlds can agree on that count differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Who opened it.
    pub initiator: NodeId,
    /// To whom.
    pub acceptor: NodeId,
    /// On which lane.
    pub lane: Lane,
    /// How many of these are there that are older.
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

    /// Whether a token of direction `i` is no message for an open end: the host deals with it, and nobody has to
    /// decide.
    pub(crate) fn is_settling(&self, i: u32) -> bool {
        let direction = &self.directions[i as usize];
        direction.flags & flag::CUT == 0
            && (direction.flags & flag::NOT_OPEN != 0 || !matches!(direction.items.front(), Some(Item::Msg(_))))
    }

    /// Whether an event of the network is one that a process would not be surprised by at once. A connection attempt
    /// over a link that is cut will not get anywhere.
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

    /// Resets the connection of direction `i`; whether what is on its way to the acceptor arrives is decided here too.
    pub(crate) fn reset_at(&mut self, queue: &mut Queue, now: u64, i: u32, late: bool) {
        self.reset_one(queue, now, i, Some(late));
    }
}
