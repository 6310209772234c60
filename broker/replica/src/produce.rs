//! Produce: append, then wait for what `acks` asks.

use bytes::Bytes;
use tribunal_common::{Answer, BatchMark, FlushPolicy, Fx, Io, Obs, TopicIdPartition, lanes, rare, timers};
use tribunal_contract::{ConnId, Disk, Span, TimerId};
use tribunal_log::LogError;
use tribunal_protocol::messages::produce_request::ProduceRequest;
use tribunal_protocol::messages::produce_response::{
    LeaderIdAndEpoch, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use tribunal_protocol::{ErrorCode, ResponseBody, Str, Uuid};

use crate::internal::is_internal;
use crate::merge::merge;
use crate::partition::Role;
use crate::replicas::{Replicas, start_sync};
use crate::validate::{Refusal, check_batch, check_request, one_batch};

/// First version that names topics by id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// A produce that has appended and waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ParkedProduce {
    response: ProduceResponse,
    waits: Vec<Wait>,
    acks: i16,
}

/// One appended batch, until it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wait {
    /// Position in the response.
    topic: u32,
    partition: u32,
    /// Dense index of the partition.
    at: u32,
    leader_epoch: i32,
    /// Offset after the batch.
    required: i64,
}

impl Replicas {
    /// Serves Produce.
    pub fn produce<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        mut request: ProduceRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        merge(&mut request.topic_data);
        if let Err(refusal) = check_request(&request) {
            return refuse_all(request, &refusal);
        }
        let acks = request.acks;
        let mut waits = Vec::new();
        let mut failed = false;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for (topic, data) in request.topic_data.into_iter().enumerate() {
            let id = if version >= TOPIC_IDS_SINCE { Some(data.topic_id) } else { self.topic_id(&data.name) };
            let mut partitions = Vec::with_capacity(data.partition_data.len());
            for (partition, data) in data.partition_data.into_iter().enumerate() {
                let mut response = PartitionProduceResponse { index: data.index, ..Default::default() };
                let internal = id.and_then(|id| self.topic_name(id)).is_some_and(|name| is_internal(name));
                let appended = match internal {
                    true => Err(ErrorCode::InvalidTopicException.into()),
                    false => self.append(id, version, data.index, data.records, acks, io),
                };
                match appended {
                    Ok(appended) => {
                        response.base_offset = appended.base_offset;
                        response.log_append_time_ms = appended.log_append_time;
                        response.log_start_offset = appended.log_start;
                        waits.push(Wait { topic: topic as u32, partition: partition as u32, ..appended.wait });
                    }
                    Err(refusal) => {
                        failed = true;
                        self.refuse(&mut response, refusal, id, version);
                    }
                }
                partitions.push(response);
            }
            responses.push(TopicProduceResponse {
                name: data.name,
                topic_id: data.topic_id,
                partition_responses: partitions,
            });
        }
        if acks == 0 {
            // With nobody to tell, an error closes the connection, so that the producer refreshes its metadata.
            return if failed { Answer::Close } else { Answer::Never };
        }
        let mut parked = ParkedProduce { response: ProduceResponse { responses, ..Default::default() }, waits, acks };
        self.settle(&mut parked, io);
        if parked.waits.is_empty() {
            return Answer::Now(ResponseBody::Produce(parked.response));
        }
        for wait in &parked.waits {
            if let Some(partition) = self.partitions[wait.at as usize].as_mut()
                && !partition.commit_watchers.contains(&conn)
            {
                partition.commit_watchers.push(conn);
            }
        }
        let timeout = Span::from_millis(request.timeout_ms.max(0) as u64);
        let timer = TimerId { class: timers::PRODUCE_PARKED, index: lanes::index(conn.initiator, conn.lane) };
        io.fx.set_timer(timer, timeout, timeout);
        self.parked_produces.insert(conn, Box::new(parked));
        Answer::Later
    }

    pub(crate) fn append<D: Disk, F: Fx>(
        &mut self,
        topic: Option<Uuid>,
        version: i16,
        index: i32,
        records: Option<Bytes>,
        acks: i16,
        io: &mut Io<'_, D, F>,
    ) -> Result<AppendedBatch, Refusal> {
        if self.is_stopped() {
            return Err(ErrorCode::KafkaStorageError.into());
        }
        let unknown =
            if version >= TOPIC_IDS_SINCE { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
        let topic = topic.ok_or(unknown)?;
        let not_here = self.not_here(Some(topic), index, unknown);
        if not_here != ErrorCode::NotLeaderOrFollower {
            return Err(not_here.into());
        }
        let batch = one_batch(&records.unwrap_or_default(), version)?;
        if !(-1..=1).contains(&acks) {
            return Err(ErrorCode::InvalidRequiredAcks.into());
        }
        let at = *self.index.get(&TopicIdPartition { topic, partition: index }).ok_or(not_here)?;
        let settings = self.topics.get(&topic).ok_or(unknown)?;
        let partition = self.partitions[at as usize].as_mut().ok_or(unknown)?;
        if !matches!(partition.role, Role::Leader(_)) {
            return Err(ErrorCode::NotLeaderOrFollower.into());
        }
        if acks == -1 && partition.isr.len() < partition.effective_min_isr() {
            io.fx.observe(Obs::NotEnoughReplicas { partition: partition.id });
            return Err(ErrorCode::NotEnoughReplicas.into());
        }
        let batch = check_batch(batch, settings, io.now)?;
        let segments = partition.log.segment_base_offsets().count();
        let epoch = partition.leader_epoch;
        if rare!(io, TinySegment)
            && let Err(error) = partition.log.roll(io.disk)
        {
            self.fail(&error, io);
            return Err(ErrorCode::KafkaStorageError.into());
        }
        let info = match partition.log.append_as_leader(batch, epoch, io.now, io.disk) {
            Ok(info) => info,
            Err(error) if partition.log.is_failed() => {
                self.fail(&error, io);
                return Err(ErrorCode::KafkaStorageError.into());
            }
            Err(LogError::BatchListTooLarge { .. }) => return Err(ErrorCode::RecordListTooLarge.into()),
            Err(_) => return Err(ErrorCode::InvalidRecord.into()),
        };
        let batch = BatchMark { base: info.first_offset, last: info.last_offset, epoch, crc: info.crc };
        io.fx.observe(Obs::Appended { log: partition.id, batch });
        let rolled = partition.log.segment_base_offsets().count() != segments;
        if rolled {
            io.fx.observe(Obs::SegmentRolled { log: partition.id });
        }
        if (rolled || partition.flush == FlushPolicy::EveryWrite)
            && let Err(error) = start_sync(partition, at, io)
        {
            self.fail(&error, io);
            return Err(ErrorCode::KafkaStorageError.into());
        }
        let appended = AppendedBatch {
            base_offset: info.first_offset,
            log_append_time: info.append_time,
            log_start: partition.log.start_offset(),
            wait: Wait { topic: 0, partition: 0, at, leader_epoch: epoch, required: info.last_offset + 1 },
        };
        let advanced = partition.advance_high_watermark(io);
        self.recheck_append(at, io);
        if advanced {
            self.recheck_commit(at, io);
        }
        Ok(appended)
    }

    fn refuse(&self, response: &mut PartitionProduceResponse, refusal: Refusal, topic: Option<Uuid>, version: i16) {
        let Refusal { error, by_log, .. } = refusal;
        say_refused(response, refusal);
        let found = topic.and_then(|topic| self.get(TopicIdPartition { topic, partition: response.index }));
        let Some(partition) = found else { return };
        if by_log {
            response.log_start_offset = partition.log.start_offset();
        }
        if version >= 10 && error == ErrorCode::NotLeaderOrFollower {
            response.current_leader =
                LeaderIdAndEpoch { leader_id: partition.leader, leader_epoch: partition.leader_epoch };
        }
    }

    /// Ends the waits that are over.
    fn settle<D: Disk, F: Fx>(&mut self, parked: &mut ParkedProduce, io: &mut Io<'_, D, F>) {
        let ParkedProduce { response, waits, acks } = parked;
        waits.retain(|wait| {
            let error = match self.outcome(wait, *acks, io) {
                Outcome::Waits => return true,
                Outcome::Done => return false,
                Outcome::Failed(error) => error,
            };
            let response = &mut response.responses[wait.topic as usize].partition_responses[wait.partition as usize];
            response.error_code = error.code();
            response.base_offset = -1;
            response.log_append_time_ms = -1;
            response.log_start_offset = -1;
            false
        });
    }

    fn outcome<D: Disk, F: Fx>(&self, wait: &Wait, acks: i16, io: &mut Io<'_, D, F>) -> Outcome {
        let Some(partition) = self.partitions[wait.at as usize].as_ref() else {
            return Outcome::Failed(ErrorCode::UnknownTopicOrPartition);
        };
        if self.offline {
            return Outcome::Failed(ErrorCode::KafkaStorageError);
        }
        if !matches!(partition.role, Role::Leader(_)) || partition.leader_epoch != wait.leader_epoch {
            return Outcome::Failed(ErrorCode::NotLeaderOrFollower);
        }
        if acks == -1 {
            if partition.high_watermark < wait.required {
                return Outcome::Waits;
            }
            // The ISR may have shrunk since the append; the record is in the log of all that remain.
            if partition.isr.len() < partition.effective_min_isr() {
                io.fx.observe(Obs::NotEnoughReplicas { partition: partition.id });
                return Outcome::Failed(ErrorCode::NotEnoughReplicasAfterAppend);
            }
            return Outcome::Done;
        }
        if partition.own_end() < wait.required { Outcome::Waits } else { Outcome::Done }
    }

    /// Whether `conn` has a produce that still waits afterwards.
    pub(crate) fn recheck_produce<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) -> bool {
        let Some(mut parked) = self.parked_produces.remove(&conn) else { return false };
        self.settle(&mut parked, io);
        if !parked.waits.is_empty() {
            self.parked_produces.insert(conn, parked);
            return true;
        }
        cancel_timer(conn, io);
        io.net.reply(io.fx, conn, ResponseBody::Produce(parked.response));
        false
    }

    /// `PRODUCE_PARKED`: what has not been replicated by now is answered with a timeout. It stays in the log.
    pub(crate) fn produce_waited<D: Disk, F: Fx>(&mut self, index: u32, io: &mut Io<'_, D, F>) {
        let Some(&conn) = self.parked_produces.keys().find(|conn| lanes::index(conn.initiator, conn.lane) == index)
        else {
            return;
        };
        let Some(mut parked) = self.parked_produces.remove(&conn) else { return };
        for wait in std::mem::take(&mut parked.waits) {
            self.unwatch_commit(wait.at, conn);
            let response =
                &mut parked.response.responses[wait.topic as usize].partition_responses[wait.partition as usize];
            response.error_code = ErrorCode::RequestTimedOut.code();
        }
        io.net.reply(io.fx, conn, ResponseBody::Produce(parked.response));
    }

    pub(crate) fn forget_produce<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) {
        if let Some(parked) = self.parked_produces.remove(&conn) {
            for wait in parked.waits {
                self.unwatch_commit(wait.at, conn);
            }
            cancel_timer(conn, io);
        }
    }

    pub(crate) fn unwatch_commit(&mut self, at: u32, conn: ConnId) {
        if let Some(partition) = self.partitions[at as usize].as_mut() {
            partition.commit_watchers.retain(|&watcher| watcher != conn);
        }
    }
}

enum Outcome {
    Waits,
    Done,
    Failed(ErrorCode),
}

pub(crate) struct AppendedBatch {
    base_offset: i64,
    log_append_time: i64,
    log_start: i64,
    wait: Wait,
}

impl AppendedBatch {
    /// The offset after the batch.
    pub(crate) fn next_offset(&self) -> i64 {
        self.wait.required
    }
}

/// The answer where no part of the request can be served.
fn refuse_all(request: ProduceRequest, refusal: &Refusal) -> Answer {
    if request.acks == 0 {
        return Answer::Close;
    }
    let responses = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            let mut response = PartitionProduceResponse { index: data.index, ..Default::default() };
            say_refused(&mut response, refusal.clone());
            response
        });
        TopicProduceResponse { partition_responses: partitions.collect(), name: topic.name, topic_id: topic.topic_id }
    });
    let response = ProduceResponse { responses: responses.collect(), ..Default::default() };
    Answer::Now(ResponseBody::Produce(response))
}

fn say_refused(response: &mut PartitionProduceResponse, refusal: Refusal) {
    response.error_code = refusal.error.code();
    response.base_offset = -1;
    response.log_start_offset = -1;
    response.error_message = refusal.message.map(Str::from);
    response.record_errors = refusal.records;
}

fn cancel_timer<D: Disk, F: Fx>(conn: ConnId, io: &mut Io<'_, D, F>) {
    io.fx.cancel_timer(TimerId { class: timers::PRODUCE_PARKED, index: lanes::index(conn.initiator, conn.lane) });
}
