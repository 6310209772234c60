//! The contract between a state machine and the world that runs it: time, events, effects, disk, timers.
//!
//! A [`Machine`] is the only thing with behaviour: it is fed one [`Event`] at a time through [`Machine::step`] and
//! answers by calling [`Effects`] and [`Disk`], which the world performs as they are called. A machine opens no
//! socket, reads no clock, draws no random number and spawns no thread, so the same compiled code runs in the
//! simulator, under the model checker and behind real sockets.
//!
//! This crate knows neither Kafka nor any simulator.

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
