//! Judging: one run by what its scenario expects, and a scenario over its seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribunal_common::ObsKind;
use tribunal_contract::Span;
use tribunal_language::Expect;
use tribunal_model::Property;

use super::outcome::{RunOutcome, ScenarioOutcome, Verdict, Violation};

/// Sorts violations by what the scenario expects: those that should not be, those it expects, those it does not mind.
///
/// An invariant or a lack of progress counts unless the scenario expects or allows it; an anomaly of the history counts
/// if the scenario names it in `never`.
pub fn judge(expect: &Expect, found: Vec<Violation>) -> [Vec<Violation>; 3] {
    let mut sorted = [const { Vec::new() }; 3];
    for violation in found {
        let property = violation.property;
        let place = match () {
            () if counts(expect, property, violation.topic.as_deref()) => 0,
            () if expect.must.contains(&property) => 1,
            () => 2,
        };
        sorted[place].push(violation);
    }
    sorted
}

/// Whether a run fails that does not hold a property, on a partition of this topic if on one.
pub fn counts(expect: &Expect, property: Property, topic: Option<&str>) -> bool {
    let excused = expect.must.contains(&property) || expect.allows(property, topic);
    !excused && (property.always_on() || expect.never.contains(&property))
}

/// Gathers the runs of one scenario.
#[derive(Clone, Debug)]
pub struct Tally {
    scenario: String,
    path: String,
    expect: Expect,
    /// Whether its runs must show over the seeds what the scenario asks for.
    required: bool,
    violated: u64,
    shown: BTreeMap<Property, u64>,
    reached: BTreeSet<ObsKind>,
    simulated: u64,
    wall: Duration,
    operations: u64,
    faults: u64,
    hashes: BTreeMap<u64, u64>,
}

impl Tally {
    /// No runs yet. `required` if the runs will be all those of the scenario's own seeds, or more.
    pub fn new(scenario: &str, path: &str, expect: &Expect, required: bool) -> Tally {
        Tally {
            scenario: scenario.to_owned(),
            path: path.to_owned(),
            expect: expect.clone(),
            required,
            violated: 0,
            shown: BTreeMap::new(),
            reached: BTreeSet::new(),
            simulated: 0,
            wall: Duration::ZERO,
            operations: 0,
            faults: 0,
            hashes: BTreeMap::new(),
        }
    }

    /// Adds a run. Runs may be added in any order.
    pub fn add(&mut self, run: &RunOutcome) {
        self.violated += u64::from(run.verdict == Verdict::Violated);
        let shown: BTreeSet<Property> = run.expected.iter().map(|violation| violation.property).collect();
        for property in shown {
            *self.shown.entry(property).or_default() += 1;
        }
        self.reached.extend(&run.reached);
        self.simulated = self.simulated.saturating_add(run.simulated.0);
        self.wall += run.wall;
        self.operations += run.operations;
        self.faults += run.faults;
        self.hashes.insert(run.seed, run.trace_hash);
    }

    /// Judges all runs together.
    pub fn finish(self) -> ScenarioOutcome {
        let required = self.required;
        let never_shown = self.expect.must.iter().filter(|name| required && !self.shown.contains_key(name));
        let never_reached = self.expect.sometimes.iter().filter(|name| required && !self.reached.contains(name));
        ScenarioOutcome {
            runs: self.hashes.len() as u64,
            violated: self.violated,
            hints: Vec::new(),
            never_shown: never_shown.copied().collect(),
            never_reached: never_reached.copied().collect(),
            expected: self.shown.into_iter().collect(),
            simulated: Span(self.simulated),
            wall: self.wall,
            operations: self.operations,
            faults: self.faults,
            trace_hash: self.hashes.values().fold(0xcbf2_9ce4_8422_2325, |hash, run| {
                (hash ^ run).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
            }),
            scenario: self.scenario,
            path: self.path,
        }
    }
}
