//! Acceptance: the whole of it, from scenario files to verdicts.
//!
//! In: the built-in catalog and the crates as their users see them. Out: nothing; a test holds or fails. Only what
//! needs several crates together is here: each crate has tests of its own. What is slow and wants a release build is in
//! `.ci/run`.
//!
//! | for | open |
//! |---|---|
//! | catalog runs, twice each | `tests/catalog.rs`, `tests/determinism.rs` |
//! | an application of one's own on trial | `tests/own_application.rs` |
//! | one body for simulator and real brokers | `src/round_trip.rs`, `tests/round_trip.rs` |
//! | judges that are not ours | `interop/README.md` |
//! | that ARCHITECTURE and the crates' front pages name what exists | `tests/map.rs` |

pub mod real;
pub mod round_trip;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use tribunal::files;
use tribunal::language::Scenario;
use tribunal::run::{Kept, RunOptions, RunRequest, Subject, execute};
use tribunal::world::KernelWorld;
use tribunal_common::Bug;

/// Every scenario of the catalog.
///
/// # Panics
/// If one of them has mistakes.
pub fn catalog() -> Vec<Arc<Scenario>> {
    let parse = |source| Scenario::parse(source).unwrap_or_else(|wrong| panic!("{wrong}"));
    files::catalog().map(|source| Arc::new(parse(source))).collect()
}

/// The scenario of that name in the catalog.
///
/// # Panics
/// If there is none.
pub fn scenario(name: &str) -> Arc<Scenario> {
    catalog().into_iter().find(|scenario| scenario.name == name).unwrap_or_else(|| panic!("no scenario {name}"))
}

/// Runs the scenarios at seeds, to the end whatever is found. Folders go below `out`.
///
/// # Panics
/// If a folder cannot be written.
pub fn run(scenarios: &[Arc<Scenario>], seeds: std::ops::Range<u64>, bugs: &[Bug], out: &Path) -> Kept {
    let requests: Vec<RunRequest> = scenarios
        .iter()
        .flat_map(|scenario| seeds.clone().map(move |seed| Subject::Seed(scenario.clone(), seed)))
        .map(|subject| RunRequest { subject, recorded: None, required: false })
        .collect();
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = RunOptions { jobs, bugs: bugs.to_vec(), ..RunOptions::quiet(out.to_owned()) };
    let mut runs = Kept::default();
    execute(&requests, &options, &KernelWorld, &mut runs).unwrap_or_else(|error| panic!("{error}"));
    runs
}
