//! Planned faults on their way: what is due when, what begins it and what undoes it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tribunal_common::{TopicIdPartition, TruncationMode};
use tribunal_contract::{NodeId, Span, Time};
use tribunal_core::BrokerInput;
use tribunal_language::plan::Plan;
use tribunal_language::{Partition, Stop};
use tribunal_protocol::Str;
use tribunal_sim::{Fault as KernelFault, Kernel, Mode};

use super::atlas::{Atlas, Damage};
use super::court::Court;
use super::fault_log::FaultLog;
use super::node::{Node, NodeInput};

/// How often it is looked whether a broker that is to start again has stopped.
const RESTART_POLL: Span = Span::from_millis(100);

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

/// The nodes by their roles, and the faults that are due.
#[derive(Debug)]
pub(super) struct Faults {
    /// What is due, and which of the log's faults it is of.
    pub(super) tasks: Vec<Option<(Option<usize>, Task)>>,
    /// Every fault that has happened.
    pub(super) log: FaultLog,
    /// What damage is allowed.
    pub(super) atlas: Atlas,
    pub(super) brokers: Vec<NodeId>,
    /// The rack of each broker that has one.
    pub(super) racks: Vec<(NodeId, String)>,
    pub(super) producers: Vec<NodeId>,
    pub(super) consumers: Vec<NodeId>,
    /// Settings that brokers have from their next start on.
    pub(super) upgrades: Upgrades,
    pub(super) ids: BTreeMap<Str, tribunal_protocol::Uuid>,
    /// How many cuts lie on a link, so that the end of one does not heal what another still cuts.
    pub(super) cuts: BTreeMap<(NodeId, NodeId), u32>,
    /// Each broker's clock offset, in nanoseconds.
    pub(super) clocks: BTreeMap<NodeId, i64>,
    /// Brokers that the plan wants to stay down, also in the liveness phase.
    pub(super) buried: Vec<NodeId>,
    /// Brokers that have not joined yet.
    pub(super) absent: BTreeSet<NodeId>,
    pub(super) seed: u64,
    /// How many faults have happened.
    pub(super) count: u64,
}

impl Faults {
    pub(super) fn new(plan: &Plan, brokers: Vec<NodeId>, producers: Vec<NodeId>, consumers: Vec<NodeId>) -> Faults {
        Faults {
            tasks: Vec::new(),
            log: FaultLog::default(),
            atlas: Atlas::new(plan),
            racks: brokers.iter().copied().zip(plan.cluster.racks.iter().cloned()).collect(),
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

    /// Whether the atlas allows the damage.
    pub(super) fn may_damage(&mut self, kernel: &SimKernel, node: NodeId, damage: Damage) -> bool {
        let may = self.atlas.allows(kernel, node, damage);
        self.noted(node, may)
    }

    /// Whether the atlas allows an orderly shutdown.
    pub(super) fn may_shut_down(&mut self, kernel: &SimKernel, node: NodeId) -> bool {
        let may = self.atlas.allows_clean_stop(kernel, node);
        self.noted(node, may)
    }

    /// Writes down whether the current fault is done to this one.
    pub(super) fn noted(&mut self, node: NodeId, done: bool) -> bool {
        if done {
            self.log.done_to(&[node]);
        } else {
            self.log.spare(node);
        }
        done
    }
}
