//! JSON Lines: one value on each line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ReportError;

/// A file of JSON Lines that is open for writing.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    out: BufWriter<File>,
}

impl JsonLines {
    /// Begins an empty file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<JsonLines, ReportError> {
        let out = BufWriter::new(File::create(path).map_err(ReportError::io(path))?);
        Ok(JsonLines { path: path.to_owned(), out })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If it cannot be written, or JSON cannot express the value (a map whose keys are not strings).
    pub fn push(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        serde_json::to_writer(&mut self.out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(ReportError::io(&self.path))
    }

    /// Flushes the buffer and closes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.out.flush().map_err(ReportError::io(&self.path))
    }
}
