//! Hunts from outside: what is found does not depend on the jobs, parts merge, finds shrink and are replayed.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use tribunal_reports::hunt::HuntRecord;

use super::support::{TRIBUNAL, err, lines, out, scratch, tribunal};

/// Found within a few seeds.
const BUG: &str = "KIP-101";

/// A record without what depends on the machine.
fn timeless(path: &Path) -> HuntRecord {
    let mut record = HuntRecord::read(path).unwrap();
    for shard in record.shards.values_mut() {
        (shard.wall_s, shard.cpu_s) = (0.0, 0.0);
    }
    record
}

/// A run of the catalog: its folder.
fn a_run(folder: &Path) -> String {
    let scenario = "leader-crash-keeps-acknowledged-records";
    let made = tribunal(folder, &["run", scenario, "--seed", "3", "--no-report"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    format!("target/tribunal/{scenario}/0x3")
}

#[test]
fn what_a_hunt_finds_does_not_depend_on_the_jobs() {
    let folder = scratch("jobs");
    let hunt = |jobs: &str| {
        let arguments = ["hunt", "--seeds", "0..40", "--bug", BUG, "--no-shrink", "-j", jobs, "--out", "hunt"];
        let output = tribunal(&folder, &arguments);
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        timeless(&folder.join("hunt/hunt.json"))
    };
    let (one, three) = (hunt("1"), hunt("3"));
    assert_eq!(one, three);
    assert_eq!(one.runs_done(), 40);
    assert!(!one.failures.is_empty() && !one.marks.is_empty() && !one.reached.is_empty());
}

#[test]
fn parts_are_hunted_by_processes_and_merged_in_any_order() {
    let folder = scratch("parts");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../farms/local.sh");
    let farm = Command::new("bash")
        .arg(script)
        .args(["3", "0..60", "farm", "--no-shrink"])
        .env("TRIBUNAL", TRIBUNAL)
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(farm.status.code(), Some(0), "{farm:?}");
    let merged = timeless(&folder.join("farm/merged.json"));
    assert_eq!((merged.runs_done(), merged.shards.len()), (60, 3));
    let parts = ["farm/part-3.json", "farm/part-1.json", "farm/part-2.json", "farm/part-1.json"];
    let again = tribunal(&folder, &[&["merge"], &parts[..], &["--out", "again.json"]].concat());
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(timeless(&folder.join("again.json")), merged);
    let missing = tribunal(&folder, &["merge", "farm/part-1.json", "farm/part-3.json"]);
    assert_eq!(missing.status.code(), Some(96));
    assert!(err(&missing).contains("parts are missing: 0x0..0x3c 2/3"), "{missing:?}");
}

#[test]
fn a_find_shrinks_to_a_regression_that_is_replayed_and_holds_without_the_bug() {
    let folder = scratch("shrink");
    let hunt = ["hunt", "--seeds", "0..400", "--bug", BUG, "--fail-fast", "--message-format", "json"];
    let output = tribunal(&folder, &[&hunt[..], &["--regressions", "small", "--junit", "hunt.xml"]].concat());
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    let shrunk = lines(&output, "shrunk");
    let path = shrunk[0]["path"].as_str().unwrap();
    let [before, after] = [0, 1].map(|n| shrunk[0]["operations"][n].as_u64().unwrap());
    assert!(after < before && after <= 10, "{before} → {after} operations");
    assert!(shrunk[0]["faults"][1].as_u64().unwrap() <= 3);
    assert!(fs::read_to_string(folder.join("hunt.xml")).unwrap().contains(r#"<testsuite name="hunt""#));
    // With the bug of the file, and the trace that the file says.
    let replayed = tribunal(&folder, &["replay", path]);
    assert_eq!(replayed.status.code(), Some(100), "{replayed:?}");
    assert!(out(&replayed).contains("identical"), "{replayed:?}");
    let held = tribunal(&folder, &["run", path]);
    assert_eq!(held.status.code(), Some(0), "{held:?}");
    let text = fs::read_to_string(folder.join(path)).unwrap();
    let hash = text.lines().find(|line| line.starts_with("trace_hash")).unwrap();
    fs::write(folder.join("other.toml"), text.replace(hash, "trace_hash = \"0x1\"")).unwrap();
    let parted = tribunal(&folder, &["replay", "other.toml"]);
    assert_eq!(parted.status.code(), Some(122), "a trace that is not the file's: {parted:?}");
    let elder = text.replace(hash, "trace_hash = \"0x1\"").replace("tribunal = \"", "tribunal = \"0.0.");
    fs::write(folder.join("elder.toml"), elder).unwrap();
    let of_another_version = tribunal(&folder, &["replay", "elder.toml"]);
    assert_eq!(of_another_version.status.code(), Some(100), "it fails as it did: {of_another_version:?}");
    assert!(err(&of_another_version).contains("note: found by tribunal 0.0."), "{of_another_version:?}");
    fs::write(folder.join("half.toml"), text.replace(hash, "")).unwrap();
    let half = tribunal(&folder, &["validate", "half.toml"]);
    assert_eq!(half.status.code(), Some(96));
    assert!(err(&half).contains("a regression without `trace_hash`"), "{half:?}");
}

/// The disk is full after more than a hundred records.
const FULL_DISK: &str = r#"
name = "a-disk-fills"
duration = "8s"
fault = [
    { at = "2s", pause = { broker = "broker 3" }, for = "300ms" },
    { at = "3s", full_disk = { broker = "leader:orders/0", free = 20000 }, for = "6s" },
]
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "orders"
replication = 2
[[workload]]
kind = "producer"
topic = "orders"
rate = "100/s"
for = "8s"
[expect]
eventually = { produce_within = "10s", consume_within = "10s", after = "heal" }
"#;

#[test]
fn a_find_that_takes_many_bytes_shrinks_to_few_records() {
    let folder = scratch("bytes");
    fs::write(folder.join("full.toml"), FULL_DISK).unwrap();
    let shrink = ["shrink", "full.toml", "--seed", "0", "--bug", "KAFKA-10778", "--out", "small"];
    let output = tribunal(&folder, &[&shrink[..], &["--message-format", "json"]].concat());
    let shrunk = lines(&output, "shrunk");
    assert_eq!(shrunk[0]["operations"][0], 800, "{output:?}");
    assert!(shrunk[0]["operations"][1].as_u64().unwrap() <= 3, "{output:?}");
    assert_eq!(shrunk[0]["faults"][1], 1, "{output:?}");
}

#[test]
fn two_runs_are_compared_event_by_event() {
    let folder = scratch("diff");
    let run = a_run(&folder);
    let plan = format!("{run}/plan.toml");
    let equal = tribunal(&folder, &["diff", &run, &plan]);
    assert_eq!(equal.status.code(), Some(0), "{equal:?}");
    let text = fs::read_to_string(folder.join(&plan)).unwrap();
    fs::write(folder.join("other.toml"), text.replace("\"5s\"", "\"4s\"")).unwrap();
    let parted = tribunal(&folder, &["diff", &run, "other.toml", "--message-format", "json"]);
    assert_eq!(parted.status.code(), Some(100), "{parted:?}");
    let diff = &lines(&parted, "diff")[0];
    assert!(diff["event"].as_u64().unwrap() > 1_000, "both are the same until the broker starts again: {diff}");
    assert_ne!(diff["a"], diff["b"]);
    let dropped = tribunal(&folder, &["replay", &plan, "--drop-fault", "1", "--no-report"]);
    assert_eq!(dropped.status.code(), Some(0), "{dropped:?}");
    assert!(out(&dropped).contains(" 0 faults"), "{dropped:?}");
    let none = tribunal(&folder, &["replay", &plan, "--drop-fault", "9"]);
    assert_eq!((none.status.code(), err(&none).as_str()), (Some(2), "error: there is no fault 9: the plan has 1\n"));
}

#[test]
fn an_array_job_merges_once_its_last_task_is_done() {
    let folder = scratch("array");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../farms/slurm.sh");
    let task = |task: &str| {
        let variables = [
            ("SLURM_ARRAY_JOB_ID", "7"),
            ("SLURM_ARRAY_TASK_ID", task),
            ("SLURM_ARRAY_TASK_COUNT", "2"),
            ("TRIBUNAL", TRIBUNAL),
            ("SEEDS", "0..30"),
            ("BUDGET", "10m"),
        ];
        let output = Command::new("bash").arg(&script).envs(variables).current_dir(&folder).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    task("2");
    assert!(!folder.join("tribunal-7/merged.json").exists(), "a part is missing");
    task("1");
    assert_eq!(timeless(&folder.join("tribunal-7/merged.json")).runs_done(), 30);
    assert!(fs::read_to_string(folder.join("tribunal-7/junit.xml")).unwrap().contains("<testsuite"));
}

#[test]
fn a_hunt_that_is_interrupted_keeps_what_it_found_and_says_how_to_go_on() {
    let folder = scratch("interrupted");
    let mut hunt = Command::new(TRIBUNAL)
        .args(["hunt", "--seeds", "0..1000000", "--bug", BUG, "--no-shrink", "--out", "hunt"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(hunt.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("strong-isr") {
        line.clear();
        assert_ne!(printed.read_line(&mut line).unwrap(), 0, "the hunt ended");
    }
    assert!(Command::new("kill").args(["-INT", &hunt.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    printed.read_to_string(&mut rest).unwrap();
    assert_eq!(hunt.wait().unwrap().code(), Some(100), "{rest}");
    let record = timeless(&folder.join("hunt/hunt.json"));
    assert!(!record.failures.is_empty() && record.runs_done() > 0);
    let next = record.shards.values().next().unwrap().done_until;
    let says = |what: &str| rest.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    let again = format!("tribunal hunt --seeds {next:#x}..0xf4240 --bug {BUG} --no-shrink --out hunt-{next:x}");
    assert_eq!(says("interrupted; to continue: "), again, "{rest}");
    // The rest of it, if the hunt had been shorter, and both together.
    let end = format!("{:#x}", next + 4);
    let rest_of_it: Vec<String> = again.replace("0xf4240", &end).split(' ').skip(1).map(str::to_owned).collect();
    let went_on = tribunal(&folder, &rest_of_it.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(folder.join(format!("hunt-{next:x}/hunt.json")).exists(), "{went_on:?}");
    let merge: Vec<&str> = says("then combine both: ").split(' ').skip(1).collect();
    let both = tribunal(&folder, &merge);
    assert_eq!(both.status.code(), Some(100), "{both:?}");
    assert!(out(&both).contains(&format!(" {} seeds ", next + 4)), "{both:?}");
}

#[test]
fn a_replay_ends_where_it_is_told_and_prints_what_a_broker_did() {
    let folder = scratch("until");
    let run = a_run(&folder);
    let part = |until: &str| {
        let output = tribunal(&folder, &["replay", &run, "--until", until, "--log", "broker2=trace", "--no-report"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        out(&output)
    };
    let log = |text: &str| -> Vec<u64> {
        let lines = text.lines().filter(|line| line.split_whitespace().nth(2) == Some("n2"));
        lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
    };
    let (short, long) = (part("500ms"), part("1s"));
    let (few, more) = (log(&short), log(&long));
    assert!(few.len() > 10 && more.len() > few.len() && more.starts_with(&few), "{} {}", few.len(), more.len());
    assert!(!short.contains("identical"), "there is nothing to compare a part with: {short}");
    let to_event = log(&part(&few[few.len() - 1].to_string()));
    assert_eq!(to_event, few, "the number of an event says as much as its time");
    for (arguments, said) in [
        (["--until", "999999999"], "there is no event"),
        (["--until", "9h"], "32400s is after the end: the run ends at 3"),
        (["--log", "broker9"], "no broker 9"),
    ] {
        let output = tribunal(&folder, &[&["replay", &run], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(err(&output).contains(said), "{output:?}");
    }
}

#[test]
fn what_cannot_be_hunted_is_refused_with_the_reason() {
    let folder = scratch("refused");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["hunt", "--partition", "hash:1/4"], 2, "--seeds"),
        (&["hunt", "--seeds", "0..9", "--partition", "hash:5/4"], 2, "parts are counted from 1 to 4"),
        (&["hunt", "--budget", "5"], 2, "needs a unit"),
        (&["hunt", "--budget", "0s"], 2, "in no time nothing is hunted"),
        (&["hunt", "--bug", "KIP-100"], 2, "did you mean KIP-101?"),
        (&["merge", "nowhere.json"], 96, "nowhere.json"),
    ];
    for (arguments, code, said) in cases {
        let output = tribunal(&folder, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(err(&output).contains(said), "{arguments:?}: {}", err(&output));
    }
}
