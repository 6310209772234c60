//! Membership of the cluster and of partitions: joining, reassignment, decommission.

use std::collections::BTreeMap;

use tribunal_common::PartitionState;
use tribunal_contract::{NodeId, Span};
use tribunal_core::BrokerInput;
use tribunal_language::plan::Plan;
use tribunal_language::{Partition, Reassign};
use tribunal_protocol::Str;
use tribunal_sim::{Fault as KernelFault, Mode};

use super::atlas::Damage;
use super::build::ADMIN;
use super::faults::{Faults, SimKernel, Task};
use super::node::NodeInput;
use crate::apps::AdminInput;

/// How often it is looked whether a broker that is not to come back has stopped.
const STOP_POLL: Span = Span::from_millis(100);

impl Faults {
    /// A broker starts for the first time.
    pub(super) fn join(&mut self, kernel: &mut SimKernel, node: NodeId) {
        if self.absent.remove(&node) {
            kernel.start(node);
        }
    }

    pub(super) fn reassign(&mut self, kernel: &mut SimKernel, reassign: &Reassign) {
        let replicas: Vec<i32> = reassign.replicas.iter().map(|id| *id as i32).collect();
        if !self.ask_for_move(kernel, &reassign.partition, (!reassign.cancel).then_some(replicas)) {
            self.log.leave_move_out();
        }
    }

    /// Asks the admin for other replicas, none of which cancels what is under way. False if the atlas does not allow
    /// it.
    fn ask_for_move(&mut self, kernel: &mut SimKernel, partition: &Partition, replicas: Option<Vec<i32>>) -> bool {
        let known = self.partition(partition);
        if !known.is_none_or(|id| self.atlas.allows_move(kernel, id, replicas.as_deref())) {
            return false;
        }
        let (topic, partition) = (Str::from(partition.topic.as_str()), partition.index as i32);
        kernel.input(ADMIN, NodeInput::Admin(AdminInput::Reassign { topic, partition, replicas }));
        true
    }

    pub(super) fn unregister(&mut self, kernel: &mut SimKernel, node: NodeId) {
        kernel.input(ADMIN, NodeInput::Admin(AdminInput::Unregister { broker: node.0 as i32 }));
    }

    /// Moves what `node` holds to others; once that is done, it is shut down.
    pub(super) fn drain(&mut self, plan: &Plan, kernel: &mut SimKernel, node: NodeId, look: Span) {
        let moves = self.moves(plan, kernel, node);
        // It does not come back, not even to be healed.
        if moves.is_empty() && self.atlas.allows(kernel, node, Damage::Death) {
            self.buried.push(node);
            kernel.input(node, NodeInput::Broker(BrokerInput::Shutdown));
            self.schedule(kernel, kernel.now() + STOP_POLL, Task::Forget(node));
            return;
        }
        for (partition, replicas) in moves {
            // Those that may not be moved now are looked at again.
            self.ask_for_move(kernel, &partition, Some(replicas));
        }
        self.schedule(kernel, kernel.now() + look, Task::Drain { node, look });
    }

    /// Has a broker stay down, once it is; what it still did until then may be why it cannot be spared.
    pub(super) fn bury(&mut self, kernel: &mut SimKernel, node: NodeId) {
        match kernel.mode(node) {
            Mode::Down | Mode::Off => {
                self.atlas.fell(kernel, node);
                if self.atlas.allows(kernel, node, Damage::Death) {
                    self.buried.push(node);
                } else {
                    kernel.apply(KernelFault::Restart { node });
                }
            }
            Mode::Running | Mode::Paused => self.schedule(kernel, kernel.now() + STOP_POLL, Task::Bury(node)),
        }
    }

    /// Has a broker that was shut down forgotten, once it has stopped.
    pub(super) fn forget(&mut self, kernel: &mut SimKernel, node: NodeId) {
        match kernel.mode(node) {
            Mode::Down | Mode::Off => self.unregister(kernel, node),
            Mode::Running => self.schedule(kernel, kernel.now() + STOP_POLL, Task::Forget(node)),
            Mode::Paused => {
                kernel.apply(KernelFault::Resume { node });
                self.schedule(kernel, kernel.now() + STOP_POLL, Task::Forget(node));
            }
        }
    }

    /// For each partition that `node` holds, its other replicas with one more: the broker that has the fewest. Asked
    /// again while that goes on, it is the same.
    fn moves(&self, plan: &Plan, kernel: &SimKernel, node: NodeId) -> Vec<(Partition, Vec<i32>)> {
        let leaving = node.0 as i32;
        let states = &kernel.judge().partitions;
        let mut load: BTreeMap<i32, usize> = BTreeMap::new();
        for broker in &self.brokers {
            let stays = *broker != node && !self.absent.contains(broker) && !self.buried.contains(broker);
            if stays && kernel.mode(*broker) == Mode::Running {
                let id = broker.0 as i32;
                load.insert(id, states.values().filter(|state| state.replicas.contains(&id)).count());
            }
        }
        let mut moves = Vec::new();
        for (id, state) in states.iter().filter(|(_, state)| state.replicas.contains(&leaving)) {
            let Some((name, _)) = self.ids.iter().find(|(_, topic)| **topic == id.topic) else { continue };
            let topic = plan.topics.iter().find(|topic| topic.name == name.as_str());
            let wanted = topic.map_or(state.replicas.len(), |topic| topic.replication as usize);
            let replicas = replacement(state, leaving, wanted, &mut load);
            moves.push((Partition { topic: name.to_string(), index: id.partition as u32 }, replicas));
        }
        moves
    }
}

fn replacement(state: &PartitionState, leaving: i32, wanted: usize, load: &mut BTreeMap<i32, usize>) -> Vec<i32> {
    // Replicas that a reassignment removes are the last.
    let mut replicas: Vec<i32> = state.replicas.iter().copied().filter(|id| *id != leaving).take(wanted).collect();
    while replicas.len() < wanted {
        let free = load.iter().filter(|(id, _)| !replicas.contains(id)).min_by_key(|(_, count)| **count);
        let Some((&id, _)) = free else { break };
        *load.entry(id).or_default() += 1;
        replicas.push(id);
    }
    replicas
}
