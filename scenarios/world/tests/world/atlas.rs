//! The fault atlas: what would leave a run without a right answer is left out, and only that. Each scenario here breaks
//! a promise when the atlas is off, and keeps it when it is on.

use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_reports::{FaultRecord, RunFolder};
use tribunal_world::KernelWorld;
use tribunal_world::run::{How, Trial, World, judge};

/// Three brokers, a topic with so many replicas, and these faults, each an inline table.
fn scenario(controllers: u32, replication: u32, faults: &[&str]) -> Scenario {
    let faults = faults.join(",\n    ");
    let text = format!(
        r#"
name = "atlas"
duration = "12s"
fault = [
    {faults}
]

[cluster]
brokers = 3
controllers = {controllers}
session_timeout = "1s"
heartbeat_interval = "200ms"

[[topic]]
name = "orders"
replication = {replication}
min_insync = 1

[[workload]]
kind = "producer"
topic = "orders"
rate = "50/s"
for = "12s"

[expect]
eventually = {{ produce_within = "10s", consume_within = "10s", after = "heal" }}
"#
    );
    Scenario::parse(Source::new("atlas.toml", text)).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The properties that a run breaks, and how many of its seeds break any.
fn broken(scenario: &Scenario, fault_atlas: bool) -> (Vec<String>, u64) {
    let mut scenario = scenario.clone();
    scenario.cluster.fault_atlas = fault_atlas;
    let mut broken: (Vec<String>, u64) = (Vec::new(), 0);
    for seed in 0..5 {
        let trial: Trial = KernelWorld.run(&Plan::generate(&scenario, seed), &How::default()).unwrap();
        let [violations, ..] = judge(&scenario.expect, trial.violations);
        broken.1 += u64::from(!violations.is_empty());
        broken.0.extend(violations.iter().map(|violation| violation.property.name().to_owned()));
    }
    broken.0.sort_unstable();
    broken.0.dedup();
    broken
}

/// With the atlas all seeds hold; without it every one lacks progress.
fn is_left_out(scenario: &Scenario) {
    assert_eq!(broken(scenario, true), (Vec::new(), 0));
    let (properties, seeds) = broken(scenario, false);
    assert!(properties.iter().any(|property| property == "no-progress"), "{properties:?}");
    assert_eq!(seeds, 5);
}

#[test]
fn whom_the_atlas_spares_is_not_told_to_have_been_struck() {
    let scenario = scenario(
        1,
        2,
        &[
            r#"{ at = "2s", crash = { broker = "broker 1" }, restart_after = "never" }"#,
            r#"{ at = "3s", shutdown = { broker = "leader:orders/0" }, restart_after = "1s" }"#,
            r#"{ at = "7s", pause = { broker = "leader:orders/0" }, for = "1s" }"#,
        ],
    );
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("atlas-spares");
    let folder = RunFolder::create(&out).unwrap();
    KernelWorld.run(&Plan::generate(&scenario, 0), &How { folder: Some(&folder), ..How::default() }).unwrap();
    let told = std::fs::read_to_string(out.join("faults.jsonl")).unwrap();
    let faults: Vec<FaultRecord> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The only voter does not die; what can be survived is done.
    assert_eq!((faults[0].happened(), faults[0].ended_s), (false, None), "{faults:?}");
    assert_eq!((faults[0].whom(), faults[0].title()), ("(spared b1)".to_owned(), "crash (spared b1)".to_owned()));
    for fault in &faults[1..] {
        assert_eq!((fault.happened(), fault.nodes.len(), fault.spared.len()), (true, 1, 0), "{faults:?}");
    }
    assert_eq!(faults.len(), 3);
}

#[test]
fn the_last_in_sync_replica_does_not_die() {
    is_left_out(&scenario(
        1,
        2,
        &[
            r#"{ at = "3s", crash = { broker = "leader:orders/0", power = "lost" }, restart_after = "never" }"#,
            r#"{ at = "6s", shutdown = { broker = "leader:orders/0" }, restart_after = "never" }"#,
        ],
    ));
}

#[test]
fn a_majority_of_the_voters_is_left() {
    is_left_out(&scenario(
        3,
        3,
        &[
            r#"{ at = "3s", crash = { broker = "broker 1" }, restart_after = "never" }"#,
            r#"{ at = "6s", crash = { broker = "broker 2" }, restart_after = "never" }"#,
        ],
    ));
}

#[test]
fn whoever_is_dead_and_in_sync_is_not_left_alone_by_a_clean_stop() {
    // The leader is dead and nobody has noticed, when the other replica asks to leave the in-sync replicas.
    is_left_out(&scenario(
        1,
        2,
        &[
            r#"{ at = "3s", reassign = { partition = "orders/0", replicas = [2, 3] } }"#,
            r#"{ at = "6s", elect = { partition = "orders/0", kind = "preferred" } }"#,
            r#"{ at = "8s", crash = { broker = "broker 2" }, restart_after = "never" }"#,
            r#"{ at = "8100ms", shutdown = { broker = "broker 3" }, restart_after = "500ms" }"#,
        ],
    ));
}

#[test]
fn a_partition_is_not_moved_to_the_dead() {
    is_left_out(&scenario(
        1,
        2,
        &[
            r#"{ at = "2s", reassign = { partition = "orders/0", replicas = [1, 2, 3] } }"#,
            r#"{ at = "4s", crash = { broker = "broker 3" }, restart_after = "never" }"#,
            // Those who stay are all there is, and they are one who is dead.
            r#"{ at = "4050ms", reassign = { partition = "orders/0", replicas = [3] } }"#,
        ],
    ));
}

#[test]
fn who_can_be_spared_dies_for_good() {
    let one_of_three =
        scenario(3, 3, &[r#"{ at = "3s", crash = { broker = "leader:orders/0" }, restart_after = "never" }"#]);
    assert_eq!(broken(&one_of_three, true), (Vec::new(), 0));
    let mut all_in_sync = one_of_three;
    all_in_sync.expect.eventually.in_sync_within = Some(tribunal_contract::Span::from_secs(5));
    assert_eq!(broken(&all_in_sync, true).1, 5, "nobody has died");
}
