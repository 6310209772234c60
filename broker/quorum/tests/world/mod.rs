//! A small world: nodes, connections, disks and timers, in whatever order the dice say.
#![allow(dead_code, reason = "not every test uses all of it")]

pub mod alone;
pub mod disk;
pub mod node;
pub mod truth;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tribunal_common::{BrokerConfig, Bugs, QuorumRole, timers};
use tribunal_contract::{ConnId, Lane, NodeId, TimerId};
use tribunal_protocol::Message;
use tribunal_quorum::QuorumView;

use node::{Done, Happens, Node};
use truth::Truth;

/// Choices: first those of the schedule, then those of a generator.
pub struct Dice {
    schedule: VecDeque<u16>,
    state: u64,
}

impl Dice {
    pub fn new(schedule: Vec<u16>, seed: u64) -> Dice {
        Dice { schedule: schedule.into(), state: seed | 1 }
    }

    pub fn below(&mut self, n: u32) -> u32 {
        let drawn = self.schedule.pop_front().map_or_else(
            || {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                (self.state >> 33) as u32
            },
            u32::from,
        );
        drawn % n.max(1)
    }

    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    pub fn is_spent(&self) -> bool {
        self.schedule.is_empty()
    }
}

enum Item {
    Up,
    Msg(Message),
    Down,
}

/// A connection: what is on its way to either side. A side that is `None` has no more part in it.
struct Wire {
    conn: ConnId,
    to_acceptor: Option<VecDeque<Item>>,
    to_initiator: Option<VecDeque<Item>>,
}

/// What can happen next, timers apart.
#[derive(Clone, Copy)]
enum Next {
    Dial(usize),
    Deliver { wire: usize, to_acceptor: bool },
    Sync(usize),
}

pub struct World {
    pub now: u64,
    pub nodes: Vec<Node>,
    pub truth: Truth,
    pub dice: Dice,
    /// From, to: nothing gets through.
    pub cut: BTreeSet<(usize, usize)>,
    dials: Vec<(usize, usize, Lane)>,
    wires: Vec<Wire>,
    attempts: BTreeMap<(usize, usize, Lane), u32>,
    sent: u32,
    /// Events handled.
    pub events: usize,
}

const APPENDS_AT_ONCE: u32 = 3;

impl World {
    pub fn new(voters: usize, observers: usize, bugs: Bugs, dice: Dice) -> World {
        let ids: Vec<i32> = (0..voters as i32).collect();
        let nodes = (0..voters + observers)
            .map(|id| {
                let mut cfg = BrokerConfig::new(id as i32, ids.clone());
                cfg.bugs = bugs;
                Node::new(cfg)
            })
            .collect();
        World {
            now: 1_000_000_000,
            nodes,
            truth: Truth::new(voters + observers, voters),
            dice,
            cut: BTreeSet::new(),
            dials: Vec::new(),
            wires: Vec::new(),
            attempts: BTreeMap::new(),
            sent: 0,
            events: 0,
        }
    }

    pub fn view(&self, at: usize) -> Option<QuorumView> {
        self.nodes[at].quorum.as_ref().map(|q| q.view())
    }

    pub fn is_up(&self, at: usize) -> bool {
        self.nodes[at].quorum.is_some()
    }

    /// The nodes that are leaders now.
    pub fn leaders(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.view(*at).is_some_and(|v| v.role == QuorumRole::Leader)).collect()
    }

    /// The leader of the latest epoch, if it is active.
    pub fn active(&self) -> Option<usize> {
        let leader = self.leaders().into_iter().max_by_key(|at| self.view(*at).map(|v| v.epoch))?;
        self.nodes[leader].quorum.as_ref().is_some_and(|q| q.is_active()).then_some(leader)
    }

    pub fn start(&mut self, at: usize) {
        if !self.is_up(at) {
            self.happen(at, Happens::Start);
        }
    }

    pub fn start_all(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.start(at));
    }

    /// The process dies; with `power`, so does the page cache.
    pub fn crash(&mut self, at: usize, power: bool) {
        self.nodes[at].stop();
        if power {
            let World { nodes, dice, .. } = self;
            nodes[at].disk.lose_power(dice);
        }
        let id = NodeId(at as u32);
        self.dials.retain(|(from, _, _)| *from != at);
        for wire in &mut self.wires {
            if wire.conn.acceptor == id {
                wire.to_acceptor = None;
                wire.to_initiator.iter_mut().for_each(|q| q.push_back(Item::Down));
            } else if wire.conn.initiator == id {
                wire.to_initiator = None;
                wire.to_acceptor.iter_mut().for_each(|q| q.push_back(Item::Down));
            }
        }
    }

    /// A connection breaks: the initiator knows at once, the acceptor may first handle what had got through.
    fn reset(&mut self, wire: usize) {
        let keep = self.dice.below(4) as usize;
        let wire = &mut self.wires[wire];
        if let Some(queue) = &mut wire.to_initiator {
            queue.retain(|item| matches!(item, Item::Up));
            queue.push_back(Item::Down);
        }
        if let Some(queue) = &mut wire.to_acceptor {
            queue.truncate(keep + usize::from(matches!(queue.front(), Some(Item::Up))));
            queue.push_back(Item::Down);
        }
    }

    /// Cuts a node off, in both directions.
    pub fn isolate(&mut self, at: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            self.cut.extend([(at, other), (other, at)]);
        }
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Hands records to a node; it appends them if it leads.
    pub fn append(&mut self, at: usize, count: u32) {
        let values = (0..count).map(|n| Bytes::from(format!("value {} of node {at}", self.sent + n))).collect();
        self.sent += count;
        self.happen(at, Happens::Append(values));
    }

    /// Takes a snapshot of what the node has applied.
    pub fn snapshot(&mut self, at: usize) {
        self.happen(at, Happens::Snapshot);
    }

    pub fn resign(&mut self, at: usize) {
        self.happen(at, Happens::Resign);
    }

    /// Hands a node an event, performs what it does, and looks at the invariants.
    pub fn happen(&mut self, at: usize, what: Happens) {
        self.events += 1;
        let done = self.nodes[at].handle(self.now, what, &mut self.dice);
        let Done { sent, closed, dialed, observed, halted } = done;
        for obs in &observed {
            self.truth.observe(at, obs, &self.nodes[at]);
        }
        assert_eq!(halted, None, "node {at} halts");
        for (conn, msg) in sent {
            if let Some(queue) = self.queue_from(at, conn) {
                queue.push_back(Item::Msg(msg));
            }
        }
        for conn in closed {
            if let Some(queue) = self.queue_from(at, conn) {
                queue.push_back(Item::Down);
            }
            if let Some(wire) = self.wires.iter_mut().find(|w| w.conn == conn) {
                *(if conn.initiator.index() == at { &mut wire.to_initiator } else { &mut wire.to_acceptor }) = None;
            }
        }
        self.dials.extend(dialed.into_iter().map(|(peer, lane)| (at, peer.index(), lane)));
        if let Some(view) = self.view(at) {
            self.truth.look(at, view, &mut self.nodes[at]);
        }
    }

    /// What goes from `at` to the other end, unless that is gone.
    fn queue_from(&mut self, at: usize, conn: ConnId) -> Option<&mut VecDeque<Item>> {
        let wire = self.wires.iter_mut().find(|w| w.conn == conn)?;
        let queue = if conn.initiator.index() == at { &mut wire.to_acceptor } else { &mut wire.to_initiator };
        queue.as_mut().filter(|q| !matches!(q.back(), Some(Item::Down)))
    }

    fn possible(&self) -> Vec<Next> {
        let mut next: Vec<Next> = (0..self.dials.len()).map(Next::Dial).collect();
        for (at, wire) in self.wires.iter().enumerate() {
            let (a, b) = (wire.conn.initiator.index(), wire.conn.acceptor.index());
            for (queue, to_acceptor, way) in [(&wire.to_acceptor, true, (a, b)), (&wire.to_initiator, false, (b, a))] {
                if queue.as_ref().is_some_and(|q| !q.is_empty()) && !self.cut.contains(&way) {
                    next.push(Next::Deliver { wire: at, to_acceptor });
                }
            }
        }
        next.extend((0..self.nodes.len()).filter(|at| self.nodes[*at].disk.pending() > 0).map(Next::Sync));
        next
    }

    fn perform(&mut self, next: Next) {
        match next {
            Next::Sync(at) => {
                let op = self.nodes[at].disk.complete_sync(&mut self.dice);
                self.happen(at, Happens::Synced(op));
            }
            Next::Dial(dial) => {
                let (from, to, lane) = self.dials.swap_remove(dial);
                if !self.is_up(to) || self.cut.contains(&(from, to)) || self.cut.contains(&(to, from)) {
                    return self.happen(from, Happens::Refused { peer: NodeId(to as u32), lane });
                }
                let attempt = self.attempts.entry((from, to, lane)).or_default();
                let (initiator, acceptor) = (NodeId(from as u32), NodeId(to as u32));
                let conn = ConnId { initiator, acceptor, lane, attempt: *attempt };
                *attempt += 1;
                let up = || Some(VecDeque::from([Item::Up]));
                self.wires.push(Wire { conn, to_acceptor: up(), to_initiator: up() });
            }
            Next::Deliver { wire, to_acceptor } => {
                let w = &mut self.wires[wire];
                let conn = w.conn;
                let (side, at, peer) = match to_acceptor {
                    true => (&mut w.to_acceptor, conn.acceptor.index(), conn.initiator),
                    false => (&mut w.to_initiator, conn.initiator.index(), conn.acceptor),
                };
                let Some(item) = side.as_mut().and_then(VecDeque::pop_front) else { return };
                if let Item::Down = item {
                    *side = None;
                }
                if w.to_acceptor.is_none() && w.to_initiator.is_none() {
                    self.wires.swap_remove(wire);
                }
                match item {
                    Item::Up => self.happen(at, Happens::Up { conn, peer, inbound: to_acceptor }),
                    Item::Msg(msg) => self.happen(at, Happens::Msg { conn, peer, msg }),
                    Item::Down => self.happen(at, Happens::Down { conn, peer }),
                }
            }
        }
    }

    fn all_timers(&self) -> Vec<(u64, usize, TimerId)> {
        let of = |at: usize| self.nodes[at].timers.iter().map(move |(id, when)| (*when, at, *id));
        (0..self.nodes.len()).flat_map(of).collect()
    }

    fn fire(&mut self, (when, at, id): (u64, usize, TimerId)) {
        self.now = self.now.max(when);
        self.nodes[at].timers.remove(&id);
        self.happen(at, Happens::Timer(id));
    }

    /// Something that may happen happens; timers when they are due.
    pub fn calm_step(&mut self) {
        let next = self.possible();
        if !next.is_empty() {
            let which = self.dice.below(next.len() as u32);
            return self.perform(next[which as usize]);
        }
        if let Some(timer) = self.all_timers().into_iter().min() {
            self.fire(timer);
        }
    }

    /// Steps until `goal` holds. Panics if it does not within `seconds` of simulated time.
    pub fn run_until(&mut self, what: &str, seconds: u64, mut goal: impl FnMut(&World) -> bool) {
        let deadline = self.now + seconds * 1_000_000_000;
        let mut budget = 200_000;
        while !goal(self) {
            assert!(self.now <= deadline && budget > 0, "not within {seconds} s: {what}: {:?}", self.views());
            budget -= 1;
            self.calm_step();
        }
    }

    /// Steps for a time.
    pub fn run_for(&mut self, seconds: u64) {
        let deadline = self.now + seconds * 1_000_000_000;
        while self.now < deadline {
            if self.possible().is_empty() && self.all_timers().is_empty() {
                self.now = deadline;
            }
            self.calm_step();
        }
    }

    pub fn views(&self) -> Vec<Option<QuorumView>> {
        (0..self.nodes.len()).map(|at| self.view(at)).collect()
    }

    /// Anything at all happens, faults included. `power` says whether power may be lost.
    pub fn wild_step(&mut self, power: bool) {
        let nodes = self.nodes.len() as u32;
        let at = self.dice.below(nodes) as usize;
        match self.dice.below(100) {
            0..70 => {
                let next = self.possible();
                if !next.is_empty() && !self.dice.one_in(12) {
                    let which = self.dice.below(next.len() as u32);
                    return self.perform(next[which as usize]);
                }
                let mut timers = self.all_timers();
                timers.sort_unstable();
                if !timers.is_empty() {
                    // Any timer may be late, but one that is far off rarely fires first.
                    let which = if self.dice.one_in(4) { self.dice.below(timers.len() as u32) } else { 0 };
                    self.fire(timers[which as usize]);
                }
            }
            70..80 => {
                if let Some(leader) = self.leaders().first() {
                    let count = 1 + self.dice.below(APPENDS_AT_ONCE);
                    self.append(*leader, count);
                }
            }
            80..83 if self.is_up(at) => self.snapshot(at),
            83..87 if !self.wires.is_empty() => {
                let which = self.dice.below(self.wires.len() as u32);
                self.reset(which as usize);
            }
            87..89 => {
                let power = power && self.dice.one_in(2);
                self.crash(at, power);
            }
            89..94 => self.start(at),
            94 => {
                let other = self.dice.below(nodes) as usize;
                self.cut.insert((at, other));
            }
            95 => self.isolate(at),
            96..99 => self.heal(),
            99 if self.is_up(at) => {
                let jitter =
                    self.all_timers().into_iter().find(|(_, n, id)| *n == at && id.class == timers::QUORUM_FETCH);
                if let Some(timer) = jitter {
                    self.fire(timer);
                }
            }
            _ => {}
        }
    }

    /// Everything is repaired, and the quorum must get on: elect, commit, and bring everybody up to date.
    pub fn recover(&mut self) {
        self.heal();
        self.start_all();
        self.run_until("an active leader", 120, |w| w.active().is_some());
        let leader = self.active().expect("just seen");
        self.append(leader, 1);
        self.run_until("everybody has applied everything", 120, |w| {
            let ends: BTreeSet<i64> = w.views().iter().flatten().map(|v| v.high_watermark).collect();
            let lengths: BTreeSet<usize> = w.nodes.iter().map(|n| n.app.values.len()).collect();
            let full = w.active().and_then(|at| w.view(at)).is_some_and(|v| v.high_watermark == v.log_end);
            full && ends.len() == 1 && lengths.len() == 1 && w.nodes[0].app.values.len() == w.truth.history().len()
        });
    }
}
