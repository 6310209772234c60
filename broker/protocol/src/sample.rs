//! Random messages, for tests here and elsewhere: behind the feature `test-values`.

use bytes::Bytes;

use crate::str::Str;
use crate::uuid::Uuid;

/// A struct of the protocol with random values.
pub trait Sample {
    /// A value that `version` can carry whole: what the version lacks is at its default.
    fn sample(g: &mut Sampler, version: i16) -> Self;

    /// Bytes of heap that its arrays hold, found by walking it: an account of decoding that does not trust the reader.
    fn heap(&self) -> usize;
}

pub(crate) fn vec_heap<T>(elements: &Vec<T>) -> usize {
    elements.capacity() * size_of::<T>()
}

/// A stream of values that its seed determines. Edges (0, -1, the largest and smallest) come up often.
#[derive(Clone, Debug)]
pub struct Sampler {
    state: u64,
}

impl Sampler {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Sampler {
        Sampler { state: seed }
    }

    /// 64 random bits, by SplitMix64.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Either.
    pub fn bool(&mut self) -> bool {
        self.bits() & 1 == 0
    }

    /// Any number, edges often.
    pub fn i64(&mut self) -> i64 {
        let bits = self.bits();
        match bits % 8 {
            0 => 0,
            1 => -1,
            2 => i64::MIN,
            3 => i64::MAX,
            4 | 5 => (bits >> 32 & 0xff) as i64,
            _ => self.bits() as i64,
        }
    }

    /// Any number, edges often.
    pub fn i32(&mut self) -> i32 {
        match self.bits() % 8 {
            0 => i32::MIN,
            1 => i32::MAX,
            _ => self.i64() as i32,
        }
    }

    /// Any number, edges often.
    pub fn u32(&mut self) -> u32 {
        self.i32() as u32
    }

    /// Any number, edges often.
    pub fn i16(&mut self) -> i16 {
        (self.i32() >> 16) as i16
    }

    /// Any number, edges often.
    pub fn u16(&mut self) -> u16 {
        self.i16() as u16
    }

    /// Any number, edges often.
    pub fn i8(&mut self) -> i8 {
        (self.i32() >> 24) as i8
    }

    /// Any id, zero often.
    pub fn uuid(&mut self) -> Uuid {
        match self.bool() {
            true => Uuid(u128::from(self.bits()) << 64 | u128::from(self.bits())),
            false => Uuid::ZERO,
        }
    }

    /// Text of up to 200 bytes, mostly short, with characters of every width.
    pub fn str(&mut self) -> Str {
        let len = self.len();
        let text: String = (0..len).map(|_| ['a', 'Z', '.', '7', 'ß', '→', '𝄞'][self.below(7)]).collect();
        Str::from(text)
    }

    /// Up to 200 bytes, mostly few.
    pub fn bytes(&mut self) -> Bytes {
        let len = self.len() * 4;
        (0..len).map(|_| self.bits() as u8).collect()
    }

    fn len(&mut self) -> usize {
        if self.below(16) == 0 { self.below(51) } else { self.below(8) }
    }

    /// Up to three elements.
    pub fn vec<T>(&mut self, mut element: impl FnMut(&mut Sampler) -> T) -> Vec<T> {
        let count = self.below(4);
        (0..count).map(|_| element(self)).collect()
    }

    /// A value, or null where that is allowed.
    pub fn option<T>(&mut self, null: bool, value: impl FnOnce(&mut Sampler) -> T) -> Option<T> {
        if null && self.below(3) == 0 { None } else { Some(value(self)) }
    }
}
