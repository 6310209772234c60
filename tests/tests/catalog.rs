//! The catalog, on real brokers in the kernel.

use std::path::Path;

use tribunal_tests::{catalog, run};

const OUT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/catalog");

#[test]
fn every_scenario_of_the_catalog_holds() {
    let runs = run(&catalog(), 0..2, &[], Path::new(OUT));
    assert_eq!(runs.runs.len(), 2 * catalog().len());
    let failures = runs.failures();
    assert!(failures.is_empty(), "{failures}");
    for run in &runs.runs {
        assert!(run.operations > 0 && run.faults > 0, "{} seed {:#x} tried nothing", run.scenario, run.seed);
        assert!(run.reached.len() > 5, "{} seed {:#x} reached only {:?}", run.scenario, run.seed, run.reached);
    }
}
