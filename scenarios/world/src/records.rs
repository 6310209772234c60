//! What a run leaves in its folder: history, operations, series, trace.

use std::collections::BTreeMap;

use serde::Serialize;
use tribunal_common::{Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_language::Action;
use tribunal_language::plan::Plan;
use tribunal_model::{History, Names, Op, OpKind};
use tribunal_protocol::ErrorCode;
use tribunal_reports::{FaultRecord, OperationRow, ReportError, RunFolder, SeriesRow};
use tribunal_sim::trace::Trace;

use super::fault_log::Happened;
use super::faults::SimKernel;

/// A line of `history.jsonl`: something a client did, in the order of time.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time_s: f64,
    client: &'a str,
    event: &'static str,
    partition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definite: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

/// Replicas over time, while a run is recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    replicas: BTreeMap<(TopicIdPartition, NodeId), Point>,
    rows: Vec<(Time, TopicIdPartition, NodeId, Point)>,
}

/// A replica at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Point {
    leader: bool,
    epoch: i32,
    end: i64,
    high_watermark: i64,
    isr: Option<u32>,
}

impl Series {
    pub(super) fn observe(
        &mut self,
        at: Time,
        node: NodeId,
        obs: &Obs,
        partitions: &BTreeMap<TopicIdPartition, PartitionState>,
    ) {
        let (id, change): (_, &dyn Fn(&mut Point)) = match obs {
            Obs::Appended { log, batch } => (*log, &|point| point.end = batch.last + 1),
            Obs::Truncated { log, end } => (*log, &|point| point.end = *end),
            Obs::LeaderStarted { partition, epoch, .. } => (*partition, &|point| {
                point.leader = true;
                point.epoch = *epoch;
            }),
            Obs::FollowerStarted { partition, epoch, .. } => (*partition, &|point| {
                point.leader = false;
                point.epoch = *epoch;
            }),
            Obs::HighWatermark { partition, value, .. } => (*partition, &|point| point.high_watermark = *value),
            Obs::PartitionCommitted { state, .. } => (state.partition, &|_| ()),
            _ => return,
        };
        if id == tribunal_common::METADATA_LOG {
            return;
        }
        let point = self.replicas.entry((id, node)).or_default();
        let before = *point;
        change(point);
        point.isr = partitions.get(&id).filter(|_| point.leader).map(|state| state.isr.len() as u32);
        if *point != before {
            self.rows.push((at, id, node, *point));
        }
    }
}

/// Writes everything but plan and verdict, which are not the world's.
pub(super) fn write(folder: &RunFolder, kernel: &SimKernel, names: &Names, zero: Time) -> Result<(), ReportError> {
    let court = kernel.judge();
    let series = court.series.clone().unwrap_or_default();
    write_recorded(folder, (&court.history, &series, kernel.trace()), names, zero)
}

/// Writes what clients did, the series and the trace.
pub(super) fn write_recorded(
    folder: &RunFolder,
    (history, series, trace): (&History, &Series, Option<&Trace>),
    names: &Names,
    zero: Time,
) -> Result<(), ReportError> {
    write_history(folder, history, names, zero)?;
    write_operations(folder, history, names, zero)?;
    let mut rows = folder.series()?;
    for (at, id, node, point) in &series.rows {
        let (topic, _) = topic_and_partition(names, *id);
        rows.push(&SeriesRow {
            time_s: seconds(*at, zero),
            topic,
            partition: id.partition as u32,
            broker: node.0,
            leader: point.leader,
            leader_epoch: point.epoch,
            log_end_offset: point.end,
            high_watermark: point.high_watermark,
            isr_size: point.isr,
        })?;
    }
    rows.finish()?;
    if let Some(trace) = trace {
        folder.write_bytes("trace.bin", &trace.encode())?;
    }
    Ok(())
}

/// Simulated seconds since the workload's zero; negative in the warm-up.
pub(super) fn seconds(at: Time, zero: Time) -> f64 {
    if at >= zero { at.since(zero).as_secs_f64() } else { -zero.since(at).as_secs_f64() }
}

/// Writes `faults.jsonl`.
pub(super) fn write_faults(
    folder: &RunFolder,
    plan: &Plan,
    faults: &[Happened],
    names: &Names,
    zero: Time,
) -> Result<(), ReportError> {
    let mut lines = folder.faults()?;
    for fault in faults {
        let planned = &plan.faults[fault.fault];
        lines.push(&FaultRecord {
            fault: fault.fault as u32,
            kind: planned.action.name().to_owned(),
            began_s: seconds(fault.began, zero),
            ended_s: fault.ended.map(|ended| seconds(ended, zero)),
            nodes: fault.nodes.iter().map(|node| names.of_node(*node)).collect(),
            spared: match &planned.action {
                Action::Reassign(reassign) if fault.moves_nothing => vec![reassign.partition.to_string()],
                _ => fault.spared.iter().map(|node| names.of_node(*node)).collect(),
            },
            text: planned.text(),
        })?;
    }
    lines.finish()
}

fn topic_and_partition(names: &Names, id: TopicIdPartition) -> (String, u32) {
    let called = names.of_partition(id);
    let topic = called.rsplit_once('/').map_or(called.as_str(), |(topic, _)| topic).to_owned();
    (topic, id.partition as u32)
}

fn write_history(folder: &RunFolder, history: &History, names: &Names, zero: Time) -> Result<(), ReportError> {
    let mut lines = folder.history()?;
    let mut clients: BTreeMap<NodeId, String> = BTreeMap::new();
    let text = |value| history.values().get(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let mut partition_of: BTreeMap<(NodeId, u64), String> = BTreeMap::new();
    for Op { at, node, kind } in history.ops() {
        let client = clients.entry(*node).or_insert_with(|| names.of_node(*node)).as_str();
        let called = |partition| names.of_partition(history.partition(partition));
        let mut line = Line {
            time_s: seconds(*at, zero),
            client,
            event: "",
            partition: String::new(),
            record: None,
            offset: None,
            timestamp_ms: None,
            key: None,
            value: None,
            error: None,
            definite: None,
            truncated: None,
        };
        match *kind {
            OpKind::Send { id, partition, key, value } => {
                line.event = "send";
                line.partition = called(partition);
                partition_of.insert((*node, id), line.partition.clone());
                (line.record, line.key, line.value) = (Some(id), text(key), text(value));
            }
            OpKind::Acknowledged { id, partition, offset } => {
                line.event = "acknowledged";
                line.partition = called(partition);
                (line.record, line.offset) = (Some(id), Some(offset));
            }
            OpKind::Failed { id, error, definite } => {
                line.event = "failed";
                line.partition = partition_of.get(&(*node, id)).cloned().unwrap_or_default();
                (line.record, line.definite) = (Some(id), Some(definite));
                line.error = Some(ErrorCode::from_code(error).name());
            }
            OpKind::Retried { partition, error } => {
                line.event = "retried";
                line.partition = called(partition);
                line.error = Some(ErrorCode::from_code(error).name());
            }
            OpKind::Assigned { partition, offset } => {
                line.event = "assigned";
                line.partition = called(partition);
                line.offset = Some(offset);
            }
            OpKind::Reset { partition, offset, truncated } => {
                line.event = "reset";
                line.partition = called(partition);
                (line.offset, line.truncated) = (Some(offset), Some(truncated));
            }
            OpKind::Polled { partition, offset, timestamp, key, value } => {
                line.event = "polled";
                line.partition = called(partition);
                (line.offset, line.timestamp_ms) = (Some(offset), Some(timestamp));
                (line.key, line.value) = (text(key), text(value));
            }
        }
        lines.push(&line)?;
    }
    lines.finish()
}

/// One row for each send, with what became of it, and one for each run of records that a poll returned.
fn write_operations(folder: &RunFolder, history: &History, names: &Names, zero: Time) -> Result<(), ReportError> {
    let mut table = folder.operations()?;
    let mut sends: BTreeMap<(NodeId, u64), (Time, TopicIdPartition)> = BTreeMap::new();
    let row = |node: NodeId, operation: &str, from: Time, id: TopicIdPartition| {
        let (topic, partition) = topic_and_partition(names, id);
        // The client refused some records before they had a partition.
        let partition = (id.partition >= 0).then_some(partition);
        OperationRow {
            client: names.of_node(node),
            operation: operation.to_owned(),
            invoked_s: seconds(from, zero),
            completed_s: None,
            latency_ms: None,
            outcome: "info".to_owned(),
            topic,
            partition,
            offset: None,
            records: 1,
            error: String::new(),
        }
    };
    let completed = |mut row: OperationRow, from: Time, at: Time, outcome: &str| {
        row.completed_s = Some(seconds(at, zero));
        row.latency_ms = Some(at.since(from).as_secs_f64() * 1e3);
        row.outcome = outcome.to_owned();
        row
    };
    let mut poll: Option<(OperationRow, (NodeId, Time, TopicIdPartition))> = None;
    for Op { at, node, kind } in history.ops() {
        if let OpKind::Polled { partition, offset, .. } = *kind {
            let key = (*node, *at, history.partition(partition));
            match &mut poll {
                Some((row, of)) if *of == key => row.records += 1,
                open => {
                    let mut next = completed(row(*node, "poll", *at, key.2), *at, *at, "ok");
                    next.offset = Some(offset);
                    if let Some((done, _)) = open.replace((next, key)) {
                        table.push(&done)?;
                    }
                }
            }
            continue;
        }
        match *kind {
            OpKind::Send { id, partition, .. } => {
                sends.insert((*node, id), (*at, history.partition(partition)));
            }
            OpKind::Acknowledged { id, offset, .. } => {
                if let Some((from, partition)) = sends.remove(&(*node, id)) {
                    let mut row = completed(row(*node, "send", from, partition), from, *at, "ok");
                    row.offset = (offset >= 0).then_some(offset);
                    table.push(&row)?;
                }
            }
            OpKind::Failed { id, error, definite } => {
                if let Some((from, partition)) = sends.remove(&(*node, id)) {
                    let outcome = if definite { "fail" } else { "info" };
                    let mut row = completed(row(*node, "send", from, partition), from, *at, outcome);
                    row.error = ErrorCode::from_code(error).name().to_owned();
                    table.push(&row)?;
                }
            }
            OpKind::Assigned { partition, offset } => {
                let mut row = completed(row(*node, "assign", *at, history.partition(partition)), *at, *at, "ok");
                row.offset = Some(offset);
                table.push(&row)?;
            }
            _ => {}
        }
    }
    if let Some((row, _)) = poll {
        table.push(&row)?;
    }
    // Sends of unknown fate at the end.
    for ((node, _), (from, partition)) in sends {
        table.push(&row(node, "send", from, partition))?;
    }
    table.finish()
}
