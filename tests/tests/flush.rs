//! What flushing every write costs, in simulated time.

use std::path::Path;
use std::sync::Arc;

use tribunal::language::{Scenario, Source};
use tribunal_tests::run;

/// One broker leads two of the three partitions, and one request of the producer's may be for both.
const FLUSHED: &str = r#"
name = "flushed"
[cluster]
brokers = 3
flush = "every-write"
[[topic]]
name = "orders"
partitions = 3
replication = 3
min_insync = 2
[[workload]]
kind = "producer"
topic = "orders"
acks = "all"
rate = "200/s"
for = "5s"
[expect]
never = ["lost-write"]
"#;

#[test]
fn an_acknowledgement_waits_for_disks_and_not_for_parked_fetches() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flush");
    let scenario = Scenario::parse(Source::new("flushed.toml", FLUSHED)).unwrap_or_else(|wrong| panic!("{wrong}"));
    let runs = run(&[Arc::new(scenario)], 0..1, &[], &out);
    let folder = runs.runs[0].folder.as_ref().expect("the first run leaves a folder");
    let table = std::fs::read_to_string(folder.join("operations.csv")).expect("operations");
    let latencies_ms = table.lines().filter_map(|line| {
        let mut cells = line.split(',').skip(1);
        let (kind, invoked_s) = (cells.next()?, cells.next()?.parse::<f64>().ok()?);
        let latency_ms = cells.nth(1)?.parse::<f64>().ok()?;
        (kind == "send" && invoked_s > 1.0).then_some(latency_ms)
    });
    let latencies_ms: Vec<f64> = latencies_ms.collect();
    assert!(latencies_ms.len() > 750, "{}", latencies_ms.len());
    // Two syncs of at most 4 ms, one after the other, and messages; a follower's fetch is parked for up to 500 ms.
    let slowest_ms = latencies_ms.iter().copied().fold(0.0, f64::max);
    assert!(slowest_ms < 50.0, "{slowest_ms} ms");
}
