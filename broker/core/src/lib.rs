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
//! The parts do not know each other. What the quorum has committed is published to the image and from there to the
//! replicas; who leads the quorum is told to all that talk to the controller.

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
