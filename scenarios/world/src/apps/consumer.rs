//! The consumer application.

use tribunal_client::{ClientIo, Consumer, ConsumerConfig, SeekTo};
use tribunal_common::{Fx, Obs, timers};
use tribunal_contract::{Disk, Effects, Event, Machine, Span, Time, TimerId};
use tribunal_protocol::{Message, Str};

/// What a consumer application does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerAppConfig {
    /// The library's settings.
    pub client: ConsumerConfig,
    /// Which partitions it reads.
    pub partitions: Vec<(Str, i32)>,
    /// From the process's start to the first fetch.
    pub start_after: Span,
    /// `max.poll.records`: how many records it takes before it lets other events in.
    pub max_poll_records: u32,
}

/// Commands of the runner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConsumerInput {
    /// Read all partitions again from their beginning.
    SeekToBeginning,
    /// Tell, by [`ConsumerApp::has_reached_end`], when each partition is read up to its high watermark, as fetches
    /// answered from now on have it, and at least up to this offset (by index in the configuration; 0 where none is
    /// given). The targets guard against a leader that does not know that it was replaced.
    ReadToEnd {
        /// Next offsets to be reached at least.
        targets: Vec<i64>,
    },
    /// Read nothing more.
    Stop,
}

/// Reads partitions and counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerApp {
    config: ConsumerAppConfig,
    consumer: Consumer,
    /// By index in the configuration.
    polled: Vec<u64>,
    /// Set by [`ConsumerInput::ReadToEnd`].
    targets: Option<Vec<i64>>,
}

const BEGIN: TimerId = TimerId { class: timers::WORKLOAD, index: 0 };
/// Records were left when a poll had its fill.
const POLL_ON: TimerId = TimerId { class: timers::WORKLOAD, index: 1 };

impl ConsumerApp {
    /// An application that has not started.
    pub fn new(config: ConsumerAppConfig) -> ConsumerApp {
        let consumer = Consumer::new(config.client.clone());
        ConsumerApp { polled: vec![0; config.partitions.len()], config, consumer, targets: None }
    }

    /// Records polled of a partition, by its index in the configuration.
    pub fn polled(&self, index: usize) -> u64 {
        self.polled.get(index).copied().unwrap_or(0)
    }

    /// Records polled of all partitions.
    pub fn total_polled(&self) -> u64 {
        self.polled.iter().sum()
    }

    /// The next offset to read of a partition; none until it is known.
    pub fn position(&self, index: usize) -> Option<i64> {
        self.consumer.position(index as u32)
    }

    /// Whether what [`ConsumerInput::ReadToEnd`] asked for is done.
    pub fn has_reached_end(&self) -> bool {
        let Some(targets) = &self.targets else { return false };
        self.consumer.assigned() > 0
            && (0..self.consumer.assigned()).all(|source| {
                let target = targets.get(source as usize).copied().unwrap_or(0);
                self.consumer.is_at_end(source) && self.consumer.position(source) >= Some(target)
            })
    }

    /// The library, for what else it knows.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    fn seek_to_beginning<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        for source in 0..self.consumer.assigned() {
            self.consumer.seek(source, SeekTo::Beginning, io);
        }
    }

    fn begin<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        let partitions = std::mem::take(&mut self.config.partitions);
        self.consumer.assign(&partitions, io);
        self.config.partitions = partitions;
    }

    fn poll<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        for _ in 0..self.config.max_poll_records.max(1) {
            let Some(record) = self.consumer.poll(io) else { return };
            self.polled[record.source as usize] += 1;
        }
        io.fx.set_timer(POLL_ON, Span::ZERO, Span::ZERO);
    }
}

impl Machine for ConsumerApp {
    type Msg = Message;
    type Input = ConsumerInput;
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, ConsumerInput>,
        _: &mut D,
        fx: &mut F,
    ) {
        let io = &mut ClientIo { now, fx };
        match self.consumer.handle(event, io) {
            Some(Event::Start) if self.config.start_after > Span::ZERO => {
                io.fx.set_timer(BEGIN, self.config.start_after, self.config.start_after);
            }
            Some(Event::Start | Event::Timer(BEGIN)) => self.begin(io),
            Some(Event::Input(ConsumerInput::SeekToBeginning)) => {
                if self.consumer.assigned() == 0 {
                    io.fx.cancel_timer(BEGIN);
                    self.begin(io);
                }
                self.seek_to_beginning(io);
            }
            Some(Event::Input(ConsumerInput::ReadToEnd { targets })) => {
                self.consumer.forget_ends();
                self.targets = Some(targets);
            }
            Some(Event::Input(ConsumerInput::Stop)) => {
                io.fx.cancel_timer(BEGIN);
                self.consumer.assign(&[], io);
            }
            _ => {}
        }
        self.poll(io);
    }
}
