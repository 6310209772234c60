//! The lag of consumers: the log end offset of a partition's leader minus the next offset that the consumer reads.

use std::collections::BTreeMap;

use crate::data::Data;
use crate::operations::partition_order;

/// The lag of consumers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lag {
    /// A series for each consumer and partition.
    pub all: Vec<LagSeries>,
}

/// A consumer's lag on a partition.
#[derive(Clone, Debug, PartialEq)]
pub struct LagSeries {
    /// The name of the consumer.
    pub consumer: String,
    /// The partition.
    pub partition: String,
    /// The lag in records at the end of each bin. `None` before the consumer has the partition.
    pub records: Vec<Option<i64>>,
}

impl Lag {
    pub(super) fn of(data: &Data) -> Lag {
        let (ops, bins) = (&data.operations, data.bins);
        let mut positions: BTreeMap<(u16, u16), Vec<Option<i64>>> = BTreeMap::new();
        for (kind, polls) in [("assign", false), ("poll", true)] {
            for op in ops.of_kind(kind).filter(|op| op.offset >= 0 && op.completed_s.is_finite()) {
                let at = positions.entry((op.client, op.partition)).or_insert_with(|| vec![None; bins.count]);
                let next = op.offset + if polls { i64::from(op.records) } else { 0 };
                let place = &mut at[bins.of_time(op.completed_s)];
                *place = Some(place.map_or(next, |known| known.max(next)));
            }
        }
        let mut all = Vec::new();
        for ((client, partition), at) in positions {
            let Some(partition) = ops.partitions.get(usize::from(partition)).cloned() else { continue };
            let Some(ends) = data.replicas.leader_end.get(&partition) else { continue };
            let mut position = None;
            let records = at.iter().zip(ends).map(|(at, end)| {
                position = at.or(position);
                position.map(|position| (end - position).max(0))
            });
            let records = records.collect();
            all.push(LagSeries { consumer: ops.clients[usize::from(client)].clone(), partition, records });
        }
        all.sort_by_key(|lag| (lag.consumer.clone(), partition_order(&lag.partition)));
        Lag { all }
    }

    /// The largest lag of any consumer on each partition at the end of each bin, in records.
    pub fn worst(&self) -> BTreeMap<&str, Vec<i64>> {
        let mut worst: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for series in &self.all {
            let most = worst.entry(&series.partition).or_insert_with(|| vec![0; series.records.len()]);
            for (most, records) in most.iter_mut().zip(&series.records) {
                *most = (*most).max(records.unwrap_or(0));
            }
        }
        worst
    }
}
