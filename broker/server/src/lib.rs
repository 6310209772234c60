//! The broker behind real sockets and files: the tokio world.
//!
//! ```text
//! socket ─▶ conn ─▶ decode ─▶ Core::step ─▶ Link ─▶ conn ─▶ socket
//!                               │  ▲
//!                        Files ◀┘  └─ timers, syncs, dialled connections, commands
//! ```
//!
//! Each broker has one thread: its sockets, its timers and its state machine share it, so a request costs no hop
//! between threads. Files are written through the page cache on that thread; syncs run on a second one. Several brokers
//! of a process share nothing and talk over TCP, as they would between machines.
//!
//! What a machine may do is the contract's; this crate adds no decision of its own but bounds: how long a frame, how
//! much is read ahead, how long nothing may move.

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
