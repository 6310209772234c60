//! Charts as files.

use std::path::Path;

use super::{Panel, Scene, png, svg};
use crate::ReportError;

/// Writes each chart into a folder as SVG, and also as PNG if `also_png` is set. Creates the folder.
///
/// # Errors
/// If a file cannot be written.
pub fn write_pictures(panels: &[Panel], scene: &Scene, folder: &Path, also_png: bool) -> Result<(), ReportError> {
    std::fs::create_dir_all(folder).map_err(ReportError::io(folder))?;
    for panel in panels {
        let path = folder.join(format!("{}.svg", panel.id));
        let undrawn = |why: String| ReportError::Corrupt { path: path.clone(), why };
        std::fs::write(&path, svg(panel, scene).map_err(undrawn)?).map_err(ReportError::io(&path))?;
        if also_png {
            png(panel, scene, &path.with_extension("png")).map_err(undrawn)?;
        }
    }
    Ok(())
}
