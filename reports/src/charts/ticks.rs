//! The positions and texts of an axis's labels.

use super::panel::Axis;

/// The positions of about `wanted` labels: round numbers, or powers of ten on a logarithmic axis.
pub(super) fn ticks(axis: &Axis, wanted: usize) -> Vec<f64> {
    if !axis.names.is_empty() {
        return (1..=axis.names.len()).map(|n| n as f64).collect();
    }
    if axis.log {
        let from = axis.from.log10().ceil() as i32;
        let to = axis.to.log10().floor() as i32;
        return (from..=to).map(|power| 10f64.powi(power)).collect();
    }
    let span = (axis.to - axis.from).max(1e-9);
    let rough = span / wanted.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
    let first = (axis.from / step).ceil() as i64;
    let last = (axis.to / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// The label of an axis at a position.
pub(super) fn said(axis: &Axis, value: f64) -> String {
    let name = axis.names.get((value as usize).wrapping_sub(1));
    name.cloned().unwrap_or_else(|| label(value))
}

/// A number as a label, with no more digits than needed.
pub(super) fn label(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        v if v >= 1e6 && v % 1e5 == 0.0 => format!("{} M", value / 1e6),
        v if v >= 1e4 && v % 1e2 == 0.0 => format!("{} k", value / 1e3),
        v if v >= 1.0 => format!("{}", (value * 100.0).round() / 100.0),
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(from: f64, to: f64, log: bool) -> Axis {
        Axis { label: String::new(), from, to, log, names: Vec::new() }
    }

    #[test]
    fn labels_stand_at_round_numbers() {
        assert_eq!(ticks(&axis(0.0, 32.1, false), 8), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks(&axis(0.5, 2_000.0, true), 5), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!([0.0, 0.1, 5.0, 1_500.0, 20_000.0, 2e6].map(label), ["0", "0.1", "5", "1500", "20 k", "2 M"]);
    }
}
