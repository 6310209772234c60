//! The world: every node, every connection, every disk, and what can happen next.
//!
//! What is not an action happens at once, because leaving it for later could only look like something that is one:
//!
//! - *Handshakes.* A connection is open as soon as it is asked for, at both ends, if the acceptor's process is there
//!   and the link is whole; else it is refused at once. One that takes its time is one whose first message does.
//! - *The end of a connection with nothing in flight.* An end that learns of it late is one that has done nothing
//!   meanwhile. With something in flight, it is learnt after that: bytes of an old connection are still handled.
//! - *Syncs of folders.* Names are durable at once in this world, so completing one changes nothing but who waits
//!   for it, and the sync of the file before it is an action.
//! - With `syncs = "eager"`, all of them: where no power is lost, a sync only delays an answer, which the network does
//!   too.

mod action;
mod display;
mod init;
mod possible;
mod progress;
mod state;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use tribunal_contract::{ConnId, Lane, NodeId};
use tribunal_model::{Property, Violation};
use tribunal_protocol::Message;

use crate::cluster::Cluster;
use crate::config::CheckConfig;
use crate::hash::Hashed;
use crate::judge::{Bench, Judged};
use crate::node::{Happening, NOW, Out, Outcome, Rules};
use crate::parts::{Part, PartInput};
use crate::remembered::Steps;

pub use action::{Action, lane, timer};
pub use state::{Budget, Budgets, State, Way, Wire};

/// A configuration, ready to be explored.
#[derive(Debug)]
pub struct World {
    /// What it is.
    pub config: CheckConfig,
    /// How its nodes behave.
    pub rules: Rules,
    /// Steps of machines, remembered.
    pub steps: Arc<Steps>,
    /// Verdicts, remembered, and what was reached.
    pub bench: Bench,
    /// The same world once its faults have ended. What happens there was not reached by the search.
    healed: OnceLock<Box<World>>,
}

/// A state as a cluster.
struct Here<'w> {
    world: &'w World,
    state: &'w State,
}

impl Cluster for Here<'_> {
    fn config(&self) -> &CheckConfig {
        &self.world.config
    }

    fn part(&self, node: NodeId) -> Option<&Part> {
        self.state.nodes.get(node.index())?.part.as_deref()
    }
}

/// Events of one action. More than this is a machine that talks to itself for ever.
const MAX_FOLLOWING: usize = 200;

impl World {
    /// The state after `action`. None if it is not possible in `state`.
    pub fn after(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.perform(&mut next, action)?;
        Some(next)
    }

    fn perform(&self, state: &mut State, action: Action) -> Option<()> {
        let spend = |state: &mut State, budget: Budget| {
            let left = &mut state.budgets[budget as usize];
            *left = left.checked_sub(1)?;
            Some(())
        };
        match action {
            Action::Append(node) => {
                let number = state.left(Budget::Records);
                spend(state, Budget::Records)?;
                self.happen(state, node, Happening::Input(PartInput::Append(number)), 0);
            }
            Action::Crash(node) => {
                spend(state, Budget::Crashes)?;
                self.end_process(state, node, Some(false));
            }
            Action::Cut(a, b) => {
                spend(state, Budget::Cuts)?;
                state.set_cut(a, b, true);
            }
            Action::Deliver(conn, to_acceptor, choice) => {
                self.deliver(state, conn, usize::from(!to_acceptor), choice)?
            }
            Action::ElectPreferred => {
                spend(state, Budget::PreferredElections)?;
                self.happen(state, self.controller()?, Happening::Input(PartInput::ElectPreferred), 0);
            }
            Action::FailSync(node, at) => {
                spend(state, Budget::FailedSyncs)?;
                self.happen(state, node, Happening::Sync(at, false), 0);
            }
            Action::Heartbeat(node) => {
                let applied = state.nodes[node.index()].part.as_ref()?.as_replica()?.applied();
                let beat = PartInput::Heartbeat(node.0 as i32, applied);
                self.happen(state, self.controller()?, Happening::Input(beat), 0);
            }
            Action::Heal(a, b) => state.set_cut(a, b, false),
            Action::Metadata(node) => {
                let feed = &mut state.feeds[node.index()];
                if feed.is_empty() {
                    return None;
                }
                let batch = feed.remove(0);
                self.happen(state, node, Happening::Input(PartInput::Metadata(batch)), 0);
            }
            Action::PowerLoss(node) => {
                spend(state, Budget::PowerLosses)?;
                self.end_process(state, node, Some(true));
            }
            Action::Produce(node) => {
                let number = state.left(Budget::Records);
                spend(state, Budget::Records)?;
                self.happen(state, node, Happening::Input(PartInput::Produce(number)), 0);
            }
            Action::Reset(conn, lost) => {
                spend(state, Budget::Resets)?;
                self.reset(state, conn, lost)?;
            }
            Action::Snapshot(node) => {
                spend(state, Budget::Snapshots)?;
                self.happen(state, node, Happening::Input(PartInput::Snapshot), 0);
            }
            Action::Start(node) => self.start(state, node),
            Action::Sync(node, at) => self.happen(state, node, Happening::Sync(at, true), 0),
            Action::Timer(node, id, choice) => {
                if let Some(budget) = self.config.timer_budget(id.class) {
                    spend(state, budget)?;
                }
                self.happen(state, node, Happening::Timer(id), choice);
            }
        }
        Some(())
    }

    /// The node of the controller, in configurations that have one.
    pub fn controller(&self) -> Option<NodeId> {
        self.config.controller()
    }

    /// The nodes that hold replicas or vote.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.config.nodes).map(|id| NodeId(id.into()))
    }

    fn cluster<'w>(&'w self, state: &'w State) -> Here<'w> {
        Here { world: self, state }
    }

    fn step(&self, state: &State, node: NodeId, what: &Happening, choice: u16) -> Arc<Outcome> {
        self.steps.step(&self.rules, node, &state.nodes[node.index()], what, choice)
    }

    /// Hands an event to a node, and does what follows at once.
    fn happen(&self, state: &mut State, node: NodeId, what: Happening, choice: u16) {
        let mut waiting = VecDeque::from([(node, what, choice)]);
        let mut events = 0;
        while let Some((node, what, choice)) = waiting.pop_front() {
            if !state.is_up(node) && !matches!(what, Happening::Start) {
                continue;
            }
            events += 1;
            assert!(events < MAX_FOLLOWING, "b{} and its peers never come to rest", node.0);
            let outcome = self.step(state, node, &what, choice);
            state.nodes[node.index()] = outcome.node.clone();
            if matches!(what, Happening::Start) {
                let judged = self.bench.started(&state.truth, node);
                judge(state, judged);
            }
            if !outcome.observed.is_empty() {
                let judged = self.bench.observed(&state.truth, node, &outcome.observed);
                judge(state, judged);
            }
            for out in &outcome.out {
                self.follow(state, node, out, &mut waiting);
            }
            for batch in &outcome.published {
                for broker in self.members() {
                    if state.is_up(broker) {
                        state.feeds[broker.index()].push(Arc::clone(batch));
                    }
                }
            }
            if let Some(message) = &outcome.panicked {
                let detail = format!("b{} panics: {message}", node.0);
                let (property, cause) = (Property::Panic, Vec::new());
                let violation = Violation { property, partition: None, at: NOW, node: Some(node), detail, cause };
                state.violation.get_or_insert(Arc::new(violation));
            }
            if outcome.halted.is_some() || outcome.panicked.is_some() {
                self.end_process(state, node, None);
            }
        }
    }

    fn follow(&self, state: &mut State, node: NodeId, out: &Out, waiting: &mut VecDeque<(NodeId, Happening, u16)>) {
        match out {
            Out::Send(conn, msg) => {
                if let Some(wire) = find(state, *conn) {
                    let way = &mut wire.ways[usize::from(node == conn.acceptor)];
                    if !way.closed && !way.ends {
                        way.items.push(msg.clone());
                    }
                }
            }
            Out::Close(conn) => {
                let Some(wire) = find(state, *conn) else { return };
                let theirs = usize::from(node == conn.acceptor);
                shut(&mut wire.ways[1 - theirs]);
                wire.ways[theirs].ends = true;
                waiting.extend(settle(state, *conn));
            }
            Out::Connect(peer, lane) => match self.connect(state, node, *peer, *lane) {
                Some(conn) => waiting.extend([
                    (*peer, Happening::Up(conn, node, true), 0),
                    (node, Happening::Up(conn, *peer, false), 0),
                ]),
                None => waiting.push_back((node, Happening::Refused(*peer, *lane), 0)),
            },
        }
    }

    fn connect(&self, state: &mut State, initiator: NodeId, acceptor: NodeId, lane: Lane) -> Option<ConnId> {
        if acceptor.index() >= state.nodes.len() || !state.is_up(acceptor) || state.is_cut(initiator, acceptor) {
            return None;
        }
        let first = state.wires.partition_point(|wire| {
            (wire.conn.initiator, wire.conn.acceptor, wire.conn.lane) < (initiator, acceptor, lane)
        });
        let taken = state.wires[first..].iter().map(|wire| wire.conn);
        let taken = taken.take_while(|conn| (conn.initiator, conn.acceptor, conn.lane) == (initiator, acceptor, lane));
        let attempt = (0..).zip(taken).take_while(|(free, conn)| conn.attempt == *free).count() as u32;
        let conn = ConnId { initiator, acceptor, lane, attempt };
        state.wires.insert(first + attempt as usize, Wire { conn, ways: Default::default() });
        Some(conn)
    }

    fn deliver(&self, state: &mut State, conn: ConnId, way: usize, choice: u16) -> Option<()> {
        let wire = find(state, conn)?;
        let (to, from) = (wire.receiver(way), wire.sender(way));
        let items = &mut wire.ways[way].items;
        if items.is_empty() {
            return None;
        }
        let msg: Hashed<Message> = items.remove(0);
        self.happen(state, to, Happening::Msg(conn, from, msg), choice);
        // The end behind it, if nothing is left before it.
        for (node, what, choice) in settle(state, conn) {
            self.happen(state, node, what, choice);
        }
        Some(())
    }

    /// The initiator knows at once; the acceptor may first handle what had got through.
    fn reset(&self, state: &mut State, conn: ConnId, lost: bool) -> Option<()> {
        let wire = find(state, conn)?;
        wire.ways[1].items.clear();
        if lost {
            wire.ways[0].items.clear();
        }
        wire.ways.iter_mut().for_each(|way| way.ends = true);
        for (node, what, choice) in settle(state, conn) {
            self.happen(state, node, what, choice);
        }
        Some(())
    }

    /// A process ends: killed, with or without the power, or (none) by itself.
    fn end_process(&self, state: &mut State, node: NodeId, power: Option<bool>) {
        let lost = power == Some(true);
        if let Some(lost) = power {
            let what = if lost { Happening::PowerLoss } else { Happening::Crash };
            state.nodes[node.index()] = self.step(state, node, &what, 0).node.clone();
        }
        let judged = self.bench.crashed(&state.truth, node, lost);
        judge(state, judged);
        if let Some(feed) = state.feeds.get_mut(node.index()) {
            feed.clear();
        }
        let conns: Vec<ConnId> = state.wires.iter().map(|wire| wire.conn).collect();
        for conn in conns.into_iter().filter(|conn| conn.initiator == node || conn.acceptor == node) {
            let Some(wire) = find(state, conn) else { continue };
            let theirs = usize::from(node == conn.acceptor);
            shut(&mut wire.ways[1 - theirs]);
            wire.ways[theirs].ends = true;
            for (node, what, choice) in settle(state, conn) {
                self.happen(state, node, what, choice);
            }
        }
    }

    /// A process starts. A broker registers, and is told the metadata as it is then.
    fn start(&self, state: &mut State, node: NodeId) {
        self.happen(state, node, Happening::Start, 0);
        let Some(controller) = self.controller() else { return };
        let starts = state.nodes[node.index()].starts;
        let Some(replica) = state.nodes[node.index()].part.as_ref().and_then(|part| part.as_replica()) else { return };
        let previous = replica.replicas().previous_broker_epoch();
        let register = PartInput::Register(node.0 as i32, starts, previous);
        self.happen(state, controller, Happening::Input(register), 0);
        self.introduce(state, node);
    }

    /// Tells a broker under which epoch it is registered, and the metadata.
    fn introduce(&self, state: &mut State, node: NodeId) {
        let Some(controller) = self.controller() else { return };
        let Some(active) = state.nodes[controller.index()].part.as_ref().and_then(|part| part.as_controller()) else {
            return;
        };
        let image = active.image().clone();
        let epoch = image.broker(node.0 as i32).map_or(-1, |broker| broker.epoch);
        state.feeds[node.index()].clear();
        self.happen(state, node, Happening::Input(PartInput::Registered(epoch, image)), 0);
    }
}

fn judge(state: &mut State, judged: Judged) {
    state.truth = judged.truth;
    if state.violation.is_none() {
        state.violation = judged.violation;
    }
}

fn find(state: &mut State, conn: ConnId) -> Option<&mut Wire> {
    let at = state.wires.binary_search_by_key(&conn, |wire| wire.conn).ok()?;
    Some(&mut state.wires[at])
}

/// The receiving end of a way takes nothing more.
fn shut(way: &mut Way) {
    way.closed = true;
    way.ends = false;
    way.items.clear();
}

/// Tells the ends of a connection that have nothing more to receive that it is gone, and forgets it if both know.
fn settle(state: &mut State, conn: ConnId) -> Vec<(NodeId, Happening, u16)> {
    let Ok(at) = state.wires.binary_search_by_key(&conn, |wire| wire.conn) else { return Vec::new() };
    let wire = &mut state.wires[at];
    let mut told = Vec::new();
    // The initiator first, as in a reset.
    for way in [1, 0] {
        if wire.ways[way].ends && wire.ways[way].items.is_empty() {
            shut(&mut wire.ways[way]);
            // Whoever knows that it is gone sends nothing more.
            if !wire.ways[1 - way].closed {
                wire.ways[1 - way].ends = true;
            }
            told.push((wire.receiver(way), Happening::Down(conn, wire.sender(way)), 0));
        }
    }
    if wire.ways.iter().all(|way| way.closed) {
        state.wires.remove(at);
    }
    told
}
