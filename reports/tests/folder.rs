//! A run's folder, written and read back.

use std::fs;
use std::path::PathBuf;

use tribunal_reports::causal::ChainStep;
use tribunal_reports::{FORMAT, OperationRow, RunFolder, SeriesRow, VerdictRecord, ViolationRecord};

/// An empty folder of this test.
fn scratch(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn verdict() -> VerdictRecord {
    VerdictRecord {
        format: FORMAT,
        tribunal: "0.1.0".into(),
        scenario: "leader-crash".into(),
        path: "scenarios/catalog/leader-crash.toml".into(),
        seed: "0xffffffffffffffff".into(),
        verdict: "violated".into(),
        violations: vec![ViolationRecord {
            property: "lost-write".into(),
            detail: "orders/0 offset 517".into(),
            cause: String::new(),
            line: Some(18),
            time_s: 6.911,
            event: Some(48_211),
            chain: vec![ChainStep {
                event: 48_102,
                time_s: 6.103,
                node: "b1".into(),
                kind: "power-lost".into(),
                text: "loses power".into(),
                follows: false,
            }],
            signature: "lost-write: power-lost".into(),
        }],
        expected: Vec::new(),
        allowed: Vec::new(),
        simulated_s: 14.2,
        wall_s: 0.38,
        operations: 5912,
        faults: 7,
        trace_hash: "0x9f3c".into(),
        other_hash: None,
        limit: None,
        notes: Vec::new(),
        reached: vec!["leader-elected".into()],
        bugs: vec!["KIP-101".into()],
        replay: "tribunal replay a.toml --seed 0x7e1".into(),
        folder: None,
    }
}

#[test]
fn a_verdict_reads_back_as_it_was_written() {
    let out = scratch("verdict");
    let folder = RunFolder::create(&RunFolder::path_of(&out, "leader-crash", u64::MAX)).unwrap();
    assert!(folder.path().ends_with("leader-crash/0xffffffffffffffff"));
    folder.write_verdict(&verdict()).unwrap();
    assert_eq!(RunFolder::open(folder.path()).unwrap().read_verdict().unwrap(), verdict());
}

#[test]
fn an_error_in_a_verdict_names_its_place() {
    let out = scratch("damaged");
    let folder = RunFolder::create(&out.join("run")).unwrap();
    assert!(RunFolder::open(folder.path()).unwrap_err().to_string().contains("verdict.json"), "no verdict yet");
    folder.write_text("verdict.json", "{\"format\": 1, \"tribunal\": 3}").unwrap();
    let said = folder.read_verdict().unwrap_err().to_string();
    assert!(said.contains("verdict.json: not a verdict") && said.contains("line 1"), "{said}");
    folder.write_text("verdict.json", "{\"format\": 1,").unwrap();
    assert!(folder.read_verdict().unwrap_err().to_string().contains("not a verdict"));
    folder.write_text("verdict.json", "{\"format\": 9}").unwrap();
    let said = folder.read_verdict().unwrap_err().to_string();
    assert!(said.ends_with("written in format 9, this version reads format 1"), "{said}");
}

#[test]
fn tables_have_their_header_even_without_rows() {
    let out = scratch("tables");
    let folder = RunFolder::create(&out.join("run")).unwrap();
    folder.series().unwrap().finish().unwrap();
    let mut operations = folder.operations().unwrap();
    let row = OperationRow {
        client: "producer 0".into(),
        operation: "send".into(),
        invoked_s: 6.1,
        completed_s: None,
        latency_ms: None,
        outcome: "info".into(),
        topic: "orders".into(),
        partition: Some(0),
        offset: None,
        records: 3,
        error: "timed out, \"maybe\"".into(),
    };
    operations.push(&row).unwrap();
    operations.finish().unwrap();
    let series = fs::read_to_string(folder.path().join("series.csv")).unwrap();
    assert!(
        series.starts_with("time_s,topic,partition,broker,leader,leader_epoch,log_end_offset_records,"),
        "{series}"
    );
    let text = fs::read_to_string(folder.path().join("operations.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let back: Vec<OperationRow> = reader.deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(back, [row]);
}

#[test]
fn a_series_header_matches_its_rows() {
    let out = scratch("series");
    let folder = RunFolder::create(&out.join("run")).unwrap();
    let row = SeriesRow {
        time_s: 1.5,
        topic: "orders".into(),
        partition: 1,
        broker: 2,
        leader: true,
        leader_epoch: 3,
        log_end_offset: 10,
        high_watermark: 9,
        isr_size: Some(3),
    };
    let mut series = folder.series().unwrap();
    series.push(&row).unwrap();
    series.finish().unwrap();
    let text = fs::read_to_string(folder.path().join("series.csv")).unwrap();
    let back: Vec<SeriesRow> =
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(back, [row]);
}

#[test]
fn a_history_has_one_value_on_each_line() {
    let out = scratch("history");
    let folder = RunFolder::create(&out.join("run")).unwrap();
    let mut history = folder.history().unwrap();
    history.push(&("send", 1)).unwrap();
    history.push(&("poll\n", 2)).unwrap();
    history.finish().unwrap();
    let text = fs::read_to_string(folder.path().join("history.jsonl")).unwrap();
    assert_eq!(text, "[\"send\",1]\n[\"poll\\n\",2]\n");
}

#[test]
fn a_repeated_run_removes_earlier_files() {
    let out = scratch("again");
    let path = out.join("run");
    RunFolder::create(&path).unwrap().write_bytes("trace.bin", &[1, 2, 3]).unwrap();
    RunFolder::create(&path).unwrap();
    assert!(!path.join("trace.bin").exists());
}

#[cfg(unix)]
#[test]
fn latest_points_at_the_newest_run() {
    let out = scratch("latest");
    for seed in [1, 2] {
        let folder = RunFolder::create(&RunFolder::path_of(&out, "a", seed)).unwrap();
        folder.link_latest(&out).unwrap();
    }
    assert_eq!(fs::read_link(out.join("latest")).unwrap(), PathBuf::from("a/0x2"));
    assert!(out.join("latest").is_dir());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2, "no half-made links stay");
}
