//! The command line from outside: exit codes, and what is said where.

use std::fs;

use super::support::{err, out, scratch, tribunal};

#[test]
fn a_new_scenario_validates_and_is_never_overwritten() {
    let folder = scratch("new");
    let made = tribunal(&folder, &["new", "orders-survive"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert_eq!(out(&made), "wrote orders-survive.toml\nnext: tribunal run orders-survive.toml\n");
    let checked = tribunal(&folder, &["validate", "orders-survive.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
    assert_eq!(out(&checked), "ok orders-survive.toml: orders-survive, seeds 0..10, 20s simulated\n");
    let again = tribunal(&folder, &["new", "orders-survive.toml"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("orders-survive.toml: "), "{}", err(&again));
    let unnameable = tribunal(&folder, &["new", "Orders Survive"]);
    assert_eq!(unnameable.status.code(), Some(2));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_bad_scenario_is_96_with_its_place() {
    let folder = scratch("bad");
    fs::write(folder.join("a.toml"), "name = \"a\"\n[[topic]]\nname = \"t\"\nreplication = 5\n").unwrap();
    fs::write(folder.join("plan.toml"), "format = 7\n").unwrap();
    for command in ["validate", "run"] {
        let output = tribunal(&folder, &[command, "a.toml"]);
        assert_eq!(output.status.code(), Some(96), "{command}");
        assert!(
            err(&output).contains("error: 5 replicas need as many brokers\n --> a.toml:4:15\n"),
            "{}",
            err(&output)
        );
    }
    let both = tribunal(&folder, &["validate", "."]);
    assert_eq!(both.status.code(), Some(96));
    assert!(err(&both).contains("a.toml:4:15") && err(&both).contains("plan.toml:1:10"), "{}", err(&both));
    let json = tribunal(&folder, &["validate", "a.toml", "--message-format", "json"]);
    assert_eq!(json.status.code(), Some(96));
    let first: serde_json::Value = serde_json::from_str(out(&json).lines().next().unwrap()).unwrap();
    assert_eq!((&first["type"], &first["line"], &first["column"]), (&"diagnostic".into(), &4.into(), &15.into()));
}

#[test]
fn missing_files_and_empty_folders_are_told_apart() {
    let folder = scratch("missing");
    let missing = tribunal(&folder, &["validate", "no.toml"]);
    assert_eq!(missing.status.code(), Some(96));
    assert_eq!(err(&missing), "error: no.toml: no such file\n");
    let misspelt = tribunal(&folder, &["run", "isolated-leadr-is-replaced"]);
    assert_eq!(misspelt.status.code(), Some(96));
    let said = "isolated-leadr-is-replaced: no such file; did you mean isolated-leader-is-replaced?";
    assert_eq!(err(&misspelt), format!("error: {said}\n"));
    let empty = tribunal(&folder, &["run", "."]);
    assert_eq!(empty.status.code(), Some(4));
    assert!(err(&empty).contains("there are no .toml files"), "{}", err(&empty));
    let run = tribunal(&folder, &["replay", "."]);
    assert_eq!(run.status.code(), Some(96));
    assert!(err(&run).contains(".: not the folder of a run"), "{}", err(&run));
    let gone = tribunal(&folder, &["report", "gone"]);
    assert_eq!((gone.status.code(), err(&gone).as_str()), (Some(96), "error: gone: no such folder\n"));
    fs::create_dir_all(folder.join("runs/0x7")).unwrap();
    fs::write(folder.join("runs/0x7/verdict.json"), "{}").unwrap();
    let above = tribunal(&folder, &["replay", "runs"]);
    assert!(err(&above).contains("did you mean runs/0x7?"), "{}", err(&above));
}

#[test]
fn wrong_usage_is_2() {
    let folder = scratch("usage");
    for (arguments, said) in [
        (&["run", "--seed", "x"][..], "is not a seed"),
        (&["run", "--seeds", "9..3"], "there is no seed in 9..3"),
        (&["run", "--seed", "1", "--seeds", "0..3"], "cannot be used with"),
        (&["run", "-j", "0"], "1 or more"),
        (&["run", "--bug", "KIP-102"], "did you mean KIP-101?"),
        (&["run", "--profile", "fast"], "possible values: default, ci"),
        (&["replay", "scenarios/catalog/isolated-leader-is-replaced.toml"], "a scenario file needs --seed"),
        (&["validate"], "required arguments"),
        (&["judge"], "unrecognized subcommand"),
    ] {
        let output = tribunal(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(said), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn a_run_whose_trace_is_of_another_version_or_another_run_is_not_replayed() {
    let folder = scratch("trace");
    let made = tribunal(&folder, &["run", "isolated-leader-is-replaced", "--seed", "1", "--out", "out"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let run = folder.join("out/isolated-leader-is-replaced/0x1");
    let whole = fs::read(run.join("trace.bin")).unwrap();
    let mut other_version = whole.clone();
    other_version[8] = 99;
    for (bytes, said) in [
        (&other_version[..], "trace.bin: a trace of version 99; this build reads version "),
        (&whole[..whole.len() / 2], "trace.bin: corrupt trace at byte "),
        (b"nothing", "trace.bin: not a trace"),
    ] {
        fs::write(run.join("trace.bin"), bytes).unwrap();
        let output = tribunal(&folder, &["replay", run.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(96), "{said}");
        assert!(err(&output).contains(said), "{said}: {}", err(&output));
    }
    fs::write(run.join("trace.bin"), &whole).unwrap();
    let output = tribunal(&folder, &["replay", run.to_str().unwrap()]);
    assert_eq!((output.status.code(), out(&output).contains("identical")), (Some(0), true), "{}", out(&output));
}

#[test]
fn the_catalog_is_there_from_any_folder() {
    let folder = scratch("catalog");
    for name in ["scenarios/catalog/isolated-leader-is-replaced.toml", "isolated-leader-is-replaced"] {
        let output = tribunal(&folder, &["validate", name]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(
            out(&output).starts_with("ok scenarios/catalog/isolated-leader-is-replaced.toml: "),
            "{}",
            out(&output)
        );
    }
}

#[test]
fn lists_are_complete_in_both_forms() {
    let folder = scratch("list");
    let people = out(&tribunal(&folder, &["list"]));
    for name in ["leader-crash-keeps-acknowledged-records", "rolling_restart", "lost-write", "KIP-101", "vote-granted"]
    {
        assert!(people.contains(&format!("\n  {name} ")), "{name}: {people}");
    }
    let machine = out(&tribunal(&folder, &["list", "bugs", "--message-format", "json"]));
    let lines: Vec<serde_json::Value> = machine.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), tribunal_common::Bug::ALL.len());
    assert_eq!(lines[0]["name"], "KIP-101");
    let keys = out(&tribunal(&folder, &["list", "keys"]));
    for key in
        ["[cluster]", "min_insync = 1", "[[workload]]", "kind = \"consumer\"", "crash = { … }", "leader:orders/0"]
    {
        assert!(keys.contains(key), "{key}: {keys}");
    }
}

#[test]
fn help_documents_the_exit_codes() {
    let folder = scratch("help");
    for arguments in [&["--help"][..], &["run", "--help"]] {
        let help = out(&tribunal(&folder, arguments));
        for code in ["\n  0 ", "\n  1 ", "\n  2 ", "\n  4 ", "\n  96 ", "\n  100 ", "\n  120 ", "\n  121 ", "\n  122 "]
        {
            assert!(help.replace('\t', " ").contains(code), "{code:?} in {help}");
        }
    }
}
