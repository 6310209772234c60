//! Planned faults, done to the kernel: whom a target means now, what a fault is there, and what undoes it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tribunal_common::{TopicIdPartition, TruncationMode};
use tribunal_contract::{NodeId, Span, Time};
use tribunal_core::BrokerInput;
use tribunal_language::plan::Plan;
use tribunal_language::{Action, After, ClientKind, Crash, DiskLoss, Election, Partition, Power, Stop, Target};
use tribunal_protocol::Str;
use tribunal_sim::{Fault as KernelFault, Kernel, Mode, stable_hash};

use super::atlas::{Atlas, Damage};
use super::build::{ADMIN, latency};
use super::court::Court;
use super::fault_log::FaultLog;
use super::node::{Node, NodeInput};
use crate::apps::AdminInput;

/// How often it is looked whether a broker that is to start again has stopped.
const RESTART_POLL: Span = Span::from_millis(100);
/// A process that is to die in mid-step does so within that many effects.
const MID_STEP_EFFECTS: u32 = 200;

pub(super) type SimKernel = Kernel<Node, Court>;

/// Something that is due at a time.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// A planned fault, triggered at this node if it waited for something.
    Fault { fault: usize, subject: Option<NodeId> },
    /// The end of a cut.
    Uncut(Vec<(NodeId, NodeId)>),
    /// The end of anything else.
    Undo(Vec<KernelFault>),
    /// A broker is not to start again, once it is down and if it can be spared then; if not, it does.
    Bury(NodeId),
    /// A broker that is decommissioned is looked at again.
    Drain { node: NodeId, look: Span },
    /// A broker that was decommissioned is to be forgotten, once it has stopped.
    Forget(NodeId),
    /// A cut that comes and goes: whether it is there now, and for how long each.
    Flap { links: Vec<(NodeId, NodeId)>, cut: bool, every: Span, until: Option<Time> },
    /// A broker is to start again, once it is down.
    Restart(NodeId),
    /// A broker is to stop as its turn in a rolling restart has come, or once more.
    Stop { node: NodeId, stop: Stop, down: Span, truncation: Option<TruncationMode> },
}

/// What brokers have for the cluster's `truncation` from their next start on. Shared with whoever makes them.
pub(super) type Upgrades = Rc<RefCell<BTreeMap<NodeId, TruncationMode>>>;

/// Who is who, and what is due.
#[derive(Debug)]
pub(super) struct Faults {
    /// What is due, and which of the log's faults it is of.
    pub(super) tasks: Vec<Option<(Option<usize>, Task)>>,
    /// Every fault that has happened.
    pub(super) log: FaultLog,
    /// What damage is allowed.
    pub(super) atlas: Atlas,
    pub(super) brokers: Vec<NodeId>,
    pub(super) producers: Vec<NodeId>,
    pub(super) consumers: Vec<NodeId>,
    /// Settings that brokers have from their next start on.
    pub(super) upgrades: Upgrades,
    pub(super) ids: BTreeMap<Str, tribunal_protocol::Uuid>,
    /// How many cuts lie on a link, so that the end of one does not heal what another still cuts.
    pub(super) cuts: BTreeMap<(NodeId, NodeId), u32>,
    /// Each broker's clock offset, in nanoseconds.
    clocks: BTreeMap<NodeId, i64>,
    /// Brokers that the plan wants to stay down, also in the liveness phase.
    pub(super) buried: Vec<NodeId>,
    /// Brokers that have not joined yet.
    pub(super) absent: BTreeSet<NodeId>,
    seed: u64,
    /// How many faults have happened.
    pub(super) count: u64,
}

impl Faults {
    pub(super) fn new(plan: &Plan, brokers: Vec<NodeId>, producers: Vec<NodeId>, consumers: Vec<NodeId>) -> Faults {
        Faults {
            tasks: Vec::new(),
            log: FaultLog::default(),
            atlas: Atlas::new(plan),
            brokers,
            producers,
            consumers,
            upgrades: Upgrades::default(),
            ids: BTreeMap::new(),
            cuts: BTreeMap::new(),
            clocks: BTreeMap::new(),
            buried: Vec::new(),
            absent: plan.cluster.later_ids().map(NodeId).collect(),
            seed: plan.seed,
            count: 0,
        }
    }

    pub(super) fn partition(&self, partition: &Partition) -> Option<TopicIdPartition> {
        let topic = *self.ids.get(&Str::from(partition.topic.as_str()))?;
        Some(TopicIdPartition { topic, partition: partition.index as i32 })
    }

    pub(super) fn schedule(&mut self, kernel: &mut SimKernel, at: Time, task: Task) {
        kernel.at(at, self.tasks.len() as u64);
        self.tasks.push(Some((self.log.goes_on(), task)));
    }

    /// The scenario's line of the last fault before `until`.
    pub(super) fn last_line(&self, plan: &Plan, until: Time) -> Option<u32> {
        Some(plan.faults[self.log.last_before(until)?].line).filter(|line| *line > 0)
    }

    /// Has the process of an application killed at `at`, and started again.
    pub(super) fn plan_crash(&mut self, kernel: &mut SimKernel, at: Time, node: NodeId, down: Span) {
        self.schedule(kernel, at, Task::Stop { node, stop: Stop::Kill, down, truncation: None });
    }

    /// Has a planned fault happen at `at`.
    pub(super) fn plan_fault(&mut self, kernel: &mut SimKernel, at: Time, fault: usize, subject: Option<NodeId>) {
        self.schedule(kernel, at, Task::Fault { fault, subject });
    }

    /// A token of [`Kernel::at`] has come up.
    pub(super) fn on_token(&mut self, plan: &Plan, kernel: &mut SimKernel, token: u64) {
        let Some((of, task)) = self.tasks.get_mut(token as usize).and_then(Option::take) else { return };
        self.log.resume(of);
        self.perform(plan, kernel, task);
        self.log.pause(kernel.now());
    }

    fn perform(&mut self, plan: &Plan, kernel: &mut SimKernel, task: Task) {
        match task {
            Task::Fault { fault, subject } => self.act(plan, kernel, fault, subject),
            Task::Uncut(links) => self.uncut(kernel, &links),
            Task::Undo(faults) => {
                for fault in faults {
                    if let KernelFault::DiskCapacity { node, bytes: None } = fault {
                        self.atlas.spare(kernel, node);
                    }
                    kernel.apply(fault);
                }
            }
            Task::Drain { node, look } => self.drain(plan, kernel, node, look),
            Task::Bury(node) => self.bury(kernel, node),
            Task::Forget(node) => self.forget(kernel, node),
            Task::Flap { links, cut, every, until } => self.flap(kernel, links, !cut, every, until),
            Task::Restart(node) => self.restart(kernel, node),
            Task::Stop { node, stop, down, truncation } => {
                if let Some(truncation) = truncation {
                    self.upgrades.borrow_mut().insert(node, truncation);
                }
                let (damage, fault) = match stop {
                    Stop::Clean => (None, None),
                    Stop::Kill => (Some(Damage::Unclean), Some(KernelFault::Crash { node })),
                    Stop::PowerLoss => (Some(Damage::PowerLoss), Some(KernelFault::PowerLoss { node })),
                };
                let may = match damage {
                    None => self.may_shut_down(kernel, node),
                    Some(damage) => self.may_damage(kernel, node, damage),
                };
                if !may {
                    return;
                }
                match fault {
                    None => kernel.input(node, NodeInput::Broker(BrokerInput::Shutdown)),
                    Some(fault) => {
                        kernel.apply(fault);
                    }
                }
                let at = kernel.now() + down;
                self.schedule(kernel, at, Task::Restart(node));
            }
        }
    }

    /// Starts a broker again, or waits for it to be down; unless it is to stay down, whatever else was planned for it.
    fn restart(&mut self, kernel: &mut SimKernel, node: NodeId) {
        if self.buried.contains(&node) {
            return;
        }
        match kernel.mode(node) {
            Mode::Down | Mode::Off => {
                self.atlas.fell(kernel, node);
                kernel.apply(KernelFault::Restart { node });
            }
            Mode::Running | Mode::Paused => {
                let at = kernel.now() + RESTART_POLL;
                self.schedule(kernel, at, Task::Restart(node));
            }
        }
    }

    fn act(&mut self, plan: &Plan, kernel: &mut SimKernel, index: usize, subject: Option<NodeId>) {
        let now = kernel.now();
        let chance = stable_hash(&(self.seed, index as u64, "target"));
        self.count += 1;
        let targets = plan.faults[index].action.targets().into_iter();
        let struck = targets.map(|target| self.resolve(kernel, target, subject, chance)).collect::<Vec<_>>();
        self.cover(kernel, &plan.faults[index].action, &struck);
        self.log.begin(now, index, struck);
        let meant = |faults: &Faults, target: &Target| {
            let mut nodes = faults.resolve(kernel, target, subject, chance);
            nodes.retain(|node| !faults.absent.contains(node));
            nodes
        };
        // Where the atlas has no say.
        let scene = |faults: &mut Faults, target: &Target| {
            let nodes = meant(faults, target);
            faults.log.done_to(&nodes);
            nodes
        };
        match &plan.faults[index].action {
            Action::Clock(clock) => {
                for node in scene(self, &clock.broker) {
                    let nanos = self.clocks.entry(node).or_insert(0);
                    *nanos += clock.offset.0;
                    let nanos = *nanos;
                    if clock.offset.0 != 0 {
                        kernel.apply(KernelFault::ClockOffset { node, nanos });
                    }
                    if clock.drift_ppm != 0 {
                        kernel.apply(KernelFault::ClockDrift { node, ppm: clock.drift_ppm });
                    }
                }
            }
            Action::Corrupt(corrupt) => {
                for node in meant(self, &corrupt.broker) {
                    self.corrupt(kernel, node, corrupt.how, chance);
                }
            }
            Action::Crash { what, restart } => {
                for node in meant(self, &what.broker) {
                    if self.crash(kernel, node, what, *restart, chance) {
                        self.restart_after(kernel, node, *restart, now);
                    }
                }
            }
            Action::Disk(disk) => {
                for node in meant(self, &disk.broker) {
                    self.fail_disk(kernel, node, disk);
                }
            }
            Action::Decommission(leaving) => {
                for node in scene(self, &leaving.broker) {
                    self.drain(plan, kernel, node, leaving.look);
                }
            }
            Action::Join(join) => {
                // Everything else passes over those who are not there yet.
                if let Target::Broker(id) = join.broker {
                    self.log.done_to(&[NodeId(id)]);
                    self.join(kernel, NodeId(id));
                }
            }
            Action::Reassign(reassign) => self.reassign(kernel, reassign),
            Action::Unregister(gone) => {
                for node in meant(self, &gone.broker) {
                    // Who is forgotten comes back as one that nothing is known of, as after an unclean stop.
                    if self.may_damage(kernel, node, Damage::Unclean) {
                        self.atlas.forget(kernel, node);
                        self.unregister(kernel, node);
                    }
                }
            }
            Action::Elect(elect) => {
                let input = AdminInput::Elect {
                    topic: Str::from(elect.partition.topic.as_str()),
                    partition: elect.partition.index as i32,
                    unclean: elect.kind == Election::Unclean,
                };
                kernel.input(ADMIN, NodeInput::Admin(input));
            }
            Action::FullDisk { what, lasts } => {
                for node in meant(self, &what.broker) {
                    if !self.may_damage(kernel, node, Damage::Unclean) {
                        continue;
                    }
                    self.atlas.doom(kernel, node, true);
                    let bytes = Some(kernel.disk(node).used().saturating_add(what.free));
                    kernel.apply(KernelFault::DiskCapacity { node, bytes });
                    let undo = KernelFault::DiskCapacity { node, bytes: None };
                    self.schedule(kernel, now + *lasts, Task::Undo(vec![undo]));
                }
            }
            Action::Partition { what, heal } => {
                let links = self.links(kernel, what, subject, chance);
                let cut_off = match &what.isolate {
                    Some(target) => self.resolve(kernel, target, subject, chance),
                    None => links.iter().map(|(from, _)| *from).collect(),
                };
                self.log.done_to(&cut_off);
                let until = match heal {
                    After::Span(span) => Some(now + *span),
                    After::Never => None,
                };
                match (what.flap, until) {
                    (Some(every), _) => self.flap(kernel, links, true, every, until),
                    (None, until) => {
                        self.cut(kernel, &links);
                        if let Some(until) = until {
                            self.schedule(kernel, until, Task::Uncut(links));
                        }
                    }
                }
            }
            Action::Pause { what, lasts } => {
                for node in scene(self, &what.broker) {
                    kernel.apply(KernelFault::Pause { node });
                    self.schedule(kernel, now + *lasts, Task::Undo(vec![KernelFault::Resume { node }]));
                }
            }
            Action::Reset(reset) => {
                let [from, to] = [scene(self, &reset.between[0]), scene(self, &reset.between[1])];
                for &a in &from {
                    for &b in &to {
                        kernel.apply(match reset.half_open {
                            true => KernelFault::HalfOpen { node: a, peer: b },
                            false => KernelFault::Reset { a, b, lane: None },
                        });
                    }
                }
            }
            Action::RestartLoop(restart) => {
                for node in meant(self, &restart.broker) {
                    for turn in 0..u64::from(restart.times) {
                        let at = now + (restart.up + restart.down).times(turn);
                        let (stop, down) = (restart.stop, restart.down);
                        self.schedule(kernel, at, Task::Stop { node, stop, down, truncation: None });
                    }
                }
            }
            Action::RollingRestart(rolling) => {
                let brokers = meant(self, &Target::All);
                for (turn, node) in brokers.into_iter().enumerate() {
                    let at = now + rolling.every.times(turn as u64);
                    let (stop, down, truncation) = (rolling.stop, rolling.down, rolling.truncation);
                    self.schedule(kernel, at, Task::Stop { node, stop, down, truncation });
                }
            }
            Action::Shutdown { what, restart } => {
                for node in meant(self, &what.broker) {
                    if !self.may_shut_down(kernel, node) {
                        continue;
                    }
                    kernel.input(node, NodeInput::Broker(BrokerInput::Shutdown));
                    self.restart_after(kernel, node, *restart, now);
                }
            }
            Action::SlowCpu { what, lasts } => {
                for node in scene(self, &what.broker) {
                    kernel.apply(KernelFault::SlowCpu { node, nanos: what.event.as_nanos() });
                    self.schedule(kernel, now + *lasts, Task::Undo(vec![KernelFault::SlowCpu { node, nanos: 0 }]));
                }
            }
            Action::StallDisk { what, lasts } => {
                for node in scene(self, &what.broker) {
                    kernel.apply(KernelFault::DiskStall { node, stalled: true });
                    let undo = KernelFault::DiskStall { node, stalled: false };
                    self.schedule(kernel, now + *lasts, Task::Undo(vec![undo]));
                }
            }
            Action::SlowDisk { what, lasts } => {
                for node in scene(self, &what.broker) {
                    kernel.apply(KernelFault::SyncLatency { node, percent: what.factor.saturating_mul(100) });
                    let undo = KernelFault::SyncLatency { node, percent: 100 };
                    self.schedule(kernel, now + *lasts, Task::Undo(vec![undo]));
                }
            }
            Action::SlowLink { what, lasts } => {
                let [from, to] = [scene(self, &what.between[0]), scene(self, &what.between[1])];
                let mut undo = Vec::new();
                for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
                    if from == to {
                        continue;
                    }
                    let slow = Some(latency(what.latency));
                    kernel.apply(KernelFault::LinkLatency { from, to, both: true, latency: slow });
                    undo.push(KernelFault::LinkLatency { from, to, both: true, latency: None });
                    if let Some(bytes_per_second) = what.bandwidth.map(Some) {
                        kernel.apply(KernelFault::LinkBandwidth { from, to, both: true, bytes_per_second });
                        undo.push(KernelFault::LinkBandwidth { from, to, both: true, bytes_per_second: None });
                    }
                }
                self.schedule(kernel, now + *lasts, Task::Undo(undo));
            }
        }
    }

    /// Whether the atlas allows the damage.
    pub(super) fn may_damage(&mut self, kernel: &SimKernel, node: NodeId, damage: Damage) -> bool {
        let may = self.atlas.allows(kernel, node, damage);
        self.noted(node, may)
    }

    /// Whether the atlas allows an orderly shutdown.
    fn may_shut_down(&mut self, kernel: &SimKernel, node: NodeId) -> bool {
        let may = self.atlas.allows_clean_stop(kernel, node);
        self.noted(node, may)
    }

    /// Writes down whether the current fault is done to this one.
    fn noted(&mut self, node: NodeId, done: bool) -> bool {
        if done {
            self.log.done_to(&[node]);
        } else {
            self.log.spare(node);
        }
        done
    }

    /// Tells coverage whom the fault strikes.
    fn cover(&self, kernel: &mut SimKernel, action: &Action, struck: &[Vec<NodeId>]) {
        let court = kernel.judge_mut();
        if let Some(coverage) = &mut court.coverage {
            coverage.fault(action.name(), &struck.concat(), &court.partitions);
        }
    }

    fn restart_after(&mut self, kernel: &mut SimKernel, node: NodeId, restart: After, now: Time) {
        match restart {
            After::Span(span) => self.schedule(kernel, now + span, Task::Restart(node)),
            After::Never => self.bury(kernel, node),
        }
    }

    /// A broker's process dies. False if the damage is not allowed.
    fn crash(&mut self, kernel: &mut SimKernel, node: NodeId, crash: &Crash, restart: After, chance: u64) -> bool {
        let power = crash.power == Power::Lost;
        let dies = restart == After::Never && !crash.mid_step;
        let may = self.may_lose(kernel, node, crash) && (!dies || self.atlas.allows(kernel, node, Damage::Death));
        if !self.noted(node, may) {
            return false;
        }
        if crash.mid_step {
            let effects = (chance >> 32) as u32 % MID_STEP_EFFECTS;
            self.atlas.strike(node, power || crash.disk != DiskLoss::Kept);
            return kernel.apply(KernelFault::CrashAfter { node, effects, power });
        }
        kernel.apply(if power { KernelFault::PowerLoss { node } } else { KernelFault::Crash { node } });
        Faults::lose_disk(kernel, node, crash.disk);
        true
    }

    /// Whom a target means now.
    pub(super) fn resolve(
        &self,
        kernel: &SimKernel,
        target: &Target,
        subject: Option<NodeId>,
        chance: u64,
    ) -> Vec<NodeId> {
        let pick = |nodes: Vec<NodeId>| match nodes.len() {
            0 => Vec::new(),
            n => vec![nodes[(chance % n as u64) as usize]],
        };
        let known = |partition: &Partition| self.partition(partition).and_then(|id| kernel.judge().partitions.get(&id));
        let nodes = |ids: &[i32]| ids.iter().filter(|id| **id >= 0).map(|id| NodeId(*id as u32)).collect::<Vec<_>>();
        let followers = |partition: &Partition| {
            known(partition).map_or(Vec::new(), |state| {
                nodes(&state.replicas).into_iter().filter(|node| node.0 as i32 != state.leader).collect()
            })
        };
        let there = |node: &NodeId| !self.absent.contains(node);
        match target {
            Target::All => self.brokers.iter().copied().filter(there).collect(),
            Target::Any => {
                let up = self.brokers.iter().copied().filter(|node| kernel.mode(*node) == Mode::Running);
                pick(up.collect())
            }
            Target::Broker(id) => vec![NodeId(*id)],
            Target::Client(ClientKind::Consumer, n) => self.consumers.get(*n as usize).copied().into_iter().collect(),
            Target::Client(ClientKind::Producer, n) => self.producers.get(*n as usize).copied().into_iter().collect(),
            Target::Clients => self.producers.iter().chain(&self.consumers).copied().collect(),
            Target::Controller => {
                let active = |node: &NodeId| matches!(kernel.machine(*node), Some(Node::Broker(broker)) if broker.is_active_controller());
                // Of two that think so, the one with the newer epoch is.
                let epoch = |node: &NodeId| match kernel.machine(*node) {
                    Some(Node::Broker(broker)) => broker.quorum().map(|quorum| quorum.epoch()),
                    _ => None,
                };
                self.brokers.iter().copied().filter(active).max_by_key(epoch).into_iter().collect()
            }
            Target::Follower(partition) => pick(followers(partition)),
            Target::Followers(partition) => followers(partition),
            Target::Isr(partition) => known(partition).map_or(Vec::new(), |state| nodes(&state.isr)),
            Target::Leader(partition) => known(partition).map_or(Vec::new(), |state| nodes(&[state.leader])),
            Target::Subject => subject.into_iter().collect(),
        }
    }
}
