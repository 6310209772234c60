//! The contents of a run's folder, from which the series are computed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::operations::Operations;
use crate::replicas::Replicas;
use crate::run::{FaultRecord, NodeRecord, RUN_FORMAT, Role, RunRecord};
use crate::{ReportError, RunFolder, VerdictRecord};

/// The contents of a run's folder without the trace, which is read as a stream.
#[derive(Debug)]
pub struct Data {
    /// The verdict.
    pub verdict: VerdictRecord,
    /// The processes and phases of the run.
    pub run: RunRecord,
    /// The faults, in the order of time.
    pub faults: Vec<FaultRecord>,
    /// The plan's text.
    pub plan: String,
    /// The operations of clients.
    pub operations: Operations,
    /// The state of replicas over time.
    pub replicas: Replicas,
    /// The bins in which all series over time are counted.
    pub bins: Bins,
}

/// Equal parts of a run's time, from the workload's zero to the end of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bins {
    /// The length of each, in seconds.
    pub width_s: f64,
    /// The number of bins.
    pub count: usize,
}

impl Bins {
    /// The largest number of bins.
    const MOST: f64 = 160.0;

    /// The bins of a run that ends at `end_s`: at most 160, of a round length.
    pub fn of(end_s: f64) -> Bins {
        let round = [0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];
        let end_s = end_s.max(0.05);
        let fits = |width: &f64| end_s / width <= Self::MOST;
        let width_s = round.into_iter().find(fits).unwrap_or_else(|| (end_s / Self::MOST / 60.0).ceil() * 60.0);
        Bins { width_s, count: (end_s / width_s).ceil().max(1.0) as usize }
    }

    /// The bin of a time. Times outside the run count to the first or the last bin.
    pub fn of_time(&self, time_s: f64) -> usize {
        // 4.6 / 0.2 is a little less than 23, but a time at a boundary belongs to the bin that begins there.
        ((time_s / self.width_s + 1e-9).floor().max(0.0) as usize).min(self.count - 1)
    }

    /// The beginning of a bin, in seconds.
    pub fn start_s(&self, bin: usize) -> f64 {
        bin as f64 * self.width_s
    }

    /// The middle of a bin, in seconds.
    pub fn middle_s(&self, bin: usize) -> f64 {
        (bin as f64 + 0.5) * self.width_s
    }
}

impl Data {
    /// Reads a run's folder. A run that was not recorded has only a verdict, and the rest is empty.
    ///
    /// # Errors
    /// If there is no verdict, or a file is corrupt.
    pub fn read(folder: &RunFolder) -> Result<Data, ReportError> {
        let verdict = folder.read_verdict()?;
        let path = |name: &str| folder.path().join(name);
        let run = if path("run.json").exists() { folder.read_run()? } else { unrecorded(&verdict) };
        let bins = Bins::of(run.end_s);
        Ok(Data {
            faults: lines(&path("faults.jsonl"))?,
            plan: text(&path("plan.toml"))?,
            operations: Operations::read(&path("operations.csv"), &run)?,
            replicas: Replicas::read(&path("series.csv"), bins)?,
            bins,
            verdict,
            run,
        })
    }

    /// The role of the client called `name`.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.run.nodes.iter().find(|node| node.name == name).map(|node| node.role)
    }

    /// The brokers.
    pub fn brokers(&self) -> impl Iterator<Item = &NodeRecord> {
        self.run.nodes.iter().filter(|node| node.role == Role::Broker)
    }
}

/// The record of a run that was not recorded, made from its verdict.
fn unrecorded(verdict: &VerdictRecord) -> RunRecord {
    RunRecord {
        format: RUN_FORMAT,
        about: String::new(),
        zero_ns: 0,
        healed_s: None,
        end_s: verdict.simulated_s,
        nodes: Vec::new(),
        topics: Vec::new(),
        sometimes: Vec::new(),
        reached: verdict.reached.iter().map(|name| (name.clone(), 1)).collect(),
    }
}

/// The text of a file. Empty if the file does not exist.
fn text(path: &Path) -> Result<String, ReportError> {
    if path.exists() { fs::read_to_string(path).map_err(ReportError::io(path)) } else { Ok(String::new()) }
}

/// The values of a file of JSON Lines. Empty if the file does not exist.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, ReportError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let file = BufReader::new(File::open(path).map_err(ReportError::io(path))?);
    let mut all = Vec::new();
    for (number, line) in file.lines().enumerate() {
        let line = line.map_err(ReportError::io(path))?;
        let value = serde_json::from_str(&line).map_err(|error| ReportError::Corrupt {
            path: path.to_owned(),
            why: format!("line {}: {error}", number + 1),
        })?;
        all.push(value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_round_and_cover_the_run() {
        for end_s in [0.0, 0.3, 9.9, 30.0, 32.1, 90.0, 600.0, 86_400.0] {
            let bins = Bins::of(end_s);
            assert!(bins.count <= 160, "{end_s}: {bins:?}");
            assert!(bins.width_s * bins.count as f64 >= end_s, "{end_s}: {bins:?}");
            assert_eq!(bins.of_time(-1.0), 0);
            assert_eq!(bins.of_time(end_s + 1.0), bins.count - 1);
        }
        assert_eq!(Bins::of(32.1).width_s, 0.25);
        assert_eq!(Bins { width_s: 0.2, count: 160 }.of_time(4.6), 23);
    }
}
