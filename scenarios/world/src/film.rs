//! A counterexample that was followed, as the folder of a run: so that `report` draws it and `export` converts it.

use std::collections::BTreeMap;

use tribunal_checker::node::Kind;
use tribunal_checker::parts::TOPIC;
use tribunal_checker::{CheckConfig, Step};
use tribunal_common::{Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_language::command::CommandLine;
use tribunal_model::{History, Names, Violation};
use tribunal_protocol::Str;
use tribunal_reports::{
    FORMAT, FaultRecord, NodeRecord, RUN_FORMAT, ReportError, Role, RunFolder, RunRecord, TopicRecord, VerdictRecord,
};
use tribunal_sim::{Kernel, Stop};

use super::explain::Observations;
use super::records::{self, Series};
use super::script::{Actor, Bench};
use crate::Script;
use crate::run;

/// What was observed.
#[derive(Default)]
pub(super) struct Recorded {
    observed: Vec<(Time, NodeId, Obs)>,
    series: Series,
    partitions: BTreeMap<TopicIdPartition, PartitionState>,
    /// The number of the observation that broke the promise, from 0.
    broken_at: Option<u64>,
}

impl Recorded {
    pub(super) fn observe(&mut self, at: Time, node: NodeId, obs: &Obs, broken: bool) {
        if broken {
            self.broken_at.get_or_insert(self.observed.len() as u64);
        }
        if let Obs::PartitionCommitted { state, .. } = obs {
            self.partitions.insert(state.partition, state.clone());
        }
        self.series.observe(at, node, obs, &self.partitions);
        self.observed.push((at, node, obs.clone()));
    }
}

/// What went wrong by the schedule.
#[derive(Default)]
pub(super) struct Faults(Vec<(&'static str, Vec<NodeId>, Time, Option<Time>)>);

impl Faults {
    pub(super) fn note(&mut self, step: &Step, began: Time, now: Time) {
        let (kind, nodes) = match step {
            Step::Crash { node } => ("crash", vec![*node]),
            Step::Cut { a, b } => ("partition", vec![*a, *b]),
            Step::FailSync { node, .. } => ("disk", vec![*node]),
            Step::Heal { a, b } => return self.end("partition", &[NodeId(*a), NodeId(*b)], now),
            Step::PowerLoss { node } => ("crash", vec![*node]),
            Step::Reset { from, to, .. } => ("reset", vec![*from, *to]),
            Step::Start { node } => return self.end("crash", &[NodeId(*node)], now),
            _ => return,
        };
        self.0.push((kind, nodes.into_iter().map(NodeId).collect(), began, None));
    }

    fn end(&mut self, kind: &str, nodes: &[NodeId], now: Time) {
        let open = |(of, who, _, ended): &&mut (&'static str, Vec<NodeId>, Time, Option<Time>)| {
            *of == kind && who == nodes && ended.is_none()
        };
        if let Some((.., ended)) = self.0.iter_mut().find(open) {
            *ended = Some(now);
        }
    }
}

/// The outcome of a schedule whose faults end where it does.
pub(super) struct Ended {
    /// When.
    pub(super) healed: Time,
    /// Nothing got on from there.
    pub(super) stuck: Option<Violation>,
}

/// A schedule that was followed.
pub(super) struct Film<'f> {
    pub(super) kernel: &'f Kernel<Actor, Bench>,
    pub(super) config: &'f CheckConfig,
    pub(super) faults: Faults,
    pub(super) zero: Time,
    pub(super) ended: Option<Ended>,
}

impl Film<'_> {
    /// Writes everything; `path` is the schedule's file.
    pub(super) fn write(&self, script: &Script, folder: &RunFolder, path: &str) -> Result<(), ReportError> {
        let (names, zero) = (self.names(), self.zero);
        let Some(recorded) = &self.kernel.judge().recorded else { return Ok(()) };
        let trace = self.kernel.trace();
        records::write_recorded(folder, (&History::new(), &recorded.series, trace), &names, zero)?;
        let observations = Observations::of(trace, &recorded.observed, &names, zero);
        observations.write(folder)?;
        self.write_scene(folder, recorded, &names)?;
        let broken: Vec<Violation> = match self.kernel.stop() {
            Some(Stop::Violation(violation)) => vec![violation.clone()],
            _ => self.ended.iter().filter_map(|ended| ended.stuck.clone()).collect(),
        };
        let mut told: Vec<run::Violation> = broken
            .iter()
            .map(|violation| {
                let at = violation.at.0 as i64 - zero.0 as i64;
                let mut told = run::Violation::new(violation.property, violation.detail.clone(), at);
                told.topic = violation.partition.and_then(|partition| names.of_topic(partition)).map(str::to_owned);
                told.cause = violation.cause_line(&names);
                told
            })
            .collect();
        observations.explain(&broken, recorded.broken_at.as_slice(), &mut told);
        folder.write_text("plan.toml", &script.to_toml())?;
        folder.write_verdict(&VerdictRecord {
            format: FORMAT,
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: script.check.clone(),
            path: path.to_owned(),
            // A schedule needs none.
            seed: "0x0".to_owned(),
            verdict: if told.is_empty() { "held" } else { "violated" }.to_owned(),
            violations: told.iter().map(run::Violation::record).collect(),
            expected: Vec::new(),
            allowed: Vec::new(),
            simulated_s: self.kernel.now().since(zero).as_secs_f64(),
            wall_s: 0.0,
            operations: 0,
            faults: self.faults.0.len() as u64,
            trace_hash: format!("{:#018x}", self.kernel.trace_hash()),
            other_hash: None,
            limit: None,
            notes: Vec::new(),
            reached: recorded.reached().into_keys().collect(),
            bugs: self.config.bugs.iter().map(|bug| bug.id().to_owned()).collect(),
            replay: CommandLine::new("replay").word(path).finish(),
            folder: Some(folder.path().display().to_string()),
        })
    }

    fn names(&self) -> Names {
        let mut names = Names::new(self.zero);
        let active = self.config.controller().and_then(|at| self.kernel.machine(at)?.0.as_controller());
        if let Some(id) = active.and_then(|active| active.image().topic_id(&Str::from_static(TOPIC))) {
            names.topic(id, TOPIC);
        }
        names
    }

    fn write_scene(&self, folder: &RunFolder, recorded: &Recorded, names: &Names) -> Result<(), ReportError> {
        let machines = self.config.rules().machines;
        let node = |(id, (kind, _)): (usize, &(Kind, _))| NodeRecord {
            id: id as u32,
            name: names.of_node(NodeId(id as u32)),
            role: Role::Broker,
            controller: *kind != Kind::Replica,
        };
        let brokers = self.config.nodes;
        let topic = self.config.controller().map(|_| TopicRecord {
            name: TOPIC.to_owned(),
            partitions: 1,
            replication: brokers.into(),
            min_insync: self.config.min_insync() as _,
        });
        folder.write_run(&RunRecord {
            format: RUN_FORMAT,
            about: self.config.promise.lines().next().unwrap_or_default().to_owned(),
            zero_ns: self.zero.0,
            healed_s: self.ended.as_ref().map(|ended| records::seconds(ended.healed, self.zero)),
            end_s: records::seconds(self.kernel.now(), self.zero),
            nodes: machines.iter().enumerate().map(node).collect(),
            topics: topic.into_iter().collect(),
            sometimes: Vec::new(),
            reached: recorded.reached(),
        })?;
        let mut lines = folder.faults()?;
        for (at, (kind, nodes, began, ended)) in self.faults.0.iter().enumerate() {
            lines.push(&FaultRecord {
                fault: at as u32,
                kind: (*kind).to_owned(),
                began_s: records::seconds(*began, self.zero),
                ended_s: ended.map(|ended| records::seconds(ended, self.zero)),
                nodes: nodes.iter().map(|node| names.of_node(*node)).collect(),
                spared: Vec::new(),
                text: (*kind).to_owned(),
            })?;
        }
        lines.finish()
    }
}

impl Recorded {
    fn reached(&self) -> BTreeMap<String, u64> {
        let mut reached = BTreeMap::new();
        for (.., obs) in &self.observed {
            *reached.entry(obs.name().to_owned()).or_insert(0) += 1;
        }
        reached
    }
}
