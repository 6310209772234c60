//! What is kept of a run that is compared.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::statistics::Mean;
use crate::data::Data;
use crate::series::{Distribution, Series, Window, send_histogram};

/// A run in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The seed.
    pub seed: String,
    /// Properties that did not hold, expected or not.
    pub broken: Vec<String>,
    /// Latency of acknowledged sends: the median, in milliseconds.
    pub p50_ms: f64,
    /// The 0.99 quantile.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// The share of sends that were acknowledged.
    pub acknowledged: f64,
    /// How long a partition was unavailable, the mean over partitions, in seconds.
    pub unavailable_s: f64,
    /// From the fault to the first acknowledgement of the next leader, the mean over failovers, in seconds; if any.
    pub failover_s: Option<f64>,
}

/// Runs that are shown as one: those of one value of a sweep, or a single one.
#[derive(Debug)]
pub struct Group {
    /// What it is called.
    pub label: String,
    /// Its runs.
    pub runs: Vec<Figures>,
    sends: Histogram<u64>,
}

impl Group {
    /// A group without runs.
    pub fn new(label: String) -> Group {
        Group { label, runs: Vec::new(), sends: send_histogram(None) }
    }

    /// Adds a run.
    pub fn add(&mut self, data: &Data, series: &Series) {
        let sends = send_histogram(Some(&data.operations));
        // Both have the same precision, and grow on their own.
        let _ = self.sends.add(&sends);
        let [p50_ms, _, p99_ms, max_ms] = series.latency.send.quantiles_ms;
        let availability = &series.availability;
        let unavailable: f64 = availability.windows.iter().map(Window::length_s).sum();
        let failovers = series.recovery.rows.iter().filter_map(|row| row.acknowledged_s);
        let verdict = &data.verdict;
        let broken = verdict.violations.iter().chain(&verdict.expected).chain(&verdict.allowed);
        let mut broken: Vec<String> = broken.map(|violation| violation.property.clone()).collect();
        broken.sort();
        broken.dedup();
        self.runs.push(Figures {
            seed: verdict.seed.clone(),
            broken,
            p50_ms,
            p99_ms,
            max_ms,
            acknowledged: availability.overall.total().unwrap_or(1.0),
            unavailable_s: unavailable / availability.partitions.len().max(1) as f64,
            failover_s: Mean::of(failovers).map(|mean| mean.mean),
        });
    }

    /// Adds the runs of another group.
    pub fn merge(&mut self, other: Group) {
        let _ = self.sends.add(&other.sends);
        self.runs.extend(other.runs);
    }

    /// The latency of acknowledged sends over all runs.
    pub fn distribution(&self) -> Distribution {
        Distribution::of(&self.sends)
    }

    /// The mean of a figure over the runs.
    pub fn mean(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Mean> {
        Mean::of(self.runs.iter().filter_map(figure))
    }

    /// Properties that did not hold, with how many runs.
    pub fn broken(&self) -> BTreeMap<&str, usize> {
        let mut all = BTreeMap::new();
        for property in self.runs.iter().flat_map(|run| &run.broken) {
            *all.entry(property.as_str()).or_default() += 1;
        }
        all
    }
}
