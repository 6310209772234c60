//! Panels drawn with plotters, as SVG or PNG. The same panel gives the same bytes: the font is built in.

use std::collections::BTreeSet;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::PALETTE;
use super::panel::{Axis, Draw, Layer, Panel, Scene};
use super::ticks::{label, said, ticks};

/// Open Sans Regular; its licence stands beside it.
static FONT: &[u8] = include_bytes!("../../assets/fonts/OpenSans-Regular.ttf");
const FAMILY: &str = "sans-serif";

/// Size of a picture in pixels.
const WIDTH: u32 = 1000;
const PLOT_HEIGHT: i32 = 280;
const ROW_HEIGHT: i32 = 26;
const LEFT: i32 = 92;
const RIGHT: i32 = 18;
const TOP: i32 = 34;
const LEGEND_LINE: i32 = 20;

const INK: RGBColor = RGBColor(40, 40, 40);
const PALE: RGBColor = RGBColor(225, 225, 225);

/// The reason that a panel could not be drawn.
pub(super) type Failure = Box<dyn std::error::Error>;

/// A panel as the text of an SVG file.
///
/// # Errors
/// If it cannot be drawn, which is a bug in this module.
pub fn svg(panel: &Panel, scene: &Scene) -> Result<String, String> {
    fonts();
    let mut text = String::new();
    let layout = Layout::of(panel, scene);
    let root = SVGBackend::with_string(&mut text, (WIDTH, layout.height as u32)).into_drawing_area();
    picture(&root, panel, scene, &layout).map_err(|error| error.to_string())?;
    drop(root);
    Ok(text)
}

/// A panel as the bytes of a PNG file.
///
/// # Errors
/// If it cannot be drawn, which is a bug in this module.
pub fn png(panel: &Panel, scene: &Scene, path: &std::path::Path) -> Result<(), String> {
    fonts();
    let layout = Layout::of(panel, scene);
    let root = BitMapBackend::new(path, (WIDTH, layout.height as u32)).into_drawing_area();
    picture(&root, panel, scene, &layout).map_err(|error| error.to_string())
}

fn fonts() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // Registering can only fail if the bytes are no font. A test draws with it.
        let _ = register_font(FAMILY, FontStyle::Normal, FONT);
    });
}

fn colour(index: u8) -> RGBColor {
    let [r, g, b] = PALETTE[usize::from(index) % PALETTE.len()];
    RGBColor(r, g, b)
}

fn text(size: i32) -> TextStyle<'static> {
    (FAMILY, size).into_font().color(&INK)
}

fn anchored(size: i32, h: HPos, v: VPos) -> TextStyle<'static> {
    text(size).pos(Pos::new(h, v))
}

/// An entry of the legend.
struct Key {
    colour: RGBColor,
    sign: Sign,
    text: String,
}

#[derive(Clone, Copy)]
enum Sign {
    Layer(Draw),
    Square(f64),
    Tick,
}

/// The positions of all parts of the picture.
struct Layout {
    height: i32,
    plot: (i32, i32),
    /// The lines of the legend. An entry has its horizontal position in pixels.
    legend: Vec<Vec<(i32, Key)>>,
}

impl Layout {
    fn of(panel: &Panel, scene: &Scene) -> Layout {
        let legend = lines_of(keys(panel, scene));
        let top = TOP + legend.len() as i32 * LEGEND_LINE + 8;
        let rows = panel.rows.len() as i32 * ROW_HEIGHT;
        let bottom = top + if panel.rows.is_empty() { PLOT_HEIGHT } else { rows.max(60) };
        Layout { height: bottom + 44, plot: (top, bottom), legend }
    }
}

fn keys(panel: &Panel, scene: &Scene) -> Vec<Key> {
    let of_layer =
        |layer: &Layer| Key { colour: colour(layer.colour), sign: Sign::Layer(layer.draw), text: layer.name.clone() };
    let mut keys: Vec<Key> = panel.layers.iter().map(of_layer).collect();
    let square = |strength| {
        move |(index, word): &(u8, String)| Key {
            colour: colour(*index),
            sign: Sign::Square(strength),
            text: word.clone(),
        }
    };
    keys.extend(panel.legend.iter().map(square(0.6)));
    if panel.timed {
        keys.extend(scene.kinds.iter().map(square(0.22)));
        if !scene.elections.is_empty() {
            keys.push(Key { colour: INK, sign: Sign::Tick, text: "leader elected".to_owned() });
        }
    }
    keys
}

/// Breaks the legend into lines that fit the width.
fn lines_of(keys: Vec<Key>) -> Vec<Vec<(i32, Key)>> {
    let mut lines: Vec<Vec<(i32, Key)>> = Vec::new();
    let mut x = WIDTH as i32;
    for key in keys {
        let width = 26 + width_of(&key.text, 13) + 16;
        if x + width > WIDTH as i32 - RIGHT {
            lines.push(Vec::new());
            x = LEFT;
        }
        if let Some(line) = lines.last_mut() {
            line.push((x, key));
        }
        x += width;
    }
    lines
}

fn width_of(words: &str, size: i32) -> i32 {
    text(size).font.box_size(words).map_or(words.len() as i32 * size / 2, |(width, _)| width as i32)
}

/// Maps values to pixels.
struct Scale<'p> {
    x: &'p Axis,
    y: &'p Axis,
    plot: (i32, i32),
}

impl Scale<'_> {
    fn part(axis: &Axis, value: f64) -> f64 {
        let (from, to, value) = if axis.log {
            (axis.from.log10(), axis.to.log10(), value.max(f64::MIN_POSITIVE).log10())
        } else {
            (axis.from, axis.to, value)
        };
        ((value - from) / (to - from)).clamp(-0.001, 1.001)
    }

    fn x(&self, value: f64) -> i32 {
        LEFT + (Scale::part(self.x, value) * f64::from(WIDTH as i32 - LEFT - RIGHT)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        let (top, bottom) = self.plot;
        bottom - (Scale::part(self.y, value) * f64::from(bottom - top)).round() as i32
    }
}

type Area<'a, B> = DrawingArea<B, Shift>;

fn picture<B: DrawingBackend>(root: &Area<'_, B>, panel: &Panel, scene: &Scene, layout: &Layout) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    root.fill(&WHITE)?;
    let scale = Scale { x: &panel.x, y: &panel.y, plot: layout.plot };
    root.draw(&Text::new(panel.title.clone(), (LEFT, 10), text(17)))?;
    for (n, line) in layout.legend.iter().enumerate() {
        let y = TOP + n as i32 * LEGEND_LINE + LEGEND_LINE / 2;
        for (x, key) in line {
            draw_key(root, key, *x, y)?;
        }
    }
    if panel.timed {
        bands(root, scene, &scale)?;
    }
    axes(root, panel, &scale)?;
    for layer in &panel.layers {
        draw_layer(root, layer, &scale)?;
    }
    cells(root, panel, &scale)?;
    if panel.timed {
        moments(root, scene, &scale, panel.rows.is_empty())?;
    }
    root.present()?;
    Ok(())
}

fn draw_key<B: DrawingBackend>(root: &Area<'_, B>, key: &Key, x: i32, y: i32) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    match key.sign {
        Sign::Layer(draw) => match draw {
            Draw::Circles | Draw::Crosses | Draw::Triangles => sign(root, draw, (x + 11, y), 4, key.colour)?,
            Draw::Dashes => {
                for part in 0..3 {
                    let from = x + part * 8;
                    root.draw(&PathElement::new(vec![(from, y), (from + 5, y)], key.colour.stroke_width(2)))?;
                }
            }
            Draw::Line | Draw::Steps => {
                root.draw(&PathElement::new(vec![(x, y), (x + 21, y)], key.colour.stroke_width(2)))?;
            }
        },
        Sign::Square(strength) => {
            let area = [(x + 3, y - 6), (x + 19, y + 6)];
            root.draw(&Rectangle::new(area, key.colour.mix(strength).filled()))?;
            root.draw(&Rectangle::new(area, key.colour.stroke_width(1)))?;
        }
        Sign::Tick => {
            root.draw(&PathElement::new(vec![(x + 11, y - 6), (x + 11, y + 6)], key.colour.stroke_width(2)))?;
        }
    }
    root.draw(&Text::new(key.text.clone(), (x + 26, y), anchored(13, HPos::Left, VPos::Center)))?;
    Ok(())
}

/// Draws the bands of faults, behind everything else.
fn bands<B: DrawingBackend>(root: &Area<'_, B>, scene: &Scene, scale: &Scale<'_>) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let (top, bottom) = scale.plot;
    for band in &scene.bands {
        let (from, to) = (scale.x(band.from), scale.x(band.to).max(scale.x(band.from) + 1));
        root.draw(&Rectangle::new([(from, top), (to, bottom)], colour(band.colour).mix(0.18).filled()))?;
        root.draw(&PathElement::new(vec![(from, top), (from, bottom)], colour(band.colour).mix(0.8).stroke_width(1)))?;
    }
    Ok(())
}

/// Draws the moments over the plot: elections, the end of the safety phase, the violation.
fn moments<B: DrawingBackend>(
    root: &Area<'_, B>,
    scene: &Scene,
    scale: &Scale<'_>,
    in_words: bool,
) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let (top, bottom) = scale.plot;
    for election in &scene.elections {
        let x = scale.x(election.at);
        root.draw(&PathElement::new(vec![(x, bottom - 9), (x, bottom)], INK.stroke_width(2)))?;
    }
    for (at, word) in [(scene.healed, "healed"), (scene.violation, "violation")] {
        let Some(at) = at else { continue };
        let x = scale.x(at);
        let ink = if word == "healed" { INK } else { colour(3) };
        root.draw(&PathElement::new(vec![(x, top), (x, bottom)], ink.stroke_width(1)))?;
        if in_words {
            let style = anchored(12, HPos::Right, VPos::Top).color(&ink);
            root.draw(&Text::new(word.to_owned(), (x - 4, top + 3), style))?;
        }
    }
    Ok(())
}

fn axes<B: DrawingBackend>(root: &Area<'_, B>, panel: &Panel, scale: &Scale<'_>) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let (top, bottom) = scale.plot;
    let right = WIDTH as i32 - RIGHT;
    for value in ticks(&panel.x, 10) {
        let x = scale.x(value);
        root.draw(&PathElement::new(vec![(x, top), (x, bottom)], PALE.stroke_width(1)))?;
        root.draw(&Text::new(said(&panel.x, value), (x, bottom + 5), anchored(13, HPos::Center, VPos::Top)))?;
    }
    let style = anchored(13, HPos::Center, VPos::Top);
    root.draw(&Text::new(panel.x.label.clone(), ((LEFT + right) / 2, bottom + 23), style))?;
    if panel.rows.is_empty() {
        for value in ticks(&panel.y, 5) {
            let y = scale.y(value);
            root.draw(&PathElement::new(vec![(LEFT, y), (right, y)], PALE.stroke_width(1)))?;
            root.draw(&Text::new(label(value), (LEFT - 6, y), anchored(13, HPos::Right, VPos::Center)))?;
        }
        let style = (FAMILY, 13).into_font().transform(FontTransform::Rotate270).color(&INK);
        let style = style.pos(Pos::new(HPos::Center, VPos::Top));
        root.draw(&Text::new(panel.y.label.clone(), (14, (top + bottom) / 2), style))?;
    }
    for (row, name) in panel.rows.iter().enumerate() {
        let y = top + row as i32 * ROW_HEIGHT + ROW_HEIGHT / 2;
        root.draw(&Text::new(name.clone(), (LEFT - 6, y), anchored(13, HPos::Right, VPos::Center)))?;
    }
    root.draw(&PathElement::new(vec![(LEFT, top), (LEFT, bottom), (right, bottom)], INK.stroke_width(1)))?;
    Ok(())
}

fn cells<B: DrawingBackend>(root: &Area<'_, B>, panel: &Panel, scale: &Scale<'_>) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let (top, _) = scale.plot;
    for cell in &panel.cells {
        let (from, to) = (scale.x(cell.from), scale.x(cell.to));
        let y = top + cell.row as i32 * ROW_HEIGHT;
        let area = [(from, y + 3), (to.max(from + 1), y + ROW_HEIGHT - 3)];
        root.draw(&Rectangle::new(area, colour(cell.colour).mix(cell.strength).filled()))?;
        if cell.written && to - from > 6 {
            root.draw(&Rectangle::new(area, colour(cell.colour).stroke_width(1)))?;
        }
        if cell.written && width_of(&cell.text, 12) + 8 <= to - from {
            let ink = if cell.strength > 0.8 { WHITE } else { INK };
            let style = anchored(12, HPos::Left, VPos::Center).color(&ink);
            root.draw(&Text::new(cell.text.clone(), (from + 4, y + ROW_HEIGHT / 2), style))?;
        }
    }
    Ok(())
}

fn draw_layer<B: DrawingBackend>(root: &Area<'_, B>, layer: &Layer, scale: &Scale<'_>) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let ink = colour(layer.colour);
    if matches!(layer.draw, Draw::Circles | Draw::Crosses | Draw::Triangles) {
        // Points on the same pixel look the same when drawn once.
        let mut seen = BTreeSet::new();
        for (x, y) in &layer.points {
            let at = (scale.x(*x), scale.y(*y));
            if seen.insert((at.0 / 2, at.1 / 2)) {
                sign(root, layer.draw, at, 2, ink)?;
            }
        }
        return Ok(());
    }
    for run in layer.points.split(|(_, y)| !y.is_finite()) {
        let mut path: Vec<(i32, i32)> = Vec::new();
        for (x, y) in run {
            let at = (scale.x(*x), scale.y(*y));
            if layer.draw == Draw::Steps {
                path.extend(path.last().map(|(_, before)| (at.0, *before)));
            }
            path.push(at);
        }
        path.dedup();
        match (path.len(), layer.draw) {
            (0, _) => {}
            (1, _) => sign(root, Draw::Circles, path[0], 2, ink)?,
            (_, Draw::Dashes) => root.draw(&DashedPathElement::new(path, 5, 4, ink.stroke_width(2)))?,
            _ => root.draw(&PathElement::new(path, ink.stroke_width(2)))?,
        }
    }
    Ok(())
}

/// Draws the sign of a point.
fn sign<B: DrawingBackend>(
    root: &Area<'_, B>,
    draw: Draw,
    at: (i32, i32),
    size: i32,
    ink: RGBColor,
) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    match draw {
        Draw::Crosses => root.draw(&Cross::new(at, size + 1, ink.stroke_width(1)))?,
        Draw::Triangles => root.draw(&TriangleMarker::new(at, size + 1, ink.mix(0.8).filled()))?,
        _ => root.draw(&Circle::new(at, size, ink.mix(0.8).filled()))?,
    }
    Ok(())
}
