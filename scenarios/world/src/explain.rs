//! What led to a violation, from a recorded run.

use tribunal_common::{ClientObs, Obs, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_model::Names;
use tribunal_protocol::ErrorCode;
use tribunal_reports::causal::{ChainStep, Question, Story};
use tribunal_reports::{ObservationRecord, ReportError, RunFolder};
use tribunal_sim::trace::{Trace, TraceKind};

use super::faults::SimKernel;
use crate::run::Violation;

/// What was reported in a recorded run, with the trace. Empty for a run that was not recorded.
pub(super) struct Observations<'r> {
    trace: Option<&'r Trace>,
    /// The number of the event of each observation, all of them.
    events: Vec<u64>,
    records: Vec<ObservationRecord>,
    names: &'r Names,
    zero: Time,
}

impl<'r> Observations<'r> {
    pub(super) fn new(kernel: &'r SimKernel, names: &'r Names, zero: Time) -> Observations<'r> {
        Observations::of(kernel.trace(), kernel.judge().record.as_deref().unwrap_or_default(), names, zero)
    }

    /// Of a recorded trace, and all that was observed in it.
    pub(super) fn of(
        trace: Option<&'r Trace>,
        record: &[(Time, NodeId, Obs)],
        names: &'r Names,
        zero: Time,
    ) -> Observations<'r> {
        let observed = trace.iter().flat_map(|trace| &trace.events);
        let observed = observed.filter(|event| matches!(event.kind, TraceKind::Observed { .. }));
        let events: Vec<u64> = observed.map(|event| event.seq).collect();
        let records = events.iter().zip(record).filter_map(|(&event, (at, node, obs))| {
            let told = told(obs, names)?;
            Some(ObservationRecord {
                event,
                time_s: (at.0 as f64 - zero.0 as f64) / 1e9,
                node: node.0,
                name: names.of_node(*node),
                observation: obs.name().to_owned(),
                partition: told.partition.map(|id| names.of_partition(id)),
                epoch: told.epoch,
                offset: told.offset,
                text: told.text,
            })
        });
        let records = records.collect();
        Observations { trace, events, records, names, zero }
    }

    /// Writes `observations.jsonl`.
    pub(super) fn write(&self, folder: &RunFolder) -> Result<(), ReportError> {
        let mut lines = folder.observations()?;
        for record in &self.records {
            lines.push(record)?;
        }
        lines.finish()
    }

    /// Adds to each violation the event it was seen at, what led to it, and what it has in common with others.
    /// `seen_at` says of the first violations at which observation each was seen.
    pub(super) fn explain(&self, violations: &[tribunal_model::Violation], seen_at: &[u64], told: &mut [Violation]) {
        let Some(trace) = self.trace.filter(|_| !violations.is_empty()) else { return };
        let story = Story::new(trace, &self.records, self.zero.0);
        for (n, (violation, told)) in violations.iter().zip(told).enumerate() {
            let event = seen_at.get(n).and_then(|&nth| self.events.get(nth as usize)).copied();
            let partition = violation.partition.map(|id| self.names.of_partition(id));
            let anchor = violation.cause.first().and_then(|step| {
                Some(ChainStep {
                    event: story.event_at(step.at.0, step.node)?,
                    time_s: (step.at.0 as f64 - self.zero.0 as f64) / 1e9,
                    node: self.names.of_node(step.node),
                    kind: "anchor".to_owned(),
                    text: step.text.clone(),
                    follows: false,
                })
            });
            // A cause that is the violation itself begins no story.
            let at = |step: &ChainStep| event.is_none_or(|event| step.event < event) && violation.cause.len() > 1;
            let anchor = anchor.filter(at);
            // What is seen at the end only came about where its causes end.
            let last = violation.cause.last().filter(|_| event.is_none());
            let node = violation.node.or(last.map(|step| step.node));
            let until = last.map_or(violation.at, |step| step.at);
            let question = Question {
                event,
                partition: partition.as_deref(),
                node: node.map(|node| node.0),
                anchor,
                until_s: (until.0 as f64 - self.zero.0 as f64) / 1e9,
            };
            told.event = event;
            told.chain = story.chain(&question);
            told.signature.tuple = story.tuple(&question);
        }
    }
}

/// What an observation says.
#[derive(Default)]
struct Told {
    partition: Option<TopicIdPartition>,
    epoch: Option<i32>,
    offset: Option<i64>,
    text: String,
}

/// An observation in words. None for sends and polls, which the history has.
fn told(obs: &Obs, names: &Names) -> Option<Told> {
    let of = |partition: TopicIdPartition, epoch: Option<i32>, offset: Option<i64>, text: String| {
        Some(Told { partition: Some(partition), epoch, offset, text })
    };
    let plain = |text: String| Some(Told { text, ..Told::default() });
    let broker = |id: i32| names.of_broker(id);
    match *obs {
        Obs::LogOpened { log, start, kept } => {
            of(log, None, Some(kept), format!("opens its log from {start}, known to {kept}"))
        }
        Obs::Appended { log, batch } => {
            of(log, Some(batch.epoch), Some(batch.last + 1), format!("appends {}..={}", batch.base, batch.last))
        }
        Obs::Truncated { log, end } => of(log, None, Some(end), format!("cuts its log to {end}")),
        Obs::LogStart { log, start, .. } => of(log, None, Some(start), format!("begins its log at {start}")),
        Obs::RecordsDeleted { partition, before, .. } => {
            of(partition, None, Some(before), format!("deletes the records before {before}, as an admin asked"))
        }
        Obs::FolderSetAside { ref folder } => plain(format!("sets {folder} aside")),
        Obs::LogDeleted { log } => of(log, None, None, "gives up its log".into()),
        Obs::SegmentRolled { log } => of(log, None, None, "begins a segment".into()),
        Obs::CoordinatorLoaded { partition, epoch, groups } => {
            of(partition, Some(epoch), None, format!("coordinates {groups} groups in epoch {epoch}"))
        }
        Obs::CoordinatorUnloaded { partition, epoch } => {
            of(partition, Some(epoch), None, format!("coordinates no longer in epoch {epoch}"))
        }
        Obs::GenerationStarted { ref group, generation, ref members } => {
            plain(format!("begins generation {generation} of group {group} with {} members", members.len()))
        }
        Obs::OffsetCommitted { ref group, ref topic, partition, offset, generation, .. } => plain(format!(
            "commits offset {offset} of {topic}-{partition} for group {group} in generation {generation}"
        )),
        Obs::StartRefused { ref why } => plain(format!("does not start ({why})")),
        Obs::LogDirOffline { ref why } => plain(format!("takes its log directory offline ({why})")),
        Obs::LeaderStarted { partition, epoch, end } => {
            of(partition, Some(epoch), Some(end), format!("elected with log end {end}"))
        }
        Obs::FollowerStarted { partition, epoch, leader } => {
            of(partition, Some(epoch), None, format!("follows {} in epoch {epoch}", broker(leader)))
        }
        Obs::HighWatermark { partition, value, .. } => {
            of(partition, None, Some(value), format!("has high watermark {value}"))
        }
        Obs::FollowerTruncated { partition, end } => {
            of(partition, None, Some(end), format!("cuts its log to {end} to agree with its leader"))
        }
        Obs::IsrProposed { partition, size, shrink } => {
            let what = if shrink { "shrink" } else { "grow" };
            of(partition, None, None, format!("asks for the ISR to {what} to {size}"))
        }
        Obs::NotEnoughReplicas { partition } => of(partition, None, None, "refuses a write: too few in sync".into()),
        Obs::PartitionCommitted { ref state, .. } => of(
            state.partition,
            Some(state.leader_epoch),
            None,
            format!("learns of leader {} and ISR {}", broker(state.leader), names.of_brokers(&state.isr)),
        ),
        Obs::Reassigned { partition, step, .. } => {
            of(partition, None, None, format!("learns of a reassignment {}", format!("{step:?}").to_lowercase()))
        }
        Obs::TopicRemoved { .. } => plain("learns that a topic is gone".into()),
        Obs::BrokerRegistered { broker: id, .. } => plain(format!("learns that {} is registered", broker(id))),
        Obs::BrokerFenced { broker: id, .. } => plain(format!("learns that {} is fenced", broker(id))),
        Obs::BrokerUnfenced { broker: id, .. } => plain(format!("learns that {} is unfenced", broker(id))),
        Obs::BrokerUnregistered { broker: id, .. } => plain(format!("learns that {} is forgotten", broker(id))),
        Obs::ControlledShutdown { broker: id, .. } => plain(format!("learns that {} shuts down", broker(id))),
        Obs::ControllerActive { epoch } => {
            Some(Told { epoch: Some(epoch), text: format!("is controller in epoch {epoch}"), ..Told::default() })
        }
        Obs::QuorumRoleChanged { role, epoch, .. } => {
            let text = format!("is {} of the quorum in epoch {epoch}", format!("{role:?}").to_lowercase());
            Some(Told { partition: Some(tribunal_common::METADATA_LOG), epoch: Some(epoch), offset: None, text })
        }
        Obs::VoteGranted { epoch, candidate, pre_vote } => {
            let what = if pre_vote { "would vote" } else { "votes" };
            let text = format!("{what} for {} in epoch {epoch}", broker(candidate));
            Some(Told { partition: Some(tribunal_common::METADATA_LOG), epoch: Some(epoch), offset: None, text })
        }
        Obs::QuorumHighWatermark { value } => {
            of(tribunal_common::METADATA_LOG, None, Some(value), format!("has metadata high watermark {value}"))
        }
        Obs::SnapshotTaken { end, epoch, .. } => {
            of(tribunal_common::METADATA_LOG, Some(epoch), Some(end), format!("has a snapshot to {end}"))
        }
        Obs::SnapshotInstalled { end, epoch, .. } => {
            of(tribunal_common::METADATA_LOG, Some(epoch), Some(end), format!("loads a snapshot to {end}"))
        }
        Obs::Client(ref client) => client_told(client),
    }
}

fn client_told(client: &ClientObs) -> Option<Told> {
    let of = |partition: TopicIdPartition, offset: Option<i64>, text: String| {
        Some(Told { partition: Some(partition), epoch: None, offset, text })
    };
    match *client {
        ClientObs::Send { .. } | ClientObs::Polled { .. } => None,
        ClientObs::Acknowledged { partition, offset, .. } => {
            of(partition, Some(offset), format!("has offset {offset} acknowledged"))
        }
        ClientObs::Failed { id, error, .. } => {
            let text = format!("gives record {id} up: {}", ErrorCode::from_code(error).name());
            Some(Told { text, ..Told::default() })
        }
        ClientObs::Retried { partition, error } => {
            of(partition, None, format!("sends again after {}", ErrorCode::from_code(error).name()))
        }
        ClientObs::Assigned { partition, offset } => of(partition, Some(offset), format!("reads from {offset}")),
        ClientObs::Reset { partition, offset, .. } => of(partition, Some(offset), format!("goes on at {offset}")),
    }
}
