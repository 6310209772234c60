//! The page of a comparison.

use super::{Comparison, Figures, Group, Mean};
use crate::ReportError;
use crate::charts::{Axis, Draw, Layer, Panel, distributions};
use crate::page::{Section, charts, escaped, page_of_charts, table};

/// A figure to compare.
struct Metric {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    log: bool,
    of: fn(&Figures) -> Option<f64>,
}

const METRICS: [Metric; 6] = [
    Metric { id: "p50", title: "Latency of sends, median", unit: "ms", log: true, of: |run| Some(run.p50_ms) },
    Metric { id: "p99", title: "Latency of sends, 0.99", unit: "ms", log: true, of: |run| Some(run.p99_ms) },
    Metric { id: "max", title: "Latency of sends, slowest", unit: "ms", log: true, of: |run| Some(run.max_ms) },
    Metric {
        id: "acknowledged",
        title: "Sends that were acknowledged",
        unit: "%",
        log: false,
        of: |run| Some(run.acknowledged * 100.0),
    },
    Metric {
        id: "unavailable",
        title: "Unavailable, mean over partitions",
        unit: "s",
        log: false,
        of: |run| Some(run.unavailable_s),
    },
    Metric {
        id: "failover",
        title: "Failover: from the fault to the next leader's first acknowledgement",
        unit: "s",
        log: false,
        of: |run| run.failover_s,
    },
];

impl Comparison {
    /// The charts: the latencies of all groups, and each figure by group.
    pub(super) fn panels(&self) -> Vec<Panel> {
        let named: Vec<_> = self.groups.iter().map(|group| (group.label.clone(), group.distribution())).collect();
        let mut panels = vec![distributions("distributions", "Latency of sends, empirical distribution", &named)];
        panels.extend(METRICS.iter().map(|metric| self.panel(metric)));
        panels.retain(|panel| panel.layers.iter().any(|layer| !layer.points.is_empty()));
        panels
    }

    /// The chart of a figure by group: every run, and the mean with its confidence interval.
    fn panel(&self, metric: &Metric) -> Panel {
        let (mut runs, mut means, mut intervals) = (Vec::new(), Vec::new(), Vec::new());
        for (n, group) in self.groups.iter().enumerate() {
            let x = n as f64 + 1.0;
            runs.extend(group.runs.iter().filter_map(metric.of).map(|value| (x + 0.08, value)));
            let Some(mean) = group.mean(metric.of) else { continue };
            means.push((x, mean.mean));
            if mean.half.is_some() {
                let (low, high) = mean.interval();
                let low = if metric.log { low.max(mean.mean / 100.0) } else { low.max(0.0) };
                intervals.extend([(x, low), (x, high), (x, f64::NAN)]);
            }
        }
        let values: Vec<f64> = runs.iter().chain(&intervals).map(|(_, y)| *y).filter(|y| y.is_finite()).collect();
        let (low, high) = values.iter().fold((f64::INFINITY, 0f64), |(low, high), y| (low.min(*y), high.max(*y)));
        let (from, to) = match metric.log {
            true if high > 0.0 => (10f64.powf(low.max(1e-3).log10().floor()), 10f64.powf((high * 1.01).log10().ceil())),
            _ if metric.unit == "%" => ((low - 2.0).max(0.0).floor(), 100.0),
            _ => (0.0, if high > 0.0 { high * 1.1 } else { 1.0 }),
        };
        let layer = |name: &str, colour, draw, points| Layer { name: name.to_owned(), colour, draw, points };
        let names: Vec<String> = self.groups.iter().map(|group| group.label.clone()).collect();
        let knob = if self.knob.is_empty() { "run" } else { &self.knob };
        let x = Axis { label: knob.to_owned(), from: 0.5, to: names.len() as f64 + 0.5, log: false, names };
        let y = Axis { label: metric.unit.to_owned(), from, to, log: metric.log, names: Vec::new() };
        let mut layers = vec![layer("a run", 5, Draw::Crosses, runs), layer("mean", 0, Draw::Circles, means)];
        if !intervals.is_empty() {
            layers.insert(1, layer("95 % confidence of the mean", 0, Draw::Line, intervals));
        }
        Panel::of_layers(metric.id, metric.title, x, y, layers)
    }

    /// The page.
    pub(super) fn page(&self, panels: &[Panel]) -> String {
        let ids: Vec<&str> = panels.iter().map(|panel| panel.id.as_str()).collect();
        let head = format!("<h1>{}</h1><p>{}</p>", escaped(&self.title), escaped(&self.about));
        let sections = [
            Section { id: "figures", title: "Figures", body: self.figures() },
            Section { id: "charts", title: "Charts", body: charts(&ids) },
            Section { id: "runs", title: "Runs", body: self.runs() },
        ];
        page_of_charts(&self.title, &head, &sections, panels)
    }

    fn figures(&self) -> String {
        let row = |group: &Group| {
            let mut row = vec![group.label.clone(), group.runs.len().to_string()];
            row.extend(METRICS.iter().map(|metric| shown(group.mean(metric.of), metric.unit)));
            let broken = group.broken().into_iter().map(|(property, runs)| format!("{property} ×{runs}"));
            row.push(broken.collect::<Vec<_>>().join(", "));
            row
        };
        let rows: Vec<Vec<String>> = self.groups.iter().map(row).collect();
        let knob = if self.knob.is_empty() { "run" } else { &self.knob };
        let header =
            ["#runs", "#median", "#0.99", "#slowest", "#acknowledged", "#unavailable", "#failover", "did not hold"];
        let header: Vec<&str> = std::iter::once(knob).chain(header).collect();
        let hint = "<p class=\"hint\">Means over runs, ± half of the 95 % confidence interval.</p>";
        format!("{}{hint}", table(&header, &rows))
    }

    fn runs(&self) -> String {
        let rows = self.groups.iter().flat_map(|group| {
            group.runs.iter().map(|run| {
                let mut row = vec![group.label.clone(), run.seed.clone()];
                row.extend(
                    METRICS.iter().map(|metric| (metric.of)(run).map_or("–".into(), |v| figure(v, metric.unit))),
                );
                row.push(run.broken.join(", "));
                row
            })
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let header =
            ["", "#seed", "#median", "#0.99", "#slowest", "#acknowledged", "#unavailable", "#failover", "did not hold"];
        table(&header, &rows)
    }

    /// Writes the figures of every run as CSV, with units in the header.
    pub(super) fn write_csv(&self, path: &std::path::Path) -> Result<(), ReportError> {
        let wrong = |error| ReportError::csv(path, error);
        let mut out = csv::Writer::from_path(path).map_err(wrong)?;
        let header = ["p50_ms", "p99_ms", "max_ms", "acknowledged_percent", "unavailable_s", "failover_s"];
        let knob = if self.knob.is_empty() { "run" } else { &self.knob };
        let header = [knob, "seed"].into_iter().chain(header).chain(["did_not_hold"]);
        out.write_record(header).map_err(wrong)?;
        for group in &self.groups {
            for run in &group.runs {
                let mut row = vec![group.label.clone(), run.seed.clone()];
                row.extend(METRICS.iter().map(|m| (m.of)(run).map_or_else(String::new, |value| format!("{value:.6}"))));
                row.push(run.broken.join(" "));
                out.write_record(&row).map_err(wrong)?;
            }
        }
        out.flush().map_err(ReportError::io(path))
    }
}

fn shown(mean: Option<Mean>, unit: &str) -> String {
    let Some(mean) = mean else { return "–".to_owned() };
    match mean.half {
        Some(half) => format!("{} ± {}", figure(mean.mean, ""), figure(half, unit)),
        None => figure(mean.mean, unit),
    }
}

/// A figure with about three significant digits.
fn figure(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.01 || v == 0.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}
