//! The rate of operations, by kind and outcome.

use std::collections::BTreeMap;

use crate::data::Data;
use crate::operations::Outcome;

/// The rate of operations, by kind and outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    /// A series for each kind and outcome that occurred.
    pub all: Vec<RateSeries>,
    /// The number of operations by kind and outcome, over the whole run.
    pub totals: BTreeMap<(String, Outcome), u64>,
    /// The number of failed and unknown operations, by error.
    pub errors: BTreeMap<String, u64>,
}

/// A kind of operation with one outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSeries {
    /// The kind.
    pub kind: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Records a second in each bin. An operation counts in the bin of its end, or of its start if the end is unknown.
    pub per_second: Vec<f64>,
}

impl Rate {
    pub(super) fn of(data: &Data) -> Rate {
        let (ops, bins) = (&data.operations, data.bins);
        let mut counts: BTreeMap<(u16, Outcome), Vec<u64>> = BTreeMap::new();
        let mut rate = Rate::default();
        let assign = ops.kind("assign");
        for op in ops.all.iter().filter(|op| ops.in_workload[usize::from(op.client)] && Some(op.kind) != assign) {
            let at = if op.completed_s.is_finite() { op.completed_s } else { op.invoked_s };
            let bin = bins.of_time(at);
            counts.entry((op.kind, op.outcome)).or_insert_with(|| vec![0; bins.count])[bin] += u64::from(op.records);
            let kind = ops.kinds[usize::from(op.kind)].clone();
            *rate.totals.entry((kind, op.outcome)).or_default() += u64::from(op.records);
            if op.error != 0 {
                *rate.errors.entry(ops.errors[usize::from(op.error)].clone()).or_default() += 1;
            }
        }
        let of = |((kind, outcome), counts): ((u16, Outcome), Vec<u64>)| RateSeries {
            kind: ops.kinds[usize::from(kind)].clone(),
            outcome,
            per_second: counts.into_iter().map(|count| count as f64 / bins.width_s).collect(),
        };
        rate.all = counts.into_iter().map(of).collect();
        rate
    }
}
