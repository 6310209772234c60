//! Where files come from: the disk, or what is built in: the catalog and the regressions.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Diagnostics, Source};

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Its path.
    pub path: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl std::error::Error for FileError {}

/// Why a scenario or plan could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It has mistakes.
    Bad(Diagnostics),
    /// It cannot be read.
    File(FileError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Bad(diagnostics) => diagnostics.fmt(f),
            LoadError::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<Diagnostics> for LoadError {
    fn from(diagnostics: Diagnostics) -> LoadError {
        LoadError::Bad(diagnostics)
    }
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> LoadError {
        LoadError::File(error)
    }
}

/// Reads a file: from the disk, or, if it is not there and the path is that of a built-in file, as it was built in.
pub fn load(path: &Path) -> Result<Source, FileError> {
    let name = path.to_string_lossy().into_owned();
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(name, text)),
            Err(_) => Err(FileError { path: name, why: "not UTF-8 text".into() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match builtin(&name) {
            Some(source) => Ok(source),
            None => Err(FileError { path: name, why: "no such file".into() }),
        },
        Err(error) => Err(FileError { path: name, why: error.to_string() }),
    }
}

/// Reads the file that `from`, a scenario or plan, calls `file`: beside it, or else by that path itself.
pub(crate) fn load_beside(from: &str, file: &str) -> Result<Source, FileError> {
    let beside: PathBuf = Path::new(from).parent().unwrap_or(Path::new("")).join(file);
    // The built-in catalog's files belong together, wherever the command is run.
    let found = if builtin(from).is_some() { builtin(&beside.to_string_lossy()) } else { None };
    match found {
        Some(source) if !beside.exists() => Ok(source),
        _ => load(&beside).or_else(|error| load(Path::new(file)).map_err(|_| error)),
    }
}

/// The scenario files of the built-in catalog, in the order of their names.
pub fn catalog() -> impl Iterator<Item = Source> {
    in_folder("scenarios/catalog/")
}

/// The regressions that are built in, in the order of their names.
pub fn regressions() -> impl Iterator<Item = Source> {
    in_folder("scenarios/regressions/")
}

/// The sweeps that are built in, in the order of their names.
pub fn sweeps() -> impl Iterator<Item = Source> {
    in_folder("scenarios/sweeps/")
}

fn in_folder(folder: &'static str) -> impl Iterator<Item = Source> {
    let wanted = move |path: &str| path.starts_with(folder) && path.ends_with(".toml");
    BUILT_IN.iter().filter(move |(path, _)| wanted(path)).map(|(path, text)| Source::new(*path, *text))
}

fn builtin(path: &str) -> Option<Source> {
    BUILT_IN.iter().find(|(name, _)| *name == path).map(|(name, text)| Source::new(*name, *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalog_files_are_there_from_any_folder() {
        let path = "scenarios/catalog/clickstream.csv";
        assert!(!Path::new(path).exists(), "tests run in the crate's folder");
        assert_eq!(load(Path::new(path)).unwrap().name(), path);
        assert_eq!(load_beside("scenarios/catalog/any.toml", "clickstream.csv").unwrap().name(), path);
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(load(Path::new("no/such.toml")).unwrap_err().to_string(), "no/such.toml: no such file");
    }
}
