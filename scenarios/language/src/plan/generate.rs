//! Scenario and seed → plan.

use tribunal_contract::Span;

use super::{Plan, Stream};
use crate::{
    Action, After, Clock, Corrupt, Corruption, Crash, Cut, Direction, DiskErrorKind, DiskFault, DiskLoss,
    DiskOperation, Elect, Election, Fault, FaultKind, FullDisk, Offset, Partition, Pause, Power, RandomFaults,
    Reassign, Reset, RestartLoop, Scenario, ScenarioFault, Shape, Shutdown, SlowCpu, SlowDisk, SlowLink, SpanRange,
    StallDisk, Stop, Target, Trigger,
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
            about: scenario.about.clone(),
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
        let drawn;
        let random = if random.swarm {
            drawn = swarm(stream, random);
            &drawn
        } else {
            random
        };
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
                let drift_ppm = if stream.percent(25) { stream.below(100_001) as i32 - 50_000 } else { 0 };
                let millis = 1 + stream.below(5_000) as i64;
                let offset = Offset(if stream.percent(50) { millis } else { -millis } * 1_000_000);
                Action::Clock(Clock { broker: self.broker(stream), offset, drift_ppm })
            }
            FaultKind::Corrupt => {
                let how = if stream.percent(75) { Corruption::Rot } else { Corruption::Misdirected };
                Action::Corrupt(Corrupt { broker: self.broker(stream), how })
            }
            FaultKind::Crash | FaultKind::PowerLoss => {
                let power = if kind == FaultKind::Crash { Power::Kept } else { Power::Lost };
                let what = Crash { broker: self.broker(stream), power, ..Crash::default() };
                stop(down).then_some(Action::Crash { what, restart })?
            }
            FaultKind::Disk => Action::Disk(self.disk_fault(stream)),
            FaultKind::Elect => {
                let partition = self.partition(stream)?;
                Action::Elect(Elect { partition, kind: Election::Preferred })
            }
            FaultKind::FullDisk => {
                let what = FullDisk { broker: self.broker(stream), free: stream.below(16_384) };
                Action::FullDisk { what, lasts }
            }
            FaultKind::HalfOpen => Action::Reset(Reset { between: self.pair(stream), half_open: true }),
            FaultKind::MidStepCrash => {
                let power = if stream.percent(50) { Power::Kept } else { Power::Lost };
                let what = Crash { broker: self.broker(stream), power, mid_step: true, ..Crash::default() };
                stop(down).then_some(Action::Crash { what, restart })?
            }
            FaultKind::OldDisk | FaultKind::WipedDisk => {
                let disk = if kind == FaultKind::OldDisk { DiskLoss::Old } else { DiskLoss::Wiped };
                let what = Crash { broker: self.broker(stream), power: Power::Lost, disk, mid_step: false };
                stop(down).then_some(Action::Crash { what, restart })?
            }
            FaultKind::Flap | FaultKind::Partition => {
                let end = Span(at.0 + lasts.0);
                if self.cuts.iter().any(|&(begin, other)| begin < end && at < other) {
                    return None;
                }
                self.cuts.push((at, end));
                let flap = (kind == FaultKind::Flap).then(|| Span::from_millis(20 + stream.below(1_000)));
                Action::Partition { what: Cut { flap, ..self.cut(stream) }, heal: After::Span(lasts) }
            }
            FaultKind::Pause => {
                let what = Pause { broker: self.broker(stream) };
                stop(lasts).then_some(Action::Pause { what, lasts })?
            }
            FaultKind::Reassign => Action::Reassign(self.reassign(stream)?),
            FaultKind::Reset => Action::Reset(Reset { between: self.pair(stream), half_open: false }),
            FaultKind::RestartLoop => {
                let what = RestartLoop {
                    broker: self.broker(stream),
                    times: 2 + stream.below(5) as u32,
                    up: Span::from_millis(50 + stream.below(1_500)),
                    down: Span::from_millis(20 + stream.below(500)),
                    stop: *stream.pick(&[Stop::Clean, Stop::Kill, Stop::PowerLoss]),
                };
                let all = (what.up + what.down).times(u64::from(what.times));
                stop(all).then_some(Action::RestartLoop(what))?
            }
            FaultKind::Shutdown => {
                let what = Shutdown { broker: self.broker(stream) };
                stop(down).then_some(Action::Shutdown { what, restart })?
            }
            FaultKind::SlowCpu => {
                let event = Span::from_micros(50 + stream.below(3_000));
                Action::SlowCpu { what: SlowCpu { broker: self.broker(stream), event }, lasts }
            }
            FaultKind::SlowDisk => {
                let what = SlowDisk { broker: self.broker(stream), factor: 5 + stream.below(96) as u32 };
                Action::SlowDisk { what, lasts }
            }
            FaultKind::SlowLink => {
                let latency = SpanRange::exactly(Span::from_millis(10 + stream.below(491)));
                let bandwidth = stream.percent(30).then(|| 2_000 + stream.below(200_000));
                Action::SlowLink { what: SlowLink { between: self.pair(stream), latency, bandwidth }, lasts }
            }
            FaultKind::StallDisk => Action::StallDisk { what: StallDisk { broker: self.broker(stream) }, lasts },
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

    fn disk_fault(&self, stream: &mut Stream) -> DiskFault {
        const OPERATIONS: [DiskOperation; 8] = [
            DiskOperation::Append,
            DiskOperation::Create,
            DiskOperation::Open,
            DiskOperation::Read,
            DiskOperation::Remove,
            DiskOperation::Rename,
            DiskOperation::Sync,
            DiskOperation::Truncate,
        ];
        let fail = *stream.pick(&OPERATIONS);
        let error = if stream.percent(70) { DiskErrorKind::Io } else { DiskErrorKind::NoSpace };
        DiskFault { broker: self.broker(stream), fail, error, once: stream.percent(80) }
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
            return Cut { isolate: Some(self.broker(stream)), direction, clients, ..Cut::default() };
        }
        if self.scenario.cluster.brokers > 2 && stream.percent(40) {
            let shape = Some(*stream.pick(&[Shape::Bridge, Shape::Halves, Shape::MajoritiesRing]));
            return Cut { shape, ..Cut::default() };
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
        let groups = Some(vec![group(&brokers[..size]), group(&brokers[size..])]);
        Cut { groups, direction, ..Cut::default() }
    }
}

/// What a seed makes of a table: its own rate, between a quarter and four times the mean, and some of the kinds.
fn swarm(stream: &mut Stream, random: &RandomFaults) -> RandomFaults {
    let mean = random.mean_interval.0;
    let mean_interval = Span((mean / 4).max(1_000_000) + stream.below(mean.saturating_mul(4)));
    let off = stream.below(80);
    let mut kinds: Vec<FaultKind> = random.kinds.iter().copied().filter(|_| !stream.percent(off)).collect();
    if kinds.is_empty() {
        kinds.push(*stream.pick(&random.kinds));
    }
    RandomFaults { kinds, mean_interval, ..random.clone() }
}

fn undone(begin: Span, after: After) -> Span {
    match after {
        After::Span(span) => Span(begin.0.saturating_add(span.0)),
        After::Never => Span(u64::MAX),
    }
}
