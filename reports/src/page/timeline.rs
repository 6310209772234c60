//! The operations timeline, thinned out if there are very many operations.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::data::Data;
use crate::operations::{Operation, Outcome};

/// The approximate largest number of operations on the page.
const MOST: usize = 9_000;
/// The number of longest operations kept for each time slice, client, kind and outcome, once there are too many.
const KEPT: usize = 3;

/// The timeline.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Timeline {
    clients: Vec<String>,
    kinds: Vec<String>,
    partitions: Vec<String>,
    /// The operations: client, kind, outcome, start and length in microseconds, partition or -1, offset or -1, records.
    operations: Vec<Line>,
}

/// A line of [`Timeline::operations`].
type Line = (u16, u16, u8, i64, i64, i32, i64, u32);

impl Timeline {
    pub(super) fn of(data: &Data) -> Timeline {
        let ops = &data.operations;
        // Clients of the workload, producers first.
        let mut order: Vec<u16> = (0..ops.clients.len() as u16).filter(|n| ops.in_workload[usize::from(*n)]).collect();
        order.sort_by_key(|n| {
            let name = &ops.clients[usize::from(*n)];
            (data.role(name) != Some(crate::Role::Producer), name.clone())
        });
        let row_of: BTreeMap<u16, u16> = order.iter().zip(0..).map(|(client, row)| (*client, row)).collect();
        let assign = ops.kind("assign");
        let shown: Vec<&Operation> =
            ops.all.iter().filter(|op| row_of.contains_key(&op.client) && Some(op.kind) != assign).collect();
        let mut shown = if shown.len() > MOST { thinned(&shown, data.run.end_s) } else { shown };
        shown.sort_by(|a, b| a.invoked_s.total_cmp(&b.invoked_s));
        let end_s = data.run.end_s;
        let line = |op: &&Operation| {
            let outcome = match op.outcome {
                Outcome::Ok => 0,
                Outcome::Info => 1,
                Outcome::Fail => 2,
            };
            let took_s = op.completed_s.min(end_s).max(op.invoked_s) - op.invoked_s;
            let partition = if op.partition == Operation::NO_PARTITION { -1 } else { i32::from(op.partition) };
            let micros = |time_s: f64| (time_s * 1e6).round() as i64;
            (
                row_of[&op.client],
                op.kind,
                outcome,
                micros(op.invoked_s),
                micros(took_s),
                partition,
                op.offset,
                op.records,
            )
        };
        Timeline {
            operations: shown.iter().map(line).collect(),
            clients: order.iter().map(|client| ops.clients[usize::from(*client)].clone()).collect(),
            kinds: ops.kinds.clone(),
            partitions: ops.partitions.clone(),
        }
    }
}

/// The longest operations of each time slice, client, kind and outcome.
fn thinned<'o>(all: &[&'o Operation], end_s: f64) -> Vec<&'o Operation> {
    let clients = all.iter().map(|op| op.client).collect::<std::collections::BTreeSet<_>>().len().max(1);
    let parts = (MOST / KEPT / clients).clamp(50, 3_000) as f64;
    let mut cells: BTreeMap<(usize, u16, u16, Outcome), Vec<&'o Operation>> = BTreeMap::new();
    for op in all {
        let part = (op.invoked_s / end_s.max(1e-9) * parts) as usize;
        let kept = cells.entry((part, op.client, op.kind, op.outcome)).or_default();
        kept.push(op);
        kept.sort_by(|a, b| b.latency_ms().total_cmp(&a.latency_ms()));
        kept.truncate(KEPT);
    }
    cells.into_values().flatten().collect()
}
