//! Who is at the other end of a connection.
//!
//! Brokers call each other by Kafka's protocol on the port that clients use. A broker names itself and the lane in the
//! client id of its requests, `broker-1-lane-5`; whoever does not is a client. As with a PLAINTEXT listener of Kafka,
//! nothing proves who calls.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};

use tribunal_common::lanes;
use tribunal_contract::{ConnId, Lane, NodeId};
use tribunal_protocol::Str;

use crate::budget::Budget;

/// The first node id of clients. Brokers' ids are below.
const CLIENTS: u32 = 1 << 20;
/// Node ids end here: timers of a connection are indexed by node and lane.
const END: u32 = u32::MAX / lanes::COUNT;

/// Bytes of requests that have not come whole, over all connections of a broker: two of the longest
/// (`socket.request.max.bytes`) and some more. The connection that would need more is closed. What each reads ahead
/// does not count.
const MAX_UNFINISHED: usize = 256 << 20;

/// Gives connections their ids, and their share of the broker's memory.
pub(crate) struct Callers {
    me: NodeId,
    /// Where the other brokers listen.
    peers: BTreeMap<NodeId, String>,
    next_client: Cell<u32>,
    clients: RefCell<HashSet<u32>>,
    attempts: Cell<u32>,
    /// For requests that have not come whole.
    pub(crate) unfinished: Budget,
}

impl Callers {
    /// Callers of broker `me`, whose peers listen at these addresses.
    pub(crate) fn new(me: i32, peers: &BTreeMap<i32, String>) -> Callers {
        Callers {
            me: NodeId(me as u32),
            peers: peers.iter().map(|(&id, address)| (NodeId(id as u32), address.clone())).collect(),
            next_client: Cell::new(CLIENTS),
            clients: RefCell::default(),
            attempts: Cell::new(0),
            unfinished: Budget::new(MAX_UNFINISHED),
        }
    }

    /// Where a peer listens.
    pub(crate) fn address(&self, peer: NodeId) -> Option<&str> {
        self.peers.get(&peer).map(String::as_str)
    }

    /// How this broker names itself on a lane.
    pub(crate) fn client_id(&self, lane: Lane) -> Str {
        Str::from(format!("broker-{}-lane-{}", self.me.0, lane.0))
    }

    /// A connection that this broker has opened.
    pub(crate) fn outgoing(&self, peer: NodeId, lane: Lane) -> ConnId {
        ConnId { initiator: self.me, acceptor: peer, lane, attempt: self.attempt() }
    }

    /// A connection that was accepted, by the client id of its first request. A client is a node of its own for each
    /// connection.
    pub(crate) fn incoming(&self, client_id: Option<&Str>) -> ConnId {
        let acceptor = self.me;
        if let Some((peer, lane)) = client_id.and_then(|id| parse(id)).filter(|(peer, _)| self.peers.contains_key(peer))
        {
            return ConnId { initiator: peer, acceptor, lane, attempt: self.attempt() };
        }
        let mut clients = self.clients.borrow_mut();
        let mut next = self.next_client.get();
        while !clients.insert(next) {
            next = after(next);
        }
        self.next_client.set(after(next));
        ConnId { initiator: NodeId(next), acceptor, lane: lanes::CLIENT, attempt: 0 }
    }

    /// A connection that was accepted has ended.
    pub(crate) fn gone(&self, conn: ConnId) {
        self.clients.borrow_mut().remove(&conn.initiator.0);
    }

    /// Grows with every connection, so that of two on one lane the newer has the greater.
    fn attempt(&self) -> u32 {
        let attempt = self.attempts.get().wrapping_add(1);
        self.attempts.set(attempt);
        attempt
    }
}

/// The lane of a connection that a broker has opened; none for clients.
pub(crate) fn lane_of(conn: ConnId) -> Option<Lane> {
    (conn.initiator.0 < CLIENTS).then_some(conn.lane)
}

fn after(client: u32) -> u32 {
    if client + 1 < END { client + 1 } else { CLIENTS }
}

fn parse(client_id: &str) -> Option<(NodeId, Lane)> {
    let (broker, lane) = client_id.strip_prefix("broker-")?.split_once("-lane-")?;
    let lane = lane.parse().ok().filter(|&lane: &u8| u32::from(lane) < u32::from(lanes::CLIENT.0))?;
    Some((NodeId(broker.parse().ok()?), Lane(lane)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers() -> Callers {
        Callers::new(1, &BTreeMap::from([(2, "127.0.0.1:2".to_owned())]))
    }

    #[test]
    fn a_peer_is_known_by_its_client_id_and_anyone_else_is_a_client() {
        let callers = callers();
        let peer = callers.incoming(Some(&Str::from("broker-2-lane-5")));
        assert_eq!((peer.initiator, peer.lane), (NodeId(2), lanes::REPLICA_FETCH));
        for stranger in
            [None, Some("rdkafka"), Some("broker-7-lane-5"), Some("broker-2-lane-8"), Some("broker-2-lane-")]
        {
            let conn = callers.incoming(stranger.map(Str::from).as_ref());
            assert_eq!(lane_of(conn), None, "{stranger:?}");
        }
    }

    #[test]
    fn clients_are_nodes_of_their_own_while_they_are_connected() {
        let callers = callers();
        let (a, b) = (callers.incoming(None), callers.incoming(None));
        assert_ne!(a.initiator, b.initiator);
        callers.next_client.set(a.initiator.0);
        let c = callers.incoming(None);
        assert!(c.initiator != a.initiator && c.initiator != b.initiator);
        callers.gone(a);
        callers.next_client.set(a.initiator.0);
        assert_eq!(callers.incoming(None).initiator, a.initiator);
    }
}
