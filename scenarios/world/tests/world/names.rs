//! Whom a fault means: a run tells it, and a plan that names them instead is the same run.

use tribunal_contract::NodeId;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source, Target};
use tribunal_world::KernelWorld;
use tribunal_world::run::{How, Trial, World};

const SCENARIO: &str = r#"
name = "names"
duration = "6s"

[cluster]
brokers = 4

[[topic]]
name = "orders"
replication = 3
min_insync = 2

[[workload]]
kind = "producer"
topic = "orders"
rate = "20/s"
for = "6s"

[[fault]]
at = "1s"
pause = { broker = "any" }
for = "300ms"

[[fault]]
at = "2s"
slow_link = { between = ["follower:orders/0", "all"], latency = "10ms..20ms" }
for = "1s"

[[fault]]
when = { acknowledged = "orders/0", at_least = 30 }
crash = { broker = "leader:orders/0" }
restart_after = "500ms"

[[fault]]
when = { leader_elected = "orders/0" }
pause = { broker = "subject" }
for = "200ms"
"#;

fn run(plan: &Plan) -> Trial {
    KernelWorld.run(plan, &How::default()).unwrap()
}

#[test]
fn a_run_whose_faults_name_whom_they_meant_is_the_same_run() {
    let scenario = Scenario::parse(Source::new("names.toml", SCENARIO)).unwrap_or_else(|wrong| panic!("{wrong}"));
    for seed in 0..5 {
        let plan = Plan::generate(&scenario, seed);
        let trial = run(&plan);
        assert_eq!(trial.struck.len(), plan.faults.len(), "every fault has happened");
        let mut named = plan.clone();
        for struck in &trial.struck {
            let targets = named.faults[struck.fault].action.targets_mut();
            assert_eq!(targets.len(), struck.meant.len());
            for (target, meant) in targets.into_iter().zip(&struck.meant) {
                match (&target, &meant[..]) {
                    (Target::All, all) => assert_eq!(all, [1, 2, 3, 4].map(NodeId)),
                    (_, [NodeId(id)]) => *target = Target::Broker(*id),
                    (target, meant) => panic!("{target} meant {meant:?}"),
                }
            }
        }
        assert_ne!(named, plan);
        assert_eq!(run(&named).trace_hash, trial.trace_hash, "seed {seed}");
    }
}
