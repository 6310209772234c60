//! Every choice of a run comes from one seed, forked by name: a draw is a hash of (seed, purpose, index).
//!
//! No two parts draw from the same stream. A latency, a timer's instant or a torn tail is a hash of the place it
//! belongs to and of a counter of that place. Removing a fault from a plan therefore leaves all unrelated draws
//! unchanged, and shrinking depends on that.

use core::hash::{Hash, Hasher};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// A seed, or a fork of one. Forking and drawing have no state: the same arguments give the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub u64);

pub(crate) const P0: u64 = 0xa076_1d64_78bd_642f;
pub(crate) const P1: u64 = 0xe703_7ed1_a0b4_28db;
pub(crate) const P2: u64 = 0x8ebc_6af0_9c88_c6e3;

/// The xor of the high and low halves of `a * b`: the mixer that everything in this module builds on.
#[inline]
pub(crate) const fn fold(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    wide as u64 ^ (wide >> 64) as u64
}

impl Seed {
    /// The seed of the part called `name`, independent of the seeds of other names.
    pub fn fork(self, name: &str) -> Seed {
        let mut hasher = StableHasher::new(self.0);
        hasher.write(name.as_bytes());
        Seed(hasher.finish())
    }

    /// The seed of the `index`th member of this part, such as a node or a link.
    pub const fn index(self, index: u64) -> Seed {
        Seed(self.draw(index) ^ P2)
    }

    /// The `index`th number of this seed, uniform over 64 bits.
    #[inline]
    pub const fn draw(self, index: u64) -> u64 {
        let state = self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(P0));
        fold(state ^ P2, state ^ P1)
    }

    /// The `index`th number of this seed, uniform in `0..n`. `n` is at least 1.
    #[inline]
    pub const fn below(self, index: u64, n: u64) -> u64 {
        ((self.draw(index) as u128 * n as u128) >> 64) as u64
    }

    /// The `index`th yes-or-no draw of this seed: true with a chance of `percent` in 100.
    pub const fn chance(self, index: u64, percent: u8) -> bool {
        self.below(index, 100) < percent as u64
    }

    /// A generator of this seed with a specified stream, for callers that need many draws or distributions.
    pub fn rng(self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.0)
    }
}

/// A 64-bit hash that is the same on every machine, in debug and release, and in every later version.
///
/// Each word `w` is taken in as `h = fold(h ^ w ^ P2, P0)`, where `fold(a, b)` xors the two halves of the 128-bit
/// product; bytes are taken as little-endian words, the last one padded with zeros and followed by the length; `finish`
/// is one more fold with `P1`. Every integer counts as one 64-bit word, so `usize` and discriminants do not depend on
/// the platform. Not for hostile input.
#[derive(Clone, Copy, Debug)]
pub struct StableHasher(u64);

impl StableHasher {
    /// A hasher that starts from `seed`.
    pub const fn new(seed: u64) -> StableHasher {
        StableHasher(seed)
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word ^ P2, P0);
    }
}

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        fold(self.0 ^ P1, P1 ^ P2)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        self.word(match bytes.last_chunk::<8>() {
            // The last eight bytes, without those that a word has taken in.
            Some(last) => u64::from_le_bytes(*last).checked_shr(64 - 8 * rest.len() as u32).unwrap_or(0),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        });
        self.word(bytes.len() as u64);
    }

    fn write_u8(&mut self, i: u8) {
        self.word(i.into());
    }

    fn write_u16(&mut self, i: u16) {
        self.word(i.into());
    }

    fn write_u32(&mut self, i: u32) {
        self.word(i.into());
    }

    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    fn write_u128(&mut self, i: u128) {
        self.word(i as u64);
        self.word((i >> 64) as u64);
    }

    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    fn write_i8(&mut self, i: i8) {
        self.word(i as i64 as u64);
    }

    fn write_i16(&mut self, i: i16) {
        self.word(i as i64 as u64);
    }

    fn write_i32(&mut self, i: i32) {
        self.word(i as i64 as u64);
    }

    fn write_i64(&mut self, i: i64) {
        self.word(i as u64);
    }

    fn write_i128(&mut self, i: i128) {
        self.write_u128(i as u128);
    }

    fn write_isize(&mut self, i: isize) {
        self.word(i as i64 as u64);
    }
}

/// [`StableHasher`] over a value whose `Hash` visits its parts in a fixed order.
pub fn stable_hash(value: &impl Hash) -> u64 {
    let mut hasher = StableHasher::new(0);
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_pinned_because_old_seeds_must_keep_their_meaning() {
        let seed = Seed(7).fork("network").index(3);
        let found = [seed.0, seed.draw(0), seed.draw(1), seed.below(2, 1000), stable_hash(&(1u8, "ab", Some(9usize)))];
        assert_eq!(found, PINNED);
    }

    const PINNED: [u64; 5] = [
        6_496_970_243_661_138_341,
        5_372_654_923_625_165_772,
        6_181_983_732_736_385_978,
        571,
        17_515_152_935_979_486_840,
    ];

    #[test]
    fn bytes_are_hashed_as_padded_words_and_their_length() {
        let bytes: Vec<u8> = (1..=40).collect();
        for len in 0..=bytes.len() {
            let (mut found, mut expected) = (StableHasher::new(7), StableHasher::new(7));
            found.write(&bytes[..len]);
            let mut padded = bytes[..len].to_vec();
            padded.resize((len / 8 + 1) * 8, 0);
            padded.as_chunks::<8>().0.iter().for_each(|word| expected.write_u64(u64::from_le_bytes(*word)));
            expected.write_u64(len as u64);
            assert_eq!(found.finish(), expected.finish(), "{len}");
        }
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let seed = Seed(1).fork("dice");
        let mut counts = [0u32; 6];
        for i in 0..60_000 {
            counts[seed.below(i, 6) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_500..10_500).contains(&n)), "{counts:?}");
    }

    #[test]
    fn neighbours_of_a_seed_and_of_an_index_share_no_draws() {
        let mut all: Vec<u64> =
            (0..100).flat_map(|s| (0..100).map(move |i| Seed(s).index(i / 10).draw(i % 10))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10_000);
    }

    #[test]
    fn a_zero_seed_works_like_any_other() {
        let drawn: Vec<u64> = (0..8).map(|i| Seed(0).draw(i)).collect();
        assert!(drawn.iter().all(|&d| d.count_ones() > 10), "{drawn:x?}");
    }
}
