//! The latency of operations. The workload is an open loop: a record's latency counts from its due time, waiting
//! included.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::data::{Bins, Data};
use crate::operations::{Operation, Operations, Outcome};

/// The quantiles that reports show.
pub const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 1.0];

/// The latencies of operations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// Acknowledged sends: from the due time of the record to its acknowledgement.
    pub send: Distribution,
    /// Deliveries: from the due time of a record to its receipt by a consumer. Each consumer counts.
    pub delivery: Distribution,
    /// Acknowledged sends by client.
    pub by_client: BTreeMap<String, Distribution>,
    /// The quantiles of acknowledged sends, by the bin of their due time. Bins without sends are left out.
    pub by_bin: Vec<BinQuantiles>,
    /// Single operations, thinned out if there are very many. Extremes are kept.
    pub raw: Vec<RawPoint>,
    /// The names of the kinds of [`RawPoint`].
    pub kinds: Vec<String>,
}

/// A distribution of latencies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The number of operations.
    pub count: u64,
    /// Milliseconds at each of [`QUANTILES`].
    pub quantiles_ms: [f64; 4],
    /// The mean, in milliseconds.
    pub mean_ms: f64,
    /// The empirical distribution: milliseconds, and the share of operations that took no longer.
    pub empirical: Vec<(f64, f64)>,
}

/// Quantiles of one bin.
#[derive(Clone, Debug, PartialEq)]
pub struct BinQuantiles {
    /// The index of the bin.
    pub bin: usize,
    /// The number of operations in it.
    pub count: u64,
    /// Milliseconds at each of [`QUANTILES`].
    pub quantiles_ms: [f64; 4],
}

/// An operation as a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawPoint {
    /// The time at which it began, in simulated seconds.
    pub time_s: f64,
    /// Its latency in milliseconds. It counts to the end of the run if it was never answered.
    pub latency_ms: f64,
    /// The index of its kind in [`Latency::kinds`].
    pub kind: u16,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Latencies in microseconds, exact to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are a valid precision")
}

fn record(histogram: &mut Histogram<u64>, latency_ms: f64) {
    // The histogram grows on demand, so recording a value cannot fail.
    let _ = histogram.record((latency_ms.max(0.0) * 1e3).round() as u64);
}

fn quantiles_ms(histogram: &Histogram<u64>) -> [f64; 4] {
    QUANTILES.map(|quantile| histogram.value_at_quantile(quantile) as f64 / 1e3)
}

/// The latencies of acknowledged sends, in microseconds. Empty without operations.
pub(crate) fn send_histogram(ops: Option<&Operations>) -> Histogram<u64> {
    let mut all = histogram();
    for op in ops.into_iter().flat_map(timed).filter(|op| op.outcome == Outcome::Ok) {
        record(&mut all, op.latency_ms());
    }
    all
}

impl Distribution {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Distribution {
        let count = histogram.len();
        let mut sum = 0;
        let steps = histogram.iter_quantiles(8).map(|step| {
            sum += step.count_since_last_iteration();
            (step.value_iterated_to() as f64 / 1e3, sum as f64 / count.max(1) as f64)
        });
        Distribution {
            count,
            quantiles_ms: quantiles_ms(histogram),
            mean_ms: histogram.mean() / 1e3,
            empirical: steps.collect(),
        }
    }
}

/// The size of [`Latency::raw`]: cells over time, and points kept for each kind, outcome and cell.
const CELLS: usize = 800;
const KEPT_OF_A_CELL: usize = 6;

/// Thins out points: each cell of time, kind and outcome keeps its lowest, its highest and a few others.
struct Thinning {
    end_s: f64,
    cells: BTreeMap<(usize, u16, Outcome), Vec<RawPoint>>,
}

impl Thinning {
    fn add(&mut self, point: RawPoint) {
        let cell = (point.time_s / self.end_s.max(1e-9) * CELLS as f64) as usize;
        let kept = self.cells.entry((cell, point.kind, point.outcome)).or_default();
        if kept.len() < KEPT_OF_A_CELL {
            kept.push(point);
            kept.sort_by(|a, b| a.latency_ms.total_cmp(&b.latency_ms));
        } else if point.latency_ms < kept[0].latency_ms {
            kept[0] = point;
        } else if point.latency_ms > kept[KEPT_OF_A_CELL - 1].latency_ms {
            kept[KEPT_OF_A_CELL - 1] = point;
        }
    }

    fn finish(self) -> Vec<RawPoint> {
        let mut all: Vec<RawPoint> = self.cells.into_values().flatten().collect();
        all.sort_by(|a, b| a.time_s.total_cmp(&b.time_s).then(a.latency_ms.total_cmp(&b.latency_ms)));
        all
    }
}

impl Latency {
    pub(super) fn of(data: &Data) -> Latency {
        let ops = &data.operations;
        let mut latency = Latency { kinds: ops.kinds.clone(), ..Latency::default() };
        let mut thinning = Thinning { end_s: data.run.end_s, cells: BTreeMap::new() };
        latency.sends(ops, data.bins, data.run.end_s, &mut thinning);
        latency.deliveries(ops, &mut thinning);
        latency.raw = thinning.finish();
        latency
    }

    fn sends(&mut self, ops: &Operations, bins: Bins, end_s: f64, thinning: &mut Thinning) {
        let mut all = histogram();
        let mut clients: BTreeMap<u16, Histogram<u64>> = BTreeMap::new();
        let mut by_bin: Vec<Option<Histogram<u64>>> = vec![None; bins.count];
        for op in timed(ops) {
            let latency_ms = op.latency_ms();
            if op.outcome == Outcome::Ok {
                record(&mut all, latency_ms);
                record(clients.entry(op.client).or_insert_with(histogram), latency_ms);
                record(by_bin[bins.of_time(op.invoked_s)].get_or_insert_with(histogram), latency_ms);
            }
            let shown = if latency_ms.is_finite() { latency_ms } else { (end_s - op.invoked_s).max(0.0) * 1e3 };
            let (time_s, kind, outcome) = (op.invoked_s, op.kind, op.outcome);
            thinning.add(RawPoint { time_s, latency_ms: shown, kind, outcome });
        }
        self.send = Distribution::of(&all);
        let named = |(client, histogram): (u16, Histogram<u64>)| {
            (ops.clients[usize::from(client)].clone(), Distribution::of(&histogram))
        };
        self.by_client = clients.into_iter().map(named).collect();
        let of_bin = |(bin, histogram): (usize, Option<Histogram<u64>>)| {
            let histogram = histogram?;
            Some(BinQuantiles { bin, count: histogram.len(), quantiles_ms: quantiles_ms(&histogram) })
        };
        self.by_bin = by_bin.into_iter().enumerate().filter_map(of_bin).collect();
    }

    /// Adds the deliveries: from the due time of a record to its receipt by a consumer of the workload.
    fn deliveries(&mut self, ops: &Operations, thinning: &mut Thinning) {
        let mut due: Vec<Vec<f64>> = vec![Vec::new(); ops.partitions.len()];
        for op in ops.of_kind("send").filter(|op| op.outcome == Outcome::Ok && op.offset >= 0) {
            let Some(due) = due.get_mut(usize::from(op.partition)) else { continue };
            let place = op.offset as usize;
            if due.len() <= place {
                due.resize(place + 1, f64::NAN);
            }
            due[place] = op.invoked_s;
        }
        let kind = self.kinds.len() as u16;
        self.kinds.push("delivery".to_owned());
        let mut all = histogram();
        for poll in ops.of_kind("poll") {
            let Some(due) = due.get(usize::from(poll.partition)) else { continue };
            let first = poll.offset.max(0) as usize;
            for due_s in due.iter().skip(first).take(poll.records as usize).filter(|due_s| due_s.is_finite()) {
                let latency_ms = (poll.completed_s - due_s) * 1e3;
                record(&mut all, latency_ms);
                thinning.add(RawPoint { time_s: *due_s, latency_ms, kind, outcome: Outcome::Ok });
            }
        }
        self.delivery = Distribution::of(&all);
    }
}

/// The operations that wait for an answer. A poll returns at once, and an assignment is not a request.
fn timed(ops: &Operations) -> impl Iterator<Item = &Operation> {
    let untimed = ["poll", "assign"].map(|name| ops.kind(name));
    ops.all.iter().filter(move |op| !untimed.contains(&Some(op.kind)) && ops.in_workload[usize::from(op.client)])
}
