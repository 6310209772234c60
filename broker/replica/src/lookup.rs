//! What a follower asks a leader beside its fetches: where their logs part, and where the leader's begins.

use tribunal_common::{Fx, Io, Obs, TopicIdPartition, lanes, planted};
use tribunal_contract::{Disk, NodeId};
use tribunal_protocol::RequestBody;
use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tribunal_protocol::messages::list_offsets_response::ListOffsetsResponse;
use tribunal_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use tribunal_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderEpochResponse};

use crate::fetcher::{Asked, Delayed, arm_backoff, lookup_timer, set_phase};
use crate::offsets::EARLIEST_TIMESTAMP;
use crate::partition::{Phase, Role};
use crate::replicas::{Replicas, first_phase};

/// OffsetForLeaderEpoch version between brokers.
const LOOKUP_VERSION: i16 = 4;
/// ListOffsets version between brokers.
const LIST_OFFSETS_VERSION: i16 = 9;

impl Replicas {
    /// Asks the leader for points of divergence, or for its first offset.
    pub(crate) fn send_lookup<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        let lookups = self.asked_in(leader, Phase::Lookup);
        let (version, asked, body) = if lookups.is_empty() {
            let starts = self.asked_in(leader, Phase::FindStart);
            if starts.is_empty() {
                return;
            }
            let request = self.starts_request(&starts);
            (LIST_OFFSETS_VERSION, starts, RequestBody::ListOffsets(request))
        } else {
            let request = self.epochs_request(&lookups);
            (LOOKUP_VERSION, lookups, RequestBody::OffsetForLeaderEpoch(request))
        };
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if io.net.call(io.fx, NodeId(leader as u32), lanes::EPOCH_LOOKUP, version, body) {
            fetcher.looking_up = Some(asked);
            let timeout = io.cfg.request_timeout;
            io.fx.set_timer(lookup_timer(leader), timeout, timeout);
        }
    }

    /// The partitions followed at `leader` that are in this phase.
    fn asked_in(&self, leader: i32, phase: Phase) -> Vec<Asked> {
        let partitions = self.fetchers.get(&leader).map_or(&[][..], |fetcher| &fetcher.partitions);
        let in_phase = partitions.iter().filter_map(|&at| {
            let partition = self.partitions[at as usize].as_ref()?;
            let Role::Follower(following) = &partition.role else { return None };
            let (leader_epoch, end) = (partition.leader_epoch, partition.log.end_offset());
            (following.phase == phase).then_some(Asked { at, leader_epoch, end, phase })
        });
        in_phase.collect()
    }

    fn epochs_request(&self, asked: &[Asked]) -> OffsetForLeaderEpochRequest {
        let mut topics: Vec<OffsetForLeaderTopic> = Vec::new();
        for partition in asked.iter().filter_map(|asked| self.partitions[asked.at as usize].as_ref()) {
            let wanted = OffsetForLeaderPartition {
                partition: partition.id.partition,
                current_leader_epoch: partition.leader_epoch,
                leader_epoch: partition.log.latest_epoch().unwrap_or(-1),
            };
            match topics.last_mut().filter(|topic| topic.topic == partition.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => {
                    topics.push(OffsetForLeaderTopic { topic: partition.topic.clone(), partitions: vec![wanted] });
                }
            }
        }
        OffsetForLeaderEpochRequest { replica_id: self.me, topics }
    }

    fn starts_request(&self, asked: &[Asked]) -> ListOffsetsRequest {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for partition in asked.iter().filter_map(|asked| self.partitions[asked.at as usize].as_ref()) {
            let wanted = ListOffsetsPartition {
                partition_index: partition.id.partition,
                current_leader_epoch: partition.leader_epoch,
                timestamp: EARLIEST_TIMESTAMP,
            };
            match topics.last_mut().filter(|topic| topic.name == partition.topic) {
                Some(topic) => topic.partitions.push(wanted),
                None => topics.push(ListOffsetsTopic { name: partition.topic.clone(), partitions: vec![wanted] }),
            }
        }
        ListOffsetsRequest { replica_id: self.me, topics, ..Default::default() }
    }

    /// The leader's answer to OffsetForLeaderEpoch.
    pub fn on_epoch_ends<D: Disk, F: Fx>(
        &mut self,
        leader: i32,
        response: OffsetForLeaderEpochResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let Some(asked) = self.lookup_answered(leader, io) else { return };
        let mut delayed = false;
        for topic in &response.topics {
            let Some(id) = self.topic_id(&topic.topic) else { continue };
            for data in &topic.partitions {
                if let Some(at) =
                    self.answers(leader, TopicIdPartition { topic: id, partition: data.partition }, &asked)
                {
                    delayed |= self.epoch_end(at, data, io).is_err();
                }
            }
        }
        if delayed {
            arm_backoff(leader, io);
        }
        self.fetcher_run(leader, io);
    }

    fn epoch_end<D: Disk, F: Fx>(
        &mut self,
        at: u32,
        data: &EpochEndOffset,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), Delayed> {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return Ok(()) };
        if data.error_code != 0 {
            set_phase(partition, Phase::Backoff);
            return Err(Delayed);
        }
        let cut = partition.truncation_point(data.leader_epoch, data.end_offset, io.cfg.bugs);
        if let Err(error) = partition.truncate(cut.offset, io) {
            self.fail(&error, io);
            return Ok(());
        }
        if cut.agreed || partition.log.latest_epoch().is_none() {
            if let Some(following) = partition.following_mut() {
                following.agreed = true;
            }
            set_phase(partition, Phase::Fetch);
        }
        Ok(())
    }

    /// The leader's answer to ListOffsets: its first offset. A log that ends before it starts there anew.
    pub fn on_log_starts<D: Disk, F: Fx>(&mut self, leader: i32, response: ListOffsetsResponse, io: &mut Io<'_, D, F>) {
        let Some(asked) = self.lookup_answered(leader, io) else { return };
        let mut delayed = false;
        for topic in &response.topics {
            let Some(topic_id) = self.topic_id(&topic.name) else { continue };
            for data in &topic.partitions {
                let id = TopicIdPartition { topic: topic_id, partition: data.partition_index };
                let Some(at) = self.answers(leader, id, &asked) else { continue };
                let Some(partition) = self.partitions[at as usize].as_mut() else { continue };
                if data.error_code != 0 || data.offset < 0 {
                    set_phase(partition, Phase::Backoff);
                    delayed = true;
                    continue;
                }
                if partition.log.end_offset() < data.offset {
                    if let Err(error) = partition.log.truncate_fully_and_start_at(data.offset, io.disk) {
                        self.fail(&error, io);
                        return;
                    }
                    io.fx.observe(Obs::LogStart { log: id, start: data.offset, emptied: true });
                    set_phase(partition, Phase::Fetch);
                    // Nothing below the leader's start exists any more: the high watermark is at least there
                    // (KAFKA-9491).
                    if !planted!(io.cfg.bugs, Kafka9491) {
                        partition.high_watermark = data.offset;
                        io.fx.observe(Obs::HighWatermark { partition: id, value: data.offset, leader: false });
                    }
                } else {
                    // Our end is in the leader's range now, or beyond its end: compare epochs.
                    set_phase(partition, first_phase(partition, io.cfg.truncation));
                    delayed = true;
                }
            }
        }
        if delayed {
            arm_backoff(leader, io);
        }
        self.fetcher_run(leader, io);
    }

    fn lookup_answered<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) -> Option<Vec<Asked>> {
        let asked = self.fetchers.get_mut(&leader)?.looking_up.take()?;
        io.fx.cancel_timer(lookup_timer(leader));
        (!self.is_stopped()).then_some(asked)
    }

    fn answers(&self, leader: i32, id: TopicIdPartition, asked: &[Asked]) -> Option<u32> {
        let at = *self.index.get(&id)?;
        let asked = asked.iter().find(|asked| asked.at == at)?;
        self.still_asked(leader, asked).then_some(at)
    }

    /// A lookup at a leader failed.
    pub fn on_lookup_failed<D: Disk, F: Fx>(&mut self, leader: i32, io: &mut Io<'_, D, F>) {
        if let Some(fetcher) = self.fetchers.get_mut(&leader) {
            fetcher.looking_up = None;
            io.fx.cancel_timer(lookup_timer(leader));
            self.fetcher_back_off(leader, io);
        }
    }
}
