//! What must hold: invariants on ground truth and validations of the history.
//!
//! In: every observation of brokers and clients ([`tribunal_common::Obs`]). Out: [`Violation`]s. A world feeds
//! [`Invariants`] with all of them, which judge after each; and [`History`] with those of clients, which is judged at
//! the end of the run.
//!
//! | for | open |
//! |---|---|
//! | the one list of properties, each with its sentence | `property.rs` |
//! | an invariant: a file each | `invariants/replication`, `invariants/quorum` |
//! | a validation of what clients saw: a file each | `history` |
//! | what is known of logs, leaders and commits | `truth` |
//! | that the cluster serves again after it was healed | `progress.rs` |
//! | what happened, counted, for `sometimes` | `reached.rs` |
//! | conformance to the abstract model of KIP-320 | `refinement.rs` |
//!
//! It knows what brokers and clients report and nothing of the world: the same properties judge simulator, checker and
//! server.

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
pub use reached::Reached;
pub use refinement::Refinement;
pub use truth::Truth;
pub use violation::{CauseStep, Violation};
