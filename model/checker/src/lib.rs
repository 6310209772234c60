//! Every interleaving of small configurations of the machines that ship.
//!
//! The kernel samples deep runs; the checker leaves nothing out of shallow ones. A [`World`] is a few real machines
//! (voters; or brokers' replicas and a controller), their connections, disks and timers, and a budget for each kind of
//! thing that can go wrong. Its states are explored by stateright; what must hold is judged by `tribunal_model`, whose
//! properties judge every other world too.
//!
//! | what | where |
//! |---|---|
//! | the machines | [`parts`] |
//! | a node's step, and how it is worked out once | [`node`], [`Steps`] |
//! | the world: what can happen, and what follows | [`world`] |
//! | what is asked of nodes wherever they run | [`cluster`] |
//! | configurations | [`config`], `checks/*.toml` |
//! | searches and what they come to | [`search`], [`estimate`], [`explore()`] |
//! | counterexamples for another world | [`script`] |

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
