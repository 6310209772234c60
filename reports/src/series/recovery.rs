//! What each fault did: elections, shrunken ISRs, failures, and how long it took until a leader, an acknowledgement and
//! a full ISR were there again.

use super::availability::{Availability, Window};
use crate::data::Data;
use crate::operations::{Operation, Outcome};
use crate::replicas::LeaderStart;
use crate::run::FaultRecord;

/// An election within this time of a fault's beginning or end is taken as its effect, in seconds.
const BLAME_S: f64 = 5.0;

/// What faults did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// For each fault and partition that it made change its leader, how long what took.
    pub rows: Vec<RecoveryRow>,
    /// What each fault did, in the order of [`Data::faults`].
    pub effects: Vec<Effect>,
}

/// A partition's way back after a fault. Lengths are in seconds from the beginning of the fault.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryRow {
    /// Which fault, in [`Data::faults`].
    pub fault: usize,
    /// Which partition.
    pub partition: String,
    /// Who led before, if anyone did.
    pub before: Option<u32>,
    /// Who leads.
    pub leader: u32,
    /// In which epoch.
    pub epoch: i32,
    /// Until there was a leader.
    pub leader_s: f64,
    /// Until the new leader acknowledged a send, if it did.
    pub acknowledged_s: Option<f64>,
    /// Until every replica was in sync again, if that was seen.
    pub full_isr_s: Option<f64>,
}

/// What happened while a fault lasted and shortly after.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Elections that are blamed on it.
    pub elections: usize,
    /// ISRs that shrank while it lasted.
    pub isr_shrinks: usize,
    /// Sends that were due while it lasted and are known to have failed.
    pub failed: usize,
    /// Sends that were due while it lasted and whose fate nobody knows.
    pub unknown: usize,
    /// The longest a send took that was due while it lasted, in milliseconds.
    pub slowest_ms: f64,
    /// How long partitions were unavailable while it lasted and until they were back, in seconds, all added up.
    pub unavailable_s: f64,
}

impl Recovery {
    pub(super) fn of(data: &Data, availability: &Availability) -> Recovery {
        let rows = rows(data);
        let sends: Vec<&Operation> = data.operations.of_kind("send").collect();
        let effect = |(number, fault): (usize, &FaultRecord)| {
            let blamed = rows.iter().filter(|row| row.fault == number).count();
            effect(data, availability, &sends, fault, blamed)
        };
        let effects = data.faults.iter().enumerate().map(effect).collect();
        Recovery { rows, effects }
    }
}

/// When a fault ends; one without length when it begins.
fn end_of(fault: &FaultRecord) -> f64 {
    fault.ended_s.unwrap_or(fault.began_s)
}

/// The fault that an election is blamed on: of those that began before it and are not long over, the newest.
fn blamed(faults: &[FaultRecord], start: &LeaderStart) -> Option<usize> {
    let before = |fault: &&FaultRecord| {
        fault.happened() && fault.began_s <= start.time_s && start.time_s <= end_of(fault) + BLAME_S
    };
    let (number, _) = faults.iter().enumerate().rfind(|(_, fault)| before(fault))?;
    Some(number)
}

fn rows(data: &Data) -> Vec<RecoveryRow> {
    let mut rows: Vec<RecoveryRow> = Vec::new();
    let starts = &data.replicas.leader_starts;
    for (n, start) in starts.iter().enumerate().filter(|(_, start)| start.time_s >= 0.0) {
        let Some(fault) = blamed(&data.faults, start) else { continue };
        if rows.iter().any(|row| row.fault == fault && row.partition == start.partition) {
            continue;
        }
        let began_s = data.faults[fault].began_s;
        let before = starts[..n].iter().rev().find(|other| other.partition == start.partition);
        rows.push(RecoveryRow {
            fault,
            partition: start.partition.clone(),
            before: before.map(|before| before.broker),
            leader: start.broker,
            epoch: start.epoch,
            leader_s: start.time_s - began_s,
            acknowledged_s: first_acknowledgement(data, start).map(|at| at - began_s),
            full_isr_s: full_isr(data, start).map(|at| at - began_s),
        });
    }
    rows
}

/// When a send to the partition was first acknowledged under this leader.
fn first_acknowledgement(data: &Data, start: &LeaderStart) -> Option<f64> {
    let partition = data.operations.partitions.iter().position(|name| *name == start.partition)?;
    let acknowledged = |op: &&Operation| {
        usize::from(op.partition) == partition && op.outcome == Outcome::Ok && op.completed_s >= start.time_s
    };
    let all = data.operations.of_kind("send").filter(acknowledged).map(|op| op.completed_s);
    all.min_by(f64::total_cmp)
}

/// When every replica was in sync, from the start of this leader on.
fn full_isr(data: &Data, start: &LeaderStart) -> Option<f64> {
    let topic = start.partition.rsplit_once('/').map_or("", |(topic, _)| topic);
    let replication = data.run.topics.iter().find(|known| known.name == topic)?.replication;
    let mut isr = data.replicas.isr.iter().filter(|change| change.partition == start.partition);
    let at_start = isr.clone().take_while(|change| change.time_s <= start.time_s).last();
    if at_start.is_some_and(|change| change.size == replication) {
        return Some(start.time_s);
    }
    isr.find(|change| change.time_s >= start.time_s && change.size == replication).map(|change| change.time_s)
}

fn effect(
    data: &Data,
    availability: &Availability,
    sends: &[&Operation],
    fault: &FaultRecord,
    elections: usize,
) -> Effect {
    let (began_s, ended_s) = (fault.began_s, end_of(fault));
    let during = |time_s: f64| began_s <= time_s && time_s <= ended_s;
    let mut effect = Effect { elections, ..Effect::default() };
    let isr = &data.replicas.isr;
    effect.isr_shrinks = isr
        .iter()
        .enumerate()
        .filter(|(n, change)| {
            let before = isr[..*n].iter().rev().find(|other| other.partition == change.partition);
            during(change.time_s) && before.is_some_and(|before| before.size > change.size)
        })
        .count();
    for op in sends.iter().filter(|op| during(op.invoked_s)) {
        match op.outcome {
            Outcome::Fail => effect.failed += 1,
            Outcome::Info => effect.unknown += 1,
            Outcome::Ok => effect.slowest_ms = effect.slowest_ms.max(op.latency_ms()),
        }
    }
    let overlaps = |window: &&Window| window.start_s <= ended_s && window.end_s >= began_s;
    let lengths = availability.windows.iter().filter(overlaps).map(|window| window.end_s - window.start_s.max(began_s));
    effect.unavailable_s = lengths.sum();
    effect
}
