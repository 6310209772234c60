//! The producer application.

use std::sync::Arc;

use tribunal_client::{ClientIo, Producer, ProducerConfig, ProducerRecord};
use tribunal_common::{Fx, Obs, timers};
use tribunal_contract::{Disk, Effects, Event, Machine, Span, Time, TimerId};
use tribunal_protocol::{Message, Str};

use super::values::{self, Values};

/// What a producer application does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerAppConfig {
    /// The library's settings.
    pub client: ProducerConfig,
    /// From the process's start to the workload's time zero.
    pub start_after: Span,
    /// What it sends, and when.
    pub source: Source,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Records made up, one every so often.
    Generated(Generated),
    /// These records, each when it is due.
    Given(Arc<[DueRecord]>),
}

/// Records made up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generated {
    /// To which topic.
    pub topic: Str,
    /// To which partition; none leaves it to the partitioner.
    pub partition: Option<i32>,
    /// From one record to the next; the first is sent at time zero.
    pub interval: Span,
    /// When each record is due instead, after time zero and in order.
    pub at: Option<Arc<[Span]>>,
    /// How many. A workload of some length has its length divided by the interval, rounded up.
    pub count: u64,
    /// How many different keys, each in turn; none sends records without key.
    pub keys: Option<u32>,
    /// The values.
    pub values: Values,
    /// Bytes of a value, from and to.
    pub value_size: (u32, u32),
}

/// A record and when it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DueRecord {
    /// After the workload's time zero. Not before the record in front of it.
    pub due: Span,
    /// What.
    pub record: ProducerRecord,
}

/// Commands of the runner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProducerInput {
    /// Send these too, of a [`Source::Given`], after all others.
    SendToo(Vec<DueRecord>),
    /// Send nothing more, and let nothing linger.
    Stop,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ProducerCounters {
    /// Records that the library took.
    pub sent: u64,
    /// Of those, acknowledged.
    pub acked: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Records that the library did not take: its buffer was full.
    pub rejected: u64,
}

/// Sends records, open loop: when one is due it is sent, however slow the cluster is.
///
/// Record numbers and generated values begin anew with each process: a client that is started again needs another
/// name in [`Values::client`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerApp {
    config: ProducerAppConfig,
    producer: Producer,
    /// The next record.
    next: u64,
    stopped: bool,
    counters: ProducerCounters,
}

const DUE: TimerId = TimerId { class: timers::WORKLOAD, index: 0 };

impl ProducerApp {
    /// An application that has not started.
    pub fn new(config: ProducerAppConfig) -> ProducerApp {
        let producer = Producer::new(config.client.clone());
        ProducerApp { config, producer, next: 0, stopped: false, counters: ProducerCounters::default() }
    }

    /// What was done so far.
    pub fn counters(&self) -> ProducerCounters {
        self.counters
    }

    /// Records sent whose outcome is not known.
    pub fn in_flight(&self) -> u64 {
        self.producer.undelivered()
    }

    /// Whether nothing more will be sent.
    pub fn is_finished(&self) -> bool {
        self.stopped || self.next >= self.total()
    }

    /// Whether nothing more will be sent and the outcome of everything is known.
    pub fn is_drained(&self) -> bool {
        self.is_finished() && self.in_flight() == 0
    }

    fn total(&self) -> u64 {
        match &self.config.source {
            Source::Generated(generated) => generated.count,
            Source::Given(records) => records.len() as u64,
        }
    }

    /// When a record is due, after time zero.
    fn due(&self, n: u64) -> Span {
        match &self.config.source {
            Source::Generated(Generated { at: Some(at), .. }) => at.get(n as usize).copied().unwrap_or_default(),
            Source::Generated(generated) => generated.interval.times(n),
            Source::Given(records) => records.get(n as usize).map_or(Span::ZERO, |record| record.due),
        }
    }

    fn set_timer<F: Fx>(&mut self, after: Span, fx: &mut F) {
        if !self.is_finished() {
            fx.set_timer(DUE, after, after);
        }
    }

    fn send_due<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        let due = self.due(self.next);
        // Several records may be due at once.
        while !self.is_finished() && self.due(self.next) <= due {
            let record = self.record(self.next, io.fx);
            self.next += 1;
            match self.producer.send(record, io) {
                Ok(_) => self.counters.sent += 1,
                Err(_) => self.counters.rejected += 1,
            }
        }
        self.set_timer(self.due(self.next) - due, io.fx);
    }

    fn send_too<F: Fx>(&mut self, more: Vec<DueRecord>, fx: &mut F) {
        let idle = self.is_finished();
        if let Source::Given(records) = &mut self.config.source {
            *records = records.iter().cloned().chain(more).collect();
            if idle {
                self.set_timer(Span::ZERO, fx);
            }
        }
    }

    fn record<F: Fx>(&self, n: u64, fx: &mut F) -> ProducerRecord {
        let generated = match &self.config.source {
            Source::Given(records) => return records[n as usize].record.clone(),
            Source::Generated(generated) => generated,
        };
        let (min, max) = generated.value_size;
        let size = if max > min { min + fx.choose(max - min + 1) } else { min };
        ProducerRecord {
            topic: generated.topic.clone(),
            partition: generated.partition,
            timestamp: None,
            key: generated.keys.map(|keys| values::generated_key(n % u64::from(keys.max(1)))),
            value: Some(generated.values.value(n, size as usize)),
            headers: Vec::new(),
        }
    }
}

impl Machine for ProducerApp {
    type Msg = Message;
    type Input = ProducerInput;
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, ProducerInput>,
        _: &mut D,
        fx: &mut F,
    ) {
        let io = &mut ClientIo { now, fx };
        match self.producer.handle(event, io) {
            Some(Event::Start) => self.set_timer(self.config.start_after + self.due(0), io.fx),
            Some(Event::Timer(DUE)) => self.send_due(io),
            Some(Event::Input(ProducerInput::SendToo(more))) => self.send_too(more, io.fx),
            Some(Event::Input(ProducerInput::Stop)) => {
                self.stopped = true;
                io.fx.cancel_timer(DUE);
                self.producer.flush(io);
            }
            _ => {}
        }
        while let Some(delivery) = self.producer.next_delivery() {
            match delivery.result {
                Ok(_) => self.counters.acked += 1,
                Err(_) => self.counters.failed += 1,
            }
        }
    }
}
