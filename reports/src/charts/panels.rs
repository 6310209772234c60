//! The charts of a run, made from its series.

use std::collections::{BTreeMap, BTreeSet};

use super::panel::{Axis, Band, Cell, Draw, Layer, Panel, Scene, Tick};
use crate::data::Data;
use crate::operations::Outcome;
use crate::run::Role;
use crate::series::{Distribution, QUANTILES, Series, Share};

const BLUE: u8 = 0;
const ORANGE: u8 = 1;
const VERMILLION: u8 = 3;
const SKY: u8 = 5;
const GREY: u8 = 7;

/// The colours of the kinds of faults of a run, in the order of their names. Neighbours differ most.
const FAULT_COLOURS: [u8; 7] = [3, 5, 4, 2, 6, 1, 0];

/// The colours of series of one sort: brokers, partitions, links.
const SERIES_COLOURS: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// The number of partitions with a chart of their own. The page names the partitions left out.
const MOST_PARTITIONS: usize = 12;

/// The number of lines that a reader can tell apart.
const MOST_LINES: usize = 8;

/// The charts of a run, in the order of the page.
pub fn panels(data: &Data, series: &Series) -> Vec<Panel> {
    let mut all = vec![
        latency(data, series),
        quantiles(data, series),
        rate(data, series),
        availability(data, series),
        leadership(data),
        isr(data),
    ];
    all.extend(data.replicas.partitions.iter().take(MOST_PARTITIONS).map(|partition| offsets(data, partition)));
    all.extend([lag(data, series), distribution(series), sync_latency(data, series), sync_queue(data, series)]);
    all.push(links(data, series));
    all.retain(|panel| !panel.cells.is_empty() || panel.layers.iter().any(|layer| !layer.points.is_empty()));
    all
}

/// The marks on the time axis: faults, elections and the end of the safety phase.
pub fn scene(data: &Data) -> Scene {
    let kinds: BTreeSet<&str> =
        data.faults.iter().filter(|fault| fault.happened()).map(|fault| fault.kind.as_str()).collect();
    let kinds: Vec<(u8, String)> =
        kinds.into_iter().zip(FAULT_COLOURS.into_iter().cycle()).map(|(kind, colour)| (colour, kind.into())).collect();
    let colour_of = |kind: &str| kinds.iter().find(|(_, name)| name == kind).map_or(GREY, |(colour, _)| *colour);
    let bands = data.faults.iter().filter(|fault| fault.happened()).map(|fault| Band {
        from: fault.began_s,
        to: fault.ended_s.unwrap_or(fault.began_s),
        colour: colour_of(&fault.kind),
        text: fault.title(),
    });
    let started = data.replicas.leader_starts.iter().filter(|start| start.time_s >= 0.0);
    let elections = started.map(|start| Tick {
        at: start.time_s,
        text: format!("b{} leads {} in epoch {}", start.broker, start.partition, start.epoch),
    });
    Scene {
        bands: bands.collect(),
        elections: elections.collect(),
        healed: data.run.healed_s,
        violation: data.verdict.violations.first().map(|violation| violation.time_s),
        kinds,
    }
}

fn time_axis(data: &Data) -> Axis {
    axis("simulated time (s)", 0.0, data.run.end_s.max(0.05))
}

fn axis(label: &str, from: f64, to: f64) -> Axis {
    Axis { label: label.to_owned(), from, to: if to > from { to } else { from + 1.0 }, log: false, names: Vec::new() }
}

/// A logarithmic axis around these values, ending at powers of ten.
fn log_axis(label: &str, values: impl Iterator<Item = f64>) -> Axis {
    let (mut low, mut high) = (f64::INFINITY, 0f64);
    for value in values.filter(|value| value.is_finite() && *value > 0.0) {
        (low, high) = (low.min(value), high.max(value));
    }
    let (low, high) = if low.is_finite() { (low, high) } else { (1.0, 10.0) };
    let from = 10f64.powf((low * 0.95).log10().floor());
    let to = 10f64.powf((high * 1.02).log10().ceil());
    Axis { label: label.to_owned(), from, to: to.max(from * 10.0), log: true, names: Vec::new() }
}

fn most(layers: &[Layer]) -> f64 {
    layers.iter().flat_map(|layer| &layer.points).map(|(_, y)| *y).filter(|y| y.is_finite()).fold(0.0, f64::max)
}

fn panel(id: &str, title: &str, x: Axis, y: Axis, layers: Vec<Layer>) -> Panel {
    Panel { timed: true, ..Panel::of_layers(id, title, x, y, layers) }
}

fn ribbons(id: &str, title: &str, data: &Data, rows: Vec<String>, cells: Vec<Cell>) -> Panel {
    let y = axis("", 0.0, rows.len() as f64);
    Panel { rows, cells, ..panel(id, title, time_axis(data), y, Vec::new()) }
}

/// A chart of lines over time whose vertical axis begins at zero.
fn lines(id: &str, title: &str, unit: &str, data: &Data, layers: Vec<Layer>) -> Panel {
    let y = axis(unit, 0.0, most(&layers) * 1.08);
    panel(id, title, time_axis(data), y, layers)
}

fn colour_of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => BLUE,
        Outcome::Info => ORANGE,
        Outcome::Fail => VERMILLION,
    }
}

fn latency(data: &Data, series: &Series) -> Panel {
    let shapes = [Draw::Circles, Draw::Triangles, Draw::Crosses];
    let mut layers: BTreeMap<(u16, Outcome), Vec<(f64, f64)>> = BTreeMap::new();
    for point in &series.latency.raw {
        let at = (point.time_s, point.latency_ms.max(1e-3));
        layers.entry((point.kind, point.outcome)).or_default().push(at);
    }
    let mut shape_of: BTreeMap<u16, Draw> = BTreeMap::new();
    let mut layers: Vec<Layer> = layers
        .into_iter()
        .map(|((kind, outcome), points)| {
            let next = shapes[shape_of.len() % shapes.len()];
            let draw = *shape_of.entry(kind).or_insert(next);
            let name = format!("{} {}", series.latency.kinds[usize::from(kind)], outcome.name());
            let delivery = kind as usize + 1 == series.latency.kinds.len();
            let colour = if delivery && outcome == Outcome::Ok { SKY } else { colour_of(outcome) };
            Layer { name, colour, draw, points }
        })
        .collect();
    // Problems are drawn in front: deliveries at the back, failures foremost.
    layers.sort_by_key(|layer| (!layer.name.starts_with("delivery"), layer.colour));
    let y = log_axis("latency (ms)", layers.iter().flat_map(|layer| layer.points.iter().map(|(_, y)| *y)));
    panel("latency", "Latency of each operation, by when it was due", time_axis(data), y, layers)
}

fn quantiles(data: &Data, series: &Series) -> Panel {
    let layer = |n: usize| Layer {
        name: if QUANTILES[n] == 1.0 { "slowest".to_owned() } else { format!("{}", QUANTILES[n]) },
        colour: [5, 0, 1, 3][n],
        draw: if n == 0 { Draw::Dashes } else { Draw::Line },
        points: broken(series.latency.by_bin.iter().map(|bin| (bin.bin, bin.quantiles_ms[n])), data),
    };
    let layers: Vec<Layer> = (0..QUANTILES.len()).rev().map(layer).collect();
    let y = log_axis("latency (ms)", layers.iter().flat_map(|layer| layer.points.iter().map(|(_, y)| *y)));
    panel("quantiles", "Latency of acknowledged sends, quantiles", time_axis(data), y, layers)
}

/// Points at the middle of bins. A missing bin breaks the line.
fn broken(values: impl Iterator<Item = (usize, f64)>, data: &Data) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut last = None;
    for (bin, value) in values {
        if last.is_some_and(|last| last + 1 < bin) {
            points.push((data.bins.middle_s(bin), f64::NAN));
        }
        points.push((data.bins.middle_s(bin), value));
        last = Some(bin);
    }
    points
}

fn rate(data: &Data, series: &Series) -> Panel {
    let kinds: Vec<&str> = series.rate.all.iter().map(|rate| rate.kind.as_str()).collect();
    let kinds: BTreeSet<&str> = kinds.into_iter().collect();
    let layers = series.rate.all.iter().map(|rate| {
        let place = kinds.iter().position(|kind| *kind == rate.kind).unwrap_or(0);
        let ok = rate.outcome == Outcome::Ok;
        Layer {
            name: format!("{} {}", rate.kind, rate.outcome.name()),
            colour: if ok { [SKY, BLUE, 2, 6][place % 4] } else { colour_of(rate.outcome) },
            draw: if place % 2 == 0 { Draw::Dashes } else { Draw::Line },
            points: rate.per_second.iter().enumerate().map(|(bin, rate)| (data.bins.middle_s(bin), *rate)).collect(),
        }
    });
    let layers = layers.collect();
    lines("rate", "Rate by operation and outcome", "records/s", data, layers)
}

fn availability(data: &Data, series: &Series) -> Panel {
    let availability = &series.availability;
    let shares: Vec<&Share> = availability.partitions.iter().chain(&availability.clients).collect();
    let mut cells = Vec::new();
    for (row, share) in shares.iter().enumerate() {
        share_cells(data, row, share, &mut cells);
    }
    for window in &availability.windows {
        let Some(row) = shares.iter().position(|share| share.name == window.partition) else { continue };
        cells.push(Cell {
            row,
            from: window.start_s,
            to: window.end_s,
            colour: GREY,
            strength: 1.0,
            text: format!("{:.1} s", window.length_s()),
            written: true,
        });
    }
    let rows = shares.iter().map(|share| share.name.clone()).collect();
    let legend = [(BLUE, "all acknowledged"), (ORANGE, "some"), (VERMILLION, "none"), (GREY, "unavailable ≥ 0.5 s")];
    let legend = legend.map(|(colour, word)| (colour, word.to_owned())).to_vec();
    Panel {
        legend,
        ..ribbons("availability", "Availability: sends acknowledged, by when they were due", data, rows, cells)
    }
}

/// Joins neighbouring bins of one colour into one cell.
fn share_cells(data: &Data, row: usize, share: &Share, cells: &mut Vec<Cell>) {
    let first = cells.len();
    for bin in 0..data.bins.count {
        let Some(part) = share.in_bin(bin) else { continue };
        let (colour, strength) = match part {
            part if part >= 1.0 => (BLUE, 0.35),
            part if part > 0.0 => (ORANGE, 0.75),
            _ => (VERMILLION, 0.85),
        };
        let (from, to) = (data.bins.start_s(bin), data.bins.start_s(bin + 1));
        let text = format!("{} of {} sends acknowledged", share.ok[bin], share.sends[bin]);
        match cells[first..].last_mut() {
            Some(last) if last.colour == colour && colour == BLUE && (last.to - from).abs() < 1e-9 => {
                last.to = to;
                last.text = "all sends acknowledged".to_owned();
            }
            _ => cells.push(Cell { row, from, to, colour, strength, text, written: false }),
        }
    }
}

/// The leader and the leader epoch of each partition over time.
fn leadership(data: &Data) -> Panel {
    let rows = data.replicas.partitions.clone();
    let brokers: Vec<u32> =
        data.replicas.all.iter().map(|replica| replica.broker).collect::<BTreeSet<_>>().into_iter().collect();
    let colour_of = |broker: u32| {
        let place = brokers.iter().position(|known| *known == broker).unwrap_or(0);
        SERIES_COLOURS[place % SERIES_COLOURS.len()]
    };
    let mut cells = Vec::new();
    for (row, partition) in rows.iter().enumerate() {
        let starts: Vec<_> = data.replicas.leader_starts.iter().filter(|start| &start.partition == partition).collect();
        for (n, start) in starts.iter().enumerate() {
            let to = starts.get(n + 1).map_or(data.run.end_s, |next| next.time_s);
            if to <= 0.0 {
                continue;
            }
            cells.push(Cell {
                row,
                from: start.time_s.max(0.0),
                to,
                colour: colour_of(start.broker),
                strength: 0.4,
                text: format!("b{} epoch {}", start.broker, start.epoch),
                written: true,
            });
        }
    }
    let legend = brokers.iter().map(|broker| (colour_of(*broker), format!("b{broker}"))).collect();
    Panel { legend, ..ribbons("leaders", "Leader and leader epoch of each partition", data, rows, cells) }
}

fn isr(data: &Data) -> Panel {
    let layers = data.replicas.partitions.iter().take(MOST_LINES).enumerate().map(|(n, partition)| {
        let changes = data.replicas.isr.iter().filter(|change| &change.partition == partition);
        // The lines are a little apart, so that partitions of equal size can be told apart.
        let apart = n as f64 * 0.03;
        let mut points: Vec<(f64, f64)> =
            changes.map(|change| (change.time_s.max(0.0), f64::from(change.size) - apart)).collect();
        points.extend(points.last().map(|(_, size)| (data.run.end_s, *size)));
        Layer { name: partition.clone(), colour: SERIES_COLOURS[n], draw: Draw::Steps, points }
    });
    let layers = layers.collect();
    lines("isr", "In-sync replicas", "replicas", data, layers)
}

/// The log end offset and high watermark of each replica of a partition.
fn offsets(data: &Data, partition: &str) -> Panel {
    let replicas: Vec<_> = data.replicas.all.iter().filter(|replica| replica.partition == partition).collect();
    let mut layers = Vec::new();
    for (n, replica) in replicas.iter().take(MOST_LINES).enumerate() {
        let colour = SERIES_COLOURS[n % SERIES_COLOURS.len()];
        let at_ends = |values: &[i64]| -> Vec<(f64, f64)> {
            values.iter().enumerate().map(|(bin, value)| (data.bins.start_s(bin + 1), *value as f64)).collect()
        };
        let log_end = at_ends(&replica.log_end);
        let name = |what: &str| format!("b{} {what}", replica.broker);
        layers.push(Layer { name: name("log end"), colour, draw: Draw::Line, points: log_end });
        let points = at_ends(&replica.high_watermark);
        layers.push(Layer { name: name("high watermark"), colour, draw: Draw::Dashes, points });
    }
    let id = format!("offsets-{}", partition.replace('/', "-"));
    lines(&id, &format!("{partition}: log end and high watermark of each replica"), "offset (records)", data, layers)
}

fn lag(data: &Data, series: &Series) -> Panel {
    let all = &series.lag.all;
    let points = |records: &mut dyn Iterator<Item = Option<i64>>| -> Vec<(f64, f64)> {
        let at =
            |(bin, lag): (usize, Option<i64>)| (data.bins.start_s(bin + 1), lag.map_or(f64::NAN, |lag| lag as f64));
        records.enumerate().map(at).collect()
    };
    let layers = if all.len() <= MOST_LINES {
        let of = |(n, lag): (usize, &crate::series::LagSeries)| Layer {
            name: format!("{} {}", lag.consumer, lag.partition),
            colour: SERIES_COLOURS[n % SERIES_COLOURS.len()],
            draw: if n % 2 == 0 { Draw::Line } else { Draw::Dashes },
            points: points(&mut lag.records.iter().copied()),
        };
        all.iter().enumerate().map(of).collect()
    } else {
        let of = |(n, (partition, worst)): (usize, (&str, Vec<i64>))| Layer {
            name: format!("{partition}, worst consumer"),
            colour: SERIES_COLOURS[n % SERIES_COLOURS.len()],
            draw: Draw::Line,
            points: points(&mut worst.into_iter().map(Some)),
        };
        series.lag.worst().into_iter().take(MOST_LINES).enumerate().map(of).collect()
    };
    lines("lag", "Consumer lag", "records", data, layers)
}

/// The empirical distribution of latencies.
fn distribution(series: &Series) -> Panel {
    let named = [("send", &series.latency.send, BLUE), ("delivery", &series.latency.delivery, SKY)];
    let layers = named.into_iter().filter(|(_, distribution, _)| distribution.count > 0).enumerate();
    let layers = layers.map(|(n, (name, distribution, colour))| {
        let draw = if n == 0 { Draw::Line } else { Draw::Dashes };
        curve(format!("{name} ({})", distribution.count), colour, draw, distribution)
    });
    of_curves("distribution", "Latency, empirical distribution", layers.collect())
}

/// The distributions of several runs or settings in one chart.
pub fn distributions(id: &str, title: &str, named: &[(String, Distribution)]) -> Panel {
    let layers = named.iter().take(2 * MOST_LINES).enumerate().map(|(n, (name, distribution))| {
        let draw = if n < MOST_LINES { Draw::Line } else { Draw::Dashes };
        curve(name.clone(), SERIES_COLOURS[n % SERIES_COLOURS.len()], draw, distribution)
    });
    of_curves(id, title, layers.collect())
}

fn curve(name: String, colour: u8, draw: Draw, distribution: &Distribution) -> Layer {
    let points = distribution.empirical.iter().map(|(ms, share)| (ms.max(1e-3), *share)).collect();
    Layer { name, colour, draw, points }
}

fn of_curves(id: &str, title: &str, layers: Vec<Layer>) -> Panel {
    let x = log_axis("latency (ms)", layers.iter().flat_map(|layer| layer.points.iter().map(|(x, _)| *x)));
    let y = axis("share of operations", 0.0, 1.0);
    Panel { timed: false, ..panel(id, title, x, y, layers) }
}

fn sync_latency(data: &Data, series: &Series) -> Panel {
    let layers = series.activity.syncs.iter().take(MOST_LINES).enumerate().map(|(n, (broker, bins))| Layer {
        name: broker.clone(),
        colour: SERIES_COLOURS[n],
        draw: Draw::Line,
        points: broken(bins.iter().enumerate().filter(|(_, b)| b.count > 0).map(|(n, b)| (n, b.slowest_ms)), data),
    });
    let layers: Vec<Layer> = layers.collect();
    let y = log_axis("latency (ms)", layers.iter().flat_map(|layer| layer.points.iter().map(|(_, y)| *y)));
    panel("syncs", "Disk: slowest sync of each broker", time_axis(data), y, layers)
}

fn sync_queue(data: &Data, series: &Series) -> Panel {
    let layers = series.activity.syncs.iter().take(MOST_LINES).enumerate().map(|(n, (broker, bins))| Layer {
        name: broker.clone(),
        colour: SERIES_COLOURS[n],
        draw: Draw::Line,
        points: bins.iter().enumerate().map(|(n, bin)| (data.bins.middle_s(n), bin.queue as f64)).collect(),
    });
    let layers = layers.collect();
    lines("sync-queue", "Disk: most syncs under way at once", "syncs", data, layers)
}

/// Bytes on the busiest links.
fn links(data: &Data, series: &Series) -> Panel {
    let of_workload = |name: &str| !matches!(data.role(name), Some(Role::Admin | Role::Auditor | Role::Prober));
    let mut busiest: Vec<_> =
        series.activity.links.iter().filter(|link| of_workload(&link.from) && of_workload(&link.to)).collect();
    busiest.sort_by_key(|link| std::cmp::Reverse(link.bytes.iter().sum::<u64>()));
    let layers = busiest.into_iter().take(MOST_LINES).enumerate().map(|(n, link)| Layer {
        name: format!("{} to {}", link.from, link.to),
        colour: SERIES_COLOURS[n],
        draw: if n % 2 == 0 { Draw::Line } else { Draw::Dashes },
        points: link
            .bytes
            .iter()
            .enumerate()
            .map(|(bin, bytes)| (data.bins.middle_s(bin), *bytes as f64 / 1024.0 / data.bins.width_s))
            .collect(),
    });
    let layers = layers.collect();
    lines("links", "Network: the busiest links", "KiB/s", data, layers)
}
