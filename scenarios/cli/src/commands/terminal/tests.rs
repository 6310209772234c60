use std::collections::BTreeSet;
use std::path::PathBuf;

use tribunal_common::{Bug, ObsKind};
use tribunal_model::Property;

use super::*;

fn run(verdict: Verdict) -> RunOutcome {
    RunOutcome {
        scenario: "leader-crash-keeps-acknowledged-records".into(),
        path: "scenarios/catalog/leader-crash.toml".into(),
        scenario_path: "scenarios/catalog/leader-crash.toml".into(),
        seed: 0x2a,
        verdict,
        violations: Vec::new(),
        expected: Vec::new(),
        allowed: Vec::new(),
        simulated: Span::from_secs(30),
        wall: Duration::from_millis(412),
        operations: 5_912,
        faults: 7,
        trace_hash: 0x9f3c_0000_0000_0001,
        other_hash: None,
        reached: BTreeSet::new(),
        limit: None,
        notes: Vec::new(),
        bugs: Vec::new(),
        of_seed: true,
        identical: false,
        folder: None,
        report: None,
    }
}

fn violation(name: &str) -> Violation {
    let detail = "orders/0 offset 517, acknowledged at 6.104 s, absent after epoch 4".into();
    let violation = Violation::new(Property::from_name(name).unwrap(), detail, 6_911_000_000);
    Violation { cause: "6.102 b1 acknowledges → 6.103 b1 loses power".into(), line: Some(18), ..violation }
}

#[test]
fn a_run_that_holds_is_one_line() {
    assert_eq!(
        run_text(&run(Verdict::Held), "PASS"),
        "PASS [0.41s | 30s simulated] leader-crash-keeps-acknowledged-records seed 0x2a   \
         5,912 operations · 7 faults · trace 9f3c…\n"
    );
    let expected =
        RunOutcome { expected: vec![violation("lost-write"), violation("lost-write")], ..run(Verdict::Held) };
    assert!(run_text(&expected, "PASS").ends_with("trace 9f3c… · expected lost-write\n"));
}

#[test]
fn a_note_stands_below_the_run_whatever_it_comes_to() {
    let note = "500 acknowledged records were deleted before any client read them: events/0";
    for (verdict, word) in [(Verdict::Held, "PASS"), (Verdict::Violated, "FAIL")] {
        let noted = RunOutcome { notes: vec![note.into()], ..run(verdict) };
        assert!(run_text(&noted, word).contains(&format!("\n  note: {note}\n")), "{word}");
    }
}

#[test]
fn a_violation_is_shown_with_its_place_replay_and_report() {
    let failed = RunOutcome {
        simulated: Span::from_millis(14_200),
        violations: vec![violation("lost-write")],
        bugs: vec![Bug::Kip101],
        folder: Some(PathBuf::from("target/tribunal/leader-crash/0x2a")),
        report: Some(PathBuf::from("target/tribunal/leader-crash/0x2a/report.html")),
        ..run(Verdict::Violated)
    };
    assert_eq!(
        run_text(&failed, "FAIL"),
        "FAIL [0.41s | 14.2s simulated] leader-crash-keeps-acknowledged-records seed 0x2a\n  \
         lost-write: orders/0 offset 517, acknowledged at 6.104 s, absent after epoch 4\n  \
         6.102 b1 acknowledges → 6.103 b1 loses power\n  \
         at scenarios/catalog/leader-crash.toml:18\n  \
         replay: tribunal replay scenarios/catalog/leader-crash.toml --seed 0x2a --bug KIP-101\n  \
         report: target/tribunal/leader-crash/0x2a/report.html\n"
    );
}

#[test]
fn a_replay_says_identical_or_what_differs() {
    let same = RunOutcome { identical: true, ..run(Verdict::Held) };
    assert!(run_text(&same, "PASS").ends_with("trace 9f3c… · identical\n"));
    let other = RunOutcome { other_hash: Some(0x1234 << 48), ..run(Verdict::NotReproduced) };
    assert!(run_text(&other, "FAIL").contains("\n  not reproduced: trace 9f3c…, recorded 1234…\n"));
    let twice = RunOutcome { other_hash: Some(0x1234 << 48), ..run(Verdict::NotDeterministic) };
    assert!(run_text(&twice, "FAIL").contains("\n  not deterministic: trace 9f3c…, and then 1234…\n"));
}

#[test]
fn a_scenario_that_did_not_show_what_it_must_says_so() {
    let scenario = ScenarioOutcome {
        scenario: "unclean".into(),
        path: "scenarios/catalog/unclean.toml".into(),
        runs: 10,
        violated: 0,
        never_shown: vec![Property::LostWrite],
        hints: vec!["raise `rate`".into()],
        never_reached: vec![ObsKind::IsrShrunk],
        expected: Vec::new(),
        simulated: Span::from_secs(300),
        wall: Duration::from_secs(2),
        operations: 1,
        faults: 1,
        trace_hash: 1,
    };
    assert_eq!(
        lacking(&scenario, "FAIL"),
        "FAIL [2.00s | 300s simulated] unclean over 10 seeds\n  \
         lost-write: this is expected here, and no run showed it\n  \
         help: raise `rate`\n  \
         never reached: isr-shrunk\n  \
         at scenarios/catalog/unclean.toml\n"
    );
    assert!(!scenario.is_whole());
}

#[test]
fn the_summary_counts_what_there_is() {
    let summary = Summary {
        requested: 12_000,
        held: 1_044,
        violated: 1,
        wall: Duration::from_millis(2_310),
        ..Summary::default()
    };
    assert_eq!(summary_text(&summary), "12,000 runs in 2.31s: 1,044 held · 1 violated · 10,955 not run\n");
    let summary = Summary { report: Some(PathBuf::from("target/tribunal/latest/report.html")), ..summary };
    assert!(summary_text(&summary).ends_with("not run\nreport: target/tribunal/latest/report.html\n"));
}
