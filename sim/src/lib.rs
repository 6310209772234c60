//! The deterministic kernel: a world of [`Machine`](tribunal_contract::Machine)s on a virtual clock, with a simulated
//! network, disks and clocks.
//!
//! A run is a function of its seed, its configuration and the faults and inputs the caller applies: the same calls give
//! the same events in the same order, and so the same [`Kernel::trace_hash`], in any process, in debug and release, on
//! any machine. Nothing here reads a clock, draws from a shared generator, or depends on an address.
//!
//! The kernel knows no Kafka. It does not decide when a fault happens (the caller does, see [`Kernel::at`]), and it
//! does not judge (a [`Judge`] does).
//!
//! - [`Kernel`]: nodes, inputs, faults, `run_until`.
//! - [`Config`]: seed, latencies, timeouts; [`Fault`]: everything that can go wrong, as a value.
//! - [`NodeDisk`]: files behind a page cache. [`trace`]: what happened, as a hash and, when asked, as a list.
//! - [`echo`] and [`idle`]: the two workloads the kernel's speed is measured with.

mod config;
pub mod disk;
pub mod echo;
mod fault;
pub mod idle;
mod judge;
mod kernel;
mod net;
mod queue;
mod seed;
mod slab;
mod timers;
pub mod trace;

pub use config::{Config, DiskConfig, Latency, NetConfig, Range};
pub use disk::NodeDisk;
pub use fault::{DiskOp, Fault, Repeat};
pub use judge::{Digest, Judge, Lifecycle, Machines, Stop, Wire};
pub use kernel::{Kernel, Mode, Ran, Stats};
pub use net::Place;
pub use seed::{Seed, StableHasher, stable_hash};
