//! JSON Lines: a value a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ReportError;

/// A file of JSON Lines that is being written.
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
    /// If it cannot be written, or the value is none that JSON has (a map whose keys are no strings).
    pub fn push(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        serde_json::to_writer(&mut self.out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(ReportError::io(&self.path))
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.out.flush().map_err(ReportError::io(&self.path))
    }
}
