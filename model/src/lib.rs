//! What must hold: invariants on ground truth and validations of the history.
//!
//! A world feeds [`Invariants`] with every observation of its brokers and clients, and [`History`] with those of its
//! clients. The first judges after each of them, the second at the end of the run. Both know what brokers and clients
//! report ([`tribunal_common::Obs`]) and nothing of the world: the same properties judge simulator, checker and server.
//!
//! [`Property`] is the one list of names. [`Reached`] counts what happened, [`Progress`] watches that the cluster
//! serves again once it is healed.

mod digest;
mod history;
mod invariants;
mod names;
mod progress;
mod property;
mod reached;
mod refinement;
mod truth;
mod violation;

pub use history::{History, Judgement, Op, OpKind, PartitionRef, Promises, ValueRef, Values};
pub use invariants::{Invariants, ModelConfig};
pub use names::Names;
pub use progress::Progress;
pub use property::{Property, PropertyKind};
pub use reached::{NameId, Reached};
pub use refinement::Refinement;
pub use truth::Truth;
pub use violation::{CauseStep, Violation};
