//! The replicas of some brokers, joined by a network that delivers when the test says so. The test is the controller.

#[path = "../../../log/tests/common/disk.rs"]
#[allow(dead_code, reason = "shared with the tests of the log, which use all of it")]
mod disk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use disk::TestDisk;
use tribunal_common::{
    Answer, BrokerConfig, Bug, Bugs, FlushPolicy, Io, Net, Obs, PartitionState, Received, TopicIdPartition,
    TruncationMode, lanes, timers,
};
use tribunal_contract::{ConnId, DiskError, Effects, Lane, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use tribunal_protocol::messages::fetch_response::PartitionData;
use tribunal_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tribunal_protocol::messages::produce_response::PartitionProduceResponse;
use tribunal_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse, alter_partition_response};
use tribunal_protocol::{ErrorCode, Message, RequestBody, ResponseBody, Str, Uuid};
use tribunal_records::{BatchBuilder, BatchOptions, Batches};
use tribunal_replica::{BrokerLiveness, Partition, Replicas, TopicSettings};

/// What the disk's own helpers sync with.
const OP: SyncOp = SyncOp { class: 0, index: 0 };

pub const PARTITION: TopicIdPartition = TopicIdPartition { topic: Uuid(7), partition: 0 };
const CONTROLLER: NodeId = NodeId(0);
const CLIENT: NodeId = NodeId(99);
const FETCH_VERSION: i16 = 17;
const PRODUCE_VERSION: i16 = 13;

/// What a broker asks of its world.
#[derive(Default)]
pub struct TestFx {
    pub timers: BTreeMap<TimerId, Span>,
    pub observed: Vec<Obs>,
    sent: VecDeque<(ConnId, Message)>,
    connects: VecDeque<(NodeId, Lane)>,
}

impl Effects<Message, Obs> for TestFx {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.sent.push_back((conn, msg));
    }
    fn close(&mut self, _: ConnId) {}
    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.connects.push_back((peer, lane));
    }
    fn set_timer(&mut self, id: TimerId, min: Span, _: Span) {
        self.timers.insert(id, min);
    }
    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.remove(&id);
    }
    fn observe(&mut self, observation: Obs) {
        self.observed.push(observation);
    }
    fn choose(&mut self, _: u32) -> u32 {
        0
    }
    fn halt(&mut self, _: &'static str) {}
}

pub struct Broker {
    cfg: BrokerConfig,
    pub replicas: Replicas,
    net: Net,
    disk: TestDisk,
    pub fx: TestFx,
}

/// A batch of a log, as far as tests compare it: base offset, leader epoch, first value.
pub type Written = (i64, i32, Vec<u8>);

pub struct World {
    brokers: Vec<Broker>,
    /// Sent and not delivered, oldest first.
    mail: VecDeque<(ConnId, NodeId, Message)>,
    /// Nothing reaches these brokers, and nothing of theirs is delivered.
    pub held: BTreeSet<i32>,
    /// What clients were answered, by connection.
    pub answers: BTreeMap<u32, ResponseBody>,
    /// ISR changes that were asked for and not answered.
    pub proposals: VecDeque<(ConnId, i16, AlterPartitionRequest)>,
    /// What the controller has committed.
    pub state: PartitionState,
    attempts: u32,
}

impl World {
    /// Brokers 1 to `brokers`, all of them replicas of the partition and in sync, led by broker 1 in epoch 1.
    pub fn new(brokers: i32, min_isr: i32, truncation: TruncationMode) -> World {
        World::with_bug(brokers, min_isr, truncation, None)
    }

    /// The same, with a bug in every broker.
    pub fn with_bug(brokers: i32, min_isr: i32, truncation: TruncationMode, bug: Option<Bug>) -> World {
        let ids: Vec<i32> = (1..=brokers).collect();
        let state = PartitionState {
            partition: PARTITION,
            replicas: ids.clone(),
            isr: ids.clone(),
            elr: Vec::new(),
            leader: 1,
            leader_epoch: 1,
            partition_epoch: 1,
            unclean: false,
        };
        let mut world = World {
            brokers: ids.iter().map(|id| Broker::new(*id, truncation, bug)).collect(),
            mail: VecDeque::new(),
            held: BTreeSet::new(),
            answers: BTreeMap::new(),
            proposals: VecDeque::new(),
            state,
            attempts: 0,
        };
        for id in &ids {
            world.introduce(*id, settings(min_isr));
        }
        world.commit();
        world.run();
        world
    }

    /// What the metadata says, but for the partition.
    fn introduce(&mut self, id: i32, settings: TopicSettings) {
        let all = 1..=self.brokers.len() as i32;
        self.with(id, |replicas, io| {
            replicas.set_broker_epoch(epoch_of(io.cfg.node_id));
            for id in all {
                replicas.set_broker(id, Some(BrokerLiveness { epoch: epoch_of(id), active: true }));
            }
            replicas.set_topic(PARTITION.topic, settings);
            replicas.set_controller(Some(CONTROLLER.0 as i32), io);
        });
    }

    /// From now on every write of the topic's is flushed (`flush.messages=1`).
    pub fn flush_every_write(&mut self, min_isr: i32) {
        let settings = TopicSettings { flush: FlushPolicy::EveryWrite, ..settings(min_isr) };
        for id in 1..=self.brokers.len() as i32 {
            self.with(id, |replicas, _| replicas.set_topic(PARTITION.topic, settings.clone()));
            self.sync(id);
        }
    }

    /// All syncs that a broker has asked for complete, and what it asks for then.
    pub fn sync(&mut self, id: i32) {
        while let Some((op, result)) = self.brokers[id as usize - 1].disk.complete() {
            self.with(id, |replicas, io| replicas.on_synced(op, result, io));
        }
        self.collect();
    }

    /// One of the syncs that a broker has asked for completes; false if there is none.
    pub fn sync_one(&mut self, id: i32) -> bool {
        let Some((op, result)) = self.brokers[id as usize - 1].disk.complete() else { return false };
        self.with(id, |replicas, io| replicas.on_synced(op, result, io));
        true
    }

    /// The process dies, and another begins with the files as they are in the page cache.
    pub fn restart(&mut self, id: i32) {
        let settings =
            TopicSettings { flush: self.replica(id).flush, ..settings(self.replica(id).min_insync_replicas) };
        let node = NodeId(id as u32);
        self.mail.retain(|(conn, ..)| conn.initiator != node && conn.acceptor != node);
        let broker = &mut self.brokers[id as usize - 1];
        broker.disk.crash();
        broker.net = Net::new(broker.cfg.node());
        broker.fx = TestFx::default();
        let Broker { cfg, net, disk, fx, .. } = broker;
        broker.replicas = Replicas::open(&mut Io { cfg, now: Time(0), disk, fx, net });
        self.introduce(id, settings);
        self.commit();
    }

    /// The process dies, and another begins on an empty disk.
    pub fn restart_wiped(&mut self, id: i32) {
        self.brokers[id as usize - 1].disk = TestDisk::default();
        self.restart(id);
    }

    /// The next write to a broker's disk fails.
    pub fn fail_next_write(&mut self, id: i32) {
        self.brokers[id as usize - 1].disk.fail_write = Some(DiskError::Io);
    }

    /// The files on a broker's disk.
    pub fn paths(&self, id: i32) -> Vec<String> {
        self.broker(id).disk.paths()
    }

    pub fn broker(&self, id: i32) -> &Broker {
        &self.brokers[id as usize - 1]
    }

    pub fn replica(&self, id: i32) -> &Partition {
        self.broker(id).replicas.get(PARTITION).expect("every broker has a replica")
    }

    pub fn end(&self, id: i32) -> i64 {
        self.replica(id).log.end_offset()
    }

    pub fn high_watermark(&self, id: i32) -> i64 {
        self.replica(id).high_watermark
    }

    /// Calls a broker's replicas.
    pub fn with<T>(&mut self, id: i32, call: impl FnOnce(&mut Replicas, &mut Io<'_, TestDisk, TestFx>) -> T) -> T {
        let Broker { cfg, replicas, net, disk, fx } = &mut self.brokers[id as usize - 1];
        call(replicas, &mut Io { cfg, now: Time(1_000_000_000_000), disk, fx, net })
    }

    /// A leader deletes all records before `offset` (KIP-107).
    pub fn delete_before(&mut self, id: i32, offset: i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: PARTITION.partition, offset }];
        let topics = vec![DeleteRecordsTopic { name: Str::from_static("orders"), partitions }];
        let answer = self
            .with(id, |replicas, io| replicas.delete_records(DeleteRecordsRequest { topics, timeout_ms: 1_000 }, io));
        assert_eq!(answer.topics[0].partitions[0].low_watermark, offset);
    }

    /// What is in a broker's log.
    pub fn log(&mut self, id: i32) -> Vec<Written> {
        let Broker { replicas, disk, .. } = &mut self.brokers[id as usize - 1];
        let log = &replicas.get(PARTITION).expect("every broker has a replica").log;
        // A read does not go beyond the segment that it begins in.
        let starts: Vec<i64> = log.segment_base_offsets().collect();
        let segments = starts.into_iter().map(|start| {
            log.read(start.max(log.start_offset()), usize::MAX, i64::MAX, true, disk).expect("a log that can be read")
        });
        Batches::new(segments.collect::<Vec<_>>().concat().into())
            .map(|batch| {
                let batch = batch.expect("a whole batch");
                let first = batch.records().expect("records").next().expect("one").expect("whole");
                let epoch = batch.header.partition_leader_epoch;
                (batch.header.base_offset, epoch, first.value.map(|value| value.to_vec()).unwrap_or_default())
            })
            .collect()
    }

    /// The controller commits its state: every broker that is not held applies it.
    pub fn commit(&mut self) {
        let state = self.state.clone();
        for id in 1..=self.brokers.len() as i32 {
            if !self.held.contains(&id) {
                self.with(id, |replicas, io| replicas.apply(&state, io));
            }
        }
        self.collect();
    }

    /// The controller elects a leader.
    pub fn elect(&mut self, leader: i32, isr: &[i32]) {
        self.state.leader = leader;
        self.state.isr = isr.to_vec();
        self.state.leader_epoch += 1;
        self.state.partition_epoch += 1;
        self.commit();
    }

    /// The controller answers the oldest proposal: does what it asks, or refuses it with an error. One made in an older
    /// epoch is refused anyhow.
    pub fn answer_proposal(&mut self, refusal: Option<ErrorCode>) {
        let (conn, version, request) = self.proposals.pop_front().expect("a proposal");
        let asked = &request.topics[0].partitions[0];
        let stale =
            asked.leader_epoch != self.state.leader_epoch || asked.partition_epoch != self.state.partition_epoch;
        let error = if stale { ErrorCode::InvalidUpdateVersion } else { refusal.unwrap_or(ErrorCode::None) };
        if error == ErrorCode::None {
            self.state.isr = asked.new_isr_with_epochs.iter().map(|member| member.broker_id).collect();
            self.state.partition_epoch += 1;
        }
        let data = alter_partition_response::PartitionData {
            partition_index: 0,
            error_code: error.code(),
            leader_id: self.state.leader,
            leader_epoch: self.state.leader_epoch,
            isr: self.state.isr.clone(),
            partition_epoch: self.state.partition_epoch,
            ..Default::default()
        };
        let topic = alter_partition_response::TopicData { topic_id: PARTITION.topic, partitions: vec![data] };
        let body = AlterPartitionResponse { topics: vec![topic], ..Default::default() }.into();
        self.mail.push_back((conn, conn.initiator, Message::Response { version, body }));
        self.commit();
    }

    /// A client sends a request on a connection of its own; the connection's number finds the answer.
    pub fn ask(&mut self, id: i32, version: i16, body: RequestBody) -> u32 {
        self.attempts += 1;
        let conn =
            ConnId { initiator: CLIENT, acceptor: NodeId(id as u32), lane: lanes::CLIENT, attempt: self.attempts };
        let Broker { net, fx, .. } = &mut self.brokers[id as usize - 1];
        net.up(fx, conn, CLIENT, true);
        self.deliver(conn, NodeId(id as u32), Message::Request { version, body });
        self.collect();
        conn.attempt
    }

    /// A client produces a batch of one record.
    pub fn produce(&mut self, id: i32, acks: i16, value: &str) -> u32 {
        let mut batch = BatchBuilder::new(BatchOptions::default());
        batch.append(1, None, Some(value.as_bytes()), &[]);
        self.produce_bytes(id, acks, batch.build())
    }

    /// A client produces one batch of `count` records.
    pub fn produce_batch(&mut self, id: i32, acks: i16, count: u32) -> u32 {
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for n in 0..count {
            batch.append(1 + i64::from(n), None, Some(b"value"), &[]);
        }
        self.produce_bytes(id, acks, batch.build())
    }

    /// A client produces these bytes.
    pub fn produce_bytes(&mut self, id: i32, acks: i16, records: Bytes) -> u32 {
        let data = PartitionProduceData { index: 0, records: Some(records) };
        let topic = TopicProduceData { topic_id: PARTITION.topic, partition_data: vec![data], ..Default::default() };
        let request = ProduceRequest { acks, timeout_ms: 1_000, topic_data: vec![topic], ..Default::default() };
        self.ask(id, PRODUCE_VERSION, request.into())
    }

    /// The answer to a produce.
    pub fn produced(&self, asked: u32) -> Option<&PartitionProduceResponse> {
        match self.answers.get(&asked)? {
            ResponseBody::Produce(response) => Some(&response.responses[0].partition_responses[0]),
            other => panic!("{other:?}"),
        }
    }

    /// A fetch as a consumer makes it, or as follower `replica` does.
    pub fn fetch(&mut self, id: i32, replica: i32, wanted: FetchPartition) -> PartitionData {
        self.fetch_as(id, replica, epoch_of(replica), wanted)
    }

    /// A fetch as the process makes it that follower `replica` registered under this epoch.
    pub fn fetch_as(&mut self, id: i32, replica: i32, replica_epoch: i64, wanted: FetchPartition) -> PartitionData {
        let topic = FetchTopic { topic_id: PARTITION.topic, partitions: vec![wanted], ..Default::default() };
        let request = FetchRequest {
            replica_state: ReplicaState { replica_id: replica, replica_epoch },
            max_bytes: 1 << 20,
            topics: vec![topic],
            ..Default::default()
        };
        let asked = self.ask(id, FETCH_VERSION, request.into());
        match self.answers.remove(&asked) {
            Some(ResponseBody::Fetch(mut response)) => response.responses.remove(0).partitions.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Delivers all that can be delivered, and what follows from it.
    pub fn run(&mut self) {
        while self.deliver_one(0) {}
    }

    /// Delivers the `n`th message that can be delivered, counted round. False if there is none. The order within a
    /// connection is kept: the first of its connection is taken.
    pub fn deliver_one(&mut self, n: usize) -> bool {
        let free = |end: NodeId| !self.held.contains(&(end.0 as i32));
        let can: Vec<usize> = (0..self.mail.len())
            .filter(|i| free(self.mail[*i].0.initiator) && free(self.mail[*i].0.acceptor))
            .collect();
        if can.is_empty() {
            return false;
        }
        let (conn, to, _) = &self.mail[can[n % can.len()]];
        let first = self.mail.iter().position(|(c, t, _)| (c, t) == (conn, to)).expect("it is there");
        let (conn, to, msg) = self.mail.remove(first).expect("it is there");
        self.deliver(conn, to, msg);
        self.collect();
        true
    }

    /// Fires a timer of a broker if it is set.
    pub fn fire(&mut self, id: i32, class: u8) {
        let due: Vec<TimerId> =
            self.broker(id).fx.timers.keys().copied().filter(|timer| timer.class == class).collect();
        for timer in due {
            self.brokers[id as usize - 1].fx.timers.remove(&timer);
            self.with(id, |replicas, io| replicas.on_timer(timer, io));
        }
        self.collect();
    }

    /// The time that leaders keep fetches is over, everywhere.
    pub fn end_waits(&mut self) {
        for id in 1..=self.brokers.len() as i32 {
            self.fire(id, timers::FETCH_PARKED);
        }
        self.run();
    }

    /// Three brokers agree on a record; then 1, 2 and 1 again lead an epoch each, alone, and write; then all hear of
    /// all. Neither 1 nor 2 has the epoch of the other's that came between (KIP-279).
    pub fn lead_alone_in_turn(&mut self) {
        self.produce(1, -1, "common");
        self.run();
        self.held.extend([2, 3]);
        self.produce(1, 1, "epoch 1, broker 1 alone");
        self.held = [1, 3].into();
        self.elect(2, &[2]);
        self.produce(2, 1, "epoch 2, broker 2 alone");
        self.held = [2, 3].into();
        self.elect(1, &[1]);
        self.produce(1, 1, "epoch 3");
        self.held.clear();
        self.commit();
        self.run();
        self.end_waits();
        // What is cut off has to be durable before a follower fetches on.
        for _ in 0..2 {
            (2..=3).for_each(|id| self.sync(id));
            self.end_waits();
        }
    }

    fn deliver(&mut self, conn: ConnId, to: NodeId, msg: Message) {
        let peer = if to == conn.initiator { conn.acceptor } else { conn.initiator };
        let received = self.with(to.0 as i32, |_, io| io.net.received(io.fx, conn, peer, msg));
        self.with(to.0 as i32, |replicas, io| match received {
            Received::Nothing => {}
            Received::Request(version, body) => {
                let answer = match body {
                    RequestBody::Fetch(request) => replicas.fetch(conn, version, request, io),
                    RequestBody::Produce(request) => replicas.produce(conn, version, request, io),
                    RequestBody::ListOffsets(request) => {
                        Answer::Now(replicas.list_offsets(version, request, io).into())
                    }
                    RequestBody::OffsetForLeaderEpoch(request) => {
                        Answer::Now(replicas.offsets_for_leader_epochs(request, io).into())
                    }
                    other => panic!("{other:?}"),
                };
                match answer {
                    Answer::Now(body) => io.net.reply(io.fx, conn, body),
                    Answer::Later => {}
                    Answer::Never => io.net.no_reply(conn),
                    Answer::Close => io.net.close(io.fx, conn),
                }
            }
            Received::Response(from, _, body) => match body {
                ResponseBody::Fetch(response) => replicas.on_fetched(from.0 as i32, response, io),
                ResponseBody::OffsetForLeaderEpoch(response) => replicas.on_epoch_ends(from.0 as i32, response, io),
                ResponseBody::ListOffsets(response) => replicas.on_log_starts(from.0 as i32, response, io),
                ResponseBody::AlterPartition(response) => replicas.on_alter_partition(response, io),
                other => panic!("{other:?}"),
            },
        });
    }

    /// Takes over what brokers have sent and whom they call.
    fn collect(&mut self) {
        for at in 0..self.brokers.len() {
            let me = NodeId(at as u32 + 1);
            while let Some((peer, lane)) = self.brokers[at].fx.connects.pop_front() {
                self.attempts += 1;
                let conn = ConnId { initiator: me, acceptor: peer, lane, attempt: self.attempts };
                if peer != CONTROLLER {
                    self.with(peer.0 as i32, |_, io| io.net.up(io.fx, conn, me, true));
                }
                self.with(me.0 as i32, |_, io| io.net.up(io.fx, conn, peer, false));
            }
            while let Some((conn, msg)) = self.brokers[at].fx.sent.pop_front() {
                let to = if conn.initiator == me { conn.acceptor } else { conn.initiator };
                match (to, msg) {
                    (CONTROLLER, Message::Request { version, body: RequestBody::AlterPartition(request) }) => {
                        self.proposals.push_back((conn, version, request));
                    }
                    (CLIENT, Message::Response { body, .. }) => {
                        self.answers.insert(conn.attempt, body);
                    }
                    (to, msg) => self.mail.push_back((conn, to, msg)),
                }
            }
        }
    }
}

impl Broker {
    fn new(id: i32, truncation: TruncationMode, bug: Option<Bug>) -> Broker {
        let mut cfg = BrokerConfig::new(id, vec![CONTROLLER.0 as i32]);
        cfg.truncation = truncation;
        cfg.bugs = bug.into_iter().fold(Bugs::NONE, Bugs::with);
        let (mut net, mut disk, mut fx) = (Net::new(cfg.node()), TestDisk::default(), TestFx::default());
        let io = &mut Io { cfg: &cfg, now: Time(0), disk: &mut disk, fx: &mut fx, net: &mut net };
        let replicas = Replicas::open(io);
        Broker { cfg, replicas, net, disk, fx }
    }
}

/// The epoch under which a broker is registered.
pub fn epoch_of(id: i32) -> i64 {
    i64::from(id) * 100
}

fn settings(min_isr: i32) -> TopicSettings {
    TopicSettings {
        name: Str::from_static("orders"),
        min_insync_replicas: min_isr,
        max_message_bytes: 1 << 20,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        flush: FlushPolicy::OperatingSystem,
        log_append_time: false,
        segment_bytes: 1 << 20,
        segment_ms: i64::MAX,
        retention_ms: None,
        retention_bytes: None,
    }
}
