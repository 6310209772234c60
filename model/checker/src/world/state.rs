//! The state of the whole small world.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use tribunal_common::named;
use tribunal_contract::{ConnId, NodeId};
use tribunal_model::{Invariants, Violation};
use tribunal_protocol::Message;

use crate::hash::Hashed;
use crate::node::Node;
use crate::parts::MetadataBatch;

/// What may still happen so often, in the order of [`Budget::ALL`].
pub type Budgets = [u8; Budget::ALL.len()];

named! {
    /// What a configuration limits. What is left is part of the state.
    pub enum Budget
    /// Its key in a configuration.
    by key {
        Backoffs = "backoffs", "Timers after a failed call that fire: the call is made again.";
        Calls = "calls", "Calls that time out.";
        Checks = "checks", "Quorum leaders that hear from no majority and resign.";
        Crashes = "crashes", "Processes that are killed.";
        Cuts = "cuts", "Links that are cut, both ways.";
        Elections = "elections", "Election timers that fire.";
        FailedSyncs = "failed_syncs", "Syncs that fail.";
        Fences = "fences", "Sessions that expire at the controller.";
        FetchTimeouts = "fetch_timeouts", "Quorum followers that hear nothing from their leader.";
        Lags = "lags", "Lag checks of partition leaders; three in a row put a follower out of sync.";
        Polls = "polls", "Parked fetches that have waited long enough.";
        PowerLosses = "power_losses", "Hosts that lose power.";
        PreferredElections = "preferred_elections", "Preferred leaders that are asked for.";
        Records = "records", "Records that clients write.";
        Resets = "resets", "Connections that are reset, with everything else alive.";
        Snapshots = "snapshots", "Snapshots that are taken.";
    }
}

/// One connection. An end that has closed takes nothing and sends nothing; once both have, the connection is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    /// Which one. The attempt is the smallest that is free, so that a connection is known by its place and not by how
    /// many there were before.
    pub conn: ConnId,
    /// To the acceptor, and to the initiator.
    pub ways: [Way; 2],
}

/// One way of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Way {
    /// In flight, in order.
    pub items: Vec<Hashed<Message>>,
    /// The receiving end is closed.
    pub closed: bool,
    /// After what is in flight, the receiver learns that the connection is gone.
    pub ends: bool,
}

impl Wire {
    /// The receiver of a way.
    pub fn receiver(&self, way: usize) -> NodeId {
        if way == 0 { self.conn.acceptor } else { self.conn.initiator }
    }

    /// The sender of a way.
    pub fn sender(&self, way: usize) -> NodeId {
        self.receiver(1 - way)
    }
}

/// A state. Equal if everything is that the future depends on.
#[derive(Clone)]
pub struct State {
    /// By id.
    pub nodes: Vec<Hashed<Node>>,
    /// Sorted by connection.
    pub wires: Vec<Wire>,
    /// What each broker has not yet been told of committed metadata.
    pub feeds: Vec<Vec<MetadataBatch>>,
    /// Pairs of nodes that are cut off from each other: bit `lower * 8 + higher`.
    pub cuts: u64,
    /// What may still happen.
    pub budgets: Budgets,
    /// What the properties know.
    pub truth: Hashed<Invariants>,
    /// The first promise that broke; nothing happens after it.
    pub violation: Option<Arc<Violation>>,
}

impl State {
    /// Whether two nodes are cut off from each other.
    pub fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        self.cuts >> pair(a, b) & 1 == 1
    }

    /// Cuts or heals.
    pub fn set_cut(&mut self, a: NodeId, b: NodeId, cut: bool) {
        self.cuts = self.cuts & !(1 << pair(a, b)) | u64::from(cut) << pair(a, b);
    }

    /// Whether the process of a node runs.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.nodes[node.index()].part.is_some()
    }

    /// What is left.
    pub fn left(&self, budget: Budget) -> u8 {
        self.budgets[budget as usize]
    }
}

fn pair(a: NodeId, b: NodeId) -> u32 {
    a.0.min(b.0) * 8 + a.0.max(b.0)
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for node in &self.nodes {
            node.hash(hasher);
        }
        for Wire { conn, ways } in &self.wires {
            let [a, b] = ways;
            let flags =
                u64::from(a.closed) | u64::from(a.ends) << 1 | u64::from(b.closed) << 2 | u64::from(b.ends) << 3;
            let counts = (a.items.len() as u64) << 4 | (b.items.len() as u64) << 12;
            let place =
                u64::from(conn.initiator.0) << 32 | u64::from(conn.acceptor.0) << 40 | u64::from(conn.lane.0) << 48;
            hasher.write_u64(flags | counts | place | u64::from(conn.attempt) << 56);
            a.items.iter().chain(&b.items).for_each(|item| item.hash(hasher));
        }
        for feed in &self.feeds {
            // What is told is a stretch of the log, which is where it begins and how much of it.
            let first = feed.first().and_then(|batch| batch.first()).map_or(-1, |(offset, _)| *offset);
            hasher.write_u64((first as u64) << 16 | feed.len() as u64);
        }
        hasher.write_u64(self.cuts);
        self.budgets.hash(hasher);
        self.truth.hash(hasher);
        hasher.write_u8(self.violation.is_some().into());
    }
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.nodes == other.nodes
            && self.wires == other.wires
            && self.feeds == other.feeds
            && (self.cuts, self.budgets) == (other.cuts, other.budgets)
            && self.truth == other.truth
            && self.violation.is_some() == other.violation.is_some()
    }
}

impl Eq for State {}
