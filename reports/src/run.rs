//! `run.json` and `faults.jsonl`: the processes and phases of a run, and its faults with their times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the format of `run.json` that this crate writes, and the only one it reads.
pub const RUN_FORMAT: u32 = 1;

/// The processes and phases of a run. Times are simulated seconds since the workload's zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`RUN_FORMAT`].
    pub format: u32,
    /// The promise that the run tests, in a sentence or two; empty if its scenario does not state one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The workload's zero on the clock of `trace.bin`, in nanoseconds.
    pub zero_ns: u64,
    /// The time at which all faults had ended, which ends the safety phase. `None` if the run did not get there.
    pub healed_s: Option<f64>,
    /// The time at which the run ended.
    pub end_s: f64,
    /// The processes, by node id.
    pub nodes: Vec<NodeRecord>,
    /// The topics.
    pub topics: Vec<TopicRecord>,
    /// The observations that at least one run of the scenario must reach.
    pub sometimes: Vec<String>,
    /// The number of times that each observation was made after the warm-up.
    pub reached: BTreeMap<String, u64>,
}

/// A process of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its id in `trace.bin`.
    pub id: u32,
    /// Its name: `b1`, `producer 0`.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it votes in the controller quorum.
    pub controller: bool,
}

/// The role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Creates the topics before the workload begins.
    Admin,
    /// Reads everything at the end.
    Auditor,
    /// A broker.
    Broker,
    /// A client that reads.
    Consumer,
    /// Writes a record to every partition after all faults have ended.
    Prober,
    /// A client that writes.
    Producer,
}

/// A topic of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRecord {
    /// The topic's name.
    pub name: String,
    /// The number of partitions.
    pub partitions: u32,
    /// The replication factor.
    pub replication: u32,
    /// `min.insync.replicas`.
    pub min_insync: u32,
}

/// A line of `faults.jsonl`: a fault. Lines are in the order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// The index of the fault in the plan, from 0.
    pub fault: u32,
    /// The kind, as scenario files call it: `crash`, `partition`.
    pub kind: String,
    /// The time in simulated seconds at which it began.
    pub began_s: f64,
    /// The time in simulated seconds at which its last part was undone. `None` if it has no length, like a reset.
    pub ended_s: Option<f64>,
    /// The processes that the fault affected.
    pub nodes: Vec<String>,
    /// The targets, processes or a partition to move, that the fault was planned for and spared, because the fault
    /// atlas forbids faults that the replication cannot survive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<String>,
    /// The fault as scenario files write it, one key on each line.
    pub text: String,
}

impl FaultRecord {
    /// Whether the fault changed anything.
    pub fn happened(&self) -> bool {
        self.spared.is_empty() || !self.nodes.is_empty()
    }

    /// The kind and the targets of the fault, in a few words.
    pub fn title(&self) -> String {
        format!("{} {}", self.kind, self.whom()).trim_end().to_owned()
    }

    /// The targets that it affected, and those that it spared.
    pub fn whom(&self) -> String {
        let spared = if self.spared.is_empty() { String::new() } else { format!("(spared {})", self.spared.join(" ")) };
        format!("{} {spared}", self.nodes.join(" ")).trim().to_owned()
    }
}
