//! Every kind of mistake, with its place, its caret and the nearest known name.

use tribunal_language::{Diagnostics, Scenario, Source};

/// A scenario without mistakes. Tests change a line of it; lines are counted from 1, this one's first is `name`.
const GOOD: &str = r#"name = "orders-survive"
[cluster]
brokers = 3
[[topic]]
name = "orders"
partitions = 2
replication = 3
min_insync = 2
[[workload]]
kind = "producer"
topic = "orders"
acks = "all"
rate = "200/s"
for = "20s"
[[workload]]
kind = "consumer"
topic = "orders"
[[fault]]
at = "3s"
crash = { broker = "leader:orders/0", power = "lost" }
restart_after = "5s"
[[fault]]
random = { kinds = ["partition"], mean_interval = "4s", until = "15s" }
[expect]
never = ["lost-write"]
sometimes = ["leader-elected"]
"#;

/// What is said of the good scenario with one of its lines replaced.
fn said(old: &str, new: &str) -> Diagnostics {
    assert_eq!(GOOD.matches(old).count(), 1, "`{old}` is there once");
    parse(&GOOD.replace(old, new)).expect_err(new)
}

fn parse(text: &str) -> Result<Scenario, Diagnostics> {
    Scenario::parse(Source::new("scenarios/orders.toml", text))
}

/// The one mistake, as `line:column message | label`.
fn one(old: &str, new: &str) -> String {
    let diagnostics = said(old, new);
    assert_eq!(diagnostics.0.len(), 1, "{diagnostics}");
    brief(&diagnostics)[0].clone()
}

fn brief(diagnostics: &Diagnostics) -> Vec<String> {
    let one = |d: &tribunal_language::Diagnostic| {
        let place = d.position();
        format!("{}:{} {} | {}", place.line, place.column, d.message, d.label)
    };
    diagnostics.0.iter().map(one).collect()
}

#[test]
fn the_good_scenario_is_good() {
    let scenario = parse(GOOD).unwrap();
    assert_eq!(scenario.name, "orders-survive");
    assert_eq!(scenario.cluster.controllers, 3);
    assert_eq!(format!("{:?}", scenario.duration), "20s");
    assert_eq!(scenario.faults.len(), 2);
}

#[test]
fn a_mistake_is_drawn_as_a_compiler_would() {
    assert_eq!(
        said("brokers = 3", "brokerz = 3").to_string(),
        "error: unknown key `brokerz` in [cluster]\n \
         --> scenarios/orders.toml:3:1\n  \
         |\n\
         3 | brokerz = 3\n  \
         | ^^^^^^^ did you mean `brokers`?\n\n\
         1 error in scenarios/orders.toml\n"
    );
}

#[test]
fn unknown_names_are_answered_with_the_nearest_known_one() {
    for (old, new, expected) in [
        ("[cluster]", "[clutser]", "2:2 unknown key `clutser` in the file | did you mean `cluster`?"),
        ("partitions = 2", "partition = 2", "6:1 unknown key `partition` in [[topic]] | did you mean `partitions`?"),
        ("rate = \"200/s\"", "speed = \"200/s\"", "13:1 unknown key `speed` in [[workload]] | no such name"),
        (
            "kind = \"producer\"",
            "kind = \"producr\"",
            "10:8 expected \"producer\" or \"consumer\", found \"producr\" | did you mean `producer`?",
        ),
        ("topic = \"orders\"\nacks", "topic = \"order\"\nacks", "11:9 unknown topic `order` | did you mean `orders`?"),
        ("crash = { broker", "crsh = { broker", "20:1 unknown key `crsh` in [[fault]] | did you mean `crash`?"),
        ("power = \"lost\"", "powr = \"lost\"", "20:39 unknown key `powr` in `crash` | did you mean `power`?"),
        (
            "leader:orders/0",
            "leadr:orders/0",
            "20:20 expected a target, such as \"broker 2\" or \"leader:orders/0\", found \"leadr:orders/0\" \
             | did you mean `leader`?",
        ),
        (
            "kinds = [\"partition\"]",
            "kinds = [\"partitoin\"]",
            "23:21 expected a kind of fault, found \"partitoin\" | did you mean `partition`?",
        ),
        (
            "never = [\"lost-write\"]",
            "never = [\"lost-writes\"]",
            "25:10 expected the name of a property, found \"lost-writes\" | did you mean `lost-write`?",
        ),
        (
            "[\"leader-elected\"]",
            "[\"isr-shrunk\", \"leader-elect\"]",
            "26:28 expected the name of an observation, found \"leader-elect\" | did you mean `leader-elected`?",
        ),
        ("acks = \"all\"", "acks = 2", "12:8 expected \"all\", 1 or 0, found 2 | must be in -1..=1"),
    ] {
        assert_eq!(one(old, new), expected);
    }
}

#[test]
fn impossible_clusters_are_refused() {
    for (old, new, expected) in [
        ("replication = 3", "replication = 4", "7:15 4 replicas need as many brokers | there are 3 brokers"),
        ("min_insync = 2", "min_insync = 4", "8:14 min_insync 4 can never be met | there are 3 replicas"),
        ("brokers = 3", "brokers = 0", "3:11 `brokers` cannot be 0 | must be from 1 to 200"),
        ("brokers = 3", "brokers = -3", "3:11 expected a whole number, found -3 | cannot be negative"),
        ("brokers = 3", "brokers = \"3\"", "3:11 expected a whole number, found a string | "),
        (
            "brokers = 3",
            "brokers = 3\ncontrollers = 5",
            "4:15 5 controllers are more than there are brokers | there are 3 brokers",
        ),
        (
            "brokers = 3",
            "brokers = 3\ncontrollers = 2",
            "4:15 the controller quorum must be odd, not 2 \
             | an even quorum survives no more losses than the odd one below it",
        ),
        (
            "brokers = 3",
            "brokers = 3\nheartbeat_interval = \"2s\"",
            "4:22 every broker would be fenced between two heartbeats | not below the session timeout, 2s",
        ),
        ("partitions = 2", "partitions = 0", "6:14 `partitions` cannot be 0 | must be from 1 to 1000"),
    ] {
        let found = said(old, new);
        assert_eq!(brief(&found)[0], expected, "{found}");
    }
}

#[test]
fn whom_a_fault_hits_must_exist() {
    for (target, expected) in [
        ("broker 4", "20:20 there is no broker 4 | brokers are 1 to 3"),
        ("broker 0", "20:20 there is no broker 0 | brokers are 1 to 3"),
        ("leader:orders/2", "20:20 `orders` has no partition 2 | it has partitions 0 to 1"),
        ("follower:clicks/0", "20:20 unknown topic `clicks` | known: orders"),
        ("client producer 0", "20:20 `client producer 0` is not a broker | this fault is for brokers"),
        ("subject", "20:9 `subject` is whom the trigger is about | at a time there is none; use `when`"),
    ] {
        assert_eq!(one("leader:orders/0", target), expected);
    }
    let reset = "reset = { between = [\"broker 1\", \"client consumer 1\"] }";
    let crash = "crash = { broker = \"leader:orders/0\", power = \"lost\" }\nrestart_after = \"5s\"";
    assert_eq!(one(crash, reset), "20:34 there is no consumer 1 | there is consumer 0 only");
    let itself = "reset = { between = [\"broker 1\", \"broker 1\"] }";
    assert_eq!(one(crash, itself), "20:34 `broker 1` has no connection with itself | the same as the first");
    let three = "reset = { between = [\"broker 1\"] }";
    assert_eq!(one(crash, three), "20:21 expected two targets, such as [\"broker 1\", \"broker 2\"] | there are 1");
}

#[test]
fn times_are_positive_and_within_the_run() {
    for (old, new, expected) in [
        ("at = \"3s\"", "at = \"20s\"", "19:6 a fault at 20s is after the end | the run ends at 20s"),
        (
            "at = \"3s\"",
            "at = \"-3s\"",
            "19:6 expected a duration, such as \"3s\", found \"-3s\" | a time cannot be negative",
        ),
        ("at = \"3s\"", "at = 3", "19:6 expected a duration, such as \"3s\", found an integer | "),
        (
            "at = \"3s\"",
            "at = \"3\"",
            "19:6 expected a duration, such as \"3s\", found \"3\" \
             | needs a unit: ns, us, ms, s, m or h, such as \"3s\"",
        ),
        (
            "at = \"3s\"",
            "at = \"3 fortnights\"",
            "19:6 expected a duration, such as \"3s\", found \"3 fortnights\" \
             | unknown unit `fortnights`; units are ns, us, ms, s, m and h",
        ),
        ("restart_after = \"5s\"", "restart_after = \"0s\"", "21:17 a time of zero | must be more than 0"),
        ("until = \"15s\"", "until = \"25s\"", "23:65 random faults after the end | the run ends at 20s"),
        (
            "mean_interval = \"4s\"",
            "mean_interval = \"4s\", restart_after = \"5s..1s\"",
            "23:73 expected a duration or a range of them, such as \"1ms..4ms\", found \"5s..1s\" \
             | the range ends (1s) before it begins (5s)",
        ),
        ("at = \"3s\"", "at = \"19s\"\nafter = \"2s\"", "20:9 a fault after the end | the run ends at 20s"),
        ("for = \"20s\"", "for = \"0s\"", "14:7 a time of zero | must be more than 0"),
        (
            "rate = \"200/s\"",
            "rate = \"1000000/s\"",
            "13:8 20000000 records are more than a run can remember | no workload may send more than 10000000",
        ),
        (
            "rate = \"200/s\"",
            "rate = \"-1/s\"",
            "13:8 expected a rate, such as \"200/s\", found \"-1/s\" | a rate cannot be negative",
        ),
        (
            "rate = \"200/s\"",
            "rate = \"200\"",
            "13:8 expected a rate, such as \"200/s\", found \"200\" \
             | a rate is a number and a unit of time, such as \"200/s\"",
        ),
        (
            "name = \"orders-survive\"",
            "name = \"orders-survive\"\nseeds = \"5..5\"",
            "2:9 expected a range of seeds, such as \"0..20\", found \"5..5\" | there is no seed in 5..5",
        ),
        (
            "for = \"20s\"",
            "for = \"20s\"\ndelivery_timeout = \"1s\"",
            "15:20 delivery_timeout must be at least linger + request_timeout | linger and request_timeout are 2005ms",
        ),
    ] {
        let found = said(old, new);
        assert_eq!(brief(&found)[0], expected, "{found}");
    }
}

#[test]
fn a_fault_has_one_trigger_and_one_action() {
    let crash = "crash = { broker = \"leader:orders/0\", power = \"lost\" }\nrestart_after = \"5s\"";
    for (old, new, expected) in [
        (
            "at = \"3s\"\n",
            "",
            "18:1 a [[fault]] that never happens \
             | needs `at`, such as \"3s\", or `when`, such as { leader_elected = \"orders/0\" }",
        ),
        (
            "at = \"3s\"",
            "at = \"3s\"\nwhen = { isr_shrunk = \"orders/0\" }",
            "20:1 a [[fault]] has either `at` or `when` | this is the second",
        ),
        (
            crash,
            "pause = { broker = \"any\" }\nshutdown = { broker = \"any\" }",
            "21:1 a [[fault]] does one thing, this one has `pause` and `shutdown` | a second action",
        ),
        (
            crash,
            "heal_after = \"1s\"",
            "18:1 a [[fault]] without an action | needs one of alter_topic, clock, corrupt, crash, decommission, \
             delete_records, disk, elect, full_disk, join, partition, pause, reassign, reset, restart_loop, rolling_restart, shutdown, slow_cpu, \
             slow_disk, slow_link, stall_disk, unregister, random",
        ),
        (
            "restart_after = \"5s\"",
            "heal_after = \"5s\"",
            "21:1 `heal_after` does not go with `crash` | did you mean `restart_after`?",
        ),
        (
            "power = \"lost\" }\nrestart_after = \"5s\"",
            "restart_after = \"5s\" }",
            "20:39 unknown key `restart_after` in `crash` | `restart_after` stands beside the action, not inside it",
        ),
        (
            "[[fault]]\nrandom",
            "[[fault]]\nat = \"1s\"\nrandom",
            "23:1 `at` does not go with `random` | the times are drawn from the seed; see `from` and `until`",
        ),
        (
            crash,
            "partition = { isolate = \"all\" }",
            "20:25 there is nobody to isolate all brokers from | name one, or use `groups`",
        ),
        (
            crash,
            "partition = { direction = \"in\" }",
            "20:13 a partition between whom? | needs `isolate`, `groups` or `shape`",
        ),
        (
            crash,
            "partition = { groups = [[\"broker 1\"], [\"broker 2\", \"broker 1\"]] }",
            "20:52 `broker 1` is in two places of the partition | this is the second",
        ),
        (crash, "partition = { groups = [[\"broker 1\"]] }", "20:24 a partition needs two groups | at least two lists"),
        ("random = { kinds = [\"partition\"]", "random = { kinds = []", "23:20 no kind of fault | name at least one"),
    ] {
        assert_eq!(one(old, new), expected);
    }
}

#[test]
fn who_joins_was_not_there_and_who_holds_a_partition_is() {
    let crash = "crash = { broker = \"leader:orders/0\", power = \"lost\" }\nrestart_after = \"5s\"";
    for (action, expected) in [
        (
            "join = { broker = \"broker 3\" }",
            "20:19 `broker 3` is not a broker that joins later | set `join_later` of the cluster",
        ),
        (
            "reassign = { partition = \"orders/0\" }",
            "20:12 a reassignment to whom? | needs `replicas`, or `cancel = true`",
        ),
        (
            "reassign = { partition = \"orders/0\", replicas = [1], cancel = true }",
            "20:63 `cancel` does not go with `replicas` | leave one out",
        ),
        (
            "reassign = { partition = \"orders/0\", replicas = [1, 2, 1] }",
            "20:56 broker 1 would hold two replicas | this is the second",
        ),
        (
            "reassign = { partition = \"orders/0\", replicas = [1, 4] }",
            "20:53 there is no broker 4 | brokers are 1 to 3",
        ),
        (
            "delete_records = { partition = \"orders/7\" }",
            "20:32 `orders` has no partition 7 | it has partitions 0 to 1",
        ),
        (
            "delete_records = { partition = \"orders/0\", before = \"120%\" }",
            "20:53 expected an offset, \"high-watermark\", or a share such as \"50%\", found \"120%\" \
             | a share is from \"0%\" to \"100%\"",
        ),
        (
            "delete_records = { partition = \"orders/0\", before = -1 }",
            "20:53 expected an offset, \"high-watermark\", or a share such as \"50%\", found -1 | cannot be negative",
        ),
        (
            "alter_topic = { topic = \"order\", retention_ms = 5 }",
            "20:25 unknown topic `order` | did you mean `orders`?",
        ),
        (
            "alter_topic = { topic = \"orders\" }",
            "20:1 an alteration of nothing | needs retention_ms, retention_bytes or max_message_bytes",
        ),
        (
            "alter_topic = { topic = \"orders\", max_message_bytes = 100 }",
            "20:55 batches of 100 bytes at most | at least 1KiB, for the records that probe the healed cluster",
        ),
        (
            "alter_topic = { topic = \"orders\", max_message_bytes = \"4GiB\" }",
            "20:55 more than max.message.bytes can be | at most 2147483647",
        ),
        (
            "pause = { broker = \"rack:a\" }",
            "20:20 no broker is on rack `a` | no broker has a rack: set `racks` of the cluster",
        ),
        (
            "pause = { broker = \"rack:\" }",
            "20:20 expected a target, such as \"broker 2\" or \"leader:orders/0\", found \"rack:\" \
             | a rack has a name, such as \"rack:a\"",
        ),
        ("unregister = { broker = \"clients\" }", "20:25 `clients` is not a broker | this fault is for brokers"),
        ("decommission = { broker = \"any\", look = \"0s\" }", "20:41 a time of zero | must be more than 0"),
    ] {
        assert_eq!(one(crash, action), expected);
    }
    for (cluster, expected) in [
        ("brokers = 0", "3:11 `brokers` cannot be 0 | must be from 1 to 200"),
        ("brokers = 3\nretention_check = \"1ns\"", "4:19 a time that Kafka cannot count | must be at least 1ms"),
        ("brokers = 3\nleader_rebalance = \"1us\"", "4:20 a time that Kafka cannot count | must be at least 1ms"),
        ("brokers = 3\ndisk_throughput = 0", "4:19 a disk that writes nothing | left out, it is without limit"),
        ("brokers = 3\nracks = [\"a\", \"b\"]", "4:9 2 racks for 3 brokers | name one for each broker"),
        (
            "brokers = 3\nracks = [\"a\", \"b\", \"c d\"]",
            "4:20 `c d` is no name of a rack | letters, digits, dashes, dots and underscores",
        ),
        ("brokers = 3\njoin_later = 3", "4:14 there is no broker at first | there are 3 in all"),
        ("brokers = 3\njoin_later = 1", "8:15 3 replicas need as many brokers | there are 2 brokers"),
        (
            "brokers = 4\njoin_later = 1\ncontrollers = 5",
            "5:15 5 controllers are more than there are brokers | there are 3 brokers",
        ),
    ] {
        assert_eq!(one("brokers = 3", cluster), expected);
    }
}

#[test]
fn a_condition_waits_for_one_thing_and_knows_how_much() {
    for (when, expected) in [
        ("{ high_watermark = \"orders/0\" }", "19:8 `high_watermark` needs `at_least` | how much?"),
        (
            "{ high_watermark = \"orders/0\", count = 3 }",
            "19:47 `count` does not go with `high_watermark` | write `at_least`",
        ),
        (
            "{ isr_shrunk = \"orders/0\", fetch = \"orders/0\" }",
            "19:43 `when` waits for one thing | this is a second one",
        ),
        ("{ isr_shrunk = \"orders/0\", count = 0 }", "19:43 `count` is counted from 1 | "),
        (
            "{ event = \"vote-grant\" }",
            "19:18 expected the name of an observation, found \"vote-grant\" | did you mean `vote-granted`?",
        ),
        ("{ event = \"vote-granted\", of = \"broker 9\" }", "19:39 there is no broker 9 | brokers are 1 to 3"),
        ("{ leader_elected = \"orders/7\" }", "19:27 `orders` has no partition 7 | it has partitions 0 to 1"),
        (
            "{ count = 2 }",
            "19:8 `when` says nothing to wait for \
             | needs one of high_watermark, acknowledged, leader_elected, isr_shrunk, isr_expanded, fetch, event",
        ),
    ] {
        assert_eq!(one("at = \"3s\"", &format!("when = {when}")), expected);
    }
}

#[test]
fn partitions_that_overlap_are_refused() {
    let cut = |at: &str, cut: &str, heal: &str| {
        format!("[[fault]]\nat = \"{at}\"\npartition = {cut}\nheal_after = \"{heal}\"\n")
    };
    let with = |a: String, b: String| parse(&GOOD.replace("[expect]\n", &(a + &b + "[expect]\n")));
    let isolate = "{ isolate = \"broker 1\" }";
    let found = with(cut("2s", isolate, "4s"), cut("5s", isolate, "2s")).unwrap_err();
    assert_eq!(
        brief(&found),
        ["30:13 two partitions of the same nodes overlap, this one from 5s | the one at line 26 lasts until 6s"]
    );
    let found = with(cut("2s", isolate, "never"), cut("15s", isolate, "2s")).unwrap_err();
    assert!(brief(&found)[0].ends_with("the one at line 26 never heals"), "{found}");
    with(cut("2s", isolate, "4s"), cut("6s", isolate, "2s")).expect("one after the other");
    let (a, b) = ("{ groups = [[\"broker 1\"], [\"broker 2\"]] }", "{ groups = [[\"broker 2\"], [\"broker 3\"]] }");
    with(cut("2s", a, "9s"), cut("3s", b, "9s")).expect("they cut different links");
}

#[test]
fn workloads_are_checked() {
    for (old, new, expected) in [
        (
            "for = \"20s\"",
            "for = \"20s\"\nidempotent = true",
            "15:14 idempotent producers are not supported yet | must be false",
        ),
        (
            "for = \"20s\"",
            "for = \"20s\"\nnull_value = \"NULL\"",
            "15:14 `null_value` goes with `file` | generated values are never null",
        ),
        ("for = \"20s\"", "for = \"20s\"\nmax_request_size = 0", "15:20 no size of a request | from 1 to 2147483647"),
        (
            "for = \"20s\"",
            "for = \"20s\"\npartitioner = \"key\"",
            "15:15 the records have no keys | \"key\" needs `keys`, such as keys = 100",
        ),
        (
            "for = \"20s\"",
            "for = \"20s\"\npartitioner = \"explicit\"",
            "15:15 which partition? | \"explicit\" needs `partition`",
        ),
        (
            "for = \"20s\"",
            "for = \"20s\"\npartitioner = \"explicit\"\npartition = 2",
            "16:13 `orders` has no partition 2 | it has partitions 0 to 1",
        ),
        (
            "for = \"20s\"",
            "for = \"20s\"\npartition = 1",
            "15:13 `partition` goes with partitioner \"explicit\" | leave it out",
        ),
        (
            "kind = \"consumer\"",
            "kind = \"consumer\"\npartitions = [0, 5]",
            "17:18 `orders` has no partition 5 | it has partitions 0 to 1",
        ),
        (
            "kind = \"consumer\"",
            "kind = \"consumer\"\nisolation = \"read-committed\"",
            "17:13 expected \"read-uncommitted\", found \"read-committed\" | transactions are not supported yet",
        ),
        (
            "kind = \"consumer\"",
            "kind = \"consumer\"\nstart = \"20s\"",
            "17:9 a workload that starts after the end | the run ends at 20s",
        ),
        (
            "kind = \"producer\"\n",
            "",
            "9:1 missing key `kind` in [[workload]] | needs `kind`, \"producer\" or \"consumer\"",
        ),
        ("topic = \"orders\"\nacks", "acks", "9:1 missing key `topic` in [[workload]] | needs `topic`, a text"),
        (
            "for = \"20s\"",
            "for = \"20s\"\nfile = \"no.csv\"",
            "14:7 `for` does not go with `file` | each record of the file is sent once",
        ),
        ("for = \"20s\"", "file = \"no.csv\"", "14:8 cannot read no.csv | scenarios/no.csv: no such file"),
    ] {
        let found = said(old, new);
        assert_eq!(brief(&found)[0], expected, "{found}");
    }
}

#[test]
fn expectations_do_not_contradict_each_other() {
    let both = one("never = [\"lost-write\"]", "never = [\"lost-write\"]\nmust = [\"lost-write\"]");
    assert_eq!(both, "26:9 `lost-write` cannot be in both `never` and `must` | this is the second");
    let twice = one("never = [\"lost-write\"]", "never = [\"unseen\", \"unseen\"]");
    assert_eq!(twice, "25:20 `unseen` twice | ");
    for (allow, said) in [
        ("{ topic = \"order\", properties = [\"unseen\"] }", "26:23 unknown topic `order` | did you mean `orders`?"),
        ("{ topic = \"orders\", properties = [] }", "26:46 nothing is allowed | name a property, or leave this out"),
        (
            "{ topic = \"orders\", properties = [\"unseen\"] }, { topic = \"orders\", properties = [\"poll-skip\"] }",
            "26:70 topic `orders` twice | ",
        ),
        (
            "{ topic = \"orders\", properties = [\"duplicate\"] }]\nallow = [\"duplicate\"",
            "26:47 `duplicate` is in `allow` already, which means every topic | ",
        ),
    ] {
        let found = one("never = [\"lost-write\"]", &format!("never = [\"lost-write\"]\nallow_on = [{allow}]"));
        assert_eq!(found, said);
    }
}

#[test]
fn names_are_given_once_and_can_be_names() {
    let second =
        one("[[workload]]\nkind = \"producer\"", "[[topic]]\nname = \"orders\"\n[[workload]]\nkind = \"producer\"");
    assert_eq!(second, "10:8 two topics are called `orders` | this is the second");
    let slash = one("name = \"orders-survive\"", "name = \"orders/survive\"");
    assert_eq!(
        slash,
        "1:8 `orders/survive` is not a name | lower case letters, digits and dashes: it names the folder of the runs"
    );
    let space = said("name = \"orders\"", "name = \"our orders\"");
    assert!(brief(&space)[0].starts_with("5:8 `our orders` is not a topic name"), "{space}");
}

#[test]
fn several_mistakes_are_said_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("brokers = 3", "brokerz = 3")
        .replace("min_insync = 2", "min_insync = 4")
        .replace("at = \"3s\"", "at = \"30s\"")
        .replace("[\"lost-write\"]", "[\"lost-wrote\"]");
    let found = parse(&text).unwrap_err();
    let lines: Vec<usize> = found.0.iter().map(|d| d.position().line).collect();
    assert_eq!(lines, [3, 8, 19, 25], "{found}");
    assert!(found.to_string().ends_with("\n4 errors in scenarios/orders.toml\n"));
}

#[test]
fn what_is_not_toml_is_said_with_its_place() {
    let found = parse("name = \"a\"\n[cluster\nbrokers = 3\n").unwrap_err();
    assert_eq!(found.0[0].position().line, 2, "{found}");
    assert!(found.0[0].message.starts_with("not TOML: "), "{found}");
    let twice = said("brokers = 3", "brokers = 3\nbrokers = 5");
    assert_eq!((twice.0[0].position().line, twice.0[0].position().column), (4, 1), "{twice}");
}

#[test]
fn an_empty_file_is_told_what_it_lacks() {
    let found = parse("").unwrap_err();
    assert_eq!(brief(&found)[0], "1:1 missing key `name` in the file | needs `name`, a text");
    let alone = parse("name = \"a\"\n").unwrap_err();
    assert!(alone.0[0].message.starts_with("there is no [[workload]]"), "{alone}");
}

#[test]
fn plans_keys_are_refused_in_scenarios() {
    let line = one("restart_after = \"5s\"", "restart_after = \"5s\"\nline = 3");
    assert_eq!(line, "22:1 `line` is written by the tool, into plans | not in a scenario");
}

#[test]
fn help_is_given_where_a_label_is_not_enough() {
    let crash = "crash = { broker = \"leader:orders/0\", power = \"lost\" }\nrestart_after = \"5s\"";
    let drawn = said(crash, "pause = { broker = \"any\" }\nshutdown = { broker = \"any\" }").to_string();
    assert!(drawn.contains("\n   = help: write two [[fault]] tables\n"), "{drawn}");
}

#[test]
fn a_value_that_cannot_be_read_is_one_mistake() {
    for wrong in [
        "clock = { broker = \"any\", offset = \"8d\" }",
        "clock = { broker = \"any\", drift_ppm = \"fast\" }",
        "slow_disk = { broker = \"any\", factor = \"much\" }\nfor = \"1s\"",
    ] {
        let text = format!(
            "name = \"x\"\n[[topic]]\nname = \"t\"\n[[workload]]\nkind = \"producer\"\ntopic = \"t\"\n\
             [[fault]]\nat = \"1s\"\n{wrong}\n"
        );
        let said = parse(&text).expect_err(wrong);
        assert_eq!(said.0.len(), 1, "{wrong}: {said}");
    }
}

#[test]
fn what_follows_from_a_mistake_is_no_second_one() {
    for (old, new) in [("brokers = 3", "brokers = 0"), ("brokers = 3", "brokers = 201")] {
        let found = parse(&GOOD.replace(old, new)).expect_err(new);
        assert_eq!(found.0.len(), 1, "{new}: {found}");
    }
    let text = "name = \"x\"\nduration = \"0s\"\n[[topic]]\nname = \"t\"\n[[workload]]\nkind = \"producer\"\ntopic = \"t\"\n\
                for = \"4s\"\n[[workload]]\nkind = \"consumer\"\ntopic = \"t\"\n[[fault]]\nat = \"1s\"\npause = { broker = \"any\" }\n";
    let found = parse(text).expect_err("accepted");
    assert_eq!(found.0.len(), 1, "{found}");
}
