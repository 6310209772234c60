//! `observations.jsonl`.

use serde::{Deserialize, Serialize};

/// What a broker or client reported, and at which event of the trace: a line of `observations.jsonl`. Sends and polls
/// are left out: `history.jsonl` has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationRecord {
    /// The event, as `TraceEvent::seq` counts.
    pub event: u64,
    /// Simulated seconds since the workload's zero; negative in the warm-up.
    pub time_s: f64,
    /// Which node.
    pub node: u32,
    /// What it is called: `b1`, `producer 0`.
    pub name: String,
    /// What, by its name in `tribunal list observations`.
    pub observation: String,
    /// The partition it speaks of, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The epoch it speaks of: of the partition's leader, or of the quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i32>,
    /// The offset it speaks of: a log end, a high watermark, a record's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// In words, as a predicate to the name: `elected with log end 515`.
    pub text: String,
}
