//! What a world tells a machine.

use core::cmp::Ordering;

use crate::{DiskError, SyncOp};

/// A process of the world: a broker, a client. Dense, given by the world, so that machines can index by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The id as an index into a dense table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which of the parallel connections from one node to another. The initiator chooses; a request that the acceptor
/// parks blocks its own lane only, because answers on a connection come in the order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lane(pub u8);

/// One connection: who opened it, to whom, on which lane, and the how-manyth of that lane it is.
///
/// The world gives `attempt`. It grows with every connection opened on the lane, so the two sides of an old
/// connection are never mistaken for a new one: bytes of an old connection may still reach the acceptor after the
/// initiator has connected again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    /// The node that called `connect`.
    pub initiator: NodeId,
    /// The node that was called.
    pub acceptor: NodeId,
    /// Which of the parallel connections.
    pub lane: Lane,
    /// The how-manyth connection of this lane, from 0.
    pub attempt: u32,
}

impl ConnId {
    /// All of it as two words that are ordered as the fields are.
    #[inline]
    const fn words(self) -> (u64, u64) {
        let nodes = (self.initiator.0 as u64) << 32 | self.acceptor.0 as u64;
        (nodes, (self.lane.0 as u64) << 32 | self.attempt as u64)
    }
}

/// By the fields, in their order. By hand, because tables of connections are searched for every message.
impl Ord for ConnId {
    #[inline]
    fn cmp(&self, other: &ConnId) -> Ordering {
        self.words().cmp(&other.words())
    }
}

impl PartialOrd for ConnId {
    #[inline]
    fn partial_cmp(&self, other: &ConnId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A timer's name. Setting a timer that is already set replaces it.
///
/// `class` says what the timer is for (election, heartbeat, session …) so that a checker can budget by class; `index`
/// is dense within the class (a peer, a partition) so that a world can keep timers in arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// What the timer is for.
    pub class: u8,
    /// Which one of its class.
    pub index: u32,
}

/// What happened. `M` is the machine's message type, `I` its input type (commands from outside the network).
///
/// Timers, connections and in-flight syncs belong to an incarnation: after a crash, none of the old ones arrive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<M, I> {
    /// The process has started with whatever its disk holds. Always the first event of an incarnation.
    Start,
    /// A timer fired. It is no longer set.
    Timer(TimerId),
    /// A connection is open. `inbound` is true at the acceptor.
    Up {
        /// The connection.
        conn: ConnId,
        /// The node at the other end.
        peer: NodeId,
        /// Whether the other end opened it.
        inbound: bool,
    },
    /// A `connect` failed: nobody listens, or the attempt timed out.
    Refused {
        /// The node that was called.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
    },
    /// A connection is gone: closed by the peer, or reset. What was in flight is lost. Not sent for a connection that
    /// this machine closed itself.
    Down {
        /// The connection.
        conn: ConnId,
        /// The node at the other end.
        peer: NodeId,
    },
    /// A message arrived.
    Msg {
        /// On which connection.
        conn: ConnId,
        /// From whom.
        peer: NodeId,
        /// What.
        msg: M,
    },
    /// A `Disk::sync` or `Disk::sync_dir` completed. Syncs of one file complete in the order they were asked for.
    Synced {
        /// The name given when it was asked for.
        op: SyncOp,
        /// Whether what was written before the sync is now durable.
        result: Result<(), DiskError>,
    },
    /// A command from outside the network: a record to send, a request to shut down.
    Input(I),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_ordered_by_initiator_then_acceptor_then_lane_then_attempt() {
        let values = [0, 1, u32::MAX];
        let mut in_order = Vec::new();
        for (initiator, acceptor) in values.iter().flat_map(|a| values.map(|b| (NodeId(*a), NodeId(b)))) {
            for (lane, attempt) in [0, 1, u8::MAX].iter().flat_map(|lane| values.map(|n| (Lane(*lane), n))) {
                in_order.push(ConnId { initiator, acceptor, lane, attempt });
            }
        }
        assert!(in_order.is_sorted_by(|a, b| a < b));
    }
}
