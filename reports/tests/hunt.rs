//! Records of hunts: merging shards.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tribunal_reports::hunt::{FailureRecord, FirstFailure, HuntRecord, HuntRun, ShardRecord};

const PARTS: u64 = 4;

/// What a seed shows: the same, whichever shard it is in.
fn run(seed: u64) -> (Vec<String>, Vec<&'static str>, Option<FailureRecord>) {
    let marks = vec![format!("observation:{:016x}", seed % 7), format!("transition:{:016x}", seed / 5)];
    let reached = if seed.is_multiple_of(3) { vec!["leader-elected"] } else { vec!["isr-shrunk"] };
    let failure = seed.is_multiple_of(11).then(|| {
        let signature = if seed.is_multiple_of(2) { "lost-write: elected" } else { "no-progress" }.to_owned();
        FailureRecord {
            property: signature.clone(),
            signature,
            tuple: Vec::new(),
            seeds: [format!("{seed:#x}")].into(),
            first: FirstFailure {
                seed: format!("{seed:#x}"),
                detail: "orders/0 offset 5".into(),
                chain: Vec::new(),
                replay: format!("tribunal replay {seed}"),
                folder: format!("hunt/{seed:#x}"),
                shrunk: None,
            },
        }
    });
    (marks, reached, failure)
}

/// What hunting these seeds comes to.
fn record(part: u64, seeds: &[u64]) -> HuntRecord {
    let mut record = HuntRecord::new(["isr-shrunk", "leader-elected", "topic-removed"].map(String::from));
    let runs = seeds.len() as u64;
    let shard =
        ShardRecord { from: 0, until: 400, part, parts: PARTS, done_until: 400, runs, ..ShardRecord::default() };
    record.shards.insert(shard.name(), shard);
    for &seed in seeds {
        let (marks, reached, failure) = run(seed);
        record.note(seed, marks, reached);
        if let Some(failure) = failure {
            record.note_failure(failure);
        }
        let figures = HuntRun { simulated_s: 1.0, operations: seed, faults: 1, ack_median_ms: None, ack_max_ms: None };
        record.runs.insert(format!("{seed:#x}"), figures);
    }
    record
}

fn shards(seeds: &BTreeSet<u64>) -> Vec<HuntRecord> {
    let part = |part: u64| seeds.iter().copied().filter(|seed| seed % PARTS == part - 1).collect::<Vec<_>>();
    (1..=PARTS).map(|n| record(n, &part(n))).collect()
}

fn merged(records: &[HuntRecord]) -> HuntRecord {
    let mut all = records[0].clone();
    for other in &records[1..] {
        all.merge(other).unwrap();
    }
    all
}

proptest! {
    #[test]
    fn merging_is_commutative_and_idempotent(
        seeds in prop::collection::btree_set(0u64..400, 0..80),
        order in Just((0..PARTS as usize).collect::<Vec<_>>()).prop_shuffle(),
        again in 0..PARTS as usize,
    ) {
        let shards = shards(&seeds);
        let all = merged(&shards);
        let shuffled: Vec<HuntRecord> = order.iter().map(|&n| shards[n].clone()).collect();
        prop_assert_eq!(&merged(&shuffled), &all);
        let mut twice = all.clone();
        twice.merge(&shards[again]).unwrap();
        prop_assert_eq!(&twice, &all);
        twice.merge(&all).unwrap();
        prop_assert_eq!(&twice, &all);
        let halves = [merged(&shards[..2]), merged(&shards[2..])];
        prop_assert_eq!(&merged(&halves), &all);
    }

    #[test]
    fn merged_shards_equal_one_hunt_of_all_seeds(seeds in prop::collection::btree_set(0u64..400, 0..80)) {
        let seeds_in_order: Vec<u64> = seeds.iter().copied().collect();
        let (all, one) = (merged(&shards(&seeds)), record(1, &seeds_in_order));
        prop_assert_eq!(all.curve(), one.curve());
        prop_assert_eq!(all.runs_done(), one.runs_done());
        prop_assert_eq!((all.marks, all.reached, all.failures, all.runs), (one.marks, one.reached, one.failures, one.runs));
    }
}

#[test]
fn the_curve_counts_marks_at_their_first_seed() {
    let record = record(1, &[9, 0, 1]);
    let curve: Vec<(u64, u64)> = record.curve().iter().map(|point| (point.seed, point.marks)).collect();
    assert_eq!(curve, [(0, 2), (1, 3), (9, 5)]);
    assert_eq!(record.never_reached(), ["topic-removed"]);
}

#[test]
fn foreign_and_overlapping_shards_are_refused() {
    let seeds = BTreeSet::from([1, 2, 3]);
    let shards = shards(&seeds);
    let mut all = shards[0].clone();
    let other_bugs = HuntRecord { bugs: ["KIP-101".to_owned()].into(), ..shards[1].clone() };
    assert_eq!(all.merge(&other_bugs).unwrap_err().to_string(), "not of one hunt: bugs none, and KIP-101");
    let shard = ShardRecord { from: 100, until: 500, part: 1, parts: 1, done_until: 500, ..ShardRecord::default() };
    let overlapping = HuntRecord { shards: BTreeMap::from([(shard.name(), shard)]), ..shards[1].clone() };
    let error = all.merge(&overlapping).unwrap_err().to_string();
    assert_eq!(error, "shards 0x0..0x190 1/4 and 0x64..0x1f4 1/1 overlap");
    let mut other_runs = shards[0].clone();
    other_runs.shards.values_mut().for_each(|shard| shard.runs += 1);
    assert!(all.merge(&other_runs).unwrap_err().to_string().contains("is there twice, and differs"));
    assert_eq!(all, shards[0], "what is refused changes nothing");
    assert_eq!(all.missing(), ["0x0..0x190 2/4", "0x0..0x190 3/4", "0x0..0x190 4/4"]);
}

#[test]
fn an_interrupted_hunt_merges_with_its_continuation() {
    let part = |part, from, done_until| {
        let shard = ShardRecord { from, until: 400, part, parts: 2, done_until, ..ShardRecord::default() };
        HuntRecord { shards: BTreeMap::from([(shard.name(), shard)]), ..HuntRecord::new([]) }
    };
    // Names of parts do not sort as their seeds do.
    let mut all = part(1, 0, 60);
    all.merge(&part(1, 60, 270)).unwrap();
    all.merge(&part(1, 270, 400)).unwrap();
    assert_eq!(all.missing(), ["0x0..0x190 2/2"], "the other part is that of both");
    all.merge(&part(2, 0, 400)).unwrap();
    assert_eq!((all.shards.len(), all.missing()), (4, Vec::new()));
    let error = all.merge(&part(1, 59, 270)).unwrap_err().to_string();
    assert_eq!(error, "shards 0x0..0x190 1/2 and 0x3b..0x190 1/2 overlap");
}

#[test]
fn a_record_reads_back_and_another_format_is_refused() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hunt.json");
    let written = record(1, &[11, 22, 5]);
    written.write(&path).unwrap();
    assert_eq!(HuntRecord::read(&path).unwrap(), written);
    std::fs::write(&path, r#"{"format": 9}"#).unwrap();
    let error = HuntRecord::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("written in format 9, this version reads format 1"), "{error}");
}
