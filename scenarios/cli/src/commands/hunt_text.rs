//! What a terminal shows of hunts, and the small records of the JSON lines.

use std::time::Duration;

use serde::Serialize;
use tribunal_reports::causal::chain_line;
use tribunal_reports::hunt::{FailureRecord, HuntRecord, ShrinkRecord};
use tribunal_reports::thousands;

#[derive(Serialize)]
pub(super) struct Started {
    pub(super) r#type: &'static str,
    pub(super) from: String,
    pub(super) until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) budget_s: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Progress {
    pub(super) r#type: &'static str,
    pub(super) seeds: u64,
    pub(super) marks: usize,
    pub(super) failures: usize,
}

/// How far it is.
pub(super) fn progress(record: &HuntRecord, done: u64, seeds: Option<u64>, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let of = seeds.map(|seeds| format!(" of {}", thousands(seeds))).unwrap_or_default();
    let marks = thousands(record.marks.len() as u64);
    let mut text = format!("{}{of} seeds ({rate:.0}/s) · {marks} marks of behaviour", thousands(done));
    if !record.failures.is_empty() {
        text += &format!(" · {} distinct failures", record.failures.len());
    }
    text
}

/// A failure whose signature is new.
pub(super) fn failure(failure: &FailureRecord) -> String {
    let first = &failure.first;
    let mut text = format!("FAIL {} seed {}\n  {}\n", failure.signature, first.seed, first.detail);
    if !first.chain.is_empty() {
        text += &format!("  {}\n", chain_line(&first.chain));
    }
    text + &format!("  replay: {}\n", first.replay)
}

/// What shrinking came to.
pub(super) fn shrunk(shrunk: &ShrinkRecord) -> String {
    let arrow = |name: &str, [before, after]: [u64; 2]| match before == after {
        true => format!("{} {name}", thousands(before)),
        false => format!("{} {name} → {}", thousands(before), thousands(after)),
    };
    format!(
        "SHRINK {} · {} · {}  ({} runs, {:.1} s)  saved {}\n",
        arrow("faults", shrunk.faults),
        arrow("operations", shrunk.operations),
        arrow("brokers", shrunk.brokers),
        thousands(shrunk.runs),
        shrunk.wall_s,
        shrunk.path,
    )
}

/// What a hunt came to.
pub(super) fn summary(record: &HuntRecord) -> String {
    let runs = record.runs_done();
    let wall = record.shards.values().map(|shard| shard.wall_s).fold(0.0, f64::max);
    let failed: u64 = record.shards.values().map(|shard| shard.violated).sum();
    let rate = runs as f64 / wall.max(0.001);
    let failures = match record.failures.len() {
        0 => "nothing found".to_owned(),
        1 => format!("1 failure in {} seeds", thousands(failed)),
        n => format!("{n} distinct failures in {} seeds", thousands(failed)),
    };
    let mut text = format!("HUNT {wall:.0}s  {} seeds ({rate:.0}/s)  {failures}\n", thousands(runs));
    for (nth, failure) in record.failures_in_order().into_iter().enumerate() {
        let seeds = thousands(failure.seeds.len() as u64);
        let letter = letter(nth);
        text += &format!("  {letter} {} ×{seeds} (first {})\n", failure.signature, failure.first.seed);
    }
    let curve = record.curve();
    if let Some(last) = curve.last() {
        let half = curve.iter().find(|point| point.marks * 2 >= last.marks).map_or(0, |point| point.seed);
        text += &format!(
            "  behaviour: {} marks, half of them by seed {half:#x}, the last new one at seed {:#x}\n",
            thousands(last.marks),
            last.seed
        );
    }
    let never = record.never_reached();
    if !never.is_empty() {
        text += &format!("  never reached: {}\n", never.join(", "));
    }
    text
}

/// A, B, …, Z, AA, AB, …
fn letter(nth: usize) -> String {
    let last = char::from(b'A' + (nth % 26) as u8);
    if nth < 26 { last.to_string() } else { format!("{}{last}", letter(nth / 26 - 1)) }
}
