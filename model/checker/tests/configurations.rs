//! The configurations that come with the tool: everything in them holds, everything they are about is reached, and they
//! are as large as they were.

use std::sync::Arc;

use tribunal_checker::{CheckConfig, Found, Order, SHIPPED, Search, Stopped, World, shipped};
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
fn found(name: &str, bug: Bug) -> (&'static str, usize) {
    match search(config(name).with_bugs(&[bug]), Order::Breadth).stopped {
        Stopped::Violation { violation, path } => (violation.property.name(), path.len()),
        other => panic!("{} is not found in {name}: {other:?}", bug.id()),
    }
}

#[test]
fn every_configuration_says_what_it_promises_and_knows_its_size() {
    for config in shipped().expect("what is shipped is right") {
        assert!(config.promise.len() > 60, "{}", config.name);
        assert!(config.states.is_some(), "{}", config.name);
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
fn a_search_that_reaches_its_limit_guesses_how_large_the_space_is() {
    let config = config("quorum-3");
    let known = config.states.expect("it is known") as f64;
    for limit in [100_000, 200_000] {
        let found = Arc::new(World::new(config.clone())).search(Search { order: Order::Depth, limit, time: None });
        let guess = found.estimate.expect("a limit was reached");
        assert!(guess.states > known / 4.0 && guess.states < known * 4.0, "{guess:?} of {known} after {limit}");
    }
}

#[test]
fn breadth_and_depth_first_see_the_same_states() {
    let deep = search(config("quorum-3"), Order::Depth);
    let broad = search(config("quorum-3"), Order::Breadth);
    assert_eq!((deep.unique, deep.generated), (broad.unique, broad.generated));
}

#[test]
fn a_follower_that_truncates_to_its_own_high_watermark_is_found_in_nine_events() {
    assert_eq!(found("replica", Bug::Kip101), ("strong-isr", 9));
}

#[test]
fn a_high_watermark_that_ignores_a_pending_isr_is_found() {
    assert_eq!(found("replica", Bug::Kip497).0, "strong-isr");
}

#[test]
fn a_vote_that_is_answered_before_it_is_on_disk_is_given_twice() {
    assert_eq!(found("quorum-3-lost-vote", Bug::VotePersistence).0, "quorum-vote-safety");
}

#[test]
fn a_configuration_that_is_wrong_is_told_where() {
    let wrong = |text: &str| {
        let error = CheckConfig::parse("mine.toml", text).expect_err("it is wrong");
        (error.line, text[error.range.clone()].to_owned(), error.message.clone(), error.known)
    };
    let head = "machines = \"quorum\"\nnodes = 3\n";
    let (line, place, message, known) = wrong(&format!("{head}[budgets]\nelection = 1\n[expect]\nlimit = 1\n"));
    assert_eq!((line, &*place, &*message), (4, "election", "unknown budget `election`"));
    assert!(known.contains(&"elections".to_owned()), "{known:?}");
    let (line, place, message, known) = wrong(&format!("{head}[budgets]\n[expect]\nlimits = 1\n"));
    assert_eq!((line, &*place, &*message), (5, "limits", "unknown field `limits`"));
    assert!(known.contains(&"limit".to_owned()), "{known:?}");
    let (line, place, message, _) = wrong(&format!("{head}[budgets]\nrecords = \"free\"\n[expect]\nlimit = 1\n"));
    assert_eq!((line, &*place, &*message), (4, "\"free\"", "only timers can be free, not `records`"));
    let (line, _, message, _) =
        wrong(&format!("{head}syncs = \"eager\"\n[budgets]\npower_losses = 1\n[expect]\nlimit = 1\n"));
    assert!((line, message.starts_with("syncs = \"eager\" hides")) == (3, true), "{line}: {message}");
    let (line, place, ..) = wrong(&format!("{head}[budgets]\n[expect]\nlimit = 1\nsometimes = [\"nothing\"]\n"));
    assert_eq!((line, &*place), (6, "\"nothing\""));
    let (line, place, message, _) =
        wrong("machines = \"replicas\"\nnodes = 3\nuntil = \"leader\"\n[budgets]\n[expect]\nlimit = 1\n");
    assert_eq!((line, &*place, &*message), (3, "\"leader\"", "only voters elect a leader among themselves"));
    let (line, place, ..) = wrong("machines = \"quorum\"\nnodes = 9\n[budgets]\n[expect]\nlimit = 1\n");
    assert_eq!((line, &*place), (2, "9"));
}

#[test]
fn a_broker_that_never_makes_a_call_again_is_found_to_get_nowhere() {
    // Timers of a class that no budget names never fire: as in a broker that forgets to set them.
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == "replica-lookup.toml").expect("it is shipped");
    let forgetful = CheckConfig::parse(file, &text.replace("backoffs = 0\n", "")).expect("it is right");
    match search(forgetful, Order::Breadth).stopped {
        Stopped::Violation { violation, .. } => assert_eq!(violation.property.name(), "no-progress"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_configuration_that_does_not_reach_what_it_is_about_says_so() {
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == "quorum-3-reset.toml").expect("it is shipped");
    let idle = text.replace("\nelections = 1\n", "\nelections = 0\n");
    let found = search(CheckConfig::parse(file, &idle).expect("it is right"), Order::Depth);
    assert!(matches!(found.stopped, Stopped::Exhausted), "{:?}", found.stopped);
    assert_eq!(found.never.first(), Some(&"quorum-leader-elected"));
}
