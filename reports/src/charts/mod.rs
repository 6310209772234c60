//! Charts. A [`Panel`] holds the contents of a chart; `draw` draws it as SVG or PNG, and the script of the page draws
//! it in the browser.
//!
//! The colours are those of Okabe and Ito, which colour-blind readers can tell apart. No meaning depends on colour
//! alone.

mod draw;
mod panel;
mod panels;
mod pictures;
mod ticks;

pub use draw::{png, svg};
pub use panel::{Axis, Band, Cell, Draw, Layer, Panel, Scene, Tick};
pub use panels::{distributions, panels, scene};
pub use pictures::write_pictures;

/// The colours, by the index that panels use. The page has a lighter set for its dark theme.
pub const PALETTE: [[u8; 3]; 8] = [
    [0, 114, 178],   // blue
    [230, 159, 0],   // orange
    [0, 158, 115],   // bluish green
    [213, 94, 0],    // vermillion
    [204, 121, 167], // reddish purple
    [86, 180, 233],  // sky blue
    [140, 120, 0],   // yellow, darkened so that lines show on white
    [110, 110, 110], // grey
];
