//! `observations.jsonl`.

use serde::{Deserialize, Serialize};

/// A line of `observations.jsonl`: an observation of a broker or client, with its event of the trace. Sends and polls
/// are in `history.jsonl` instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationRecord {
    /// The number of the event (`TraceEvent::seq`).
    pub event: u64,
    /// Simulated seconds since the workload's zero; negative in the warm-up.
    pub time_s: f64,
    /// The id of the node.
    pub node: u32,
    /// The name of the node: `b1`, `producer 0`.
    pub name: String,
    /// The kind of observation, by its name in `tribunal list observations`.
    pub observation: String,
    /// The partition that it concerns, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The leader epoch or quorum epoch that it concerns, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i32>,
    /// The offset that it concerns, if any: a log end, a high watermark or the offset of a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// The observation as a predicate to the name: `elected with log end 515`.
    pub text: String,
}
