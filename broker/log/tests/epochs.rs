//! The leader-epoch cache answers as Kafka's does.

use proptest::prelude::*;
use tribunal_log::EpochCache;

fn cache(entries: &[(i32, i64)]) -> EpochCache {
    let mut cache = EpochCache::default();
    for (epoch, start) in entries {
        cache.assign(*epoch, *start);
    }
    cache
}

fn entries(cache: &EpochCache) -> Vec<(i32, i64)> {
    cache.entries().iter().map(|e| (e.epoch, e.start_offset)).collect()
}

#[test]
fn an_epoch_ends_where_the_next_higher_one_begins() {
    let cache = cache(&[(2, 10), (4, 20), (7, 35)]);
    assert_eq!(cache.end_offset_for(7, 50), Some((7, 50)), "the latest ends at the log's end");
    assert_eq!(cache.end_offset_for(4, 50), Some((4, 35)));
    assert_eq!(cache.end_offset_for(5, 50), Some((4, 35)), "KIP-279: the largest epoch not above");
    assert_eq!(cache.end_offset_for(2, 50), Some((2, 20)));
    assert_eq!(cache.end_offset_for(1, 50), Some((1, 10)), "below all known: where the log begins");
    assert_eq!(cache.end_offset_for(8, 50), None, "above all known");
    assert_eq!(cache.end_offset_for(-1, 50), None);
    assert_eq!(EpochCache::default().end_offset_for(0, 50), None);
}

#[test]
fn an_assignment_drops_what_contradicts_it() {
    let mut c = cache(&[(2, 10), (4, 20), (7, 35)]);
    assert!(!c.assign(7, 40), "the epoch has begun already");
    assert!(c.assign(8, 15));
    assert_eq!(entries(&c), [(2, 10), (8, 15)]);
    assert!(c.assign(1, 30));
    assert_eq!(entries(&c), [(1, 30)]);
    assert!(!c.assign(-1, 40));
}

#[test]
fn truncation_from_the_start_keeps_the_epoch_of_the_start_offset() {
    let mut c = cache(&[(2, 10), (4, 20), (7, 35)]);
    assert!(!c.truncate_from_start(10));
    assert!(c.truncate_from_start(25));
    assert_eq!(entries(&c), [(4, 25), (7, 35)]);
    assert!(c.truncate_from_start(35));
    assert_eq!(entries(&c), [(7, 35)]);
    assert!(!c.truncate_from_start(5));
}

proptest! {
    #[test]
    fn the_cache_agrees_with_the_list_of_epochs_by_offset(
        mut epochs in prop::collection::vec(0i32..12, 0..40), probe in -1i32..13, cut in 0usize..40, start in 0usize..40,
    ) {
        epochs.sort_unstable();
        let mut cache = EpochCache::default();
        for (offset, epoch) in epochs.iter().enumerate() {
            cache.assign(*epoch, offset as i64);
        }
        let cut = cut.min(epochs.len());
        cache.truncate_from_end(cut as i64);
        epochs.truncate(cut);
        let start = start.min(cut);
        cache.truncate_from_start(start as i64);
        for (offset, epoch) in epochs.iter().enumerate().skip(start) {
            prop_assert_eq!(cache.epoch_for_offset(offset as i64), Some(*epoch));
        }
        prop_assert_eq!(EpochCache::decode(cache.encode().as_bytes()), Ok(cache.clone()));
        if start < cut {
            let end = cut as i64;
            let higher = epochs[start..].iter().position(|e| *e > probe).map(|i| (start + i) as i64);
            let floor = epochs[start..].iter().rev().find(|e| **e <= probe);
            let expected = match (floor, higher) {
                _ if probe < 0 => None,
                (Some(&floor), Some(at)) => Some((floor, at)),
                (Some(&floor), None) => (floor == probe).then_some((probe, end)),
                (None, at) => at.map(|at| (probe, at)),
            };
            prop_assert_eq!(cache.end_offset_for(probe, end), expected);
        }
    }
}
