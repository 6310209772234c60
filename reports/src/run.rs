//! `run.json` and `faults.jsonl`: who took part in a run, its phases, and which faults happened when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the format of `run.json` that this crate writes, and the only one it reads.
pub const RUN_FORMAT: u32 = 1;

/// Who took part in a run, and its phases. Times are simulated seconds since the workload's zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`RUN_FORMAT`].
    pub format: u32,
    /// The promise that the run tests, in a sentence or two; empty if its scenario does not state one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The workload's zero on the clock of `trace.bin`, in nanoseconds.
    pub zero_ns: u64,
    /// When everything was healed: the end of the safety phase. None if the run did not get there.
    pub healed_s: Option<f64>,
    /// When the run ended.
    pub end_s: f64,
    /// The processes, by node id.
    pub nodes: Vec<NodeRecord>,
    /// The topics.
    pub topics: Vec<TopicRecord>,
    /// What at least one run of the scenario must reach.
    pub sometimes: Vec<String>,
    /// How often each observation was made after the warm-up.
    pub reached: BTreeMap<String, u64>,
}

/// A process of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its id in `trace.bin`.
    pub id: u32,
    /// What people call it: `b1`, `producer 0`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Whether it votes in the controller quorum.
    pub controller: bool,
}

/// What a process is.
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
    /// Writes a record to every partition once all is healed.
    Prober,
    /// A client that writes.
    Producer,
}

/// A topic of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRecord {
    /// Name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas each has.
    pub replication: u32,
    /// `min.insync.replicas`.
    pub min_insync: u32,
}

/// A fault that happened: a line of `faults.jsonl`, in the order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Which of the plan's faults, from 0.
    pub fault: u32,
    /// The kind, as scenario files call it: `crash`, `partition`.
    pub kind: String,
    /// Simulated seconds at which it began.
    pub began_s: f64,
    /// Simulated seconds at which the last of it was undone. None if it has no length: a reset, an election.
    pub ended_s: Option<f64>,
    /// The processes it was done to.
    pub nodes: Vec<String>,
    /// The processes, or the partition to be moved, that it was meant for and not done to: the fault atlas does not
    /// allow what the replication cannot survive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<String>,
    /// The fault as scenario files write it, a key a line.
    pub text: String,
}

impl FaultRecord {
    /// Whether anything was done.
    pub fn happened(&self) -> bool {
        self.spared.is_empty() || !self.nodes.is_empty()
    }

    /// What it was and to whom, in a few words.
    pub fn title(&self) -> String {
        format!("{} {}", self.kind, self.whom()).trim_end().to_owned()
    }

    /// To whom, and to whom not.
    pub fn whom(&self) -> String {
        let spared = if self.spared.is_empty() { String::new() } else { format!("(spared {})", self.spared.join(" ")) };
        format!("{} {spared}", self.nodes.join(" ")).trim().to_owned()
    }
}
