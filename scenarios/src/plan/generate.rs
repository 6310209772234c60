//! Scenario and seed → plan.

use tribunal_contract::Span;

use super::{Plan, Stream};
use crate::language::{
    Action, After, Clock, Crash, Cut, Direction, Elect, Election, Fault, FaultKind, Offset, Partition, Pause, Power,
    RandomFaults, Reassign, Reset, Scenario, ScenarioFault, Shutdown, SlowDisk, SlowLink, SpanRange, Target, Trigger,
};

/// The most faults drawn from one `random` table, so that a slip in `mean_interval` does not fill the memory.
pub const MAX_RANDOM_FAULTS: usize = 10_000;

impl Plan {
    /// The plan of a scenario for a seed. The same two give the same plan, on every machine.
    pub fn generate(scenario: &Scenario, seed: u64) -> Plan {
        let cluster = scenario.cluster.clone();
        let mut clocks = Stream::new(seed, "clocks", 0);
        let skew = cluster.clock_skew.0 as i64;
        let clock_offsets =
            cluster.broker_ids().map(|_| Offset(clocks.below(2 * skew as u64 + 1) as i64 - skew)).collect();
        let mut topics = scenario.topics.clone();
        for topic in &mut topics {
            topic.flush = topic.flush.or(Some(cluster.flush));
            topic.segment_bytes = topic.segment_bytes.or(Some(cluster.segment_bytes));
        }
        let mut draw = Draw::new(scenario);
        let mut faults = Vec::new();
        for (index, fault) in scenario.faults.iter().enumerate() {
            match fault {
                ScenarioFault::Once(fault) => faults.push(fault.clone()),
                ScenarioFault::Random(random) => {
                    draw.table(&mut Stream::new(seed, "faults", index as u64), random, &mut faults);
                }
            }
        }
        Plan {
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            path: scenario.path.clone(),
            seed,
            duration: scenario.duration,
            cluster,
            clock_offsets,
            topics,
            workloads: scenario.workloads.clone(),
            faults,
            expect: scenario.expect.clone(),
            found: None,
        }
    }
}

/// A stretch of time, the end not included.
type Stretch = (Span, Span);

/// Draws faults, and knows what it has drawn so far.
struct Draw<'s> {
    scenario: &'s Scenario,
    partitions: Vec<Partition>,
    /// When links are cut: two cuts at a time would heal each other.
    cuts: Vec<Stretch>,
}

impl<'s> Draw<'s> {
    fn new(scenario: &'s Scenario) -> Draw<'s> {
        let partitions = scenario
            .topics
            .iter()
            .flat_map(|topic| (0..topic.partitions).map(|index| Partition { topic: topic.name.clone(), index }));
        let cuts = scenario.faults.iter().filter_map(|fault| match fault {
            ScenarioFault::Once(Fault {
                trigger: Trigger::At(at),
                after,
                action: Action::Partition { heal, .. },
                ..
            }) => {
                let begin = Span(at.0 + after.0);
                Some((begin, undone(begin, *heal)))
            }
            _ => None,
        });
        Draw { scenario, partitions: partitions.collect(), cuts: cuts.collect() }
    }

    /// Draws the faults of one table.
    fn table(&mut self, stream: &mut Stream, random: &RandomFaults, faults: &mut Vec<Fault>) {
        let until = random.until.unwrap_or(self.scenario.duration);
        let mut stops: Vec<Stretch> = Vec::new();
        let mut at = random.from;
        for _ in 0..MAX_RANDOM_FAULTS {
            at = Span(at.0.saturating_add(stream.exponential(random.mean_interval).0));
            if at >= until {
                break;
            }
            // A kind that is not possible now gives way to another; a few tries, then nothing happens this time.
            let drawn = (0..4).find_map(|_| {
                let kind = *stream.pick(&random.kinds);
                self.action(stream, random, kind, at, &mut stops)
            });
            if let Some(action) = drawn {
                faults.push(Fault { trigger: Trigger::At(at), after: Span::ZERO, action, line: random.line });
            }
        }
    }

    fn action(
        &mut self,
        stream: &mut Stream,
        random: &RandomFaults,
        kind: FaultKind,
        at: Span,
        stops: &mut Vec<Stretch>,
    ) -> Option<Action> {
        let lasts = stream.span(random.heal_after.min, random.heal_after.max);
        let down = stream.span(random.restart_after.min, random.restart_after.max);
        let restart = After::Span(down);
        let mut stop = |how_long: Span| {
            let room = stops.iter().filter(|(_, end)| *end > at).count() < random.max_down as usize;
            if room {
                stops.push((at, Span(at.0 + how_long.0)));
            }
            room
        };
        Some(match kind {
            FaultKind::Clock => {
                let millis = 1 + stream.below(5_000) as i64;
                let offset = Offset(if stream.percent(50) { millis } else { -millis } * 1_000_000);
                Action::Clock(Clock { broker: self.broker(stream), offset })
            }
            FaultKind::Crash | FaultKind::PowerLoss => {
                let power = if kind == FaultKind::Crash { Power::Kept } else { Power::Lost };
                let what = Crash { broker: self.broker(stream), power };
                stop(down).then_some(Action::Crash { what, restart })?
            }
            FaultKind::Elect => {
                let partition = self.partition(stream)?;
                Action::Elect(Elect { partition, kind: Election::Preferred })
            }
            FaultKind::Partition => {
                let end = Span(at.0 + lasts.0);
                if self.cuts.iter().any(|&(begin, other)| begin < end && at < other) {
                    return None;
                }
                self.cuts.push((at, end));
                Action::Partition { what: self.cut(stream), heal: After::Span(lasts) }
            }
            FaultKind::Pause => {
                let what = Pause { broker: self.broker(stream) };
                stop(lasts).then_some(Action::Pause { what, lasts })?
            }
            FaultKind::Reassign => Action::Reassign(self.reassign(stream)?),
            FaultKind::Reset => Action::Reset(Reset { between: self.pair(stream) }),
            FaultKind::Shutdown => {
                let what = Shutdown { broker: self.broker(stream) };
                stop(down).then_some(Action::Shutdown { what, restart })?
            }
            FaultKind::SlowDisk => {
                let what = SlowDisk { broker: self.broker(stream), factor: 5 + stream.below(96) as u32 };
                Action::SlowDisk { what, lasts }
            }
            FaultKind::SlowLink => {
                let latency = SpanRange::exactly(Span::from_millis(10 + stream.below(491)));
                Action::SlowLink { what: SlowLink { between: self.pair(stream), latency }, lasts }
            }
        })
    }

    /// A partition to other brokers, as many as it has; now and then what is under way is cancelled.
    fn reassign(&self, stream: &mut Stream) -> Option<Reassign> {
        let partition = self.partition(stream)?;
        let topic = self.scenario.topics.iter().find(|topic| topic.name == partition.topic)?;
        let mut brokers: Vec<u32> = (1..=self.scenario.cluster.first_brokers()).collect();
        for last in (1..brokers.len()).rev() {
            brokers.swap(last, stream.below(last as u64 + 1) as usize);
        }
        brokers.truncate(topic.replication as usize);
        let cancel = stream.percent(20);
        Some(Reassign { partition, replicas: if cancel { Vec::new() } else { brokers }, cancel })
    }

    /// A broker, by id or by what it is then: what leads is worth more faults than what follows.
    fn broker(&self, stream: &mut Stream) -> Target {
        let named = Target::Broker(1 + stream.below(u64::from(self.scenario.cluster.brokers)) as u32);
        let dice = stream.below(10);
        match self.partition(stream) {
            _ if dice == 0 => Target::Controller,
            Some(partition) if dice <= 3 => Target::Leader(partition),
            Some(partition) if dice == 4 => Target::Follower(partition),
            _ => named,
        }
    }

    fn partition(&self, stream: &mut Stream) -> Option<Partition> {
        (!self.partitions.is_empty()).then(|| stream.pick(&self.partitions).clone())
    }

    /// Two nodes that talk with each other.
    fn pair(&self, stream: &mut Stream) -> [Target; 2] {
        let brokers = u64::from(self.scenario.cluster.brokers);
        let first = stream.below(brokers);
        let second = (first + 1 + stream.below(brokers - 1)) % brokers;
        let named = |index| Target::Broker(index as u32 + 1);
        let dice = stream.below(10);
        match self.partition(stream) {
            Some(partition) if dice <= 2 => [Target::Leader(partition.clone()), Target::Follower(partition)],
            _ if dice == 3 => [named(first), Target::Clients],
            _ if dice == 4 => [Target::Controller, named(first)],
            _ => [named(first), named(second)],
        }
    }

    fn cut(&self, stream: &mut Stream) -> Cut {
        let direction = match stream.below(4) {
            0 => Direction::In,
            1 => Direction::Out,
            _ => Direction::Both,
        };
        if stream.percent(60) {
            let clients = stream.percent(25);
            return Cut { isolate: Some(self.broker(stream)), groups: None, direction, clients };
        }
        let mut brokers: Vec<u32> = self.scenario.cluster.broker_ids().collect();
        for last in (1..brokers.len()).rev() {
            brokers.swap(last, stream.below(last as u64 + 1) as usize);
        }
        let size = 1 + stream.below(brokers.len() as u64 - 1) as usize;
        let group = |ids: &[u32]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids.into_iter().map(Target::Broker).collect()
        };
        Cut {
            isolate: None,
            groups: Some(vec![group(&brokers[..size]), group(&brokers[size..])]),
            direction,
            clients: false,
        }
    }
}

fn undone(begin: Span, after: After) -> Span {
    match after {
        After::Span(span) => Span(begin.0.saturating_add(span.0)),
        After::Never => Span(u64::MAX),
    }
}
