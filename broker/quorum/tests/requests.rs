//! Requests as they may come from anybody, and what each is answered.

mod world;

use bytes::Bytes;
use tribunal_common::{QuorumRole, lanes, timers};
use tribunal_contract::{ConnId, Disk, NodeId};
use tribunal_protocol::messages::fetch_response::{self, PartitionData};
use tribunal_protocol::messages::{
    DescribeQuorumRequest, EndQuorumEpochRequest, FetchRequest, FetchSnapshotRequest, VoteRequest, VoteResponse,
    describe_quorum_request as describe, end_quorum_epoch_request as end, fetch_snapshot_request as snapshot,
    vote_response,
};
use tribunal_protocol::{ErrorCode, Message, ResponseBody, Str};
use tribunal_records::{BatchBuilder, BatchOptions};
use world::alone::{Alone, TOPIC, answer_on, fetch, fetched, follower, vote};
use world::node::Happens;

fn fetch_error(body: &ResponseBody) -> ErrorCode {
    match body {
        ResponseBody::Fetch(body) if body.responses.is_empty() => ErrorCode::from_code(body.error_code),
        ResponseBody::Fetch(body) => ErrorCode::from_code(body.responses[0].partitions[0].error_code),
        other => panic!("{other:?}"),
    }
}

/// A node that leads the epoch it was elected in by node 1, and its log end.
fn leader() -> (Alone, i32, i64) {
    let mut alone = Alone::settled();
    let election = *alone.node.timers.keys().next().expect("the election timer");
    alone.happen(Happens::Timer(election));
    // Node 1 says yes to the pre-vote and to the vote.
    for _ in 0..2 {
        let conn = ConnId { initiator: NodeId(0), acceptor: NodeId(1), lane: lanes::QUORUM, attempt: 0 };
        alone.happen(Happens::Up { conn, peer: NodeId(1), inbound: false });
        let epoch = alone.node.quorum.as_ref().expect("up").epoch();
        let granted = vote_response::PartitionData {
            leader_id: -1,
            leader_epoch: epoch,
            vote_granted: true,
            ..Default::default()
        };
        let topic = vote_response::TopicData { topic_name: TOPIC, partitions: vec![granted] };
        let body = VoteResponse { topics: vec![topic], ..Default::default() };
        alone.happen(Happens::Msg { conn, peer: NodeId(1), msg: Message::response(2, body) });
        alone.settle();
    }
    let quorum = alone.node.quorum.as_ref().expect("up");
    assert_eq!(quorum.role(), QuorumRole::Leader);
    let (epoch, end) = (quorum.epoch(), quorum.log_end());
    (alone, epoch, end)
}

#[test]
fn a_vote_is_answered_only_once_it_is_on_disk() {
    let mut alone = Alone::settled();
    let conn = Alone::conn(1, 0);
    let sent = alone.ask_on(conn, 2, vote(1, 5, (0, 0), false));
    assert!(answer_on(sent, conn).is_none(), "nothing is on disk yet");
    let mut before = 0;
    let answer = loop {
        assert!(alone.node.disk.pending() > 0, "it is answered in the end");
        let op = alone.node.disk.complete_sync(&mut alone.dice);
        before += 1;
        let sent = alone.happen(Happens::Synced(op));
        if let Some(answer) = answer_on(sent, conn) {
            break answer;
        }
    };
    assert_eq!(before, 2, "content, then name");
    let text = alone.node.disk.durable("__cluster_metadata-0/quorum-state").expect("there");
    assert!(std::str::from_utf8(text).expect("text").contains("\"leaderEpoch\":5,\"votedId\":1"));
    assert!(matches!(answer, ResponseBody::Vote(body) if body.topics[0].partitions[0].vote_granted));
}

#[test]
fn one_vote_an_epoch_and_the_same_one_again() {
    let mut alone = Alone::settled();
    assert_eq!(alone.vote(vote(1, 5, (0, 0), false)), (ErrorCode::None, true, 5));
    assert_eq!(alone.vote(vote(2, 5, (0, 0), false)), (ErrorCode::None, false, 5));
    assert_eq!(alone.vote(vote(1, 5, (0, 0), false)), (ErrorCode::None, true, 5));
    assert_eq!(alone.vote(vote(2, 6, (0, 0), false)), (ErrorCode::None, true, 6));
}

#[test]
fn a_pre_vote_promises_nothing() {
    let mut alone = Alone::settled();
    assert_eq!(alone.vote(vote(1, 5, (0, 0), true)), (ErrorCode::None, true, 5));
    assert_eq!(alone.vote(vote(2, 5, (0, 0), true)), (ErrorCode::None, true, 5));
    assert_eq!(alone.vote(vote(2, 5, (0, 0), false)), (ErrorCode::None, true, 5));
    assert_eq!(alone.vote(vote(1, 5, (0, 0), true)), (ErrorCode::None, true, 5));
}

#[test]
fn votes_that_make_no_sense_are_refused_with_kafkas_errors() {
    let mut alone = Alone::settled();
    assert_eq!(alone.vote(vote(1, 5, (0, 0), false)).0, ErrorCode::None);
    assert_eq!(alone.vote(vote(1, 4, (0, 0), false)), (ErrorCode::FencedLeaderEpoch, false, 5));
    assert_eq!(alone.vote(vote(7, 6, (0, 0), false)), (ErrorCode::InconsistentVoterSet, false, 5));
    assert_eq!(alone.vote(vote(-1, 6, (0, 0), false)), (ErrorCode::InvalidRequest, false, 5));
    assert_eq!(alone.vote(vote(0, 6, (0, 0), false)), (ErrorCode::InvalidRequest, false, 5));
    assert_eq!(alone.vote(vote(1, 6, (6, 0), false)), (ErrorCode::InvalidRequest, false, 5));
    assert_eq!(alone.vote(vote(1, 6, (7, 0), true)), (ErrorCode::InvalidRequest, false, 5));
    assert_eq!(alone.vote(vote(1, 6, (0, -1), false)), (ErrorCode::InvalidRequest, false, 5));
    let other_cluster = VoteRequest { cluster_id: Some(Str::from("other")), ..vote(1, 6, (0, 0), false) };
    assert_eq!(alone.vote(other_cluster).0, ErrorCode::InconsistentClusterId);
    let other_voter = VoteRequest { voter_id: 2, ..vote(1, 6, (0, 0), false) };
    assert_eq!(alone.vote(other_voter).0, ErrorCode::InvalidVoterKey);
    assert_eq!(alone.vote(VoteRequest::default()).0, ErrorCode::InvalidRequest);
}

#[test]
fn two_leaders_of_one_epoch_are_not_believed() {
    let mut alone = Alone::settled();
    assert_eq!(alone.begin(1, 5), ErrorCode::None);
    assert_eq!(alone.role(), QuorumRole::Follower);
    assert_eq!(alone.begin(2, 5), ErrorCode::InvalidRequest);
    assert_eq!(alone.begin(0, 6), ErrorCode::InvalidRequest);
    assert_eq!(alone.begin(2, 4), ErrorCode::FencedLeaderEpoch);
    assert_eq!(alone.begin(9, 6), ErrorCode::InconsistentVoterSet);
    assert_eq!(alone.node.quorum.as_ref().expect("up").leader(), Some(1));
}

#[test]
fn the_end_of_an_epoch_sets_the_best_successor_off_at_once() {
    let mut alone = Alone::settled();
    assert_eq!(alone.begin(1, 5), ErrorCode::None);
    let partition =
        end::PartitionData { leader_id: 1, leader_epoch: 5, preferred_successors: vec![0, 2], ..Default::default() };
    let topics = vec![end::TopicData { topic_name: TOPIC, partitions: vec![partition] }];
    alone.ask(0, EndQuorumEpochRequest { topics, ..Default::default() });
    let due = alone.node.timers.values().min().copied();
    assert_eq!(due, Some(1_000_000_000), "the fetch timer is due now");
}

#[test]
fn only_the_leader_serves_fetches_and_says_who_that_is() {
    let mut alone = Alone::settled();
    alone.begin(1, 5);
    let body = alone.ask(18, fetch(2, 5, (0, 0), 0));
    assert_eq!(fetch_error(&body), ErrorCode::NotLeaderOrFollower);
    let ResponseBody::Fetch(body) = body else { panic!() };
    let partition = &body.responses[0].partitions[0];
    assert_eq!((partition.current_leader.leader_id, partition.current_leader.leader_epoch), (1, 5));
    assert_eq!(fetch_error(&alone.ask(18, fetch(2, 4, (0, 0), 0))), ErrorCode::FencedLeaderEpoch);
    assert_eq!(fetch_error(&alone.ask(18, fetch(2, 6, (0, 0), 0))), ErrorCode::UnknownLeaderEpoch);
    for bad in [fetch(2, 5, (0, -1), 0), fetch(2, 5, (-1, 0), 0), fetch(2, 5, (6, 0), 0), fetch(2, 5, (0, 0), -1)] {
        assert_eq!(fetch_error(&alone.ask(18, bad)), ErrorCode::InvalidRequest);
    }
    assert_eq!(fetch_error(&alone.ask(18, FetchRequest::default())), ErrorCode::InvalidRequest);
}

#[test]
fn a_fetch_that_diverges_is_told_where_and_counts_for_nothing() {
    let (mut alone, epoch, end) = leader();
    let ResponseBody::Fetch(body) = alone.ask(18, fetch(1, epoch, (epoch, end + 10), 500)) else { panic!() };
    let partition = &body.responses[0].partitions[0];
    assert_eq!((partition.diverging_epoch.epoch, partition.diverging_epoch.end_offset), (epoch, end));
    assert_eq!(alone.node.quorum.as_ref().expect("up").high_watermark(), 0);
}

#[test]
fn one_parked_fetch_a_peer_and_the_newest_connection_has_it() {
    let (mut alone, epoch, end) = leader();
    let [old, new] = [3, 4].map(|attempt| Alone::conn(1, attempt));
    assert!(alone.ask_on(new, 18, fetch(1, epoch, (epoch, end), 500)).is_empty(), "parked");
    let sent = alone.ask_on(old, 18, fetch(1, epoch, (epoch, end), 500));
    assert!(answer_on(sent, old).is_some(), "nobody waits on the older connection");
    let newest = Alone::conn(1, 5);
    let sent = alone.ask_on(newest, 18, fetch(1, epoch, (epoch, end), 500));
    assert!(answer_on(sent, new).is_some(), "it is replaced");
    let sent = alone.happen(Happens::Append(vec![Bytes::from_static(b"x")]));
    let ResponseBody::Fetch(body) = answer_on(sent, newest).expect("there is something to read") else { panic!() };
    assert!(body.responses[0].partitions[0].records.as_ref().is_some_and(|r| !r.is_empty()));
}

#[test]
fn a_parked_fetch_dies_with_its_connection() {
    let (mut alone, epoch, end) = leader();
    let conn = Alone::conn(1, 3);
    alone.ask_on(conn, 18, fetch(1, epoch, (epoch, end), 500));
    alone.happen(Happens::Down { conn, peer: NodeId(1) });
    let sent = alone.happen(Happens::Append(vec![Bytes::from_static(b"x")]));
    assert!(answer_on(sent, conn).is_none());
}

#[test]
fn a_leader_that_steps_down_answers_those_who_wait() {
    let (mut alone, epoch, end) = leader();
    let conn = Alone::conn(1, 3);
    alone.ask_on(conn, 18, fetch(1, epoch, (epoch, end), 500));
    let sent = alone.happen(Happens::Resign);
    assert_eq!(fetch_error(&answer_on(sent, conn).expect("answered")), ErrorCode::NotLeaderOrFollower);
}

#[test]
fn the_leader_counts_its_own_log_only_as_far_as_it_is_durable() {
    let (mut alone, epoch, end) = leader();
    alone.ask_on(Alone::conn(1, 0), 18, fetch(1, epoch, (epoch, end), 0));
    assert_eq!(alone.node.quorum.as_ref().expect("up").high_watermark(), end);
    alone.happen(Happens::Append(vec![Bytes::from_static(b"x")]));
    alone.ask_on(Alone::conn(1, 1), 18, fetch(1, epoch, (epoch, end + 1), 0));
    assert_eq!(alone.node.quorum.as_ref().expect("up").high_watermark(), end, "1 of 3 has it durably");
    alone.settle();
    assert_eq!(alone.node.quorum.as_ref().expect("up").high_watermark(), end + 1);
}

#[test]
fn a_leader_that_asks_for_a_cut_below_the_high_watermark_stops_its_follower() {
    let mut alone = follower();
    fetched(&mut alone, |p| p.diverging_epoch = fetch_response::EpochEndOffset { epoch: 5, end_offset: 2 });
    assert!(alone.halted.is_some(), "KAFKA-12460");
    assert_eq!(alone.node.quorum.as_ref().expect("up").log_end(), 3, "nothing is cut");
}

#[test]
fn a_snapshot_that_ends_below_the_high_watermark_stops_the_follower() {
    let mut alone = follower();
    fetched(&mut alone, |p| p.snapshot_id = fetch_response::SnapshotId { end_offset: 2, epoch: 6 });
    assert!(alone.halted.is_some());
    assert_eq!(alone.node.quorum.as_ref().expect("up").log_end(), 3);
}

#[test]
fn what_the_leader_sends_that_makes_no_sense_changes_nothing() {
    let mut alone = follower();
    let mut hole = BatchBuilder::new(BatchOptions { base_offset: 9, partition_leader_epoch: 5, ..Default::default() });
    hole.append(0, None, Some(b"value"), &[]);
    let hole = hole.build();
    let bad: [fn(&mut PartitionData, Bytes); 8] = [
        |p, hole| p.records = Some(hole),
        |p, _| p.records = Some(Bytes::from_static(&[1; 100])),
        |p, _| p.snapshot_id = fetch_response::SnapshotId { end_offset: 3, epoch: 5 },
        |p, _| p.snapshot_id = fetch_response::SnapshotId { end_offset: 30, epoch: -1 },
        |p, _| p.current_leader.leader_id = 2,
        |p, _| p.current_leader.leader_epoch = 4,
        |p, _| p.partition_index = 1,
        |p, _| p.high_watermark = 1_000,
    ];
    for change in bad {
        fetched(&mut alone, |p| change(p, hole.clone()));
        let view = alone.node.quorum.as_ref().expect("up").view();
        assert_eq!((view.log_end, view.high_watermark, view.leader, view.epoch), (3, 3, Some(1), 5));
        assert_eq!(alone.halted, None);
        // It asks again after a moment.
        let backoff = alone.node.timers.keys().find(|id| id.class == timers::QUORUM_BACKOFF).copied();
        if let Some(backoff) = backoff {
            alone.node.timers.remove(&backoff);
            alone.happen(Happens::Timer(backoff));
        }
    }
}

#[test]
fn a_snapshot_is_served_in_pieces_within_bounds() {
    let (mut alone, epoch, end) = leader();
    alone.ask_on(Alone::conn(1, 0), 18, fetch(1, epoch, (epoch, end), 0));
    alone.happen(Happens::Snapshot);
    alone.settle();
    let ask = |position: i64, end_offset: i64, max_bytes: i32, epoch: i32| FetchSnapshotRequest {
        replica_id: 1,
        max_bytes,
        topics: vec![snapshot::TopicSnapshot {
            name: TOPIC,
            partitions: vec![snapshot::PartitionSnapshot {
                current_leader_epoch: epoch,
                snapshot_id: snapshot::SnapshotId { end_offset, epoch },
                position,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let mut bytes = Vec::new();
    let size = loop {
        let ResponseBody::FetchSnapshot(body) = alone.ask(1, ask(bytes.len() as i64, end, 7, epoch)) else { panic!() };
        let piece = &body.topics[0].partitions[0];
        assert_eq!((piece.error_code, piece.position), (0, bytes.len() as i64));
        assert!(piece.unaligned_records.len() <= 7);
        bytes.extend_from_slice(&piece.unaligned_records);
        if bytes.len() as i64 == piece.size {
            break piece.size;
        }
    };
    let path = format!("__cluster_metadata-0/{end:020}-{epoch:010}.checkpoint");
    let file = alone.node.disk.open(&path).expect("there");
    assert_eq!(alone.node.disk.read(file, 0, usize::MAX).expect("read"), bytes);
    for (request, error) in [
        (ask(size, end, 7, epoch), ErrorCode::PositionOutOfRange),
        (ask(-1, end, 7, epoch), ErrorCode::PositionOutOfRange),
        (ask(0, end + 1, 7, epoch), ErrorCode::SnapshotNotFound),
        (ask(0, end, 7, epoch - 1), ErrorCode::FencedLeaderEpoch),
        (ask(0, end, 7, epoch + 1), ErrorCode::UnknownLeaderEpoch),
    ] {
        let ResponseBody::FetchSnapshot(body) = alone.ask(1, request) else { panic!() };
        assert_eq!(body.topics[0].partitions[0].error_code, error.code());
    }
    let ResponseBody::FetchSnapshot(body) = alone.ask(1, ask(0, end, 0, epoch)) else { panic!() };
    assert_eq!(body.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn the_leader_describes_the_quorum() {
    let (mut alone, epoch, end) = leader();
    alone.ask_on(Alone::conn(1, 0), 18, fetch(1, epoch, (epoch, end), 0));
    alone.ask_on(Alone::conn(8, 0), 18, fetch(8, epoch, (0, 0), 0));
    let request = DescribeQuorumRequest {
        topics: vec![describe::TopicData {
            topic_name: TOPIC,
            partitions: vec![describe::PartitionData { partition_index: 0 }],
        }],
    };
    let ResponseBody::DescribeQuorum(body) = alone.ask(2, request) else { panic!() };
    let partition = &body.topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch, partition.high_watermark), (0, epoch, end));
    let voters: Vec<_> = partition.current_voters.iter().map(|r| (r.replica_id, r.log_end_offset)).collect();
    assert_eq!(voters, [(0, end), (1, end), (2, -1)]);
    let observers: Vec<_> = partition.observers.iter().map(|r| (r.replica_id, r.log_end_offset)).collect();
    assert_eq!(observers, [(8, 0)]);
    let other = describe::TopicData {
        topic_name: Str::from_static("orders"),
        partitions: vec![describe::PartitionData { partition_index: 0 }],
    };
    let request = DescribeQuorumRequest { topics: vec![other] };
    let ResponseBody::DescribeQuorum(body) = alone.ask(2, request) else { panic!() };
    assert_eq!(body.error_code, 0);
    assert_eq!(body.topics[0].partitions[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
}
