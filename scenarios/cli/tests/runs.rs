//! Doing runs: order, verdicts, folders, panics, what must be shown over the seeds.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tribunal::commands::{Exit, JsonReporter};
use tribunal_common::{Bug, ObsKind};
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_model::Property;
use tribunal_reports::{ReportError, RunFolder};
use tribunal_world::run::{
    How, Kept, RunOptions, RunRequest, Subject, Summary, Trial, Verdict, Violation, World, execute,
};

const SCENARIO: &str = r#"
name = "orders"
[[topic]]
name = "orders"
[[workload]]
kind = "producer"
topic = "orders"
[[fault]]
at = "1s"
crash = { broker = "any" }
[expect]
never = ["lost-write"]
must = ["unseen"]
allow = ["strong-isr"]
sometimes = ["leader-elected"]
"#;

/// A world whose runs come out as the seed says.
struct Scripted<F>(F);

impl<F: Fn(u64) -> Trial + Sync> World for Scripted<F> {
    fn run(&self, plan: &Plan, how: &How<'_>) -> Result<Trial, ReportError> {
        if let Some(folder) = how.folder {
            folder.write_bytes("trace.bin", &[how.bugs.len() as u8])?;
        }
        Ok((self.0)(plan.seed))
    }
}

fn violation(name: &str) -> Violation {
    let property = Property::from_name(name).unwrap();
    Violation { line: Some(9), ..Violation::new(property, "orders/0 offset 5".into(), 0) }
}

fn trial(seed: u64, violated: &[&str]) -> Trial {
    Trial {
        violations: violated.iter().map(|name| violation(name)).collect(),
        trace_hash: seed + 100,
        operations: 10,
        faults: 1,
        reached: [ObsKind::LeaderElected].into(),
        ..Trial::default()
    }
}

fn scenario() -> Arc<Scenario> {
    Arc::new(Scenario::parse(Source::new("orders.toml", SCENARIO)).unwrap_or_else(|wrong| panic!("{wrong}")))
}

fn requests(seeds: std::ops::Range<u64>) -> Vec<RunRequest> {
    let scenario = scenario();
    let request = |seed| RunRequest { subject: Subject::Seed(scenario.clone(), seed), recorded: None, required: true };
    seeds.map(request).collect()
}

fn options(test: &str) -> RunOptions {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("runs").join(test);
    let _ = fs::remove_dir_all(&out);
    RunOptions { jobs: NonZeroUsize::new(3).unwrap(), ..RunOptions::quiet(out) }
}

fn done(requests: &[RunRequest], options: &RunOptions, world: impl Fn(u64) -> Trial + Sync) -> (Summary, Kept) {
    let mut kept = Kept::default();
    let summary = execute(requests, options, &Scripted(world), &mut kept).unwrap();
    (summary, kept)
}

#[test]
fn runs_are_reported_in_order_whatever_the_jobs() {
    let slow_start = |seed: u64| {
        if seed.is_multiple_of(4) {
            std::hint::black_box((0..100_000_u64).fold(0, |a, b| a ^ b));
        }
        trial(seed, &["unseen"])
    };
    let (summary, kept) = done(&requests(0..40), &options("order"), slow_start);
    let seeds: Vec<u64> = kept.runs.iter().map(|run| run.seed).collect();
    assert_eq!(seeds, (0..40).collect::<Vec<_>>());
    assert_eq!((summary.done(), summary.held), (40, 40));
    assert_eq!(Exit::of(&summary), Exit::AllHeld);
    let alone = RunOptions { jobs: NonZeroUsize::MIN, ..options("order") };
    let (_, again) = done(&requests(0..40), &alone, |seed| trial(seed, &["unseen"]));
    assert_eq!(kept.scenarios[0].trace_hash, again.scenarios[0].trace_hash);
}

#[test]
fn violations_are_sorted_by_what_is_expected() {
    let world = |seed| trial(seed, &["lost-write", "unseen", "strong-isr", "poll-skip", "log-matching"]);
    let (_, kept) = done(&requests(0..1), &options("sorted"), world);
    let names = |all: &[Violation]| all.iter().map(|v| v.property.name()).collect::<Vec<_>>().join(" ");
    let run = &kept.runs[0];
    assert_eq!(run.verdict, Verdict::Violated);
    assert_eq!(names(&run.violations), "lost-write log-matching", "named, and always on");
    assert_eq!(names(&run.expected), "unseen");
    assert_eq!(names(&run.allowed), "strong-isr poll-skip", "allowed, and not asked about");
}

#[test]
fn what_must_happen_has_to_happen_in_one_run_at_least() {
    let (summary, kept) =
        done(&requests(0..5), &options("must"), |seed| trial(seed, if seed == 3 { &["unseen"] } else { &[] }));
    assert_eq!(Exit::of(&summary), Exit::AllHeld);
    assert_eq!(kept.scenarios[0].expected, [(Property::Unseen, 1)]);
    let (summary, kept) = done(&requests(0..5), &options("must"), |seed| trial(seed, &[]));
    assert_eq!(kept.scenarios[0].never_shown, [Property::Unseen]);
    assert_eq!((summary.held, Exit::of(&summary)), (5, Exit::Violation));
}

#[test]
fn what_was_never_reached_was_not_tested() {
    let nothing = |seed| Trial { reached: Default::default(), ..trial(seed, &["unseen"]) };
    let (summary, kept) = done(&requests(0..5), &options("reached"), nothing);
    assert_eq!(kept.scenarios[0].never_reached, [ObsKind::LeaderElected]);
    assert_eq!(Exit::of(&summary), Exit::Violation);
    let mut single = requests(0..1);
    single[0].required = false;
    let (summary, _) =
        done(&single, &options("reached"), |seed| Trial { reached: Default::default(), ..trial(seed, &[]) });
    assert_eq!(Exit::of(&summary), Exit::AllHeld, "one seed need not show what the seeds together must");
}

#[test]
fn the_first_violation_ends_it_unless_told_otherwise() {
    let world = |seed| trial(seed, if seed >= 2 { &["lost-write"] } else { &["unseen"] });
    let fast = RunOptions { fail_fast: true, jobs: NonZeroUsize::MIN, ..options("fast") };
    let (summary, kept) = done(&requests(0..50), &fast, world);
    assert_eq!((kept.runs.len(), summary.violated, summary.requested), (3, 1, 50));
    let (summary, kept) = done(&requests(0..50), &options("fast"), world);
    assert_eq!((kept.runs.len(), summary.violated), (50, 48));
    assert_eq!(Exit::of(&summary), Exit::Violation);
    assert_eq!(kept.runs[2].replay_command(), "tribunal replay orders.toml --seed 0x2");
}

#[test]
fn a_panic_in_a_world_is_a_violation_with_its_seed() {
    let world = |seed| if seed == 1 { panic!("no leader of {seed}") } else { trial(seed, &["unseen"]) };
    let (summary, kept) = done(&requests(0..3), &options("panic"), world);
    assert_eq!((summary.held, summary.violated), (2, 1));
    let found = &kept.runs[1].violations[0];
    assert_eq!(found.property.name(), "panic");
    assert!(found.detail.starts_with("no leader of 1 at ") && found.detail.contains("runs.rs:"), "{}", found.detail);
}

#[test]
fn two_traces_of_one_plan_are_found() {
    let count = AtomicU64::new(0);
    let world = |seed| Trial { trace_hash: count.fetch_add(1, Ordering::Relaxed), ..trial(seed, &[]) };
    let twice = RunOptions { check_determinism: true, ..options("twice") };
    let (summary, kept) = done(&requests(0..1), &twice, world);
    assert_eq!(kept.runs[0].verdict, Verdict::NotDeterministic);
    assert_eq!(Exit::of(&summary), Exit::NotDeterministic);
    let (summary, _) = done(&requests(0..5), &twice, |seed| trial(seed, &["unseen"]));
    assert_eq!(summary.not_deterministic, 0);
}

#[test]
fn a_replay_with_another_trace_is_not_a_reproduction() {
    let mut replay = requests(7..8);
    replay[0].required = false;
    replay[0].recorded = Some(107);
    let (summary, kept) = done(&replay, &options("replay"), |seed| trial(seed, &["lost-write"]));
    assert!(kept.runs[0].identical);
    assert_eq!(Exit::of(&summary), Exit::Violation);
    replay[0].recorded = Some(5);
    let (summary, kept) = done(&replay, &options("replay"), |seed| trial(seed, &["lost-write"]));
    assert_eq!((kept.runs[0].verdict, kept.runs[0].other_hash), (Verdict::NotReproduced, Some(5)));
    assert_eq!(Exit::of(&summary), Exit::NotReproduced);
}

#[test]
fn a_limit_is_no_verdict_and_a_violation_before_it_is() {
    let limit = |seed, violated: &[&str]| Trial { limit: Some("10,000,000 events".into()), ..trial(seed, violated) };
    let mut one = requests(0..1);
    one[0].required = false;
    let (summary, _) = done(&one, &options("limit"), |seed| limit(seed, &[]));
    assert_eq!(Exit::of(&summary), Exit::Inconclusive);
    let (summary, _) = done(&one, &options("limit"), |seed| limit(seed, &["lost-write"]));
    assert_eq!(Exit::of(&summary), Exit::Violation);
}

#[test]
fn first_runs_and_violations_have_folders_with_plan_and_verdict() {
    let options = RunOptions { bugs: vec![Bug::Kip101], ..options("folders") };
    let (_, kept) =
        done(&requests(0..4), &options, |seed| trial(seed, if seed == 2 { &["lost-write"] } else { &["unseen"] }));
    let folders: Vec<bool> = kept.runs.iter().map(|run| run.folder.is_some()).collect();
    assert_eq!(folders, [true, false, true, false]);
    let folder = RunFolder::open(&options.out.join("orders/0x2")).unwrap();
    let verdict = folder.read_verdict().unwrap();
    assert_eq!((verdict.verdict.as_str(), verdict.trace_hash.as_str()), ("violated", "0x0000000000000066"));
    assert_eq!(verdict.replay, "tribunal replay orders.toml --seed 0x2 --bug KIP-101");
    assert_eq!(verdict.violations[0].property, "lost-write");
    assert_eq!(fs::read(folder.path().join("trace.bin")).unwrap(), [1], "the world wrote it, with the bug planted");
    let plan = Plan::load(&folder.path().join("plan.toml")).unwrap();
    assert_eq!(plan, Plan::generate(&scenario(), 2));
}

#[test]
fn a_machine_reads_a_value_a_line() {
    let mut out = Vec::new();
    let world = Scripted(|seed| trial(seed, if seed == 1 { &["lost-write"] } else { &["unseen"] }));
    execute(&requests(0..2), &options("json"), &world, &mut JsonReporter::new(&mut out)).unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "run", "run", "scenario", "summary"]);
    assert_eq!(lines[2]["violations"][0]["property"], "lost-write");
    assert_eq!(lines[2]["seed"], "0x1");
    assert_eq!(lines[4]["exit"], 100);
}
