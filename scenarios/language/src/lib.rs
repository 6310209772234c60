//! The scenario language: TOML files that say what a cluster is, what clients do, what goes wrong, what is expected.
//!
//! In: the text of a file, from the disk or built in. Out: a typed value that has been checked ([`Scenario::parse`]),
//! or all that is wrong with it at once, each mistake with its place and the nearest known name; and, with a seed, a
//! [`Plan`](plan::Plan): the run as a value, with nothing left to draw. Every key is defined once, in its table's type;
//! [`reference()`] lists them all.
//!
//! | for | open |
//! |---|---|
//! | what a key means, its default, its unit | `cluster.rs`, `workload.rs`, `expect.rs`, `units.rs` |
//! | faults: actions, triggers, targets | `action.rs`, `disk_action.rs`, `network_action.rs`, `member_action.rs`, `trigger.rs`, `target.rs` |
//! | how keys are read and written | `keys.rs` |
//! | what cannot be, and how it is told | `check.rs`, `check/faults.rs`, `diagnostic.rs` |
//! | from scenario and seed to plan; plans as files | `plan/generate.rs`, `plan/file.rs` |
//! | the catalog, regressions and sweeps that are built in | `files.rs` |
//!
//! It knows the names of properties, bugs and rare paths, and no world that could run a plan.

mod action;
pub(crate) mod check;
mod cluster;
pub mod command;
mod diagnostic;
mod disk_action;
mod expect;
mod fault;
pub mod files;
pub(crate) mod keys;
mod member_action;
mod names;
pub mod nearest;
mod network_action;
pub mod plan;
mod random;
mod records;
mod reference;
mod scenario;
mod source;
mod sweep;
mod target;
mod targets;
mod template;
mod topic_action;
mod trigger;
pub(crate) mod units;
mod workload;

pub use action::{
    Action, Clock, Crash, Elect, Election, Pause, Power, RestartLoop, RollingRestart, Shutdown, SlowCpu, Stop,
};
pub use cluster::{Cluster, MAX_BROKERS, Topic};
pub use diagnostic::{Diagnostic, DiagnosticRecord, Diagnostics};
pub use disk_action::{
    Corrupt, Corruption, DiskErrorKind, DiskFault, DiskLoss, DiskOperation, FullDisk, SlowDisk, StallDisk,
};
pub use expect::{AllowOn, Eventually, Expect, Milestone};
pub use fault::{ACTIONS, Fault, ScenarioFault};
pub use member_action::{Decommission, Join, Reassign, Unregister};
pub use names::parse_bug;
pub use network_action::{Cut, Direction, Reset, Shape, SlowLink};
pub use random::{FaultKind, RandomFaults};
pub use records::{FileRecord, MAX_RECORDS, checksum, parse_records};
pub use reference::{faults, reference};
pub use scenario::Scenario;
pub use source::{Position, Source};
pub use sweep::{Sweep, SweepPoint};
pub use target::{ClientKind, Partition, Target, parse_partition, parse_target};
pub use template::template;
pub use topic_action::{AlterTopic, Before, DeleteRecords};
pub use trigger::{Condition, Trigger};
pub use units::{
    After, Offset, Rate, Seeds, SizeRange, SpanRange, parse_rate, parse_seed, parse_seeds, parse_size, parse_span,
    parse_span_range,
};
pub use workload::{
    Acks, Consumer, From, Isolation, Partitioner, Partitions, Producer, RecordKeys, Serializer, Workload,
};

pub(crate) use scenario::{parse_file, resolve_producer};
