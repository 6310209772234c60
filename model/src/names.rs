//! The names of nodes, partitions and times in the sentences of violations.

use std::collections::BTreeMap;

use tribunal_common::{METADATA_LOG, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_protocol::Uuid;

/// The names of topics and nodes, and the time at which the run began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    topics: BTreeMap<Uuid, String>,
    nodes: BTreeMap<NodeId, String>,
    origin: Time,
}

impl Names {
    /// Names for a run whose clock read `origin` when it began.
    pub fn new(origin: Time) -> Names {
        Names { origin, ..Names::default() }
    }

    /// Names a topic. Topic ids exist only after the topic is created, so worlds call this during the run.
    pub fn topic(&mut self, topic: Uuid, name: &str) {
        self.topics.insert(topic, name.to_owned());
    }

    /// Gives a node a name other than `b<id>`: `producer 1`, say.
    pub fn node(&mut self, node: NodeId, name: &str) {
        self.nodes.insert(node, name.to_owned());
    }

    /// The node's name, or `b2` if node 2 has none.
    pub fn of_node(&self, node: NodeId) -> String {
        self.nodes.get(&node).cloned().unwrap_or_else(|| format!("b{}", node.0))
    }

    /// The broker of that id.
    pub fn of_broker(&self, id: i32) -> String {
        if id < 0 { "nobody".to_owned() } else { self.of_node(NodeId(id as u32)) }
    }

    /// Brokers, as `b1, b3`; `nobody` for none.
    pub fn of_brokers(&self, ids: &[i32]) -> String {
        match ids {
            [] => "nobody".to_owned(),
            ids => ids.iter().map(|id| self.of_broker(*id)).collect::<Vec<_>>().join(", "),
        }
    }

    /// The name of a partition's topic, or none if it is not known.
    pub fn of_topic(&self, partition: TopicIdPartition) -> Option<&str> {
        self.topics.get(&partition.topic).map(|topic| &topic[..])
    }

    /// The partition, as `orders/0`.
    pub fn of_partition(&self, partition: TopicIdPartition) -> String {
        if partition == METADATA_LOG {
            return "__cluster_metadata/0".to_owned();
        }
        match self.topics.get(&partition.topic) {
            Some(topic) => format!("{topic}/{}", partition.partition),
            None => format!("{}/{}", partition.topic, partition.partition),
        }
    }

    /// Simulated seconds since the run began, as `6.104`.
    pub fn seconds(&self, at: Time) -> String {
        let nanos = at.since(self.origin).as_nanos();
        format!("{}.{:03}", nanos / 1_000_000_000, nanos / 1_000_000 % 1_000)
    }
}
