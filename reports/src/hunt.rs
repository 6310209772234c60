//! `hunt.json`: what a hunt, or a shard of one, came to.
//!
//! A record is made so that records can be merged: sets and smallest seeds, never sums of what two shards may share.
//! Merging is commutative, associative and idempotent; what follows from the sets (the curve, the counts) is computed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::causal::ChainStep;

/// The version of the format of `hunt.json` that this crate writes, and the only one it reads.
pub const HUNT_FORMAT: u32 = 1;

/// What a hunt came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuntRecord {
    /// See [`HUNT_FORMAT`].
    pub format: u32,
    /// The version of the tool.
    pub tribunal: String,
    /// The scenario files that were hunted in; empty for the generated space.
    pub paths: BTreeSet<String>,
    /// Bugs that were planted.
    pub bugs: BTreeSet<String>,
    /// Each part that was hunted, by its name: the seeds, and of how many parts it is which.
    pub shards: BTreeMap<String, ShardRecord>,
    /// Failures by signature.
    pub failures: BTreeMap<String, FailureRecord>,
    /// Each mark of behaviour, as `class:hash`, with the first seed that showed it, as `0x` and hexadecimal.
    pub marks: BTreeMap<String, String>,
    /// Each observation that was reached, with the first seed that reached it.
    pub reached: BTreeMap<String, String>,
    /// Every observation that there is.
    pub observations: BTreeSet<String>,
    /// A sample of the runs, for latency and failover across seeds, by seed.
    pub runs: BTreeMap<String, HuntRun>,
}

/// A part of a hunt, done by one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// The first seed.
    pub from: u64,
    /// The seed that it would have ended before.
    pub until: u64,
    /// Which part of the seeds it is, counted from 1.
    pub part: u64,
    /// Of how many parts.
    pub parts: u64,
    /// The seed before which everything of this part is done.
    pub done_until: u64,
    /// How many runs it did.
    pub runs: u64,
    /// How many were violations.
    pub violated: u64,
    /// How many reached a limit.
    pub inconclusive: u64,
    /// Time that passed on the machine, in seconds.
    pub wall_s: f64,
    /// Time of processors that the runs took, in seconds.
    pub cpu_s: f64,
    /// Time that passed in the world, in seconds.
    pub simulated_s: f64,
}

/// Failures of one signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The property and the tuple in a line: what the failures have in common.
    pub signature: String,
    /// The property that did not hold first.
    pub property: String,
    /// What the node at which it was seen last did to its log, without names and numbers.
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
    /// What was seen, in a sentence.
    pub detail: String,
    /// What led to it.
    pub chain: Vec<ChainStep>,
    /// The command that repeats it.
    pub replay: String,
    /// The run's folder.
    pub folder: String,
    /// What shrinking made of it, if it was shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<ShrinkRecord>,
}

/// What shrinking made of a failing plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShrinkRecord {
    /// The regression file that was saved.
    pub path: String,
    /// Before and after: faults of the plan.
    pub faults: [u64; 2],
    /// Before and after: records that the plan's producers send.
    pub operations: [u64; 2],
    /// Before and after: brokers.
    pub brokers: [u64; 2],
    /// How many runs it took.
    pub runs: u64,
    /// How long it took, in seconds.
    pub wall_s: f64,
    /// The signature that the small plan has: that of the first.
    pub signature: String,
}

/// A run of a hunt in figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuntRun {
    /// Simulated time, in seconds.
    pub simulated_s: f64,
    /// How many operations clients did.
    pub operations: u64,
    /// How many faults happened.
    pub faults: u64,
    /// How long an acknowledgement took, half of them at most, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_median_ms: Option<f64>,
    /// How long the slowest acknowledgement took, in milliseconds: a failover is in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_max_ms: Option<f64>,
}

/// A point of the curve of new behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The seed.
    pub seed: u64,
    /// How many marks were known once it had run.
    pub marks: u64,
}

/// Why two records are not of one hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl HuntRecord {
    /// The hunt in which nothing has happened.
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

    /// Adds what another part of the same hunt came to.
    ///
    /// # Errors
    /// If the two are not of one hunt: another version, other scenarios, other bugs; or if both say of the same part of
    /// the seeds that they did it, and did not do the same.
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
            // Times of the same part done twice: the smaller, so that the order of merging does not matter.
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

    /// New behaviour over the seeds: after each seed that showed some, how many marks were known.
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

    /// How many runs were done.
    pub fn runs_done(&self) -> u64 {
        self.shards.values().map(|shard| shard.runs).sum()
    }

    /// Parts of the seeds that no record is of: the seeds and which parts of how many. A hunt that ended before its
    /// seeds did lacks nothing, for a budget may have ended it; one that went on with them begins where it ended.
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
        // Hunts of which one goes on with the other lack the same.
        missing
            .dedup_by(|(parts, part, _, until), before| (*parts, *part) == (before.0, before.1) && *until <= before.3);
        missing.into_iter().map(|(parts, part, from, until)| ShardRecord::name_of(from, until, part, parts)).collect()
    }

    /// Failures, those that the smallest seeds showed first.
    pub fn failures_in_order(&self) -> Vec<&FailureRecord> {
        let mut failures: Vec<&FailureRecord> = self.failures.values().collect();
        failures.sort_by_key(|failure| (number(&failure.first.seed), &failure.signature));
        failures
    }

    /// Notes a run: its marks, what it reached.
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

    /// Notes a failure, with those of its signature.
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
        // A hunt may be interrupted: the old record is there until the new one is.
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
    /// What a part of the seeds is called.
    pub fn name_of(from: u64, until: u64, part: u64, parts: u64) -> String {
        format!("{from:#x}..{until:#x} {part}/{parts}")
    }

    /// What it is called.
    pub fn name(&self) -> String {
        ShardRecord::name_of(self.from, self.until, self.part, self.parts)
    }

    /// Whether both did the same: everything but the time it took.
    fn same_runs(&self, other: &ShardRecord) -> bool {
        let timeless = |shard: &ShardRecord| ShardRecord { wall_s: 0.0, cpu_s: 0.0, ..shard.clone() };
        timeless(self) == timeless(other)
    }

    /// Whether seeds may have been run by both: different parts of so many share none, nor does a hunt that goes on
    /// where another was interrupted.
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
