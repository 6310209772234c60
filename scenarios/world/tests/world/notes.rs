//! Notes: what breaks no promise and is worth knowing.

use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Source};
use tribunal_world::KernelWorld;
use tribunal_world::run::{How, Trial, World};

/// A broker's clock jumps beyond the time that records are kept; a consumer reads before or after.
fn clock_jump(consumer_starts: &str) -> Trial {
    let text = format!(
        "name = \"clock-jump\"\nduration = \"12s\"\n[cluster]\nretention_check = \"500ms\"\n\
         [[topic]]\nname = \"events\"\nreplication = 3\nmin_insync = 2\nretention_ms = 604800000\n\
         [[workload]]\nkind = \"producer\"\ntopic = \"events\"\nfor = \"5s\"\nrate = \"100/s\"\n\
         [[workload]]\nkind = \"consumer\"\ntopic = \"events\"\nstart = \"{consumer_starts}\"\n\
         [[fault]]\nat = \"6s\"\nclock = {{ broker = \"leader:events/0\", offset = \"192h\" }}\n"
    );
    let scenario = Scenario::parse(Source::new("jump.toml", text)).unwrap_or_else(|wrong| panic!("{wrong}"));
    KernelWorld.run(&Plan::generate(&scenario, 0), &How::default()).unwrap()
}

#[test]
fn records_that_are_deleted_before_any_client_reads_them_are_noted() {
    let trial = clock_jump("9s");
    assert_eq!(trial.violations, []);
    assert_eq!(trial.notes, ["500 acknowledged records were deleted before any client read them: events/0"]);
}

#[test]
fn records_that_are_read_before_they_are_deleted_are_not_noted() {
    assert_eq!(clock_jump("0s").notes, Vec::<String>::new());
}
