//! The `tribunal` command line, and the library for tests of one's own: [`testing`].
//!
//! What the command line does is below it, one crate a floor: `tribunal_language` (scenario files and plans),
//! `tribunal_world` (runs), `tribunal_hunt` (hunts, shrinking, sweeps), `tribunal_bench`. Tests need two of them, which
//! are here as modules.

mod allocator;
pub mod commands;
pub mod testing;

pub use tribunal_language::{self as language, files, plan};
pub use tribunal_world::{self as world, apps, run};
