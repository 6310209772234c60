//! A follower's side: one fetch at a time to each leader, for all partitions followed there.

use tribunal_common::{FlushPolicy, Fx, Io, Obs, TopicIdPartition, TruncationMode, lanes, rare, timers};
use tribunal_contract::{Disk, NodeId, TimerId};
use tribunal_log::LogError;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use tribunal_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use tribunal_protocol::{Bytes, ErrorCode, RequestBody};
use tribunal_records::validate;

use crate::partition::{Partition, Phase, Role};
use crate::replicas::{Replicas, first_phase, start_sync};

/// Fetch version between brokers: topic ids, replica state, divergence.
const FETCH_VERSION: i16 = 17;
/// `replica.fetch.response.max.bytes`.
const RESPONSE_BYTES: i32 = 10 << 20;

/// What is followed at one leader, and what is in flight to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Fetcher {
    /// Dense indexes, ordered by (topic id, partition).
    pub(crate) partitions: Vec<u32>,
    /// Offsets that the fetch in flight asks from, by dense index.
    fetching: Option<Vec<Asked>>,
    /// The lookup in flight.
    pub(crate) looking_up: Option<Vec<Asked>>,
    /// The leader did not answer; nothing is sent until the backoff is over.
    backoff: bool,
}

/// What was asked for a partition; the answer counts only if all of this still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) at: u32,
    pub(crate) leader_epoch: i32,
    pub(crate) end: i64,
    pub(crate) phase: Phase,
}

impl Replicas {
    /// A partition is now followed at `leader`.
    pub(crate) fn fetcher_add<D: Disk, F: Fx>(&mut self, leader: i32, at: u32, io: &mut Io<'_, D, F>) {
        let id_of = |at: &u32| self.partitions[*at as usize].as_ref().map(|partition| partition.id);
        let fetcher = self.fetchers.entry(leader).or_default();
        if !fetcher.partitions.contains(&at) {
            fetcher.partitions.push(at);
            fetcher.partitions.sort_by_key(id_of);
        }
        self.fetcher_run(leader, io);
    }

    /// A partition is no longer followed at `leader`. An answer in flight will find that.
    pub(crate) fn fetcher_remove(&mut self, leader: i32, at: u32) {
        if let Some(fetcher) = self.fetchers.get_mut(&leader) {
            fetcher.partitions.retain(|&other| other != at);
        }
    }

    /// Sends whatever there is to send to this leader and is not in flight.
    pub(crate) fn fetcher_run<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        let Some(fetcher) = self.fetchers.get(&leader) else { return };
        if fetcher.backoff || self.is_stopped() {
            return;
        }
        let (fetch, lookup) = (fetcher.fetching.is_none(), fetcher.looking_up.is_none());
        if lookup {
            self.send_lookup(leader, io);
        }
        if fetch {
            self.flush_first(leader, io);
            self.send_fetch(leader, io);
        }
    }

    /// A fetch tells the leader that all before it is durable, where every write is flushed. Of a log that was
    /// recovered, or led until now, that is not so yet. And where a log was cut, that has to be durable before other
    /// records come there: a loss of power would bring back some of what was cut off, among what was fetched since.
    fn flush_first<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        let Some(fetcher) = self.fetchers.get(&leader) else { return };
        for &at in &fetcher.partitions {
            let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
            let fetches = matches!(&partition.role, Role::Follower(following) if following.phase == Phase::Fetch);
            if fetches && !partition.may_fetch() {
                if let Err(error) = start_sync(partition, at, io) {
                    return self.fail(&error, io);
                }
                if !partition.may_fetch() {
                    set_phase(partition, Phase::Flush);
                }
            }
        }
    }

    fn send_fetch<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut asked = Vec::with_capacity(fetcher.partitions.len());
        for &at in &fetcher.partitions {
            let Some(partition) = self.partitions[at as usize].as_ref() else { continue };
            let Role::Follower(following) = &partition.role else { continue };
            match following.phase {
                Phase::Fetch => {}
                // It goes with the others, as in Kafka, where the fetcher itself flushes. Left behind, it would wait
                // until their fetch, which the leader may park, has come back.
                Phase::Flush => return,
                Phase::Backoff | Phase::FindStart | Phase::Lookup => continue,
            }
            let end = partition.log.end_offset();
            let last_fetched_epoch = match io.cfg.truncation {
                TruncationMode::Fetch => partition.log.latest_epoch().unwrap_or(-1),
                TruncationMode::Lookup => -1,
            };
            asked.push(Asked { at, leader_epoch: partition.leader_epoch, end, phase: Phase::Fetch });
            let wanted = FetchPartition {
                partition: partition.id.partition,
                current_leader_epoch: partition.leader_epoch,
                fetch_offset: end,
                last_fetched_epoch,
                log_start_offset: partition.log.start_offset(),
                partition_max_bytes: io.cfg.replica_fetch_bytes as i32,
                ..Default::default()
            };
            match topics.last_mut().filter(|topic| topic.topic_id == partition.id.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => topics.push(FetchTopic {
                    topic_id: partition.id.topic,
                    partitions: vec![wanted],
                    ..Default::default()
                }),
            }
        }
        if asked.is_empty() {
            return;
        }
        let request = FetchRequest {
            replica_state: ReplicaState { replica_id: self.me, replica_epoch: self.broker_epoch },
            max_wait_ms: io.cfg.replica_fetch_wait.as_millis() as i32,
            min_bytes: 1,
            max_bytes: RESPONSE_BYTES,
            topics,
            ..Default::default()
        };
        let peer = NodeId(leader as u32);
        if io.net.call(io.fx, peer, lanes::REPLICA_FETCH, FETCH_VERSION, RequestBody::Fetch(request)) {
            fetcher.fetching = Some(asked);
            let timeout = io.cfg.request_timeout + io.cfg.replica_fetch_wait;
            io.fx.set_timer(call_timer(leader), timeout, timeout);
        }
    }

    /// The answer of a leader to this follower's fetch.
    pub fn on_fetched<D: Disk, F: Fx>(&mut self, leader: i32, response: FetchResponse, io: &mut Io<'_, D, F>) {
        let Some(asked) = self.fetchers.get_mut(&leader).and_then(|fetcher| fetcher.fetching.take()) else { return };
        if self.is_stopped() {
            return;
        }
        if response.error_code != 0 {
            return self.fetcher_back_off(leader, io);
        }
        let mut failed = false;
        for topic in response.responses {
            for data in topic.partitions {
                let id = TopicIdPartition { topic: topic.topic_id, partition: data.partition_index };
                let Some(&at) = self.index.get(&id) else { continue };
                let Some(asked) = asked.iter().find(|asked| asked.at == at) else { continue };
                if self.still_asked(leader, asked) {
                    failed |= self.fetched(at, data, io).is_err();
                }
            }
        }
        if self.offline {
            return;
        }
        if failed {
            arm_backoff(leader, io);
        }
        self.fetcher_run(leader, io);
    }

    /// Whether nothing has changed since it was asked.
    pub(crate) fn still_asked(&self, leader: i32, asked: &Asked) -> bool {
        self.partitions[asked.at as usize].as_ref().is_some_and(|partition| {
            matches!(&partition.role, Role::Follower(following) if following.phase == asked.phase)
                && partition.leader == leader
                && partition.leader_epoch == asked.leader_epoch
                && partition.log.end_offset() == asked.end
        })
    }

    fn fetched<D: Disk, F: Fx>(&mut self, at: u32, data: PartitionData, io: &mut Io<'_, D, F>) -> Result<(), Delayed> {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return Ok(()) };
        match ErrorCode::from_code(data.error_code) {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                set_phase(partition, Phase::FindStart);
                return Ok(());
            }
            _ => {
                set_phase(partition, Phase::Backoff);
                return Err(Delayed);
            }
        }
        if data.diverging_epoch.end_offset >= 0 {
            let cut =
                partition.truncation_point(data.diverging_epoch.epoch, data.diverging_epoch.end_offset, io.cfg.bugs);
            if let Err(error) = partition.truncate(cut.offset, io) {
                self.fail(&error, io);
            }
            return Ok(());
        }
        if data.log_start_offset >= partition.log.end_offset() {
            match forget_all(partition, io) {
                Ok(false) => {}
                // What comes next is fetched again, once that is durable.
                Ok(true) => return Ok(()),
                Err(error) => {
                    self.fail(&error, io);
                    return Ok(());
                }
            }
        }
        if let Some(records) = data.records.filter(|records| !records.is_empty()) {
            let segments = partition.log.segment_base_offsets().count();
            if rare!(io, TinySegment)
                && let Err(error) = partition.log.roll(io.disk)
            {
                self.fail(&error, io);
                return Ok(());
            }
            if let Err(error) = begin_within_batch(partition, &records, io) {
                self.fail(&error, io);
                return Ok(());
            }
            let id = partition.id;
            let fx = &mut *io.fx;
            let appended = partition.log.append_as_follower(records, io.disk, |header| {
                fx.observe(Obs::Appended { log: id, batch: crate::mark(header) });
            });
            if let Err(error) = appended {
                if partition.log.is_failed() {
                    self.fail(&error, io);
                    return Ok(());
                }
                // The leader sent what is not a batch, or not the next one: nothing was written. Ask again later.
                set_phase(partition, Phase::Backoff);
                return Err(Delayed);
            }
            let rolled = partition.log.segment_base_offsets().count() != segments;
            if rolled {
                io.fx.observe(Obs::SegmentRolled { log: id });
            }
            let flushes = partition.flush == FlushPolicy::EveryWrite;
            if flushes {
                // The next fetch tells the leader that this is durable, so it must be.
                set_phase(partition, Phase::Flush);
            }
            if (rolled || flushes)
                && let Err(error) = start_sync(partition, at, io)
            {
                self.fail(&error, io);
                return Ok(());
            }
        }
        if data.log_start_offset > partition.log.start_offset() {
            self.follow_log_start(at, data.log_start_offset, io);
        }
        if let Some(partition) = self.partitions[at as usize].as_mut() {
            partition.follow_high_watermark(data.high_watermark, io);
        }
        Ok(())
    }

    fn follow_log_start<D: Disk, F: Fx>(&mut self, at: u32, start: i64, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let start = start.min(partition.log.end_offset());
        if partition.log.delete_records_before(start) {
            io.fx.observe(Obs::LogStart { log: partition.id, start, emptied: false });
        }
    }

    /// A call to a leader failed.
    pub fn on_fetch_failed<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        if let Some(fetcher) = self.fetchers.get_mut(&leader) {
            fetcher.fetching = None;
            self.fetcher_back_off(leader, io);
        }
    }

    /// `FETCHER_CALL`: a leader does not answer.
    pub(crate) fn fetcher_timed_out<D: Disk, F: Fx>(&mut self, index: i32, io: &mut Io<'_, D, F>) {
        let (leader, lookup) = (index / 2, index % 2 == 1);
        let peer = NodeId(leader as u32);
        if lookup {
            io.net.abandon(io.fx, peer, lanes::EPOCH_LOOKUP);
            self.on_lookup_failed(leader, io);
        } else if self.fetchers.get(&leader).is_some_and(|fetcher| fetcher.fetching.is_some()) {
            io.net.abandon(io.fx, peer, lanes::REPLICA_FETCH);
            self.on_fetch_failed(leader, io);
        }
    }

    pub(crate) fn fetcher_back_off<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        if let Some(fetcher) = self.fetchers.get_mut(&leader) {
            fetcher.backoff = true;
            arm_backoff(leader, io);
        }
    }

    /// `FETCHER_BACKOFF`: try again.
    pub(crate) fn fetcher_backoff_over<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        fetcher.backoff = false;
        for &at in &fetcher.partitions {
            let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
            let next = first_phase(partition, io.cfg.truncation);
            if let Some(following) = partition.following_mut()
                && following.phase == Phase::Backoff
            {
                following.phase = next;
            }
        }
        self.fetcher_run(leader, io);
    }
}

/// The partition waits for the backoff.
pub(crate) struct Delayed;

pub(crate) fn set_phase(partition: &mut Partition, phase: Phase) {
    if let Some(following) = partition.following_mut() {
        following.phase = phase;
    }
}

/// Even indexes are fetches, odd ones lookups: both may be in flight to one leader.
fn call_timer(leader: i32) -> TimerId {
    TimerId { class: timers::FETCHER_CALL, index: leader as u32 * 2 }
}

pub(crate) fn lookup_timer(leader: i32) -> TimerId {
    TimerId { class: timers::FETCHER_CALL, index: leader as u32 * 2 + 1 }
}

pub(crate) fn arm_backoff<D: Disk, F: Fx>(leader: i32, io: &mut Io<'_, D, F>) {
    let backoff = io.cfg.replica_fetch_backoff;
    io.fx.set_timer(TimerId { class: timers::FETCHER_BACKOFF, index: leader as u32 }, backoff, backoff);
}

/// The leader has none of our records any more, so nobody can say whether they were the same: it answers for no epoch
/// below its first offset. What is other must not come back with a crash.
fn forget_all<D: Disk, F: Fx>(partition: &mut Partition, io: &mut Io<'_, D, F>) -> Result<bool, LogError> {
    let forgotten = partition.log.forget_all(io.disk)?;
    if forgotten {
        let start = partition.log.start_offset();
        io.fx.observe(Obs::LogStart { log: partition.id, start, emptied: true });
        partition.follow_high_watermark(start, io);
    }
    Ok(forgotten)
}

/// Lets an empty log begin where the first batch does that the leader sends. DeleteRecords may have moved the leader's
/// log start into a batch, which comes whole (KIP-107). [`Replicas::follow_log_start`] then moves the start forward again.
fn begin_within_batch<D: Disk, F: Fx>(
    partition: &mut Partition,
    records: &Bytes,
    io: &mut Io<'_, D, F>,
) -> Result<(), LogError> {
    let end = partition.log.end_offset();
    if partition.log.start_offset() != end {
        return Ok(());
    }
    let Ok(first) = validate(records) else { return Ok(()) };
    let base = first.base_offset;
    if base >= end || first.next_offset() <= end {
        return Ok(());
    }
    partition.log.truncate_fully_and_start_at(base, io.disk)?;
    if partition.high_watermark > base {
        partition.high_watermark = base;
        io.fx.observe(Obs::HighWatermark { partition: partition.id, value: base, leader: false });
    }
    io.fx.observe(Obs::LogStart { log: partition.id, start: base, emptied: true });
    Ok(())
}
