//! The properties of a run: invariants on the ground truth, and validations of the history.
//!
//! In: every observation of brokers and clients ([`tribunal_common::Obs`]). Out: [`Violation`]s. A world feeds all
//! observations to [`Invariants`], which judge after each one, and the observations of clients to [`History`], which is
//! judged at the end of the run.
//!
//! | for | open |
//! |---|---|
//! | the one list of properties, each with its sentence | `property.rs` |
//! | an invariant: a file each | `invariants/replication`, `invariants/quorum` |
//! | a validation of what clients saw: a file each | `history` |
//! | the ground truth: logs, leaders and commits | `truth` |
//! | the cluster serves again after it was healed | `progress.rs` |
//! | counts of observations, for `sometimes` | `reached.rs` |
//! | conformance to the abstract model of KIP-320 | `refinement.rs` |
//!
//! This crate knows the reports of brokers and clients, and nothing of the world: the same properties judge the
//! simulator, the checker and the server.

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
