//! Consumer groups of the classic protocol, and the offsets that they commit.
//!
//! In: requests of members and admin clients, alarms that went off, records read from the log, the fate of records that
//! were to be written. Out, in [`Out`]: answers, records to write, alarms to set, observations. The machine holds the
//! groups of one partition of `__consumer_offsets` in one leader epoch; whoever runs it appends its records and tells it
//! what became of them.
//!
//! | for | open |
//! |---|---|
//! | a group, its members and states | `group.rs`, `member.rs` |
//! | what goes in and out | `out.rs`, `groups.rs` |
//! | JoinGroup; the phases of a rebalance | `join.rs`, `rebalance.rs` |
//! | SyncGroup, Heartbeat, LeaveGroup | `sync.rs`, `leave.rs` |
//! | OffsetCommit, OffsetFetch, OffsetDelete, expiry | `offsets.rs`, `expiry.rs` |
//! | DescribeGroups, ListGroups, DeleteGroups | `admin.rs` |
//! | reading the log | `replay.rs` |
//! | what consumers put into the opaque bytes | `consumer_protocol.rs` |
//!
//! It does not know where its records are stored, nor how they are replicated.

mod admin;
mod consumer_protocol;
mod expiry;
mod group;
mod groups;
mod join;
mod leave;
mod member;
mod offsets;
mod out;
mod rebalance;
mod replay;
mod sync;

pub use group::{Group, State};
pub use groups::{Context, Groups};
pub use member::Member;
pub use offsets::Offset;
pub use out::{Alarm, Out, Reply, Then, Ticket, Write};
