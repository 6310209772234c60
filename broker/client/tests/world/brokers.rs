//! Brokers that answer from one shared log for each partition, and go wrong when told to.

use std::collections::VecDeque;

use tribunal_contract::NodeId;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest};
use tribunal_protocol::messages::fetch_response::{self, FetchResponse, FetchableTopicResponse, PartitionData};
use tribunal_protocol::messages::list_offsets_request::ListOffsetsRequest;
use tribunal_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use tribunal_protocol::messages::metadata_request::MetadataRequest;
use tribunal_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use tribunal_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderEpochRequest;
use tribunal_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use tribunal_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest};
use tribunal_protocol::messages::produce_response::{
    self, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str, Uuid};
use tribunal_records::BatchHeader;

use super::Rng;
use super::log::Partition;

pub const TOPIC: Uuid = Uuid(0x70);

/// What a broker does with a request.
pub enum Reply {
    Now(ResponseBody),
    Never,
    Park,
    /// The connection is reset instead.
    Reset,
    /// Nothing more comes on this connection.
    Stall,
}

/// What goes wrong with one request (for all its partitions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Do it, then reset the connection.
    DoAndReset,
    /// Reset the connection.
    Reset,
    /// Do it, and never answer on this connection again.
    DoAndStall,
    /// Answer with an error and do nothing.
    Refuse(ErrorCode),
    /// Do it and answer with an error.
    DoAndRefuse(ErrorCode),
    /// Another broker has become leader; answer with that, and say who it is if true.
    Move(bool),
    /// The same, but the new leader lacks the last batches; others follow.
    MoveUnclean,
    /// Answer from an older state of the cluster (Metadata).
    Stale,
    /// Say that there is no leader (Metadata).
    NoLeader,
}

pub struct Brokers {
    pub count: i32,
    /// Topic `t`.
    pub topic: Uuid,
    pub partitions: Vec<Partition>,
    /// What goes wrong next, one request after the other; metadata takes only what is meant for it.
    pub script: VecDeque<Fault>,
    pub metadata_script: VecDeque<Fault>,
    /// So many requests of a thousand go wrong.
    pub fault_rate: u64,
    /// Whether unclean elections are among the random faults.
    pub unclean: bool,
    /// Whether the topic does not exist.
    pub unknown: bool,
    rng: Rng,
    written: u64,
}

impl Brokers {
    /// So many brokers, numbered from 0, and partitions, led in turn.
    pub fn new(count: i32, partitions: i32, seed: u64) -> Brokers {
        Brokers {
            count,
            topic: TOPIC,
            partitions: (0..partitions).map(|p| Partition::new(p % count)).collect(),
            script: VecDeque::new(),
            metadata_script: VecDeque::new(),
            fault_rate: 0,
            unclean: false,
            unknown: false,
            rng: Rng::new(seed ^ 0xb0b),
            written: 0,
        }
    }

    pub fn nodes(&self) -> Vec<NodeId> {
        (0..self.count as u32).map(NodeId).collect()
    }

    pub fn refuses(&mut self) -> bool {
        self.rng.below(1_000) < self.fault_rate
    }

    pub fn answer(&mut self, node: NodeId, body: &RequestBody, is_first: bool) -> Reply {
        let broker = node.0 as i32;
        let fault = if is_first { self.next_fault(body) } else { None };
        match fault {
            Some(Fault::Reset) => return Reply::Reset,
            Some(Fault::Move(_) | Fault::MoveUnclean) => self.move_leaders(broker, fault == Some(Fault::MoveUnclean)),
            _ => {}
        }
        let answer = match body {
            RequestBody::Metadata(request) => self.metadata(request, fault),
            RequestBody::Produce(request) => self.produce(broker, request, fault),
            RequestBody::Fetch(request) => match self.fetch(broker, request, fault) {
                Some(answer) => answer,
                None if is_first => return Reply::Park,
                None => self.empty_fetch(broker, request),
            },
            RequestBody::ListOffsets(request) => self.list_offsets(broker, request, fault),
            RequestBody::OffsetForLeaderEpoch(request) => self.epochs(broker, request, fault),
            other => panic!("a client does not ask {other:?}"),
        };
        match fault {
            Some(Fault::DoAndReset) => Reply::Reset,
            Some(Fault::DoAndStall) => Reply::Stall,
            _ if is_unanswered(body) => Reply::Never,
            _ => Reply::Now(answer),
        }
    }

    fn next_fault(&mut self, body: &RequestBody) -> Option<Fault> {
        let is_metadata = matches!(body, RequestBody::Metadata(_));
        let script = if is_metadata { &mut self.metadata_script } else { &mut self.script };
        if let Some(fault) = script.pop_front() {
            return Some(fault);
        }
        if self.rng.below(1_000) >= self.fault_rate {
            return None;
        }
        let retriable = [
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::UnknownTopicId,
            ErrorCode::KafkaStorageError,
            ErrorCode::OffsetNotAvailable,
            ErrorCode::NotEnoughReplicas,
            ErrorCode::UnknownLeaderEpoch,
        ];
        let random = match (self.rng.below(10), body) {
            (0, _) => Fault::Reset,
            (1, _) => Fault::DoAndReset,
            (2, _) => Fault::DoAndStall,
            (3..=5, RequestBody::Metadata(_)) => Fault::Stale,
            (_, RequestBody::Metadata(_)) => Fault::NoLeader,
            (3, _) => Fault::Move(true),
            (4, _) => Fault::Move(false),
            (5, _) if self.unclean => Fault::MoveUnclean,
            (6, RequestBody::Produce(_)) => Fault::DoAndRefuse(ErrorCode::NotEnoughReplicasAfterAppend),
            (7, RequestBody::Produce(_)) => Fault::DoAndRefuse(ErrorCode::RequestTimedOut),
            (8, RequestBody::Produce(_)) => Fault::Refuse(ErrorCode::MessageTooLarge),
            (9, RequestBody::Produce(_)) => Fault::Refuse(ErrorCode::InvalidRecord),
            _ => Fault::Refuse(retriable[self.rng.below(retriable.len() as u64) as usize]),
        };
        Some(random)
    }

    /// All partitions that `broker` leads move.
    fn move_leaders(&mut self, broker: i32, unclean: bool) {
        for partition in &mut self.partitions {
            if partition.leader != broker {
                continue;
            }
            let step = 1 + self.rng.below((self.count - 1).max(1) as u64) as i32;
            partition.elect((broker + step) % self.count);
            if unclean {
                let lost = self.rng.below(6) as i64;
                partition.truncate(partition.end() - lost);
                for _ in 0..self.rng.below(8) {
                    self.written += 1;
                    partition.append_values(&[&format!("after-{}", self.written)]);
                }
            }
        }
    }

    fn metadata(&mut self, request: &MetadataRequest, fault: Option<Fault>) -> ResponseBody {
        let mut topics = Vec::new();
        for topic in request.topics.iter().flatten() {
            let name = topic.name.clone().expect("asked by name");
            if name != "t" || self.unknown {
                topics.push(MetadataResponseTopic {
                    error_code: ErrorCode::UnknownTopicOrPartition.code(),
                    name: Some(name),
                    ..MetadataResponseTopic::default()
                });
                continue;
            }
            let mut partitions = Vec::new();
            for (index, partition) in self.partitions.iter().enumerate() {
                let (leader_id, leader_epoch) = match fault {
                    Some(Fault::Stale) => partition.history[self.rng.below(partition.history.len() as u64) as usize],
                    Some(Fault::NoLeader) => (-1, partition.epoch),
                    _ => (partition.leader, partition.epoch),
                };
                partitions.push(MetadataResponsePartition {
                    partition_index: index as i32,
                    leader_id,
                    leader_epoch,
                    ..MetadataResponsePartition::default()
                });
            }
            let topic_id = self.topic;
            topics.push(MetadataResponseTopic { name: Some(name), topic_id, partitions, ..Default::default() });
        }
        let brokers = (0..self.count)
            .map(|node_id| MetadataResponseBroker { node_id, ..MetadataResponseBroker::default() })
            .collect();
        MetadataResponse { brokers, topics, ..MetadataResponse::default() }.into()
    }

    fn produce(&mut self, broker: i32, request: &ProduceRequest, fault: Option<Fault>) -> ResponseBody {
        let mut responses = Vec::new();
        for topic in &request.topic_data {
            let answers = topic.partition_data.iter().map(|data| self.append(broker, topic.topic_id, data, fault));
            responses.push(TopicProduceResponse {
                topic_id: topic.topic_id,
                partition_responses: answers.collect(),
                ..TopicProduceResponse::default()
            });
        }
        ProduceResponse { responses, ..ProduceResponse::default() }.into()
    }

    fn append(
        &mut self,
        broker: i32,
        topic: Uuid,
        data: &PartitionProduceData,
        fault: Option<Fault>,
    ) -> PartitionProduceResponse {
        let mut answer =
            PartitionProduceResponse { index: data.index, base_offset: -1, ..PartitionProduceResponse::default() };
        let records = data.records.clone().expect("records");
        let partition = &mut self.partitions[data.index as usize];
        let error = match fault {
            _ if topic != self.topic => ErrorCode::UnknownTopicId,
            _ if partition.leader != broker => ErrorCode::NotLeaderOrFollower,
            // Only a batch that can be split is too large at random.
            Some(Fault::Refuse(ErrorCode::MessageTooLarge))
                if BatchHeader::parse(&records).unwrap().records_count == 1 =>
            {
                ErrorCode::None
            }
            Some(Fault::Refuse(error)) => error,
            Some(Fault::DoAndRefuse(error)) => {
                partition.append(records);
                answer.error_code = error.code();
                return answer;
            }
            _ => ErrorCode::None,
        };
        answer.error_code = error.code();
        if !error.is_error() {
            answer.base_offset = partition.append(records);
        } else if error == ErrorCode::NotLeaderOrFollower && fault != Some(Fault::Move(false)) {
            answer.current_leader =
                produce_response::LeaderIdAndEpoch { leader_id: partition.leader, leader_epoch: partition.epoch };
        }
        answer
    }

    /// None if there is nothing to read and nothing wrong.
    fn fetch(&mut self, broker: i32, request: &FetchRequest, fault: Option<Fault>) -> Option<ResponseBody> {
        let answer = self.read(broker, request, fault);
        let says = |data: &PartitionData| data.error_code != 0 || data.records.as_ref().is_some_and(|r| !r.is_empty());
        let any = answer.responses.iter().flat_map(|topic| &topic.partitions).any(says);
        any.then(|| answer.into())
    }

    fn empty_fetch(&mut self, broker: i32, request: &FetchRequest) -> ResponseBody {
        self.read(broker, request, None).into()
    }

    fn read(&mut self, broker: i32, request: &FetchRequest, fault: Option<Fault>) -> FetchResponse {
        let mut responses = Vec::new();
        for topic in &request.topics {
            let partitions = topic.partitions.iter().map(|asked| self.read_one(broker, topic.topic_id, asked, fault));
            let partitions = partitions.collect();
            responses.push(FetchableTopicResponse { topic_id: topic.topic_id, partitions, ..Default::default() });
        }
        FetchResponse { responses, ..FetchResponse::default() }
    }

    fn read_one(&mut self, broker: i32, topic: Uuid, asked: &FetchPartition, fault: Option<Fault>) -> PartitionData {
        let mut answer =
            PartitionData { partition_index: asked.partition, high_watermark: -1, ..PartitionData::default() };
        let partition = &self.partitions[asked.partition as usize];
        let mut error = self.check(broker, asked.partition, asked.current_leader_epoch, fault);
        if topic != self.topic {
            error = ErrorCode::UnknownTopicId;
        }
        if !error.is_error() && !(partition.start..=partition.end()).contains(&asked.fetch_offset) {
            error = ErrorCode::OffsetOutOfRange;
        }
        answer.error_code = error.code();
        if error.is_error() {
            if fault == Some(Fault::Move(true)) {
                answer.current_leader =
                    fetch_response::LeaderIdAndEpoch { leader_id: partition.leader, leader_epoch: partition.epoch };
            }
            return answer;
        }
        answer.high_watermark = partition.end();
        answer.records = Some(partition.read(asked.fetch_offset, asked.partition_max_bytes as usize));
        answer
    }

    fn check(&self, broker: i32, partition: i32, epoch: i32, fault: Option<Fault>) -> ErrorCode {
        let partition = &self.partitions[partition as usize];
        match fault {
            Some(Fault::Refuse(error) | Fault::DoAndRefuse(error)) => error,
            _ if partition.leader != broker => ErrorCode::NotLeaderOrFollower,
            _ if epoch < partition.epoch => ErrorCode::FencedLeaderEpoch,
            _ if epoch > partition.epoch => ErrorCode::UnknownLeaderEpoch,
            _ => ErrorCode::None,
        }
    }

    fn list_offsets(&mut self, broker: i32, request: &ListOffsetsRequest, fault: Option<Fault>) -> ResponseBody {
        let mut topics = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let error = self.check(broker, asked.partition_index, asked.current_leader_epoch, fault);
                let partition = &self.partitions[asked.partition_index as usize];
                let (offset, leader_epoch) = match asked.timestamp {
                    _ if error.is_error() => (-1, -1),
                    // Records of this script have timestamps near 0.
                    later if later > 1_000_000_000 => (-1, -1),
                    -2 => (partition.start, partition.epoch_at(partition.start)),
                    _ => (partition.end(), partition.epoch),
                };
                partitions.push(ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    error_code: error.code(),
                    offset,
                    leader_epoch,
                    ..ListOffsetsPartitionResponse::default()
                });
            }
            topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
        }
        ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }.into()
    }

    fn epochs(&mut self, broker: i32, request: &OffsetForLeaderEpochRequest, fault: Option<Fault>) -> ResponseBody {
        let mut topics = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let error = self.check(broker, asked.partition, asked.current_leader_epoch, fault);
                let (leader_epoch, end_offset) = match error.is_error() {
                    true => (-1, -1),
                    false => self.partitions[asked.partition as usize].epoch_end(asked.leader_epoch),
                };
                let (partition, error_code) = (asked.partition, error.code());
                partitions.push(EpochEndOffset { error_code, partition, leader_epoch, end_offset });
            }
            topics.push(OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions });
        }
        OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() }.into()
    }
}

/// Whether a request has no answer, by protocol.
pub fn is_unanswered(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Produce(request) if request.acks == 0)
}

/// How long a fetch may be parked.
pub fn max_wait(body: &RequestBody) -> u64 {
    match body {
        RequestBody::Fetch(request) => request.max_wait_ms as u64 * 1_000_000,
        _ => 0,
    }
}

/// The version in which clients ask what this answers.
pub fn version(body: &ResponseBody) -> i16 {
    body.api_key().versions().max
}

/// The name of the one topic.
pub fn topic() -> Str {
    Str::from_static("t")
}
