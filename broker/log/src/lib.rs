//! The partition log, in Kafka's own on-disk format, over the contract's [`Disk`](tribunal_contract::Disk).
//!
//! A [`Log`] is part of a state machine: every call takes the disk and returns at once. Nothing it writes is durable
//! until a sync round has completed: [`Log::start_sync`] asks for one, the caller hands the completions to
//! [`Log::synced`], and [`Log::flushed_offset`] is what a loss of power cannot take.
//!
//! The caller owns the small files beside the logs ([`OffsetCheckpoint`], [`MetaProperties`], [`clean_shutdown`]) and
//! must write the recovery-point checkpoint before it relies on it, and again whenever `flushed_offset` went down
//! (a truncation below it), as Kafka does.
//!
//! After any failed write or sync the log is failed for good ([`Log::is_failed`]) and refuses to change: what the
//! file holds is then unknown (KAFKA-10778). The caller takes the directory offline.

mod append;
mod checkpoint;
mod clean_shutdown;
mod config;
mod derived;
mod epochs;
mod error;
mod folder;
mod index;
mod log;
mod lookup;
mod meta;
mod names;
mod open;
mod partition_metadata;
mod read;
mod recover;
mod replace;
mod scan;
mod segment;
mod sync;
mod text;
mod trim;

pub use append::AppendInfo;
pub use checkpoint::{LOG_START_CHECKPOINT, OffsetCheckpoint, RECOVERY_POINT_CHECKPOINT, REPLICATION_CHECKPOINT};
pub use clean_shutdown::{CLEAN_SHUTDOWN_FILE, CleanShutdown};
pub use config::LogConfig;
pub use epochs::{EpochCache, EpochEntry};
pub use error::{LogError, Refusal};
pub use folder::{DELETED_FOLDER, STRAY_FOLDER, folder_out_of_use, parse_partition_folder, partition_folder};
pub use log::Log;
pub use lookup::TimestampOffset;
pub use meta::{META_PROPERTIES, MetaProperties};
pub use open::{Checkpoints, RecoveryReport};
pub use partition_metadata::{PARTITION_METADATA, PartitionMetadata};
pub use read::Slice;
pub use replace::Replace;
