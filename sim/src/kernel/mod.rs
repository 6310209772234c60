//! The kernel: nodes, the run loop, and the calls allowed between events.

mod process;
mod script;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tribunal_contract::{ConnId, Event, Machine, NodeId, Span, Time, TimerId};

use crate::config::Config;
use crate::disk::NodeDisk;
use crate::judge::{Digest, Judge, Machines, Stop, Wire};
use crate::net::Arrival;
use crate::queue::{Kind, Target};
use crate::trace::{Trace, TraceKind};
pub use process::Mode;
use process::Node;
use world::{Fx, KernelEvent, World};

/// A world of machines.
///
/// Add nodes, [start](Kernel::start) them, then call [`Kernel::run_until`] repeatedly; between calls give
/// [inputs](Kernel::input) and apply [faults](Kernel::apply). [`Kernel::at`] makes `run_until` return at a time that
/// the caller chooses, so that a plan's faults and inputs happen in order with all other events. After its judge or a
/// panic has stopped it, a kernel does nothing more.
///
/// Times are virtual and count from the start of the run. A node's own clock shows the epoch, plus the virtual time,
/// plus the node's offset.
pub struct Kernel<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> {
    machines: Vec<Option<M>>,
    disks: Vec<NodeDisk>,
    judge: J,
    world: World<M>,
    factory: Box<Factory<M>>,
    stop: Option<Stop<J::Violation>>,
    /// Whether the judge asked `run_until` to return.
    interrupted: bool,
}

/// Makes the machine of a node for an incarnation, counted from 0.
type Factory<M> = dyn FnMut(NodeId, u32) -> M;

/// The reason that `run_until` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// Virtual time has reached the limit, and nothing more is due at it.
    Limit,
    /// The judge asked for it (`Judge::interrupts`). More events may be due at this time.
    Interrupted,
    /// The token that the caller set with `Kernel::at` is due.
    Token(u64),
    /// The run is over; `Kernel::stop` holds the reason.
    Stopped,
}

/// The figures of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Stats {
    /// Steps of machines.
    pub events: u64,
    /// Messages among them.
    pub delivered: u64,
    /// Timers among them.
    pub timers: u64,
    /// Completed syncs among them.
    pub syncs: u64,
    /// Virtual time passed.
    pub simulated: Span,
    /// The largest number of queue entries pending at once.
    pub max_queue: usize,
}

impl<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> Kernel<M, J> {
    /// A world without nodes. `factory` makes the machine of a node each time it starts; its disk persists.
    pub fn new(config: Config, judge: J, factory: impl FnMut(NodeId, u32) -> M + 'static) -> Kernel<M, J> {
        Kernel {
            machines: Vec::new(),
            disks: Vec::new(),
            judge,
            world: World::new(config),
            factory: Box::new(factory),
            stop: None,
            interrupted: false,
        }
    }

    /// Adds a node whose host is up and whose process is down. Ids count from 0.
    pub fn add_node(&mut self) -> NodeId {
        let node = NodeId(self.machines.len() as u32);
        let config = &self.world.config;
        self.disks.push(NodeDisk::new(config.seed.fork("disks").index(node.0.into()), config.disk.clone()));
        self.machines.push(None);
        self.world.add_node(node);
        node
    }

    /// Starts the process of `node` at the current time, with a machine from the factory. False if it is alive already.
    pub fn start(&mut self, node: NodeId) -> bool {
        self.world.start(node)
    }

    /// Starts the process of `node` at the current time with the given machine. False if it is alive already.
    pub fn boot(&mut self, node: NodeId, machine: M) -> bool {
        let starts = self.world.start(node);
        if starts {
            self.machines[node.index()] = Some(machine);
        }
        starts
    }

    /// Hands a command to `node` at the current time. The command is lost if the process is down.
    pub fn input(&mut self, node: NodeId, input: M::Input) {
        self.world
            .schedule(self.world.now, KernelEvent::Event { node, event: Event::Input(input), trace: TraceKind::Input });
    }

    /// Makes `run_until` return `token` at `time`, or now if that time is past.
    pub fn at(&mut self, time: Time, token: u64) {
        self.world.schedule(time.0.max(self.world.now), KernelEvent::Token(token));
    }

    /// Runs until nothing more is due at `limit`, a token of the caller is due, or the run stops.
    pub fn run_until(&mut self, limit: Time) -> Ran {
        if self.stop.is_some() {
            return Ran::Stopped;
        }
        // The guard is around the loop, not around each step: a panic ends the run, and its state is only inspected
        // afterwards.
        match catch_unwind(AssertUnwindSafe(|| self.run(limit.0))) {
            Ok(ran) => ran,
            Err(payload) => {
                self.stop = Some(Stop::Panic { node: self.world.stepping, message: text_of(payload) });
                Ran::Stopped
            }
        }
    }

    fn run(&mut self, limit: u64) -> Ran {
        while let Some((at, target)) = self.world.queue.pop_until(limit) {
            self.world.now = at;
            if let Some(token) = self.dispatch(target) {
                return Ran::Token(token);
            }
            if self.stop.is_some() {
                return Ran::Stopped;
            }
            if self.interrupted {
                self.interrupted = false;
                return Ran::Interrupted;
            }
        }
        self.world.now = self.world.now.max(limit);
        Ran::Limit
    }

    /// Performs the event of a queue entry. Returns the token if it is an event of the caller.
    #[inline]
    fn dispatch(&mut self, target: Target) -> Option<u64> {
        let index = target.index();
        let world = &mut self.world;
        match target.kind() {
            Kind::Deliver => self.token(target),
            Kind::Timer => {
                if let Some((node, id)) = world.timers.pop(&mut world.queue, world.now, index) {
                    if world.nodes[node.index()].mode == Mode::Paused {
                        world.nodes[node.index()].backlog.push_back(target);
                    } else {
                        self.timer(index, node, id);
                    }
                }
            }
            Kind::Net => {
                let arrival = world.net.event(&mut world.queue, world.now, index);
                self.arrived(arrival);
            }
            Kind::Kernel => {
                let event = world.events.take(index);
                return self.kernel_event(event);
            }
        }
        None
    }

    /// Handles a token of a connection that has come up.
    #[inline]
    fn token(&mut self, target: Target) {
        let index = target.index();
        let world = &mut self.world;
        let node = &mut world.nodes[world.net.receiver(index).index()];
        if node.mode == Mode::Running
            && let Some((to, peer, conn, msg)) = world.net.arrive_in_order(index)
        {
            return self.message(to, peer, conn, msg);
        }
        let mode = node.mode;
        if mode == Mode::Paused && !world.net.is_opening(index) {
            node.backlog.push_back(target);
            return;
        }
        let arrival = world.net.arrive(&mut world.queue, world.now, index, mode);
        self.arrived(arrival);
    }

    #[inline(always)]
    fn message(&mut self, to: NodeId, peer: NodeId, conn: ConnId, msg: M::Msg) {
        let world = &mut self.world;
        let label = world.tracer.label(|| msg.label());
        world.tracer.emit(world.now, to, TraceKind::Delivered { conn, label, digest: msg.digest() });
        world.stats.delivered += 1;
        self.step(to, Event::Msg { conn, peer, msg });
    }

    fn timer(&mut self, index: u32, node: NodeId, id: TimerId) {
        if self.world.timers.fire(self.world.now, index) {
            self.world.stats.timers += 1;
            self.world.tracer.emit(self.world.now, node, TraceKind::Timer { id });
            self.step(node, Event::Timer(id));
        }
    }

    #[cold]
    fn arrived(&mut self, arrival: Arrival<M::Msg>) {
        match arrival {
            Arrival::Nothing => {}
            Arrival::Msg { to, conn, peer, msg } => self.message(to, peer, conn, msg),
            Arrival::Up { to, conn, peer, inbound } => {
                self.deliver(to, Event::Up { conn, peer, inbound }, TraceKind::Up { conn, inbound });
            }
            Arrival::Refused { to, peer, lane } => {
                self.deliver(to, Event::Refused { peer, lane }, TraceKind::Refused { peer, lane });
            }
            Arrival::Down { to, conn, peer } => {
                self.deliver(to, Event::Down { conn, peer }, TraceKind::Down { conn });
            }
        }
    }

    fn kernel_event(&mut self, event: KernelEvent<M>) -> Option<u64> {
        match event {
            KernelEvent::Drain { node } => self.drain(node),
            KernelEvent::Event { node, event, trace } => self.deliver(node, event, trace),
            KernelEvent::Start { node, starts } => self.start_now(node, starts),
            KernelEvent::Synced { node, incarnation, power_cycle, sync } => {
                let disk = &mut self.disks[node.index()];
                if disk.power_cycle() == power_cycle && !disk.holds(incarnation, power_cycle, sync) {
                    let (op, result) = disk.complete(sync);
                    if self.world.nodes[node.index()].incarnation == incarnation {
                        self.deliver(node, Event::Synced { op, result }, TraceKind::Synced { op, ok: result.is_ok() });
                    }
                }
            }
            KernelEvent::Token(token) => return Some(token),
        }
        None
    }

    /// Hands `event` to `node` if its process runs, or keeps it for later if the process is paused.
    #[inline]
    fn deliver(&mut self, node: NodeId, event: Event<M::Msg, M::Input>, trace: TraceKind) {
        match self.world.nodes[node.index()].mode {
            Mode::Running => {
                if matches!(trace, TraceKind::Synced { .. }) {
                    self.world.stats.syncs += 1;
                }
                self.world.tracer.emit(self.world.now, node, trace);
                self.step(node, event);
            }
            Mode::Paused => {
                let index = self.world.events.insert(KernelEvent::Event { node, event, trace });
                self.world.nodes[node.index()].backlog.push_back(Target::new(Kind::Kernel, index));
            }
            Mode::Down | Mode::Off => {}
        }
    }

    /// Runs one step of the machine of `node` and carries out its consequences.
    #[inline]
    fn step(&mut self, node: NodeId, event: Event<M::Msg, M::Input>) {
        let Some(machine) = &mut self.machines[node.index()] else { return };
        let disk = &mut self.disks[node.index()];
        let world = &mut self.world;
        world.stats.events += 1;
        let state = &world.nodes[node.index()];
        let now = Time(state.reading(world.now));
        let (busy, life) = (state.cpu > 0, state.life.clone());
        world.stepping = Some(node);
        let mut fx = Fx { world, judge: &mut self.judge, node, observed: false, halted: None, life };
        machine.step(now, event, disk, &mut fx);
        let (observed, halted) = (fx.observed, fx.halted);
        let dies = fx.life.filter(|(left, _)| left.get() == 0);
        self.world.stepping = None;
        if disk.has_asked() {
            self.world.start_syncs(node, disk);
        }
        if observed {
            let machines = Machines(&self.machines);
            if let Err(violation) = self.judge.after_event(Time(self.world.now), node, machines) {
                self.stop = Some(Stop::Violation(violation));
            }
            self.interrupted = self.judge.interrupts();
        }
        if let Some((_, power)) = dies {
            self.life_ends(node, power);
        } else if let Some(reason) = halted {
            self.halt(node, reason);
        } else if busy {
            self.busy(node);
        }
    }
}

/// The message of a panic.
fn text_of(payload: Box<dyn std::any::Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Read access to a run.
impl<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> Kernel<M, J> {
    /// Virtual time since the start of the run.
    pub const fn now(&self) -> Time {
        Time(self.world.now)
    }

    /// The time that the clock of `node` shows now.
    pub fn clock(&self, node: NodeId) -> Time {
        Time(self.world.nodes[node.index()].reading(self.world.now))
    }

    /// The reason that the run ended, if it has.
    pub const fn stop(&self) -> Option<&Stop<J::Violation>> {
        self.stop.as_ref()
    }

    /// The judge.
    pub const fn judge(&self) -> &J {
        &self.judge
    }

    /// The judge, for callers that give it information.
    pub const fn judge_mut(&mut self) -> &mut J {
        &mut self.judge
    }

    /// The judge and the reason that the run ended.
    pub fn into_parts(self) -> (J, Option<Stop<J::Violation>>) {
        (self.judge, self.stop)
    }

    /// The machines of all processes that are alive.
    pub fn machines(&self) -> Machines<'_, M> {
        Machines(&self.machines)
    }

    /// The machine of `node`, if its process is alive.
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        self.machines().get(node)
    }

    /// The disk of `node`.
    pub fn disk(&self, node: NodeId) -> &NodeDisk {
        &self.disks[node.index()]
    }

    /// The state of the process of `node`. A start or a resume takes effect when its events have run.
    pub fn mode(&self, node: NodeId) -> Mode {
        self.world.nodes[node.index()].mode
    }

    /// The current or latest incarnation of `node`, counted from 0. `None` if it never started.
    pub fn incarnation(&self, node: NodeId) -> Option<u32> {
        self.world.nodes[node.index()].incarnation.checked_sub(1)
    }

    /// The rolling hash of everything that happened so far.
    pub const fn trace_hash(&self) -> u64 {
        self.world.tracer.hash()
    }

    /// Everything that happened so far, if `Config::record_trace` asked for it.
    pub fn trace(&self) -> Option<&Trace> {
        self.world.tracer.trace()
    }

    /// The figures of the run so far.
    pub fn stats(&self) -> Stats {
        Stats { simulated: Span(self.world.now), max_queue: self.world.queue.max_len(), ..self.world.stats }
    }
}

impl Node {
    fn new(config: &Config, node: NodeId) -> Node {
        Node {
            mode: Mode::Down,
            clock: config.epoch.0,
            drift: (0, 0),
            cpu: 0,
            life: None,
            incarnation: 0,
            starts: 0,
            starting: false,
            choices: config.seed.fork("choices").index(node.0.into()),
            chosen: 0,
            rare: Vec::new(),
            draining: false,
            backlog: Default::default(),
        }
    }
}
