//! `verdict.json`.

use serde::{Deserialize, Serialize};

use crate::causal::ChainStep;

/// The version of the format of `verdict.json` that this crate writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// What a run came to, as it is kept.
///
/// Seeds and hashes are text, `0x` and hexadecimal: JSON's numbers do not hold 64 bits everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// See [`FORMAT`].
    pub format: u32,
    /// The version of the tool.
    pub tribunal: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's or plan's file.
    pub path: String,
    /// The seed.
    pub seed: String,
    /// `held`, `violated`, `inconclusive`, `not-reproduced` or `not-deterministic`.
    pub verdict: String,
    /// Properties that did not hold and should have.
    pub violations: Vec<ViolationRecord>,
    /// Properties that did not hold, as the scenario expects.
    pub expected: Vec<ViolationRecord>,
    /// Properties that did not hold and did not need to.
    pub allowed: Vec<ViolationRecord>,
    /// How much time passed in the world, in seconds.
    pub simulated_s: f64,
    /// How much time passed on the machine, in seconds.
    pub wall_s: f64,
    /// How many operations clients did.
    pub operations: u64,
    /// How many faults happened.
    pub faults: u64,
    /// The rolling hash of the run: equal for equal runs.
    pub trace_hash: String,
    /// The other hash, where two runs of one plan differed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_hash: Option<String>,
    /// The limit that ended the run before there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What broke no promise and is worth knowing, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was observed at least once.
    pub reached: Vec<String>,
    /// Bugs that were planted.
    pub bugs: Vec<String>,
    /// The command that repeats the run.
    pub replay: String,
    /// The run's folder, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// Which one.
    pub property: String,
    /// What was seen.
    pub detail: String,
    /// What led to it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// The line of the scenario whose fault led to it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// When it was seen, in simulated seconds since the workload's zero; negative in the warm-up.
    #[serde(default)]
    pub time_s: f64,
    /// The event of the trace at which it was seen, if the run was recorded and it was seen at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// What led to it, step by step, if the run was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ChainStep>,
    /// What it has in common with failures of the same cause, if the run was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}
