//! Plans: the same from the same, readable, editable, and checked.

use proptest::prelude::*;
use tribunal_language::plan::{FORMAT, MAX_RANDOM_FAULTS, Plan, is_plan};
use tribunal_language::{Action, Fault, Scenario, ScenarioFault, Source, Target, Trigger};

const SCENARIO: &str = r#"
name = "everything"
about = "every key that a plan keeps; \"quoted\""
[cluster]
brokers = 5
clock_skew = "20ms"
bandwidth = "100MB"
[[topic]]
name = "orders"
partitions = 3
replication = 3
[[topic]]
name = "clicks"
flush = "every-write"
retention_ms = 5000
[[workload]]
kind = "producer"
topic = "orders"
acks = 1
keys = 10
partitioner = "key"
rate = "7/min"
for = "1m"
value_size = "10..20"
[[workload]]
kind = "consumer"
topic = "orders"
partitions = [0, 2]
from = "latest"
[[fault]]
at = "3s"
after = "1500us"
crash = { broker = "all", power = "lost" }
restart_after = "never"
[[fault]]
when = { event = "vote-granted", of = "broker 2", count = 3 }
pause = { broker = "subject" }
for = "1s"
[[fault]]
when = { acknowledged = "orders/1", at_least = 12 }
partition = { groups = [["leader:orders/1"], ["followers:orders/1", "clients"]], direction = "out" }
[[fault]]
at = "1s"
clock = { broker = "any", offset = "-1500ms" }
[[fault]]
random = { mean_interval = "200ms", max_down = 2, kinds = [
    "clock", "crash", "elect", "partition", "pause", "power_loss", "reassign", "reset", "shutdown", "slow_disk",
    "slow_link",
] }
[expect]
must = ["lost-write"]
allow = ["duplicate"]
sometimes = ["leader-elected"]
"#;

fn scenario(text: &str) -> Scenario {
    Scenario::parse(Source::new("everything.toml", text)).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn read(text: String) -> Result<Plan, String> {
    Plan::parse(Source::new("plan.toml", text)).map_err(|wrong| wrong.to_string())
}

#[test]
fn the_same_scenario_and_seed_give_the_same_bytes() {
    let scenario = scenario(SCENARIO);
    for seed in 0..20 {
        assert_eq!(Plan::generate(&scenario, seed).to_toml(), Plan::generate(&scenario, seed).to_toml());
    }
    assert_ne!(Plan::generate(&scenario, 0).faults, Plan::generate(&scenario, 1).faults);
    assert_ne!(Plan::generate(&scenario, 0).clock_offsets, Plan::generate(&scenario, 1).clock_offsets);
}

#[test]
fn a_plan_reads_back_as_itself_whatever_the_seed() {
    let scenario = scenario(SCENARIO);
    for seed in (0..50).chain([u64::MAX]) {
        let plan = Plan::generate(&scenario, seed);
        assert_eq!(read(plan.to_toml()).unwrap_or_else(|wrong| panic!("{wrong}")), plan);
    }
}

#[test]
fn a_fault_more_or_less_leaves_the_other_random_ones_as_they_were() {
    let one = "[[fault]]\nat = \"1s\"\nclock = { broker = \"any\", offset = \"-1500ms\" }\n";
    let (before, after) = (scenario(SCENARIO), scenario(&SCENARIO.replace("at = \"1s\"\nclock", "at = \"2s\"\nclock")));
    assert!(SCENARIO.contains(one));
    let random = |scenario: &Scenario| Plan::generate(scenario, 9).faults.split_off(4);
    assert_eq!(random(&before), random(&after));
}

#[test]
fn random_faults_keep_to_their_bounds() {
    let text = SCENARIO.replace(
        "mean_interval = \"200ms\"",
        "mean_interval = \"50ms\", from = \"5s\", until = \"9s\", restart_after = \"1s..2s\", heal_after = \"1s..2s\"",
    );
    let scenario = scenario(&text);
    for seed in 0..50 {
        let plan = Plan::generate(&scenario, seed);
        let drawn = &plan.faults[4..];
        assert!((30..200).contains(&drawn.len()), "{} faults in 4s, 50ms apart", drawn.len());
        let (mut cut_until, mut down) = (0, Vec::new());
        for Fault { trigger, action, .. } in drawn {
            let Trigger::At(at) = trigger else { panic!("{trigger:?}") };
            assert!((5_000_000_000..9_000_000_000).contains(&at.0));
            down.retain(|end| *end > at.0);
            match action {
                Action::Partition { heal: tribunal_language::After::Span(heal), .. } => {
                    assert!(at.0 >= cut_until, "partitions do not overlap");
                    cut_until = at.0 + heal.0;
                }
                Action::Pause { lasts, .. } => down.push(at.0 + lasts.0),
                Action::Crash { restart: tribunal_language::After::Span(restart), .. }
                | Action::Shutdown { restart: tribunal_language::After::Span(restart), .. } => {
                    assert!((1_000_000_000..=2_000_000_000).contains(&restart.0));
                    down.push(at.0 + restart.0);
                }
                _ => (),
            }
            assert!(down.len() <= 2, "max_down is 2");
            assert!(!action.targets().contains(&&Target::Subject));
        }
    }
}

#[test]
fn every_kind_is_drawn() {
    let scenario = scenario(SCENARIO);
    let drawn: std::collections::BTreeSet<&str> = (0..20)
        .flat_map(|seed| Plan::generate(&scenario, seed).faults.split_off(4))
        .map(|fault| fault.action.name())
        .collect();
    let all =
        ["clock", "crash", "elect", "partition", "pause", "reassign", "reset", "shutdown", "slow_disk", "slow_link"];
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn a_slip_in_the_interval_is_bounded() {
    let text = SCENARIO.replace("mean_interval = \"200ms\"", "mean_interval = \"1ms\", heal_after = \"1ms\"");
    assert!(Plan::generate(&scenario(&text), 1).faults.len() <= MAX_RANDOM_FAULTS + 4);
}

#[test]
fn the_lines_of_the_scenario_are_kept() {
    let scenario = scenario(SCENARIO);
    let line = |text: &str| 1 + SCENARIO.lines().position(|line| line.starts_with(text)).unwrap() as u32;
    let plan = read(Plan::generate(&scenario, 3).to_toml()).unwrap();
    assert_eq!(plan.faults[0].line, line("crash = "));
    assert_eq!(plan.faults[1].line, line("pause = "));
    assert_eq!(plan.faults[5].line, line("random = "));
    assert!(scenario.faults.iter().any(|fault| matches!(fault, ScenarioFault::Random(_))));
}

#[test]
fn a_plan_of_another_format_is_said_to_be_one() {
    let text =
        Plan::generate(&scenario(SCENARIO), 1).to_toml().replace("format = 1\n", "format = 2\nbroker_model = 7\n");
    let said = read(text).unwrap_err();
    assert!(said.contains("error: a plan of format 2, made by tribunal "), "{said}");
    assert!(said.contains(&format!("reads format {FORMAT}")) && said.contains("\n1 error in"), "{said}");
}

#[test]
fn a_plan_edited_by_hand_is_checked_like_a_scenario() {
    let text = Plan::generate(&scenario(SCENARIO), 1).to_toml();
    assert!(is_plan(&Source::new("plan.toml", text.clone())));
    assert!(is_plan(&Source::new("plan.toml", text.replace("format = 1\n", ""))), "it is told what it lacks");
    assert!(!is_plan(&Source::new("scenario.toml", SCENARIO)));
    for (old, new, expected) in [
        ("broker = \"all\"", "broker = \"broker 6\"", "there is no broker 6"),
        ("brokers = 5", "brokers = 2", "3 replicas need as many brokers"),
        ("format = 1\n", "", "missing key `format` in the file"),
        ("format = 1\n", "format = \"1\"\n", "expected a whole number"),
        ("format = 1\n", "format = 0\n", "a plan of format 0"),
        ("seed = \"0x1\"", "seed = \"0xg\"", "`0xg` is not a seed"),
        ("at = \"3s\"", "at = \"-3s\"", "a time cannot be negative"),
        ("at = \"3s\"", "at = \"300s\"", "after the end"),
        ("power = \"lost\"", "pwer = \"lost\"", "did you mean `power`?"),
        ("clock_offsets = [", "clock_offsets = [\"1ms\", ", "6 clocks for 5 brokers"),
        ("\n[expect]", "\n[[fault]]\nrandom = { kinds = [\"crash\"] }\n[expect]", "a plan has no random faults"),
    ] {
        assert!(text.contains(old), "{old}");
        let said = read(text.replacen(old, new, 1)).expect_err(new);
        assert!(said.contains(expected) && said.contains("--> plan.toml:"), "{new}: {said}");
    }
    read(text.replacen("brokers = 5", "brokers = ", 1)).expect_err("torn");
}

#[test]
fn a_plan_notices_that_its_file_has_changed() {
    let path = "../catalog/clickstream-arrives-complete-and-in-order.toml";
    let scenario = Scenario::load(std::path::Path::new(path)).unwrap_or_else(|wrong| panic!("{wrong}"));
    let text = Plan::generate(&scenario, 1).to_toml();
    let plan = read(text.clone()).unwrap();
    assert_eq!(plan, Plan::generate(&scenario, 1), "the records are read again");
    let at = text.find("file_checksum = \"").unwrap() + "file_checksum = \"".len();
    let said = read(format!("{}0123456789abcdef{}", &text[..at], &text[at + 16..])).unwrap_err();
    assert!(said.contains("is not what it was (0123456789abcdef)"), "{said}");
}

/// Texts that begin as a file might: pieces of the language in any order, with noise between them.
fn pieces() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = SCENARIO.split_inclusive(['\n', ' ', ',']).collect();
    let piece = prop_oneof![
        8 => proptest::sample::select(words).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => proptest::sample::select(vec!["\"", "[", "]]", "{", "}", "=", "\n", ".", "99999999999999999999", "é"])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|all| all.concat())
}

/// The scenario with some bytes of it replaced.
fn damaged() -> impl Strategy<Value = String> {
    (0..SCENARIO.len(), 0..8_usize, any::<String>()).prop_map(|(at, length, new)| {
        let boundary = |mut at: usize| {
            while !SCENARIO.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(at), boundary((at + length).min(SCENARIO.len())));
        format!("{}{new}{}", &SCENARIO[..start], &SCENARIO[end..])
    })
}

/// Whatever it is, it is read or refused, and what is refused can be drawn.
fn never_panics(text: &str) {
    if let Err(wrong) = Scenario::parse(Source::new("a.toml", text)) {
        assert!(!wrong.0.is_empty(), "refused without a reason");
        assert!(wrong.render(true).len() > wrong.render(false).len());
    }
    if let Err(wrong) = Plan::parse(Source::new("plan.toml", text)) {
        assert!(!wrong.render(false).is_empty());
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        never_panics(&text);
    }

    #[test]
    fn pieces_of_scenarios_never_panic(text in pieces()) {
        never_panics(&text);
    }

    #[test]
    fn a_damaged_scenario_never_panics_and_if_accepted_makes_plans_that_read_back(text in damaged(), seed: u64) {
        never_panics(&text);
        if let Ok(scenario) = Scenario::parse(Source::new("a.toml", text)) {
            let plan = Plan::generate(&scenario, seed);
            prop_assert_eq!(read(plan.to_toml()), Ok(plan));
        }
    }

    #[test]
    fn a_damaged_plan_never_panics(at in 0..6_000_usize, new in "\\PC{0,3}", seed in 0..5_u64) {
        let mut text = Plan::generate(&scenario(SCENARIO), seed).to_toml();
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &new);
        if let Ok(plan) = read(text) {
            prop_assert_eq!(read(plan.to_toml()), Ok(plan));
        }
    }
}
