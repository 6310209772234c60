//! `tribunal check` from outside: exit codes, what is covered, and plans that `replay` follows.

use std::fs;

use super::support::{err, out, scratch, tribunal};

#[test]
fn what_is_exhausted_and_holds_is_0_and_counts_what_it_saw() {
    let done = tribunal(&scratch("held"), &["check", "quorum-3-snapshot"]);
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert!(out(&done).starts_with("ok quorum-3-snapshot: 82,793 distinct states, "), "{}", out(&done));
}

#[test]
fn a_limit_is_120_and_says_what_was_covered_of_how_much() {
    let folder = scratch("limit");
    let done = tribunal(&folder, &["check", "replica", "--limit", "20000"]);
    assert_eq!(done.status.code(), Some(120));
    let said = out(&done);
    assert!(said.contains("replica: cannot finish: it has 1,748,026 distinct states"), "{said}");
    assert!(
        said.contains("LIMIT replica: ") && said.contains("distinct states (known); all would take about"),
        "{said}"
    );
    let mine =
        "machines = \"quorum\"\nnodes = 4\nsyncs = \"eager\"\n[budgets]\nelections = 3\n[expect]\nlimit = 9_000\n";
    fs::write(folder.join("mine.toml"), mine).unwrap();
    let done = tribunal(&folder, &["check", "mine.toml"]);
    assert_eq!(done.status.code(), Some(120));
    let said = out(&done);
    assert!(said.contains("mine: cannot finish: it has about, by a guess, "), "{said}");
    assert!(
        said.contains("% of what ") && said.contains(" random walks met was covered); all would take about"),
        "{said}"
    );
}

#[test]
fn a_planted_bug_is_100_with_a_plan_that_replays_and_without_it_does_not() {
    let folder = scratch("bug");
    let found = tribunal(&folder, &["check", "replica", "--bug", "KIP-101"]);
    assert_eq!(found.status.code(), Some(100), "{}", err(&found));
    let said = out(&found);
    let plan = "target/tribunal/check/replica/plan.toml";
    assert!(said.contains("strong-isr") && said.contains(&format!("replay: tribunal replay {plan}")), "{said}");
    let again = tribunal(&folder, &["replay", plan]);
    assert_eq!(again.status.code(), Some(100), "{}{}", out(&again), err(&again));
    let run = "target/tribunal/check/replica/replay";
    assert!(out(&again).contains(&format!("report: {run}/report.html")), "{}", out(&again));
    assert_eq!(tribunal(&folder, &["report", run]).status.code(), Some(0));
    assert_eq!(tribunal(&folder, &["replay", run]).status.code(), Some(100), "a run's folder has the plan");
    let healthy = fs::read_to_string(folder.join(plan)).unwrap().replace("bugs = [\"KIP-101\"]\n", "");
    fs::write(folder.join("healthy.toml"), healthy).unwrap();
    assert_eq!(tribunal(&folder, &["replay", "healthy.toml"]).status.code(), Some(122));
    assert_eq!(tribunal(&folder, &["replay", plan, "--seed", "1"]).status.code(), Some(2));
}

#[test]
fn a_cluster_that_gets_nowhere_is_100_and_so_is_its_replay() {
    let folder = scratch("stuck");
    let (_, lookup) = tribunal_checker::SHIPPED.iter().find(|(file, _)| *file == "replica-lookup.toml").unwrap();
    // Calls that failed are never made again.
    fs::write(folder.join("mine.toml"), lookup.replace("backoffs = 0\n", "")).unwrap();
    let found = tribunal(&folder, &["check", "mine.toml"]);
    assert_eq!(found.status.code(), Some(100), "{}", err(&found));
    assert!(out(&found).contains("no-progress: after faults have ended"), "{}", out(&found));
    let again = tribunal(&folder, &["replay", "target/tribunal/check/mine/plan.toml"]);
    assert_eq!(again.status.code(), Some(100), "{}{}", out(&again), err(&again));
    assert!(out(&again).contains("no-progress: after faults have ended"), "{}", out(&again));
}

#[test]
fn an_unknown_configuration_is_4_and_a_wrong_one_96_with_its_place() {
    let folder = scratch("wrong");
    let unknown = tribunal(&folder, &["check", "replicas"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(err(&unknown).contains("did you mean replica?"), "{}", err(&unknown));
    fs::write(
        folder.join("mine.toml"),
        "machines = \"quorum\"\nnodes = 3\n[budgets]\ncrash = 1\n[expect]\nlimit = 1\n",
    )
    .unwrap();
    let wrong = tribunal(&folder, &["check", "mine.toml"]);
    assert_eq!(wrong.status.code(), Some(96));
    assert!(err(&wrong).contains("unknown budget `crash`\n --> mine.toml:4:1"), "{}", err(&wrong));
    assert_eq!(tribunal(&folder, &["check", "gone/mine.toml"]).status.code(), Some(96));
    assert_eq!(tribunal(&folder, &["check", "--explore"]).status.code(), Some(2));
}

#[test]
fn a_wrong_key_is_96_and_shown_where_it_is_with_the_nearest_name() {
    let folder = scratch("wrong-key");
    for (body, place, near) in [
        ("[budgets]\nelection = 1\n[expect]\nlimit = 1\n", "mine.toml:4:1", "did you mean `elections`?"),
        ("[budgets]\n[expect]\nlimits = 1\n", "mine.toml:5:1", "did you mean `limit`?"),
        (
            "[budgets]\n[expect]\nlimit = 1\nsometimes = [\"vote-grantd\"]\n",
            "mine.toml:6:14",
            "did you mean `vote-granted`?",
        ),
    ] {
        fs::write(folder.join("mine.toml"), format!("machines = \"quorum\"\nnodes = 3\n{body}")).unwrap();
        let done = tribunal(&folder, &["check", "mine.toml"]);
        assert_eq!(done.status.code(), Some(96));
        let said = err(&done);
        assert!(said.contains(place) && said.contains("^^^") && said.contains(near), "{said}");
    }
}

#[test]
fn a_hunt_that_holds_replicas_against_the_model_finds_their_wrong_steps() {
    let folder = scratch("refinement");
    let hunt = |more: &[&str]| {
        let common = ["hunt", "--seeds", "0..32", "--no-shrink", "--check-refinement", "--no-report"];
        tribunal(&folder, &[&common[..], more].concat())
    };
    let planted = hunt(&["--bug", "KIP-101"]);
    assert_eq!(planted.status.code(), Some(100), "{}", err(&planted));
    assert!(out(&planted).contains("refines-kip-320"), "{}", out(&planted));
    let honest = hunt(&[]);
    assert!(!out(&honest).contains("refines-kip-320"), "{}", out(&honest));
}
