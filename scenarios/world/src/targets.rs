//! The nodes that a target means in the cluster as it is now.

use tribunal_contract::NodeId;
use tribunal_language::{ClientKind, Partition, Target};
use tribunal_sim::Mode;

use super::faults::{Faults, SimKernel};
use super::node::Node;

impl Faults {
    /// The nodes that a target means now.
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
            Target::Rack(rack) => {
                let on_rack = self.racks.iter().filter(|(_, name)| name == rack).map(|(node, _)| *node);
                on_rack.filter(there).collect()
            }
            Target::Subject => subject.into_iter().collect(),
        }
    }
}
