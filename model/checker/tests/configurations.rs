//! The configurations that come with the tool: everything in them holds, everything they are about is reached, and they
//! are as large as they were.

use std::sync::Arc;

use tribunal_checker::{CheckConfig, Found, Order, Search, Stopped, World, shipped};
use tribunal_common::Bug;

fn config(name: &str) -> CheckConfig {
    let all = shipped().expect("what is shipped is right");
    all.into_iter().find(|config| config.name == name).expect("it is shipped")
}

fn search(config: CheckConfig, order: Order) -> Found {
    let limit = config.limit;
    Arc::new(World::new(config)).search(Search { order, limit, time: None })
}

fn exhausted(name: &str) {
    let config = config(name);
    let known = config.states;
    let found = search(config, Order::Depth);
    assert!(matches!(found.stopped, Stopped::Exhausted), "{name}: {:?}", found.stopped);
    assert_eq!(Some(found.unique), known, "{name}: another number of distinct states");
    assert_eq!(found.never, Vec::<&str>::new(), "{name}: never observed");
}

/// The property that breaks with a bug planted, and after how many events.
/// The same loss breaks both; which is seen first depends on the order of equally short searches.
const LOSSES: [&str; 2] = ["strong-isr", "valid-high-watermark"];

fn found(name: &str, bug: Bug) -> (&'static str, usize) {
    match search(config(name).with_bugs(&[bug]), Order::Breadth).stopped {
        Stopped::Violation { violation, path } => (violation.property.name(), path.len()),
        other => panic!("{} is not found in {name}: {other:?}", bug.id()),
    }
}

#[test]
fn every_configuration_says_what_it_promises_and_all_but_the_nightly_ones_know_their_size() {
    for config in shipped().expect("what is shipped is right") {
        assert!(config.promise.len() > 60, "{}", config.name);
        assert!(config.nightly || config.states.is_some(), "{}", config.name);
        assert!(!config.sometimes.is_empty(), "{} may pass without having tested anything", config.name);
    }
}

#[test]
fn three_voters_are_exhausted() {
    exhausted("quorum-3");
}

#[test]
fn replication_by_lookup_is_exhausted() {
    exhausted("replica-lookup");
}

#[test]
fn a_search_that_reaches_its_limit_has_not_passed() {
    let world = Arc::new(World::new(config("replica")));
    let found = world.search(Search { order: Order::Depth, limit: 5_000, time: None });
    assert!(matches!(found.stopped, Stopped::Limit), "{:?}", found.stopped);
}

#[test]
fn breadth_and_depth_first_see_the_same_states() {
    let deep = search(config("quorum-3"), Order::Depth);
    let broad = search(config("quorum-3"), Order::Breadth);
    assert_eq!((deep.unique, deep.generated), (broad.unique, broad.generated));
}

#[test]
fn a_follower_that_truncates_to_its_own_high_watermark_is_found_in_ten_events_or_less() {
    let (property, events) = found("replica", Bug::Kip101);
    assert!(LOSSES.contains(&property), "{property}");
    assert!(events <= 10, "{events}");
}

#[test]
fn a_high_watermark_that_ignores_a_pending_isr_is_found() {
    let (property, _) = found("replica", Bug::Kip497);
    assert!(LOSSES.contains(&property), "{property}");
}

#[test]
fn a_configuration_that_is_wrong_is_told_where() {
    let wrong = |text: &str| CheckConfig::parse("mine.toml", text).expect_err("it is wrong").to_string();
    let head = "machines = \"quorum\"\nnodes = 3\n";
    let message = wrong(&format!("{head}[budgets]\nelection = 1\n[expect]\nlimit = 1\n"));
    assert!(message.contains("line 4: unknown budget `election`"), "{message}");
    let message = wrong(&format!("{head}[budgets]\nrecords = \"free\"\n[expect]\nlimit = 1\n"));
    assert!(message.contains("only timers can be free"), "{message}");
    let message = wrong(&format!("{head}syncs = \"eager\"\n[budgets]\npower_losses = 1\n[expect]\nlimit = 1\n"));
    assert!(message.contains("syncs = \"eager\" hides"), "{message}");
    let message = wrong(&format!("{head}[budgets]\n[expect]\nlimit = 1\nsometimes = [\"nothing\"]\n"));
    assert!(message.contains("`nothing` is no observation"), "{message}");
}
