//! Scenarios and plans as a library: what is read, what is drawn from it, what its runs come to.

mod atlas;
mod catalog;
mod checks;
mod diagnostics;
mod expectations;
mod names;
mod plans;
mod rare_paths;
mod records;
mod runs;
