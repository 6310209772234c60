//! One run's folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ReportError;
use crate::lines::JsonLines;
use crate::run::{RUN_FORMAT, RunRecord};
use crate::tables::{OperationRow, SeriesRow, Table};
use crate::verdict::{FORMAT, VerdictRecord};

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// Every file that a run's folder may hold. A repeated run removes them first.
const FILES: [&str; 10] = [
    "faults.jsonl",
    "history.jsonl",
    "observations.jsonl",
    "operations.csv",
    "plan.toml",
    "report.html",
    "run.json",
    "series.csv",
    "trace.bin",
    "verdict.json",
];

impl RunFolder {
    /// The path of the folder of a scenario's run with a seed.
    pub fn path_of(out: &Path, scenario: &str, seed: u64) -> PathBuf {
        out.join(scenario).join(format!("{seed:#x}"))
    }

    /// Creates the folder, and removes the files of an earlier run from it.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> Result<RunFolder, ReportError> {
        fs::create_dir_all(path).map_err(ReportError::io(path))?;
        for file in FILES {
            let path = path.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ReportError::io(&path)(error));
                }
                _ => (),
            }
        }
        Ok(RunFolder { path: path.to_owned() })
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// If it has no `verdict.json`. The error names the folders of runs inside it.
    pub fn open(path: &Path) -> Result<RunFolder, ReportError> {
        if path.join("verdict.json").is_file() {
            return Ok(RunFolder { path: path.to_owned() });
        }
        let corrupt = |why: String| ReportError::Corrupt { path: path.to_owned(), why };
        if !path.exists() {
            return Err(corrupt("no such folder".to_owned()));
        }
        let inside = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut runs: Vec<PathBuf> = inside.filter(|inside| inside.join("verdict.json").is_file()).collect();
        runs.sort();
        let meant = runs.first().map(|run| format!("; did you mean {}?", run.display())).unwrap_or_default();
        Err(corrupt(format!("not the folder of a run: there is no verdict.json in it{meant}")))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a text file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), ReportError> {
        self.write_bytes(name, text.as_bytes())
    }

    /// Writes a file of bytes, such as `trace.bin`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        let path = self.path.join(name);
        fs::write(&path, bytes).map_err(ReportError::io(&path))
    }

    /// Begins `history.jsonl`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn history(&self) -> Result<JsonLines, ReportError> {
        JsonLines::create(&self.path.join("history.jsonl"))
    }

    /// Begins `faults.jsonl`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn faults(&self) -> Result<JsonLines, ReportError> {
        JsonLines::create(&self.path.join("faults.jsonl"))
    }

    /// Begins `observations.jsonl`: lines are [`crate::ObservationRecord`]s.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn observations(&self) -> Result<JsonLines, ReportError> {
        JsonLines::create(&self.path.join("observations.jsonl"))
    }

    /// Begins `series.csv`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn series(&self) -> Result<Table<SeriesRow>, ReportError> {
        Table::create(&self.path.join("series.csv"))
    }

    /// Begins `operations.csv`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn operations(&self) -> Result<Table<OperationRow>, ReportError> {
        Table::create(&self.path.join("operations.csv"))
    }

    /// Writes `verdict.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_verdict(&self, verdict: &VerdictRecord) -> Result<(), ReportError> {
        self.write_json("verdict.json", verdict)
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_run(&self, run: &RunRecord) -> Result<(), ReportError> {
        self.write_json("run.json", run)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), ReportError> {
        let path = self.path.join(name);
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| ReportError::Corrupt { path: path.clone(), why: error.to_string() })?;
        fs::write(&path, text + "\n").map_err(ReportError::io(&path))
    }

    /// Reads `verdict.json`.
    ///
    /// # Errors
    /// If it is missing, corrupt, or of another format.
    pub fn read_verdict(&self) -> Result<VerdictRecord, ReportError> {
        self.read_json("verdict.json", "verdict", FORMAT)
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// If it is missing, corrupt, or of another format.
    pub fn read_run(&self) -> Result<RunRecord, ReportError> {
        self.read_json("run.json", "record of a run", RUN_FORMAT)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str, what: &str, known: u32) -> Result<T, ReportError> {
        let path = self.path.join(name);
        let text = fs::read_to_string(&path).map_err(ReportError::io(&path))?;
        let corrupt = |error: serde_json::Error| ReportError::Corrupt {
            path: path.clone(),
            why: format!("not a {what}: {error}"),
        };
        // The format is checked first, because this version cannot interpret the fields of another one.
        let value: serde_json::Value = serde_json::from_str(&text).map_err(corrupt)?;
        let found = value.get("format").and_then(serde_json::Value::as_u64);
        if let Some(found) = found.filter(|found| *found != u64::from(known)) {
            return Err(ReportError::Format { path, found, known });
        }
        serde_json::from_str(&text).map_err(corrupt)
    }

    /// Makes `<out>/latest` point at this folder, which must be in `out`.
    ///
    /// # Errors
    /// If the link cannot be made.
    #[cfg(unix)]
    pub fn link_latest(&self, out: &Path) -> Result<(), ReportError> {
        let latest = out.join("latest");
        let target = self.path.strip_prefix(out).unwrap_or(&self.path);
        // A new link is renamed over the old one, so that `latest` always exists. The temporary name of the new link
        // contains the process and the run, so that concurrent runs do not collide.
        let run = target.to_string_lossy().replace(['/', '\\'], "-");
        let fresh = out.join(format!(".latest-{}-{run}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        std::os::unix::fs::symlink(target, &fresh).map_err(ReportError::io(&fresh))?;
        fs::rename(&fresh, &latest).map_err(|error| {
            let _ = fs::remove_file(&fresh);
            ReportError::io(&latest)(error)
        })
    }

    /// Does nothing: this platform does not let every user create links.
    ///
    /// # Errors
    /// Never fails.
    #[cfg(not(unix))]
    pub fn link_latest(&self, _: &Path) -> Result<(), ReportError> {
        Ok(())
    }
}
