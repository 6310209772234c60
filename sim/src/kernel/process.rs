//! Processes and hosts: start, crash, power loss, pause, and faults in general.
//!
//! | fault | what happens | what replication must do |
//! |---|---|---|
//! | crash | the process ends between two events, or between two effects of one event; its page cache survives | survive any number |
//! | power loss | the host ends as well and peers get no notice; [`disk`](crate::disk) says which data is left | survive on fewer replicas than hold a record |
//! | pause | the process stands still, then sees all events of the meantime | survive: a replaced leader must notice |
//! | slow CPU | every event takes time | survive; leave the ISR if it cannot keep up |
//! | clock offset, jump, drift | only the time that the process reads changes | stay unaffected: no decision compares clocks |
//!
//! Progress needs a majority of the quorum's voters and, for each partition, a member of its ISR or ELR.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use tribunal_contract::{Event, Machine, NodeId, Time};

use super::Kernel;
use super::world::{KernelEvent, World};
use crate::fault::Fault;
use crate::judge::{Digest, Judge, Lifecycle, Wire};
use crate::queue::{Kind, Target};
use crate::seed::{Seed, stable_hash};
use crate::trace::{TraceEvent, TraceKind};

/// The state of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// There is no process. Its host is up and refuses connections.
    Down,
    /// There is no process. Its host has no power and answers nothing.
    Off,
    /// The process is alive and does not run. Its host is up and takes the bytes that arrive.
    Paused,
    /// The process runs.
    Running,
}

pub(super) struct Node {
    pub(super) mode: Mode,
    /// The time of its clock at virtual time zero, in nanoseconds. A negative offset may have wrapped it.
    pub(super) clock: u64,
    /// The millionths by which its clock runs fast, and the virtual time since when.
    pub(super) drift: (i32, u64),
    /// Nanoseconds that an event takes; 0 on a normal CPU.
    pub(super) cpu: u64,
    /// The effects left until a planned crash, and whether the host loses power then. `None` if no crash is planned.
    pub(super) life: Option<(Rc<Cell<u32>>, bool)>,
    /// The number of incarnations so far.
    pub(super) incarnation: u32,
    /// The number of the start that counts; `starting` says whether it is under way.
    pub(super) starts: u32,
    pub(super) starting: bool,
    pub(super) choices: Seed,
    pub(super) chosen: u64,
    /// The number of times that each rare path was asked for, by site. It grows as far as the highest site asked.
    pub(super) rare: Vec<u64>,
    /// Whether it stays paused only until it has seen its backlog.
    pub(super) draining: bool,
    /// The events that came up while it was paused.
    pub(super) backlog: VecDeque<Target>,
}

impl Node {
    /// The time of its clock at virtual time `now`.
    #[inline]
    pub(super) fn reading(&self, now: u64) -> u64 {
        let clock = self.clock.wrapping_add(now);
        if self.drift.0 == 0 { clock } else { clock.wrapping_add_signed(self.drifted(now)) }
    }

    #[cold]
    fn drifted(&self, now: u64) -> i64 {
        let (ppm, since) = self.drift;
        (i128::from(now - since) * i128::from(ppm) / 1_000_000) as i64
    }
}

impl<M: Machine<Msg: Wire>> World<M> {
    pub(super) fn start(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        if node.starting || !matches!(node.mode, Mode::Down | Mode::Off) {
            return false;
        }
        node.starting = true;
        node.starts += 1;
        let starts = node.starts;
        self.schedule(self.now, KernelEvent::Start { node: id, starts });
        true
    }
}

impl<M: Machine<Msg: Wire, Obs: Digest>, J: Judge<M>> Kernel<M, J> {
    /// Performs `fault` at the current time. False if it changed nothing: a crash of a process that is down, a heal of
    /// an intact link, a fault of a node that does not exist.
    pub fn apply(&mut self, fault: Fault) -> bool {
        let nodes = fault.nodes();
        if self.stop.is_some() || nodes.into_iter().flatten().any(|node| node.index() >= self.machines.len()) {
            return false;
        }
        let label = self.world.tracer.label(|| fault.label());
        let node = nodes[0].unwrap_or(TraceEvent::NO_NODE);
        let digest = stable_hash(&fault);
        self.world.tracer.emit(self.world.now, node, TraceKind::Fault { label, digest });
        self.perform(fault)
    }

    fn perform(&mut self, fault: Fault) -> bool {
        let world = &mut self.world;
        let (queue, net, now) = (&mut world.queue, &mut world.net, world.now);
        match fault {
            Fault::Crash { node } => self.crash(node),
            Fault::PowerLoss { node } => self.lose_power(node),
            Fault::Restart { node } => world.start(node),
            Fault::Pause { node } => {
                let node = &mut world.nodes[node.index()];
                let pauses = node.mode == Mode::Running || node.draining;
                if pauses {
                    node.mode = Mode::Paused;
                    node.draining = false;
                }
                pauses
            }
            Fault::Resume { node } => {
                let state = &mut world.nodes[node.index()];
                let resumes = state.mode == Mode::Paused && !state.draining;
                if resumes {
                    state.draining = true;
                    world.schedule(now, KernelEvent::Drain { node });
                }
                resumes
            }
            Fault::Partition { from, to, both } => {
                let there = net.set_cut(queue, now, from, to, true);
                both && net.set_cut(queue, now, to, from, true) || there
            }
            Fault::Heal { from, to, both } => {
                let there = net.set_cut(queue, now, from, to, false);
                both && net.set_cut(queue, now, to, from, false) || there
            }
            Fault::HealAll => net.heal_all(queue, now),
            Fault::Reset { a, b, lane } => net.reset(queue, now, a, b, lane),
            Fault::ClockOffset { node, nanos } => {
                let clock = world.config.epoch.0.wrapping_add_signed(nanos);
                core::mem::replace(&mut world.nodes[node.index()].clock, clock) != clock
            }
            Fault::ClockDrift { node, ppm } => {
                let node = &mut world.nodes[node.index()];
                node.clock = node.clock.wrapping_add_signed(node.drifted(now));
                let changed = node.drift.0 != ppm;
                node.drift = (ppm, now);
                changed
            }
            Fault::CrashAfter { node, effects, power } => {
                let state = &mut world.nodes[node.index()];
                let there = matches!(state.mode, Mode::Running | Mode::Paused);
                if there {
                    let life = Rc::new(Cell::new(effects));
                    state.life = Some((life.clone(), power));
                    self.disks[node.index()].set_life(Some(life));
                }
                there
            }
            Fault::HalfOpen { node, peer } => net.half_open(queue, now, node, peer),
            Fault::LinkLatency { from, to, both, latency } => {
                net.set_latency(from, to, latency);
                if both {
                    net.set_latency(to, from, latency);
                }
                true
            }
            Fault::LinkBandwidth { from, to, both, bytes_per_second } => {
                net.set_bandwidth(now, from, to, bytes_per_second);
                if both {
                    net.set_bandwidth(now, to, from, bytes_per_second);
                }
                true
            }
            Fault::DiskFail { node, op, error, repeat } => {
                self.disks[node.index()].fail(op, error, repeat);
                true
            }
            Fault::DiskHeal { node } => self.disks[node.index()].heal(),
            Fault::DiskCapacity { node, bytes } => {
                self.disks[node.index()].set_capacity(bytes);
                true
            }
            Fault::DiskCorrupt { node, path, position, bits } => self.disks[node.index()].corrupt(path, position, bits),
            Fault::DiskMisdirect { node, from, to, position } => self.disks[node.index()].misdirect(from, to, position),
            Fault::DiskSnapshot { node } => {
                self.disks[node.index()].keep_snapshot();
                true
            }
            Fault::DiskRestore { node, kept } => self.is_down(node) && self.disks[node.index()].restore(kept),
            Fault::DiskWipe { node, kept } => {
                let down = self.is_down(node);
                if down {
                    self.disks[node.index()].wipe(kept);
                }
                down
            }
            Fault::DiskStall { node, stalled } => {
                for (incarnation, power_cycle, sync) in self.disks[node.index()].set_stalled(stalled) {
                    world.schedule(now, KernelEvent::Synced { node, incarnation, power_cycle, sync });
                }
                true
            }
            Fault::SlowCpu { node, nanos } => {
                world.nodes[node.index()].cpu = nanos;
                true
            }
            Fault::SyncLatency { node, percent } => {
                self.disks[node.index()].set_sync_percent(percent);
                true
            }
        }
    }

    fn is_down(&self, node: NodeId) -> bool {
        matches!(self.world.nodes[node.index()].mode, Mode::Down | Mode::Off)
    }

    /// Ends the process because it has had its last effect.
    #[cold]
    pub(super) fn life_ends(&mut self, node: NodeId, power: bool) {
        if power {
            self.lose_power(node);
        } else {
            self.crash(node);
        }
    }

    /// Accounts for the time that an event took: events of the meantime wait.
    #[cold]
    pub(super) fn busy(&mut self, id: NodeId) {
        let node = &mut self.world.nodes[id.index()];
        if node.mode == Mode::Running && !node.draining {
            (node.mode, node.draining) = (Mode::Paused, true);
            let at = self.world.now + node.cpu;
            self.world.schedule(at, KernelEvent::Drain { node: id });
        }
    }

    pub(super) fn start_now(&mut self, id: NodeId, starts: u32) {
        let world = &mut self.world;
        let node = &mut world.nodes[id.index()];
        if !node.starting || node.starts != starts {
            return;
        }
        let incarnation = node.incarnation;
        let was_off = node.mode == Mode::Off;
        node.starting = false;
        node.incarnation += 1;
        node.mode = Mode::Running;
        if was_off {
            world.net.host_returned(&mut world.queue, world.now, id);
        }
        world.tracer.emit(world.now, id, TraceKind::Started { incarnation });
        if self.machines[id.index()].is_none() {
            self.machines[id.index()] = Some((self.factory)(id, incarnation));
        }
        self.judge.lifecycle(Time(self.world.now), id, Lifecycle::Started(incarnation));
        self.step(id, Event::Start);
    }

    fn crash(&mut self, node: NodeId) -> bool {
        let there = self.end_process(node, TraceKind::Crashed, Lifecycle::Crashed);
        self.cancel_start(node) || there
    }

    pub(super) fn halt(&mut self, node: NodeId, reason: &'static str) {
        self.end_process(node, TraceKind::Halted, Lifecycle::Halted(reason));
    }

    /// Ends the process and leaves its host up. False if there is no process.
    fn end_process(&mut self, id: NodeId, trace: TraceKind, change: Lifecycle) -> bool {
        let world = &mut self.world;
        let node = &mut world.nodes[id.index()];
        if !matches!(node.mode, Mode::Running | Mode::Paused) {
            return false;
        }
        node.mode = Mode::Down;
        world.tracer.emit(world.now, id, trace);
        world.net.process_ended(&mut world.queue, world.now, id);
        world.timers.cancel_all(id);
        self.disks[id.index()].process_ended();
        self.forget(id);
        self.judge.lifecycle(Time(self.world.now), id, change);
        true
    }

    fn lose_power(&mut self, id: NodeId) -> bool {
        let world = &mut self.world;
        let node = &mut world.nodes[id.index()];
        if node.mode == Mode::Off {
            return self.cancel_start(id);
        }
        node.mode = Mode::Off;
        world.tracer.emit(world.now, id, TraceKind::PowerLost);
        world.net.host_vanished(id);
        world.timers.cancel_all(id);
        self.disks[id.index()].power_lost();
        self.forget(id);
        self.cancel_start(id);
        self.judge.lifecycle(Time(self.world.now), id, Lifecycle::PowerLost);
        true
    }

    /// Drops the machine and the events that waited for it while it was paused.
    fn forget(&mut self, id: NodeId) {
        self.machines[id.index()] = None;
        self.world.nodes[id.index()].draining = false;
        self.world.nodes[id.index()].life = None;
        let backlog = core::mem::take(&mut self.world.nodes[id.index()].backlog);
        for target in backlog {
            self.dispatch(target);
        }
    }

    fn cancel_start(&mut self, id: NodeId) -> bool {
        if self.world.nodes[id.index()].starting {
            self.machines[id.index()] = None;
        }
        core::mem::take(&mut self.world.nodes[id.index()].starting)
    }

    /// Hands a resumed process the next event it has missed. New events queue behind until it has seen them all.
    pub(super) fn drain(&mut self, id: NodeId) {
        let node = &mut self.world.nodes[id.index()];
        if !node.draining {
            return;
        }
        node.mode = Mode::Running;
        let Some(target) = node.backlog.pop_front() else {
            node.draining = false;
            return;
        };
        match target.kind() {
            Kind::Timer => {
                let (owner, timer) = self.world.timers.owner(target.index());
                self.timer(target.index(), owner, timer);
            }
            _ => {
                self.dispatch(target);
            }
        }
        let node = &mut self.world.nodes[id.index()];
        if !node.draining {
            return;
        }
        if node.backlog.is_empty() && node.cpu == 0 {
            node.draining = false;
        } else {
            node.mode = Mode::Paused;
            let at = self.world.now + node.cpu;
            self.world.schedule(at, KernelEvent::Drain { node: id });
        }
    }
}
