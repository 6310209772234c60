//! Trials from `#[test]`: a scenario, an application and properties of one's own, many seeds.
//!
//! ```no_run
//! use tribunal::testing::Trials;
//!
//! // #[test]
//! fn orders_survive() {
//!     Trials::of_file("tests/orders-survive.toml").seeds(0..50).run();
//! }
//! ```
//!
//! `TRIBUNAL_SEED` runs one seed only, `TRIBUNAL_SEEDS=A..B` these, whatever the test says. A failure says which
//! command repeats it; a test with applications or properties of its own is repeated by itself, with `TRIBUNAL_SEED`.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tribunal_common::{Bug, Obs};
use tribunal_contract::{Machine, Span};
use tribunal_language::command::CommandLine;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, Seeds, Source, parse_seed, parse_seeds};
use tribunal_protocol::Message;
use tribunal_reports::causal::chain_line;
use tribunal_world::run::{How, Violation, World, judge, run_caught};
use tribunal_world::{App, AppSpec, Extras, KernelWorld, Watch, WatchSpec};

/// The nodes that are brokers: their ids, ascending. Clients of an application find the cluster by them.
pub use tribunal_world::broker_nodes;

/// Runs of a scenario, to be configured and then [run](Trials::run).
#[derive(Clone, Debug)]
#[must_use = "nothing is run before `run`"]
pub struct Trials {
    scenario: Arc<Scenario>,
    seeds: Seeds,
    bugs: Vec<Bug>,
    extras: Extras,
}

/// A run that did not hold; or runs that all held, none of which showed what the scenario says that one must.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The seed of the run that did not hold.
    pub seed: Option<u64>,
    /// What did not hold, the first of it.
    pub violation: Option<Violation>,
    /// All that there is to say, with the line that repeats it.
    pub message: String,
}

impl Trials {
    /// Of a scenario made in code, at its own seeds.
    pub fn of(scenario: Scenario) -> Trials {
        let seeds = scenario.seeds;
        Trials { scenario: Arc::new(scenario), seeds, bugs: Vec::new(), extras: Extras::default() }
    }

    /// Of the text of a scenario file.
    ///
    /// # Panics
    /// If the text is no valid scenario, with the place and the reason.
    #[track_caller]
    pub fn of_text(text: &str) -> Trials {
        match Scenario::parse(Source::new("scenario in a test", text)) {
            Ok(scenario) => Trials::of(scenario),
            Err(wrong) => panic!("{wrong}"),
        }
    }

    /// Of a scenario file, or one of the catalog by its path.
    ///
    /// # Panics
    /// If the file cannot be read or is no valid scenario, with the place and the reason.
    #[track_caller]
    pub fn of_file(path: impl AsRef<Path>) -> Trials {
        match Scenario::load(path.as_ref()) {
            Ok(scenario) => Trials::of(scenario),
            Err(wrong) => panic!("{wrong}"),
        }
    }

    /// At these seeds instead of the scenario's own.
    pub fn seeds(mut self, seeds: Range<u64>) -> Trials {
        self.seeds = Seeds { start: seeds.start, end: seeds.end };
        self
    }

    /// With a bug of Kafka's history in every broker.
    pub fn bug(mut self, bug: Bug) -> Trials {
        self.bugs.push(bug);
        self
    }

    /// With an application: `make` makes it each time its process starts, given how often it has started before. It
    /// starts with the workload and ends when the faults do.
    pub fn app<M>(mut self, name: &str, make: impl Fn(u32) -> M + Send + Sync + 'static) -> Trials
    where
        M: Machine<Msg = Message, Input = (), Obs = Obs> + Send + Sync + 'static,
    {
        let make = Arc::new(move |incarnation| App::new(make(incarnation), incarnation));
        self.extras.apps.push(AppSpec { name: name.to_owned(), make, crashes: Vec::new() });
        self
    }

    /// Kills the process of the application added last, at a time after the workload's zero, for so long.
    ///
    /// # Panics
    /// If there is no application yet.
    #[track_caller]
    pub fn crash_app(mut self, at: Span, down: Span) -> Trials {
        let app = self.extras.apps.last_mut().expect("an application is added before it is killed");
        app.crashes.push((at, down));
        self
    }

    /// With a property: `make` makes what watches a run.
    pub fn property<W: Watch + 'static>(mut self, name: &str, make: impl Fn() -> W + Send + Sync + 'static) -> Trials {
        let make = Arc::new(move || Box::new(make()) as Box<dyn Watch>);
        self.extras.watches.push(WatchSpec { name: name.to_owned(), make });
        self
    }

    /// Runs every seed; every run must hold. If the seeds are all of the scenario's own, or more, one run at least must
    /// show each of `sometimes` and `must`.
    ///
    /// # Panics
    /// If one does not, with what happened and the line that repeats it.
    #[track_caller]
    pub fn run(self) {
        if let Err(failed) = self.outcome() {
            panic!("{}", failed.message);
        }
    }

    /// Runs every seed until one does not hold, and judges as [`Trials::run`] does.
    ///
    /// # Errors
    /// With the first run that did not hold, or with what none of them showed.
    ///
    /// # Panics
    /// If `TRIBUNAL_SEED` or `TRIBUNAL_SEEDS` is no seed, or no range of seeds.
    pub fn outcome(&self) -> Result<(), Box<Failed>> {
        let seeds = chosen(self.seeds, |name| std::env::var(name).ok());
        let world = TestWorld(&self.extras);
        let (mut shown, mut reached) = (BTreeSet::new(), BTreeSet::new());
        for seed in seeds.iter() {
            let plan = Plan::generate(&self.scenario, seed);
            let how = How { bugs: &self.bugs, ..How::default() };
            let trial = run_caught(&world, &plan, &how).unwrap_or_else(|error| panic!("{error}"));
            let [violations, expected, _] = judge(&plan.expect, trial.violations);
            shown.extend(expected.iter().map(|violation| violation.property));
            reached.extend(trial.reached);
            let Some(first) = violations.into_iter().next() else { continue };
            // Once more for what led to it. The same plan does the same.
            let again = run_caught(&world, &plan, &How { explain: true, ..how }).ok();
            let explained = again.and_then(|again| judge(&plan.expect, again.violations)[0].first().cloned());
            return Err(Box::new(self.failed(seed, explained.unwrap_or(first))));
        }
        let own = self.scenario.seeds;
        if seeds.start > own.start || seeds.end < own.end {
            return Ok(());
        }
        let expect = &self.scenario.expect;
        let never_shown = expect.must.iter().filter(|name| !shown.contains(*name)).map(|name| name.name());
        let never_reached = expect.sometimes.iter().filter(|kind| !reached.contains(*kind)).map(|kind| kind.name());
        let missing: Vec<&str> = never_shown.chain(never_reached).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("{}: no run of seeds {seeds} showed {}", self.scenario.name, missing.join(", "));
        Err(Box::new(Failed { seed: None, violation: None, message }))
    }

    fn failed(&self, seed: u64, violation: Violation) -> Failed {
        let mut message =
            format!("{} seed {seed:#x}\n  {}: {}\n", self.scenario.name, violation.property.name(), violation.detail);
        if !violation.chain.is_empty() {
            message += &format!("  {}\n", chain_line(&violation.chain));
        }
        let own = !self.extras.apps.is_empty() || !self.extras.watches.is_empty();
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        message += &match Path::new(&self.scenario.path).exists() && !own {
            true => {
                let line = CommandLine::new("replay").word(&self.scenario.path).option("--seed", &format!("{seed:#x}"));
                format!("  replay: {}", line.bugs(&self.bugs).finish())
            }
            false => format!("  replay: TRIBUNAL_SEED={seed:#x} cargo test {test}"),
        };
        Failed { seed: Some(seed), violation: Some(violation), message }
    }
}

/// The seeds that the environment asks for, or else those of the test.
fn chosen(own: Seeds, variable: impl Fn(&str) -> Option<String>) -> Seeds {
    let wrong = |name: &str, text: &str, why: String| -> ! { panic!("{name}={text}: {why}") };
    if let Some(text) = variable("TRIBUNAL_SEED") {
        let seed = parse_seed(&text).unwrap_or_else(|why| wrong("TRIBUNAL_SEED", &text, why));
        return Seeds { start: seed, end: seed.saturating_add(1) };
    }
    match variable("TRIBUNAL_SEEDS") {
        Some(text) => parse_seeds(&text).unwrap_or_else(|why| wrong("TRIBUNAL_SEEDS", &text, why)),
        None => own,
    }
}

/// The kernel with what a test adds to it.
struct TestWorld<'t>(&'t Extras);

impl World for TestWorld<'_> {
    fn run(&self, plan: &Plan, how: &How<'_>) -> Result<tribunal_world::run::Trial, tribunal_reports::ReportError> {
        KernelWorld.run_with(plan, how, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_seeds() {
        let own = Seeds { start: 0, end: 5 };
        let set =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert_eq!(chosen(own, |_| None), own);
        assert_eq!(chosen(own, set("TRIBUNAL_SEED", "0x2a")), Seeds { start: 42, end: 43 });
        assert_eq!(chosen(own, set("TRIBUNAL_SEEDS", "7..9")), Seeds { start: 7, end: 9 });
    }

    #[test]
    fn what_no_run_shows_fails_the_scenarios_own_seeds_only() {
        let text = "name = \"calm\"\nseeds = \"0..2\"\nduration = \"1s\"\n[[topic]]\nname = \"orders\"\n[[workload]]\n\
                    kind = \"producer\"\ntopic = \"orders\"\nrate = \"10/s\"\nfor = \"1s\"\n\
                    [expect]\nsometimes = [\"record-sent\", \"isr-shrunk\"]\nmust = [\"lost-write\"]\n";
        let failed = Trials::of_text(text).outcome().expect_err("nothing is lost, no replica leaves");
        assert_eq!(failed.message, "calm: no run of seeds 0..2 showed lost-write, isr-shrunk");
        assert_eq!((failed.seed, failed.violation), (None, None));
        Trials::of_text(text).seeds(0..1).run();
    }

    #[test]
    #[should_panic(expected = "TRIBUNAL_SEED=many")]
    fn a_seed_that_is_none_is_refused() {
        chosen(Seeds { start: 0, end: 5 }, |name| (name == "TRIBUNAL_SEED").then(|| "many".to_owned()));
    }
}
