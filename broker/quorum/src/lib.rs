//! KRaft: the quorum that agrees on the metadata log.
//!
//! KIP-595 (Raft over Fetch), KIP-996 (pre-vote), KIP-630 (snapshots), KIP-1166 (followers learn of a new high
//! watermark at once), check-quorum, static voters. In: records of the active controller, requests and answers of other
//! voters and of observers, timers, completed syncs. Out: committed records and snapshots, and who leads. Roles and
//! rules are Kafka's; waiting is not: Kafka's raft thread blocks while a vote is written, this machine goes on and
//! holds back whatever the vote has to precede.
//!
//! How to read it: `Quorum::drive` alone decides what is sent to peers, from the state as it is. Every event changes
//! the state and then calls it, and it does nothing while a promise is not on disk.
//!
//! | for | open |
//! |---|---|
//! | what is sent, and when | `drive.rs` |
//! | roles and the rule for votes | `role.rs`, `transitions.rs` |
//! | votes, epochs | `votes.rs`, `epochs.rs`, `vote_store.rs` |
//! | leader: appending, serving fetches | `leading.rs`, `serving.rs` |
//! | follower: fetching, cutting, snapshots | `following.rs`, `snapshot_fetch.rs` |
//! | recovery | `open.rs` |
//!
//! It does not know what the metadata records mean.

mod append;
mod control;
mod describe;
mod drive;
mod election;
mod epochs;
mod error;
mod events;
mod following;
mod leading;
mod metadata_log;
mod open;
mod quorum;
mod role;
mod serving;
mod snapshot_fetch;
mod snapshot_serve;
mod snapshots;
mod state_file;
mod transitions;
mod vote_store;
mod voters;
mod votes;
mod wire;

pub use append::Committed;
pub use election::Election;
pub use error::{Fatal, QuorumError};
pub use quorum::{Quorum, QuorumView};
pub use snapshots::SnapshotId;
pub use tribunal_common::QuorumRole;
pub use voters::MAX_VOTERS;

/// Name of the metadata log's topic.
pub const TOPIC: &str = "__cluster_metadata";
/// Folder of the metadata log, relative to the log directory.
pub const FOLDER: &str = "__cluster_metadata-0";
