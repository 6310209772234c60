//! The space of scenarios: proptest strategies for clusters, topics, settings, workloads and faults.
//!
//! Every scenario of the space has a right answer: what it breaks is what replication must survive. The fault atlas
//! sees to it while a scenario runs; and where a producer does not wait for all in-sync replicas, or a topic allows
//! unclean elections, losses are allowed. And in every scenario some kinds of faults are switched off altogether (swarm
//! testing, Groce 2012), so that the others have room.

mod actions;
mod faults;
mod settings;
mod unrest;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tribunal_common::{FlushPolicy, RarePath};
use tribunal_contract::Span;
use tribunal_language::{
    Acks, Action, After, AllowOn, Cluster, Consumer, Diagnostics, Eventually, Expect, Fault, FaultKind, From,
    Milestone, Partitioner, Producer, RandomFaults, Rate, Scenario, ScenarioFault, Seeds, SizeRange, Source, Target,
    Topic, Trigger, Workload,
};
use tribunal_model::Property;

pub(super) use faults::{Gene, gene};

/// What the rest of a scenario depends on.
#[derive(Clone, Debug)]
pub struct Shape {
    /// All of them, those that join later too.
    pub(super) brokers: u32,
    /// The last ones, which join later.
    pub(super) later: u32,
    pub(super) controllers: u32,
    /// One or two.
    pub(super) topics: Vec<TopicShape>,
    pub(super) flush: FlushPolicy,
}

/// What faults need to know of a topic.
#[derive(Clone, Debug)]
pub struct TopicShape {
    pub(super) name: String,
    pub(super) partitions: u32,
    pub(super) replication: u32,
    pub(super) min_insync: u32,
    pub(super) unclean: bool,
}

impl Shape {
    /// The shape of a scenario that there is.
    pub(super) fn of(scenario: &Scenario) -> Shape {
        let topics = scenario.topics.iter().map(|topic| TopicShape {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication,
            min_insync: topic.min_insync,
            unclean: topic.unclean_election,
        });
        Shape {
            brokers: scenario.cluster.brokers,
            later: scenario.cluster.join_later,
            controllers: scenario.cluster.controllers,
            topics: topics.collect(),
            flush: scenario.cluster.flush,
        }
    }
}

/// The names of the topics of every scenario of the space: most have the first only.
const TOPICS: [&str; 2] = ["orders", "payments"];

/// Bytes of a segment of which a run fills many.
const SMALL_SEGMENT: u64 = 4_096;

/// So many of a hundred scenarios are about one partition with changing leaders.
const UNREST: u64 = 30;

/// The first fault comes when clients have something to lose, and the last one while the run still goes on.
const FIRST_FAULT: Span = Span::from_millis(800);
const LAST_FAULT: Span = Span::from_secs(9);

/// The scenario of the space that a seed draws: always the same one. `name` names it.
pub fn draw(seed: u64, name: &str) -> Scenario {
    let mut bytes = [0; 32];
    for (n, chunk) in bytes.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&tribunal_sim::stable_hash(&(seed, n as u64, "space")).to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // No strategy here rejects what it has drawn.
    let is_unrest = tribunal_sim::stable_hash(&(seed, "unrest")) % 100 < UNREST;
    let drawn = match is_unrest {
        true => unrest().new_tree(&mut runner).map(|tree| tree.current()),
        false => scenario().new_tree(&mut runner).map(|tree| tree.current()),
    };
    let scenario = drawn.unwrap_or_else(|reason| unreachable!("the space rejects nothing: {reason}"));
    let cluster = Cluster { rare_paths: rare_paths(seed), ..scenario.cluster };
    Scenario { name: name.to_owned(), cluster, ..scenario }
}

/// The rare paths of a seed: none half of the time, else some of them. Apart from the strategies, so that what else a
/// seed draws does not change when a path is added.
fn rare_paths(seed: u64) -> Vec<RarePath> {
    let drawn = tribunal_sim::stable_hash(&(seed, "rare paths"));
    let switched_on = |path: &RarePath| drawn & 1 == 1 && drawn >> (1 + *path as u8) & 1 == 1;
    RarePath::ALL.iter().copied().filter(switched_on).collect()
}

/// The scenario as it is run: from the text of its file, so that lines are known and what ran is what was written.
///
/// # Errors
/// If the space holds something that is no valid scenario, which is a mistake of the space.
pub fn written(scenario: &Scenario, path: &str) -> Result<Scenario, Diagnostics> {
    Scenario::parse(Source::new(path, scenario.to_toml()))
}

/// Scenarios with faults of every kind.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    shape().prop_flat_map(|shape| {
        let storm = prop::option::weighted(0.15, faults::storm(&shape));
        let genes = faults::genes(&shape);
        of(shape, genes, storm)
    })
}

/// Scenarios in which a partition's leaders change while its replicas and what they know differ.
pub fn unrest() -> impl Strategy<Value = Scenario> {
    (shape(), unrest::manner()).prop_flat_map(|(shape, manner)| {
        let shape = manner.shape(shape);
        let genes = unrest::genes(&shape);
        let scenario = of(shape, genes, Just(None));
        scenario.prop_map(move |mut scenario| {
            manner.cluster(&mut scenario.cluster);
            scenario
        })
    })
}

/// Scenarios of a shape with these faults.
fn of(
    shape: Shape,
    genes: impl Strategy<Value = Vec<Gene>>,
    storm: impl Strategy<Value = Option<RandomFaults>>,
) -> impl Strategy<Value = Scenario> {
    let clients = shape.topics.iter().map(|topic| workloads(&topic.name)).collect::<Vec<_>>();
    let parts = (settings::cluster(&shape), clients, retention(), genes, storm);
    parts.prop_map(move |(mut cluster, workloads, retention_bytes, genes, storm)| {
        if retention_bytes.is_some() {
            // Or nothing would be old enough to go within the run.
            cluster.retention_check = Span::from_millis(500);
            cluster.segment_bytes = SMALL_SEGMENT;
        }
        let topics = shape.topics.iter().map(|topic| Topic {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication,
            min_insync: topic.min_insync,
            unclean_election: topic.unclean,
            retention_bytes: retention_bytes.filter(|_| topic.name == TOPICS[0]),
            ..Topic::default()
        });
        let topics: Vec<Topic> = topics.collect();
        let workloads: Vec<Workload> = workloads.into_iter().flatten().collect();
        let mut scenario = Scenario {
            path: String::new(),
            name: "generated".to_owned(),
            about: "drawn from the space of scenarios".to_owned(),
            seeds: Seeds { start: 0, end: 1 },
            duration: Span::ZERO,
            cluster,
            expect: expect(&topics, &workloads),
            topics,
            workloads,
            faults: Vec::new(),
            sweep: None,
        };
        lay_out(&mut scenario, genes, storm);
        scenario
    })
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Span> + Clone {
    range.prop_map(Span::from_millis)
}

fn shape() -> impl Strategy<Value = Shape> {
    let brokers = prop_oneof![6 => Just(3u32), 1 => Just(2), 1 => Just(4), 2 => Just(5)];
    let flush = prop_oneof![3 => Just(FlushPolicy::OperatingSystem), 2 => Just(FlushPolicy::EveryWrite)];
    let later = prop::bool::weighted(0.25).prop_map(u32::from);
    let parts = (brokers, later, prop::bool::weighted(0.7), flush, topic(), prop::option::weighted(0.25, topic()));
    parts.prop_map(|(first, later, quorum, flush, topic, second)| {
        let topics = std::iter::once(topic).chain(second).zip(TOPICS);
        let topics = topics.map(|((three, partitions, two_in_sync, unclean), name)| {
            let replication = if three { first.min(3) } else { 2 };
            let min_insync = if two_in_sync && replication == 3 { 2 } else { 1 };
            TopicShape { name: name.to_owned(), partitions, replication, min_insync, unclean }
        });
        let controllers = if quorum && first >= 3 { 3 } else { 1 };
        Shape { brokers: first + later, later, controllers, topics: topics.collect(), flush }
    })
}

/// Of a topic: whether it has three replicas, how many partitions, whether two must be in sync, and whether a replica
/// that is not in sync may lead.
fn topic() -> impl Strategy<Value = (bool, u32, bool, bool)> {
    (prop::bool::weighted(0.8), 1..=3u32, any::<bool>(), prop::bool::weighted(0.05))
}

/// `retention.bytes` of the first topic.
fn retention() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.1, prop::sample::select(vec![2 * SMALL_SEGMENT, 6 * SMALL_SEGMENT]))
}

fn workloads(topic: &str) -> impl Strategy<Value = Vec<Workload>> + use<> {
    (producer(topic), consumer(topic), 0..=1usize).prop_map(|(producer, consumer, consumers)| {
        let consumers = std::iter::repeat_n(Workload::Consumer(consumer), consumers);
        std::iter::once(Workload::Producer(producer)).chain(consumers).collect()
    })
}

fn producer(topic: &str) -> impl Strategy<Value = Producer> + use<> {
    let topic = topic.to_owned();
    let acks = prop_oneof![7 => Just(Acks::All), 3 => Just(Acks::Leader)];
    let rate = prop::sample::select(vec![20u32, 50, 100, 200]);
    let linger = prop::sample::select(vec![0u64, 5, 20]);
    let partitioner = prop::sample::select(vec![Partitioner::RoundRobin, Partitioner::RoundRobin, Partitioner::Sticky]);
    let batch = prop::sample::select(vec![16_384u64, 16_384, 1_024]);
    let sizes = prop::sample::select(vec![(100u32, 100u32), (100, 100), (10, 2_000)]);
    let parts = (acks, rate, linger, timeout(), 1..=2u32, partitioner, batch, sizes, 1..=5u32);
    parts.prop_map(
        move |(acks, rate, linger, request_timeout, clients, partitioner, batch_size, (min, max), max_in_flight)| {
            Producer {
                topic: topic.clone(),
                clients,
                rate: Some(Rate { count: rate, per: Span::from_secs(1) }),
                acks,
                linger: Span::from_millis(linger),
                partitioner,
                batch_size,
                value_size: SizeRange { min, max },
                max_in_flight,
                request_timeout,
                ..Producer::default()
            }
        },
    )
}

fn consumer(topic: &str) -> impl Strategy<Value = Consumer> + use<> {
    let topic = topic.to_owned();
    let poll = prop::sample::select(vec![500u32, 500, 7]);
    let wait = prop::sample::select(vec![500u64, 50]);
    let ages = millis(50..5_000).prop_map(From::ByDuration);
    let from = prop_oneof![4 => Just(From::Earliest), 1 => Just(From::Latest), 1 => ages];
    (poll, wait, timeout(), from).prop_map(move |(max_poll_records, wait, request_timeout, from)| Consumer {
        topic: topic.clone(),
        from,
        max_poll_records,
        fetch_max_wait: Span::from_millis(wait),
        request_timeout,
        ..Consumer::default()
    })
}

/// `request.timeout.ms` of clients.
fn timeout() -> impl Strategy<Value = Span> {
    prop::sample::select(vec![600u64, 1_000, 2_000]).prop_map(Span::from_millis)
}

/// What may be expected of the cluster, given what is asked of it.
fn expect(topics: &[Topic], workloads: &[Workload]) -> Expect {
    let weak = |topic: &Topic| {
        workloads.iter().any(|workload| match workload {
            Workload::Producer(producer) => producer.topic == topic.name && producer.acks != Acks::All,
            Workload::Consumer(_) => false,
        })
    };
    let mut expect = Expect {
        eventually: Eventually {
            produce_within: Span::from_secs(20),
            consume_within: Span::from_secs(20),
            in_sync_within: None,
            after: Milestone::Heal,
        },
        ..Expect::default()
    };
    let mut allow_on: Vec<AllowOn> = Vec::new();
    for topic in topics {
        let mut properties: Vec<Property> = Vec::new();
        if weak(topic) {
            // What one broker acknowledged is kept as long as that broker leads.
            let lost = [Property::LostWrite, Property::Unseen, Property::InconsistentOffsets, Property::Duplicate];
            properties.extend(lost);
        }
        if topic.unclean_election {
            // Whoever leads had not all, and others had what it has not.
            let lost = UNCLEAN.into_iter().filter(|name| !properties.contains(name));
            properties.extend(lost.collect::<Vec<_>>());
        }
        if !properties.is_empty() {
            allow_on.push(AllowOn { topic: topic.name.clone(), properties });
        }
    }
    match (topics, allow_on.pop()) {
        ([_], Some(only)) => expect.allow = only.properties,
        (_, last) => expect.allow_on = allow_on.into_iter().chain(last).collect(),
    }
    expect.yield_defaults();
    expect
}

/// What an unclean election may lead to.
const UNCLEAN: [Property; 12] = [
    Property::ConsistentRead,
    Property::Duplicate,
    Property::ElrHoldsHighWatermark,
    Property::InconsistentOffsets,
    Property::LeaderCompleteness,
    Property::LogMatching,
    Property::LostWrite,
    Property::NoCommittedRecordLost,
    Property::NonmonotonicPoll,
    Property::PollSkip,
    Property::StrongIsr,
    Property::Unseen,
];

/// Puts faults on the clock, one after the other, and makes the run as long as they need.
fn lay_out(scenario: &mut Scenario, genes: Vec<Gene>, storm: Option<RandomFaults>) {
    let mut at = FIRST_FAULT;
    scenario.faults = genes
        .into_iter()
        .map(|gene| {
            at = (at + gene.gap).min(LAST_FAULT);
            ScenarioFault::Once(gene.on_the_clock(at))
        })
        .chain(storm.map(ScenarioFault::Random))
        .collect();
    make_right(scenario);
}

/// Takes away what would leave the scenario without a right answer, or the file without meaning; and fits the duration.
pub(super) fn make_right(scenario: &mut Scenario) {
    // Two cuts at a time would heal each other, and a storm has its own.
    let mut cuts: Vec<(Span, Span)> = scenario.faults.iter().filter_map(storm_of_cuts).collect();
    let (first, brokers, voters) =
        (scenario.cluster.first_brokers(), scenario.cluster.brokers, scenario.cluster.controllers);
    // The cluster must be able to spare a broker that leaves: one at a time, and with the brokers of the start.
    let spared = scenario.topics.iter().all(|topic| first > topic.replication);
    let mut left = false;
    scenario.faults.retain(|fault| {
        let ScenarioFault::Once(fault) = fault else { return true };
        match &fault.action {
            Action::Crash { restart: After::Never, .. } | Action::Shutdown { restart: After::Never, .. } => {
                let may = !left;
                left = true;
                may
            }
            // Voters are not replaced (no KIP-853 yet).
            Action::Decommission(what) => {
                let may = !left && spared && matches!(what.broker, Target::Broker(id) if id > voters && id <= first);
                left |= may;
                may
            }
            Action::Join(_) => brokers > first,
            Action::Partition { heal, .. } => {
                let Trigger::At(at) = fault.trigger else { return true };
                let begin = at + fault.after;
                let end = match heal {
                    After::Span(span) => begin + *span,
                    After::Never => Span(u64::MAX),
                };
                let free = cuts.iter().all(|&(from, until)| end <= from || until <= begin);
                if free {
                    cuts.push((begin, end));
                }
                free
            }
            _ => true,
        }
    });
    let ends = scenario.faults.iter().map(|fault| match fault {
        ScenarioFault::Once(Fault { trigger: Trigger::At(at), after, .. }) => *at + *after,
        ScenarioFault::Once(_) => Span::ZERO,
        ScenarioFault::Random(storm) => storm.until.unwrap_or_default(),
    });
    let last = ends.max().unwrap_or(Span::ZERO);
    scenario.duration = Span::from_millis(last.as_millis() + 1_500).max(Span::from_secs(4));
    for workload in &mut scenario.workloads {
        if let Workload::Producer(producer) = workload {
            producer.lasts = Some(scenario.duration - producer.start);
        }
    }
}

/// From when until when faults that are drawn later may cut the network.
fn storm_of_cuts(fault: &ScenarioFault) -> Option<(Span, Span)> {
    let ScenarioFault::Random(storm) = fault else { return None };
    let cuts = storm.kinds.iter().any(|kind| matches!(kind, FaultKind::Flap | FaultKind::Partition));
    cuts.then_some((storm.from, Span(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn every_scenario_of_the_space_is_a_valid_file_that_reads_as_itself(scenario in prop_oneof![scenario(), unrest()]) {
            let read = written(&scenario, "generated.toml").unwrap_or_else(|wrong| panic!("{wrong}\n{}", scenario.to_toml()));
            prop_assert_eq!(read.to_toml(), scenario.to_toml());
        }
    }

    #[test]
    fn a_seed_draws_one_scenario() {
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
    }
}
