//! Runs from outside: what one process found another repeats, event for event.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::support::{lines, out, scratch, tribunal};

const SCENARIO: &str = "leader-crash-keeps-acknowledged-records";

fn hashes(output: &Output) -> Vec<String> {
    lines(output, "run").iter().map(|run| run["trace_hash"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_processes_have_the_same_traces_whatever_the_jobs() {
    let folder = scratch("two");
    let run = |jobs| {
        let output = tribunal(&folder, &["run", SCENARIO, "--seeds", "0..3", "-j", jobs, "--message-format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        hashes(&output)
    };
    let one = run("1");
    assert_eq!(one.len(), 3);
    assert_eq!(one, run("3"));
    assert_ne!(one[0], one[1]);
}

#[test]
fn a_run_is_replayed_from_its_folder_and_a_tampered_one_is_not() {
    let folder = scratch("replay");
    let run = tribunal(&folder, &["run", SCENARIO, "--seed", "0x5", "--out", "runs", "--check-determinism"]);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let replay = |what: &str| tribunal(&folder, &["replay", what]);
    let again = replay("runs/latest");
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(out(&again).contains("identical"), "{again:?}");

    let place = format!("runs/{SCENARIO}/0x5");
    let verdict = folder.join(&place).join("verdict.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&verdict).unwrap()).unwrap();
    let hash = value["trace_hash"].take();
    value["trace_hash"] = "0x0000000000000001".into();
    fs::write(&verdict, value.to_string()).unwrap();
    assert_eq!(replay(&place).status.code(), Some(96), "the trace beside it is of another run");
    fs::remove_file(folder.join(&place).join("trace.bin")).unwrap();
    assert_eq!(replay(&place).status.code(), Some(122), "another trace than the recorded one");
    value["trace_hash"] = "yes".into();
    fs::write(&verdict, value.to_string()).unwrap();
    assert_eq!(replay(&place).status.code(), Some(96), "no trace hash");

    let plan = folder.join(&place).join("plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, format!("{text}[[fault]\n")).unwrap();
    assert_eq!(replay(&place).status.code(), Some(96), "no action in it");
    value["trace_hash"] = hash;
    fs::write(&verdict, value.to_string()).unwrap();
    let (before, _) = text.split_once("[[fault]]").expect("there is a crash");
    fs::write(&plan, before).unwrap();
    assert_eq!(replay(&place).status.code(), Some(122), "half a plan is a plan, and not the one that ran");
}

#[test]
fn figures_are_told_to_machines_a_line_each() {
    let folder = scratch("bench");
    let arguments = ["bench", "kernel", "--no-references", "--rounds", "1", "--message-format", "json"];
    let output = tribunal(&folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let figures = lines(&output, "figure");
    assert_eq!(figures.len(), 2, "1 client and 16");
    for figure in figures {
        assert_eq!(figure["unit"], "messages/wall s");
        assert!(figure["median"].as_f64().unwrap() > 0.0);
        assert_eq!(figure["at_least"], 12e6);
    }
    let outside = tribunal(&std::env::temp_dir(), &["bench", "kernel", "--rounds", "1"]);
    assert_eq!(outside.status.code(), Some(1), "no checkout, no references: {outside:?}");
}
