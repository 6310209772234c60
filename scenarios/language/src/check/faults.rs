//! Faults: known targets, times within the run, partitions that do not overlap.

use tribunal_contract::Span;

use super::{Checked, Setup, bounds, known_partition, known_topic, largest_message, positive, positive_range};
use crate::action::Action;
use crate::disk_action::DiskLoss;
use crate::fault::Fault;
use crate::keys::Context;
use crate::nearest::suggestion;
use crate::network_action::Cut;
use crate::random::{FaultKind, RandomFaults};
use crate::target::{ClientKind, Target};
use crate::trigger::{Condition, Trigger};
use crate::units::After;
use crate::workload::Workload;

/// Checks every fault.
pub(super) fn check(cx: &mut Context, setup: &Setup<'_>) {
    for (index, fault) in setup.faults.iter().enumerate() {
        let path = format!("fault[{index}]");
        match fault {
            Checked::Once(fault) => once(cx, setup, &path, fault),
            Checked::Random(random) => check_random(cx, setup, &format!("{path}.random"), random),
        }
    }
    overlaps(cx, setup);
}

fn once(cx: &mut Context, setup: &Setup<'_>, path: &str, fault: &Fault) {
    let end = || format!("the run ends at {:?}", setup.duration);
    match &fault.trigger {
        Trigger::At(at) if *at >= setup.duration => {
            cx.error_at(&format!("{path}.at"), format!("a fault at {at:?} is after the end"), end());
        }
        Trigger::At(at) if at.0.saturating_add(fault.after.0) >= setup.duration.0 => {
            cx.error_at(&format!("{path}.after"), "a fault after the end", end());
        }
        Trigger::At(_) => (),
        Trigger::When(_) if fault.after >= setup.duration => {
            cx.error_at(&format!("{path}.after"), "a fault after the end", end());
        }
        Trigger::When(condition) => check_condition(cx, setup, &format!("{path}.when"), condition),
    }
    if matches!(fault.trigger, Trigger::At(_)) && fault.action.targets().contains(&&Target::Subject) {
        let label = "at a time there is none; use `when`";
        cx.error_at(&format!("{path}.{}", fault.action.name()), "`subject` is whom the trigger is about", label);
    }
    check_action(cx, setup, path, &fault.action);
}

fn check_condition(cx: &mut Context, setup: &Setup<'_>, path: &str, condition: &Condition) {
    let key = match condition {
        Condition::Acknowledged { .. } => "acknowledged",
        Condition::Fetch { .. } => "fetch",
        Condition::HighWatermark { .. } => "high_watermark",
        Condition::IsrExpanded { .. } => "isr_expanded",
        Condition::IsrShrunk { .. } => "isr_shrunk",
        Condition::LeaderElected { .. } => "leader_elected",
        Condition::Observed { of, .. } => {
            if let Some(of) = of {
                check_target(cx, setup, &format!("{path}.of"), of);
                if *of == Target::Subject {
                    cx.error_at(&format!("{path}.of"), "`subject` is for the action", "name a node");
                }
            }
            return;
        }
    };
    if let Some(partition) = condition.partition() {
        known_partition(cx, setup, &format!("{path}.{key}"), partition);
    }
}

fn check_action(cx: &mut Context, setup: &Setup<'_>, path: &str, action: &Action) {
    let at = |key: &str| format!("{path}.{}.{key}", action.name());
    let beside = |key: &str| format!("{path}.{key}");
    match action {
        Action::AlterTopic(alter) => {
            known_topic(cx, setup, &at("topic"), &alter.topic);
            largest_message(cx, &at("max_message_bytes"), alter.max_message_bytes);
        }
        Action::DeleteRecords(delete) => known_partition(cx, setup, &at("partition"), &delete.partition),
        Action::Clock(clock) => {
            check_broker(cx, setup, &at("broker"), &clock.broker);
            if clock.offset.0 == 0 && clock.drift_ppm == 0 {
                cx.error_at(&at("offset"), "a clock that jumps by nothing", "");
            }
            if !(-MAX_DRIFT_PPM..=MAX_DRIFT_PPM).contains(&clock.drift_ppm) {
                let label = format!("from -{MAX_DRIFT_PPM} to {MAX_DRIFT_PPM}");
                cx.error_at(&at("drift_ppm"), format!("a drift of {}", clock.drift_ppm), label);
            }
        }
        Action::Corrupt(corrupt) => check_broker(cx, setup, &at("broker"), &corrupt.broker),
        Action::Crash { what, restart } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            check_after(cx, &beside("restart_after"), *restart);
            if what.mid_step && what.disk != DiskLoss::Kept {
                let label = "with `mid_step` the disk is kept";
                cx.error_at(&at("disk"), "nobody knows yet when the process dies", label);
            }
        }
        Action::Disk(disk) => check_broker(cx, setup, &at("broker"), &disk.broker),
        Action::Decommission(leaving) => {
            check_broker(cx, setup, &at("broker"), &leaving.broker);
            positive(cx, &at("look"), leaving.look);
        }
        Action::Join(join) => check_join(cx, setup, &at("broker"), &join.broker),
        Action::Reassign(reassign) => {
            known_partition(cx, setup, &at("partition"), &reassign.partition);
            check_replicas(cx, setup, &at("replicas"), &reassign.replicas);
        }
        Action::Unregister(gone) => check_broker(cx, setup, &at("broker"), &gone.broker),
        Action::Elect(elect) => known_partition(cx, setup, &at("partition"), &elect.partition),
        Action::FullDisk { what, lasts } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            positive(cx, &beside("for"), *lasts);
        }
        Action::Partition { what, heal } => {
            if let Some(flap) = what.flap {
                let label = "must be at least 10ms";
                if flap < Span::from_millis(10) {
                    cx.error_at(&at("flap"), format!("a cut that comes and goes every {flap:?}"), label);
                }
            }
            check_cut(cx, setup, &format!("{path}.partition"), what);
            check_after(cx, &beside("heal_after"), *heal);
        }
        Action::Pause { what, lasts } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            positive(cx, &beside("for"), *lasts);
        }
        Action::Reset(reset) => check_pair(cx, setup, &at("between"), &reset.between),
        Action::RestartLoop(restart) => {
            check_broker(cx, setup, &at("broker"), &restart.broker);
            bounds(cx, &at("times"), restart.times, 1..=1_000);
            positive(cx, &at("up"), restart.up);
            positive(cx, &at("down"), restart.down);
        }
        Action::RollingRestart(rolling) => {
            positive(cx, &at("every"), rolling.every);
            positive(cx, &at("down"), rolling.down);
        }
        Action::Shutdown { what, restart } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            check_after(cx, &beside("restart_after"), *restart);
        }
        Action::SlowCpu { what, lasts } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            positive(cx, &at("event"), what.event);
            positive(cx, &beside("for"), *lasts);
        }
        Action::StallDisk { what, lasts } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            positive(cx, &beside("for"), *lasts);
        }
        Action::SlowDisk { what, lasts } => {
            check_broker(cx, setup, &at("broker"), &what.broker);
            bounds(cx, &at("factor"), what.factor, 2..=1_000_000);
            positive(cx, &beside("for"), *lasts);
        }
        Action::SlowLink { what, lasts } => {
            check_pair(cx, setup, &at("between"), &what.between);
            positive_range(cx, &at("latency"), what.latency);
            if what.bandwidth == Some(0) {
                cx.error_at(&at("bandwidth"), "a link that lets nothing through", "use `partition`");
            }
            positive(cx, &beside("for"), *lasts);
        }
    }
}

/// A broker that joins is one of the `join_later` brokers.
fn check_join(cx: &mut Context, setup: &Setup<'_>, path: &str, target: &Target) {
    check_broker(cx, setup, path, target);
    let (first, brokers) = (setup.cluster.first_brokers(), setup.cluster.brokers);
    let later = matches!(target, Target::Broker(id) if *id > first);
    if !later {
        let label = match brokers - first {
            0 => "set `join_later` of the cluster".to_owned(),
            1 => format!("broker {brokers} joins later"),
            _ => format!("brokers {} to {brokers} join later", first + 1),
        };
        cx.error_at(path, format!("`{target}` is not a broker that joins later"), label);
    }
}

/// Replicas are on distinct brokers that exist.
fn check_replicas(cx: &mut Context, setup: &Setup<'_>, path: &str, replicas: &[u32]) {
    for (index, id) in replicas.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if replicas[..index].contains(id) {
            cx.error_at(&path, format!("broker {id} would hold two replicas"), "this is the second");
        } else {
            check_target(cx, setup, &path, &Target::Broker(*id));
        }
    }
}

/// A clock this far off a tenth is broken, not drifting.
const MAX_DRIFT_PPM: i32 = 100_000;

fn check_after(cx: &mut Context, path: &str, after: After) {
    if let After::Span(span) = after {
        positive(cx, path, span);
    }
}

fn check_pair(cx: &mut Context, setup: &Setup<'_>, path: &str, [a, b]: &[Target; 2]) {
    check_target(cx, setup, &format!("{path}[0]"), a);
    check_target(cx, setup, &format!("{path}[1]"), b);
    if a == b && matches!(a, Target::Broker(_) | Target::Client(..) | Target::Controller | Target::Leader(_)) {
        cx.error_at(&format!("{path}[1]"), format!("`{a}` has no connection with itself"), "the same as the first");
    }
}

fn check_cut(cx: &mut Context, setup: &Setup<'_>, path: &str, cut: &Cut) {
    if let Some(target) = &cut.isolate {
        check_target(cx, setup, &format!("{path}.isolate"), target);
        if *target == Target::All {
            cx.error_at(
                &format!("{path}.isolate"),
                "there is nobody to isolate all brokers from",
                "name one, or use `groups`",
            );
        }
    }
    let mut seen: Vec<&Target> = Vec::new();
    for (g, group) in cut.groups.iter().flatten().enumerate() {
        for (t, target) in group.iter().enumerate() {
            let path = format!("{path}.groups[{g}][{t}]");
            check_target(cx, setup, &path, target);
            if seen.contains(&target) && *target != Target::Any {
                cx.error_at(&path, format!("`{target}` is in two places of the partition"), "this is the second");
            }
            seen.push(target);
        }
    }
}

/// A mistake if the target is none, or is a client.
fn check_broker(cx: &mut Context, setup: &Setup<'_>, path: &str, target: &Target) {
    check_target(cx, setup, path, target);
    if !target.is_broker() {
        cx.error_at(path, format!("`{target}` is not a broker"), "this fault is for brokers");
    }
}

fn check_target(cx: &mut Context, setup: &Setup<'_>, path: &str, target: &Target) {
    if let Some(partition) = target.partition() {
        known_partition(cx, setup, path, partition);
    }
    let brokers = setup.cluster.brokers;
    match target {
        Target::Broker(id) if !(1..=brokers).contains(id) => {
            let label =
                if brokers == 1 { "there is broker 1 only".into() } else { format!("brokers are 1 to {brokers}") };
            cx.error_at(path, format!("there is no broker {id}"), label);
        }
        Target::Rack(rack) if setup.cluster.on_rack(rack).next().is_none() => {
            let mut racks: Vec<&str> = setup.cluster.racks.iter().map(String::as_str).collect();
            racks.sort_unstable();
            racks.dedup();
            let label = match racks[..] {
                [] => "no broker has a rack: set `racks` of the cluster".to_owned(),
                _ => suggestion(rack, &racks),
            };
            cx.error_at(path, format!("no broker is on rack `{rack}`"), label);
        }
        Target::Client(kind, index) => {
            let of_kind = |workload: &&Workload| match workload {
                Workload::Consumer(_) => *kind == ClientKind::Consumer,
                Workload::Producer(_) => *kind == ClientKind::Producer,
            };
            let count: u32 = setup.workloads.iter().filter(of_kind).map(|workload| workload.clients()).sum();
            if *index >= count {
                let label = match count {
                    0 => format!("there is no {kind}"),
                    1 => format!("there is {kind} 0 only"),
                    _ => format!("{kind}s are 0 to {}", count - 1),
                };
                cx.error_at(path, format!("there is no {kind} {index}"), label);
            }
        }
        _ => (),
    }
}

fn check_random(cx: &mut Context, setup: &Setup<'_>, path: &str, random: &RandomFaults) {
    let at = |key: &str| format!("{path}.{key}");
    positive(cx, &at("mean_interval"), random.mean_interval);
    if random.mean_interval > Span::ZERO && random.mean_interval < Span::from_millis(1) {
        cx.error_at(&at("mean_interval"), "faults less than a millisecond apart", "must be at least 1ms");
    }
    positive_range(cx, &at("restart_after"), random.restart_after);
    positive_range(cx, &at("heal_after"), random.heal_after);
    let until = random.until.unwrap_or(setup.duration);
    if until > setup.duration {
        let label = format!("the run ends at {:?}", setup.duration);
        cx.error_at(&at("until"), "random faults after the end", label);
    } else if random.from >= until {
        let key = if cx.has(&at("from")) || !cx.has(&at("until")) { "from" } else { "until" };
        cx.error_at(&at(key), "there is no time for random faults", format!("from {:?} until {until:?}", random.from));
    }
    let stops = [
        FaultKind::Crash,
        FaultKind::MidStepCrash,
        FaultKind::OldDisk,
        FaultKind::PowerLoss,
        FaultKind::Pause,
        FaultKind::RestartLoop,
        FaultKind::Shutdown,
        FaultKind::WipedDisk,
    ];
    if random.kinds.iter().any(|kind| stops.contains(kind)) {
        bounds(cx, &at("max_down"), random.max_down, 1..=setup.cluster.brokers.max(1));
    }
    let two = [FaultKind::Flap, FaultKind::HalfOpen, FaultKind::Partition, FaultKind::Reset, FaultKind::SlowLink];
    if let Some(index) = random.kinds.iter().position(|kind| two.contains(kind)).filter(|_| setup.cluster.brokers < 2) {
        cx.error_at(&format!("{}[{index}]", at("kinds")), "this fault needs two brokers", "there is one");
    }
    let of_partitions = [FaultKind::Elect, FaultKind::Reassign];
    if let Some(index) =
        random.kinds.iter().position(|kind| of_partitions.contains(kind)).filter(|_| setup.topics.is_empty())
    {
        cx.error_at(&format!("{}[{index}]", at("kinds")), "there is no partition that this could be done to", "");
    }
}

/// Two partitions that overlap in time would heal each other's links.
fn overlaps(cx: &mut Context, setup: &Setup<'_>) {
    let cuts: Vec<(usize, Span, Span, &Cut)> = setup
        .faults
        .iter()
        .enumerate()
        .filter_map(|(index, fault)| match fault {
            Checked::Once(Fault {
                trigger: Trigger::At(at), after, action: Action::Partition { what, heal }, ..
            }) => {
                let begin = Span(at.0.saturating_add(after.0));
                let end = match heal {
                    After::Span(heal) => Span(begin.0.saturating_add(heal.0)),
                    After::Never => Span(u64::MAX),
                };
                Some((index, begin, end, what))
            }
            _ => None,
        })
        .collect();
    for (nth, &(index, begin, end, cut)) in cuts.iter().enumerate() {
        for &(earlier, other_begin, other_end, other) in &cuts[..nth] {
            if begin < other_end && other_begin < end && meet(cut, other) {
                let line = cx.line(&format!("fault[{earlier}].partition"));
                let until =
                    if other_end.0 == u64::MAX { "never heals".into() } else { format!("lasts until {other_end:?}") };
                let message = format!("two partitions of the same nodes overlap, this one from {begin:?}");
                cx.error_at(&format!("fault[{index}].partition"), message, format!("the one at line {line} {until}"));
                break;
            }
        }
    }
}

/// Whether two cuts may cut the same link. A target that is only known in the run may be any broker; isolating a node
/// cuts it from every broker.
fn meet(a: &Cut, b: &Cut) -> bool {
    match (named(a), named(b)) {
        (Some(a), Some(b)) => a.iter().filter(|target| b.contains(target)).count() >= 2,
        _ => true,
    }
}

/// The nodes of a cut by groups, if all are named.
fn named(cut: &Cut) -> Option<Vec<&Target>> {
    let all: Vec<&Target> = cut.groups.as_ref()?.iter().flatten().collect();
    all.iter().all(|target| matches!(target, Target::Broker(_) | Target::Client(..))).then_some(all)
}
