//! The run directory: verdict, plan, history, trace, series.
//!
//! `<out>/<scenario>/<seed>/` holds `verdict.json`, `plan.toml`, `history.jsonl`, `observations.jsonl`, `trace.bin`, `series.csv`
//! and `operations.csv`; `<out>/latest` points at the newest. This crate knows how they are written and read, not what a
//! run is.

pub mod causal;
mod error;
mod folder;
pub mod hunt;
mod lines;
mod observations;
mod run;
mod tables;
mod verdict;

pub use error::ReportError;
pub use folder::RunFolder;
pub use lines::JsonLines;
pub use observations::ObservationRecord;
pub use run::{FaultRecord, NodeRecord, RUN_FORMAT, Role, RunRecord, TopicRecord};
pub use tables::{OperationRow, SeriesRow, Table};
pub use verdict::{FORMAT, VerdictRecord, ViolationRecord};
