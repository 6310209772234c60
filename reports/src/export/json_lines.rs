//! The contents of a report as JSON Lines. Each value has a `type`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::report::Reading;

pub(super) fn lines(reading: &Reading) -> String {
    let Reading { data, series, .. } = reading;
    let mut all = vec![tagged("verdict", &data.verdict), tagged("run", &data.run)];
    for (fault, effect) in data.faults.iter().zip(&series.recovery.effects) {
        let mut line = tagged("fault", fault);
        line["elections"] = json!(effect.elections);
        line["isr_shrinks"] = json!(effect.isr_shrinks);
        line["sends_failed"] = json!(effect.failed);
        line["sends_unknown"] = json!(effect.unknown);
        line["unavailable_s"] = json!(effect.unavailable_s);
        all.push(line);
    }
    all.extend(series.recovery.rows.iter().map(|row| {
        json!({"type": "recovery", "fault": row.fault, "partition": row.partition, "leader": row.leader,
               "leader_epoch": row.epoch, "to_leader_s": row.leader_s, "to_first_acknowledgement_s": row.acknowledged_s,
               "to_full_isr_s": row.full_isr_s})
    }));
    all.extend(data.replicas.leader_starts.iter().map(|start| {
        json!({"type": "election", "time_s": start.time_s, "partition": start.partition, "leader": start.broker,
               "leader_epoch": start.epoch})
    }));
    all.extend(data.replicas.isr.iter().map(|change| {
        json!({"type": "isr", "time_s": change.time_s, "partition": change.partition, "isr_size_replicas": change.size})
    }));
    all.extend(series.availability.windows.iter().map(|window| {
        json!({"type": "unavailable", "partition": window.partition, "start_s": window.start_s, "end_s": window.end_s})
    }));
    all.extend(series.latency.by_bin.iter().map(|bin| {
        let [p50, p95, p99, max] = bin.quantiles_ms;
        json!({"type": "latency", "start_s": data.bins.start_s(bin.bin), "sends": bin.count, "p50_ms": p50,
               "p95_ms": p95, "p99_ms": p99, "max_ms": max})
    }));
    let ops = &data.operations;
    all.extend(ops.all.iter().map(|op| {
        json!({"type": "operation", "client": ops.clients[usize::from(op.client)],
               "operation": ops.kinds[usize::from(op.kind)], "invoked_s": op.invoked_s,
               "completed_s": op.completed_s.is_finite().then_some(op.completed_s), "outcome": op.outcome.name(),
               "partition": ops.partitions.get(usize::from(op.partition)),
               "offset": (op.offset >= 0).then_some(op.offset), "records": op.records,
               "error": ops.errors.get(usize::from(op.error)).filter(|error| !error.is_empty())})
    }));
    all.into_iter().map(|line| line.to_string() + "\n").collect()
}

/// A record with its type.
fn tagged(kind: &str, record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("type".to_owned(), json!(kind));
    }
    value
}
