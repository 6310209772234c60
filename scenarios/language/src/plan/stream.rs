//! Named streams of random numbers, forked from one seed.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use tribunal_contract::Span;

/// A stream of random numbers (xoshiro256++) that depends on the seed, a name and an index only. What one stream draws
/// does not change what another does, and no step of it depends on the machine.
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The stream of that name and index.
    pub fn new(seed: u64, name: &str, index: u64) -> Stream {
        let name = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut state = mix(mix(mix(seed) ^ name) ^ index);
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&mix(state).to_le_bytes());
        }
        Stream(Xoshiro256PlusPlus::from_seed(bytes))
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// One of them, each as likely as the others.
    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// Whether something that happens `percent` times of a hundred happens.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time within the range, in whole microseconds if the range is wide enough for it.
    pub fn span(&mut self, min: Span, max: Span) -> Span {
        let drawn = min.0 + self.below((max.0 - min.0).saturating_add(1));
        let micros = drawn - drawn % 1_000;
        Span(if micros >= min.0 { micros } else { drawn })
    }

    /// A time from an exponential distribution of that mean, in whole microseconds, at least one.
    pub fn exponential(&mut self, mean: Span) -> Span {
        // -ln(u) = -log2(u) ln(2), in integers: the logarithm of the platform's library is not everywhere the same.
        const LN_2: u128 = 0xb172_17f7; // ln(2) 2^32
        let minus_log2 = u128::from((64 << FRACTION) - log2(self.0.next_u64() | 1));
        let nanos = (u128::from(mean.0) * minus_log2 * LN_2) >> (32 + FRACTION);
        let nanos = nanos.min(u128::from(u64::MAX)) as u64;
        Span((nanos - nanos % 1_000).max(1_000))
    }
}

/// Binary digits after the point of [`log2`].
const FRACTION: u32 = 24;

/// The logarithm of `n`, at least 1, to base 2, as a fixed-point number.
fn log2(n: u64) -> u64 {
    let whole = n.ilog2();
    // The mantissa, in [1, 2), with 63 digits after the point. Squaring it doubles the logarithm.
    let mut mantissa = u128::from(n) << (63 - whole);
    let mut log = u64::from(whole);
    for _ in 0..FRACTION {
        mantissa = (mantissa * mantissa) >> 63;
        let carry = (mantissa >> 64) as u64;
        mantissa >>= carry;
        log = (log << 1) | carry;
    }
    log
}

/// The finaliser of SplitMix64.
fn mix(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_index_and_never_change() {
        let first = |seed, name, index| Stream::new(seed, name, index).below(u64::MAX);
        let all = [first(0, "faults", 0), first(1, "faults", 0), first(0, "clocks", 0), first(0, "faults", 1)];
        for (i, number) in all.iter().enumerate() {
            assert!(!all[..i].contains(number));
        }
        assert_eq!(first(42, "faults", 0), first(42, "faults", 0));
        assert_eq!(first(42, "faults", 0), 5_426_247_562_871_092_266, "old seeds would make other plans");
    }

    #[test]
    fn the_logarithm_is_exact_to_its_digits() {
        for n in [1, 2, 3, 1000, u64::MAX, 1 << 63] {
            let error = log2(n) as f64 / f64::from(1 << FRACTION) - (n as f64).log2();
            assert!(error.abs() < 1e-6, "{n}: {error}");
        }
    }

    #[test]
    fn exponential_times_have_their_mean() {
        let mut stream = Stream::new(7, "test", 0);
        let sum: u64 = (0..20_000).map(|_| stream.exponential(Span::from_millis(10)).0).sum();
        let mean = sum / 20_000;
        assert!((9_700_000..10_300_000).contains(&mean), "{mean} ns");
    }

    #[test]
    fn a_time_stays_within_its_range() {
        let mut stream = Stream::new(7, "test", 1);
        for _ in 0..1_000 {
            let span = stream.span(Span(1_500), Span(9_700));
            assert!((1_500..=9_700).contains(&span.0));
        }
        assert_eq!(stream.span(Span(5), Span(5)), Span(5));
    }
}
