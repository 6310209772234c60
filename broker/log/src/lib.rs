//! The partition log, in Kafka's own on-disk format, over the contract's [`Disk`](tribunal_contract::Disk).
//!
//! In: batches to append, offsets to read or cut, completed syncs. Out: batches, offsets, and files. Every call of a
//! [`Log`] takes the disk and returns at once. Nothing it writes is durable until a sync round has completed:
//! [`Log::start_sync`] asks for one, the caller hands the completions to [`Log::synced`], and [`Log::flushed_offset`]
//! is what a loss of power cannot take.
//!
//! | for | open |
//! |---|---|
//! | appending, rolling segments | `append.rs` |
//! | reading, lookup by time | `read.rs`, `lookup.rs` |
//! | truncation and retention | `trim.rs` |
//! | which epoch wrote which offsets | `epochs.rs` |
//! | what is durable | `sync.rs` |
//! | start after a clean and an unclean stop | `open.rs`, `recover.rs` |
//! | the small files beside the logs | `checkpoint.rs`, `meta.rs`, `clean_shutdown.rs`, `partition_metadata.rs` |
//!
//! The caller owns the small files ([`OffsetCheckpoint`], [`MetaProperties`], the clean-shutdown marker) and must write
//! the recovery-point checkpoint before it relies on it, and again whenever `flushed_offset` went down (a truncation
//! below it), as Kafka does. After any failed write or sync the log is failed for good ([`Log::is_failed`]) and refuses
//! to change: what the file holds is then unknown (KAFKA-10778). The caller takes the directory offline.
//!
//! It knows no leader, no follower and no high watermark.

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
