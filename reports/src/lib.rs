//! A run's folder, and the reports made from it.
//!
//! ```text
//! trace, history, replicas ─▶ data ─▶ series ─▶ charts ─▶ page
//!                                        └────▶ CSV
//! ```
//!
//! The crate reads the files of a run in `<out>/<scenario>/<seed>/`: `verdict.json`, `plan.toml`, `run.json`,
//! `faults.jsonl`, `history.jsonl`, `observations.jsonl`, `trace.bin`, `series.csv` and `operations.csv`.
//! `<out>/latest` points at the newest run. The crate writes `report.html`, pictures, CSV files, and the formats of
//! other tools.
//!
//! | for | open |
//! |---|---|
//! | reading and writing the files | `folder.rs`, `run.rs`, `verdict.rs`, `data.rs` |
//! | availability, latency, lag, recovery over time | `series/availability.rs`, `series/latency.rs`, `series/lag.rs`, `series/recovery.rs` |
//! | the contents of charts, and their drawing | `charts/panels.rs`, `charts/draw.rs` |
//! | the page of a run, its diagram and timeline | `page/run.rs`, `page/spacetime.rs`, `page/timeline.rs` |
//! | the causes of a violation | `causal/graph.rs`, `causal/story.rs` |
//! | several runs side by side; the record of a hunt | `compare/mod.rs`, `hunt.rs` |
//! | Perfetto, ShiViz, Jepsen, JSON lines | `export` |
//!
//! The crate knows the formats of the files. It does not know how a run works.

pub mod causal;
pub mod charts;
pub mod compare;
pub mod data;
mod error;
mod export;
mod folder;
pub mod hunt;
mod lines;
pub mod machine;
mod observations;
pub mod operations;
pub mod page;
pub mod replicas;
mod report;
mod run;
pub mod series;
mod tables;
mod verdict;

pub use error::ReportError;
pub use export::{Format, export};
pub use folder::RunFolder;
pub use lines::JsonLines;
pub use observations::ObservationRecord;
pub use page::{hunt_file, thousands, write_hunt_page};
pub use report::{Reading, ReportOptions, write_report};
pub use run::{FaultRecord, NodeRecord, RUN_FORMAT, Role, RunRecord, TopicRecord};
pub use tables::{OperationRow, SeriesRow, Table};
pub use verdict::{FORMAT, VerdictRecord, ViolationRecord};
