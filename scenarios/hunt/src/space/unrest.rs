//! Scenarios in which the leadership of one partition moves fast, its replicas' logs end at different offsets, and some
//! node learns late of new leaders.
//!
//! Each of the three is common in the rest of the space, but all at once about one partition are not: faults that are
//! drawn separately seldom meet. Replication must make logs agree after elections, and this is where that is hardest.

use proptest::prelude::*;
use tribunal_contract::Span;
use tribunal_language::{
    Action, After, Cluster, Condition, Crash, Cut, Direction, Elect, Election, Partition, Pause, Power, Shutdown,
    SlowLink, SpanRange, Target,
};

use super::faults::{Gene, partition};
use super::{Shape, millis};

/// What else sets these scenarios apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Timeouts are long, so that a slow node is not fenced for being slow.
    patient: bool,
    /// The controller is one broker, which has more to do with brokers that hold no replica.
    apart: bool,
}

impl Manner {
    pub(super) fn shape(self, shape: Shape) -> Shape {
        match self.apart {
            true => Shape { controllers: 1, brokers: shape.brokers.max(4), ..shape },
            false => shape,
        }
    }

    pub(super) fn cluster(self, cluster: &mut Cluster) {
        if self.patient {
            (cluster.session_timeout, cluster.heartbeat_interval) = (Span::from_secs(5), Span::from_millis(500));
            (cluster.request_timeout, cluster.replica_lag) = (Span::from_secs(6), Span::from_secs(20));
            cluster.fetch_timeout = cluster.fetch_timeout.max(Span::from_secs(8));
        }
    }
}

pub(super) fn manner() -> impl Strategy<Value = Manner> {
    (any::<bool>(), any::<bool>()).prop_map(|(patient, apart)| Manner { patient, apart })
}

/// The faults, all about one partition: perhaps a first move long before, then links that make logs and news uneven,
/// then the moves.
pub(super) fn genes(shape: &Shape) -> impl Strategy<Value = Vec<Gene>> + use<> {
    partition(shape).prop_flat_map(|of| {
        let first = prop::option::weighted(0.4, goes(&of));
        let logs = prop::collection::vec((millis(0..500), uneven(&of)), 0..=2);
        let news = prop::collection::vec((millis(0..1_500), late(&of)), 1..=2);
        let gap = prop_oneof![3 => millis(20..300), 2 => millis(300..1_500), 1 => millis(1_500..3_000)];
        let back = prop::option::weighted(0.7, (gap.clone(), comes_back(&of)));
        let moves = prop::collection::vec((gap, goes(&of), back), 1..=3);
        (first, logs, news, moves).prop_map(|(first, logs, news, moves)| {
            let on_the_clock = |gap, action| Gene::new(gap, None, Span::ZERO, action);
            let mut slow: Vec<Gene> =
                logs.into_iter().chain(news).map(|(gap, action)| on_the_clock(gap, action)).collect();
            if let (Some(_), Some(next)) = (&first, slow.first_mut()) {
                next.gap = next.gap + SETTLED;
            }
            let moves = moves.into_iter().flat_map(|(gap, goes, back)| {
                let back = back.map(|(gap, (when, after, action))| Gene::new(gap, when, after, action));
                std::iter::once(on_the_clock(gap, goes)).chain(back)
            });
            let first = first.map(|action| on_the_clock(Span::ZERO, action));
            first.into_iter().chain(slow).chain(moves).collect()
        })
    })
}

/// After a first move all is well again so soon.
const SETTLED: Span = Span::from_secs(2);

/// Replication at different speeds.
fn uneven(of: &Partition) -> impl Strategy<Value = Action> + use<> {
    let (leader, followers) = (Target::Leader(of.clone()), Target::Followers(of.clone()));
    let pairs = vec![
        [leader.clone(), followers.clone()],
        [leader, Target::Follower(of.clone())],
        [followers.clone(), followers],
    ];
    (prop::sample::select(pairs), 1..400u64, 1..12u64, 500..5_000u64)
        .prop_map(|(pair, least, spread, lasts)| slow_link(pair, least, (least * spread).min(5_000).max(least), lasts))
}

/// Somebody does not hear, or hears late, of what the controller decides.
fn late(of: &Partition) -> impl Strategy<Value = Action> + use<> {
    let (leader, follower) = (Target::Leader(of.clone()), Target::Follower(of.clone()));
    let pairs = vec![[follower.clone(), Target::Controller], [leader, Target::Controller]];
    let (cut, paused) = (follower.clone(), follower);
    prop_oneof![
        4 => (prop::sample::select(pairs), 100..2_500u64, 1..3u64, 1_500..12_000u64)
            .prop_map(|(pair, least, more, lasts)| slow_link(pair, least, least * more, lasts)),
        1 => millis(300..7_000)
            .prop_map(move |lasts| Action::Pause { what: Pause { broker: paused.clone() }, lasts }),
        1 => (prop::sample::select(vec![Direction::Both, Direction::In]), millis(300..4_000))
            .prop_map(move |(direction, heal)| isolate(cut.clone(), direction, heal)),
    ]
}

/// The leader goes, or is taken for gone.
fn goes(of: &Partition) -> impl Strategy<Value = Action> + use<> {
    let leader = Target::Leader(of.clone());
    let (crashed, stopped, paused, cut) = (leader.clone(), leader.clone(), leader.clone(), leader);
    prop_oneof![
        3 => millis(50..1_500).prop_map(move |span| {
            let what = Crash { broker: crashed.clone(), power: Power::Kept, ..Crash::default() };
            Action::Crash { what, restart: After::Span(span) }
        }),
        2 => millis(100..3_000).prop_map(move |span| {
            Action::Shutdown { what: Shutdown { broker: stopped.clone() }, restart: After::Span(span) }
        }),
        1 => millis(200..3_000).prop_map(move |lasts| Action::Pause { what: Pause { broker: paused.clone() }, lasts }),
        1 => millis(200..3_000).prop_map(move |heal| isolate(cut.clone(), Direction::Both, heal)),
    ]
}

/// The preferred replica leads again: now, or as soon as somebody is back in sync, and how long after that.
fn comes_back(of: &Partition) -> impl Strategy<Value = (Option<Condition>, Span, Action)> + use<> {
    let elect = Action::Elect(Elect { partition: of.clone(), kind: Election::Preferred });
    let (at_once, partition) = (elect.clone(), of.clone());
    prop_oneof![
        2 => Just((None, Span::ZERO, at_once)),
        3 => (1..=3u32, millis(0..60)).prop_map(move |(count, after)| {
            let condition = Condition::IsrExpanded { partition: partition.clone(), count };
            (Some(condition), after, elect.clone())
        }),
    ]
}

fn isolate(broker: Target, direction: Direction, heal: Span) -> Action {
    Action::Partition { what: Cut { isolate: Some(broker), direction, ..Cut::default() }, heal: After::Span(heal) }
}

/// In milliseconds.
fn slow_link(between: [Target; 2], min: u64, max: u64, lasts: u64) -> Action {
    let latency = SpanRange { min: Span::from_millis(min), max: Span::from_millis(max) };
    Action::SlowLink { what: SlowLink { between, latency, bandwidth: None }, lasts: Span::from_millis(lasts) }
}
