//! Scenarios that showed something new, and the choice of what to run next.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{mutate, space};
use tribunal_language::Scenario;
use tribunal_language::plan::Stream;
use tribunal_world::run::{Mark, Marks};

/// What earlier rounds have shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    marks: BTreeSet<Mark>,
    /// Scenarios that brought new marks, in the order of their seeds.
    parents: Vec<Arc<Scenario>>,
}

/// Of a hundred seeds, so many run a neighbour of a scenario that showed something new.
const NEIGHBOURS: u64 = 50;
/// Half of the neighbours are of the newest of them.
const NEWEST: u64 = 64;

impl Pool {
    /// What a seed of the space runs, given what is known.
    pub(super) fn next(&self, seed: u64, name: &str) -> Scenario {
        let mut stream = Stream::new(seed, "hunt", 0);
        let parents = self.parents.len() as u64;
        if parents == 0 || !stream.percent(NEIGHBOURS) {
            return space::draw(seed, name);
        }
        let reach = if stream.percent(50) { parents.min(NEWEST) } else { parents };
        let parent = &self.parents[(parents - 1 - stream.below(reach)) as usize];
        mutate::neighbour(parent, seed, name)
    }

    /// Which of the given files a seed runs: each in turn, and half of the time the one that showed something new last.
    pub(super) fn next_of(&self, files: &[Arc<Scenario>], turn: u64, seed: u64) -> Arc<Scenario> {
        let mut stream = Stream::new(seed, "hunt", 1);
        match self.parents.last() {
            Some(newest) if stream.percent(25) => newest.clone(),
            _ => files[(turn % files.len() as u64) as usize].clone(),
        }
    }

    /// Takes what a run has shown. Called in the order of the seeds.
    pub(super) fn take(&mut self, scenario: &Arc<Scenario>, marks: &Marks) {
        let before = self.marks.len();
        self.marks.extend(marks);
        if self.marks.len() > before {
            self.parents.push(scenario.clone());
        }
    }
}
