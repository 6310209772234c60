//! When the faults of the space strike, and which nodes.

use proptest::prelude::*;
use tribunal_common::ObsKind;
use tribunal_contract::Span;
use tribunal_language::{Action, Condition, Fault, FaultKind, Partition, RandomFaults, SpanRange, Target, Trigger};

use super::actions::{KINDS, Kind, action};
use super::{Shape, TopicShape};

/// A fault before it is on the clock: so long after the one before it, or when something happens.
#[derive(Clone, Debug)]
pub(crate) struct Gene {
    pub(super) gap: Span,
    when: Option<Condition>,
    after: Span,
    action: Action,
}

impl Gene {
    /// What happens so long after the fault before it, or that long after something else.
    pub(super) fn new(gap: Span, when: Option<Condition>, after: Span, action: Action) -> Gene {
        Gene { gap, when, after, action }
    }

    /// The fault at a time, unless it waits for something.
    pub(crate) fn on_the_clock(self, at: Span) -> Fault {
        let trigger = self.when.map_or(Trigger::At(at), Trigger::When);
        Fault { trigger, after: self.after, action: self.action, line: 0 }
    }
}

/// The most faults of a scenario.
const MAX_FAULTS: usize = 9;

/// The faults of a scenario: of a few kinds, or of all.
pub(super) fn genes(shape: &Shape) -> impl Strategy<Value = Vec<Gene>> + use<> {
    let shape = shape.clone();
    let few = prop::sample::subsequence(KINDS.to_vec(), 1..=4);
    let many = prop::sample::subsequence(KINDS.to_vec(), 5..=KINDS.len());
    let kinds = prop_oneof![4 => few, 1 => many];
    kinds.prop_flat_map(move |kinds| prop::collection::vec(gene_of(&shape, kinds), 1..=MAX_FAULTS))
}

/// Many faults, close to each other: what takes one leader after the other.
pub(super) fn storm(shape: &Shape) -> impl Strategy<Value = RandomFaults> + use<> {
    let few = prop::sample::subsequence(FaultKind::ALL.to_vec(), 2..=5);
    let kinds = prop_oneof![3 => few, 1 => Just(FaultKind::ALL.to_vec())];
    let interval = prop::sample::select(vec![150u64, 300, 600, 1_200]);
    let lasts = prop::sample::select(vec![(20u64, 300u64), (20, 1_500), (300, 4_000)]);
    let down = 1..=if shape.brokers > 2 { 2u32 } else { 1 };
    (kinds, interval, lasts.clone(), lasts, down, 4_000u64..12_000).prop_map(
        |(kinds, interval, down, lasts, max_down, until)| {
            let range = |(min, max)| SpanRange { min: Span::from_millis(min), max: Span::from_millis(max) };
            RandomFaults {
                kinds,
                mean_interval: Span::from_millis(interval),
                from: super::FIRST_FAULT,
                until: Some(Span::from_millis(until)),
                restart_after: range(down),
                heal_after: range(lasts),
                max_down,
                ..RandomFaults::default()
            }
        },
    )
}

/// One more fault, of any kind.
pub(crate) fn gene(shape: &Shape) -> impl Strategy<Value = Gene> + use<> {
    gene_of(shape, KINDS.to_vec())
}

fn gene_of(shape: &Shape, kinds: Vec<Kind>) -> impl Strategy<Value = Gene> + use<> {
    let shape = shape.clone();
    let gap = prop_oneof![
        2 => 0u64..40,
        4 => 40u64..400,
        3 => 400u64..1_500,
        1 => 1_500u64..3_000,
    ];
    let after = prop_oneof![3 => Just(0u64), 2 => 1u64..60, 1 => 60u64..800];
    let when = prop::option::weighted(0.35, condition(&shape));
    let kind = prop::sample::select(kinds);
    (gap, when, after, kind).prop_flat_map(move |(gap, when, after, kind)| {
        // A subject is only known where there is a trigger.
        let action = action(&shape, kind, when.is_some());
        // A delay is for what waits; the others have their gap.
        let after = Span::from_millis(if when.is_some() { after } else { 0 });
        action.prop_map(move |action| Gene::new(Span::from_millis(gap), when.clone(), after, action))
    })
}

fn condition(shape: &Shape) -> impl Strategy<Value = Condition> + use<> {
    let partition = partition(shape);
    let event = prop::sample::select(
        [
            "broker-fenced",
            "broker-unfenced",
            "controller-active",
            "follower-truncated",
            "leader-elected",
            "log-truncated",
            "not-enough-replicas",
            "produce-retried",
            "quorum-leader-elected",
            "snapshot-taken",
            "vote-granted",
        ]
        .into_iter()
        .filter_map(ObsKind::from_name)
        .collect::<Vec<_>>(),
    );
    prop_oneof![
        2 => (partition.clone(), 1..=3u32)
            .prop_map(|(partition, count)| Condition::LeaderElected { partition, count }),
        2 => (partition.clone(), 1..=2u32).prop_map(|(partition, count)| Condition::IsrShrunk { partition, count }),
        2 => (partition.clone(), 1..=2u32).prop_map(|(partition, count)| Condition::IsrExpanded { partition, count }),
        1 => (partition.clone(), 5..200u64)
            .prop_map(|(partition, at_least)| Condition::HighWatermark { partition, at_least }),
        1 => (partition.clone(), 5..200u64)
            .prop_map(|(partition, at_least)| Condition::Acknowledged { partition, at_least }),
        1 => (partition, 1..100u32).prop_map(|(partition, count)| Condition::Fetch { partition, count }),
        2 => (event, 1..=3u32).prop_map(|(event, count)| Condition::Observed { event, of: None, count }),
    ]
}

pub(super) fn partition(shape: &Shape) -> impl Strategy<Value = Partition> + Clone + use<> {
    partition_of_a_topic(shape).prop_map(|(partition, _)| partition)
}

/// A partition, and its topic's shape.
pub(super) fn partition_of_a_topic(shape: &Shape) -> impl Strategy<Value = (Partition, TopicShape)> + Clone + use<> {
    let of = |topic: &TopicShape| (0..topic.partitions).map(|index| (index, topic.clone())).collect::<Vec<_>>();
    let all: Vec<(u32, TopicShape)> = shape.topics.iter().flat_map(of).collect();
    prop::sample::select(all).prop_map(|(index, topic)| (Partition { topic: topic.name.clone(), index }, topic))
}

pub(super) fn broker(shape: &Shape, waits: bool) -> impl Strategy<Value = Target> + Clone + use<> {
    let subject = if waits { Target::Subject } else { Target::Any };
    prop_oneof![
        4 => partition(shape).prop_map(Target::Leader),
        2 => partition(shape).prop_map(Target::Follower),
        1 => Just(Target::Controller),
        1 => Just(subject),
        3 => (1..=shape.brokers).prop_map(Target::Broker),
    ]
}

/// Two that talk with each other.
pub(super) fn pair(shape: &Shape) -> impl Strategy<Value = [Target; 2]> + use<> {
    let brokers = shape.brokers;
    let named = (1..=brokers, 1..brokers)
        .prop_map(move |(first, step)| [Target::Broker(first), Target::Broker((first - 1 + step) % brokers + 1)]);
    prop_oneof![
        3 => partition(shape).prop_map(|p| [Target::Leader(p.clone()), Target::Followers(p)]),
        2 => partition(shape).prop_map(|p| [Target::Leader(p.clone()), Target::Follower(p)]),
        2 => partition(shape).prop_map(|p| [Target::Leader(p), Target::Controller]),
        2 => partition(shape).prop_map(|p| [Target::Follower(p), Target::Controller]),
        1 => partition(shape).prop_map(|p| [Target::Leader(p), Target::Clients]),
        2 => named,
    ]
}
