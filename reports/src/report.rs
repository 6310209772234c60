//! A run's report: `report.html`, a picture of each chart, a CSV file of each series.

use std::path::PathBuf;

use crate::charts::{panels, scene, write_pictures};
use crate::data::Data;
use crate::page::run_page;
use crate::series::{Activity, Series};
use crate::{ReportError, RunFolder};

/// The options of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// Whether to write the pictures also as PNG.
    pub png: bool,
}

/// The contents of a run's folder, with its series.
#[derive(Debug)]
pub struct Reading {
    /// The contents of the folder.
    pub data: Data,
    /// The series.
    pub series: Series,
    /// The bytes of `trace.bin`. Empty if there is none.
    pub trace: Vec<u8>,
}

impl Reading {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// If there is no verdict, or a file is corrupt.
    pub fn of(folder: &RunFolder) -> Result<Reading, ReportError> {
        let data = Data::read(folder)?;
        let path = folder.path().join("trace.bin");
        let trace = if path.exists() { std::fs::read(&path).map_err(ReportError::io(&path))? } else { Vec::new() };
        let activity = if trace.is_empty() {
            Activity::default()
        } else {
            Activity::read(&trace, &data.run, data.bins)
                .map_err(|error| ReportError::Corrupt { path, why: error.to_string() })?
        };
        Ok(Reading { series: Series::of(&data, activity), data, trace })
    }
}

/// Writes a run's report into its folder: `report.html`, `charts/*.svg`, `csv/*.csv`. Returns the path of the page.
///
/// # Errors
/// If the run cannot be read or a file cannot be written.
pub fn write_report(folder: &RunFolder, options: ReportOptions) -> Result<PathBuf, ReportError> {
    let reading = Reading::of(folder)?;
    let (data, series) = (&reading.data, &reading.series);
    let panels = panels(data, series);
    let scene = scene(data);
    let charts = folder.path().join("charts");
    // The charts of an earlier report go first, because a repeated run may have fewer.
    match std::fs::remove_dir_all(&charts) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(ReportError::io(&charts)(error)),
        _ => write_pictures(&panels, &scene, &charts, options.png)?,
    }
    series.write(data, &folder.path().join("csv"))?;
    let trace = folder.path().join("trace.bin");
    let page = run_page(data, series, &panels, &scene, &reading.trace)
        .map_err(|error| ReportError::Corrupt { path: trace, why: error.to_string() })?;
    folder.write_text("report.html", &page)?;
    Ok(folder.path().join("report.html"))
}
