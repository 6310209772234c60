//! Scenario language, plans, runs, and the tribunal command line.

pub mod apps;
pub mod files;
pub mod language;
pub mod plan;
