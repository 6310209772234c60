//! What the parts of a broker share: lanes, timer classes, observations, planted bugs, limits.
//!
//! The parts (quorum, controller, replica) are state machines of their own. Each is called with an [`Io`]: the time,
//! the disk, the effects, and the connection table [`Net`], so that none of them knows how the others are composed.

mod bugs;
mod config;
mod io;
pub mod lanes;
mod named;
mod net;
mod obs;
mod rare;
pub mod syncs;
pub mod timers;

pub use bugs::{Bug, Bugs};
pub use config::{BrokerConfig, FlushPolicy, LogDefaults, TopicDefaults, TruncationMode};
pub use io::{Fx, Io};
pub use net::{Answer, CallFailed, Local, Net, Received};
pub use obs::{BatchMark, ClientObs, METADATA_LOG, Obs, PartitionState, QuorumRole, Reassignment, TopicIdPartition};
pub use rare::RarePath;
