//! The world as machines see it: the kernel without the machines, their disks and the judge.

use std::cell::Cell;
use std::rc::Rc;

use tribunal_contract::{ConnId, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};

use super::Stats;
use super::process::Node;
use crate::config::Config;
use crate::disk::NodeDisk;
use crate::disk::faults::spend;
use crate::judge::{Digest, Judge, Wire};
use crate::net::Net;
use crate::queue::{Kind, Queue, Target};
use crate::seed::stable_hash;
use crate::slab::Slab;
use crate::timers::Timers;
use crate::trace::{TraceKind, Tracer};

/// A rare path that is switched on is taken once in this many times.
const RARE: u64 = 8;

/// Events that are neither messages nor timers.
pub(super) enum KernelEvent<M: Machine> {
    /// A resumed process sees the next event it has missed.
    Drain { node: NodeId },
    /// An event for a process, with its trace entry.
    Event { node: NodeId, event: Event<M::Msg, M::Input>, trace: TraceKind },
    /// A process starts, if this is still the start that counts.
    Start { node: NodeId, starts: u32 },
    /// A sync completes.
    Synced { node: NodeId, incarnation: u32, power_cycle: u32, sync: u32 },
    /// An event of the caller, set with `Kernel::at`.
    Token(u64),
}

pub(super) struct World<M: Machine> {
    pub(super) config: Config,
    pub(super) now: u64,
    pub(super) queue: Queue,
    pub(super) net: Net<M::Msg>,
    pub(super) timers: Timers,
    pub(super) nodes: Vec<Node>,
    pub(super) events: Slab<KernelEvent<M>>,
    pub(super) tracer: Tracer,
    pub(super) stats: Stats,
    /// The node whose step is under way, if any.
    pub(super) stepping: Option<NodeId>,
}

impl<M: Machine<Msg: Wire>> World<M> {
    pub(super) fn new(config: Config) -> World<M> {
        World {
            now: 0,
            queue: Queue::default(),
            net: Net::new(config.seed, config.net.clone()),
            timers: Timers::new(config.seed),
            nodes: Vec::new(),
            events: Slab::new(),
            tracer: Tracer::new(config.record_trace),
            stats: Stats::default(),
            stepping: None,
            config,
        }
    }

    pub(super) fn add_node(&mut self, node: NodeId) {
        self.timers.add_node();
        self.nodes.push(Node::new(&self.config, node));
    }

    pub(super) fn schedule(&mut self, at: u64, event: KernelEvent<M>) {
        let index = self.events.insert(event);
        self.queue.push(at, Target::new(Kind::Kernel, index));
    }

    #[cold]
    pub(super) fn start_syncs(&mut self, node: NodeId, disk: &mut NodeDisk) {
        let (incarnation, power_cycle) = (self.nodes[node.index()].incarnation, disk.power_cycle());
        disk.start_syncs(self.now, |at, sync, op| {
            self.tracer.sync_asked(self.now, node, op);
            self.schedule(at, KernelEvent::Synced { node, incarnation, power_cycle, sync });
        });
    }
}

/// The effects that a machine can have during one step.
pub(super) struct Fx<'a, M: Machine, J> {
    pub(super) world: &'a mut World<M>,
    pub(super) judge: &'a mut J,
    pub(super) node: NodeId,
    pub(super) observed: bool,
    pub(super) halted: Option<&'static str>,
    /// The effects left until a planned crash, and whether the host loses power then. `None` if no crash is planned.
    pub(super) life: Option<(Rc<Cell<u32>>, bool)>,
}

impl<M: Machine, J> Fx<'_, M, J> {
    /// Whether the process died earlier in this step, so that its effects are void. Counts one effect if it lives.
    #[inline]
    fn is_dead(&self) -> bool {
        self.life.as_ref().is_some_and(|(life, _)| spend(life))
    }
}

impl<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> Effects<M::Msg, M::Obs> for Fx<'_, M, J> {
    #[inline]
    fn send(&mut self, conn: ConnId, msg: M::Msg) {
        if self.is_dead() {
            return;
        }
        self.world.tracer.sent(self.world.now, self.node, conn, || (msg.label(), msg.wire_size()));
        self.world.net.send(&mut self.world.queue, self.world.now, self.node, conn, msg);
    }

    fn close(&mut self, conn: ConnId) {
        if self.is_dead() {
            return;
        }
        self.world.net.close(&mut self.world.queue, self.world.now, self.node, conn);
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        assert!(peer.index() < self.world.nodes.len(), "connect to {peer:?}, which the world does not have");
        if self.is_dead() {
            return;
        }
        self.world.net.connect(&mut self.world.queue, self.world.now, self.node, peer, lane);
    }

    #[inline]
    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        self.world.timers.set(&mut self.world.queue, self.world.now, self.node, id, min, max);
    }

    #[inline]
    fn cancel_timer(&mut self, id: TimerId) {
        self.world.timers.cancel(self.node, id);
    }

    #[inline]
    fn observe(&mut self, observation: M::Obs) {
        if self.life.as_ref().is_some_and(|(life, _)| life.get() == 0) {
            return;
        }
        self.observed = true;
        self.world.tracer.emit(self.world.now, self.node, TraceKind::Observed { digest: observation.digest() });
        self.judge.observe(Time(self.world.now), self.node, &observation);
    }

    #[inline]
    fn choose(&mut self, n: u32) -> u32 {
        let node = &mut self.world.nodes[self.node.index()];
        node.chosen += 1;
        node.choices.below(node.chosen, n.max(1).into()) as u32
    }

    #[inline]
    fn rare(&mut self, site: u8) -> bool {
        let Config { rare, seed, .. } = self.world.config;
        rare != 0 && rare.checked_shr(site.into()).unwrap_or(0) & 1 == 1 && {
            let asked = &mut self.world.nodes[self.node.index()].rare;
            let place = usize::from(site);
            if asked.len() <= place {
                asked.resize(place + 1, 0);
            }
            asked[place] += 1;
            stable_hash(&(seed.0, self.node.0, site, asked[place], "rare")).is_multiple_of(RARE)
        }
    }

    fn halt(&mut self, reason: &'static str) {
        if self.life.as_ref().is_none_or(|(life, _)| life.get() > 0) {
            self.halted.get_or_insert(reason);
        }
    }
}
