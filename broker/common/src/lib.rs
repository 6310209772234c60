//! What the parts of a broker share: lanes, timer classes, observations, planted bugs, limits.
//!
//! The parts (quorum, controller, replica) are state machines of their own. In: each call of a part is handed an
//! [`Io`]: the time, the disk, the effects, and the connection table [`Net`]. Out: an [`Answer`], effects, and
//! observations ([`Obs`]). So no part knows how the others are composed.
//!
//! | for | open |
//! |---|---|
//! | calls between brokers, and answers in order | `net.rs`, `lanes.rs` |
//! | an event of a machine that is made of parts | `member.rs` |
//! | every timer: when it is set, what its firing means | `timers.rs` |
//! | what properties and reports are told | `obs.rs`, `obs_kind.rs` |
//! | Kafka's historical bugs by name | `bugs.rs` |
//! | rare paths that a hunt switches on | `rare.rs` |
//! | a broker's settings under Kafka's names | `config.rs` |
//!
//! It knows no part of the broker.

mod bugs;
mod config;
mod io;
pub mod lanes;
mod member;
mod named;
mod net;
mod obs;
mod obs_kind;
mod rare;
pub mod syncs;
pub mod timers;

pub use bugs::{Bug, Bugs};
pub use config::{BrokerConfig, FlushPolicy, GroupDefaults, LogDefaults, TopicDefaults, TruncationMode};
pub use io::{Fx, Io};
pub use member::Member;
pub use net::{Answer, CallFailed, Local, Net, Received};
pub use obs::{
    BatchMark, ClientObs, GroupMember, METADATA_LOG, Obs, PartitionState, QuorumRole, Reassignment, TopicIdPartition,
};
pub use obs_kind::ObsKind;
pub use rare::RarePath;
