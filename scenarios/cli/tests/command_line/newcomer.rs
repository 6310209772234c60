//! The first minutes: what is said to somebody who does not know the command line yet, and to every slip of theirs.

use std::fs;

use super::support::{err, out, scratch, tribunal};

#[test]
fn without_a_command_the_first_page_is_shown_and_no_script_passes() {
    let folder = scratch("first-page");
    let page = tribunal(&folder, &[]);
    assert_eq!((page.status.code(), err(&page).as_str()), (Some(2), ""));
    for line in out(&page).lines().filter_map(|line| line.strip_prefix("  tribunal ")) {
        let command = line.split_whitespace().next().unwrap();
        let help = tribunal(&folder, &[command, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{line}");
    }
    assert!(out(&page).contains("tribunal demo") && out(&page).contains("Exit code 2"), "{}", out(&page));
}

#[test]
fn a_new_scenario_runs_as_it_is() {
    let folder = scratch("new-runs");
    assert_eq!(tribunal(&folder, &["new", "mine"]).status.code(), Some(0));
    let run = tribunal(&folder, &["run", "mine.toml", "--no-report"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
    assert!(out(&run).contains("10 runs in"), "{}", out(&run));
}

#[test]
fn in_an_empty_folder_the_built_in_scenarios_run() {
    let folder = scratch("empty-run");
    let run = tribunal(&folder, &["run", "--seed", "0", "--no-report"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
    assert!(
        out(&run).starts_with("no file is named, so the built-in regressions and scenarios run: "),
        "{}",
        out(&run)
    );
    assert!(out(&run).contains("leader-crash-keeps-acknowledged-records"), "{}", out(&run));
    assert!(out(&run).contains("lost-format-number-after-rot"), "regressions run too: {}", out(&run));
}

#[test]
fn a_property_is_explained_with_what_broke_it_and_how_to_read_its_report() {
    let folder = scratch("explain");
    let told = tribunal(&folder, &["explain", "elr-holds-high-watermark"]);
    assert_eq!(told.status.code(), Some(0), "{}", err(&told));
    for part in ["(property)", "KAFKA-15583", "Judged after every event", "In the report: "] {
        assert!(out(&told).contains(part), "{part}: {}", out(&told));
    }
    // What is said of the bug is so: it breaks that property in that scenario.
    let bug = out(&tribunal(&folder, &["explain", "KAFKA-15583"]));
    assert!(bug.contains("Breaks: elr-holds-high-watermark"), "{bug}");
    let next = bug.lines().find_map(|line| line.strip_prefix("Next: tribunal ")).unwrap();
    let mut arguments: Vec<&str> = next.split(' ').collect();
    arguments.push("--no-report");
    let run = tribunal(&folder, &arguments);
    assert_eq!(run.status.code(), Some(100), "{next}: {}", err(&run));
    assert!(out(&run).contains("  elr-holds-high-watermark: "), "{}", out(&run));
    let code = out(&tribunal(&folder, &["explain", "122"]));
    assert!(code.contains("the replay did not reproduce the run") || code.contains("The replay did not"), "{code}");
    let json = out(&tribunal(&folder, &["explain", "crash", "--message-format", "json"]));
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["kind"], "fault");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = scratch("completions");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = tribunal(&folder, &["completions", shell]);
        assert_eq!(text.status.code(), Some(0), "{shell}: {}", err(&text));
        assert!(out(&text).contains("check-refinement"), "{shell}");
    }
    let page = out(&tribunal(&folder, &["man"]));
    assert!(page.contains(".TH tribunal 1") && page.contains("tribunal\\-hunt(1)"), "{page}");
    let page = out(&tribunal(&folder, &["man", "hunt"]));
    assert!(page.contains(".TH tribunal-hunt 1") && page.contains("budget"), "{page}");
}

/// Command lines with a slip: the exit code, and what helps.
const SLIPS: &[(&str, i32, &str)] = &[
    ("rnu", 2, "tip: a similar subcommand exists: 'run'"),
    ("hnut", 2, "tip: a similar subcommand exists: 'hunt'"),
    ("help rnu", 2, "unrecognized subcommand 'rnu'"),
    ("--seed 1", 2, "Usage: tribunal [COMMAND]"),
    ("run nothere", 96, "nothere: no such file, and no built-in scenario; `tribunal list scenarios` lists those"),
    ("run nothere.toml", 96, "nothere.toml: no such file"),
    ("run leader-crash", 96, "did you mean leader-crash-keeps-acknowledged-records?"),
    ("run leader-crash.toml", 96, "did you mean leader-crash-keeps-acknowledged-records?"),
    ("run mine", 96, "mine: no such file; did you mean mine.toml?"),
    ("run empty", 4, "empty: there are no .toml files"),
    ("run mine.toml --seeds 5", 2, "seeds are a range such as 0..20, the end not included"),
    ("run mine.toml --seeds 0-5", 2, "seeds are a range such as 0..20"),
    ("run mine.toml --seed -1", 2, "invalid value '-1' for '--seed <S>'"),
    ("run mine.toml --sed 1", 2, "a similar argument exists: '--seed'"),
    ("run mine.toml --jobs=0", 2, "a whole number is needed, 1 or more"),
    ("run mine.toml --profile CI", 2, "possible values: default, ci"),
    ("run mine.toml --bug KAFKA15583", 2, "did you mean KAFKA-15583?"),
    ("run mine.toml --message-format yaml", 2, "possible values: human, json"),
    ("replay", 2, "<WHAT>"),
    ("replay mine.toml", 2, "a scenario file needs --seed, such as --seed 0"),
    ("replay target/tribunal/latest", 96, "target/tribunal/latest: no such file"),
    ("replay mine.toml --seed 1 --drop-fault 9", 2, "there is no fault 9: the plan has 1"),
    ("replay mine.toml --seed 1 --until 99s", 2, "99s is after the end"),
    ("replay mine.toml --seed 1 --until soon", 2, "or the number of an event is needed"),
    ("replay mine.toml --seed 1 --log 9", 2, "there is no broker 9: the plan has 1 to 3"),
    ("replay mine.toml --seed 1 --log leader", 2, "such as broker2"),
    ("shrink empty", 96, "empty: not the folder of a run: there is no verdict.json in it"),
    ("diff empty empty", 96, "empty: not the folder of a run: there is no trace.bin in it"),
    ("merge part-1.json", 96, "part-1.json: no such file; a hunt writes its record to --out"),
    ("check replca", 4, "did you mean replica?"),
    ("check nothere.toml", 96, "nothere.toml: no such file; `tribunal list checks` lists the configurations"),
    ("check mine.toml", 96, "this is a scenario: run it with `tribunal run`"),
    ("validate", 2, "<FILES>..."),
    ("list bug", 2, "a similar value exists: 'bugs'"),
    ("new", 2, "<NAME>"),
    ("new Mine", 2, "lower case letters, digits and dashes only"),
    ("new mine", 1, "mine.toml: the file is there already; it is left as it is"),
    ("new nowhere/mine", 1, "nowhere/mine.toml: there is no such folder; make it first"),
    ("new mine.yaml", 2, "scenario files are TOML"),
    ("report mine.toml", 96, "mine.toml: not the folder of a run"),
    ("export empty --as json", 2, "a similar value exists: 'jsonl'"),
    ("sweep mine.toml", 2, "there is no [sweep] in it"),
    ("serve --brokers 0", 2, "0 is not in 1.."),
    ("serve --config foo", 2, "`foo` is no NAME=VALUE"),
    ("hunt --budget 5", 2, "needs a unit: ns, us, ms, s, m or h"),
    ("hunt --partition 1/4", 2, "a part is hash:M/N"),
    ("explain", 2, "<NAME>"),
    ("explain lost-writ", 2, "did you mean `lost-write`?"),
    ("explain 7", 2, "exit codes are 0, 1, 2, 4, 96, 100, 120, 121, 122"),
    ("explain zzzz", 2, "`tribunal list` shows the names"),
    ("completions tcsh", 2, "possible values: bash"),
    ("man rnu", 2, "did you mean `run`?"),
];

#[test]
fn every_slip_is_told_with_what_helps() {
    let folder = scratch("slips");
    assert_eq!(tribunal(&folder, &["new", "mine"]).status.code(), Some(0));
    let written = fs::read_to_string(folder.join("mine.toml")).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (line, code, helps) in SLIPS {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = tribunal(&folder, &arguments);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(*code), "{line}: {said}");
        assert!(said.starts_with("error: ") && said.contains(helps), "{line}: {said}");
        // What the system says of files is for programmers.
        assert!(!said.contains("os error"), "{line}: {said}");
    }
    assert_eq!(fs::read_to_string(folder.join("mine.toml")).unwrap(), written, "no slip changes a file");
}

/// A whole scenario, of which each slip replaces a part.
const WHOLE: &str = r#"name = "orders"
[[topic]]
name = "orders"
replication = 3
min_insync = 2
[[workload]]
kind = "producer"
topic = "orders"
[[fault]]
at = "3s"
crash = { broker = "leader:orders/0" }
"#;

/// What is replaced, by what, and what helps.
const SLIPS_OF_A_FILE: &[(&str, &str, &str)] = &[
    ("replication", "replicaton", "did you mean `replication`?"),
    ("min_insync = 2", "min_insync = 4", "there are 3 replicas"),
    ("min_insync", "min.insync.replicas", "did you mean `min_insync`?"),
    ("at = \"3s\"", "at = 3", "expected a duration, such as \"3s\", found an integer"),
    ("at = \"3s\"", "at = \"3\"", "needs a unit"),
    ("at = \"3s\"\n", "", "a [[fault]] that never happens"),
    ("crash", "crsh", "did you mean `crash`?"),
    ("leader:orders/0", "leader:order/0", "did you mean `orders`?"),
    ("leader:orders/0", "broker 9", "brokers are 1 to 3"),
    ("{ broker", "{ brokr", "did you mean `broker`?"),
    ("/0\" }", "/0\", restart_after = \"1s\" }", "`restart_after` stands beside the action"),
    ("[[topic]]", "[topic]", "write [[topic]]"),
    ("[[topic]]", "[[topics]]", "did you mean `topic`?"),
    ("[[topic]]", "[[topic]", "not TOML: unclosed array table"),
    ("kind = \"producer\"", "kind = \"Producer\"", "did you mean `producer`?"),
    ("kind = \"producer\"\n", "", "needs `kind`, \"producer\" or \"consumer\""),
    ("name = \"orders\"\n[", "[cluster]\nname = \"orders\"\n[", "`name` stands at the top of the file"),
    ("name = \"orders\"\n[", "name = orders\n[", "string values must be quoted"),
];

#[test]
fn every_slip_in_a_file_is_told_at_its_place_with_what_helps() {
    let folder = scratch("slips-of-files");
    for (whole, slip, helps) in SLIPS_OF_A_FILE {
        assert!(WHOLE.contains(whole), "{whole}");
        fs::write(folder.join("orders.toml"), WHOLE.replacen(whole, slip, 1)).unwrap();
        let output = tribunal(&folder, &["validate", "orders.toml"]);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(96), "{slip}: {said}");
        assert!(said.contains(helps) && said.contains("--> orders.toml:"), "{slip}: {said}");
    }
}
