//! What is as plain as it can be: it does not make a plan smaller, and is easier to take in.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Action, After, Cluster, Cut, Direction, Fault, Producer, Trigger, Workload};
use tribunal_world::run::RunError;

use super::Search;
use super::ddmin::ddmin;

/// Everything that a plan has beside faults and records.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    cluster(search)?;
    lengths(search)?;
    settings(search)
}

/// Fewer brokers, controllers, partitions, replicas.
fn cluster(search: &mut Search<'_>) -> Result<(), RunError> {
    for brokers in 1..search.best.cluster.brokers {
        let fewer = |plan: &mut Plan| {
            plan.cluster.brokers = brokers;
            plan.cluster.controllers = plan.cluster.controllers.min(if brokers >= 3 { 3 } else { 1 });
            plan.clock_offsets.truncate(brokers as usize);
            for topic in &mut plan.topics {
                topic.replication = topic.replication.min(brokers);
                topic.min_insync = topic.min_insync.min(topic.replication);
            }
        };
        if search.change(fewer)? {
            break;
        }
    }
    search.change(|plan| plan.cluster.controllers = 1)?;
    for topic in 0..search.best.topics.len() {
        search.change(|plan| plan.topics[topic].partitions = 1)?;
        search.change(|plan| {
            let topic = &mut plan.topics[topic];
            topic.replication = topic.replication.min(2);
            topic.min_insync = topic.min_insync.min(2);
        })?;
        search.change(|plan| plan.topics[topic].min_insync = 1)?;
    }
    let topics = search.best.topics.clone();
    if topics.len() > 1 {
        ddmin(topics, |some| {
            search.change(|plan| {
                plan.topics = some.to_vec();
                plan.expect.allow_on.retain(|on| some.iter().any(|topic| topic.name == on.topic));
            })
        })?;
    }
    Ok(())
}

/// Plainer faults: no delay, shorter, at round times.
fn lengths(search: &mut Search<'_>) -> Result<(), RunError> {
    for place in 0..search.best.faults.len() {
        search.change(|plan| plan.faults[place].after = Span::ZERO)?;
        search.change(|plan| plain(&mut plan.faults[place].action))?;
        while search.change(|plan| less(&mut plan.faults[place].action))? {}
        for step in [1_000, 100, 10] {
            if search.change(|plan| round(&mut plan.faults[place], step))? {
                break;
            }
        }
        for _ in 0..3 {
            if !search.change(|plan| halve(&mut plan.faults[place].action))? {
                break;
            }
        }
    }
    Ok(())
}

fn round(fault: &mut Fault, step: u64) {
    if let Trigger::At(at) = &mut fault.trigger {
        *at = Span::from_millis((at.as_millis() / step * step).max(1));
    }
}

/// Makes an action as plain as its kind can be.
fn plain(action: &mut Action) {
    if let Action::Partition { what: Cut { direction, clients, isolate: Some(_), .. }, .. } = action {
        (*direction, *clients) = (Direction::Both, false);
    }
}

/// Takes half of what an action has a number of.
fn less(action: &mut Action) {
    match action {
        Action::Clock(clock) => clock.drift_ppm /= 2,
        Action::FullDisk { what, .. } => what.free /= 2,
        Action::RestartLoop(restart) => restart.times = (restart.times / 2).max(1),
        Action::SlowCpu { what, .. } => what.event = Span((what.event.0 / 2).max(1)),
        Action::SlowDisk { what, .. } => what.factor = (what.factor / 2).max(1),
        _ => {}
    }
}

fn half(span: Span) -> Span {
    Span::from_millis((span.as_millis() / 2).max(1))
}

/// Halves how long something lasts.
fn halve(action: &mut Action) {
    spans(action).into_iter().for_each(|span| *span = half(*span));
}

/// How long something lasts: one span, or two that take turns.
pub(super) fn spans(action: &mut Action) -> Vec<&mut Span> {
    match action {
        Action::Crash { restart: After::Span(span), .. }
        | Action::FullDisk { lasts: span, .. }
        | Action::Partition { heal: After::Span(span), .. }
        | Action::Pause { lasts: span, .. }
        | Action::Shutdown { restart: After::Span(span), .. }
        | Action::SlowCpu { lasts: span, .. }
        | Action::SlowDisk { lasts: span, .. }
        | Action::SlowLink { lasts: span, .. }
        | Action::StallDisk { lasts: span, .. } => vec![span],
        Action::RestartLoop(restart) => vec![&mut restart.up, &mut restart.down],
        Action::RollingRestart(rolling) => vec![&mut rolling.every, &mut rolling.down],
        _ => Vec::new(),
    }
}

/// Settings that are the default's, one at a time. Not when logs are flushed: that decides what a loss of power may
/// take.
fn settings(search: &mut Search<'_>) -> Result<(), RunError> {
    type Setting = fn(&mut Cluster, &Cluster);
    const SETTINGS: [Setting; 13] = [
        |ours, default| ours.truncation = default.truncation,
        |ours, default| ours.segment_bytes = default.segment_bytes,
        |ours, default| ours.snapshot_every = default.snapshot_every,
        |ours, default| {
            (ours.session_timeout, ours.heartbeat_interval) = (default.session_timeout, default.heartbeat_interval);
        },
        |ours, default| ours.replica_lag = default.replica_lag,
        |ours, default| ours.replica_fetch_wait = default.replica_fetch_wait,
        |ours, default| {
            (ours.election_timeout, ours.fetch_timeout) = (default.election_timeout, default.fetch_timeout);
        },
        |ours, default| ours.request_timeout = default.request_timeout,
        |ours, default| ours.leader_rebalance = default.leader_rebalance,
        |ours, default| ours.latency = default.latency,
        |ours, default| ours.sync_latency = default.sync_latency,
        |ours, default| ours.clock_skew = default.clock_skew,
        |ours, default| ours.bandwidth = default.bandwidth,
    ];
    let rare = search.best.cluster.rare_paths.clone();
    ddmin(rare, |some| search.change(|plan| plan.cluster.rare_paths = some.to_vec()))?;
    let default = Cluster::default();
    for set in SETTINGS {
        search.change(|plan| {
            set(&mut plan.cluster, &default);
            for topic in &mut plan.topics {
                topic.flush = Some(plan.cluster.flush);
                topic.segment_bytes = Some(plan.cluster.segment_bytes);
            }
        })?;
    }
    search.change(|plan| plan.clock_offsets.iter_mut().for_each(|offset| offset.0 = 0))?;
    for place in 0..search.best.workloads.len() {
        search.change(|plan| {
            if let Workload::Producer(producer) = &mut plan.workloads[place] {
                let plain = Producer::default();
                (producer.linger, producer.request_timeout) = (plain.linger, plain.request_timeout);
            }
        })?;
    }
    Ok(())
}
