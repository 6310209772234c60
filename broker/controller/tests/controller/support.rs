//! A controller with a log that commits when the test says so.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_common::{Answer, BrokerConfig, Fx, Io, Net, Obs, Received, TopicIdPartition, lanes, timers};
use tribunal_contract::{ConnId, Disk, DiskError, Effects, FileId, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_controller::{
    Controller, MetadataImage, MetadataWriter, PartitionRegistration, SUPPORTED_FEATURES, TopicImage,
};
use tribunal_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use tribunal_protocol::messages::broker_registration_request::{Feature, Listener};
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use tribunal_protocol::messages::*;
use tribunal_protocol::{ErrorCode, Message, MetadataRecord, RequestBody, ResponseBody, Str, Uuid};

/// The log, with the quorum epoch of each record.
#[derive(Default)]
pub struct Log {
    pub records: Vec<(i32, MetadataRecord)>,
    pub epoch: i32,
    /// Appends are refused: another node leads.
    pub deposed: bool,
}

impl MetadataWriter for Log {
    fn next_offset(&self) -> i64 {
        self.records.len() as i64
    }

    fn append<D: Disk, F: Fx>(&mut self, records: &[MetadataRecord], _: &mut Io<'_, D, F>) -> Option<i64> {
        if self.deposed {
            return None;
        }
        self.records.extend(records.iter().map(|record| (self.epoch, record.clone())));
        Some(self.records.len() as i64 - 1)
    }
}

/// Timers, answers, observations.
#[derive(Default)]
pub struct TestFx {
    pub timers: BTreeMap<TimerId, (Span, Span)>,
    pub sent: Vec<(ConnId, Message)>,
    pub observed: Vec<Obs>,
    pub chosen: u32,
}

impl Effects<Message, Obs> for TestFx {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.sent.push((conn, msg));
    }
    fn close(&mut self, _: ConnId) {}
    fn connect(&mut self, _: NodeId, _: tribunal_contract::Lane) {}
    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        self.timers.insert(id, (min, max));
    }
    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.remove(&id);
    }
    fn observe(&mut self, observation: Obs) {
        self.observed.push(observation);
    }
    fn choose(&mut self, n: u32) -> u32 {
        self.chosen += 1;
        self.chosen % n
    }
    fn halt(&mut self, _: &'static str) {}
}

/// The controller has no business with the disk.
pub struct NoDisk;

impl Disk for NoDisk {
    fn open(&mut self, _: &str) -> Result<FileId, DiskError> {
        unreachable!()
    }
    fn create(&mut self, _: &str) -> Result<FileId, DiskError> {
        unreachable!()
    }
    fn len(&mut self, _: FileId) -> Result<u64, DiskError> {
        unreachable!()
    }
    fn append(&mut self, _: FileId, _: Bytes) -> Result<u64, DiskError> {
        unreachable!()
    }
    fn read(&mut self, _: FileId, _: u64, _: usize) -> Result<Bytes, DiskError> {
        unreachable!()
    }
    fn truncate(&mut self, _: FileId, _: u64) -> Result<(), DiskError> {
        unreachable!()
    }
    fn rename(&mut self, _: &str, _: &str) -> Result<(), DiskError> {
        unreachable!()
    }
    fn remove(&mut self, _: &str) -> Result<(), DiskError> {
        unreachable!()
    }
    fn list(&mut self, _: &str) -> Result<Vec<String>, DiskError> {
        unreachable!()
    }
    fn close(&mut self, _: FileId) {
        unreachable!()
    }
    fn sync(&mut self, _: FileId, _: SyncOp) {
        unreachable!()
    }
    fn sync_dir(&mut self, _: &str, _: SyncOp) {
        unreachable!()
    }
}

/// An active controller and what stands around it.
pub struct Cluster {
    pub cfg: BrokerConfig,
    pub log: Log,
    pub fx: TestFx,
    pub controller: Controller,
    net: Net,
    attempts: u32,
    incarnations: u128,
}

macro_rules! io {
    ($cluster:ident) => {
        &mut Io { cfg: &$cluster.cfg, now: Time(0), disk: &mut NoDisk, fx: &mut $cluster.fx, net: &mut $cluster.net }
    };
}

impl Cluster {
    /// No broker is registered; the log has its first records, committed.
    pub fn empty() -> Cluster {
        Cluster::with(BrokerConfig::new(0, vec![0]))
    }

    pub fn with(cfg: BrokerConfig) -> Cluster {
        let (mut log, mut fx, mut net) =
            (Log::default(), TestFx::default(), Net::new(tribunal_contract::NodeId(u32::MAX)));
        let io = &mut Io { cfg: &cfg, now: Time(0), disk: &mut NoDisk, fx: &mut fx, net: &mut net };
        let controller = Controller::activate(&MetadataImage::new(), 0, &mut log, io);
        let mut cluster = Cluster { cfg, log, fx, controller, net, attempts: 0, incarnations: 0 };
        cluster.commit();
        cluster
    }

    /// Brokers `1..=brokers` are registered and unfenced. `min.insync.replicas` is 2.
    pub fn of(brokers: i32) -> Cluster {
        let mut cfg = BrokerConfig::new(0, vec![0]);
        cfg.topic.min_insync_replicas = 2;
        let mut cluster = Cluster::with(cfg);
        for id in 1..=brokers {
            cluster.start(id);
        }
        cluster
    }

    pub fn image(&self) -> &MetadataImage {
        self.controller.image()
    }

    /// Sends a request on a connection of its own.
    pub fn send(&mut self, version: i16, body: impl Into<RequestBody>) -> ConnId {
        let (initiator, acceptor) = (NodeId(50), NodeId(0));
        let conn = ConnId { initiator, acceptor, lane: lanes::CONTROL, attempt: self.attempts };
        self.attempts += 1;
        self.net.up(&mut self.fx, conn, initiator, true);
        let message = Message::Request { version, body: body.into() };
        let Received::Request(version, body) = self.net.received(&mut self.fx, conn, initiator, message) else {
            panic!("the first request of a connection is served");
        };
        match self.controller.on_request(conn, version, body, &mut self.log, io!(self)) {
            Answer::Now(reply) => self.net.reply(&mut self.fx, conn, reply),
            Answer::Later => {}
            answer => panic!("{answer:?}"),
        }
        conn
    }

    /// What was answered on `conn`.
    pub fn answer(&self, conn: ConnId) -> Option<ResponseBody> {
        self.fx.sent.iter().find(|(to, _)| *to == conn).map(|(_, message)| match message {
            Message::Response { version, body } => {
                let mut out = bytes::BytesMut::new();
                body.encode(*version, &mut out).expect("what is answered can be encoded in the request's version");
                body.clone()
            }
            other => panic!("{other:?}"),
        })
    }

    /// Sends a request, commits, and returns the answer.
    pub fn call(&mut self, version: i16, body: impl Into<RequestBody>) -> ResponseBody {
        let conn = self.send(version, body);
        self.commit();
        self.answer(conn).expect("all is committed")
    }

    pub fn commit(&mut self) {
        self.commit_to(self.log.next_offset());
    }

    pub fn commit_to(&mut self, high_watermark: i64) {
        self.controller.on_committed(high_watermark, io!(self));
    }

    pub fn fire(&mut self, class: u8, index: u32) {
        let id = TimerId { class, index };
        assert!(self.fx.timers.remove(&id).is_some(), "{id:?} is not set");
        self.controller.on_timer(id, &mut self.log, io!(self));
    }

    pub fn has_session(&self, broker: i32) -> bool {
        self.fx.timers.contains_key(&TimerId { class: timers::SESSION, index: broker as u32 })
    }

    /// The broker's session ends, and that is committed.
    pub fn expire(&mut self, broker: i32) {
        self.fire(timers::SESSION, broker as u32);
        self.commit();
    }

    /// This node stops being the active controller and becomes it again, in a later epoch, with what the log says.
    pub fn fail_over(&mut self) {
        self.controller.clone().deactivate(io!(self));
        let image = self.replayed();
        self.log.epoch += 1;
        self.controller = Controller::activate(&image, self.log.epoch, &mut self.log, io!(self));
        self.commit();
    }

    pub fn deactivate(mut self) -> TestFx {
        self.controller.deactivate(io!(self));
        self.fx
    }

    pub fn hang_up(&mut self, conn: ConnId) {
        self.net.down(conn, conn.initiator);
        self.controller.on_conn_down(conn);
    }

    /// The image that the log makes, from its beginning.
    pub fn replayed(&self) -> MetadataImage {
        let mut image = MetadataImage::new();
        for (offset, (epoch, record)) in (0..).zip(&self.log.records) {
            image.apply(offset, *epoch, record, &mut |_| ()).expect("the log replays");
        }
        image
    }

    /// A registration of a new incarnation that stopped cleanly after `previous_broker_epoch`.
    pub fn registration(&mut self, broker_id: i32, previous_broker_epoch: i64) -> BrokerRegistrationRequest {
        self.incarnations += 1;
        let features = SUPPORTED_FEATURES.iter().map(|&(name, min, max)| Feature {
            name: Str::from_static(name),
            min_supported_version: min,
            max_supported_version: max,
        });
        BrokerRegistrationRequest {
            broker_id,
            cluster_id: self.cfg.cluster_id.clone(),
            incarnation_id: Uuid(self.incarnations),
            listeners: vec![Listener {
                name: Str::from_static("PLAINTEXT"),
                host: Str::from(format!("b{broker_id}")),
                port: 9092,
                security_protocol: 0,
            }],
            features: features.collect(),
            rack: None,
            is_migrating_zk_broker: false,
            log_dirs: vec![directory(broker_id)],
            previous_broker_epoch,
        }
    }

    pub fn register(&mut self, request: BrokerRegistrationRequest) -> Result<i64, ErrorCode> {
        match self.call(4, request) {
            ResponseBody::BrokerRegistration(reply) if reply.error_code == 0 => Ok(reply.broker_epoch),
            ResponseBody::BrokerRegistration(reply) => Err(ErrorCode::from_code(reply.error_code)),
            other => panic!("{other:?}"),
        }
    }

    /// A heartbeat of a broker that has applied all of the log.
    pub fn heartbeat_of(&self, broker_id: i32) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: self.image().broker(broker_id).map_or(-1, |broker| broker.epoch),
            current_metadata_offset: self.log.next_offset() - 1,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
        }
    }

    pub fn heartbeat(&mut self, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        match self.call(1, request) {
            ResponseBody::BrokerHeartbeat(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub fn beat(&mut self, broker: i32) -> BrokerHeartbeatResponse {
        let request = self.heartbeat_of(broker);
        self.heartbeat(request)
    }

    pub fn ask_to_stop(&mut self, broker: i32) -> BrokerHeartbeatResponse {
        let request = BrokerHeartbeatRequest { want_shut_down: true, ..self.heartbeat_of(broker) };
        self.heartbeat(request)
    }

    /// The broker's session is over and it comes back as a new incarnation, having stopped cleanly or not.
    pub fn restart(&mut self, broker: i32, clean: bool) {
        if self.has_session(broker) {
            self.expire(broker);
        }
        let epoch = self.image().broker(broker).expect("it was registered").epoch;
        let request = self.registration(broker, if clean { epoch } else { -1 });
        self.register(request).expect("registered");
        assert!(!self.beat(broker).is_fenced);
    }

    /// Registers and unfences a new broker.
    pub fn start(&mut self, broker: i32) {
        let request = self.registration(broker, -1);
        self.register(request).expect("registered");
        assert!(!self.beat(broker).is_fenced);
    }

    pub fn create(&mut self, topic: CreatableTopic) -> create_topics_response::CreatableTopicResult {
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1_000, validate_only: false };
        match self.call(7, request) {
            ResponseBody::CreateTopics(mut reply) => reply.topics.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Creates topic `name` with one partition on `replicas`.
    pub fn topic(&mut self, name: &str, replicas: &[i32]) -> TopicIdPartition {
        self.topic_with(name, replicas, &[])
    }

    pub fn topic_with(&mut self, name: &str, replicas: &[i32], configs: &[(&str, &str)]) -> TopicIdPartition {
        let created = self.create(CreatableTopic { configs: settings(configs), ..assigned(name, &[replicas]) });
        assert_eq!(created.error_code, 0, "{created:?}");
        TopicIdPartition { topic: created.topic_id, partition: 0 }
    }

    pub fn topic_named(&self, name: &str) -> Option<&TopicImage> {
        self.image().topic_by_name(&Str::from(name))
    }

    pub fn partition(&self, id: TopicIdPartition) -> &PartitionRegistration {
        self.image().partition(id).expect("it exists")
    }

    /// What the leader of `id` sends when it wants `isr`.
    pub fn alteration(&self, id: TopicIdPartition, isr: &[i32]) -> AlterPartitionRequest {
        let partition = self.partition(id);
        let member = |id: &i32| BrokerState {
            broker_id: *id,
            broker_epoch: self.image().broker(*id).map_or(-1, |broker| broker.epoch),
        };
        let data = PartitionData {
            partition_index: id.partition,
            leader_epoch: partition.leader_epoch,
            new_isr: Vec::new(),
            new_isr_with_epochs: isr.iter().map(member).collect(),
            leader_recovery_state: 0,
            partition_epoch: partition.partition_epoch,
        };
        AlterPartitionRequest {
            broker_id: partition.leader,
            broker_epoch: self.image().broker(partition.leader).map_or(-1, |broker| broker.epoch),
            topics: vec![TopicData { topic_id: id.topic, partitions: vec![data] }],
        }
    }

    pub fn alter(&mut self, request: AlterPartitionRequest) -> AlterPartitionResponse {
        match self.call(3, request) {
            ResponseBody::AlterPartition(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for `replicas` of partition 0 of topic `name`, or cancels what is under way.
    pub fn reassign(&mut self, name: &str, replicas: Option<&[i32]>) -> ErrorCode {
        let conn = self.send(1, reassignment(name, 0, replicas.map(<[i32]>::to_vec)));
        self.commit();
        match self.answer(conn) {
            Some(ResponseBody::AlterPartitionReassignments(reply)) => {
                assert_eq!(reply.error_code, 0);
                ErrorCode::from_code(reply.responses[0].partitions[0].error_code)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn unregister(&mut self, broker_id: i32) -> ErrorCode {
        match self.call(0, UnregisterBrokerRequest { broker_id }) {
            ResponseBody::UnregisterBroker(reply) => ErrorCode::from_code(reply.error_code),
            other => panic!("{other:?}"),
        }
    }

    /// Sets the ISR of `id` as its leader would.
    pub fn set_isr(&mut self, id: TopicIdPartition, isr: &[i32]) {
        let request = self.alteration(id, isr);
        let reply = self.alter(request);
        assert_eq!((reply.error_code, reply.topics[0].partitions[0].error_code), (0, 0));
    }
}

/// The log directory of a broker.
pub fn directory(broker: i32) -> Uuid {
    Uuid(1_000 + broker as u128)
}

pub fn settings(configs: &[(&str, &str)]) -> Vec<CreatableTopicConfig> {
    let setting =
        |(name, value): &(&str, &str)| CreatableTopicConfig { name: Str::from(*name), value: Some(Str::from(*value)) };
    configs.iter().map(setting).collect()
}

/// A request for `replicas`, or to cancel.
pub fn reassignment(
    name: &str,
    partition_index: i32,
    replicas: Option<Vec<i32>>,
) -> AlterPartitionReassignmentsRequest {
    use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
    let partitions = vec![ReassignablePartition { partition_index, replicas }];
    AlterPartitionReassignmentsRequest {
        timeout_ms: 1_000,
        allow_replication_factor_change: true,
        topics: vec![ReassignableTopic { name: Str::from(name), partitions }],
    }
}

/// A topic with these replicas for its partitions.
pub fn assigned(name: &str, replicas: &[&[i32]]) -> CreatableTopic {
    use create_topics_request::CreatableReplicaAssignment;
    let assignment = |(partition_index, ids): (i32, &&[i32])| CreatableReplicaAssignment {
        partition_index,
        broker_ids: ids.to_vec(),
    };
    CreatableTopic {
        name: Str::from(name),
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(replicas).map(assignment).collect(),
        configs: Vec::new(),
    }
}

/// A topic whose replicas the controller places.
pub fn placed(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    let assignments = Vec::new();
    CreatableTopic { num_partitions, replication_factor, assignments, ..assigned(name, &[]) }
}
