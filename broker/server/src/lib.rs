//! The broker behind real sockets and files: the tokio world.
//!
//! ```text
//! socket ─▶ conn ─▶ decode ─▶ Core::step ─▶ Link ─▶ conn ─▶ socket
//!                               │  ▲
//!                        Files ◀┘  └─ timers, syncs, dialled connections, commands
//! ```
//!
//! In: bytes of sockets, files, signals. Out: the same. Each broker has one thread: its sockets, its timers and its
//! state machine share it, so a request costs no hop between threads. Files are written through the page cache on that
//! thread; syncs run on a second one. Several brokers of a process share nothing and talk over TCP, as they would
//! between machines.
//!
//! | for | open |
//! |---|---|
//! | frames of a connection; what is to be written to it | `conn.rs`, `link.rs` |
//! | the machine, its events and effects | `core.rs`, `timers.rs` |
//! | real files; the thread that syncs them | `disk.rs`, `sync.rs` |
//! | bounds on memory | `budget.rs` |
//! | a broker, several of them, whose folder it is | `broker.rs`, `cluster.rs`, `identity.rs` |
//!
//! What a machine may do is the contract's; this crate adds no decision of its own but bounds: how long a frame, how
//! much is read ahead, how long nothing may move. It knows no simulator.

pub mod admin;
mod broker;
mod budget;
mod cluster;
mod conn;
mod core;
mod disk;
mod error;
mod identity;
mod link;
mod peers;
pub mod settings;
mod sync;
mod timers;
mod watching;

pub use cluster::{Cluster, ClusterConfig, Member};
pub use error::StartError;
