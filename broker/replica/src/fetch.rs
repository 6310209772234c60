//! Fetch: what a leader serves to followers and consumers, and what it learns from followers.

use tribunal_common::{Answer, Fx, Io, TopicIdPartition, planted, rare};
use tribunal_contract::{ConnId, Disk};
use tribunal_log::Log;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use tribunal_protocol::messages::fetch_response::{
    EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use tribunal_protocol::{Bytes, ErrorCode, ResponseBody};
use tribunal_records::validate;

use crate::leader::ANY_EPOCH;
use crate::merge::merge;
use crate::parked_fetch::ParkedFetch;
use crate::partition::{Partition, Role};
use crate::replicas::Replicas;
use crate::sessions::Session;

/// First version that names topics by id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;
/// First version whose answers may carry a point of divergence and the current leader (KIP-595).
const DIVERGING_SINCE: i16 = 12;

/// First version whose answers say who leads where this broker does not (KIP-951).
const LEADER_TOLD_SINCE: i16 = 16;

/// Isolation level of consumers that see everything.
pub(crate) const READ_UNCOMMITTED: i8 = 0;
/// Isolation level of consumers that skip what was aborted.
pub(crate) const READ_COMMITTED: i8 = 1;

/// Who fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetcher {
    Consumer,
    Follower { broker: i32, broker_epoch: i64 },
}

impl Fetcher {
    pub(crate) fn of(request: &FetchRequest, version: i16) -> Fetcher {
        let (broker, broker_epoch) = match version {
            15.. => (request.replica_state.replica_id, request.replica_state.replica_epoch),
            _ => (request.replica_id, ANY_EPOCH),
        };
        if broker >= 0 { Fetcher::Follower { broker, broker_epoch } } else { Fetcher::Consumer }
    }
}

/// What a leader can do for one partition of a fetch.
enum Served {
    /// The fetcher's log parts from the leader's.
    Diverging(EpochEndOffset),
    /// Records below `limit`, if any.
    Readable { limit: i64 },
}

impl Replicas {
    /// Serves Fetch of everything but the metadata log.
    pub fn fetch<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        request: FetchRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if !matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
            return refuse_all(request, version, ErrorCode::UnknownServerError);
        }
        let (mut request, session) = match self.sessions.complete(conn, version, request) {
            Ok(completed) => completed,
            Err(error) => return refuse(error),
        };
        if !matches!(session, Session::Of { .. }) {
            merge(&mut request.topics);
        }
        let fetcher = Fetcher::of(&request, version);
        let mut ready = request.max_wait_ms <= 0 || request.min_bytes <= 0 || request.topics.is_empty();
        let mut places = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
        for topic in &request.topics {
            for wanted in &topic.partitions {
                let at = self.find(topic, wanted, version);
                places.push(at);
                if let (Some(at), Fetcher::Follower { broker, broker_epoch }) = (at, fetcher) {
                    self.learn(at, broker, broker_epoch, wanted, version, io);
                }
                ready = ready || self.has_news(at, fetcher, wanted, version);
            }
        }
        let parked = self.parked_on_lane(conn);
        // A newer connection of the same peer and lane waits: nobody waits for an answer on this one.
        let leftover = parked.is_some_and(|parked| parked.attempt > conn.attempt);
        if ready || leftover {
            let response = self.build(&request, &places, version, io);
            if ready && bytes_in(&response) >= request.min_bytes as usize
                || request.max_wait_ms <= 0
                || request.min_bytes <= 1
                || has_error(&response)
                || leftover
            {
                let response = self.sessions.answer(session, version, &request, response, io.cfg.incarnation);
                return Answer::Now(ResponseBody::Fetch(response));
            }
        }
        if let Some(older) = parked {
            self.forget_fetch(older, io);
        }
        self.park(conn, Box::new(ParkedFetch { version, request, session, places }), io);
        Answer::Later
    }

    /// Looks up the replica.
    fn find(&self, topic: &FetchTopic, wanted: &FetchPartition, version: i16) -> Option<u32> {
        let id = if version >= TOPIC_IDS_SINCE { topic.topic_id } else { self.topic_id(&topic.topic)? };
        self.index.get(&TopicIdPartition { topic: id, partition: wanted.partition }).copied()
    }

    /// A follower's fetch says that it has everything below `fetch_offset`, if it fetches in this leader's epoch, its
    /// log does not part from ours, and it is the process that is registered: what an earlier one had may be lost
    /// (KIP-903).
    fn learn<D: Disk, F: Fx>(
        &mut self,
        at: u32,
        broker: i32,
        broker_epoch: i64,
        wanted: &FetchPartition,
        version: i16,
        io: &mut Io<'_, D, F>,
    ) {
        let registered = self.brokers.get(&broker).map_or(-1, |known| known.epoch);
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let stale = broker_epoch != ANY_EPOCH && broker_epoch < registered;
        if stale && !planted!(io.cfg.bugs, Kip903) {
            return;
        }
        let fetcher = Fetcher::Follower { broker, broker_epoch };
        let counts = match serve(partition, fetcher, wanted, version) {
            Ok(Served::Readable { .. }) => true,
            Ok(Served::Diverging(_)) => planted!(io.cfg.bugs, Kafka13141),
            Err(ErrorCode::FencedLeaderEpoch) => planted!(io.cfg.bugs, Kip320Isr),
            Err(_) => false,
        };
        if !counts || !partition.follower_fetched(broker, broker_epoch, wanted.fetch_offset) {
            return;
        }
        self.maybe_expand(at, broker, io);
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        if partition.advance_high_watermark(io) {
            self.recheck_commit(at, io);
        }
    }

    /// Whether there is anything to say about this partition at once.
    pub(crate) fn has_news(&self, at: Option<u32>, fetcher: Fetcher, wanted: &FetchPartition, version: i16) -> bool {
        let Some(partition) = at.and_then(|at| self.partitions[at as usize].as_ref()) else { return true };
        if self.offline {
            return true;
        }
        match serve(partition, fetcher, wanted, version) {
            Err(_) | Ok(Served::Diverging(_)) => true,
            // A high watermark that moved does not end a follower's wait: it travels with the next records, or when the
            // wait is over (KAFKA-9731).
            Ok(Served::Readable { limit }) => limit > wanted.fetch_offset,
        }
    }

    pub(crate) fn build<D: Disk, F: Fx>(
        &mut self,
        request: &FetchRequest,
        places: &[Option<u32>],
        version: i16,
        io: &mut Io<'_, D, F>,
    ) -> FetchResponse {
        let mut places = places.iter().copied();
        let mut budget = request.max_bytes.max(0) as usize;
        let mut first = true;
        let mut responses = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for wanted in &topic.partitions {
                let at = places.next().flatten();
                let data = match at.filter(|at| self.partitions[*at as usize].is_some()) {
                    Some(at) => self.read(at, wanted, request, version, budget, first, io),
                    None => self.not_read(topic, wanted, version),
                };
                if let Some(records) = &data.records {
                    budget = budget.saturating_sub(records.len());
                    first = first && records.is_empty();
                }
                partitions.push(data);
            }
            responses.push(FetchableTopicResponse { topic: topic.topic.clone(), topic_id: topic.topic_id, partitions });
        }
        FetchResponse { responses, ..Default::default() }
    }

    /// The answer for a partition that this broker does not have.
    fn not_read(&self, topic: &FetchTopic, wanted: &FetchPartition, version: i16) -> PartitionData {
        let (id, unknown) = match version {
            TOPIC_IDS_SINCE.. => (Some(topic.topic_id), ErrorCode::UnknownTopicId),
            _ => (self.topic_id(&topic.topic), ErrorCode::UnknownTopicOrPartition),
        };
        let error = self.not_here(id, wanted.partition, unknown);
        PartitionData { error_code: error.code(), ..nothing_of(wanted) }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn read<D: Disk, F: Fx>(
        &mut self,
        at: u32,
        wanted: &FetchPartition,
        request: &FetchRequest,
        version: i16,
        budget: usize,
        first: bool,
        io: &mut Io<'_, D, F>,
    ) -> PartitionData {
        // Only who filters aborted transactions is told which there are, and only with records.
        let mut data = PartitionData { aborted_transactions: None, ..nothing_of(wanted) };
        let offline = self.offline;
        let Some(partition) = self.partitions[at as usize].as_ref() else { return data };
        let fetcher = Fetcher::of(request, version);
        if offline {
            data.error_code = ErrorCode::KafkaStorageError.code();
            return data;
        }
        match serve(partition, fetcher, wanted, version) {
            Err(error) => {
                data.error_code = error.code();
                if version >= LEADER_TOLD_SINCE
                    && matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch)
                {
                    data.current_leader =
                        LeaderIdAndEpoch { leader_id: partition.leader, leader_epoch: partition.leader_epoch };
                }
                return data;
            }
            Ok(Served::Diverging(divergence)) => data.diverging_epoch = divergence,
            Ok(Served::Readable { limit }) if limit > wanted.fetch_offset && (budget > 0 || first) => {
                // A read for which there is no room still gives a first batch, if the answer is to have one.
                let short = first && rare!(io, ShortRead);
                let max = if short { 0 } else { budget.min(wanted.partition_max_bytes.max(0) as usize) };
                match partition.log.read(wanted.fetch_offset, max, limit, first, io.disk) {
                    Ok(records) if is_sound(&records, wanted.fetch_offset, &partition.log) => {
                        data.records = Some(records)
                    }
                    // The medium has failed or rotted. Whoever else is in sync can do better (Kafka serves what has
                    // rotted, and its followers ask again for ever).
                    read => {
                        data.error_code = ErrorCode::KafkaStorageError.code();
                        let what = format!(
                            "read offset {} of {}-{}",
                            wanted.fetch_offset, partition.topic, partition.id.partition
                        );
                        match read {
                            Ok(_) => self.fail(&format_args!("{what}: not the records that were written"), io),
                            Err(error) => self.fail(&format_args!("{what}: {error}"), io),
                        }
                        return data;
                    }
                }
            }
            Ok(Served::Readable { .. }) => {}
        }
        let diverges = data.diverging_epoch.end_offset >= 0;
        if request.isolation_level == READ_COMMITTED && fetcher == Fetcher::Consumer && !diverges {
            data.aborted_transactions = Some(Vec::new());
        }
        data.high_watermark = partition.high_watermark;
        data.last_stable_offset = partition.high_watermark;
        data.log_start_offset = partition.log.start_offset();
        data
    }
}

/// What this leader can do for a fetch of one partition.
fn serve(partition: &Partition, fetcher: Fetcher, wanted: &FetchPartition, version: i16) -> Result<Served, ErrorCode> {
    let Role::Leader(leading) = &partition.role else { return Err(ErrorCode::NotLeaderOrFollower) };
    // Here, and nowhere else, any negative epoch asks for no check.
    check_leader_epoch(partition, wanted.current_leader_epoch.max(-1))?;
    let limit = match fetcher {
        Fetcher::Follower { broker, .. } => {
            if leading.follower(broker).is_none() {
                return Err(ErrorCode::NotLeaderOrFollower);
            }
            partition.log.end_offset()
        }
        Fetcher::Consumer => partition.high_watermark,
    };
    if version >= DIVERGING_SINCE && wanted.last_fetched_epoch >= 0 {
        let (epoch, end_offset) =
            partition.log.end_offset_for_epoch(wanted.last_fetched_epoch).ok_or(ErrorCode::OffsetOutOfRange)?;
        if epoch < wanted.last_fetched_epoch || end_offset < wanted.fetch_offset {
            return Ok(Served::Diverging(EpochEndOffset { epoch, end_offset }));
        }
    }
    if wanted.fetch_offset < partition.log.start_offset() || wanted.fetch_offset > partition.log.end_offset() {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    Ok(Served::Readable { limit })
}

/// Whether every batch is what was written: its checksum, and what that leaves out, offset and epoch.
fn is_sound(records: &Bytes, from: i64, log: &Log) -> bool {
    let (mut at, mut expected) = (0, None);
    while at < records.len() {
        let Ok(header) = validate(&records[at..]) else { return false };
        let in_place = match expected {
            // Compaction may have removed the records at the offset asked for, and all between two batches.
            None => header.next_offset() > from && log.config().follows(from, header.base_offset.max(from)),
            Some(expected) => log.config().follows(expected, header.base_offset),
        };
        // DeleteRecords may have moved the log start into the batch. The epochs of a log begin at its start.
        let readable = header.base_offset.max(log.start_offset());
        if !in_place || log.epoch_for_offset(readable) != Some(header.partition_leader_epoch) {
            return false;
        }
        expected = Some(header.next_offset());
        at += header.total_size();
    }
    true
}

/// Refuses a request made in another leader epoch (KIP-320). -1 asks for no check.
pub(crate) fn check_leader_epoch(partition: &Partition, current: i32) -> Result<(), ErrorCode> {
    match current {
        -1 => Ok(()),
        older if older < partition.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
        newer if newer > partition.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

/// What is said of a partition of which nothing can be said.
fn nothing_of(wanted: &FetchPartition) -> PartitionData {
    PartitionData {
        partition_index: wanted.partition,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        records: Some(Default::default()),
        ..Default::default()
    }
}

/// The answer where nothing of a request can be served: versions before 13 say it of every partition too.
fn refuse_all(request: FetchRequest, version: i16, error: ErrorCode) -> Answer {
    let error_code = error.code();
    let topics = if version < TOPIC_IDS_SINCE { request.topics } else { Vec::new() };
    let responses = topics.into_iter().map(|topic| FetchableTopicResponse {
        partitions: topic.partitions.iter().map(|wanted| PartitionData { error_code, ..nothing_of(wanted) }).collect(),
        topic: topic.topic,
        topic_id: topic.topic_id,
    });
    let session_id = request.session_id;
    let responses = responses.collect();
    Answer::Now(ResponseBody::Fetch(FetchResponse { error_code, session_id, responses, ..Default::default() }))
}

fn refuse(error: ErrorCode) -> Answer {
    Answer::Now(ResponseBody::Fetch(FetchResponse { error_code: error.code(), ..Default::default() }))
}

pub(crate) fn bytes_in(response: &FetchResponse) -> usize {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.filter_map(|data| data.records.as_ref()).map(|records| records.len()).sum()
}

pub(crate) fn has_error(response: &FetchResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.any(|data| data.error_code != 0 || data.diverging_epoch.end_offset >= 0)
}
