//! The configuration of a world before any fault.

use tribunal_contract::{Span, Time};

use crate::Seed;

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The seed of every choice the kernel makes.
    pub seed: Seed,
    /// The wall-clock time at virtual time zero. A node's clock adds its own offset to it.
    pub epoch: Time,
    /// The network.
    pub net: NetConfig,
    /// The disks.
    pub disk: DiskConfig,
    /// The rare paths of machines that are switched on: one bit for each site (`Effects::rare`). 0 is none.
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
    /// The shortest span, inclusive.
    pub min: Span,
    /// The longest span, inclusive.
    pub max: Span,
}

impl Range {
    /// The range from `min` to `max` milliseconds.
    pub const fn millis(min: u64, max: u64) -> Range {
        Range { min: Span::from_millis(min), max: Span::from_millis(max) }
    }

    /// The range from `min` to `max` microseconds.
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
    /// The shortest travel time.
    pub min: Span,
    /// The mean of the exponential tail above `min`, before the cut at `max`. Zero makes the latency fixed.
    pub tail: Span,
    /// The longest travel time.
    pub max: Span,
}

impl Latency {
    /// The latency at which every message takes `span`.
    pub const fn fixed(span: Span) -> Latency {
        Latency { min: span, tail: Span::ZERO, max: span }
    }

    /// The latency of at least `min` and at most `max`, with a tail of mean `tail` above `min`.
    pub const fn exponential(min: Span, tail: Span, max: Span) -> Latency {
        Latency { min, tail, max }
    }

    /// The `index`th draw of `seed`, in nanoseconds.
    ///
    /// The negative logarithm of a uniform number is exponentially distributed. This takes it to base 2: the leading
    /// zeros give the integer part, and the bits after them the fraction, interpolated linearly. It uses no floats, so
    /// that every machine gets the same number.
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

/// The configuration of the network before any fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetConfig {
    /// The latency of every link that a fault has not given its own.
    pub latency: Latency,
    /// The most that a link is slower than `latency`, in percent. Each link draws its share once for the whole run.
    pub spread_percent: u32,
    /// Bytes a second of every link that a fault has not given its own bandwidth. `None` is unlimited.
    pub bandwidth: Option<u64>,
    /// The time after which an unanswered connection attempt is refused.
    pub connect_timeout: Range,
    /// The time after which a sender whose bytes are not acknowledged gives the connection up.
    pub tcp_timeout: Range,
    /// The time from the heal of a partition until the held bytes are sent again. Latency comes on top.
    pub retransmit: Range,
    /// The time from the return of a host that had lost power until the keep-alive of an idle peer notices that the
    /// connection is gone. A peer that sends notices at once.
    pub keepalive: Range,
    /// Chance in percent that the bytes in flight to the acceptor arrive late after a reset instead of being lost.
    pub late_bytes_percent: u8,
    /// The delay of those late bytes. It has to exceed the time to connect again, or the fault tests nothing.
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

/// The configuration of every disk before any fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiskConfig {
    /// The time a sync takes in addition to writing its bytes.
    pub sync_latency: Range,
    /// Bytes a second that the syncs of a disk write together, one sync at a time. `None` is unlimited.
    pub throughput: Option<u64>,
    /// Chance in percent that unsynced data survives a power loss in part, drawn for each file and once for the names:
    /// the page cache may write back at any time and in any order. Otherwise all unsynced data is lost.
    pub torn_tail_percent: u8,
    /// Bytes that fit on the disk. `None` is unlimited.
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
    fn the_latency_tail_has_its_mean_and_bounds() {
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
