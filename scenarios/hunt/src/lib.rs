//! Hunting, shrinking and sweeps: what is made of many runs.
//!
//! In: seeds, a world, and optionally scenarios. Out: failures, each with the smallest plan that still fails
//! ([`shrink`]), the record of the hunt, or the comparison of a [`sweep`].
//!
//! A hunt goes on in rounds of [`ROUND`] seeds. What a seed runs depends on the seed, on what earlier rounds of the
//! same hunt have shown, and on nothing else: not on the number of jobs, not on time. So the same seeds of the same
//! build give the same runs and the same finds, however many jobs there are; a budget only decides after which round it
//! ends. A part (`--partition`) learns from its own seeds only.
//!
//! | for | open |
//! |---|---|
//! | rounds | `hunter.rs`, `pool.rs`, `mutate.rs` |
//! | scenarios that nobody wrote | `space.rs`, `space/actions.rs`, `space/unrest.rs` |
//! | what a failure is, and which are the same | `failure.rs` |
//! | what shrinking takes away, in which order | `shrink/passes.rs`, `shrink/ddmin.rs` |
//! | a scenario at each value of a setting | `sweep.rs` |
//!
//! It does not know which world runs its plans.

mod failure;
mod hunter;
mod mutate;
mod pool;
pub mod shrink;
pub mod space;
pub mod sweep;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use tribunal_common::Bug;
use tribunal_language::Seeds;
use tribunal_reports::hunt::{FailureRecord, HuntRecord};

pub use failure::Failure;
pub(crate) use failure::explained;
pub use hunter::{Hunted, hunt};

/// Seeds of a round.
pub const ROUND: usize = 32;

/// How a hunt is done.
#[derive(Clone, Debug)]
pub struct HuntOptions {
    /// The seeds; all of them, or as many as the budget allows.
    pub seeds: Seeds,
    /// The part of the seeds: its number, from 1, and the number of parts.
    pub part: (u64, u64),
    /// How long, in time of the wall clock.
    pub budget: Option<Duration>,
    /// How many runs at a time.
    pub jobs: NonZeroUsize,
    /// Bugs planted in every broker.
    pub bugs: Vec<Bug>,
    /// Where folders of failures go.
    pub out: PathBuf,
    /// Whether the first failure ends it.
    pub fail_fast: bool,
    /// Whether each plan is run twice and the trace hashes compared.
    pub check_determinism: bool,
}

/// Reports a hunt to people or machines.
pub trait HuntReporter {
    /// A round is done. `seeds_done` of `seeds` were run.
    fn round(&mut self, record: &HuntRecord, seeds_done: u64, seeds: Option<u64>);
    /// A failure of a signature that is new.
    fn failure(&mut self, failure: &FailureRecord);
}
