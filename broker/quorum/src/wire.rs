//! Building and taking apart the messages of the quorum. Each speaks of one partition, that of the metadata log.

use tribunal_common::BrokerConfig;
use tribunal_contract::Span;
use tribunal_protocol::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, FetchRequest,
    FetchResponse, FetchSnapshotRequest, FetchSnapshotResponse, VoteRequest, VoteResponse, begin_quorum_epoch_request,
    begin_quorum_epoch_response, end_quorum_epoch_request, end_quorum_epoch_response, fetch_request, fetch_response,
    fetch_snapshot_request, fetch_snapshot_response, vote_request, vote_response,
};
use tribunal_protocol::{ErrorCode, Str, Uuid};

use crate::snapshots::SnapshotId;
use crate::{Election, TOPIC};

/// First version of Fetch that names topics by id (KIP-516).
const FETCH_BY_TOPIC_ID: i16 = 13;
/// First version of Fetch whose replica id is part of the replica state (KIP-903).
const FETCH_REPLICA_STATE: i16 = 15;

const NAME: Str = Str::from_static(TOPIC);

/// Where a log ends: the epoch of its last record, and the offset after it. Later epochs are more up to date, then
/// longer logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogEnd {
    pub(crate) epoch: i32,
    pub(crate) offset: i64,
}

/// The only partition of the only topic. `$is` says whether a topic is the metadata log's.
macro_rules! only_partition {
    ($topics:expr, $is:expr, $index:ident) => {
        match &$topics[..] {
            [topic] if $is(topic) => match &topic.partitions[..] {
                [partition] if partition.$index == 0 => Some(partition),
                _ => None,
            },
            _ => None,
        }
    };
}

/// A request or response that speaks of the metadata log only, or `None`.
pub(crate) fn vote_request(body: &VoteRequest) -> Option<&vote_request::PartitionData> {
    only_partition!(body.topics, |t: &vote_request::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn vote_response(body: &VoteResponse) -> Option<&vote_response::PartitionData> {
    only_partition!(body.topics, |t: &vote_response::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn begin_request(body: &BeginQuorumEpochRequest) -> Option<&begin_quorum_epoch_request::PartitionData> {
    only_partition!(body.topics, |t: &begin_quorum_epoch_request::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn begin_response(body: &BeginQuorumEpochResponse) -> Option<&begin_quorum_epoch_response::PartitionData> {
    only_partition!(body.topics, |t: &begin_quorum_epoch_response::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn end_request(body: &EndQuorumEpochRequest) -> Option<&end_quorum_epoch_request::PartitionData> {
    only_partition!(body.topics, |t: &end_quorum_epoch_request::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn end_response(body: &EndQuorumEpochResponse) -> Option<&end_quorum_epoch_response::PartitionData> {
    only_partition!(body.topics, |t: &end_quorum_epoch_response::TopicData| t.topic_name == TOPIC, partition_index)
}

pub(crate) fn fetch_request(version: i16, body: &FetchRequest) -> Option<&fetch_request::FetchPartition> {
    let ours = |t: &fetch_request::FetchTopic| match version < FETCH_BY_TOPIC_ID {
        true => t.topic == TOPIC,
        false => t.topic_id == Uuid::METADATA_TOPIC,
    };
    only_partition!(body.topics, ours, partition)
}

/// This node always fetches by topic id.
pub(crate) fn fetch_response(body: &FetchResponse) -> Option<&fetch_response::PartitionData> {
    let ours = |t: &fetch_response::FetchableTopicResponse| t.topic_id == Uuid::METADATA_TOPIC;
    only_partition!(body.responses, ours, partition_index)
}

pub(crate) fn snapshot_request(body: &FetchSnapshotRequest) -> Option<&fetch_snapshot_request::PartitionSnapshot> {
    only_partition!(body.topics, |t: &fetch_snapshot_request::TopicSnapshot| t.name == TOPIC, partition)
}

pub(crate) fn snapshot_response(body: &FetchSnapshotResponse) -> Option<&fetch_snapshot_response::PartitionSnapshot> {
    only_partition!(body.topics, |t: &fetch_snapshot_response::TopicSnapshot| t.name == TOPIC, index)
}

/// Who fetches, in any version: below 0 is a consumer.
pub(crate) fn replica_id(version: i16, body: &FetchRequest) -> i32 {
    if version < FETCH_REPLICA_STATE { body.replica_id } else { body.replica_state.replica_id }
}

pub(crate) fn ask_for_vote(cfg: &BrokerConfig, voter: i32, epoch: i32, end: LogEnd, pre_vote: bool) -> VoteRequest {
    let partition = vote_request::PartitionData {
        partition_index: 0,
        replica_epoch: epoch,
        replica_id: cfg.node_id,
        last_offset_epoch: end.epoch,
        last_offset: end.offset,
        pre_vote,
        ..Default::default()
    };
    VoteRequest {
        cluster_id: Some(cfg.cluster_id.clone()),
        voter_id: voter,
        topics: vec![vote_request::TopicData { topic_name: NAME, partitions: vec![partition] }],
    }
}

pub(crate) fn answer_vote(error: ErrorCode, election: &Election, granted: bool) -> VoteResponse {
    let partition = vote_response::PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: election.leader.unwrap_or(-1),
        leader_epoch: election.epoch,
        vote_granted: granted,
    };
    VoteResponse {
        topics: vec![vote_response::TopicData { topic_name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

pub(crate) fn begin_epoch(cfg: &BrokerConfig, voter: i32, epoch: i32) -> BeginQuorumEpochRequest {
    let partition = begin_quorum_epoch_request::PartitionData {
        partition_index: 0,
        leader_id: cfg.node_id,
        leader_epoch: epoch,
        ..Default::default()
    };
    BeginQuorumEpochRequest {
        cluster_id: Some(cfg.cluster_id.clone()),
        voter_id: voter,
        topics: vec![begin_quorum_epoch_request::TopicData { topic_name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

pub(crate) fn answer_begin(error: ErrorCode, election: &Election) -> BeginQuorumEpochResponse {
    let partition = begin_quorum_epoch_response::PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: election.leader.unwrap_or(-1),
        leader_epoch: election.epoch,
    };
    BeginQuorumEpochResponse {
        topics: vec![begin_quorum_epoch_response::TopicData { topic_name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

pub(crate) fn end_epoch(cfg: &BrokerConfig, epoch: i32, successors: &[i32]) -> EndQuorumEpochRequest {
    let candidate =
        |id: &i32| end_quorum_epoch_request::ReplicaInfo { candidate_id: *id, candidate_directory_id: Uuid::ZERO };
    let partition = end_quorum_epoch_request::PartitionData {
        partition_index: 0,
        leader_id: cfg.node_id,
        leader_epoch: epoch,
        preferred_candidates: successors.iter().map(candidate).collect(),
        ..Default::default()
    };
    EndQuorumEpochRequest {
        cluster_id: Some(cfg.cluster_id.clone()),
        topics: vec![end_quorum_epoch_request::TopicData { topic_name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

pub(crate) fn answer_end(error: ErrorCode, election: &Election) -> EndQuorumEpochResponse {
    let partition = end_quorum_epoch_response::PartitionData {
        partition_index: 0,
        error_code: error.code(),
        leader_id: election.leader.unwrap_or(-1),
        leader_epoch: election.epoch,
    };
    EndQuorumEpochResponse {
        topics: vec![end_quorum_epoch_response::TopicData { topic_name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

/// What a follower has and asks for.
pub(crate) struct FetchFrom {
    pub(crate) epoch: i32,
    pub(crate) end: LogEnd,
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    pub(crate) max_bytes: i32,
}

pub(crate) fn fetch(cfg: &BrokerConfig, from: &FetchFrom) -> FetchRequest {
    let partition = fetch_request::FetchPartition {
        partition: 0,
        current_leader_epoch: from.epoch,
        fetch_offset: from.end.offset,
        last_fetched_epoch: from.end.epoch,
        log_start_offset: from.log_start,
        partition_max_bytes: from.max_bytes,
        high_watermark: from.high_watermark,
        ..Default::default()
    };
    FetchRequest {
        cluster_id: Some(cfg.cluster_id.clone()),
        replica_state: fetch_request::ReplicaState { replica_id: cfg.node_id, replica_epoch: -1 },
        max_wait_ms: fetch_wait(cfg).as_millis() as i32,
        max_bytes: from.max_bytes,
        topics: vec![fetch_request::FetchTopic {
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// How long the leader may keep a fetch. A voter's fetches also tell the leader that it has a majority; an observer's
/// tell nobody anything, so it asks only as often as its own fetch timeout needs.
fn fetch_wait(cfg: &BrokerConfig) -> Span {
    match cfg.is_voter() {
        true => cfg.quorum_fetch_wait,
        false => cfg.quorum_fetch_wait.max(Span::from_nanos(cfg.quorum_fetch_timeout.as_nanos() / 2)),
    }
}

/// A fetch is answered by name and id, so that every version finds what it reads.
pub(crate) fn answer_fetch(partition: fetch_response::PartitionData) -> FetchResponse {
    FetchResponse {
        responses: vec![fetch_response::FetchableTopicResponse {
            topic: NAME,
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
        }],
        ..Default::default()
    }
}

/// Where a follower is with a snapshot.
pub(crate) struct SnapshotFrom {
    pub(crate) epoch: i32,
    pub(crate) id: SnapshotId,
    pub(crate) position: i64,
    pub(crate) max_bytes: i32,
}

pub(crate) fn fetch_snapshot(cfg: &BrokerConfig, from: &SnapshotFrom) -> FetchSnapshotRequest {
    let partition = fetch_snapshot_request::PartitionSnapshot {
        partition: 0,
        current_leader_epoch: from.epoch,
        snapshot_id: fetch_snapshot_request::SnapshotId { end_offset: from.id.end, epoch: from.id.epoch },
        position: from.position,
        ..Default::default()
    };
    FetchSnapshotRequest {
        cluster_id: Some(cfg.cluster_id.clone()),
        replica_id: cfg.node_id,
        max_bytes: from.max_bytes,
        topics: vec![fetch_snapshot_request::TopicSnapshot { name: NAME, partitions: vec![partition] }],
    }
}

pub(crate) fn answer_snapshot(partition: fetch_snapshot_response::PartitionSnapshot) -> FetchSnapshotResponse {
    FetchSnapshotResponse {
        topics: vec![fetch_snapshot_response::TopicSnapshot { name: NAME, partitions: vec![partition] }],
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_epoch_is_more_up_to_date_than_the_longer_log() {
        assert!(LogEnd { epoch: 3, offset: 1 } > LogEnd { epoch: 2, offset: 9 });
        assert!(LogEnd { epoch: 3, offset: 2 } > LogEnd { epoch: 3, offset: 1 });
    }

    #[test]
    fn another_topic_or_partition_is_not_the_metadata_log() {
        let cfg = BrokerConfig::new(1, vec![1, 2, 3]);
        let good = ask_for_vote(&cfg, 2, 4, LogEnd { epoch: 3, offset: 7 }, true);
        assert!(vote_request(&good).is_some());
        let mut other = good.clone();
        other.topics[0].topic_name = Str::from("orders");
        assert_eq!(vote_request(&other), None);
        let mut other = good.clone();
        other.topics[0].partitions[0].partition_index = 1;
        assert_eq!(vote_request(&other), None);
        let mut two = good;
        let again = two.topics[0].partitions[0].clone();
        two.topics[0].partitions.push(again);
        assert_eq!(vote_request(&two), None);
        assert_eq!(vote_request(&VoteRequest::default()), None);
    }
}
