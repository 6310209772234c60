//! The judge: feeds every observation to the invariants, the history and whatever waits for something to happen.

use std::collections::BTreeMap;

use tribunal_common::{ClientObs, Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_language::Expect;
use tribunal_language::plan::Plan;
use tribunal_model::{History, Invariants, ModelConfig, Progress, Property, Reached, Refinement, Violation};
use tribunal_sim::{Judge, Lifecycle, Machines};

use super::app::Watch;
use super::coverage::{Coverage, Known};
use super::node::{Node, Report};
use super::records::Series;
use super::triggers::{Scene, Triggers};
use crate::run::{EndsAt, How, counts};

/// The judge of one run.
pub(super) struct Court {
    pub(super) invariants: Invariants,
    /// The abstract model, if runs are held against it.
    refinement: Option<Refinement>,
    pub(super) history: History,
    /// Counts from the workload's zero on: what the warm-up reaches says nothing.
    pub(super) reached: Reached,
    pub(super) progress: Vec<Progress>,
    pub(super) triggers: Triggers,
    /// The newest committed state of each partition that any broker has applied.
    pub(super) partitions: BTreeMap<TopicIdPartition, PartitionState>,
    pub(super) violations: Vec<Violation>,
    /// For each of them, the number of the observation at which it was seen, from 0.
    pub(super) seen_at: Vec<u64>,
    /// How many observations were made.
    observed: u64,
    pub(super) operations: u64,
    pub(super) series: Option<Series>,
    /// Every observation, while a run is recorded.
    pub(super) record: Option<Vec<(Time, NodeId, Obs)>>,
    pub(super) coverage: Option<Coverage>,
    /// Properties of a test of one's own, by name.
    pub(super) watches: Vec<(String, Box<dyn Watch>)>,
    ends_at: EndsAt,
    /// What counts as a violation.
    expect: Expect,
    ended: bool,
    /// Whether the workload's clock runs.
    pub(super) open: bool,
}

/// The violation of a property of a test of one's own.
fn own(detail: String, at: Time, node: Option<NodeId>) -> Violation {
    Violation { property: Property::OwnProperty, partition: None, at, node, detail, cause: Vec::new() }
}

/// The run has shown what it was to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

impl Court {
    pub(super) fn new(config: ModelConfig, plan: &Plan, how: &How<'_>) -> Court {
        let record = how.folder.is_some() || how.explain;
        Court {
            invariants: Invariants::new(config),
            refinement: how.refinement.then(Refinement::new),
            history: History::new(),
            reached: Reached::new(),
            progress: Vec::new(),
            triggers: Triggers::new(plan),
            partitions: BTreeMap::new(),
            violations: Vec::new(),
            seen_at: Vec::new(),
            observed: 0,
            operations: 0,
            series: how.folder.map(|_| Series::default()),
            record: record.then(Vec::new),
            coverage: how.coverage.then(Coverage::default),
            ends_at: how.ends_at,
            expect: plan.expect.clone(),
            watches: Vec::new(),
            ended: false,
            open: false,
        }
    }

    /// Whether a violation of this property, on a partition of this topic if on one, ends the run.
    fn is_ended_by(&self, property: Property, topic: Option<&str>) -> bool {
        let asked = match self.ends_at {
            EndsAt::None => false,
            EndsAt::First => true,
            EndsAt::Property(only) => only == property,
        };
        asked && counts(&self.expect, property, topic)
    }

    /// The observation at hand breaks a property.
    fn broken(&mut self, violation: Violation) {
        let names = self.invariants.truth().names();
        let topic = violation.partition.and_then(|partition| names.of_topic(partition));
        self.ended |= self.is_ended_by(violation.property, topic);
        self.violations.push(violation);
        self.seen_at.push(self.observed);
    }

    /// A fenced broker leaves the ISR without any leader asking for it.
    fn note_shrink(&mut self, obs: &Obs, before: Option<&PartitionState>) {
        if let (Obs::PartitionCommitted { state, .. }, Some(before)) = (obs, before)
            && before.isr.iter().any(|id| !state.isr.contains(id))
        {
            let size = state.isr.len() as u32;
            self.reached.note(&Obs::IsrProposed { partition: state.partition, size, shrink: true });
        }
    }

    /// Shows an observation to the properties of a test. One that does not hold is not shown any more.
    fn watch(&mut self, at: Time, node: NodeId, obs: &Obs) {
        let mut broken = Vec::new();
        self.watches.retain_mut(|(name, watch)| match watch.observe(at, node, obs) {
            Ok(()) => true,
            Err(why) => {
                broken.push(format!("{name}: {why}"));
                false
            }
        });
        for detail in broken {
            self.ended |= self.is_ended_by(Property::OwnProperty, None);
            self.violations.push(own(detail, at, Some(node)));
            self.seen_at.push(self.observed);
        }
    }

    /// The run is over for the properties of a test.
    pub(super) fn finish_watches(&mut self, at: Time) {
        for (name, mut watch) in std::mem::take(&mut self.watches) {
            if let Err(why) = watch.finish() {
                self.violations.push(own(format!("{name}: {why}"), at, None));
            }
        }
    }

    /// Takes the committed state of a partition; says whether it is news.
    fn committed(&mut self, state: &PartitionState) -> Option<PartitionState> {
        match self.partitions.get_mut(&state.partition) {
            Some(known) if known.partition_epoch >= state.partition_epoch => None,
            Some(known) => Some(std::mem::replace(known, state.clone())),
            None => {
                self.partitions.insert(state.partition, state.clone());
                None
            }
        }
    }
}

impl Judge<Node> for Court {
    type Violation = Ended;

    fn observe(&mut self, at: Time, node: NodeId, report: &Report) {
        let obs = &report.0;
        if let Err(violation) = self.invariants.observe(at, node, obs) {
            self.broken(*violation);
        }
        if let Some(model) = &mut self.refinement
            && let Err(violation) = model.observe(at, node, obs, self.invariants.truth().names())
        {
            self.broken(*violation);
        }
        if !self.watches.is_empty() {
            self.watch(at, node, obs);
        }
        self.observed += 1;
        if let Some(record) = &mut self.record {
            record.push((at, node, obs.clone()));
        }
        if let Obs::Client(client) = obs {
            self.history.record(at, node, client);
            for progress in &mut self.progress {
                progress.observe(at, client);
            }
            self.operations += u64::from(matches!(client, ClientObs::Send { .. } | ClientObs::Polled { .. }));
        }
        let before = match obs {
            Obs::PartitionCommitted { state, .. } => self.committed(state),
            _ => None,
        };
        if self.open {
            self.reached.note(obs);
            self.note_shrink(obs, before.as_ref());
            if let Some(coverage) = &mut self.coverage {
                let known =
                    Known { before: before.as_ref(), partitions: &self.partitions, truth: self.invariants.truth() };
                coverage.observe(at, node, obs, &known);
            }
            let scene = Scene { partitions: &self.partitions, before: before.as_ref() };
            self.triggers.observe(node, obs, scene);
        }
        if let Some(series) = &mut self.series {
            series.observe(at, node, obs, &self.partitions);
        }
    }

    fn after_event(&mut self, _: Time, _: NodeId, _: Machines<'_, Node>) -> Result<(), Ended> {
        if self.ended { Err(Ended) } else { Ok(()) }
    }

    fn interrupts(&mut self) -> bool {
        self.triggers.has_fired()
    }

    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        match change {
            Lifecycle::Crashed | Lifecycle::Halted(_) => self.invariants.on_crash(at, node, false),
            Lifecycle::PowerLost => {
                self.invariants.on_crash(at, node, true);
                if let Some(model) = &mut self.refinement {
                    model.on_loss(node);
                }
            }
            Lifecycle::Started(_) => self.invariants.on_start(node),
        }
    }
}
