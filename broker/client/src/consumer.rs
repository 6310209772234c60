//! The consumer.

mod answers;
mod assigned;
mod fetched;
mod requests;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use bytes::Bytes;
use tribunal_common::{ClientObs, Fx, Obs, TopicIdPartition, timers};
use tribunal_contract::{Event, TimerId};
use tribunal_protocol::{ErrorCode, Message, Str};
use tribunal_records::Header;

use crate::consumer::answers::{ControlCall, FetchCall};
use crate::consumer::assigned::{Activity, Announce, Assigned, Stage};
use crate::consumer::fetched::Next;
use crate::limits::MAX_PARTITIONS;
use crate::links::{Heard, Links};
use crate::metadata::Metadata;
use crate::refresh::Refresh;
use crate::{ClientIo, ConsumerConfig};

/// Reads the partitions it is assigned, each from its own position.
///
/// [`Consumer::assign`] says which; [`Consumer::handle`] must be offered every event of the machine; after it
/// [`Consumer::poll`] is called until it has no record. Records of a partition come in the order of their offsets,
/// none twice and none left out but those that compaction removed, unless a `Reset` or `Assigned` was observed.
///
/// A broker is not fetched from while records of it are not polled: an application that does not poll holds the
/// memory of one fetch for each broker.
///
/// It reads uncommitted records, up to the high watermark.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    config: ConsumerConfig,
    metadata: Metadata,
    refresh: Refresh,
    /// Metadata and offset lookups.
    control: Links<ControlCall>,
    /// Fetches, which brokers park.
    fetches: Links<FetchCall>,
    partitions: Vec<Assigned>,
    /// Partitions about which a broker is to be asked something, in the order in which they came to it.
    todo: VecDeque<u32>,
    /// Partitions with records to poll, in the order in which they came.
    holding: VecDeque<u32>,
}

/// A record that was read. Key, value and headers share the memory of the fetch it came in: copy what is kept for long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerRecord {
    /// From which partition, as the index in the list given to [`Consumer::assign`].
    pub source: u32,
    /// From which partition.
    pub partition: TopicIdPartition,
    /// At which offset.
    pub offset: i64,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order; keys may repeat.
    pub headers: Vec<Header>,
}

/// Where a partition is to be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeekTo {
    /// The log start offset.
    Beginning,
    /// The high watermark.
    End,
    /// This offset.
    Offset(i64),
    /// The first record with this timestamp or a later one, in milliseconds since the Unix epoch, by ListOffsets
    /// (KIP-79); the high watermark if there is none.
    Time(i64),
}

impl Consumer {
    /// A consumer that reads nothing and is connected to nobody.
    pub fn new(config: ConsumerConfig) -> Consumer {
        Consumer {
            metadata: Metadata::default(),
            refresh: Refresh::new(config.lane),
            control: Links::new(config.lane, &config.net),
            fetches: Links::new(config.fetch_lane, &config.net),
            partitions: Vec::new(),
            todo: VecDeque::new(),
            holding: VecDeque::new(),
            config,
        }
    }

    /// Reads these partitions, and no others any more, from where `auto.offset.reset` says. Partitions with an
    /// impossible number and those beyond the limit of topics are assigned as failed.
    pub fn assign<F: Fx>(&mut self, partitions: &[(Str, i32)], io: &mut ClientIo<'_, F>) {
        self.partitions.clear();
        self.todo.clear();
        self.holding.clear();
        for (topic, partition) in partitions {
            let start = match self.config.offset_reset.place(io.now) {
                Some(place) => Stage::Lookup(place),
                None => Stage::Failed(ErrorCode::OffsetOutOfRange),
            };
            let known = (0..MAX_PARTITIONS).contains(partition).then(|| self.metadata.topic_or_new(topic)).flatten();
            let mut assigned = match known {
                Some((topic, is_new)) => {
                    if is_new {
                        self.refresh.want_new_topic();
                    }
                    Assigned::new(self.metadata.slot_or_new(topic, *partition), start)
                }
                None => Assigned::new(0, Stage::Failed(ErrorCode::InvalidTopicException)),
            };
            if let Stage::Failed(_) = assigned.stage {
                assigned.activity = Activity::Stopped;
            } else {
                self.todo.push_back(self.partitions.len() as u32);
            }
            self.partitions.push(assigned);
        }
        self.pump(io);
    }

    /// Goes on reading a partition, by its index in the assignment, somewhere else. Records of it that were fetched and
    /// not polled are dropped; a failed partition is alive again. Nothing happens if there is no such partition.
    pub fn seek<F: Fx>(&mut self, source: u32, to: SeekTo, io: &mut ClientIo<'_, F>) {
        if self
            .partitions
            .get(source as usize)
            .is_none_or(|p| p.stage == Stage::Failed(ErrorCode::InvalidTopicException))
        {
            return;
        }
        self.drop_fetched(source);
        let partition = &mut self.partitions[source as usize];
        partition.announce = Announce::Assigned;
        partition.high_watermark = None;
        match to {
            SeekTo::Offset(offset) => {
                partition.stage = Stage::Read;
                partition.move_to(offset.max(0), -1);
            }
            SeekTo::Beginning | SeekTo::End | SeekTo::Time(_) => partition.stage = Stage::Lookup(to),
        }
        self.enlist(source);
        self.pump(io);
    }

    /// Takes an event of the machine, and gives it back if it is not the consumer's.
    pub fn handle<I, F: Fx>(
        &mut self,
        event: Event<Message, I>,
        io: &mut ClientIo<'_, F>,
    ) -> Option<Event<Message, I>> {
        let event = match self.control.hear(event, io.fx) {
            ControlFlow::Break(heard) => {
                self.control_heard(heard, io);
                self.pump(io);
                return None;
            }
            ControlFlow::Continue(other) => other,
        };
        match self.fetches.hear(event, io.fx) {
            ControlFlow::Break(heard) => self.fetch_heard(heard, io),
            ControlFlow::Continue(Event::Timer(id)) if self.owns_timer(id) => self.timer(id, io),
            ControlFlow::Continue(other) => return Some(other),
        }
        self.pump(io);
        None
    }

    /// The next record, in the order of offsets within a partition. None until more events have come.
    pub fn poll<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) -> Option<ConsumerRecord> {
        let mut drained = false;
        while let Some(&source) = self.holding.front() {
            let partition = &mut self.partitions[source as usize];
            match partition.fetched.next(&mut partition.offset, &mut partition.epoch) {
                Next::Record(record, leader_epoch) => {
                    let id = TopicIdPartition { topic: partition.topic, ..self.metadata.id_partition(partition.slot) };
                    io.fx.observe(Obs::Client(ClientObs::Polled {
                        partition: id,
                        offset: record.offset,
                        timestamp: record.timestamp,
                        key: record.key.clone(),
                        value: record.value.clone(),
                    }));
                    return Some(ConsumerRecord {
                        source,
                        partition: id,
                        offset: record.offset,
                        leader_epoch,
                        timestamp: record.timestamp,
                        key: record.key,
                        value: record.value,
                        headers: record.headers,
                    });
                }
                Next::End { progress: true } => {
                    self.holding.pop_front();
                    self.enlist(source);
                    drained = true;
                }
                Next::End { progress: false } => {
                    self.holding.pop_front();
                    self.back_off(source, io);
                }
                Next::Bad(error) => {
                    self.holding.pop_front();
                    self.fail(source, error);
                }
            }
        }
        if drained {
            self.pump(io);
        }
        None
    }

    /// The next offset to read of a partition, by its index in the assignment. None until it is known.
    pub fn position(&self, source: u32) -> Option<i64> {
        let partition = self.partitions.get(source as usize)?;
        matches!(partition.stage, Stage::Read | Stage::Validate).then_some(partition.offset)
    }

    /// The high watermark of a partition as the last fetch had it; none if there was none since the last seek or
    /// [`Consumer::forget_ends`].
    pub fn high_watermark(&self, source: u32) -> Option<i64> {
        self.partitions.get(source as usize)?.high_watermark
    }

    /// Whether everything up to the high watermark has been polled.
    pub fn is_at_end(&self, source: u32) -> bool {
        match (self.position(source), self.high_watermark(source)) {
            (Some(position), Some(end)) => position >= end,
            _ => false,
        }
    }

    /// Forgets the high watermarks, so that [`Consumer::is_at_end`] speaks of fetches answered from now on.
    pub fn forget_ends(&mut self) {
        for partition in &mut self.partitions {
            partition.high_watermark = None;
        }
    }

    /// Why a partition is not read any more, until a seek: its position is outside the log and there is no
    /// `auto.offset.reset`, its records cannot be read, or it may not be read.
    pub fn failure(&self, source: u32) -> Option<ErrorCode> {
        match self.partitions.get(source as usize)?.stage {
            Stage::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// How many partitions are assigned.
    pub fn assigned(&self) -> u32 {
        self.partitions.len() as u32
    }

    fn control_heard<F: Fx>(&mut self, heard: Heard<ControlCall>, io: &mut ClientIo<'_, F>) {
        match heard {
            Heard::Answered(peer, call, body) => self.control_answered(peer, call, body, io),
            Heard::Refused(peer) => self.unreachable(peer, io),
            Heard::Lost(peer, calls) => self.control_lost(peer, calls, io),
            Heard::Nothing => {}
        }
    }

    fn fetch_heard<F: Fx>(&mut self, heard: Heard<FetchCall>, io: &mut ClientIo<'_, F>) {
        match heard {
            Heard::Answered(peer, call, body) => self.fetch_answered(peer, call, body, io),
            Heard::Refused(_) => self.refresh.want(),
            Heard::Lost(peer, calls) => self.fetch_lost(peer, calls),
            Heard::Nothing => {}
        }
    }

    fn owns_timer(&self, id: TimerId) -> bool {
        id.class == timers::CONSUMER_FETCH || self.refresh.owns_timer(id)
    }

    fn timer<F: Fx>(&mut self, id: TimerId, io: &mut ClientIo<'_, F>) {
        match id.class {
            timers::CONSUMER_FETCH => self.end_backoff(id.index),
            _ => self.refresh.timer_fired(&self.config.net, io.fx),
        }
    }
}
