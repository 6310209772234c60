//! Bounds that a scenario sets to a run as a whole: replicas that must be in sync again, what may happen so often only.

use tribunal_common::TopicIdPartition;
use tribunal_contract::Time;
use tribunal_language::{Eventually, Expect};
use tribunal_model::{Names, Property, Violation};

use super::court::Court;

/// Whether every replica of a partition is in its ISR.
pub(super) fn is_in_sync(court: &Court, id: TopicIdPartition) -> bool {
    court.partitions.get(&id).is_some_and(|state| state.replicas.iter().all(|replica| state.isr.contains(replica)))
}

/// A partition whose replicas were not all in sync in time.
pub(super) fn not_in_sync(
    court: &Court,
    id: TopicIdPartition,
    at: Time,
    expected: &Eventually,
    names: &Names,
) -> Violation {
    let state = court.partitions.get(&id);
    let out: Vec<i32> = state.map_or_else(Vec::new, |state| {
        state.replicas.iter().filter(|replica| !state.isr.contains(replica)).copied().collect()
    });
    let within = expected.in_sync_within.unwrap_or_default();
    let (called, who) = (names.of_partition(id), names.of_brokers(&out));
    let detail = format!("{called}: not in sync {within:?} after the cluster was healed: {who}");
    Violation { property: Property::NoProgress, partition: Some(id), at, node: None, detail, cause: Vec::new() }
}

/// What has happened more often than the scenario says.
pub(super) fn exceeded(court: &Court, expect: &Expect, at: Time) -> Vec<Violation> {
    let bounds = expect.at_most.iter().map(|bound| (bound, court.reached.count(bound.event)));
    let over = bounds.filter(|(bound, count)| *count > bound.count);
    over.map(|(bound, count)| {
        let detail = format!("{} ×{count}, and at most ×{} is expected", bound.event.name(), bound.count);
        Violation { property: Property::AtMost, partition: None, at, node: None, detail, cause: Vec::new() }
    })
    .collect()
}
