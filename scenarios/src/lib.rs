//! Scenario language, plans, runs, and the tribunal command line.

mod allocator;
pub mod apps;
pub mod bench;
pub mod cli;
mod command;
pub mod files;
pub mod hunt;
pub mod language;
pub mod plan;
pub mod run;
pub mod shrink;
pub mod sweep;
pub mod testing;
pub mod world;
