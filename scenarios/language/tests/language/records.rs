//! Workloads from CSV files.

use std::fs;
use std::path::PathBuf;

use tribunal_language::{Scenario, Workload};

/// A scenario in a folder of its own, beside a file of records.
fn load(test: &str, csv: &str, more: &str) -> Result<Scenario, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("records").join(test);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("clicks.csv"), csv).unwrap();
    let text = format!(
        "name = \"clicks\"\n[[topic]]\nname = \"clicks\"\n[[workload]]\nkind = \"producer\"\ntopic = \"clicks\"\n\
         file = \"clicks.csv\"\n{more}"
    );
    let path = folder.join("clicks.toml");
    fs::write(&path, text).unwrap();
    Scenario::load(&path).map_err(|wrong| wrong.to_string())
}

const ROWS: &str = "key,value,timestamp\ns1,a,1000\ns2,b,1500\ns1,c,4000\n";

fn lasts(scenario: &Scenario) -> String {
    match &scenario.workloads[0] {
        Workload::Producer(producer) => format!("{:?}", producer.lasts.unwrap()),
        Workload::Consumer(_) => unreachable!("it is a producer"),
    }
}

#[test]
fn without_a_rate_the_timestamps_are_the_pace() {
    assert_eq!(lasts(&load("pace", ROWS, "").unwrap()), "3001ms");
}

#[test]
fn with_a_rate_the_number_of_rows_is_the_length() {
    assert_eq!(lasts(&load("rate", ROWS, "rate = \"2/s\"\n").unwrap()), "1500ms");
}

#[test]
fn a_bad_row_is_shown_in_its_file_beside_mistakes_of_the_scenario() {
    let said = load("bad", "key,value,timestamp\ns1,a,1000\ns2,b\n", "acks = 7\n").unwrap_err();
    assert!(said.contains("error: a row of 2 columns under a header of 3\n"), "{said}");
    assert!(said.contains("clicks.csv:3:1\n") && said.contains("clicks.toml:8:8\n"), "{said}");
    assert!(said.trim_end().starts_with("error") && said.contains("2 errors in "), "{said}");
}

#[test]
fn keys_are_needed_where_the_partition_depends_on_them() {
    let said = load("keys", "key,value,timestamp\n,a,1\n", "partitioner = \"key\"\n").unwrap_err();
    assert!(said.contains("the records have no keys"), "{said}");
    load("keyed", ROWS, "partitioner = \"key\"\n").unwrap();
}

#[test]
fn a_run_is_as_long_as_its_file() {
    let scenario = load("long", ROWS, "start = \"28s\"\nrate = \"1/s\"\n").unwrap();
    assert_eq!(format!("{:?}", scenario.duration), "31s");
}
