//! The figures of a run in a comparison.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::statistics::Mean;
use crate::data::Data;
use crate::series::{Distribution, Series, Window, send_histogram};

/// The figures of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The seed.
    pub seed: String,
    /// The properties that did not hold, expected or not.
    pub broken: Vec<String>,
    /// The median latency of acknowledged sends, in milliseconds.
    pub p50_ms: f64,
    /// The 0.99 quantile of that latency, in milliseconds.
    pub p99_ms: f64,
    /// The largest latency, in milliseconds.
    pub max_ms: f64,
    /// The share of sends that were acknowledged, from 0 to 1.
    pub acknowledged: f64,
    /// The time that a partition was unavailable, in seconds, as the mean over partitions.
    pub unavailable_s: f64,
    /// The mean time in seconds from a fault to the next leader's first acknowledgement. `None` without failovers.
    pub failover_s: Option<f64>,
}

/// Runs shown as one: the runs of one value of a sweep, or a single run.
#[derive(Debug)]
pub struct Group {
    /// The name of the group.
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
        // Adding cannot fail: both histograms have the same precision and grow on demand.
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

    /// The properties that did not hold, each with the number of such runs.
    pub fn broken(&self) -> BTreeMap<&str, usize> {
        let mut all = BTreeMap::new();
        for property in self.runs.iter().flat_map(|run| &run.broken) {
            *all.entry(property.as_str()).or_default() += 1;
        }
        all
    }
}
