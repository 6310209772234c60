//! `hunt.json`: the result of a hunt or of one of its shards.
//!
//! Records can be merged: they hold sets and smallest seeds, and no sums over seeds that two shards may share. Merging
//! is commutative, associative and idempotent. The curve and the counts are computed from the sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::causal::ChainStep;

/// The version of the format of `hunt.json` that this crate writes, and the only one it reads.
pub const HUNT_FORMAT: u32 = 1;

/// The result of a hunt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuntRecord {
    /// See [`HUNT_FORMAT`].
    pub format: u32,
    /// The version of the tool.
    pub tribunal: String,
    /// The scenario files of the hunt. Empty if it generated its scenarios.
    pub paths: BTreeSet<String>,
    /// The bugs that were planted.
    pub bugs: BTreeSet<String>,
    /// The shards done so far, by name.
    pub shards: BTreeMap<String, ShardRecord>,
    /// The failures, by signature.
    pub failures: BTreeMap<String, FailureRecord>,
    /// Each mark of behaviour, as `class:hash`, with the first seed that showed it, as `0x` and hexadecimal.
    pub marks: BTreeMap<String, String>,
    /// Each observation that was reached, with the first seed that reached it.
    pub reached: BTreeMap<String, String>,
    /// Every observation that a run can reach.
    pub observations: BTreeSet<String>,
    /// A sample of the runs, for latency and failover across seeds, by seed.
    pub runs: BTreeMap<String, HuntRun>,
}

/// A shard: the part of a hunt that one process did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// The first seed.
    pub from: u64,
    /// The end of the range of seeds, exclusive.
    pub until: u64,
    /// The number of this part of the seeds, from 1.
    pub part: u64,
    /// The number of parts.
    pub parts: u64,
    /// The seed up to which this part is done, exclusive.
    pub done_until: u64,
    /// The number of runs.
    pub runs: u64,
    /// The number of runs with a violation.
    pub violated: u64,
    /// The number of runs that reached a limit.
    pub inconclusive: u64,
    /// Wall-clock time, in seconds.
    pub wall_s: f64,
    /// Processor time of the runs, in seconds.
    pub cpu_s: f64,
    /// Simulated time, in seconds, over all runs.
    pub simulated_s: f64,
}

/// Failures of one signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The property and the tuple on one line, which the failures have in common.
    pub signature: String,
    /// The property that did not hold first.
    pub property: String,
    /// The last changes of the log on the node at which it was seen, without names and numbers.
    pub tuple: Vec<String>,
    /// The seeds that showed it.
    pub seeds: BTreeSet<String>,
    /// The failure of the smallest of those seeds.
    pub first: FirstFailure,
}

/// The failure that stands for all of its signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstFailure {
    /// The seed.
    pub seed: String,
    /// The violation, in a sentence.
    pub detail: String,
    /// The steps that led to it.
    pub chain: Vec<ChainStep>,
    /// The command that repeats it.
    pub replay: String,
    /// The run's folder.
    pub folder: String,
    /// The shrunk plan, if it was shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<ShrinkRecord>,
}

/// The result of shrinking a failing plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShrinkRecord {
    /// The regression file that was saved.
    pub path: String,
    /// The faults of the plan, before and after.
    pub faults: [u64; 2],
    /// The records that the plan's producers send, before and after.
    pub operations: [u64; 2],
    /// The brokers, before and after.
    pub brokers: [u64; 2],
    /// The number of runs that shrinking took.
    pub runs: u64,
    /// The wall-clock time that shrinking took, in seconds.
    pub wall_s: f64,
    /// The signature of the shrunk plan, which equals that of the original.
    pub signature: String,
}

/// The figures of a run of a hunt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuntRun {
    /// Simulated time, in seconds.
    pub simulated_s: f64,
    /// The number of operations of clients.
    pub operations: u64,
    /// The number of faults that happened.
    pub faults: u64,
    /// The median latency of an acknowledgement, in milliseconds. `None` if no send was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_median_ms: Option<f64>,
    /// The largest latency of an acknowledgement, in milliseconds, which includes a failover. `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_max_ms: Option<f64>,
}

/// A point of the curve of new behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The seed.
    pub seed: u64,
    /// The number of marks known after its run.
    pub marks: u64,
}

/// The reason that two records do not belong to one hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl HuntRecord {
    /// The record of a hunt without runs.
    pub fn new(observations: impl IntoIterator<Item = String>) -> HuntRecord {
        HuntRecord {
            format: HUNT_FORMAT,
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            paths: BTreeSet::new(),
            bugs: BTreeSet::new(),
            shards: BTreeMap::new(),
            failures: BTreeMap::new(),
            marks: BTreeMap::new(),
            reached: BTreeMap::new(),
            observations: observations.into_iter().collect(),
            runs: BTreeMap::new(),
        }
    }

    /// Adds the record of another part of the same hunt.
    ///
    /// # Errors
    /// If the records do not belong to one hunt because version, scenarios or bugs differ, or if both hold the same
    /// part of the seeds with different results.
    pub fn merge(&mut self, other: &HuntRecord) -> Result<(), Mismatch> {
        let differ = |what: &str, a: String, b: String| Mismatch(format!("not of one hunt: {what} {a}, and {b}"));
        if self.tribunal != other.tribunal {
            return Err(differ("tribunal", self.tribunal.clone(), other.tribunal.clone()));
        }
        if self.paths != other.paths {
            return Err(differ("scenarios", listed(&self.paths), listed(&other.paths)));
        }
        if self.bugs != other.bugs {
            return Err(differ("bugs", listed(&self.bugs), listed(&other.bugs)));
        }
        for (name, shard) in &other.shards {
            if let Some(known) = self.shards.get(name).filter(|known| !known.same_runs(shard)) {
                let why = format!("{} runs and {}", known.runs, shard.runs);
                return Err(Mismatch(format!("shard {name} is there twice, and differs: {why}")));
            }
            let overlapping = self.shards.iter().find(|(known, other)| *known != name && other.overlaps(shard));
            if let Some((known, _)) = overlapping {
                return Err(Mismatch(format!("shards {known} and {name} overlap")));
            }
        }
        for (name, shard) in &other.shards {
            // If a part was done twice, the smaller time counts, so that the order of merging does not matter.
            let known = self.shards.entry(name.clone()).or_insert_with(|| shard.clone());
            known.wall_s = known.wall_s.min(shard.wall_s);
            known.cpu_s = known.cpu_s.min(shard.cpu_s);
        }
        for (mark, seed) in &other.marks {
            keep_smallest(&mut self.marks, mark, seed);
        }
        for (name, seed) in &other.reached {
            keep_smallest(&mut self.reached, name, seed);
        }
        for failure in other.failures.values() {
            self.note_failure(failure.clone());
        }
        self.observations.extend(other.observations.iter().cloned());
        for (seed, run) in &other.runs {
            self.runs.entry(seed.clone()).or_insert_with(|| run.clone());
        }
        Ok(())
    }

    /// New behaviour over the seeds: the number of known marks after each seed that showed a new one.
    pub fn curve(&self) -> Vec<CurvePoint> {
        let mut new: BTreeMap<u64, u64> = BTreeMap::new();
        for seed in self.marks.values() {
            *new.entry(number(seed)).or_default() += 1;
        }
        let mut marks = 0;
        new.into_iter()
            .map(|(seed, more)| {
                marks += more;
                CurvePoint { seed, marks }
            })
            .collect()
    }

    /// Observations that no run reached.
    pub fn never_reached(&self) -> Vec<&str> {
        self.observations.iter().filter(|name| !self.reached.contains_key(*name)).map(String::as_str).collect()
    }

    /// The number of runs done.
    pub fn runs_done(&self) -> u64 {
        self.shards.values().map(|shard| shard.runs).sum()
    }

    /// The parts of the seeds that no record covers, as text: the seeds, and the numbers of the parts. A hunt that
    /// ended before its last seed misses nothing, because a budget may have ended it. A hunt that continues it begins
    /// where it ended.
    pub fn missing(&self) -> Vec<String> {
        let mut missing: Vec<(u64, u64, u64, u64)> = Vec::new();
        let mut shards: Vec<&ShardRecord> = self.shards.values().collect();
        shards.sort_by_key(|shard| shard.from);
        for claimed in &shards {
            for part in (1..=claimed.parts).filter(|part| *part != claimed.part) {
                let of_part = shards.iter().filter(|shard| (shard.part, shard.parts) == (part, claimed.parts));
                let covered = of_part.fold(claimed.from, |covered, shard| match shard.from <= covered {
                    true => covered.max(shard.until),
                    false => covered,
                });
                if covered < claimed.until {
                    missing.push((claimed.parts, part, covered, claimed.until));
                }
            }
        }
        missing.sort_unstable();
        // A hunt and its continuation miss the same parts.
        missing
            .dedup_by(|(parts, part, _, until), before| (*parts, *part) == (before.0, before.1) && *until <= before.3);
        missing.into_iter().map(|(parts, part, from, until)| ShardRecord::name_of(from, until, part, parts)).collect()
    }

    /// The failures, ordered by the smallest seed that showed each.
    pub fn failures_in_order(&self) -> Vec<&FailureRecord> {
        let mut failures: Vec<&FailureRecord> = self.failures.values().collect();
        failures.sort_by_key(|failure| (number(&failure.first.seed), &failure.signature));
        failures
    }

    /// Notes the marks of a run and the observations it reached.
    pub fn note<'n>(
        &mut self,
        seed: u64,
        marks: impl IntoIterator<Item = String>,
        reached: impl IntoIterator<Item = &'n str>,
    ) {
        let seed = format!("{seed:#x}");
        for mark in marks {
            keep_smallest(&mut self.marks, &mark, &seed);
        }
        for name in reached {
            keep_smallest(&mut self.reached, name, &seed);
        }
    }

    /// Notes a failure among the failures of its signature.
    pub fn note_failure(&mut self, failure: FailureRecord) {
        match self.failures.get_mut(&failure.signature) {
            Some(known) => known.merge(&failure),
            None => drop(self.failures.insert(failure.signature.clone(), failure)),
        }
    }

    /// Writes `hunt.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| ReportError::Corrupt { path: path.to_owned(), why: error.to_string() })?;
        // The old record stays until the new one is complete, because a hunt may be interrupted.
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, text + "\n").map_err(ReportError::io(&fresh))?;
        std::fs::rename(&fresh, path).map_err(ReportError::io(path))
    }

    /// Reads `hunt.json`.
    ///
    /// # Errors
    /// If it is missing, corrupt, or of another format.
    pub fn read(path: &Path) -> Result<HuntRecord, ReportError> {
        let text = std::fs::read_to_string(path).map_err(ReportError::io(path))?;
        let corrupt =
            |error: serde_json::Error| ReportError::Corrupt { path: path.to_owned(), why: format!("no hunt: {error}") };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(corrupt)?;
        let found = value.get("format").and_then(serde_json::Value::as_u64);
        if let Some(found) = found.filter(|found| *found != u64::from(HUNT_FORMAT)) {
            return Err(ReportError::Format { path: path.to_owned(), found, known: HUNT_FORMAT });
        }
        serde_json::from_value(value).map_err(corrupt)
    }
}

impl ShardRecord {
    /// The name of a part of the seeds.
    pub fn name_of(from: u64, until: u64, part: u64, parts: u64) -> String {
        format!("{from:#x}..{until:#x} {part}/{parts}")
    }

    /// The name of the shard.
    pub fn name(&self) -> String {
        ShardRecord::name_of(self.from, self.until, self.part, self.parts)
    }

    /// Whether both have the same results, apart from the times they took.
    fn same_runs(&self, other: &ShardRecord) -> bool {
        let timeless = |shard: &ShardRecord| ShardRecord { wall_s: 0.0, cpu_s: 0.0, ..shard.clone() };
        timeless(self) == timeless(other)
    }

    /// Whether both may have run the same seeds. Different parts of one division share none, and neither do an
    /// interrupted hunt and its continuation.
    fn overlaps(&self, other: &ShardRecord) -> bool {
        let range = self.from < other.done_until && other.from < self.done_until;
        range && !(self.parts == other.parts && self.part != other.part)
    }
}

impl FailureRecord {
    fn merge(&mut self, other: &FailureRecord) {
        self.seeds.extend(other.seeds.iter().cloned());
        let order = |failure: &FailureRecord| (number(&failure.first.seed), serde_json::to_string(&failure.first).ok());
        if order(other) < order(self) {
            self.first = other.first.clone();
        }
    }
}

/// Keeps the smaller of two seeds.
fn keep_smallest(map: &mut BTreeMap<String, String>, key: &str, seed: &str) {
    match map.get_mut(key) {
        Some(known) if number(known) <= number(seed) => {}
        Some(known) => seed.clone_into(known),
        None => drop(map.insert(key.to_owned(), seed.to_owned())),
    }
}

/// The number of a seed that this crate has written.
fn number(seed: &str) -> u64 {
    u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap_or(u64::MAX)
}

fn listed(names: &BTreeSet<String>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().cloned().collect::<Vec<_>>().join(", ") }
}
