//! Counterexamples of the checker, replayed in the kernel.

use std::sync::Arc;

use tribunal_checker::{CheckConfig, Order, SHIPPED, Search, Stopped, World};
use tribunal_common::Bug;
use tribunal_reports::{ReportOptions, RunFolder, write_report};
use tribunal_world::Script;
use tribunal_world::{Followed, follow, follow_into};

fn counterexample(name: &str, bug: Bug) -> Script {
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == format!("{name}.toml")).expect("it is shipped");
    let config = CheckConfig::parse(file, text).expect("it is right").with_bugs(&[bug]);
    let limit = config.limit;
    let world = Arc::new(World::new(config));
    match world.search(Search { order: Order::Breadth, limit, time: None }).stopped {
        Stopped::Violation { violation, path } => Script::of(&world, text, &path, &violation),
        other => panic!("{} is not found in {name}: {other:?}", bug.id()),
    }
}

#[test]
fn the_kernel_breaks_the_same_promise_at_the_last_step_of_a_counterexample() {
    for (name, bug) in [("replica", Bug::Kip101), ("replica", Bug::Kip497)] {
        let script = counterexample(name, bug);
        let written = Script::parse(&script.to_toml()).expect("what is written can be read");
        assert_eq!(written, script);
        match follow(&script).expect("its configuration is right") {
            Followed::Broke { property, step, .. } => {
                assert_eq!(property, script.property, "{}", bug.id());
                assert_eq!(step, script.steps.len(), "{}", bug.id());
            }
            other => panic!("{}: {other:?}", bug.id()),
        }
    }
}

#[test]
fn a_counterexample_that_is_followed_leaves_the_folder_of_a_run_that_a_report_is_drawn_of() {
    let script = counterexample("replica", Bug::Kip101);
    let dir = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&dir.path().join("replay")).expect("it can be made");
    let followed = follow_into(&script, &folder, "plan.toml").expect("it can be followed");
    assert_eq!(Ok(followed), follow(&script), "recording it changes nothing");
    let plan = std::fs::read_to_string(folder.path().join("plan.toml")).expect("its plan is there");
    assert_eq!(Script::parse(&plan), Ok(script));
    let page = write_report(&folder, ReportOptions::default()).expect("a report can be drawn");
    let page = std::fs::read_to_string(page).expect("it is there");
    for shown in
        ["strong-isr", "orders/0: b2 is in sync with log end 0, below high watermark 1", "b2 cuts its log to 0"]
    {
        assert!(page.contains(shown), "{shown}");
    }
}

/// A counterexample of `text`, a configuration that is named `name`.
fn counterexample_of(name: &str, text: &str) -> Script {
    let config = CheckConfig::parse(name, text).expect("it is right");
    let limit = config.limit;
    let world = Arc::new(World::new(config));
    match world.search(Search { order: Order::Breadth, limit, time: None }).stopped {
        Stopped::Violation { violation, path } => Script::of(&world, text, &path, &violation),
        other => panic!("nothing is found in {name}: {other:?}"),
    }
}

#[test]
fn a_cluster_that_gets_nowhere_gets_nowhere_in_the_kernel_and_a_report_shows_where_its_faults_end() {
    // Timers of a class that no budget names never fire: as in a broker that forgets to set them.
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == "replica-lookup.toml").expect("it is shipped");
    let script = counterexample_of(file, &text.replace("backoffs = 0\n", ""));
    assert_eq!(script.property, "no-progress");
    let dir = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&dir.path().join("replay")).expect("it can be made");
    let followed = follow_into(&script, &folder, "plan.toml").expect("it can be followed");
    let Followed::Broke { property, detail, step } = &followed else { panic!("{followed:?}") };
    assert_eq!((&**property, *step), ("no-progress", script.steps.len()));
    assert!(detail.contains("nothing is committed within 600 events"), "{detail}");
    assert_eq!(folder.read_run().expect("it was written").healed_s.map(|at| at > 0.0), Some(true));
    let page = write_report(&folder, ReportOptions::default()).expect("a report can be drawn");
    let page = std::fs::read_to_string(page).expect("it is there");
    for shown in ["no-progress", "nothing is committed within 600 events"] {
        assert!(page.contains(shown), "{shown}");
    }
    // The same schedule with brokers that remember.
    let remembered = script.to_toml().replace("calls = 0", "backoffs = 0\ncalls = 0");
    let remembered = Script::parse(&remembered).expect("it can be read");
    assert_eq!(follow(&remembered), Ok(Followed::Held));
}

#[test]
fn a_counterexample_without_its_bug_holds_in_the_kernel() {
    let script = counterexample("replica", Bug::Kip101);
    let text = script.to_toml().replace("bugs = [\"KIP-101\"]\n", "");
    let honest = Script::parse(&text).expect("it can be read");
    assert!(!matches!(follow(&honest), Ok(Followed::Broke { .. })), "{:?}", follow(&honest));
}

#[test]
fn no_progress_in_the_checkers_order_is_none_in_the_kernel() {
    // Another order of the same messages gets on in spite of the bug.
    let script = counterexample("controller", Bug::Kafka10706);
    assert_eq!(script.property, "no-progress");
    assert!(matches!(follow(&script), Ok(Followed::Broke { property, .. }) if property == "no-progress"));
    let honest = Script::parse(&script.to_toml().replace("bugs = [\"KAFKA-10706\"]\n", "")).expect("it can be read");
    assert_eq!(follow(&honest), Ok(Followed::Held));
}

#[test]
fn a_plan_that_names_no_property_or_no_bug_is_refused() {
    let script = counterexample("replica", Bug::Kip101);
    let text = script.to_toml();
    let wrong = |from: &str, to: &str| Script::parse(&text.replace(from, to)).expect_err("it is wrong");
    assert!(wrong("property = \"strong-isr\"", "property = \"nothing\"").contains("`nothing` is no property"));
    assert!(wrong("KIP-101", "KIP-0").contains("`KIP-0` is no bug"));
    assert!(wrong("format = 1", "format = 9").contains("a plan of format 9"));
}
