//! Sync classes: what an `Event::Synced` completes.

/// The metadata log. Index 0.
pub const METADATA_LOG: u8 = 0;
/// The quorum-state file (vote), and the rename that puts it in place. Index: which step.
pub const QUORUM_STATE: u8 = 1;
/// A metadata snapshot. Index: which step.
pub const SNAPSHOT: u8 = 2;
/// A partition's log. Index: the partition's dense index on this broker.
pub const PARTITION_LOG: u8 = 3;
/// A checkpoint file of the broker, or the clean-shutdown marker. Index: which file.
pub const CHECKPOINT: u8 = 4;
/// The names in the log directory. Index 0.
pub const LOG_DIRECTORY: u8 = 5;
