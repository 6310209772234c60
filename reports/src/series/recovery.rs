//! The effects of each fault: elections, shrunken ISRs and failures, and the times until the partition had a leader, an
//! acknowledgement and a full ISR again.

use super::availability::{Availability, Window};
use crate::data::Data;
use crate::operations::{Operation, Outcome};
use crate::replicas::LeaderStart;
use crate::run::FaultRecord;

/// An election within this time after a fault's beginning or end, in seconds, counts as its effect.
const BLAME_S: f64 = 5.0;

/// The effects of faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// The recovery of each partition whose leader changed because of a fault.
    pub rows: Vec<RecoveryRow>,
    /// The effects of each fault, in the order of [`Data::faults`].
    pub effects: Vec<Effect>,
}

/// The recovery of a partition after a fault. Times are seconds since the beginning of the fault.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryRow {
    /// The index of the fault in [`Data::faults`].
    pub fault: usize,
    /// The partition.
    pub partition: String,
    /// The broker that led before, if any.
    pub before: Option<u32>,
    /// The broker that leads now.
    pub leader: u32,
    /// The leader epoch.
    pub epoch: i32,
    /// The time until the partition had a leader.
    pub leader_s: f64,
    /// The time until the new leader acknowledged a send. `None` if it did not.
    pub acknowledged_s: Option<f64>,
    /// The time until every replica was in sync again. `None` if that was not seen.
    pub full_isr_s: Option<f64>,
}

/// The effects of a fault while it lasted and shortly after.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// The number of elections attributed to it.
    pub elections: usize,
    /// The number of times an ISR shrank while it lasted.
    pub isr_shrinks: usize,
    /// The number of sends due while it lasted that failed.
    pub failed: usize,
    /// The number of sends due while it lasted whose outcome is unknown.
    pub unknown: usize,
    /// The largest latency of a send due while it lasted, in milliseconds.
    pub slowest_ms: f64,
    /// The sum over partitions of their unavailable time because of the fault, until they were back, in seconds.
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

/// The end of a fault. A fault without length ends when it begins.
fn end_of(fault: &FaultRecord) -> f64 {
    fault.ended_s.unwrap_or(fault.began_s)
}

/// The fault that an election is attributed to: the newest that began before it and did not end long before it.
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

/// The time of the first acknowledgement of a send to the partition under this leader.
fn first_acknowledgement(data: &Data, start: &LeaderStart) -> Option<f64> {
    let partition = data.operations.partitions.iter().position(|name| *name == start.partition)?;
    let acknowledged = |op: &&Operation| {
        usize::from(op.partition) == partition && op.outcome == Outcome::Ok && op.completed_s >= start.time_s
    };
    let all = data.operations.of_kind("send").filter(acknowledged).map(|op| op.completed_s);
    all.min_by(f64::total_cmp)
}

/// The first time since the start of this leader at which every replica was in sync.
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
