//! A node on its own: its peers are the test.

use bytes::Bytes;
use tribunal_common::{BrokerConfig, QuorumRole, lanes};
use tribunal_contract::{ConnId, NodeId};
use tribunal_protocol::messages::fetch_response::{self, PartitionData};
use tribunal_protocol::messages::{
    BeginQuorumEpochRequest, FetchRequest, FetchResponse, VoteRequest, begin_quorum_epoch_request as begin,
    fetch_request as fetch, vote_request as vote,
};
use tribunal_protocol::{ErrorCode, Message, RequestBody, ResponseBody, Str, Uuid};
use tribunal_records::{BatchBuilder, BatchOptions};

use super::Dice;
use super::disk::MemDisk;
use super::node::{Happens, Node};

pub const TOPIC: Str = Str::from_static("__cluster_metadata");

/// A node on its own, whose peers are the test.
pub struct Alone {
    pub node: Node,
    pub dice: Dice,
    /// Its halt, if it did.
    pub halted: Option<&'static str>,
}

impl Alone {
    pub fn new(disk: MemDisk) -> Alone {
        let mut node = Node::new(BrokerConfig::new(0, vec![0, 1, 2]));
        node.disk = disk;
        let mut alone = Alone { node, dice: Dice::new(Vec::new(), 5), halted: None };
        alone.happen(Happens::Start);
        alone
    }

    pub fn settled() -> Alone {
        let mut alone = Alone::new(MemDisk::default());
        alone.settle();
        alone
    }

    pub fn happen(&mut self, what: Happens) -> Vec<(ConnId, Message)> {
        let done = self.node.handle(1_000_000_000, what, &mut self.dice);
        self.halted = self.halted.or(done.halted);
        done.sent
    }

    /// Completes all syncs.
    pub fn settle(&mut self) -> Vec<(ConnId, Message)> {
        let mut sent = Vec::new();
        while self.node.disk.pending() > 0 {
            let op = self.node.disk.complete_sync(&mut self.dice);
            sent.extend(self.happen(Happens::Synced(op)));
        }
        sent
    }

    pub fn conn(peer: u32, attempt: u32) -> ConnId {
        ConnId { initiator: NodeId(peer), acceptor: NodeId(0), lane: lanes::QUORUM_FETCH, attempt }
    }

    /// A request on a connection of its own; all that is sent at once.
    pub fn ask_on(&mut self, conn: ConnId, version: i16, body: impl Into<RequestBody>) -> Vec<(ConnId, Message)> {
        let peer = conn.initiator;
        self.happen(Happens::Up { conn, peer, inbound: true });
        self.happen(Happens::Msg { conn, peer, msg: Message::request(version, body) })
    }

    /// A request and its answer, once all is on disk.
    pub fn ask(&mut self, version: i16, body: impl Into<RequestBody>) -> ResponseBody {
        let conn = Self::conn(9, 0);
        let mut sent = self.ask_on(conn, version, body);
        sent.extend(self.settle());
        answer_on(sent, conn).expect("it is answered")
    }

    pub fn vote(&mut self, request: VoteRequest) -> (ErrorCode, bool, i32) {
        match self.ask(2, request) {
            ResponseBody::Vote(body) if body.topics.is_empty() => (ErrorCode::from_code(body.error_code), false, -1),
            ResponseBody::Vote(body) => {
                let p = &body.topics[0].partitions[0];
                (ErrorCode::from_code(p.error_code), p.vote_granted, p.leader_epoch)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn begin(&mut self, leader: i32, epoch: i32) -> ErrorCode {
        let partition = begin::PartitionData { leader_id: leader, leader_epoch: epoch, ..Default::default() };
        let topics = vec![begin::TopicData { topic_name: TOPIC, partitions: vec![partition] }];
        match self.ask(1, BeginQuorumEpochRequest { topics, ..Default::default() }) {
            ResponseBody::BeginQuorumEpoch(body) => ErrorCode::from_code(body.topics[0].partitions[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    pub fn role(&self) -> QuorumRole {
        self.node.quorum.as_ref().expect("up").role()
    }
}

pub fn answer_on(sent: Vec<(ConnId, Message)>, conn: ConnId) -> Option<ResponseBody> {
    sent.into_iter().find(|(on, _)| *on == conn).map(|(_, msg)| match msg {
        Message::Response { body, .. } => body,
        other => panic!("{other:?}"),
    })
}

pub fn vote(candidate: i32, epoch: i32, last: (i32, i64), pre_vote: bool) -> VoteRequest {
    let partition = vote::PartitionData {
        replica_epoch: epoch,
        replica_id: candidate,
        last_offset_epoch: last.0,
        last_offset: last.1,
        pre_vote,
        ..Default::default()
    };
    VoteRequest {
        topics: vec![vote::TopicData { topic_name: TOPIC, partitions: vec![partition] }],
        ..Default::default()
    }
}

pub fn fetch(replica: i32, epoch: i32, at: (i32, i64), wait: i32) -> FetchRequest {
    let partition = fetch::FetchPartition {
        current_leader_epoch: epoch,
        last_fetched_epoch: at.0,
        fetch_offset: at.1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    FetchRequest {
        replica_state: fetch::ReplicaState { replica_id: replica, replica_epoch: -1 },
        max_wait_ms: wait,
        topics: vec![fetch::FetchTopic {
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// What the leader of epoch 5, node 1, answers to a fetch.
pub fn fetched(alone: &mut Alone, change: impl FnOnce(&mut PartitionData)) {
    let mut partition = PartitionData {
        current_leader: fetch_response::LeaderIdAndEpoch { leader_id: 1, leader_epoch: 5 },
        records: Some(Bytes::new()),
        ..Default::default()
    };
    change(&mut partition);
    let topic = fetch_response::FetchableTopicResponse {
        topic_id: Uuid::METADATA_TOPIC,
        partitions: vec![partition],
        ..Default::default()
    };
    let msg = Message::response(18, FetchResponse { responses: vec![topic], ..Default::default() });
    let conn = ConnId { initiator: NodeId(0), acceptor: NodeId(1), lane: lanes::QUORUM_FETCH, attempt: 0 };
    alone.happen(Happens::Up { conn, peer: NodeId(1), inbound: false });
    alone.happen(Happens::Msg { conn, peer: NodeId(1), msg });
    alone.settle();
}

/// A follower of node 1 with three records of epoch 5, all committed.
pub fn follower() -> Alone {
    let mut alone = Alone::settled();
    alone.begin(1, 5);
    let mut batch = BatchBuilder::new(BatchOptions { partition_leader_epoch: 5, ..Default::default() });
    (0..3).for_each(|n| batch.append(n, None, Some(b"value"), &[]));
    let records = batch.build();
    fetched(&mut alone, |p| (p.records, p.high_watermark) = (Some(records), 3));
    assert_eq!(alone.node.quorum.as_ref().expect("up").high_watermark(), 3);
    alone
}
