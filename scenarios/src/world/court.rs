//! The judge: feeds every observation to the invariants, the history and whatever waits for something to happen.

use std::collections::BTreeMap;

use tribunal_common::{ClientObs, Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_model::{History, Invariants, ModelConfig, Progress, Reached, Violation};
use tribunal_sim::{Judge, Lifecycle};

use super::node::{Node, Report};
use super::records::Series;
use super::triggers::{Scene, Triggers};

/// The judge of one run.
pub(super) struct Court {
    pub(super) invariants: Invariants,
    pub(super) history: History,
    /// Counts from the workload's zero on: what the warm-up reaches says nothing.
    pub(super) reached: Reached,
    pub(super) progress: Vec<Progress>,
    pub(super) triggers: Triggers,
    /// The newest committed state of each partition that any broker has applied.
    pub(super) partitions: BTreeMap<TopicIdPartition, PartitionState>,
    pub(super) violations: Vec<Violation>,
    pub(super) operations: u64,
    pub(super) series: Option<Series>,
    /// Whether the workload's clock runs.
    pub(super) open: bool,
}

impl Court {
    pub(super) fn new(config: ModelConfig, triggers: Triggers, record: bool) -> Court {
        Court {
            invariants: Invariants::new(config),
            history: History::new(),
            reached: Reached::new(),
            progress: Vec::new(),
            triggers,
            partitions: BTreeMap::new(),
            violations: Vec::new(),
            operations: 0,
            series: record.then(Series::default),
            open: false,
        }
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
    type Violation = std::convert::Infallible;

    fn observe(&mut self, at: Time, node: NodeId, report: &Report) {
        let obs = &report.0;
        if let Err(violation) = self.invariants.observe(at, node, obs) {
            self.violations.push(*violation);
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
            let scene = Scene { partitions: &self.partitions, before: before.as_ref() };
            self.triggers.observe(node, obs, scene);
        }
        if let Some(series) = &mut self.series {
            series.observe(at, node, obs, &self.partitions);
        }
    }

    fn interrupts(&mut self) -> bool {
        self.triggers.has_fired()
    }

    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        match change {
            Lifecycle::Crashed | Lifecycle::Halted(_) => self.invariants.on_crash(at, node, false),
            Lifecycle::PowerLost => self.invariants.on_crash(at, node, true),
            Lifecycle::Started(_) => self.invariants.on_start(node),
        }
    }
}
