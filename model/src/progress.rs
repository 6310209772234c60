//! The liveness property: within a bound after the cluster is healed, every partition serves again.

use tribunal_common::{ClientObs, TopicIdPartition};
use tribunal_contract::{Span, Time};

use crate::{Names, Property, Violation};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Watch {
    partition: TopicIdPartition,
    produced: bool,
    consumed: bool,
}

/// Watches, from the time of healing on, that something is acknowledged and something is polled on each partition.
///
/// The world creates it when it heals the cluster, for the partitions that clients use, and feeds it the clients'
/// reports. An acknowledgement counts even if its record was sent before. If nobody produces, or nobody consumes, that
/// half counts as served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    healed: Time,
    bound: Span,
    watches: Vec<Watch>,
    waiting: usize,
}

impl Progress {
    /// Watches `partitions` from `healed` on: for acknowledgements if `produce`, for polled records if `consume`.
    pub fn new(
        healed: Time,
        bound: Span,
        partitions: impl IntoIterator<Item = TopicIdPartition>,
        produce: bool,
        consume: bool,
    ) -> Progress {
        let watch = |partition| Watch { partition, produced: !produce, consumed: !consume };
        let mut watches: Vec<Watch> = partitions.into_iter().map(watch).collect();
        watches.sort_by_key(|watch| watch.partition);
        watches.dedup_by_key(|watch| watch.partition);
        let waiting = if produce || consume { watches.len() } else { 0 };
        Progress { healed, bound, watches, waiting }
    }

    /// Time by which every partition must have served.
    pub fn deadline(&self) -> Time {
        self.healed + self.bound
    }

    /// Whether every partition has served. The run may then end.
    pub fn is_done(&self) -> bool {
        self.waiting == 0
    }

    /// The partitions that have not served yet.
    pub fn waiting(&self) -> impl Iterator<Item = TopicIdPartition> + '_ {
        self.watches.iter().filter(|watch| !watch.produced || !watch.consumed).map(|watch| watch.partition)
    }

    /// Takes in an observation that a client reported at `at`. Reports after the deadline do not count.
    pub fn observe(&mut self, at: Time, obs: &ClientObs) {
        if self.waiting == 0 || at < self.healed || at > self.deadline() {
            return;
        }
        let (partition, acknowledged) = match obs {
            ClientObs::Acknowledged { partition, offset, .. } if *offset >= 0 => (partition, true),
            ClientObs::Polled { partition, .. } => (partition, false),
            _ => return,
        };
        let Ok(place) = self.watches.binary_search_by_key(partition, |watch| watch.partition) else { return };
        let watch = &mut self.watches[place];
        let served = watch.produced && watch.consumed;
        watch.produced |= acknowledged;
        watch.consumed |= !acknowledged;
        self.waiting -= usize::from(!served && watch.produced && watch.consumed);
    }

    /// The partitions that have not served, if the deadline has come by `now`. Before it, nothing is claimed.
    pub fn finish(&self, now: Time, names: &Names) -> Vec<Violation> {
        if now < self.deadline() {
            return Vec::new();
        }
        let idle = self.watches.iter().filter(|watch| !watch.produced || !watch.consumed);
        idle.map(|watch| {
            let missing = match (watch.produced, watch.consumed) {
                (false, false) => "nothing is acknowledged or polled",
                (false, true) => "nothing is acknowledged",
                _ => "nothing is polled",
            };
            let (called, healed) = (names.of_partition(watch.partition), names.seconds(self.healed));
            let detail =
                format!("{called}: {missing} within {:?} after the cluster was healed at {healed} s", self.bound);
            Violation {
                property: Property::NoProgress,
                partition: Some(watch.partition),
                at: self.deadline(),
                node: None,
                detail,
                cause: Vec::new(),
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use tribunal_protocol::Uuid;

    use super::*;

    fn orders(partition: i32) -> TopicIdPartition {
        TopicIdPartition { topic: Uuid(7), partition }
    }

    fn acknowledged(partition: i32, offset: i64) -> ClientObs {
        ClientObs::Acknowledged { id: 0, partition: orders(partition), offset }
    }

    fn polled(partition: i32) -> ClientObs {
        ClientObs::Polled { partition: orders(partition), offset: 0, timestamp: 0, key: None, value: None }
    }

    fn secs(n: u64) -> Time {
        Time::from_millis(n * 1_000)
    }

    #[test]
    fn a_partition_that_serves_within_the_bound_made_progress() {
        let mut progress = Progress::new(secs(10), Span::from_secs(5), [orders(0), orders(1)], true, true);
        for partition in [0, 1] {
            progress.observe(secs(11), &acknowledged(partition, 3));
            assert!(!progress.is_done());
            progress.observe(secs(12), &polled(partition));
        }
        assert!(progress.is_done());
        assert_eq!(progress.finish(secs(15), &Names::default()), []);
    }

    #[test]
    fn serving_before_the_healing_or_after_the_bound_is_no_progress() {
        let mut progress = Progress::new(secs(10), Span::from_secs(5), [orders(0)], true, false);
        progress.observe(secs(9), &acknowledged(0, 1));
        progress.observe(secs(16), &acknowledged(0, 2));
        assert_eq!(progress.finish(secs(14), &Names::default()), [], "too early to tell");
        let mut names = Names::default();
        names.topic(Uuid(7), "orders");
        let violations = progress.finish(secs(15), &names);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].property, Property::NoProgress);
        assert_eq!(
            violations[0].detail,
            "orders/0: nothing is acknowledged within 5s after the cluster was healed at 10.000 s"
        );
    }

    #[test]
    fn an_acknowledgement_without_an_offset_is_no_progress() {
        let mut progress = Progress::new(secs(0), Span::from_secs(1), [orders(0)], true, false);
        progress.observe(secs(1), &acknowledged(0, -1));
        assert_eq!(progress.finish(secs(1), &Names::default()).len(), 1);
    }
}
