//! What a chart shows, as a value: nothing here knows how it is drawn.

use serde::Serialize;

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// A short name: that of its file.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Whether the horizontal axis is simulated time: then faults and elections are on it.
    pub timed: bool,
    /// Rows of a ribbon chart, from the top; empty for a chart of layers.
    pub rows: Vec<String>,
    /// Cells of a ribbon chart.
    pub cells: Vec<Cell>,
    /// Lines and points, from the back.
    pub layers: Vec<Layer>,
    /// What colours of cells mean: a colour and a word for each.
    pub legend: Vec<(u8, String)>,
}

impl Panel {
    /// A chart of layers that is not over simulated time.
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
    /// What it measures, with its unit.
    pub label: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Whether its scale is logarithmic.
    pub log: bool,
    /// What stands at 1, 2 and so on, if it is not numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Lines or points of one meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// What they are, for the legend.
    pub name: String,
    /// The colour, in [`super::PALETTE`].
    pub colour: u8,
    /// How they are drawn.
    pub draw: Draw,
    /// The points; a value that is no number breaks a line.
    #[serde(serialize_with = "rounded")]
    pub points: Vec<(f64, f64)>,
}

/// How a layer is drawn.
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
    /// Which row.
    pub row: usize,
    /// From where.
    pub from: f64,
    /// To where.
    pub to: f64,
    /// The colour, in [`super::PALETTE`].
    pub colour: u8,
    /// How strong the colour is, from 0 to 1.
    pub strength: f64,
    /// What is written in it, where it fits, and shown when pointed at.
    pub text: String,
    /// Whether the text is written, or only shown when pointed at.
    pub written: bool,
}

/// What is on every axis of simulated time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scene {
    /// Faults.
    pub bands: Vec<Band>,
    /// Starts of leaders.
    pub elections: Vec<Tick>,
    /// Kinds of faults that there are, with their colours.
    pub kinds: Vec<(u8, String)>,
    /// When all was healed.
    pub healed: Option<f64>,
    /// When the first violation was seen.
    pub violation: Option<f64>,
}

/// A fault on a time axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// From when.
    pub from: f64,
    /// Until when; the same if it has no length.
    pub to: f64,
    /// The colour of its kind, in [`super::PALETTE`].
    pub colour: u8,
    /// The kind, and to whom.
    pub text: String,
}

/// A moment on a time axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// When.
    pub at: f64,
    /// What.
    pub text: String,
}

/// Points as one flat list, `x, y, x, y`: they are most of a page.
fn rounded<S: serde::Serializer>(points: &[(f64, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut flat = Vec::with_capacity(points.len() * 2);
    for (x, y) in points {
        flat.push(round(*x));
        flat.push(round(*y));
    }
    flat.serialize(serializer)
}

/// A number to six digits that count; none is `null`.
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
