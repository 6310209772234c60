//! The coordinator runtime, and groups as its tenant.
//!
//! In: requests about groups, alarms, and the notices of the replicas that a partition of `__consumer_offsets` has
//! another leader or high watermark. Out: answers, and records appended to the partition. A shard is one partition in
//! one leader epoch:
//!
//! 1. Leadership gained: the log is read from its start in bounded steps, until its end and until the high watermark is
//!    there. Meanwhile requests are answered with COORDINATOR_LOAD_IN_PROGRESS.
//! 2. A request's records are appended, the state shows them, and its answer waits until the high watermark has passed
//!    them.
//! 3. Leadership lost: the state and the answers that wait are gone, and everyone is told NOT_COORDINATOR.
//!
//! Nothing in memory survives that the log does not hold, so a failover needs no other way.
//!
//! | for | open |
//! |---|---|
//! | which request goes to which shard | `requests.rs`, `partition.rs` |
//! | loading, writing, committing, unloading | `shard.rs`, `coordinator.rs` |
//! | answers made of several groups' parts | `gather.rs` |
//! | alarms as timers | `alarms.rs` |
//!
//! It does not know how records are replicated.

mod alarms;
mod coordinator;
mod gather;
mod partition;
mod requests;
mod shard;

pub use coordinator::Coordinator;
pub use partition::partition_of;
