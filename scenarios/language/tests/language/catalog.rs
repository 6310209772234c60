//! The catalog of scenarios, as it is built in.

use std::path::Path;

use tribunal_language::files::catalog;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, ScenarioFault};

fn all() -> Vec<Scenario> {
    catalog().map(|source| Scenario::parse(source).unwrap_or_else(|wrong| panic!("{wrong}"))).collect()
}

#[test]
fn every_scenario_validates_and_is_named_as_its_file() {
    let all = all();
    assert!(all.len() >= 10, "{} scenarios", all.len());
    for scenario in &all {
        let stem = Path::new(&scenario.path).file_stem().and_then(|stem| stem.to_str());
        assert_eq!(stem, Some(scenario.name.as_str()));
        assert!(!scenario.about.is_empty(), "{} says what it is about", scenario.name);
    }
}

#[test]
fn every_scenario_can_fail_and_says_what_it_must_reach() {
    for scenario in all() {
        let expect = &scenario.expect;
        assert!(!expect.never.is_empty() || !expect.must.is_empty(), "{}", scenario.name);
        assert!(!expect.sometimes.is_empty() || !expect.must.is_empty(), "{} could pass vacuously", scenario.name);
        assert!(!scenario.faults.is_empty(), "{} breaks nothing", scenario.name);
    }
}

#[test]
fn expected_losses_are_seen_by_clients() {
    let expected: Vec<Scenario> = all().into_iter().filter(|scenario| !scenario.expect.must.is_empty()).collect();
    assert_eq!(expected.len(), 3, "power loss without flush, acks=1, unclean election");
    for scenario in expected {
        assert!(scenario.expect.must.iter().all(|name| !name.always_on()), "{}", scenario.name);
        assert!(scenario.seeds.count() >= 10, "{} needs seeds enough to show it", scenario.name);
    }
}

#[test]
fn every_plan_of_the_catalog_reads_back_as_itself() {
    for scenario in all() {
        for seed in [0, 1, 0x7e1] {
            let plan = Plan::generate(&scenario, seed);
            let source = tribunal_language::Source::new("target/plan.toml", plan.to_toml());
            let back = Plan::parse(source).unwrap_or_else(|wrong| panic!("{} seed {seed}:\n{wrong}", scenario.name));
            assert_eq!(back, plan);
        }
        let random = scenario.faults.iter().any(|fault| matches!(fault, ScenarioFault::Random(_)));
        let (a, b) = (Plan::generate(&scenario, 1).faults, Plan::generate(&scenario, 2).faults);
        assert_eq!(a != b, random, "{}: the seed decides the faults if, and only if, they are random", scenario.name);
    }
}
