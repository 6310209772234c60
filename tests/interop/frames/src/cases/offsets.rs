//! ListOffsets and OffsetForLeaderEpoch.

use tribunal_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use tribunal_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use tribunal_protocol::messages::{ListOffsetsRequest, OffsetForLeaderEpochRequest};
use tribunal_protocol::{RequestBody, Str};

use super::produce::MADE;

const ISOLATION_SINCE: i16 = 2;

pub(super) fn list_offsets(version: i16) -> Vec<(&'static str, RequestBody)> {
    let request = |topic, partition_index, current_leader_epoch, timestamp| {
        let partition = ListOffsetsPartition { partition_index, current_leader_epoch, timestamp };
        let topic = ListOffsetsTopic { name: Str::from_static(topic), partitions: vec![partition] };
        ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() }
    };
    let at = |timestamp| request("plain", 0, -1, timestamp);
    let by = |replica_id| ListOffsetsRequest { replica_id, ..at(-1) };
    let isolated = |isolation_level| ListOffsetsRequest { isolation_level, ..at(-1) };
    let mut twice = at(-1);
    twice.topics.push(at(-2).topics.remove(0));
    let mut cases = vec![
        ("latest", at(-1)),
        ("earliest", at(-2)),
        ("of the largest timestamp", at(-3)),
        ("earliest local", at(-4)),
        ("latest tiered", at(-5)),
        ("a special timestamp that is none", at(-6)),
        ("at zero", at(0)),
        ("at the first timestamp", at(MADE)),
        ("inside a batch", at(MADE + 4_005)),
        ("between batches", at(MADE + 4_500)),
        ("at the last timestamp", at(MADE + 9_010)),
        ("after the last timestamp", at(MADE + 9_011)),
        ("of the largest timestamp in nothing", request("empty", 0, -1, -3)),
        ("at zero in nothing", request("empty", 0, -1, 0)),
        ("latest in nothing", request("empty", 0, -1, -1)),
        ("inside a compressed batch", request("packed", 0, -1, MADE + 1_004)),
        ("at the end of a compressed batch", request("packed", 0, -1, MADE + 2_010)),
        ("of the largest timestamp, compressed", request("packed", 0, -1, -3)),
        ("unknown topic", request("nowhere", 0, -1, -1)),
        ("deleted topic", request("doomed", 0, -1, -1)),
        ("unknown partition", request("plain", 3, -1, -1)),
        ("negative partition", request("plain", -1, -1, -1)),
        ("in the leader's epoch", request("plain", 0, 0, -1)),
        ("in a later epoch", request("plain", 0, 9, -1)),
        ("a topic twice", twice),
        ("by a broker", by(1)),
        ("by a debugging replica", by(-2)),
        ("no topic", ListOffsetsRequest { replica_id: -1, ..Default::default() }),
    ];
    if version >= ISOLATION_SINCE {
        cases.push(("read committed", isolated(1)));
        cases.push(("isolation level 2", isolated(2)));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}

pub(super) fn for_leader_epoch(version: i16) -> Vec<(&'static str, RequestBody)> {
    let request = |topic, partition, current_leader_epoch, leader_epoch| {
        let partition = OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch };
        let topic = OffsetForLeaderTopic { topic: Str::from_static(topic), partitions: vec![partition] };
        let replica_id = if version >= 3 { -1 } else { -2 };
        OffsetForLeaderEpochRequest { replica_id, topics: vec![topic] }
    };
    let cases = [
        ("the only epoch", request("plain", 0, -1, 0)),
        ("a later epoch", request("plain", 0, -1, 5)),
        ("no epoch", request("plain", 0, -1, -1)),
        ("an epoch before all", request("plain", 0, -1, -5)),
        ("of nothing", request("empty", 0, -1, 0)),
        ("in the leader's epoch", request("plain", 0, 0, 0)),
        ("in a later epoch", request("plain", 0, 4, 0)),
        ("unknown topic", request("nowhere", 0, -1, 0)),
        ("deleted topic", request("doomed", 0, -1, 0)),
        ("unknown partition", request("plain", 3, -1, 0)),
    ];
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}
