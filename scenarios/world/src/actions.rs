//! What each action of a fault does to the kernel.

use tribunal_contract::{NodeId, Time};
use tribunal_core::BrokerInput;
use tribunal_language::plan::Plan;
use tribunal_language::{Action, After, Crash, DiskLoss, Election, Power, Target};
use tribunal_protocol::Str;
use tribunal_sim::{Fault as KernelFault, stable_hash};

use super::atlas::Damage;
use super::build::{ADMIN, latency};
use super::faults::{Faults, SimKernel, Task};
use super::node::NodeInput;
use super::topic_actions::alter_topic;
use crate::apps::AdminInput;

/// A process that is to die in mid-step does so within that many effects.
const MID_STEP_EFFECTS: u32 = 200;

impl Faults {
    /// A planned fault begins, triggered at `subject` if it waited for something.
    pub(super) fn act(&mut self, plan: &Plan, kernel: &mut SimKernel, index: usize, subject: Option<NodeId>) {
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
            Action::AlterTopic(alter) => kernel.input(ADMIN, NodeInput::Admin(alter_topic(alter))),
            Action::DeleteRecords(delete) => self.delete_records(kernel, delete),
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
                // Every other action passes over brokers that have not joined yet.
                if let Target::Broker(id) = join.broker {
                    self.log.done_to(&[NodeId(id)]);
                    self.join(kernel, NodeId(id));
                }
            }
            Action::Reassign(reassign) => self.reassign(kernel, reassign),
            Action::Unregister(gone) => {
                for node in meant(self, &gone.broker) {
                    // An unregistered broker returns as an unknown one, as after an unclean stop.
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

    /// Tells coverage which nodes the fault strikes.
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
}
