//! Configuration files: what is checked, and how far.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use tribunal_common::{BrokerConfig, Bug, Bugs, FlushPolicy, ObsKind, TruncationMode, timers};
use tribunal_contract::{NodeId, Span};

use crate::node::{Kind, Rules};
use crate::world::{Budget, Budgets};

/// Which machines a configuration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machines {
    /// Voters of the controller quorum.
    Quorum,
    /// Brokers' replicas of one partition, and a controller whose log commits at once.
    Replicas,
}

/// When syncs complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Syncs {
    /// Whenever the search says.
    #[default]
    Any,
    /// At once: for configurations in which no power is lost and no sync fails.
    Eager,
}

/// Beyond what nothing is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// A voter that has won its election.
    Leader,
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// The file's name without its ending.
    pub name: String,
    /// What it is about: the comment on top of the file.
    pub promise: String,
    /// Which machines.
    pub machines: Machines,
    /// Voters or brokers.
    pub nodes: u8,
    /// See [`Syncs`].
    pub syncs: Syncs,
    /// Where paths end; none if nowhere before the budgets do.
    pub until: Option<Until>,
    /// What may happen how often.
    pub budgets: Budgets,
    /// What is not limited.
    free: Vec<Budget>,
    /// Timer classes that are remembered.
    classes: u64,
    cluster: Cluster,
    /// Distinct states, all told: known once the search has been exhausted.
    pub states: Option<u64>,
    /// Generated states after which a search gives up if it is not told otherwise.
    pub limit: u64,
    /// What must be observed at least once in an exhaustive search.
    pub sometimes: Vec<ObsKind>,
    /// Of so many states one is healed, and must get on.
    pub liveness_every: u64,
    /// Too large for every day.
    pub nightly: bool,
    /// Planted bugs.
    pub bugs: Vec<Bug>,
}

/// What is wrong with a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The bytes of it that are wrong.
    pub range: Range<usize>,
    /// The line they are on, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What could stand there, if that is a list of words.
    pub known: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}: {}", self.file, self.line, self.message)?;
        if self.known.is_empty() { Ok(()) } else { write!(f, "; known: {}", self.known.join(", ")) }
    }
}

impl std::error::Error for ConfigError {}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Allowed {
    Times(u8),
    Word(Unlimited),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Unlimited {
    Free,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Truncation {
    #[default]
    Fetch,
    Lookup,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Cluster {
    min_insync: Option<i32>,
    truncation: Truncation,
    flush_every_write: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    machines: Machines,
    nodes: Spanned<u8>,
    #[serde(default)]
    syncs: Option<Spanned<Syncs>>,
    #[serde(default)]
    until: Option<Spanned<Until>>,
    #[serde(default)]
    nightly: bool,
    budgets: BTreeMap<Spanned<String>, Spanned<Allowed>>,
    #[serde(default)]
    cluster: Cluster,
    expect: Expect,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    states: Option<u64>,
    limit: u64,
    #[serde(default)]
    sometimes: Vec<Spanned<String>>,
    #[serde(default)]
    liveness_every: u64,
}

/// Nodes of a configuration: pairs of them are bits of a word, and what is larger cannot be exhausted.
const NODES: std::ops::RangeInclusive<u8> = 1..=7;

/// The budget that the timers of a class draw on; none if such timers never fire.
fn budget_of(class: u8) -> Option<Budget> {
    Some(match class {
        timers::QUORUM_ELECTION => Budget::Elections,
        timers::QUORUM_FETCH => Budget::FetchTimeouts,
        timers::QUORUM_CHECK => Budget::Checks,
        timers::QUORUM_BACKOFF | timers::FETCHER_BACKOFF | timers::ALTER_PARTITION => Budget::Backoffs,
        timers::QUORUM_CALL | timers::FETCHER_CALL => Budget::Calls,
        timers::QUORUM_PARKED | timers::FETCH_PARKED => Budget::Polls,
        timers::SESSION => Budget::Fences,
        timers::REPLICA_LAG => Budget::Lags,
        _ => return None,
    })
}

impl CheckConfig {
    /// Reads a configuration. `name` is that of the file, for errors and for the name of the configuration.
    pub fn parse(name: &str, text: &str) -> Result<CheckConfig, ConfigError> {
        let error = |range: Range<usize>, message: String, known: Vec<String>| {
            let line = text[..range.start.min(text.len())].matches('\n').count() + 1;
            ConfigError { file: name.to_owned(), range, line, message, known }
        };
        let file: File = toml::from_str(text).map_err(|wrong| {
            let (message, known) = known_words(wrong.message());
            error(wrong.span().unwrap_or(0..0), message, known)
        })?;
        let nodes = *file.nodes.get_ref();
        if !NODES.contains(&nodes) {
            let message = format!("nodes = {nodes}: {} to {} are possible", NODES.start(), NODES.end());
            return Err(error(file.nodes.span(), message, Vec::new()));
        }
        let (mut budgets, mut free, mut named) = (Budgets::default(), Vec::new(), Vec::new());
        for (key, value) in &file.budgets {
            let Some(budget) = Budget::ALL.iter().copied().find(|budget| budget.key() == key.get_ref()) else {
                let known = Budget::ALL.iter().map(|budget| budget.key().to_owned()).collect();
                return Err(error(key.span(), format!("unknown budget `{}`", key.get_ref()), known));
            };
            named.push(budget);
            match value.get_ref() {
                Allowed::Times(times) => budgets[budget as usize] = *times,
                Allowed::Word(Unlimited::Free) if (0..64).any(|class| budget_of(class) == Some(budget)) => {
                    free.push(budget);
                }
                Allowed::Word(Unlimited::Free) => {
                    let message = format!("only timers can be free, not `{}`", key.get_ref());
                    return Err(error(value.span(), message, Vec::new()));
                }
            }
        }
        let needs_syncs = budgets[Budget::PowerLosses as usize] > 0 || budgets[Budget::FailedSyncs as usize] > 0;
        let syncs = file.syncs.as_ref().map_or(Syncs::default(), |syncs| *syncs.get_ref());
        if let Some(wrong) = file.syncs.filter(|syncs| *syncs.get_ref() == Syncs::Eager && needs_syncs) {
            let message = "syncs = \"eager\" hides what power_losses and failed_syncs are about".to_owned();
            return Err(error(wrong.span(), message, Vec::new()));
        }
        if let Some(until) = file.until.as_ref().filter(|_| file.machines != Machines::Quorum) {
            return Err(error(until.span(), "only voters elect a leader among themselves".to_owned(), Vec::new()));
        }
        let sometimes = |name: &Spanned<String>| {
            ObsKind::from_name(name.get_ref()).ok_or_else(|| {
                let known = ObsKind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
                error(name.span(), format!("`{}` is no observation: see `list observations`", name.get_ref()), known)
            })
        };
        let classes = (0..64).filter(|class| budget_of(*class).is_some_and(|budget| named.contains(&budget)));
        Ok(CheckConfig {
            name: std::path::Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            promise: promise(text),
            machines: file.machines,
            nodes,
            syncs,
            until: file.until.map(Spanned::into_inner),
            budgets,
            free,
            classes: classes.fold(0, |bits, class| bits | 1 << class),
            cluster: file.cluster,
            states: file.expect.states,
            limit: file.expect.limit,
            sometimes: file.expect.sometimes.iter().map(sometimes).collect::<Result<_, _>>()?,
            liveness_every: file.expect.liveness_every,
            nightly: file.nightly,
            bugs: Vec::new(),
        })
    }

    /// The same with bugs planted in every machine.
    pub fn with_bugs(mut self, bugs: &[Bug]) -> CheckConfig {
        self.bugs = bugs.to_vec();
        self
    }

    /// The node of the controller: the one after the brokers.
    pub fn controller(&self) -> Option<NodeId> {
        (self.machines == Machines::Replicas).then(|| NodeId(self.nodes.into()))
    }

    /// What a timer of this class draws on, if that is limited.
    pub fn timer_budget(&self, class: u8) -> Option<Budget> {
        budget_of(class).filter(|budget| !self.free.contains(budget))
    }

    /// Whether timers of this class ever fire.
    pub fn fires(&self, class: u8) -> bool {
        self.classes >> class & 1 == 1
    }

    /// The voters, if these are the machines.
    pub fn voters(&self) -> Vec<i32> {
        match self.machines {
            Machines::Quorum => (0..i32::from(self.nodes)).collect(),
            Machines::Replicas => Vec::new(),
        }
    }

    /// `min.insync.replicas` of the topic.
    pub fn min_insync(&self) -> i32 {
        self.cluster.min_insync.unwrap_or(1)
    }

    /// How the nodes behave.
    pub fn rules(&self) -> Rules {
        let nodes = i32::from(self.nodes);
        let (kind, voters) = match self.machines {
            Machines::Quorum => (Kind::Voter, (0..nodes).collect()),
            Machines::Replicas => (Kind::Replica, vec![nodes]),
        };
        let mut machines: Vec<_> = (0..nodes).map(|id| (kind, self.broker(id, &voters))).collect();
        if self.machines == Machines::Replicas {
            machines.push((Kind::Controller, self.broker(nodes, &voters)));
        }
        Rules { machines, classes: self.classes, eager_syncs: self.syncs == Syncs::Eager }
    }

    fn broker(&self, id: i32, voters: &[i32]) -> BrokerConfig {
        let mut cfg = BrokerConfig::new(id, voters.to_vec());
        cfg.bugs = self.bugs.iter().fold(Bugs::NONE, |bugs, bug| bugs.with(*bug));
        // One more timer that may fire at any time, for elections that are checked without it.
        cfg.rebalance_interval = Span::ZERO;
        cfg.topic.min_insync_replicas = self.min_insync();
        cfg.truncation = match self.cluster.truncation {
            Truncation::Fetch => TruncationMode::Fetch,
            Truncation::Lookup => TruncationMode::Lookup,
        };
        if self.cluster.flush_every_write {
            cfg.log.flush = FlushPolicy::EveryWrite;
        }
        cfg
    }
}

/// What is wrong, without the list of words that would be right, and that list: serde has them in one sentence.
fn known_words(message: &str) -> (String, Vec<String>) {
    let Some((wrong, right)) = message.split_once(", expected ") else { return (message.to_owned(), Vec::new()) };
    (wrong.to_owned(), right.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The comment on top of a file, as prose.
fn promise(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join("\n").trim().to_owned()
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The configurations that come with the tool: name and text.
        pub const SHIPPED: &[(&str, &str)] = &[$((concat!($name, ".toml"), include_str!(concat!("../checks/", $name, ".toml")))),*];
    };
}

shipped![
    "quorum-3",
    "quorum-3-rivals",
    "quorum-3-snapshot",
    "quorum-3-reset",
    "quorum-3-power-loss",
    "quorum-3-lost-vote",
    "replica",
    "replica-lookup",
    "replica-reset",
    "replica-power-loss",
    "replica-failed-sync",
    "controller",
    "quorum-3-cut",
    "quorum-3-power-loss-record",
    "quorum-5",
    "replica-isr",
    "replica-power-loss-fenced",
    "replica-3-power-loss",
];

/// The configurations that come with the tool. They are right: a test reads them all.
pub fn shipped() -> Result<Vec<CheckConfig>, ConfigError> {
    SHIPPED.iter().map(|(name, text)| CheckConfig::parse(name, text)).collect()
}
