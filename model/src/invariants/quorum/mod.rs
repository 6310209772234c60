//! Promises of the controller quorum (KRaft: KIP-595, 630, 996), and of the metadata log that it commits.

pub(super) mod consistent_committed_data;
pub(super) mod election_safety;
pub(super) mod leader_completeness;
pub(super) mod log_matching;
pub(super) mod majority_reached_high_watermark;
pub(super) mod monotonic_epoch;
pub(super) mod monotonic_high_watermark;
pub(super) mod single_leader;
pub(super) mod snapshot_at_log_start;
pub(super) mod state_machine_safety;
pub(super) mod vote_safety;
