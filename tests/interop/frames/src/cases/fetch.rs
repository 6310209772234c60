//! Fetch: from everywhere, in every epoch, by everyone.

use tribunal_protocol::messages::FetchRequest;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use tribunal_protocol::{RequestBody, Str, Uuid};

use super::produce::id_of;

const FLEXIBLE_SINCE: i16 = 12;
pub(super) const TOPIC_IDS_SINCE: i16 = 13;
const REPLICA_STATE_SINCE: i16 = 15;

pub(super) fn partition(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

fn request(version: i16, topic: &'static str, partitions: Vec<FetchPartition>) -> FetchRequest {
    let by_id = version >= TOPIC_IDS_SINCE;
    let topic = FetchTopic {
        topic: Str::from_static(if by_id { "" } else { topic }),
        topic_id: if by_id { id_of(topic) } else { Uuid::ZERO },
        partitions,
    };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic], ..Default::default() }
}

pub(super) fn fetch(version: i16) -> Vec<(&'static str, RequestBody)> {
    let one = |topic, p, offset| request(version, topic, vec![partition(p, offset)]);
    let plain = |offset| one("plain", 0, offset);
    let of = |change: fn(&mut FetchPartition)| {
        let mut wanted = partition(0, 9);
        change(&mut wanted);
        request(version, "plain", vec![wanted])
    };
    let with = |change: fn(&mut FetchRequest)| {
        let mut request = plain(0);
        change(&mut request);
        request
    };
    let follower = |id: i32, epoch: i64| {
        let mut request = plain(0);
        match version >= REPLICA_STATE_SINCE {
            true => request.replica_state = ReplicaState { replica_id: id, replica_epoch: epoch },
            false => request.replica_id = id,
        }
        request
    };
    let mut forgetting = with(|r| r.session_id = 0);
    forgetting.forgotten_topics_data = vec![ForgottenTopic {
        topic: Str::from_static(if version >= TOPIC_IDS_SINCE { "" } else { "plain" }),
        topic_id: if version >= TOPIC_IDS_SINCE { id_of("plain") } else { Uuid::ZERO },
        partitions: vec![1],
    }];
    let mut cases = vec![
        ("from the start", plain(0)),
        ("from inside a batch", plain(10)),
        ("from the end", plain(30)),
        ("beyond the end", plain(31)),
        ("far beyond the end", plain(i64::MAX)),
        ("before the start", plain(-1)),
        ("compressed records", one("packed", 0, 0)),
        ("after records were deleted", one("trimmed", 1, 0)),
        ("an empty partition", one("empty", 0, 0)),
        ("several partitions", request(version, "plain", vec![partition(2, 0), partition(0, 3), partition(1, 0)])),
        ("a partition twice", request(version, "plain", vec![partition(0, 0), partition(0, 3)])),
        ("unknown topic", one("nowhere", 0, 0)),
        ("deleted topic", one("doomed", 0, 0)),
        ("unknown partition", one("plain", 3, 0)),
        ("negative partition", one("plain", -1, 0)),
        ("in the leader's epoch", of(|p| p.current_leader_epoch = 0)),
        ("in a later epoch", of(|p| p.current_leader_epoch = 7)),
        ("no bytes", of(|p| p.partition_max_bytes = 0)),
        ("one byte", of(|p| p.partition_max_bytes = 1)),
        ("one byte in all", with(|r| r.max_bytes = 1)),
        ("a fifth of a batch more", of(|p| p.partition_max_bytes = 130)),
        ("a wait that nothing ends", with(|r| (r.max_wait_ms, r.min_bytes) = (50, 1 << 30))),
        ("a negative wait", with(|r| r.max_wait_ms = -1)),
        ("read committed", with(|r| r.isolation_level = 1)),
        ("isolation level 2", with(|r| r.isolation_level = 2)),
        ("unknown session", with(|r| (r.session_id, r.session_epoch) = (77, 3))),
        ("first of no session", with(|r| (r.session_id, r.session_epoch) = (77, -1))),
        ("of a broker that holds no replica", follower(5, -1)),
        ("a debugging replica", follower(-2, -1)),
        ("no topic", FetchRequest { max_wait_ms: 0, min_bytes: 1, max_bytes: 1 << 20, ..Default::default() }),
        ("what no session can forget", forgetting),
    ];
    if version >= FLEXIBLE_SINCE {
        cases.push(("after an epoch that is the leader's", of(|p| p.last_fetched_epoch = 0)));
        cases.push(("after an epoch that never was", of(|p| p.last_fetched_epoch = 3)));
        cases.push(("of another cluster", with(|r| r.cluster_id = Some(Str::from_static("another")))));
    }
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}
