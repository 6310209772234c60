//! What the faults of the space do.

use proptest::prelude::*;
use tribunal_common::TruncationMode;
use tribunal_contract::Span;
use tribunal_language::{
    Action, After, AlterTopic, Before, Clock, Corrupt, Corruption, Crash, Cut, Decommission, DeleteRecords, Direction,
    DiskErrorKind, DiskFault, DiskLoss, DiskOperation, Elect, Election, FullDisk, Join, Offset, Pause, Power, Reassign,
    Reset, RestartLoop, RollingRestart, Shape as CutShape, Shutdown, SlowCpu, SlowDisk, SlowLink, SpanRange, StallDisk,
    Stop, Target, Unregister,
};

use super::faults::{broker, pair, partition_of_a_topic};
use super::{Shape, millis};

/// Kinds of actions, each of which is switched off or on for all of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AlterTopic,
    Clock,
    Corrupt,
    Crash,
    Cut,
    Death,
    Decommission,
    DeleteRecords,
    Disk,
    Elect,
    FullDisk,
    Isolate,
    Join,
    LostDisk,
    Pause,
    PowerLoss,
    Reassign,
    Reset,
    RestartLoop,
    Restarts,
    Shutdown,
    SlowCpu,
    SlowDisk,
    SlowLink,
    StallDisk,
    Unregister,
    Upgrade,
}

pub(super) const KINDS: [Kind; 27] = [
    Kind::AlterTopic,
    Kind::Clock,
    Kind::Corrupt,
    Kind::Crash,
    Kind::Cut,
    Kind::Death,
    Kind::Decommission,
    Kind::DeleteRecords,
    Kind::Disk,
    Kind::Elect,
    Kind::FullDisk,
    Kind::Isolate,
    Kind::Join,
    Kind::LostDisk,
    Kind::Pause,
    Kind::PowerLoss,
    Kind::Reassign,
    Kind::Reset,
    Kind::RestartLoop,
    Kind::Restarts,
    Kind::Shutdown,
    Kind::SlowCpu,
    Kind::SlowDisk,
    Kind::SlowLink,
    Kind::StallDisk,
    Kind::Unregister,
    Kind::Upgrade,
];

/// An action of this kind, to whatever it is done. `waits` says that the fault has a trigger, which is about somebody.
pub(super) fn action(shape: &Shape, kind: Kind, waits: bool) -> BoxedStrategy<Action> {
    match kind {
        Kind::Corrupt | Kind::Disk | Kind::FullDisk | Kind::SlowDisk | Kind::StallDisk => disk(shape, kind, waits),
        Kind::Decommission | Kind::Elect | Kind::Join | Kind::Reassign | Kind::Unregister => {
            members(shape, kind, waits)
        }
        Kind::AlterTopic | Kind::DeleteRecords => topics(shape, kind),
        Kind::Cut | Kind::Isolate | Kind::Reset | Kind::SlowLink => network(shape, kind, waits),
        _ => process(shape, kind, waits),
    }
}

/// How long something lasts: short against the timeouts, about as long, or longer.
fn length() -> impl Strategy<Value = Span> + Clone {
    prop_oneof![2 => 20u64..300, 3 => 300u64..1_500, 2 => 1_500u64..5_000].prop_map(Span::from_millis)
}

fn disk(shape: &Shape, kind: Kind, waits: bool) -> BoxedStrategy<Action> {
    let one = broker(shape, waits);
    match kind {
        Kind::Corrupt => (one, prop::sample::select(vec![Corruption::Rot, Corruption::Misdirected]))
            .prop_map(|(broker, how)| Action::Corrupt(Corrupt { broker, how }))
            .boxed(),
        Kind::Disk => {
            use DiskOperation::{Append, Create, Open, Read, Remove, Rename, Sync, Truncate};
            let often = prop::sample::select(vec![Append, Sync, Read]);
            let seldom = prop::sample::select(vec![Create, Open, Remove, Rename, Truncate]);
            let error = prop_oneof![3 => Just(DiskErrorKind::Io), 1 => Just(DiskErrorKind::NoSpace)];
            (one, prop_oneof![2 => often, 1 => seldom], error, any::<bool>())
                .prop_map(|(broker, fail, error, once)| Action::Disk(DiskFault { broker, fail, error, once }))
                .boxed()
        }
        Kind::FullDisk => (one, 0u64..32_768, length())
            .prop_map(|(broker, free, lasts)| Action::FullDisk { what: FullDisk { broker, free }, lasts })
            .boxed(),
        Kind::SlowDisk => (one, 5..100u32, length())
            .prop_map(|(broker, factor, lasts)| Action::SlowDisk { what: SlowDisk { broker, factor }, lasts })
            .boxed(),
        _ => {
            (one, length()).prop_map(|(broker, lasts)| Action::StallDisk { what: StallDisk { broker }, lasts }).boxed()
        }
    }
}

fn members(shape: &Shape, kind: Kind, waits: bool) -> BoxedStrategy<Action> {
    let one = broker(shape, waits);
    match kind {
        // Whether somebody can be spared, and is no voter, is seen to when the scenario is made right.
        Kind::Decommission => (1..=shape.brokers, millis(100..600))
            .prop_map(|(id, look)| Action::Decommission(Decommission { broker: Target::Broker(id), look }))
            .boxed(),
        Kind::Elect => (partition_of_a_topic(shape), any::<bool>())
            .prop_map(|((partition, topic), unclean)| {
                let kind = if unclean && topic.unclean { Election::Unclean } else { Election::Preferred };
                Action::Elect(Elect { partition, kind })
            })
            .boxed(),
        Kind::Join => {
            let broker = Target::Broker(shape.brokers);
            Just(Action::Join(Join { broker })).boxed()
        }
        Kind::Reassign => {
            let ids: Vec<u32> = (1..=shape.brokers).collect();
            let moved = partition_of_a_topic(shape).prop_flat_map(move |(partition, topic)| {
                let count = topic.min_insync as usize..=(topic.replication as usize + 1).min(ids.len());
                (Just(partition), prop::sample::subsequence(ids.clone(), count).prop_shuffle())
            });
            (moved, prop::bool::weighted(0.15))
                .prop_map(|((partition, replicas), cancel)| {
                    let replicas = if cancel { Vec::new() } else { replicas };
                    Action::Reassign(Reassign { partition, replicas, cancel })
                })
                .boxed()
        }
        _ => one.prop_map(|broker| Action::Unregister(Unregister { broker })).boxed(),
    }
}

fn topics(shape: &Shape, kind: Kind) -> BoxedStrategy<Action> {
    let of = partition_of_a_topic(shape);
    match kind {
        Kind::AlterTopic => {
            let retention = prop::sample::select(vec![0u64, 4_096, 65_536]);
            (of, retention)
                .prop_map(|((partition, _), bytes)| {
                    let (topic, retention_bytes) = (partition.topic, Some(bytes));
                    Action::AlterTopic(AlterTopic { topic, retention_bytes, ..AlterTopic::default() })
                })
                .boxed()
        }
        _ => {
            let before = prop_oneof![
                2 => Just(Before::HighWatermark),
                3 => (1..100u32).prop_map(Before::Share),
                1 => (1..200u64).prop_map(Before::Offset),
            ];
            (of, before)
                .prop_map(|((partition, _), before)| Action::DeleteRecords(DeleteRecords { partition, before }))
                .boxed()
        }
    }
}

fn network(shape: &Shape, kind: Kind, waits: bool) -> BoxedStrategy<Action> {
    let one = broker(shape, waits);
    let heal = length().prop_map(After::Span);
    let flap = prop::option::weighted(0.3, millis(20..700));
    match kind {
        Kind::Cut => {
            let shapes = prop::sample::select(vec![CutShape::Bridge, CutShape::Halves, CutShape::MajoritiesRing]);
            (shapes, flap, heal)
                .prop_map(|(shape, flap, heal)| Action::Partition {
                    what: Cut { shape: Some(shape), flap, ..Cut::default() },
                    heal,
                })
                .boxed()
        }
        Kind::Isolate => {
            let direction = prop::sample::select(vec![Direction::Both, Direction::Both, Direction::In, Direction::Out]);
            (one, direction, any::<bool>(), flap, heal)
                .prop_map(|(isolated, direction, clients, flap, heal)| Action::Partition {
                    what: Cut { isolate: Some(isolated), direction, clients, flap, ..Cut::default() },
                    heal,
                })
                .boxed()
        }
        Kind::Reset => (pair(shape), prop::bool::weighted(0.2))
            .prop_map(|(between, half_open)| Action::Reset(Reset { between, half_open }))
            .boxed(),
        _ => {
            let bandwidth = prop::option::weighted(0.3, prop::sample::select(vec![2_000u64, 20_000, 200_000]));
            (pair(shape), prop_oneof![3 => 10u64..1_500, 1 => 1_500u64..5_000], 1..3u64, bandwidth, length())
                .prop_map(|(between, least, more, bandwidth, lasts)| {
                    let latency = SpanRange { min: Span::from_millis(least), max: Span::from_millis(least * more) };
                    Action::SlowLink { what: SlowLink { between, latency, bandwidth }, lasts: lasts + lasts }
                })
                .boxed()
        }
    }
}

fn process(shape: &Shape, kind: Kind, waits: bool) -> BoxedStrategy<Action> {
    let one = broker(shape, waits);
    let restart = length().prop_map(After::Span);
    let stop = prop::sample::select(vec![Stop::Clean, Stop::Kill, Stop::PowerLoss]);
    match kind {
        Kind::Clock => (one, -5_000i64..5_000, prop_oneof![2 => Just(0), 1 => -20_000..20_000i32])
            .prop_map(|(broker, millis, drift_ppm)| {
                // A clock that jumps by nothing and does not drift is no fault.
                let millis = if millis == 0 { 1 } else { millis };
                Action::Clock(Clock { broker, offset: Offset(millis * 1_000_000), drift_ppm })
            })
            .boxed(),
        Kind::Crash | Kind::PowerLoss => {
            let power = if kind == Kind::Crash { Power::Kept } else { Power::Lost };
            (one, restart, prop::bool::weighted(0.2))
                .prop_map(move |(broker, restart, mid_step)| Action::Crash {
                    what: Crash { broker, power, mid_step, ..Crash::default() },
                    restart,
                })
                .boxed()
        }
        Kind::Death => (one, prop::option::weighted(0.7, any::<bool>()))
            .prop_map(|(broker, crash)| match crash {
                Some(lost) => {
                    let power = if lost { Power::Lost } else { Power::Kept };
                    Action::Crash { what: Crash { broker, power, ..Crash::default() }, restart: After::Never }
                }
                None => Action::Shutdown { what: Shutdown { broker }, restart: After::Never },
            })
            .boxed(),
        Kind::LostDisk => {
            let disk = prop::sample::select(vec![DiskLoss::Old, DiskLoss::Wiped]);
            (one, restart, disk)
                .prop_map(|(broker, restart, disk)| Action::Crash {
                    what: Crash { broker, disk, ..Crash::default() },
                    restart,
                })
                .boxed()
        }
        Kind::Pause => {
            (one, length()).prop_map(|(broker, lasts)| Action::Pause { what: Pause { broker }, lasts }).boxed()
        }
        Kind::RestartLoop => (one, 2..6u32, millis(20..1_500), millis(20..500), stop)
            .prop_map(|(broker, times, up, down, stop)| {
                Action::RestartLoop(RestartLoop { broker, times, up, down, stop })
            })
            .boxed(),
        Kind::Restarts | Kind::Upgrade => {
            let truncation = match kind {
                Kind::Upgrade => {
                    prop::sample::select(vec![Some(TruncationMode::Fetch), Some(TruncationMode::Lookup)]).boxed()
                }
                _ => Just(None).boxed(),
            };
            (stop, millis(300..1_500), millis(100..1_000), truncation)
                .prop_map(|(stop, every, down, truncation)| {
                    Action::RollingRestart(RollingRestart { every, down, stop, truncation })
                })
                .boxed()
        }
        Kind::Shutdown => {
            (one, restart).prop_map(|(broker, restart)| Action::Shutdown { what: Shutdown { broker }, restart }).boxed()
        }
        _ => (one, 50u64..3_000, length())
            .prop_map(|(broker, micros, lasts)| Action::SlowCpu {
                what: SlowCpu { broker, event: Span::from_micros(micros) },
                lasts,
            })
            .boxed(),
    }
}
