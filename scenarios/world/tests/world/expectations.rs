//! What is allowed on one topic is not allowed on another.

use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_world::KernelWorld;
use tribunal_world::run::{How, World, judge};

/// Two topics whose producers ask for one acknowledgement, and a broker that is cut off while they do.
fn scenario(allow_on: &str) -> Scenario {
    let topic = |name: &str| {
        format!(
            "[[topic]]\nname = \"{name}\"\npartitions = 3\nreplication = 3\nmin_insync = 1\n\n[[workload]]\n\
             kind = \"producer\"\ntopic = \"{name}\"\nacks = 1\nrate = \"100/s\"\nfor = \"14s\"\n\n"
        )
    };
    let text = format!(
        r#"
name = "two-topics"
duration = "16s"

[cluster]
brokers = 3
fault_atlas = false

{}{}
[[fault]]
at = "3s"
partition = {{ isolate = "broker 1", direction = "both", clients = false }}
heal_after = "9s"

[expect]
allow_on = [{allow_on}]
"#,
        topic("clicks"),
        topic("orders")
    );
    Scenario::parse(Source::new("two-topics.toml", text)).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The topics on which something is broken that should not be, and on which something is that may.
fn broken(scenario: &Scenario) -> [Vec<String>; 2] {
    let plan = Plan::generate(scenario, 0);
    let trial = KernelWorld.run(&plan, &How::default()).unwrap();
    let [violations, _, allowed] = judge(&plan.expect, trial.violations);
    [violations, allowed].map(|violations| {
        let mut topics: Vec<String> = violations.into_iter().filter_map(|violation| violation.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    })
}

const LOSSES: &str = "properties = [\"lost-write\", \"unseen\", \"inconsistent-offsets\"]";

#[test]
fn what_is_allowed_on_a_topic_is_counted_there_and_fails_elsewhere() {
    let clicks = scenario(&format!("{{ topic = \"clicks\", {LOSSES} }}"));
    let [violated, allowed] = broken(&clicks);
    assert_eq!((&violated[..], &allowed[..]), (&["orders".to_owned()][..], &["clicks".to_owned()][..]));

    let both = scenario(&format!("{{ topic = \"clicks\", {LOSSES} }}, {{ topic = \"orders\", {LOSSES} }}"));
    let [violated, allowed] = broken(&both);
    assert_eq!((violated.len(), allowed.len()), (0, 2));
}

#[test]
fn a_plan_keeps_what_is_allowed_where() {
    let plan = Plan::generate(&scenario(&format!("{{ topic = \"clicks\", {LOSSES} }}")), 0);
    let read = Plan::parse(Source::new("plan.toml", plan.to_toml())).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(read.expect, plan.expect);
}
