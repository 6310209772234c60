//! The producer.

mod answers;
mod batch;
mod queue;
mod sender;
mod verdict;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use tribunal_common::{ClientObs, Fx, Obs, TopicIdPartition, rare, timers};
use tribunal_contract::{Event, Span, TimerId};
use tribunal_protocol::{ErrorCode, Message, RequestBody, Uuid};

use crate::limits::{DELIVERY_TICKS, MAX_PARTITIONS, MAX_WAITING};
use crate::links::{Heard, Links};
use crate::metadata::Metadata;
use crate::partitioner::Spread;
use crate::producer::batch::{Batch, charge};
use crate::producer::queue::{Gate, Queue};
use crate::refresh::Refresh;
use crate::{ClientIo, ProducerConfig, ProducerRecord, RecordId, versions};

/// Sends records to the leaders of their partitions.
///
/// [`Producer::send`] takes a record, and each taken record gets exactly one [`Delivery`]. [`Producer::handle`] must
/// be offered every event of the machine; after it (and after `send`, which may deliver at once with `acks=0`)
/// [`Producer::next_delivery`] is drained.
///
/// Within a partition records are sent in the order of their numbers. When batches are retried with more than one
/// request in flight, a later batch may get ahead of an earlier one, and a record may be in the log twice: this
/// producer is not idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    config: ProducerConfig,
    metadata: Metadata,
    refresh: Refresh,
    links: Links<Call>,
    /// By topic number.
    topics: Vec<TopicState>,
    /// By slot.
    queues: Vec<Queue>,
    /// Partitions with something to send, in the order in which they got it.
    ready: VecDeque<u32>,
    next_id: u64,
    /// Bytes of records that are not delivered.
    buffered: u64,
    /// Records that are not delivered.
    undelivered: u64,
    /// Whether nothing lingers until all is delivered.
    flushing: bool,
    deliveries: VecDeque<Delivery>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Which record.
    pub id: RecordId,
    /// Where it is, or why it is not known to be anywhere.
    pub result: Result<RecordMetadata, DeliveryError>,
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordMetadata {
    /// In which partition.
    pub partition: TopicIdPartition,
    /// At which offset; -1 with `acks=0`.
    pub offset: i64,
    /// Milliseconds since the Unix epoch: the broker's if the topic stamps records, else the record's own.
    pub timestamp: i64,
}

/// Why a record was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryError {
    /// The last error. `RequestTimedOut` where the delivery timeout was reached.
    pub code: ErrorCode,
    /// Whether the record is certainly in no log and never will be: no attempt was made, or each was refused with an
    /// error that proves it.
    pub definite: bool,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendError {
    /// `buffer.memory` is used up: try again after deliveries.
    BufferExhausted,
    /// The partition number is negative or beyond any topic's.
    InvalidPartition,
    /// The record alone is larger than `max.request.size`.
    RecordTooLarge,
    /// The client uses as many topics as it may.
    TooManyTopics,
}

impl SendError {
    /// Kafka's error of the exception that its client throws.
    pub fn code(self) -> ErrorCode {
        match self {
            // BufferExhaustedException is a TimeoutException.
            SendError::BufferExhausted => ErrorCode::RequestTimedOut,
            SendError::InvalidPartition => ErrorCode::UnknownTopicOrPartition,
            SendError::RecordTooLarge => ErrorCode::MessageTooLarge,
            SendError::TooManyTopics => ErrorCode::UnknownServerError,
        }
    }
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            SendError::BufferExhausted => "buffer memory exhausted",
            SendError::InvalidPartition => "invalid partition number",
            SendError::RecordTooLarge => "record larger than max.request.size",
            SendError::TooManyTopics => "too many topics in one client",
        })
    }
}

impl core::error::Error for SendError {}

/// What is remembered of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Call {
    Metadata,
    Produce(Vec<Flying>),
}

/// A batch in flight. It is gone if its delivery timeout was reached meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flying {
    slot: u32,
    /// In which topic and partition it was sent.
    sent_to: TopicIdPartition,
    batch: Option<Batch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct TopicState {
    spread: Spread,
    /// Records whose partition cannot be chosen yet.
    waiting: VecDeque<Waiting>,
    /// Whether the timer that ends their wait runs.
    ticking: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    id: RecordId,
    record: ProducerRecord,
    charge: u64,
    /// Firings of the timer it has seen.
    age: u8,
}

impl Producer {
    /// A producer that has sent nothing and is connected to nobody.
    pub fn new(config: ProducerConfig) -> Producer {
        Producer {
            metadata: Metadata::default(),
            refresh: Refresh::new(config.lane),
            links: Links::new(config.lane, &config.net),
            topics: Vec::new(),
            queues: Vec::new(),
            ready: VecDeque::new(),
            next_id: 0,
            buffered: 0,
            undelivered: 0,
            flushing: false,
            deliveries: VecDeque::new(),
            config,
        }
    }

    /// Takes a record to be delivered.
    ///
    /// # Errors
    /// See [`SendError`]; then the record is in no log and never will be, and the history has it as sent and failed.
    pub fn send<F: Fx>(&mut self, record: ProducerRecord, io: &mut ClientIo<'_, F>) -> Result<RecordId, SendError> {
        let taken = self.take(&record, io);
        if let Err(error) = taken {
            let id = RecordId(self.next_id);
            self.next_id += 1;
            let topic = self.metadata.id_of(&record.topic);
            observe_unplaced(id, &record, topic, io);
            io.fx.observe(Obs::Client(ClientObs::Failed { id: id.0, error: error.code().code(), definite: true }));
        }
        taken
    }

    fn take<F: Fx>(&mut self, record: &ProducerRecord, io: &mut ClientIo<'_, F>) -> Result<RecordId, SendError> {
        let charge = charge(record);
        if charge > u64::from(self.config.max_request_size) {
            return Err(SendError::RecordTooLarge);
        }
        if self.buffered + charge > self.config.buffer_memory {
            return Err(SendError::BufferExhausted);
        }
        if record.partition.is_some_and(|partition| !(0..MAX_PARTITIONS).contains(&partition)) {
            return Err(SendError::InvalidPartition);
        }
        let (topic, is_new) = self.metadata.topic_or_new(&record.topic).ok_or(SendError::TooManyTopics)?;
        if is_new {
            self.topics.push(TopicState::default());
            self.queues.resize_with(self.metadata.slots().len(), Queue::default);
            self.refresh.want_new_topic();
        } else if self.topics[topic as usize].waiting.len() == MAX_WAITING {
            return Err(SendError::BufferExhausted);
        }
        let id = RecordId(self.next_id);
        self.next_id += 1;
        self.buffered += charge;
        self.undelivered += 1;
        if !self.place(topic, id, record, charge, io) {
            self.refresh.want();
            self.wait(topic, Waiting { id, record: record.clone(), charge, age: 0 }, io);
        }
        self.pump(io);
        Ok(id)
    }

    /// Lets nothing linger until everything taken so far, and until then, is delivered.
    pub fn flush<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        if self.undelivered == 0 {
            return;
        }
        self.flushing = true;
        for slot in 0..self.queues.len() as u32 {
            if self.queues[slot as usize].gate == Gate::Lingering {
                self.open(slot);
            }
        }
        self.pump(io);
    }

    /// Takes an event of the machine, and gives it back if it is not the producer's.
    pub fn handle<I, F: Fx>(
        &mut self,
        event: Event<Message, I>,
        io: &mut ClientIo<'_, F>,
    ) -> Option<Event<Message, I>> {
        match self.links.hear(event, io.fx) {
            ControlFlow::Break(heard) => self.heard(heard, io),
            ControlFlow::Continue(Event::Timer(id)) if self.owns_timer(id) => self.timer(id, io),
            ControlFlow::Continue(other) => return Some(other),
        }
        self.pump(io);
        None
    }

    /// The next delivery report, oldest first.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// Records taken and not delivered.
    pub fn undelivered(&self) -> u64 {
        self.undelivered
    }

    /// Bytes of `buffer.memory` in use.
    pub fn buffered_bytes(&self) -> u64 {
        self.buffered
    }

    fn heard<F: Fx>(&mut self, heard: Heard<Call>, io: &mut ClientIo<'_, F>) {
        match heard {
            Heard::Answered(peer, call, body) => self.answered(peer, call, body, io),
            Heard::Refused(peer) => {
                self.refresh.failed(&self.config.net, peer, io.fx);
                self.refresh.want();
            }
            Heard::Lost(peer, calls) => self.lost(peer, calls, io),
            Heard::Nothing => {}
        }
    }

    fn owns_timer(&self, id: TimerId) -> bool {
        matches!(id.class, timers::PRODUCER_BATCH | timers::PRODUCER_DELIVERY) || self.refresh.owns_timer(id)
    }

    fn timer<F: Fx>(&mut self, id: TimerId, io: &mut ClientIo<'_, F>) {
        match id.class {
            timers::PRODUCER_BATCH => {
                let gate = self.queues.get(id.index as usize).map(|queue| queue.gate);
                if matches!(gate, Some(Gate::Lingering | Gate::BackingOff)) {
                    self.open(id.index);
                }
            }
            timers::PRODUCER_DELIVERY if (id.index as usize) < self.queues.len() => {
                match self.metadata.slot(id.index).partition {
                    -1 => self.tick_waiting(self.metadata.slot(id.index).topic, io),
                    _ => self.tick(id.index, io),
                }
            }
            timers::CLIENT_METADATA => self.refresh.timer_fired(&self.config.net, io.fx),
            _ => {}
        }
    }

    /// Puts a record into its partition's queue. False if the partition cannot be chosen yet.
    fn place<F: Fx>(
        &mut self,
        number: u32,
        id: RecordId,
        record: &ProducerRecord,
        charge: u64,
        io: &mut ClientIo<'_, F>,
    ) -> bool {
        let topic = self.metadata.topic(number);
        let batch_size = self.config.batch_size;
        let partition = match record.partition {
            Some(partition) => Some(partition),
            None => self.topics[number as usize].spread.choose(
                (self.config.partitioner, batch_size),
                (record.key.as_deref(), charge as u32),
                &self.metadata,
                topic,
                io.fx,
            ),
        };
        let Some(slot) = partition.and_then(|partition| self.metadata.slot_of(topic, partition)) else { return false };
        let timestamp = record.timestamp.unwrap_or(io.now.as_millis());
        io.fx.observe(Obs::Client(ClientObs::Send {
            id: id.0,
            partition: self.metadata.id_partition(slot),
            key: record.key.clone(),
            value: record.value.clone(),
        }));
        let queue = &mut self.queues[slot as usize];
        let room = if rare!(io, MinimalBatch) { 0 } else { batch_size };
        queue.push(id, record, timestamp, charge, room);
        if !queue.ticking {
            queue.ticking = true;
            set_tick(self.config.delivery_timeout, slot, io);
        }
        match queue.gate {
            Gate::Empty => self.gate_next(slot, io),
            Gate::Lingering if queue.is_due(batch_size) => self.open(slot),
            Gate::Lingering | Gate::BackingOff | Gate::Open => {}
        }
        true
    }

    fn wait<F: Fx>(&mut self, topic: u32, waiting: Waiting, io: &mut ClientIo<'_, F>) {
        let state = &mut self.topics[topic as usize];
        state.waiting.push_back(waiting);
        if !state.ticking {
            state.ticking = true;
            set_tick(self.config.max_block, self.metadata.topic(topic).own_slot, io);
        }
    }

    /// Decides when the first batch of a queue may go, as the last one that blocked it is gone.
    fn gate_next<F: Fx>(&mut self, slot: u32, io: &mut ClientIo<'_, F>) {
        let queue = &mut self.queues[slot as usize];
        if queue.batches.is_empty() {
            queue.gate = Gate::Empty;
        } else if self.flushing || self.config.linger == Span::ZERO || queue.is_due(self.config.batch_size) {
            self.open(slot);
        } else {
            queue.gate = Gate::Lingering;
            let id = TimerId { class: timers::PRODUCER_BATCH, index: slot };
            io.fx.set_timer(id, self.config.linger, self.config.linger);
        }
    }

    /// The first batch of a queue may go.
    fn open(&mut self, slot: u32) {
        let queue = &mut self.queues[slot as usize];
        queue.gate = Gate::Open;
        if !queue.listed {
            queue.listed = true;
            self.ready.push_back(slot);
        }
    }

    fn pump<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        self.send_batches(io);
        if let Some(node) = self.refresh.next(&self.config.net, &self.metadata, &mut self.links, io.fx) {
            let body: RequestBody = self.metadata.request(self.config.net.allow_auto_create).into();
            self.links.send(io.fx, node, versions::METADATA, body, Call::Metadata);
        }
    }

    /// A quarter of the delivery timeout has passed for the batches of a partition.
    fn tick<F: Fx>(&mut self, slot: u32, io: &mut ClientIo<'_, F>) {
        let queue = &mut self.queues[slot as usize];
        let mut expired = Vec::new();
        if queue.in_flight > 0 {
            for call in self.links.calls_mut() {
                let Call::Produce(flying) = call else { continue };
                for flying in flying.iter_mut().filter(|flying| flying.slot == slot) {
                    if flying.batch.as_mut().is_some_and(is_expired)
                        && let Some(mut batch) = flying.batch.take()
                    {
                        batch.maybe_appended = true;
                        expired.push(batch);
                    }
                }
            }
        }
        // Batches are in the order of their age but for those that were retried, so all are looked at.
        for _ in 0..queue.batches.len() {
            let Some(mut batch) = queue.batches.pop_front() else { break };
            if is_expired(&mut batch) {
                expired.push(batch);
            } else {
                queue.batches.push_back(batch);
            }
        }
        queue.ticking = !queue.is_idle();
        if queue.ticking {
            set_tick(self.config.delivery_timeout, slot, io);
        }
        if queue.batches.is_empty() {
            queue.gate = Gate::Empty;
        }
        for batch in expired {
            self.fail(batch, ErrorCode::RequestTimedOut, io);
        }
    }

    /// A quarter of `max.block.ms` has passed for the records of a topic that is not known.
    fn tick_waiting<F: Fx>(&mut self, topic: u32, io: &mut ClientIo<'_, F>) {
        let state = &mut self.topics[topic as usize];
        for waiting in &mut state.waiting {
            waiting.age += 1;
        }
        while let Some(waiting) = self.topics[topic as usize].waiting.pop_front_if(|w| w.age >= DELIVERY_TICKS) {
            self.fail_waiting(waiting, ErrorCode::RequestTimedOut, io);
        }
        let state = &mut self.topics[topic as usize];
        state.ticking = !state.waiting.is_empty();
        if state.ticking {
            set_tick(self.config.max_block, self.metadata.topic(topic).own_slot, io);
        }
    }
}

fn is_expired(batch: &mut Batch) -> bool {
    batch.age += 1;
    batch.age >= DELIVERY_TICKS
}

fn set_tick<F: Fx>(timeout: Span, slot: u32, io: &mut ClientIo<'_, F>) {
    let part = Span::from_nanos(timeout.as_nanos() / u64::from(DELIVERY_TICKS));
    io.fx.set_timer(TimerId { class: timers::PRODUCER_DELIVERY, index: slot }, part, part);
}

/// Tells the history of a record that never had a partition; -1 stands for it.
fn observe_unplaced<F: Fx>(id: RecordId, record: &ProducerRecord, topic: Uuid, io: &mut ClientIo<'_, F>) {
    io.fx.observe(Obs::Client(ClientObs::Send {
        id: id.0,
        partition: TopicIdPartition { topic, partition: -1 },
        key: record.key.clone(),
        value: record.value.clone(),
    }));
}
