//! Every interleaving of small configurations of the machines that ship.
//!
//! In: a configuration (`checks`, `config.rs`): a few real machines (voters; or brokers' replicas and a controller),
//! and a budget for each kind of thing that can go wrong. Out: that all properties hold in every state, or the shortest
//! path to one in which they do not. The kernel samples deep runs; the checker leaves nothing out of shallow ones.
//! stateright explores the states; what must hold is judged by `tribunal_model`, whose properties judge every other
//! world too.
//!
//! | for | open |
//! |---|---|
//! | the machines | `parts/mod.rs` |
//! | a node's step, and how it is worked out once | `node.rs`, `remembered.rs` |
//! | the world: what can happen, and what follows | `world/possible.rs`, `world/action.rs` |
//! | that a state gets on when its faults end | `world/progress.rs` |
//! | what is asked of nodes wherever they run | `cluster.rs` |
//! | configurations | `config.rs` |
//! | searches and what they come to | `search.rs`, `estimate.rs`, `explore.rs` |
//! | counterexamples for another world | `script.rs` |
//!
//! It knows no kernel, and no part of a broker that is not in its configuration.

pub mod cluster;
pub mod config;
mod disk;
pub mod estimate;
mod explore;
mod hash;
mod judge;
pub mod kip320;
pub mod node;
pub mod parts;
mod remembered;
pub mod script;
pub mod search;
pub mod world;

pub use config::{CheckConfig, ConfigError, SHIPPED, shipped};
pub use estimate::Estimate;
pub use explore::explore;
pub use remembered::Steps;
pub use script::Step;
pub use search::{Found, Order, Search, Stopped};
pub use world::{Action, State, World};
