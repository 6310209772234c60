//! Attempts at few records.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Condition, Fault, SizeRange, Trigger, Workload};
use tribunal_world::run::RunError;

use super::passes::{by_time, is_rated, only, times};
use super::seeds::{with_seed, with_seeds};
use super::{FEW_RECORDS, Search};

/// A find with more records than the last is tried with so many.
const FEW: [usize; 3] = [1, 3, 8];
/// Of the faults, and of what led to the failure, no more than these are looked at.
const MOST_ANCHORS: usize = 6;

/// Only a few records: those before and after the failure, each of the faults and what led to it, or spread over the
/// run. Where it works every later run is short, and where taking records away one by one changes too much it is all
/// that does.
pub(super) fn records(search: &mut Search<'_>) -> Result<(), RunError> {
    let listed: Vec<Workload> = search.best.workloads.clone().into_iter().flat_map(by_time).collect();
    if times(&listed).len() <= FEW[FEW.len() - 1] || listed.iter().any(is_rated) {
        return Ok(());
    }
    let (sets, total) = (sets(search, &listed), times(&listed).len());
    let turns = [(0, false), (0, true)].into_iter().chain((1..search.seeds).map(|seed| (seed, seed % 3 == 2)));
    for (seed, packed) in turns {
        for kept in &sets {
            let little = |plan: &mut Plan| {
                plan.workloads = only(&listed, kept);
                if packed {
                    plan.workloads.iter_mut().for_each(|workload| pack(workload, total / kept.len()));
                }
                // A trigger that waits for more records than there are would wait for ever.
                plan.faults.iter_mut().for_each(|fault| wait_for(fault, kept.len() as u32));
            };
            if with_seed(search, seed, little)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// As many bytes in fewer records, and a little more: what fills segments and disks still does.
fn pack(workload: &mut Workload, times: usize) {
    if let Workload::Producer(producer) = workload {
        let size = (u64::from(producer.value_size.max) + OVERHEAD) * times as u64;
        let size = u32::try_from(size.min(LARGEST)).unwrap_or(u32::MAX);
        producer.value_size = SizeRange { min: size, max: size };
    }
}

/// About what a record alone in its batch takes beside its value.
const OVERHEAD: u64 = 100;

/// Bytes of the largest value of a packed record.
const LARGEST: u64 = 100_000;

/// The few records to try, the fewest first: the producer of each, and when it is due.
fn sets(search: &Search<'_>, listed: &[Workload]) -> Vec<Vec<(usize, Span)>> {
    let mut by_age: Vec<(Span, (usize, Span))> = times(listed)
        .into_iter()
        .map(|(place, at)| {
            let Workload::Producer(producer) = &listed[place] else { return (at, (place, at)) };
            (producer.start + at, (place, at))
        })
        .collect();
    by_age.sort_unstable();
    let places = places(search, &by_age);
    let near = |place: usize, count: usize| {
        let before = by_age[place.saturating_sub(count)..place].to_vec();
        let after = by_age[place..(place + count).min(by_age.len())].to_vec();
        [before, after]
    };
    let step = |count: usize| (by_age.len() / count).max(1);
    let of_count = |count: usize| {
        let spread = by_age.iter().step_by(step(count)).take(count).copied().collect();
        places.iter().flat_map(|&place| near(place, count)).chain([spread]).collect::<Vec<Vec<_>>>()
    };
    // One before each of what led to it, and one after: it may take a record in each of several epochs.
    let before = places.iter().flat_map(|&place| near(place, 1)[0].clone()).collect();
    let around = places.iter().flat_map(|&place| near(place, 1).concat()).collect();
    let [one, more @ ..] = FEW;
    let mut sets: Vec<Vec<(usize, Span)>> = of_count(one)
        .into_iter()
        .chain([before, around])
        .chain(more.into_iter().flat_map(of_count))
        .map(|some| {
            let mut kept: Vec<(usize, Span)> = some.into_iter().map(|(_, record)| record).collect();
            kept.sort_unstable();
            kept.dedup();
            kept
        })
        .filter(|kept| !kept.is_empty())
        .collect();
    sets.dedup();
    sets
}

/// Where among the records, by age, the faults are that have a time, what led to the failure, and the failure.
fn places(search: &Search<'_>, by_age: &[(Span, (usize, Span))]) -> Vec<usize> {
    let failed = Span(search.violation.at.max(0) as u64);
    let faults = search.best.faults.iter().filter_map(|fault| match fault.trigger {
        Trigger::At(at) => Some(at + fault.after),
        Trigger::When(_) => None,
    });
    let chain = search.violation.chain.iter().map(|step| Span((step.time_s.max(0.0) * 1e9) as u64));
    let anchors = faults.take(MOST_ANCHORS).chain(chain.take(MOST_ANCHORS)).chain([failed]);
    let mut places: Vec<usize> = anchors.map(|anchor| by_age.partition_point(|(at, _)| *at <= anchor)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Half of the records, each twice as large or of segments half as large, while there are more than a few.
pub(super) fn halves(search: &mut Search<'_>) -> Result<(), RunError> {
    let halved = |plan: &mut Plan| {
        let all = times(&plan.workloads);
        let half: Vec<(usize, Span)> = all.into_iter().step_by(2).collect();
        plan.workloads = only(&plan.workloads, &half);
    };
    let packed = |plan: &mut Plan| {
        halved(plan);
        plan.workloads.iter_mut().for_each(|workload| pack(workload, 2));
    };
    let in_less = |plan: &mut Plan| {
        halved(plan);
        plan.cluster.segment_bytes = (plan.cluster.segment_bytes / 2).max(LEAST_SEGMENT);
        for topic in &mut plan.topics {
            topic.segment_bytes = topic.segment_bytes.map(|bytes| (bytes / 2).max(LEAST_SEGMENT));
            topic.retention_bytes = topic.retention_bytes.map(|bytes| bytes / 2);
        }
    };
    while times(&search.best.workloads).len() as u64 > FEW_RECORDS {
        if !with_seeds(search, packed)? && !with_seeds(search, in_less)? && !with_seeds(search, halved)? {
            break;
        }
    }
    Ok(())
}

/// Bytes of the smallest segment that halving leads to.
const LEAST_SEGMENT: u64 = 1_024;

/// A fault that waits for more of something than this waits for this many.
pub(super) fn wait_for(fault: &mut Fault, most: u32) {
    if let Trigger::When(condition) = &mut fault.trigger {
        match condition {
            Condition::Acknowledged { at_least, .. } | Condition::HighWatermark { at_least, .. } => {
                *at_least = (*at_least).min(u64::from(most));
            }
            Condition::Fetch { count, .. } => *count = (*count).min(most),
            _ => {}
        }
    }
}

/// A fault that waits for so many of something waits for half as many.
pub(super) fn wait_for_half(fault: &mut Fault) {
    if let Trigger::When(
        Condition::Acknowledged { at_least: many, .. } | Condition::HighWatermark { at_least: many, .. },
    ) = &fault.trigger
    {
        let half = (*many / 2).max(1);
        wait_for(fault, u32::try_from(half).unwrap_or(u32::MAX));
    }
}
