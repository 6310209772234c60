//! One node: a machine, its disk, its timers; and what it does in one event, worked out once and remembered.
//!
//! A step depends on the node, the event and what `choose` answers, and on nothing else. In a search the same node
//! meets the same event in very many global states, so steps are looked up by fingerprint, and most of a search runs no
//! machine at all.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tribunal_common::{BrokerConfig, Obs};
use tribunal_contract::{ConnId, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};
use tribunal_protocol::{Message, Uuid};

use crate::disk::CheckedDisk;
use crate::hash::Hashed;
use crate::parts::{MetadataBatch, Part, PartInput};

/// A node. Its parts are shared: very many nodes differ in one of them alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The process, if it runs.
    pub part: Option<Hashed<Part>>,
    /// Outlives processes.
    pub disk: Hashed<CheckedDisk>,
    /// Armed timers of the classes that may fire, sorted.
    pub timers: Vec<TimerId>,
    /// Starts so far.
    pub starts: u8,
}

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// The process is killed; the page cache stays.
    Crash,
    /// A connection is gone.
    Down(ConnId, NodeId),
    /// A command.
    Input(PartInput),
    /// A message arrives.
    Msg(ConnId, NodeId, Hashed<Message>),
    /// The power is gone.
    PowerLoss,
    /// Nobody listens there.
    Refused(NodeId, Lane),
    /// The process starts.
    Start,
    /// The sync at this position completes, or fails.
    Sync(u8, bool),
    /// A timer fires.
    Timer(TimerId),
    /// A connection is open; whether the other end opened it.
    Up(ConnId, NodeId, bool),
}

/// What a node asks of the world, in order.
#[derive(Clone, Debug)]
pub enum Out {
    /// To close a connection.
    Close(ConnId),
    /// To open one.
    Connect(NodeId, Lane),
    /// To send.
    Send(ConnId, Hashed<Message>),
}

/// What came of an event.
#[derive(Debug)]
pub struct Outcome {
    /// The node afterwards.
    pub node: Hashed<Node>,
    /// What it asks for.
    pub out: Vec<Out>,
    /// What it reported.
    pub observed: Hashed<Vec<Obs>>,
    /// It ended itself.
    pub halted: Option<&'static str>,
    /// It panicked, saying this.
    pub panicked: Option<String>,
    /// In how many ways `choose` could have been answered.
    pub choices: u16,
    /// Metadata that it has committed.
    pub published: Vec<MetadataBatch>,
}

/// How nodes of a configuration behave.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Each node's machine as it is before the first start.
    pub machines: Vec<(Kind, BrokerConfig)>,
    /// Bit `n`: timers of class `n` may fire. Others are not even remembered.
    pub classes: u64,
    /// Syncs complete at once.
    pub eager_syncs: bool,
}

/// Which machine a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The active controller.
    Controller,
    /// A broker's replicas.
    Replica,
    /// A quorum voter.
    Voter,
}

/// Times never pass in the checker: timers decide, and what is stamped is stamped with this.
pub const NOW: Time = Time::from_millis(1_000);

impl Rules {
    /// The node as it is before anything has happened.
    pub fn node(&self) -> Node {
        Node { part: None, disk: Hashed::new(CheckedDisk::default()), timers: Vec::new(), starts: 0 }
    }

    /// The machine of `node` for its `starts`th start.
    pub fn machine(&self, node: NodeId, starts: u8) -> Part {
        let (kind, cfg) = &self.machines[node.index()];
        let cfg = BrokerConfig { incarnation: Uuid(u128::from(starts) + 1), ..cfg.clone() };
        match kind {
            Kind::Controller => Part::controller(cfg),
            Kind::Replica => Part::replica(cfg),
            Kind::Voter => Part::voter(cfg),
        }
    }

    /// One event of `id`, and all that follows on the node itself.
    pub fn step(&self, id: NodeId, node: &Node, what: &Happening, choice: u16) -> Outcome {
        let mut next = Running::of(node);
        let mut fx = Recorder::new(self.classes, choice);
        let event = match what {
            Happening::Crash | Happening::PowerLoss => {
                next.stop(matches!(what, Happening::PowerLoss));
                return fx.outcome(next);
            }
            Happening::Start => {
                next.part = Some(self.machine(id, node.starts));
                next.starts += 1;
                Event::Start
            }
            Happening::Timer(timer) => {
                next.timers.retain(|armed| armed != timer);
                Event::Timer(*timer)
            }
            Happening::Sync(at, ok) => {
                let (op, result) = next.disk.complete(usize::from(*at), *ok);
                Event::Synced { op, result }
            }
            Happening::Down(conn, peer) => Event::Down { conn: *conn, peer: *peer },
            Happening::Input(input) => Event::Input(input.clone()),
            Happening::Msg(conn, peer, msg) => Event::Msg { conn: *conn, peer: *peer, msg: Message::clone(msg) },
            Happening::Refused(peer, lane) => Event::Refused { peer: *peer, lane: *lane },
            Happening::Up(conn, peer, inbound) => Event::Up { conn: *conn, peer: *peer, inbound: *inbound },
        };
        fx.timers = core::mem::take(&mut next.timers);
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(&mut next, event, &mut fx)));
        if let Err(payload) = ran {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            fx.panicked = Some(text.unwrap_or_else(|| "a panic without a message".to_owned()));
        }
        next.timers = core::mem::take(&mut fx.timers);
        fx.timers.clear();
        if fx.halted.is_some() || fx.panicked.is_some() {
            next.stop(false);
            return fx.outcome(next);
        }
        let before = node.part.as_ref().and_then(|part| part.as_controller()).map_or(0, |active| active.end());
        let active = next.part.as_ref().and_then(Part::as_controller);
        let published = active.map_or_else(Vec::new, |active| active.published_since(before).to_vec());
        Outcome { published, ..fx.outcome(next) }
    }

    fn run(&self, node: &mut Running, event: Event<Message, PartInput>, fx: &mut Recorder) {
        let Some(part) = &mut node.part else { return };
        part.step(NOW, event, &mut node.disk, fx);
        while fx.halted.is_none() {
            let at_once = node.disk.open_syncs().next().filter(|_| self.eager_syncs);
            let done = node.disk.take_done().or_else(|| at_once.map(|at| node.disk.complete(at, true)));
            let Some((op, result)) = done else { return };
            part.step(NOW, Event::Synced { op, result }, &mut node.disk, fx);
        }
    }
}

/// A node whose parts are its own, while something happens to it.
struct Running {
    part: Option<Part>,
    disk: CheckedDisk,
    timers: Vec<TimerId>,
    starts: u8,
}

impl Running {
    fn of(node: &Node) -> Running {
        Running {
            part: node.part.as_deref().cloned(),
            disk: CheckedDisk::clone(&node.disk),
            timers: node.timers.clone(),
            starts: node.starts,
        }
    }

    fn rest(self) -> Node {
        Node {
            part: self.part.map(Hashed::new),
            disk: Hashed::new(self.disk),
            timers: self.timers,
            starts: self.starts,
        }
    }

    fn stop(&mut self, power: bool) {
        self.part = None;
        self.timers.clear();
        if power { self.disk.lose_power() } else { self.disk.crash() }
    }
}

/// Effects, written down.
struct Recorder {
    classes: u64,
    timers: Vec<TimerId>,
    out: Vec<Out>,
    observed: Vec<Obs>,
    halted: Option<&'static str>,
    panicked: Option<String>,
    /// What is left of the number that says how every `choose` is answered.
    choice: u16,
    choices: u16,
}

impl Recorder {
    fn new(classes: u64, choice: u16) -> Recorder {
        Recorder {
            classes,
            timers: Vec::new(),
            out: Vec::new(),
            observed: Vec::new(),
            halted: None,
            panicked: None,
            choice,
            choices: 1,
        }
    }

    fn outcome(self, node: Running) -> Outcome {
        Outcome {
            node: Hashed::new(node.rest()),
            out: self.out,
            observed: Hashed::new(self.observed),
            halted: self.halted,
            panicked: self.panicked,
            choices: self.choices,
            published: Vec::new(),
        }
    }
}

impl Effects<Message, Obs> for Recorder {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.out.push(Out::Send(conn, Hashed::new(msg)));
    }

    fn close(&mut self, conn: ConnId) {
        self.out.push(Out::Close(conn));
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.out.push(Out::Connect(peer, lane));
    }

    fn set_timer(&mut self, id: TimerId, _: Span, _: Span) {
        if self.classes >> id.class & 1 == 1
            && let Err(place) = self.timers.binary_search(&id)
        {
            self.timers.insert(place, id);
        }
    }

    fn cancel_timer(&mut self, id: TimerId) {
        if let Ok(place) = self.timers.binary_search(&id) {
            self.timers.remove(place);
        }
    }

    fn observe(&mut self, observation: Obs) {
        self.observed.push(observation);
    }

    fn choose(&mut self, n: u32) -> u32 {
        let n = n.max(1) as u16;
        let answer = self.choice % n;
        self.choice /= n;
        self.choices = self.choices.saturating_mul(n);
        u32::from(answer)
    }

    fn halt(&mut self, reason: &'static str) {
        self.halted.get_or_insert(reason);
    }
}
