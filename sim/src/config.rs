//! What a world is like before anything goes wrong.

use tribunal_contract::{Span, Time};

use crate::Seed;

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The seed of every choice the kernel makes.
    pub seed: Seed,
    /// What a node's clock shows at the start of the run, before its offset.
    pub epoch: Time,
    /// The network.
    pub net: NetConfig,
    /// The disks.
    pub disk: DiskConfig,
    /// Which rare paths of machines are taken now and then: a bit for each site (`Effects::rare`).
    pub rare: u64,
    /// Whether to keep every trace event in memory. The trace hash is the same either way.
    pub record_trace: bool,
}

impl Config {
    /// The default world under `seed`.
    pub fn new(seed: u64) -> Config {
        Config {
            seed: Seed(seed),
            // 2025-01-01T00:00:00Z
            epoch: Time::from_millis(1_735_689_600_000),
            net: NetConfig::default(),
            disk: DiskConfig::default(),
            rare: 0,
            record_trace: false,
        }
    }
}

/// A length of time drawn uniformly from `min..=max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The shortest.
    pub min: Span,
    /// The longest.
    pub max: Span,
}

impl Range {
    /// From `min` to `max` milliseconds.
    pub const fn millis(min: u64, max: u64) -> Range {
        Range { min: Span::from_millis(min), max: Span::from_millis(max) }
    }

    /// From `min` to `max` microseconds.
    pub const fn micros(min: u64, max: u64) -> Range {
        Range { min: Span::from_micros(min), max: Span::from_micros(max) }
    }

    /// The `index`th draw of `seed` from this range, in nanoseconds.
    #[inline]
    pub(crate) const fn draw(self, seed: Seed, index: u64) -> u64 {
        let (min, max) = (self.min.as_nanos(), self.max.as_nanos());
        if max <= min {
            return min;
        }
        let width = (max - min).saturating_add(1);
        min + seed.below(index, width)
    }
}

/// How long a message travels: a minimum, and an exponential tail above it, cut off at a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Latency {
    /// No message is faster.
    pub min: Span,
    /// What the tail adds to `min` on average (before the cut). Zero makes the latency fixed.
    pub tail: Span,
    /// No message is slower.
    pub max: Span,
}

impl Latency {
    /// Every message takes `span`.
    pub const fn fixed(span: Span) -> Latency {
        Latency { min: span, tail: Span::ZERO, max: span }
    }

    /// At least `min`, `tail` more on average, at most `max`.
    pub const fn exponential(min: Span, tail: Span, max: Span) -> Latency {
        Latency { min, tail, max }
    }

    /// The `index`th draw of `seed`, in nanoseconds.
    ///
    /// Minus the logarithm of a uniform number is exponential. Here it is taken to base 2, from the leading zeros and,
    /// linearly between powers of two, the bits after them: no floats, so that every machine agrees.
    #[inline]
    pub(crate) fn draw(self, seed: Seed, index: u64) -> u64 {
        let min = self.min.as_nanos();
        if self.tail == Span::ZERO {
            return min;
        }
        let uniform = seed.draw(index) | 1;
        let zeros = uniform.leading_zeros();
        let fraction = (uniform << zeros << 1) >> 48;
        // -log2(uniform) in 1/65536ths; its mean is 1.5 with this interpolation.
        let log2 = (u64::from(zeros) << 16) + 65_536 - fraction;
        let tail = ((u128::from(self.tail.as_nanos()) * u128::from(log2)) / (3 * 32_768)) as u64;
        min.saturating_add(tail).min(self.max.as_nanos())
    }
}

/// The network before faults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetConfig {
    /// Of every link that has none of its own.
    pub latency: Latency,
    /// By how many 100ths more, at most, a link is slower than that: each has its own share for the whole run.
    pub spread_percent: u32,
    /// Bytes a second of every link that has no bandwidth of its own; `None` for unlimited.
    pub bandwidth: Option<u64>,
    /// How long an unanswered connection attempt takes to be refused.
    pub connect_timeout: Range,
    /// How long sent bytes may go unacknowledged until their sender gives the connection up.
    pub tcp_timeout: Range,
    /// How long after the heal of a partition the held bytes are sent again, before latency.
    pub retransmit: Range,
    /// How long after a lost host is back an idle peer's keep-alive finds out that the connection is gone. A peer that
    /// sends finds out at once.
    pub keepalive: Range,
    /// Chance in 100 that a reset leaves what was in flight to the acceptor to arrive late instead of losing it.
    pub late_bytes_percent: u8,
    /// How late those bytes are. Longer than it takes to connect again, or nothing is learned.
    pub late_bytes: Range,
}

impl Default for NetConfig {
    fn default() -> NetConfig {
        NetConfig {
            latency: Latency::exponential(Span::from_micros(200), Span::from_micros(200), Span::from_millis(5)),
            spread_percent: 0,
            bandwidth: None,
            connect_timeout: Range::millis(3_000, 5_000),
            tcp_timeout: Range::millis(2_000, 10_000),
            retransmit: Range::millis(0, 200),
            keepalive: Range::millis(500, 5_000),
            late_bytes_percent: 50,
            late_bytes: Range::millis(1, 50),
        }
    }
}

/// Every disk before faults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiskConfig {
    /// How long a sync takes, beside the writing.
    pub sync_latency: Range,
    /// Bytes a second that syncs write, one after the other; `None` for unlimited.
    pub throughput: Option<u64>,
    /// Chance in 100 that a power loss leaves some of what was not synced, for each file and for the names: the page
    /// cache writes back whenever it likes, in any order. Otherwise all of it is gone.
    pub torn_tail_percent: u8,
    /// Bytes that fit; `None` for unlimited.
    pub capacity: Option<u64>,
}

impl Default for DiskConfig {
    fn default() -> DiskConfig {
        DiskConfig { sync_latency: Range::micros(500, 5_000), throughput: None, torn_tail_percent: 30, capacity: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_the_mean_it_says_and_stays_in_bounds() {
        let latency = Latency::exponential(Span(1_000), Span(500), Span(100_000));
        let drawn: Vec<u64> = (0..100_000).map(|i| latency.draw(Seed(3), i)).collect();
        assert!(drawn.iter().all(|&l| (1_000..=100_000).contains(&l)));
        let mean = drawn.iter().sum::<u64>() / 100_000;
        assert!((1_490..=1_510).contains(&mean), "{mean}");
        let slow = drawn.iter().filter(|&&l| l > 1_000 + 5 * 500).count();
        assert!((400..=1_200).contains(&slow), "{slow} of 100000 beyond five means; exponential says 674");
    }

    #[test]
    fn a_fixed_latency_does_not_vary() {
        assert!((0..100).all(|i| Latency::fixed(Span(9)).draw(Seed(1), i) == 9));
    }

    #[test]
    fn a_range_reaches_both_ends() {
        let range = Range { min: Span(3), max: Span(5) };
        let mut seen: Vec<u64> = (0..100).map(|i| range.draw(Seed(1), i)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 4, 5]);
    }
}
