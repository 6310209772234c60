//! The broker as one state machine: connections, request routing, and its parts composed.
//!
//! ```text
//! Event ─▶ Broker::step ─▶ Net ─▶ routing ─┬▶ Quorum      metadata log, election
//!                                          ├▶ Controller  if the quorum is led from here
//!                                          ├▶ Replicas    partition logs, leaders and followers
//!                                          └▶ Lifecycle   this broker's registration and heartbeats
//!          after every event: committed metadata ─▶ image ─▶ Replicas
//! ```
//!
//! In: events of the contract. Out: effects of the contract. The parts do not know each other: what the quorum has
//! committed is published to the image and from there to the replicas; who leads the quorum is told to all that talk to
//! the controller.
//!
//! | for | open |
//! |---|---|
//! | which part serves a request, an answer, a timer | `broker.rs` |
//! | committed metadata on its way to the replicas | `publish.rs` |
//! | registration, heartbeats, controlled shutdown | `lifecycle.rs` |
//! | Metadata, ApiVersions; what administrators are shown | `api.rs`, `describe.rs`, `settings.rs` |
//! | requests passed on to the active controller | `forward.rs` |
//!
//! It does not know which world runs it.

mod api;
mod broker;
mod describe;
mod forward;
mod lifecycle;
mod publish;
mod settings;

pub use api::serves_clients;
pub use broker::{Broker, BrokerInput};
pub use publish::{Unpublished, observe_change, set_strays_aside};
pub use tribunal_common::{BrokerConfig, Bug, Bugs, FlushPolicy, Obs, TruncationMode};
