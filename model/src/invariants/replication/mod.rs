//! Promises of replication: each partition's leader, followers, ISR and high watermark.

pub(super) mod consistent_read;
pub(super) mod deleted_as_asked;
pub(super) mod elr_holds_high_watermark;
pub(super) mod high_watermark_not_below_start;
pub(super) mod high_watermark_within_log;
pub(super) mod isr_joined_by_active;
pub(super) mod isr_within_replicas;
pub(super) mod leader_completeness;
pub(super) mod log_contiguous;
pub(super) mod log_matching;
pub(super) mod monotonic_epochs;
pub(super) mod monotonic_high_watermark;
pub(super) mod no_committed_record_lost;
pub(super) mod one_leader_per_epoch;
pub(super) mod replaced_replicas_held;
pub(super) mod strong_isr;
pub(super) mod valid_high_watermark;
