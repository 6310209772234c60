//! The deterministic kernel: a world of [`Machine`](tribunal_contract::Machine)s on a virtual clock, with a simulated
//! network, disks and clocks.
//!
//! The kernel takes a seed, a [`Config`], machines, and the faults and inputs that the caller applies. It gives the
//! machines' observations to a [`Judge`], and a [`trace`] as a hash and, on request, as a list. The same calls give the
//! same events in the same order, and so the same [`Kernel::trace_hash`], in any process, in debug and release, on any
//! machine. Nothing here reads a clock, draws from a shared generator, or depends on an address.
//!
//! | for | open |
//! |---|---|
//! | the run loop and the calls allowed between events | `kernel/mod.rs`, `kernel/process.rs` |
//! | every fault, as a value | `fault.rs` |
//! | connections and links: latency, cuts, resets | `net/mod.rs`, `net/link.rs`, `net/faults.rs` |
//! | the state of a disk after a crash or a power loss | `disk/mod.rs`, `disk/file.rs`, `disk/faults.rs` |
//! | the order of pending events | `queue.rs`, `timers.rs` |
//! | the two workloads that the kernel's speed is measured with | `echo.rs`, `idle.rs` |
//!
//! The kernel knows nothing of Kafka. The caller decides when a fault happens (see [`Kernel::at`]), and the judge
//! decides whether a run is right.

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
