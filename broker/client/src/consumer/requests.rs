//! What brokers are asked.

use tribunal_common::Fx;
use tribunal_contract::NodeId;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tribunal_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use tribunal_protocol::{ErrorCode, RequestBody, Str};

use crate::consumer::Consumer;
use crate::consumer::answers::{ControlCall, FetchCall, Query};
use crate::consumer::assigned::{Activity, Announce, Stage};
use crate::{ClientIo, SeekTo, versions};

/// Requests that may be in flight on the lane for lookups of one broker.
const MAX_LOOKUPS: usize = 5;

/// ListOffsets' names for the ends of a log.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// The request that a partition's stage calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lookup,
    Validate,
    Fetch,
}

impl Consumer {
    pub(super) fn pump<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        while let Some((kind, node)) = self.next_destination(io) {
            self.send_to(kind, node, io);
        }
        if let Some(node) = self.refresh.next(&self.config.net, &self.metadata, &mut self.control, io.fx) {
            let body: RequestBody = self.metadata.request(self.config.net.allow_auto_create).into();
            self.control.send(io.fx, node, versions::METADATA, body, ControlCall::Metadata);
        }
    }

    /// A broker that can be asked something now. Connects to those that could.
    fn next_destination<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) -> Option<(Kind, NodeId)> {
        let mut index = 0;
        while let Some(&source) = self.todo.get(index) {
            let Some((kind, node)) = self.prepare(source, io) else {
                self.todo.remove(index);
                continue;
            };
            index += 1;
            let can = match kind {
                // Records of the broker that are not polled yet would leave their partitions out of the fetch, which
                // may be parked for long.
                Kind::Fetch => !self.holds_of(node) && self.fetches.ready(io.fx, node, 1),
                Kind::Lookup | Kind::Validate => self.control.ready(io.fx, node, MAX_LOOKUPS),
            };
            if can {
                return Some((kind, node));
            }
        }
        None
    }

    /// What to ask for a partition, and whom. None, and no longer in the list, if it has to wait.
    fn prepare<F: Fx>(&mut self, source: u32, io: &mut ClientIo<'_, F>) -> Option<(Kind, NodeId)> {
        let partition = &mut self.partitions[source as usize];
        if partition.activity != Activity::Todo {
            return None;
        }
        let slot = self.metadata.slot(partition.slot);
        let topic = self.metadata.topic(slot.topic).id;
        let Some(leader) = slot.leader.filter(|_| !topic.is_zero()) else {
            partition.activity = Activity::NoLeader;
            self.refresh.want();
            return None;
        };
        if partition.topic != topic {
            let is_recreated = !partition.topic.is_zero();
            partition.topic = topic;
            partition.validated = -1;
            if is_recreated {
                // A deleted and recreated topic is another one: the position means nothing there.
                partition.high_watermark = None;
                partition.move_to(0, -1);
                partition.announce = Announce::Assigned;
                partition.stage = match self.config.offset_reset.place(io.now) {
                    Some(place) => Stage::Lookup(place),
                    None => {
                        self.fail(source, ErrorCode::OffsetOutOfRange);
                        return None;
                    }
                };
            }
        }
        if partition.stage == Stage::Read && slot.epoch > partition.validated {
            match partition.epoch {
                // Nothing was read yet that could have been truncated away.
                -1 => partition.validated = slot.epoch,
                _ => partition.stage = Stage::Validate,
            }
        }
        let kind = match partition.stage {
            Stage::Lookup(_) => Kind::Lookup,
            Stage::Validate => Kind::Validate,
            Stage::Read => Kind::Fetch,
            Stage::Failed(_) => {
                partition.activity = Activity::Stopped;
                return None;
            }
        };
        if kind == Kind::Fetch {
            self.announce(source, io);
        }
        Some((kind, leader))
    }

    fn holds_of(&self, node: NodeId) -> bool {
        self.holding.iter().any(|&source| {
            let partition = &self.partitions[source as usize];
            self.metadata.slot(partition.slot).leader == Some(node)
        })
    }

    /// One request for all partitions in the list that call for the same from the same broker.
    fn send_to<F: Fx>(&mut self, kind: Kind, node: NodeId, io: &mut ClientIo<'_, F>) {
        let mut queries = Vec::new();
        for _ in 0..self.todo.len() {
            let Some(source) = self.todo.pop_front() else { break };
            match self.prepare(source, io) {
                Some(next) if next == (kind, node) => {
                    let partition = &mut self.partitions[source as usize];
                    partition.activity = Activity::Asked(node);
                    queries.push(Query {
                        source,
                        slot: partition.slot,
                        topic: partition.topic,
                        stage: partition.stage,
                        offset: partition.offset,
                        leader_epoch: self.metadata.slot(partition.slot).epoch,
                    });
                }
                Some(_) => self.todo.push_back(source),
                None => {}
            }
        }
        match kind {
            Kind::Fetch => {
                let request = self.fetch_request(&queries);
                self.fetches.send(io.fx, node, versions::FETCH, request.into(), FetchCall(queries));
            }
            Kind::Lookup => {
                let request = self.list_offsets_request(&queries);
                let call = ControlCall::Lookup(queries);
                self.control.send(io.fx, node, versions::LIST_OFFSETS, request.into(), call);
            }
            Kind::Validate => {
                let request = self.epochs_request(&queries);
                let call = ControlCall::Validate(queries);
                self.control.send(io.fx, node, versions::OFFSET_FOR_LEADER_EPOCH, request.into(), call);
            }
        }
    }

    fn fetch_request(&self, queries: &[Query]) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for query in queries {
            let partition = FetchPartition {
                partition: self.metadata.slot(query.slot).partition,
                current_leader_epoch: query.leader_epoch,
                fetch_offset: query.offset,
                partition_max_bytes: self.config.max_partition_bytes,
                ..FetchPartition::default()
            };
            match topics.iter_mut().find(|topic| topic.topic_id == query.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic_id: query.topic,
                    partitions: vec![partition],
                    ..FetchTopic::default()
                }),
            }
        }
        FetchRequest {
            max_wait_ms: i32::try_from(self.config.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.config.min_bytes,
            max_bytes: self.config.max_bytes,
            topics,
            ..FetchRequest::default()
        }
    }

    fn list_offsets_request(&self, queries: &[Query]) -> ListOffsetsRequest {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for query in queries {
            let partition = ListOffsetsPartition {
                partition_index: self.metadata.slot(query.slot).partition,
                current_leader_epoch: query.leader_epoch,
                timestamp: match query.stage {
                    Stage::Lookup(SeekTo::End) => LATEST,
                    Stage::Lookup(SeekTo::Time(millis)) => millis.max(0),
                    _ => EARLIEST,
                },
            };
            let name = self.name(query);
            match topics.iter_mut().find(|topic| topic.name == *name) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(ListOffsetsTopic { name: name.clone(), partitions: vec![partition] }),
            }
        }
        ListOffsetsRequest {
            replica_id: -1,
            topics,
            timeout_ms: i32::try_from(self.config.net.request_timeout.as_millis()).unwrap_or(i32::MAX),
            ..ListOffsetsRequest::default()
        }
    }

    fn epochs_request(&self, queries: &[Query]) -> OffsetForLeaderEpochRequest {
        let mut topics: Vec<OffsetForLeaderTopic> = Vec::new();
        for query in queries {
            let partition = OffsetForLeaderPartition {
                partition: self.metadata.slot(query.slot).partition,
                current_leader_epoch: query.leader_epoch,
                leader_epoch: self.partitions[query.source as usize].epoch,
            };
            let name = self.name(query);
            match topics.iter_mut().find(|topic| topic.topic == *name) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(OffsetForLeaderTopic { topic: name.clone(), partitions: vec![partition] }),
            }
        }
        OffsetForLeaderEpochRequest { replica_id: -1, topics }
    }

    /// The name of the topic that a query is about.
    pub(super) fn name(&self, query: &Query) -> &Str {
        &self.metadata.topic(self.metadata.slot(query.slot).topic).name
    }
}
