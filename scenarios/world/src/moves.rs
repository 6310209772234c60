//! Moves of partitions to other replicas that were asked for and are perhaps not over. Until they are, both those that
//! hold a partition and those that are to hold it count as its replicas.

use tribunal_common::TopicIdPartition;
use tribunal_contract::{NodeId, Time};
use tribunal_protocol::Str;

use super::build::ADMIN;
use super::faults::SimKernel;
use super::node::Node;

/// One that was asked for.
#[derive(Debug)]
struct Move {
    id: TopicIdPartition,
    topic: Str,
    /// The brokers that will hold it; none cancels the reassignment under way.
    to: Option<Vec<i32>>,
    asked: Time,
}

/// Those that may still be under way.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<Move>);

impl Moves {
    /// The admin is asked for one.
    pub(super) fn begin(&mut self, kernel: &SimKernel, id: TopicIdPartition, topic: Str, to: Option<&[i32]>) {
        self.0.push(Move { id, topic, to: to.map(<[i32]>::to_vec), asked: kernel.now() });
    }

    /// Forgets those that are over: the admin has an answer, and the partition is not between two sets of replicas.
    pub(super) fn settle(&mut self, kernel: &SimKernel) {
        self.0.retain(|asked| {
            let waits = match kernel.machine(ADMIN) {
                // What it was asked at this very time may not have come to it yet.
                Some(Node::Admin(admin)) => {
                    kernel.now() == asked.asked
                        || admin.reassigns(&asked.topic, asked.id.partition, asked.to.as_deref())
                }
                _ => true,
            };
            let replicas = kernel.judge().partitions.get(&asked.id).map_or(&[][..], |state| &state.replicas);
            let is_between = asked
                .to
                .as_ref()
                .is_some_and(|to| to.len() < replicas.len() && to.iter().all(|replica| replicas.contains(replica)));
            waits || is_between
        });
    }

    /// Every broker that holds the partition, or may be about to.
    pub(super) fn replicas(&self, kernel: &SimKernel, id: TopicIdPartition) -> Vec<NodeId> {
        let held = kernel.judge().partitions.get(&id).map_or(&[][..], |state| &state.replicas);
        let mut nodes: Vec<NodeId> =
            held.iter().chain(self.targets(id).flatten()).map(|&replica| NodeId(replica as u32)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The sets of replicas that a partition was asked to have.
    pub(super) fn targets(&self, id: TopicIdPartition) -> impl Iterator<Item = &[i32]> {
        self.0.iter().filter(move |asked| asked.id == id).filter_map(|asked| asked.to.as_deref())
    }

    /// Whether it was asked to take back a move of this partition.
    pub(super) fn is_taken_back(&self, id: TopicIdPartition) -> bool {
        self.0.iter().any(|asked| asked.id == id && asked.to.is_none())
    }
}
