//! Fingerprints: 128 bits of whatever is hashed, kept beside it so that nothing is hashed twice.

use core::hash::{Hash, Hasher};
use core::ops::Deref;
use std::sync::Arc;

const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xd6e8_feb8_6659_fd93;

/// A fingerprint. With 128 bits, two different values of a run of a thousand million have the same one with a chance of
/// less than one in 10^20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub u64, pub u64);

impl Fingerprint {
    /// The fingerprint of a value.
    pub fn of(value: &(impl Hash + ?Sized)) -> Fingerprint {
        let mut lanes = Lanes { a: A, b: B };
        value.hash(&mut lanes);
        Fingerprint(lanes.finish(), fold(lanes.b ^ lanes.a.rotate_left(32), B))
    }
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0);
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

/// Two multiplications a word, each of which spreads every bit of it.
struct Lanes {
    a: u64,
    b: u64,
}

impl Hasher for Lanes {
    fn finish(&self) -> u64 {
        fold(self.a ^ self.b.rotate_left(29), A)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        self.write_u64(u64::from_le_bytes(last));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.a = fold(self.a ^ word, B).wrapping_add(A);
        self.b = fold(self.b.rotate_left(23) ^ word, A ^ 0x5555_5555_0000_0000).wrapping_add(self.a);
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }
    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }
    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }
    #[inline]
    fn write_u128(&mut self, n: u128) {
        self.write_u64(n as u64);
        self.write_u64((n >> 64) as u64);
    }
    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

/// A shared value with its fingerprint. Equal fingerprints count as equal values.
#[derive(Debug)]
pub struct Hashed<T>(Arc<(Fingerprint, T)>);

impl<T: Hash> Hashed<T> {
    /// Hashes `value`, once for all.
    pub fn new(value: T) -> Hashed<T> {
        Hashed(Arc::new((Fingerprint::of(&value), value)))
    }
}

impl<T> Hashed<T> {
    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.0
    }
}

impl<T> Deref for Hashed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T> Clone for Hashed<T> {
    fn clone(&self) -> Self {
        Hashed(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Hashed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl<T> Eq for Hashed<T> {}

impl<T> Hash for Hashed<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.0.hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_in_one_bit_have_other_fingerprints_in_both_halves() {
        let mut seen = Vec::new();
        for bit in 0..64 {
            let Fingerprint(a, b) = Fingerprint::of(&(1u64 << bit, [0u8; 3]));
            seen.extend([a, b]);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 128);
    }

    #[test]
    fn order_and_length_matter() {
        assert_ne!(Fingerprint::of(&(1u8, 2u8)), Fingerprint::of(&(2u8, 1u8)));
        assert_ne!(Fingerprint::of(&vec![0u8]), Fingerprint::of(&vec![0u8, 0]));
    }
}
