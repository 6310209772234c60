//! A counterexample as what happened, one step after the other, named so that another world can follow it.
//!
//! Here a connection is known by its place; elsewhere by how many there were before. What both agree on is the age:
//! which of the connections of a lane that are there now was opened first.

use serde::{Deserialize, Serialize};
use tribunal_contract::ConnId;

use crate::world::{Action, Budget, State, World};

/// One step. Each is an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// The answer at the head of a connection reaches its initiator.
    Answer {
        /// Who opened the connection.
        from: u32,
        /// To whom.
        to: u32,
        /// On which lane.
        lane: u8,
        /// How many older ones of these are there.
        older: usize,
    },
    /// A voter appends the record of this number.
    Append {
        /// Who.
        node: u32,
        /// Which.
        record: u8,
    },
    /// A process is killed.
    Crash {
        /// Whose.
        node: u32,
    },
    /// Two nodes are cut off from each other.
    Cut {
        /// One.
        a: u32,
        /// The other.
        b: u32,
    },
    /// An administrator asks for preferred leaders.
    ElectPreferred {},
    /// The oldest sync of a file fails.
    FailSync {
        /// Whose file.
        node: u32,
        /// Which.
        path: String,
    },
    /// A cut ends.
    Heal {
        /// One.
        a: u32,
        /// The other.
        b: u32,
    },
    /// The controller hears from a broker.
    Heartbeat {
        /// Which.
        node: u32,
    },
    /// A broker applies what has been committed next.
    Metadata {
        /// Which.
        node: u32,
    },
    /// A host loses power.
    PowerLoss {
        /// Whose.
        node: u32,
    },
    /// A client produces the record of this number.
    Produce {
        /// To whom.
        node: u32,
        /// Which.
        record: u8,
    },
    /// The request at the head of a connection reaches its acceptor.
    Request {
        /// Who opened the connection.
        from: u32,
        /// To whom.
        to: u32,
        /// On which lane.
        lane: u8,
        /// How many older ones of these are there.
        older: usize,
    },
    /// A connection is reset.
    Reset {
        /// Who opened the connection.
        from: u32,
        /// To whom.
        to: u32,
        /// On which lane.
        lane: u8,
        /// How many older ones of these are there.
        older: usize,
        /// Whether what is on its way to the acceptor is lost too.
        requests_lost: bool,
    },
    /// A voter takes a snapshot.
    Snapshot {
        /// Which.
        node: u32,
    },
    /// A process starts.
    Start {
        /// Which.
        node: u32,
    },
    /// The oldest sync of a file completes.
    Sync {
        /// Whose file.
        node: u32,
        /// Which.
        path: String,
    },
    /// A timer fires.
    Timer {
        /// Whose.
        node: u32,
        /// Of which class.
        class: u8,
        /// Which of its class.
        index: u32,
    },
}

/// Which connections are there, in the order in which they were opened.
#[derive(Default)]
struct Ages(Vec<ConnId>);

impl Ages {
    fn follow(&mut self, state: &State) {
        self.0.retain(|conn| state.wires.iter().any(|wire| wire.conn == *conn));
        for wire in &state.wires {
            if !self.0.contains(&wire.conn) {
                self.0.push(wire.conn);
            }
        }
    }

    fn older(&self, conn: ConnId) -> usize {
        let lane = |conn: &ConnId| (conn.initiator, conn.acceptor, conn.lane);
        let before = self.0.iter().take_while(|other| **other != conn);
        before.filter(|other| lane(other) == lane(&conn)).count()
    }
}

impl World {
    /// What happens on a path from the initial state, as steps for another world.
    pub fn script(&self, path: &[Action]) -> Vec<Step> {
        self.along(path).0
    }

    /// What happens after a path whose faults then end, in the order in which the promise of progress was asked for.
    /// Another order may get on, so whoever follows the path follows this too.
    pub fn script_after(&self, path: &[Action]) -> Vec<Step> {
        let (_, state, mut ages) = self.along(path);
        let mut steps = Vec::new();
        self.goes_on(&state, |state, action| {
            ages.follow(state);
            steps.push(step(state, &ages, action));
        });
        steps
    }

    fn along(&self, path: &[Action]) -> (Vec<Step>, State, Ages) {
        let mut state = self.init();
        let mut ages = Ages::default();
        let mut steps = Vec::new();
        for action in path {
            ages.follow(&state);
            steps.push(step(&state, &ages, *action));
            match self.after(&state, *action) {
                Some(next) => state = next,
                None => break,
            }
        }
        (steps, state, ages)
    }
}

fn step(state: &State, ages: &Ages, action: Action) -> Step {
    let record = state.left(Budget::Records);
    let path = |node: tribunal_contract::NodeId, at: u8| {
        state.nodes[node.index()].disk.open_sync(at.into()).map_or_else(String::new, |(_, path)| path.to_owned())
    };
    let place = |conn: ConnId| (conn.initiator.0, conn.acceptor.0, conn.lane.0, ages.older(conn));
    match action {
        Action::Append(node) => Step::Append { node: node.0, record },
        Action::Crash(node) => Step::Crash { node: node.0 },
        Action::Cut(a, b) => Step::Cut { a: a.0, b: b.0 },
        Action::Deliver(conn, to_acceptor, _) => {
            let (from, to, lane, older) = place(conn);
            match to_acceptor {
                true => Step::Request { from, to, lane, older },
                false => Step::Answer { from, to, lane, older },
            }
        }
        Action::ElectPreferred => Step::ElectPreferred {},
        Action::FailSync(node, at) => Step::FailSync { node: node.0, path: path(node, at) },
        Action::Heal(a, b) => Step::Heal { a: a.0, b: b.0 },
        Action::Heartbeat(node) => Step::Heartbeat { node: node.0 },
        Action::Metadata(node) => Step::Metadata { node: node.0 },
        Action::PowerLoss(node) => Step::PowerLoss { node: node.0 },
        Action::Produce(node) => Step::Produce { node: node.0, record },
        Action::Reset(conn, requests_lost) => {
            let (from, to, lane, older) = place(conn);
            Step::Reset { from, to, lane, older, requests_lost }
        }
        Action::Snapshot(node) => Step::Snapshot { node: node.0 },
        Action::Start(node) => Step::Start { node: node.0 },
        Action::Sync(node, at) => Step::Sync { node: node.0, path: path(node, at) },
        Action::Timer(node, id, _) => Step::Timer { node: node.0, class: id.class, index: id.index },
    }
}
