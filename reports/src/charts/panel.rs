//! The contents of a chart, as a value without any drawing.

use serde::Serialize;

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// A short name, which is also the name of its file.
    pub id: String,
    /// The title above the chart.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Whether the horizontal axis is simulated time. Such a chart shows faults and elections.
    pub timed: bool,
    /// The rows of a ribbon chart, from the top. Empty for a chart of layers.
    pub rows: Vec<String>,
    /// The cells of a ribbon chart.
    pub cells: Vec<Cell>,
    /// The lines and points, from back to front.
    pub layers: Vec<Layer>,
    /// The meaning of the cells' colours: a colour and a word for each.
    pub legend: Vec<(u8, String)>,
}

impl Panel {
    /// A chart of layers whose horizontal axis is not simulated time.
    pub fn of_layers(id: &str, title: &str, x: Axis, y: Axis, layers: Vec<Layer>) -> Panel {
        Panel {
            id: id.to_owned(),
            title: title.to_owned(),
            x,
            y,
            timed: false,
            rows: Vec::new(),
            cells: Vec::new(),
            layers,
            legend: Vec::new(),
        }
    }
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// The quantity that it measures, with its unit.
    pub label: String,
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// Whether its scale is logarithmic.
    pub log: bool,
    /// The labels at 1, 2 and so on. Empty if the axis shows numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Lines or points with one meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// The name in the legend.
    pub name: String,
    /// The colour, in [`super::PALETTE`].
    pub colour: u8,
    /// The way they are drawn.
    pub draw: Draw,
    /// The points. A value that is not finite breaks a line.
    #[serde(serialize_with = "rounded")]
    pub points: Vec<(f64, f64)>,
}

/// The way a layer is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// A small circle for each point.
    Circles,
    /// A small cross for each point.
    Crosses,
    /// A broken line.
    Dashes,
    /// A line.
    Line,
    /// A line that keeps its value until the next point.
    Steps,
    /// A small triangle for each point.
    Triangles,
}

/// A stretch of a row of a ribbon chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The row, from 0 at the top.
    pub row: usize,
    /// The position of its beginning.
    pub from: f64,
    /// The position of its end.
    pub to: f64,
    /// The colour, in [`super::PALETTE`].
    pub colour: u8,
    /// The strength of the colour, from 0 to 1.
    pub strength: f64,
    /// The text shown when the reader points at it, and written in it if `written` is set and it fits.
    pub text: String,
    /// Whether the text is written in the cell, or only shown when the reader points at it.
    pub written: bool,
}

/// The marks on every axis of simulated time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scene {
    /// The faults.
    pub bands: Vec<Band>,
    /// The elections of partition leaders.
    pub elections: Vec<Tick>,
    /// The kinds of faults of the run, with their colours.
    pub kinds: Vec<(u8, String)>,
    /// The time at which all faults had ended, if the run got there.
    pub healed: Option<f64>,
    /// The time at which the first violation was seen, if any.
    pub violation: Option<f64>,
}

/// A fault on a time axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// The time of its beginning, in seconds.
    pub from: f64,
    /// The time of its end, in seconds. Equal to `from` if it has no length.
    pub to: f64,
    /// The colour of its kind, in [`super::PALETTE`].
    pub colour: u8,
    /// The kind of fault and its targets.
    pub text: String,
}

/// A moment on a time axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// The time in seconds.
    pub at: f64,
    /// The description of the event.
    pub text: String,
}

/// Serializes points as one flat list, `x, y, x, y`, because points make up most of a page.
fn rounded<S: serde::Serializer>(points: &[(f64, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut flat = Vec::with_capacity(points.len() * 2);
    for (x, y) in points {
        flat.push(round(*x));
        flat.push(round(*y));
    }
    flat.serialize(serializer)
}

/// A number to six significant digits. `None`, which becomes `null`, if it is not finite.
fn round(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some(0.0);
    }
    let digits = (6 - value.abs().log10().ceil() as i32).clamp(0, 9);
    let factor = 10f64.powi(digits);
    Some((value * factor).round() / factor)
}
