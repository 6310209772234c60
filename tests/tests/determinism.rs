//! One plan, one trace: whatever else the process does, recorded or not, from memory or from its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tribunal::language::Source;
use tribunal::plan::Plan;
use tribunal::run::{How, Trial, World};
use tribunal::world::KernelWorld;
use tribunal_reports::RunFolder;
use tribunal_tests::{run, scenario};

/// Random faults of several kinds, and two ways to follow a leader.
const SCENARIOS: [&str; 3] = [
    "leader-crash-keeps-acknowledged-records",
    "flushed-records-survive-random-power-losses",
    "fast-failovers-lose-nothing-by-lookup-truncation",
];

fn out(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("determinism").join(test)
}

fn trial(plan: &Plan, folder: Option<&RunFolder>) -> Trial {
    KernelWorld.run(plan, &How { folder, ..How::default() }).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_plan_has_one_trace_also_when_it_is_recorded_and_when_it_comes_from_its_file() {
    for name in SCENARIOS {
        let plan = Plan::generate(&scenario(name), 7);
        let once = trial(&plan, None);
        assert_eq!(trial(&plan, None), once, "{name}");
        let folder = RunFolder::create(&out(name)).unwrap();
        assert_eq!(trial(&plan, Some(&folder)), once, "{name}, recorded");
        let read = Plan::parse(Source::new("plan.toml", plan.to_toml())).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(trial(&read, None), once, "{name}, from its file");
        let other = Plan::generate(&scenario(name), 8);
        assert_ne!(trial(&other, None).trace_hash, once.trace_hash, "{name}, another seed");
    }
}

#[test]
fn runs_at_the_same_time_do_not_touch_each_other() {
    let scenarios = [scenario(SCENARIOS[0]), scenario(SCENARIOS[1])];
    let together = run(&scenarios, 0..3, &[], &out("together"));
    for run in &together.runs {
        let scenario = scenarios.iter().find(|scenario| scenario.name == run.scenario).map(Arc::clone).unwrap();
        let alone = trial(&Plan::generate(&scenario, run.seed), None);
        assert_eq!(alone.trace_hash, run.trace_hash, "{} seed {:#x}", run.scenario, run.seed);
    }
}

#[test]
fn the_recorded_trace_has_the_hash_of_the_run() {
    let plan = Plan::generate(&scenario(SCENARIOS[0]), 3);
    let folder = RunFolder::create(&out("recorded")).unwrap();
    let trial = trial(&plan, Some(&folder));
    let bytes = std::fs::read(folder.path().join("trace.bin")).unwrap();
    let trace = tribunal_sim::trace::Trace::decode(&bytes).unwrap();
    assert_eq!(trace.hash(), trial.trace_hash);
    assert!(!trace.events.is_empty());
}
