//! A Kafka-compatible cluster on trial: the `tribunal` command line, and trials from `#[test]`.
//!
//! In a test a scenario puts the real brokers and clients on a simulated network, disk and clock, and every property is
//! judged on every seed. A run that does not hold says its seed, what happened, and the line that repeats it. If no
//! run reaches what `sometimes` names, that fails as well:
//!
//! ```
//! use tribunal::testing::Trials;
//!
//! let scenario = r#"
//!     name = "orders-survive-a-crash"
//!     seeds = "0..2"
//!     duration = "4s"
//!
//!     [cluster]
//!     brokers = 3
//!
//!     [[topic]]
//!     name = "orders"
//!     replication = 3
//!     min_insync = 2
//!
//!     [[workload]]
//!     kind = "producer"
//!     topic = "orders"
//!     acks = "all"
//!     rate = "50/s"
//!     for = "3s"
//!
//!     [[fault]]
//!     at = "1s"
//!     crash = { broker = "leader:orders/0" }
//!     restart_after = "1s"
//!
//!     [expect]
//!     sometimes = ["leader-elected"]
//! "#;
//! Trials::of_text(scenario).run();
//! ```
//!
//! In: what was typed, or what a test says. Out: text or JSON lines, an exit code, folders of runs; or a panic.
//!
//! | for | open |
//! |---|---|
//! | trials from a test, applications and properties of one's own | `testing.rs` |
//! | what may be typed | `commands/args.rs`, `commands/hunt_args.rs`, `commands/lookup_args.rs`, `commands/serve_args.rs` |
//! | what a name means, how to read a report | `commands/explain` |
//! | README and the guide held to the command line | `commands/guide.rs` |
//! | from what was typed to runs | `commands/select.rs` |
//! | a command | `commands`, a file of its name |
//! | what a terminal shows; JSON lines; exit codes | `commands/terminal.rs`, `commands/json.rs`, `commands/exit.rs` |
//!
//! It decides nothing about a run. That is below it, a crate a floor: `tribunal_language` (scenario files and plans),
//! `tribunal_world` (runs), `tribunal_hunt` (hunts, shrinking, sweeps), `tribunal_bench`. Of these, tests need what is
//! exported here.

mod allocator;
pub mod commands;
pub mod testing;

pub use tribunal_language::{self as language, files, plan};
pub use tribunal_world::{self as world, apps, run};
