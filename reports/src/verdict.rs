//! `verdict.json`.

use serde::{Deserialize, Serialize};

use crate::causal::ChainStep;

/// The version of the format of `verdict.json` that this crate writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// The stored result of a run.
///
/// Seeds and hashes are text, `0x` and hexadecimal, because not every JSON reader keeps 64 bits of a number.
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
    /// The violated properties that should have held.
    pub violations: Vec<ViolationRecord>,
    /// The violated properties that the scenario expects to be violated.
    pub expected: Vec<ViolationRecord>,
    /// The violated properties that the scenario allows to be violated.
    pub allowed: Vec<ViolationRecord>,
    /// The simulated time, in seconds.
    pub simulated_s: f64,
    /// The wall-clock time, in seconds.
    pub wall_s: f64,
    /// The number of operations of clients.
    pub operations: u64,
    /// The number of faults that happened.
    pub faults: u64,
    /// The trace hash of the run. Equal runs have equal hashes.
    pub trace_hash: String,
    /// The trace hash of the second run, if two runs of one plan differed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_hash: Option<String>,
    /// The limit that ended the run before its verdict, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Remarks that are no violations, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The observations made at least once.
    pub reached: Vec<String>,
    /// The bugs that were planted.
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
    /// The id of the property.
    pub property: String,
    /// The violation, in a sentence.
    pub detail: String,
    /// The cause, in words. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// The line of the scenario with the fault that led to it, from 1, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The time at which it was seen, in simulated seconds since the workload's zero. Negative in the warm-up.
    #[serde(default)]
    pub time_s: f64,
    /// The number of the trace event at which it was seen. `None` if the run was not recorded or had no such event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// The steps that led to it. Empty if the run was not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ChainStep>,
    /// The signature that failures of the same cause share. Empty if the run was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}
