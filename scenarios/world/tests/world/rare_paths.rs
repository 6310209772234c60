//! Rare paths: each is taken if it is switched on, by the seed, and leaves a run right; plans keep them.

use tribunal_common::RarePath;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_world::KernelWorld;
use tribunal_world::run::{How, Trial, World, judge};

const SCENARIO: &str = r#"
name = "rare"
duration = "6s"

[cluster]
brokers = 3
snapshot_every = 1000

[[topic]]
name = "orders"
replication = 3
min_insync = 2

[[workload]]
kind = "producer"
topic = "orders"
rate = "200/s"
linger = "20ms"
for = "6s"

# It begins late, so that there is more than one batch to read.
[[workload]]
kind = "consumer"
topic = "orders"
start = "2s"
from = "earliest"

[[fault]]
at = "3s"
crash = { broker = "leader:orders/0" }
restart_after = "500ms"
"#;

fn plan(rare_paths: &[RarePath], seed: u64) -> Plan {
    let mut scenario = Scenario::parse(Source::new("rare.toml", SCENARIO)).unwrap_or_else(|wrong| panic!("{wrong}"));
    scenario.cluster.rare_paths = rare_paths.to_vec();
    Plan::generate(&scenario, seed)
}

fn run(plan: &Plan) -> Trial {
    let trial = KernelWorld.run(plan, &How::default()).unwrap();
    let [violations, ..] = judge(&plan.expect, trial.violations.clone());
    assert_eq!(violations, [], "{:?}", plan.cluster.rare_paths);
    trial
}

#[test]
fn each_rare_path_that_is_switched_on_is_taken_and_leaves_the_run_right() {
    for path in RarePath::ALL {
        let differs = |seed| run(&plan(&[*path], seed)).trace_hash != run(&plan(&[], seed)).trace_hash;
        assert!((0..60).any(differs), "{} is never taken", path.name());
    }
}

#[test]
fn which_are_taken_follows_from_seed_and_plan_alone() {
    let all = plan(RarePath::ALL, 7);
    assert_eq!(run(&all).trace_hash, run(&all).trace_hash);
    assert_ne!(run(&all).trace_hash, run(&plan(RarePath::ALL, 8)).trace_hash);
}

#[test]
fn a_plan_names_its_rare_paths_and_a_name_that_is_none_is_refused_with_the_nearest() {
    let all = plan(RarePath::ALL, 7);
    let text = all.to_toml();
    assert_eq!(Plan::parse(Source::new("plan.toml", text.clone())).unwrap(), all);
    let wrong = Plan::parse(Source::new("plan.toml", text.replace("short-read", "short-reed"))).unwrap_err();
    assert!(wrong.to_string().contains("short-read"), "{wrong}");
}
