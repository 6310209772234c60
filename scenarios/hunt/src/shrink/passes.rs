//! What is taken away, and in which order: first what makes every later run shorter.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Fault, Producer, SizeRange, Source, SpanRange, Trigger, Workload};
use tribunal_world::run::RunError;

use super::ddmin::ddmin;
use super::seeds::with_seeds;
use super::{SEEDS, Search, afresh, few, fewer, merge, named, plain};

/// Everything, again and again, until nothing more goes; and harder where that is not enough.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    for seeds in SEEDS {
        search.seeds = seeds;
        less(search)?;
        if !search.is_small() {
            named::all(search)?;
            less(search)?;
        }
        afresh::all(search)?;
        if search.is_small() {
            break;
        }
    }
    loop {
        let before = search.best.clone();
        plain::all(search)?;
        less(search)?;
        if search.best == before || search.is_over() {
            return Ok(());
        }
    }
}

/// Fewer faults and records, until none of them goes.
pub(super) fn less(search: &mut Search<'_>) -> Result<(), RunError> {
    loop {
        let before = search.best.clone();
        // What is left must not change with what goes.
        end(search)?;
        sooner(search)?;
        named::chosen(search)?;
        timed(search)?;
        sizes(search)?;
        partitions(search)?;
        steady(search)?;
        few::records(search)?;
        faults(search)?;
        merge::all(search)?;
        named::narrow(search)?;
        fewer::faults(search)?;
        workloads(search)?;
        records(search)?;
        few::halves(search)?;
        if search.best == before || search.is_over() {
            return Ok(());
        }
    }
}

/// Nothing is drawn message by message: then it does not matter how many there were before.
fn steady(search: &mut Search<'_>) -> Result<(), RunError> {
    if search.is_small() || std::mem::replace(&mut search.is_steady, true) {
        return Ok(());
    }
    let middle = |drawn: &mut SpanRange| {
        drawn.min = Span(drawn.min.0.midpoint(drawn.max.0));
        drawn.max = drawn.min;
    };
    with_seeds(search, |plan| {
        middle(&mut plan.cluster.latency);
        middle(&mut plan.cluster.sync_latency);
    })
    .map(drop)
}

/// The run goes on this long after the failure, so that it is a failure of the run and not of its end.
const MARGIN: Span = Span::from_millis(50);

/// Ends the run where it fails.
fn end(search: &mut Search<'_>) -> Result<(), RunError> {
    let whole = search.best.duration;
    let seen = Span::from_millis((search.violation.at.max(0) as u64).div_ceil(1_000_000)) + MARGIN;
    let shorter = if search.violation.event.is_some() { vec![seen] } else { Vec::new() };
    // A violation that is only seen at the end may have happened at any time.
    let parts = [4, 2].map(|part| Span::from_millis(whole.as_millis() / part));
    for duration in shorter.into_iter().chain(parts) {
        if duration < search.best.duration && duration > Span::ZERO && search.change(|plan| cut_at(plan, duration))? {
            break;
        }
    }
    Ok(())
}

fn cut_at(plan: &mut Plan, end: Span) {
    plan.duration = end;
    plan.faults.retain(|fault| !matches!(fault.trigger, Trigger::At(at) if at + fault.after >= end));
    plan.workloads.retain_mut(|workload| match workload {
        Workload::Consumer(consumer) => consumer.start < end,
        Workload::Producer(producer) => {
            let left = Span(end.0.saturating_sub(producer.start.0));
            if let Some(at) = &mut producer.at {
                at.retain(|at| *at < left);
                producer.lasts = at.last().map(|last| *last + Span(1));
                return !at.is_empty();
            }
            producer.lasts = producer.lasts.map(|lasts| lasts.min(left));
            left > Span::ZERO
        }
    });
}

/// Faults that wait for the hundredth of something wait for the first, or for an earlier one.
fn sooner(search: &mut Search<'_>) -> Result<(), RunError> {
    for place in 0..search.best.faults.len() {
        if search.change(|plan| few::wait_for(&mut plan.faults[place], 1))? {
            continue;
        }
        while search.change(|plan| few::wait_for_half(&mut plan.faults[place]))? {}
    }
    Ok(())
}

/// Faults that wait for something happen when they did. Then nothing that is taken away moves them.
fn timed(search: &mut Search<'_>) -> Result<(), RunError> {
    let waits = |fault: &Fault| matches!(fault.trigger, Trigger::When(_));
    if !search.best.faults.iter().any(waits) {
        return Ok(());
    }
    let struck = search.again()?.struck;
    let at_last = |fault: &mut Fault, place: usize| {
        let at = struck.iter().find(|struck| struck.fault == place).map(|struck| struck.at);
        if let (Trigger::When(_), Some(at)) = (&fault.trigger, at) {
            (fault.trigger, fault.after) = (Trigger::At(at.max(Span(1))), Span::ZERO);
        }
    };
    let all = |plan: &mut Plan| {
        plan.faults.iter_mut().enumerate().for_each(|(place, fault)| at_last(fault, place));
    };
    if with_seeds(search, all)? {
        return Ok(());
    }
    for place in 0..search.best.faults.len() {
        search.change(|plan| at_last(&mut plan.faults[place], place))?;
    }
    Ok(())
}

/// Topics of one partition: then it does not matter how many records went to another before.
fn partitions(search: &mut Search<'_>) -> Result<(), RunError> {
    for topic in 0..search.best.topics.len() {
        if search.best.topics[topic].partitions == 1 {
            continue;
        }
        let mut alone = search.best.clone();
        let name = alone.topics[topic].name.clone();
        let count = std::mem::replace(&mut alone.topics[topic].partitions, 1);
        // Every fault that is about one of them is about the one there is.
        let named = |text: String, index: u32| text.replace(&format!("{name}/{index}"), &format!("{name}/0"));
        let text = (1..count).rev().fold(alone.to_toml(), named);
        if let Ok(alone) = Plan::parse(Source::new("candidate.toml", text)) {
            with_seeds(search, |plan| *plan = Plan { seed: plan.seed, ..alone.clone() })?;
        }
    }
    Ok(())
}

/// Values of one size: then it does not matter how many were drawn before.
fn sizes(search: &mut Search<'_>) -> Result<(), RunError> {
    let is_drawn = |workload: &Workload| matches!(workload, Workload::Producer(producer) if producer.value_size.min < producer.value_size.max);
    if !search.best.workloads.iter().any(is_drawn) {
        return Ok(());
    }
    type Size = fn(u32, u32) -> u32;
    let sizes: [Size; 3] = [|_, max| max, |min, max| min.midpoint(max), |min, _| min];
    for size in sizes {
        let equal = |plan: &mut Plan| {
            for workload in &mut plan.workloads {
                if let Workload::Producer(Producer { value_size: SizeRange { min, max }, .. }) = workload {
                    *min = size(*min, *max);
                    *max = *min;
                }
            }
        };
        if with_seeds(search, equal)? {
            break;
        }
    }
    Ok(())
}

fn faults(search: &mut Search<'_>) -> Result<(), RunError> {
    let all = search.best.faults.clone();
    ddmin(all, |some| search.change(|plan| plan.faults = some.to_vec())).map(drop)
}

fn workloads(search: &mut Search<'_>) -> Result<(), RunError> {
    let all = search.best.workloads.clone();
    ddmin(all, |some| search.change(|plan| plan.workloads = some.to_vec())).map(drop)
}

/// Whether its records have no times of their own.
pub(super) fn is_rated(workload: &Workload) -> bool {
    matches!(workload, Workload::Producer(producer) if producer.at.is_none() && producer.file.is_none())
}

/// Each record of producers that list theirs: its producer, and when it is due after the producer's start.
pub(super) fn times(workloads: &[Workload]) -> Vec<(usize, Span)> {
    let listed = |workload: &Workload| match workload {
        Workload::Producer(producer) => producer.at.clone().unwrap_or_default(),
        Workload::Consumer(_) => Vec::new(),
    };
    (workloads.iter().map(listed).enumerate())
        .flat_map(|(place, times)| times.into_iter().map(move |at| (place, at)))
        .collect()
}

/// Gives every record its own time, then takes records away.
fn records(search: &mut Search<'_>) -> Result<(), RunError> {
    if search.best.workloads.iter().any(is_rated) {
        let listed: Vec<Workload> = search.best.workloads.clone().into_iter().flat_map(by_time).collect();
        if !with_seeds(search, |plan| plan.workloads = listed.clone())? {
            return slower(search);
        }
    }
    let all = times(&search.best.workloads);
    if all.is_empty() {
        return Ok(());
    }
    let original = search.best.workloads.clone();
    ddmin(all, |some| search.change(|plan| plan.workloads = only(&original, some))).map(drop)
}

/// Where records cannot be listed one by one: fewer of them a second.
fn slower(search: &mut Search<'_>) -> Result<(), RunError> {
    let divide = |workload: &mut Workload, by: u32| {
        if let Workload::Producer(Producer { rate: Some(rate), .. }) = workload {
            rate.count = (rate.count / by).max(1);
        }
    };
    for by in [10, 4, 2] {
        while search.change(|plan| plan.workloads.iter_mut().for_each(|workload| divide(workload, by)))? {}
    }
    Ok(())
}

/// The workloads with these records only. A producer without records is left out.
pub(super) fn only(workloads: &[Workload], records: &[(usize, Span)]) -> Vec<Workload> {
    let kept = workloads.iter().enumerate().filter_map(|(place, workload)| {
        let Workload::Producer(producer) = workload else { return Some(workload.clone()) };
        if producer.at.is_none() {
            return Some(workload.clone());
        }
        let at: Vec<Span> = records.iter().filter(|(of, _)| *of == place).map(|(_, at)| *at).collect();
        let last = *at.last()?;
        Some(Workload::Producer(Producer { at: Some(at), lasts: Some(last + Span(1)), ..producer.clone() }))
    });
    kept.collect()
}

/// When the records of each client of a producer fall due, after its start.
pub(super) fn due(producer: &Producer) -> impl Iterator<Item = Vec<Span>> + '_ {
    let clients = if producer.at.is_some() { 1 } else { producer.clients.max(1) };
    (0..clients).map(move |share| match (&producer.at, producer.rate) {
        (Some(at), _) => at.clone(),
        (None, _) if !producer.records.is_empty() => {
            let own = producer.records.len() as u64 / u64::from(clients);
            (0..own).map(|_| Span::ZERO).collect()
        }
        (None, rate) => {
            let interval = rate.map_or(Span::from_millis(10), |rate| rate.interval());
            let own = interval.times(u64::from(clients));
            let lasts = Span(producer.lasts.unwrap_or_default().0.saturating_sub(interval.times(u64::from(share)).0));
            (0..lasts.as_nanos().div_ceil(own.as_nanos().max(1))).map(|n| own.times(n)).collect()
        }
    })
}

/// Each client of a producer as a producer of its own, with a time for each record.
pub(super) fn by_time(workload: Workload) -> Vec<Workload> {
    let Workload::Producer(producer) = &workload else { return vec![workload] };
    if producer.at.is_some() || producer.file.is_some() {
        return vec![workload];
    }
    let alone = due(producer).filter_map(|at| {
        let last = *at.last()?;
        Some(Workload::Producer(Producer { clients: 1, at: Some(at), lasts: Some(last + Span(1)), ..producer.clone() }))
    });
    alone.collect()
}
