//! How large a space is, guessed before or after a search that cannot finish.
//!
//! Capture and recapture: two sets of random walks, compared depth by depth. Where they share a tenth of their states, ten
//! times as many are there as one set has seen. States that walks like to visit are seen too often, so it is a guess from
//! below, and says so.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::hash::Fingerprint;
use crate::world::World;

/// A guess of how many distinct states there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// At least about so many.
    pub states: f64,
    /// From so many random walks.
    pub walks: u32,
}

/// Walks that are enough for a guess within a factor of a few.
const WALKS: u32 = 4_000;
/// No walk is longer: what is below that does not change the guess.
const DEPTH: usize = 400;

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
    /// Guesses how many states there are, in about `time`.
    pub fn estimate(&self, time: Duration) -> Estimate {
        let began = Instant::now();
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut seen: [Vec<BTreeSet<u64>>; 2] = Default::default();
        let mut walks = 0;
        while walks < WALKS && (began.elapsed() < time || walks < 2) {
            self.walk(&mut dice, &mut seen[walks as usize % 2]);
            walks += 1;
        }
        let [a, b] = seen;
        let states = a.iter().zip(&b).map(|(a, b)| {
            let shared = a.intersection(b).count();
            (a.len() + 1) as f64 * (b.len() + 1) as f64 / (shared + 1) as f64 - 1.0
        });
        Estimate { states: states.sum(), walks }
    }

    fn walk(&self, dice: &mut Dice, seen: &mut Vec<BTreeSet<u64>>) {
        let mut state = self.init();
        let mut actions = Vec::new();
        for depth in 0..DEPTH {
            if seen.len() <= depth {
                seen.push(BTreeSet::new());
            }
            seen[depth].insert(Fingerprint::of(&state).0);
            actions.clear();
            self.possible(&state, &mut actions);
            if actions.is_empty() {
                return;
            }
            match self.after(&state, actions[dice.below(actions.len())]) {
                Some(next) => state = next,
                None => return,
            }
        }
    }
}
