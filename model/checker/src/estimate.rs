//! How large a space is, guessed after a search that did not finish: if a tenth of the states that random walks come by
//! had been looked at, ten times as many are there. States that walks like to visit are met too often, so the guess may
//! be several times too small, seldom too large.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::hash::Fingerprint;
use crate::search::{Order, Search, Stopped};
use crate::world::{Action, State, World};

/// A guess of how many distinct states there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// About so many.
    pub states: f64,
    /// From so many random walks.
    pub walks: u32,
    /// The share of the states they came by that the search had looked at.
    pub covered: f64,
}

/// Generated states of a search that is only to guess.
const PROBE: u64 = 200_000;
/// One state in so many is remembered for the guess after a search.
const SAMPLE: u64 = 16;

/// States that a search has looked at: those of a sample, by fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Vec<u64>>);

impl Seen {
    /// A search looks at this state, for the first time.
    pub(crate) fn note(&self, state: &State) {
        let print = Fingerprint::of(state).0;
        if print.is_multiple_of(SAMPLE) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(print);
        }
    }
}

/// Walks that are enough for a guess within a factor of a few.
const WALKS: u32 = 4_000;
/// No walk is longer: what is below that does not change the guess.
const DEPTH: usize = 400;

/// So often something limited is drawn again.
const RELUCTANCE: usize = 4;

/// xorshift64*: any spread of choices will do, and it must be the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n.max(1)
    }
}

impl World {
    /// Guesses how many states there are, after a short search. None if that breaks a promise.
    pub fn estimate(&self) -> Option<Estimate> {
        let probe = Arc::new(self.anew());
        let found = probe.search(Search { order: Order::Depth, limit: PROBE, time: None });
        match found.stopped {
            Stopped::Exhausted => Some(Estimate { states: found.unique as f64, walks: 0, covered: 1.0 }),
            Stopped::Limit => found.estimate,
            Stopped::Violation { .. } => None,
        }
    }

    /// Guesses how many states there are, in about `time`, after a search that has looked at some.
    pub(crate) fn estimate_beyond(&self, seen: &Seen, time: Duration) -> Estimate {
        let seen: BTreeSet<u64> = seen.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let began = Instant::now();
        let (mut dice, mut met, mut walks) = (Dice(0x9e37_79b9_7f4a_7c15), BTreeSet::new(), 0);
        while walks < WALKS && (began.elapsed() < time || walks == 0) {
            self.walk(&mut dice, &mut met);
            walks += 1;
        }
        // One more on either side: that none was met again does not mean that there is no end.
        let covered = (met.intersection(&seen).count() + 1) as f64 / (met.len() + 1) as f64;
        Estimate { states: (seen.len() as u64 * SAMPLE) as f64 / covered, walks, covered }
    }

    fn walk(&self, dice: &mut Dice, met: &mut BTreeSet<u64>) {
        let mut state = self.init();
        let mut actions = Vec::new();
        for _ in 0..DEPTH {
            let print = Fingerprint::of(&state).0;
            if print.is_multiple_of(SAMPLE) {
                met.insert(print);
            }
            actions.clear();
            self.possible(&state, &mut actions);
            if actions.is_empty() {
                return;
            }
            match self.after(&state, self.drawn(&state, &actions, dice)) {
                Some(next) => state = next,
                None => return,
            }
        }
    }

    /// One of the actions. What is limited is drawn seldom: once it is spent, little is left to happen, and walks would
    /// all end in the same few states.
    fn drawn(&self, state: &State, actions: &[Action], dice: &mut Dice) -> Action {
        let mut drawn = actions[dice.below(actions.len())];
        for _ in 0..RELUCTANCE {
            if !self.spends(state, drawn) {
                break;
            }
            drawn = actions[dice.below(actions.len())];
        }
        drawn
    }

    fn spends(&self, state: &State, action: Action) -> bool {
        self.after(state, action).is_some_and(|next| next.budgets != state.budgets)
    }
}
