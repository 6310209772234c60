//! The reasons that a file of a run cannot be written or read.

use std::fmt;
use std::path::{Path, PathBuf};

/// The reason that a file of a run cannot be written or read.
#[derive(Debug)]
pub enum ReportError {
    /// The file's contents are invalid.
    Corrupt {
        /// The path of the file.
        path: PathBuf,
        /// The mistake, with line and column if they are known.
        why: String,
    },
    /// The file has a format that this version does not read.
    Format {
        /// The path of the file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The format that this version reads.
        known: u32,
    },
    /// The operating system returned an error.
    Io {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
}

impl ReportError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ReportError + use<'_> {
        move |source| ReportError::Io { path: path.to_owned(), source }
    }

    pub(crate) fn csv(path: &Path, error: csv::Error) -> ReportError {
        let why = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(source) => ReportError::Io { path: path.to_owned(), source },
            _ => ReportError::Corrupt { path: path.to_owned(), why },
        }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportError::Corrupt { path, why } => write!(f, "{}: {why}", path.display()),
            ReportError::Format { path, found, known } => {
                write!(f, "{}: written in format {found}, this version reads format {known}", path.display())
            }
            ReportError::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReportError::Io { source, .. } => Some(source),
            ReportError::Corrupt { .. } | ReportError::Format { .. } => None,
        }
    }
}
