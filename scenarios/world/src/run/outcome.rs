//! What runs come to.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tribunal_common::{Bug, ObsKind};
use tribunal_contract::{NodeId, Span};
use tribunal_language::command::CommandLine;
use tribunal_model::Property;
use tribunal_reports::causal::ChainStep;
use tribunal_reports::{VerdictRecord, ViolationRecord};

use super::marks::Marks;

/// A property that did not hold in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Which one.
    pub property: Property,
    /// The topic of the partition that it was seen on, if it was on one.
    pub topic: Option<String>,
    /// What was seen, in a sentence with partitions, offsets and simulated seconds.
    pub detail: String,
    /// What led to it, in a line; may be empty.
    pub cause: String,
    /// The line of the scenario whose fault led to it, from 1, if it is known.
    pub line: Option<u32>,
    /// When it was seen, in nanoseconds since the workload's zero; negative in the warm-up.
    pub at: i64,
    /// The event of the trace at which it was seen, if the run was recorded and it was seen at one.
    pub event: Option<u64>,
    /// What led to it, step by step, if the run was recorded.
    pub chain: Vec<ChainStep>,
    /// What the failure is, whatever the numbers.
    pub signature: Signature,
}

/// What failures of one cause have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    /// The property that did not hold.
    pub property: Property,
    /// What the node at which it was seen last did to its log, without names and numbers. Empty if the run was not
    /// recorded.
    pub tuple: Vec<String>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.property.name())?;
        match &self.tuple[..] {
            [] => Ok(()),
            tuple => write!(f, ": {}", tuple.join(" → ")),
        }
    }
}

/// What a world tells of one run of a plan.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Trial {
    /// Every property that did not hold, whether or not that is expected.
    pub violations: Vec<Violation>,
    /// How much time passed in the world.
    pub simulated: Span,
    /// How many operations clients did.
    pub operations: u64,
    /// How many faults happened.
    pub faults: u64,
    /// Steps of machines: what the run cost, the same on every machine.
    pub events: u64,
    /// When each of the plan's faults began, and which nodes it meant.
    pub struck: Vec<Struck>,
    /// The rolling hash of the run.
    pub trace_hash: u64,
    /// What was observed at least once.
    pub reached: BTreeSet<ObsKind>,
    /// The limit that ended the run before it had an answer, if one did.
    pub limit: Option<String>,
    /// What broke no promise and is worth knowing, a sentence each.
    pub notes: Vec<String>,
    /// Marks of behaviour, if they were asked for.
    pub marks: Marks,
    /// How long acknowledgements took, if marks were asked for and there were any.
    pub acks: Option<AckLatency>,
}

/// A fault that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Which of the plan's.
    pub fault: usize,
    /// When it began, after the workload's zero.
    pub at: Span,
    /// The nodes that each of [`Action::targets`](tribunal_language::Action::targets) meant then.
    pub meant: Vec<Vec<NodeId>>,
}

/// How long records took from the application to their acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckLatency {
    /// Half of them took at most this.
    pub median: Span,
    /// The slowest.
    pub max: Span,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that was promised held.
    Held,
    /// A limit was reached before there was an answer.
    Inconclusive,
    /// A property did not hold that should have.
    Violated,
    /// A replay had another trace than the run it replays.
    NotReproduced,
    /// The same plan ran twice and had two traces.
    NotDeterministic,
}

/// One run, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// The scenario's name.
    pub scenario: String,
    /// The file it came from: a scenario's or a plan's.
    pub path: String,
    /// The scenario's file, which lines are counted in.
    pub scenario_path: String,
    /// The seed.
    pub seed: u64,
    /// What it came to.
    pub verdict: Verdict,
    /// Properties that did not hold and should have.
    pub violations: Vec<Violation>,
    /// Properties that did not hold, as the scenario expects.
    pub expected: Vec<Violation>,
    /// Properties that did not hold and did not need to: allowed, or not asked about.
    pub allowed: Vec<Violation>,
    /// How much time passed in the world.
    pub simulated: Span,
    /// How much time passed here.
    pub wall: Duration,
    /// How many operations clients did.
    pub operations: u64,
    /// How many faults happened.
    pub faults: u64,
    /// The rolling hash of the run.
    pub trace_hash: u64,
    /// The other trace hash, for [`Verdict::NotDeterministic`] and [`Verdict::NotReproduced`].
    pub other_hash: Option<u64>,
    /// What was observed at least once.
    pub reached: BTreeSet<ObsKind>,
    /// The limit that was reached, for [`Verdict::Inconclusive`].
    pub limit: Option<String>,
    /// What broke no promise and is worth knowing, a sentence each.
    pub notes: Vec<String>,
    /// Bugs that were planted.
    pub bugs: Vec<Bug>,
    /// Whether the file is a scenario's, which needs the seed to repeat the run.
    pub of_seed: bool,
    /// Whether this was a replay with the recorded trace hash.
    pub identical: bool,
    /// The run's folder, if it was written.
    pub folder: Option<PathBuf>,
    /// The run's report, if it was written.
    pub report: Option<PathBuf>,
}

impl RunOutcome {
    /// The command that repeats the run.
    pub fn replay_command(&self) -> String {
        let line = CommandLine::new("replay").word(&self.path);
        let line = if self.of_seed { line.option("--seed", &format!("{:#x}", self.seed)) } else { line };
        line.bugs(&self.bugs).finish()
    }

    /// The run as `verdict.json` keeps it.
    pub fn record(&self) -> VerdictRecord {
        let violations = |all: &[Violation]| all.iter().map(Violation::record).collect();
        VerdictRecord {
            format: tribunal_reports::FORMAT,
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.scenario.clone(),
            path: self.path.clone(),
            seed: format!("{:#x}", self.seed),
            verdict: self.verdict.name().to_owned(),
            violations: violations(&self.violations),
            expected: violations(&self.expected),
            allowed: violations(&self.allowed),
            simulated_s: self.simulated.as_secs_f64(),
            wall_s: self.wall.as_secs_f64(),
            operations: self.operations,
            faults: self.faults,
            trace_hash: format!("{:#018x}", self.trace_hash),
            other_hash: self.other_hash.map(|hash| format!("{hash:#018x}")),
            limit: self.limit.clone(),
            notes: self.notes.clone(),
            reached: self.reached.iter().map(|kind| kind.name().to_owned()).collect(),
            bugs: self.bugs.iter().map(|bug| bug.id().to_owned()).collect(),
            replay: self.replay_command(),
            folder: self.folder.as_ref().map(|path| path.display().to_string()),
        }
    }
}

impl Violation {
    /// The time and what was seen, from a world that has recorded nothing.
    pub fn new(property: Property, detail: String, at: i64) -> Violation {
        Violation {
            property,
            topic: None,
            detail,
            cause: String::new(),
            line: None,
            at,
            event: None,
            chain: Vec::new(),
            signature: Signature { property, tuple: Vec::new() },
        }
    }

    /// The violation as `verdict.json` keeps it.
    pub fn record(&self) -> ViolationRecord {
        ViolationRecord {
            property: self.property.name().to_owned(),
            detail: self.detail.clone(),
            cause: self.cause.clone(),
            line: self.line,
            time_s: self.at as f64 / 1e9,
            event: self.event,
            chain: self.chain.clone(),
            signature: self.signature.to_string(),
        }
    }
}

impl Verdict {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Violated => "violated",
            Verdict::NotReproduced => "not-reproduced",
            Verdict::NotDeterministic => "not-deterministic",
        }
    }
}

/// The runs of a scenario, judged together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioOutcome {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's file.
    pub path: String,
    /// How many runs it had.
    pub runs: u64,
    /// How many of them were violations.
    pub violated: u64,
    /// Properties that at least one run should have shown not to hold, and none did.
    pub never_shown: Vec<Property>,
    /// What may keep them from happening, and which setting changes that: a sentence each.
    pub hints: Vec<String>,
    /// What at least one run should have reached, and none did.
    pub never_reached: Vec<ObsKind>,
    /// Expected violations, with how many runs showed them.
    pub expected: Vec<(Property, u64)>,
    /// How much time passed in the world, over all runs.
    pub simulated: Span,
    /// How much time passed here, over all runs.
    pub wall: Duration,
    /// Operations over all runs.
    pub operations: u64,
    /// Faults over all runs.
    pub faults: u64,
    /// The trace hashes of all runs in the order of their seeds, hashed.
    pub trace_hash: u64,
}

impl ScenarioOutcome {
    /// Whether the scenario over its seeds showed all that it should.
    pub fn is_whole(&self) -> bool {
        self.never_shown.is_empty() && self.never_reached.is_empty()
    }
}

/// All runs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many runs were asked for.
    pub requested: u64,
    /// How many came to each verdict, in the order of [`Verdict`].
    pub held: u64,
    /// How many reached a limit.
    pub inconclusive: u64,
    /// How many were violations.
    pub violated: u64,
    /// How many replays had another trace.
    pub not_reproduced: u64,
    /// How many were not deterministic.
    pub not_deterministic: u64,
    /// Each scenario.
    pub scenarios: Vec<ScenarioOutcome>,
    /// How much time passed here.
    pub wall: Duration,
    /// The report to look at: that of the first violation, or of the last run that has one.
    pub report: Option<PathBuf>,
}

impl Summary {
    /// How many runs were done: a violation may have ended it early.
    pub fn done(&self) -> u64 {
        self.held + self.inconclusive + self.violated + self.not_reproduced + self.not_deterministic
    }

    /// Counts a run.
    pub fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Held => &mut self.held,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Violated => &mut self.violated,
            Verdict::NotReproduced => &mut self.not_reproduced,
            Verdict::NotDeterministic => &mut self.not_deterministic,
        } += 1;
    }
}
