//! ListOffsets and OffsetForLeaderEpoch.

use std::collections::BTreeSet;

use tribunal_common::{Fx, Io, TopicIdPartition, planted};
use tribunal_contract::Disk;
use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use tribunal_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use tribunal_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use tribunal_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use tribunal_protocol::{ErrorCode, Uuid};

use crate::fetch::{READ_COMMITTED, READ_UNCOMMITTED, check_leader_epoch};
use crate::merge::merge;
use crate::partition::{Partition, Role};
use crate::replicas::Replicas;

/// ListOffsets: the offset after the last one a consumer may read.
pub(crate) const LATEST_TIMESTAMP: i64 = -1;
/// ListOffsets: the first offset.
pub(crate) const EARLIEST_TIMESTAMP: i64 = -2;
/// ListOffsets: the offset of the record with the greatest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// ListOffsets: the first offset on local storage (KIP-405); without tiered storage, the first.
const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
/// ListOffsets: the last offset on tiered storage (KIP-1005); there is none.
const LATEST_TIERED_TIMESTAMP: i64 = -5;
/// First version of ListOffsets that knows OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE_SINCE: i16 = 5;

/// First version of ListOffsets that answers with the leader epoch (KIP-320).
const LEADER_EPOCH_SINCE: i16 = 4;

impl Replicas {
    /// Serves ListOffsets.
    pub fn list_offsets<D: Disk, F: Fx>(
        &mut self,
        version: i16,
        request: ListOffsetsRequest,
        io: &mut Io<'_, D, F>,
    ) -> ListOffsetsResponse {
        let known = matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED);
        let follower = request.replica_id >= 0;
        let mut topics = request.topics;
        let twice = if known { merge(&mut topics) } else { BTreeSet::new() };
        let topics = topics.into_iter().map(|topic| {
            let id = self.topic_id(&topic.name);
            let partitions = topic.partitions.iter().map(|wanted| {
                let named_twice = || twice.contains(&((topic.name.clone(), Uuid::ZERO), wanted.partition_index));
                let refused = match wanted.timestamp {
                    // Kafka has no code for an isolation level that there is not.
                    _ if !known => Some(ErrorCode::UnknownServerError),
                    _ if !twice.is_empty() && named_twice() => Some(ErrorCode::InvalidRequest),
                    timestamp if !knows_timestamp(timestamp, version) => Some(ErrorCode::UnsupportedVersion),
                    _ => None,
                };
                self.list_offset(id, wanted, version, follower, refused, io)
            });
            ListOffsetsTopicResponse { partitions: partitions.collect(), name: topic.name }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn list_offset<D: Disk, F: Fx>(
        &mut self,
        topic: Option<Uuid>,
        wanted: &ListOffsetsPartition,
        version: i16,
        follower: bool,
        refused: Option<ErrorCode>,
        io: &mut Io<'_, D, F>,
    ) -> ListOffsetsPartitionResponse {
        let mut response =
            ListOffsetsPartitionResponse { partition_index: wanted.partition_index, ..Default::default() };
        let found = refused
            .map_or(Ok(()), Err)
            .and_then(|()| self.led(topic, wanted.partition_index))
            .and_then(|partition| check_leader_epoch(partition, wanted.current_leader_epoch).map(|()| partition))
            .and_then(|partition| find_offset(partition, wanted.timestamp, version, follower, io));
        match found {
            Ok(found) => {
                response.timestamp = found.timestamp;
                response.offset = found.offset;
                if version >= LEADER_EPOCH_SINCE {
                    response.leader_epoch = found.leader_epoch;
                }
            }
            Err(error) => response.error_code = error.code(),
        }
        response
    }

    /// Serves OffsetForLeaderEpoch.
    pub fn offsets_for_leader_epochs<D: Disk, F: Fx>(
        &mut self,
        request: OffsetForLeaderEpochRequest,
        io: &mut Io<'_, D, F>,
    ) -> OffsetForLeaderEpochResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let id = self.topic_id(&topic.topic);
            let partitions = topic.partitions.iter().map(|wanted| self.epoch_end_offset(id, wanted, io)).collect();
            OffsetForLeaderTopicResult { topic: topic.topic, partitions }
        });
        OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
    }

    fn epoch_end_offset<D: Disk, F: Fx>(
        &mut self,
        topic: Option<Uuid>,
        wanted: &OffsetForLeaderPartition,
        io: &mut Io<'_, D, F>,
    ) -> EpochEndOffset {
        let mut response = EpochEndOffset { partition: wanted.partition, ..Default::default() };
        let answer = self.led(topic, wanted.partition).and_then(|partition| {
            // A leader that has not heard of the asker's epoch, or an asker that has not heard of the leader's, would
            // compare logs that are about to change (KIP-320).
            if !planted!(io.cfg.bugs, Kip320Truncation) {
                check_leader_epoch(partition, wanted.current_leader_epoch)?;
            }
            Ok(partition.log.end_offset_for_epoch(wanted.leader_epoch))
        });
        match answer {
            Ok(Some((epoch, end_offset))) => {
                response.leader_epoch = epoch;
                response.end_offset = end_offset;
            }
            Ok(None) => {}
            Err(error) => response.error_code = error.code(),
        }
        response
    }

    /// The partition, if this broker leads it.
    pub(crate) fn led(&mut self, topic: Option<Uuid>, partition: i32) -> Result<&mut Partition, ErrorCode> {
        let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if self.offline {
            return Err(ErrorCode::KafkaStorageError);
        }
        let Some(&at) = self.index.get(&TopicIdPartition { topic, partition }) else {
            return Err(self.not_here(Some(topic), partition, ErrorCode::UnknownTopicOrPartition));
        };
        match self.partitions[at as usize].as_mut() {
            Some(partition) if matches!(partition.role, Role::Leader(_)) => Ok(partition),
            _ => Err(ErrorCode::NotLeaderOrFollower),
        }
    }
}

struct Found {
    timestamp: i64,
    offset: i64,
    leader_epoch: i32,
}

fn find_offset<D: Disk, F: Fx>(
    partition: &mut Partition,
    timestamp: i64,
    version: i16,
    follower: bool,
    io: &mut Io<'_, D, F>,
) -> Result<Found, ErrorCode> {
    let log = &partition.log;
    // What a client may read ends at the high watermark; a follower replicates up to the log end.
    let end = if follower { log.end_offset() } else { partition.high_watermark };
    let at = |offset: i64| Found { timestamp: -1, offset, leader_epoch: log.epoch_for_offset(offset).unwrap_or(-1) };
    // A leader whose high watermark has not reached its epoch's start does not yet know what earlier leaders committed:
    // its end would lie before records that clients have been told of (KIP-207).
    let lagging =
        !follower && partition.leading().is_some_and(|leading| partition.high_watermark < leading.epoch_start);
    let unavailable = match version {
        OFFSET_NOT_AVAILABLE_SINCE.. => ErrorCode::OffsetNotAvailable,
        _ => ErrorCode::LeaderNotAvailable,
    };
    let nothing = || if lagging { Err(unavailable) } else { Ok(NONE) };
    match timestamp {
        LATEST_TIMESTAMP if lagging => Err(unavailable),
        // The offset after the last record has the epoch of the leader that will fill it.
        LATEST_TIMESTAMP => Ok(Found { leader_epoch: partition.leader_epoch, ..at(end) }),
        EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => Ok(at(log.start_offset())),
        LATEST_TIERED_TIMESTAMP => Ok(NONE),
        MAX_TIMESTAMP => {
            let found = log.max_timestamp(io.disk).map_err(|_| ErrorCode::KafkaStorageError)?;
            let readable = found.filter(|found| found.offset < end);
            readable.map_or_else(nothing, |found| Ok(Found { timestamp: found.timestamp, ..at(found.offset) }))
        }
        0.. => {
            let found = log.offset_for_timestamp(timestamp, io.disk).map_err(|_| ErrorCode::KafkaStorageError)?;
            let readable = found.filter(|found| found.offset < end);
            readable.map_or_else(nothing, |found| Ok(Found { timestamp: found.timestamp, ..at(found.offset) }))
        }
        _ => Err(ErrorCode::UnsupportedVersion),
    }
}

/// Whether a version has this timestamp, if it is one that stands for something.
fn knows_timestamp(timestamp: i64, version: i16) -> bool {
    match timestamp {
        EARLIEST_TIMESTAMP.. => true,
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL_TIMESTAMP => version >= 8,
        LATEST_TIERED_TIMESTAMP => version >= 9,
        _ => false,
    }
}

const NONE: Found = Found { timestamp: -1, offset: -1, leader_epoch: -1 };
