//! What brokers answered.

use std::collections::VecDeque;

use tribunal_common::Fx;
use tribunal_contract::{NodeId, Span};
use tribunal_protocol::messages::fetch_response::PartitionData;
use tribunal_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsResponse};
use tribunal_protocol::messages::metadata_response::MetadataResponse;
use tribunal_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderEpochResponse};
use tribunal_protocol::{ErrorCode, ResponseBody, Uuid};

use crate::consumer::Consumer;
use crate::consumer::assigned::{Activity, Announce, Stage};
use crate::{ClientIo, OffsetReset, SeekTo};

/// What is remembered of a request on the lane for lookups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ControlCall {
    Metadata,
    /// ListOffsets.
    Lookup(Vec<Query>),
    /// OffsetForLeaderEpoch.
    Validate(Vec<Query>),
}

/// What is remembered of a fetch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FetchCall(pub(crate) Vec<Query>);

/// One partition of a request: what was asked, so that an answer that comes after a seek or a new leader is known to
/// be about something else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    pub(crate) source: u32,
    pub(crate) slot: u32,
    pub(crate) topic: Uuid,
    pub(crate) stage: Stage,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
}

impl Consumer {
    /// The answer to a request on the lane for lookups.
    pub(super) fn control_answered<F: Fx>(
        &mut self,
        node: NodeId,
        call: ControlCall,
        body: ResponseBody,
        io: &mut ClientIo<'_, F>,
    ) {
        match (call, body) {
            (ControlCall::Metadata, ResponseBody::Metadata(response)) => self.on_metadata(node, &response, io),
            (ControlCall::Lookup(queries), ResponseBody::ListOffsets(response)) => {
                self.on_lookup(node, queries, &response, io);
            }
            (ControlCall::Validate(queries), ResponseBody::OffsetForLeaderEpoch(response)) => {
                self.on_validate(node, queries, &response, io);
            }
            (call, _) => {
                let mut lost = self.control.abandon(io.fx, node);
                lost.push_front(call);
                self.control_lost(node, lost, io);
            }
        }
    }

    /// The answer to a fetch.
    pub(super) fn fetch_answered<F: Fx>(
        &mut self,
        node: NodeId,
        FetchCall(mut queries): FetchCall,
        body: ResponseBody,
        io: &mut ClientIo<'_, F>,
    ) {
        let ResponseBody::Fetch(response) = body else {
            let mut lost = self.fetches.abandon(io.fx, node);
            lost.push_front(FetchCall(queries));
            return self.fetch_lost(node, lost);
        };
        let error = ErrorCode::from_code(response.error_code);
        if !error.is_error() {
            for topic in response.responses {
                for partition in topic.partitions {
                    // Brokers answer in the order of the request, so it is the first one.
                    let at = queries.iter().position(|query| {
                        query.topic == topic.topic_id
                            && self.metadata.slot(query.slot).partition == partition.partition_index
                    });
                    if let Some(at) = at {
                        let query = queries.remove(at);
                        self.on_fetched(node, &query, partition, io);
                    }
                }
            }
        }
        for query in queries {
            if self.is_current(node, &query) {
                self.try_later(query.source, error, io);
            }
        }
    }

    /// The connection for lookups to `node` is gone, and what was in flight on it with it.
    pub(super) fn control_lost<F: Fx>(&mut self, node: NodeId, calls: VecDeque<ControlCall>, io: &mut ClientIo<'_, F>) {
        self.unreachable(node, io);
        for call in calls {
            if let ControlCall::Lookup(queries) | ControlCall::Validate(queries) = call {
                self.ask_again(node, &queries);
            }
        }
    }

    /// The same of a connection for fetches.
    pub(super) fn fetch_lost(&mut self, node: NodeId, calls: VecDeque<FetchCall>) {
        self.refresh.want();
        for FetchCall(queries) in calls {
            self.ask_again(node, &queries);
        }
    }

    /// `node` did not answer for metadata, if it was asked.
    pub(super) fn unreachable<F: Fx>(&mut self, node: NodeId, io: &mut ClientIo<'_, F>) {
        self.refresh.failed(&self.config.net, node, io.fx);
        self.refresh.want();
    }

    fn ask_again(&mut self, node: NodeId, queries: &[Query]) {
        for query in queries {
            if self.is_current(node, query) {
                self.enlist(query.source);
            }
        }
    }

    /// Whether the partition still waits for this answer.
    fn is_current(&self, node: NodeId, query: &Query) -> bool {
        self.partitions.get(query.source as usize).is_some_and(|partition| {
            partition.slot == query.slot
                && partition.topic == query.topic
                && partition.activity == Activity::Asked(node)
                && partition.stage == query.stage
                && partition.offset == query.offset
        })
    }

    fn on_metadata<F: Fx>(&mut self, node: NodeId, response: &MetadataResponse, io: &mut ClientIo<'_, F>) {
        if !self.refresh.answered(&self.config.net, node, response, &mut self.metadata, io.fx) {
            return;
        }
        for source in 0..self.partitions.len() as u32 {
            let partition = &self.partitions[source as usize];
            if partition.activity == Activity::Stopped {
                continue;
            }
            let error = self.metadata.topic(self.metadata.slot(partition.slot).topic).error;
            if error.is_error() && !error.is_retriable() {
                self.drop_fetched(source);
                self.fail(source, error);
            }
        }
        self.leaders_changed();
    }

    fn on_lookup<F: Fx>(
        &mut self,
        node: NodeId,
        mut queries: Vec<Query>,
        response: &ListOffsetsResponse,
        io: &mut ClientIo<'_, F>,
    ) {
        for topic in &response.topics {
            for answer in &topic.partitions {
                let at = queries.iter().position(|query| {
                    self.metadata.slot(query.slot).partition == answer.partition_index
                        && *self.name(query) == topic.name
                });
                let Some(at) = at else { continue };
                let query = queries.remove(at);
                if self.is_current(node, &query) {
                    self.on_offset(&query, answer, io);
                }
            }
        }
        self.unanswered(node, &queries, io);
    }

    fn on_offset<F: Fx>(&mut self, query: &Query, answer: &ListOffsetsPartitionResponse, io: &mut ClientIo<'_, F>) {
        let error = ErrorCode::from_code(answer.error_code);
        if !error.is_error() && answer.offset < 0 && matches!(query.stage, Stage::Lookup(SeekTo::Time(_))) {
            // No record is that young.
            self.partitions[query.source as usize].stage = Stage::Lookup(SeekTo::End);
            return self.enlist(query.source);
        }
        if error.is_error() || answer.offset < 0 {
            return self.try_later(query.source, error, io);
        }
        let partition = &mut self.partitions[query.source as usize];
        partition.move_to(answer.offset, answer.leader_epoch);
        partition.stage = Stage::Read;
        partition.validated = query.leader_epoch;
        self.announce(query.source, io);
        self.enlist(query.source);
    }

    fn on_validate<F: Fx>(
        &mut self,
        node: NodeId,
        mut queries: Vec<Query>,
        response: &OffsetForLeaderEpochResponse,
        io: &mut ClientIo<'_, F>,
    ) {
        for topic in &response.topics {
            for answer in &topic.partitions {
                let at = queries.iter().position(|query| {
                    self.metadata.slot(query.slot).partition == answer.partition && *self.name(query) == topic.topic
                });
                let Some(at) = at else { continue };
                let query = queries.remove(at);
                if self.is_current(node, &query) {
                    self.on_epoch_end(&query, answer, io);
                }
            }
        }
        self.unanswered(node, &queries, io);
    }

    fn on_epoch_end<F: Fx>(&mut self, query: &Query, answer: &EpochEndOffset, io: &mut ClientIo<'_, F>) {
        let error = ErrorCode::from_code(answer.error_code);
        if error.is_error() {
            return self.try_later(query.source, error, io);
        }
        self.partitions[query.source as usize].validated = query.leader_epoch;
        if answer.end_offset < 0 || answer.leader_epoch < 0 {
            // The leader has nothing from that epoch or before: where the logs parted is not known.
            self.reset(query.source, true, io.now);
        } else if answer.end_offset < query.offset {
            self.truncated(query.source, answer.end_offset, answer.leader_epoch, io);
        } else {
            self.partitions[query.source as usize].stage = Stage::Read;
            self.enlist(query.source);
        }
    }

    /// The leader's log parts at `offset`, in `epoch`, from what was read (KIP-320).
    fn truncated<F: Fx>(&mut self, source: u32, offset: i64, epoch: i32, io: &mut ClientIo<'_, F>) {
        if self.config.offset_reset == OffsetReset::None {
            return self.fail(source, ErrorCode::OffsetOutOfRange);
        }
        let partition = &mut self.partitions[source as usize];
        partition.move_to(offset, epoch);
        partition.stage = Stage::Read;
        partition.announce = Announce::Reset { truncated: true };
        self.announce(source, io);
        self.enlist(source);
    }

    fn on_fetched<F: Fx>(&mut self, node: NodeId, query: &Query, answer: PartitionData, io: &mut ClientIo<'_, F>) {
        let error = ErrorCode::from_code(answer.error_code);
        let is_current = self.is_current(node, query);
        if error.is_error() {
            let leader = &answer.current_leader;
            let same_topic = self.metadata.id_partition(query.slot).topic == query.topic;
            if same_topic && self.metadata.hint(query.slot, leader.leader_id, leader.leader_epoch) {
                self.leaders_changed();
                if is_current {
                    self.enlist(query.source);
                }
            } else if is_current && error == ErrorCode::OffsetOutOfRange {
                self.reset(query.source, false, io.now);
            } else if is_current {
                self.try_later(query.source, error, io);
            }
            return;
        }
        if !is_current {
            return;
        }
        let diverging = &answer.diverging_epoch;
        if diverging.end_offset >= 0 {
            return self.truncated(query.source, diverging.end_offset, diverging.epoch, io);
        }
        let partition = &mut self.partitions[query.source as usize];
        partition.high_watermark = Some(answer.high_watermark);
        match answer.records {
            Some(records) if !records.is_empty() => {
                partition.fetched.start(records);
                partition.activity = Activity::Holding;
                self.holding.push_back(query.source);
            }
            // Without a wait at the broker the wait is here.
            _ if self.config.max_wait == Span::ZERO => self.back_off(query.source, io),
            _ => self.enlist(query.source),
        }
    }

    fn unanswered<F: Fx>(&mut self, node: NodeId, queries: &[Query], io: &mut ClientIo<'_, F>) {
        for query in queries {
            if self.is_current(node, query) {
                self.try_later(query.source, ErrorCode::UnknownServerError, io);
            }
        }
    }

    /// Asks again after a while, and for metadata if that may help; gives the partition up if nothing can.
    fn try_later<F: Fx>(&mut self, source: u32, error: ErrorCode, io: &mut ClientIo<'_, F>) {
        match error {
            // The broker is behind: it will know the epoch, or its high watermark, by itself.
            ErrorCode::UnknownLeaderEpoch | ErrorCode::OffsetNotAvailable => {}
            ErrorCode::None | ErrorCode::UnknownServerError => {}
            error if error.is_retriable() => self.refresh.want(),
            error => return self.fail(source, error),
        }
        self.back_off(source, io);
    }
}
