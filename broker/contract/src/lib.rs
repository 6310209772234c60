//! The contract between a state machine and the world that runs it: time, events, effects, disk, timers.
//!
//! A [`Machine`] is the only thing with behaviour. In: one [`Event`] at a time, through [`Machine::step`], with the
//! time. Out: calls to [`Effects`] and [`Disk`], which the world performs as they are made. A machine opens no socket,
//! reads no clock, draws no random number and spawns no thread, so the same compiled code runs in the simulator, under
//! the model checker and behind real sockets.
//!
//! | for | open |
//! |---|---|
//! | `step`, and what a machine must be | `machine.rs` |
//! | what can happen to a machine: messages, timers, connections, syncs | `event.rs` |
//! | what a machine may ask for: send, connect, timers, `choose`, `halt` | `effects.rs` |
//! | files with a page cache, and what a sync promises | `disk.rs` |
//! | points in time and lengths of time | `time.rs` |
//!
//! It knows neither Kafka nor any simulator.

mod disk;
mod effects;
mod event;
mod machine;
mod time;

pub use disk::{Disk, DiskError, FileId, SyncOp};
pub use effects::Effects;
pub use event::{ConnId, Event, Lane, NodeId, TimerId};
pub use machine::Machine;
pub use time::{Span, Time};
