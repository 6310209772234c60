//! The composition.

use std::sync::Arc;

use bytes::BytesMut;
use tribunal_common::{
    Answer, BrokerConfig, CallFailed, Fx, Io, Local, METADATA_LOG, Member, Net, Obs, lanes, syncs, timers,
};
use tribunal_contract::{ConnId, Disk, DiskError, Effects, Event, Lane, Machine, NodeId, SyncOp, Time, TimerId};
use tribunal_controller::{Controller, MetadataImage, MetadataWriter, not_controller};
use tribunal_coordinator::Coordinator;
use tribunal_protocol::messages::FetchRequest;
use tribunal_protocol::{Bytes, Message, MetadataRecord, RequestBody, ResponseBody, Str};
use tribunal_quorum::Quorum;
use tribunal_replica::{OFFSETS_TOPIC, Replicas};

use crate::api;
use crate::describe;
use crate::forward::Forwarder;
use crate::lifecycle::{Lifecycle, Next};
use crate::publish::Unpublished;

/// First version of Fetch that names topics by id.
const FETCH_TOPIC_IDS_SINCE: i16 = 13;

/// A command from outside the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BrokerInput {
    /// Close the logs and end the process without moving leaders: for the last brokers of a cluster that stops, which
    /// no quorum is left to ask.
    Close,
    /// Controlled shutdown: move leaders away, close the logs, end the process.
    Shutdown,
}

/// A Kafka broker, which is a controller too if it is a voter (combined mode).
///
/// Feed it events with [`Machine::step`]; the first of an incarnation is `Event::Start`, which reads what the disk
/// holds. A disk that it cannot read, or that belongs to another node, makes it halt rather than guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    cfg: Arc<BrokerConfig>,
    net: Net,
    parts: Option<Box<Parts>>,
}

/// What exists once the disk has been read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parts {
    pub(crate) quorum: Quorum,
    pub(crate) image: MetadataImage,
    /// Next offset of the metadata log to apply.
    pub(crate) applied: i64,
    /// What `applied` was when the last snapshot was taken.
    pub(crate) snapshot_at: i64,
    pub(crate) unpublished: Unpublished,
    /// Whether logs that are no longer this broker's have been set aside.
    pub(crate) swept: bool,
    pub(crate) controller: Option<Controller>,
    pub(crate) replicas: Replicas,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) forwarder: Forwarder,
    pub(crate) coordinator: Coordinator,
    /// The quorum leader as last told to the parts.
    leader: Option<i32>,
    /// The quorum's high watermark as last told to the controller.
    committed: i64,
}

impl Broker {
    /// A broker that has not started.
    pub fn new(cfg: BrokerConfig) -> Broker {
        let net = Net::new(cfg.node());
        Broker { cfg: Arc::new(cfg), net, parts: None }
    }

    /// Its configuration.
    pub fn config(&self) -> &BrokerConfig {
        &self.cfg
    }

    /// Its quorum member, once started.
    pub fn quorum(&self) -> Option<&Quorum> {
        self.parts.as_ref().map(|parts| &parts.quorum)
    }

    /// Its partition replicas, once started.
    pub fn replicas(&self) -> Option<&Replicas> {
        self.parts.as_ref().map(|parts| &parts.replicas)
    }

    /// Its group coordinator, once started.
    pub fn coordinator(&self) -> Option<&Coordinator> {
        self.parts.as_ref().map(|parts| &parts.coordinator)
    }

    /// The committed metadata as far as applied, once started.
    pub fn image(&self) -> Option<&MetadataImage> {
        self.parts.as_ref().map(|parts| &parts.image)
    }

    /// Whether its controller is active.
    pub fn is_active_controller(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.controller.is_some())
    }
}

impl Machine for Broker {
    type Msg = Message;
    type Input = BrokerInput;
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, BrokerInput>,
        disk: &mut D,
        fx: &mut F,
    ) {
        let Broker { cfg, net, parts } = self;
        let mut io = Io { cfg, now, disk, fx, net };
        match (event, parts) {
            (Event::Start, parts) => match Parts::open(&mut io) {
                Ok(opened) => *parts = Some(Box::new(opened)),
                Err(reason) => io.fx.halt(reason),
            },
            (event, Some(parts)) => parts.handle(event, &mut io),
            (_, None) => {}
        }
    }
}

impl Parts {
    fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Parts, &'static str> {
        let mut quorum = Quorum::open(io).map_err(|error| {
            io.fx.observe(Obs::StartRefused { why: Str::from(format!("{}/{error}", io.cfg.log_dir)) });
            "the metadata log or the quorum state cannot be read"
        })?;
        let replicas = Replicas::open(io);
        let lifecycle = Lifecycle::new(replicas.previous_broker_epoch());
        quorum.start(io);
        let mut parts = Parts {
            quorum,
            image: MetadataImage::default(),
            applied: 0,
            snapshot_at: 0,
            unpublished: Unpublished::default(),
            swept: false,
            controller: None,
            replicas,
            lifecycle,
            forwarder: Forwarder::default(),
            coordinator: Coordinator::default(),
            leader: None,
            committed: -1,
        };
        parts.settle(io);
        Ok(parts)
    }
}

impl Member for Parts {
    type Input = BrokerInput;

    fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        match id.class {
            timers::QUORUM_ELECTION..=timers::QUORUM_CALL => self.quorum.on_timer(id, io),
            timers::HEARTBEAT | timers::LIFECYCLE_CALL => self.lifecycle.on_timer(id, self.leader, io),
            timers::SESSION | timers::REBALANCE => {
                if let Some(controller) = &mut self.controller {
                    controller.on_timer(id, &mut Writer(&mut self.quorum), io);
                }
            }
            timers::GROUP_SESSION..=timers::OFFSET_EXPIRY => self.coordinator.on_timer(id, &mut self.replicas, io),
            timers::FORWARD_CALL => self.forwarder.on_timer(self.leader, io),
            _ => self.replicas.on_timer(id, io),
        }
    }

    fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>) {
        match failed.lane {
            lanes::QUORUM | lanes::QUORUM_FETCH => self.quorum.on_call_failed(failed, io),
            lanes::LIFECYCLE => self.lifecycle.on_call_failed(io),
            lanes::FORWARD => self.forwarder.on_call_failed(io),
            _ => self.replicas.on_call_failed(failed, io),
        }
    }

    fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>) {
        match lane {
            lanes::QUORUM | lanes::QUORUM_FETCH => self.quorum.on_response(peer, lane, body, io),
            lanes::LIFECYCLE => self.lifecycle.on_response(body, self.leader, io),
            lanes::FORWARD => self.forwarder.on_response(body, io),
            _ => self.replicas.on_response(peer, lane, body, io),
        }
    }

    fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) {
        self.quorum.on_conn_down(conn);
        self.replicas.on_conn_down(conn, io);
        self.forwarder.on_conn_down(conn);
        self.coordinator.on_conn_down(conn);
        if let Some(controller) = &mut self.controller {
            controller.on_conn_down(conn);
        }
    }

    fn on_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), &'static str> {
        match op.class {
            syncs::METADATA_LOG | syncs::QUORUM_STATE | syncs::SNAPSHOT => {
                self.quorum.on_synced(op, result, io).map_err(|_| "the metadata log cannot be written")
            }
            _ => {
                self.replicas.on_synced(op, result, io);
                Ok(())
            }
        }
    }

    fn on_input<D: Disk, F: Fx>(&mut self, input: BrokerInput, io: &mut Io<'_, D, F>) {
        match input {
            BrokerInput::Close => self.lifecycle.close(io),
            BrokerInput::Shutdown => self.lifecycle.shut_down(io),
        }
    }

    fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        match body {
            RequestBody::Fetch(request) if is_metadata_fetch(&request, version) => {
                self.quorum.on_request(conn, conn.initiator, version, RequestBody::Fetch(request), io)
            }
            body @ (RequestBody::Fetch(_)
            | RequestBody::Produce(_)
            | RequestBody::ListOffsets(_)
            | RequestBody::OffsetForLeaderEpoch(_)
            | RequestBody::DeleteRecords(_)
            | RequestBody::DescribeLogDirs(_)) => self.replicas.on_request(conn, version, body, io),
            RequestBody::Metadata(request) => {
                let (response, missing) = api::metadata(&self.image, self.leader, version, request, io.cfg);
                if !missing.is_empty() {
                    self.forwarder.create_automatically(missing, self.leader, io);
                }
                Answer::Now(ResponseBody::Metadata(response))
            }
            RequestBody::ApiVersions(request) => {
                Answer::Now(ResponseBody::ApiVersions(api::api_versions(&request, version, &self.image)))
            }
            RequestBody::DescribeCluster(request) => {
                let response = describe::cluster(&self.image, self.leader, version, &request, io.cfg);
                Answer::Now(ResponseBody::DescribeCluster(response))
            }
            RequestBody::DescribeConfigs(request) => {
                Answer::Now(ResponseBody::DescribeConfigs(describe::configs(&self.image, request, io.cfg)))
            }
            RequestBody::DescribeTopicPartitions(request) => {
                Answer::Now(ResponseBody::DescribeTopicPartitions(describe::topic_partitions(&self.image, request)))
            }
            RequestBody::FindCoordinator(request) => {
                let asks_for_group = request.key_type == api::GROUP;
                if asks_for_group && self.image.topic_by_name(&Str::from_static(OFFSETS_TOPIC)).is_none() {
                    let names = vec![Str::from_static(OFFSETS_TOPIC)];
                    self.forwarder.create_automatically(names, self.leader, io);
                }
                Answer::Now(ResponseBody::FindCoordinator(api::find_coordinator(&self.image, request, version)))
            }
            body @ (RequestBody::JoinGroup(_)
            | RequestBody::SyncGroup(_)
            | RequestBody::Heartbeat(_)
            | RequestBody::LeaveGroup(_)
            | RequestBody::OffsetCommit(_)
            | RequestBody::OffsetFetch(_)
            | RequestBody::OffsetDelete(_)
            | RequestBody::DescribeGroups(_)
            | RequestBody::ListGroups(_)
            | RequestBody::DeleteGroups(_)) => self.coordinator.on_request(conn, version, body, &mut self.replicas, io),
            // Only who leads the quorum knows how far the others are.
            body @ RequestBody::DescribeQuorum(_) if is_clients(conn) && self.leader != Some(io.cfg.node_id) => {
                self.forwarder.forward(conn, version, body, self.leader, io)
            }
            body @ (RequestBody::Vote(_)
            | RequestBody::BeginQuorumEpoch(_)
            | RequestBody::EndQuorumEpoch(_)
            | RequestBody::FetchSnapshot(_)
            | RequestBody::DescribeQuorum(_)) => self.quorum.on_request(conn, conn.initiator, version, body, io),
            body => self.controller_request(conn, version, body, io),
        }
    }

    /// Until nothing more follows.
    fn settle<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        loop {
            let applied = self.applied;
            let behind = applied < self.quorum.high_watermark();
            if behind {
                self.publish(io);
            } else {
                // What had to wait for a sync.
                self.publish_changes(io);
            }
            // A metadata log that cannot be read ends the process, and waiting for it here would not.
            let stuck = behind && self.applied == applied;
            self.follow_quorum(io);
            if self.replicas.has_notices() {
                self.coordinator.follow(&mut self.replicas, io);
                continue;
            }
            if let Some((conn, version, body)) = io.net.next_ready() {
                self.serve(conn, version, body, io);
                continue;
            }
            match io.net.next_local() {
                Some(Local::Request(conn, version, body)) => self.serve(conn, version, body, io),
                Some(Local::Answer(lane, body)) => self.on_response(io.cfg.node(), lane, body, io),
                None if !stuck && self.applied < self.quorum.high_watermark() => {}
                None => break,
            }
        }
        if self.replicas.is_offline() {
            self.lifecycle.log_dir_failed(io);
        }
        match self.lifecycle.next() {
            Next::Run => {}
            Next::Close if self.replicas.is_closed() => {
                self.quorum.resign(io);
                io.fx.halt("controlled shutdown");
            }
            Next::Close if self.replicas.is_offline() => {
                self.quorum.resign(io);
                io.fx.halt("the log directory has failed");
            }
            Next::Close if self.replicas.is_closing() => {}
            Next::Close => {
                self.replicas.close(io);
                // With nothing to make durable it may be closed already; the next event would only come later.
                if self.replicas.is_closed() {
                    self.settle(io);
                }
            }
        }
    }
}

impl Parts {
    /// A request that the active controller serves: here, or passed on if a client sent it.
    fn controller_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if let Some(controller) = &mut self.controller {
            return controller.on_request(conn, version, body, &mut Writer(&mut self.quorum), io);
        }
        if is_clients(conn) && Forwarder::forwards(&body) {
            return self.forwarder.forward(conn, version, body, self.leader, io);
        }
        match not_controller(version, &body) {
            Some(refusal) => Answer::Now(refusal),
            None => Answer::Close,
        }
    }

    /// Tells the parts who leads the quorum, and makes this node's controller active or not.
    fn follow_quorum<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let active = self.quorum.is_active() && self.applied >= self.quorum.high_watermark();
        if self.controller.is_none() && active {
            let epoch = self.quorum.epoch();
            self.controller = Some(Controller::activate(&self.image, epoch, &mut Writer(&mut self.quorum), io));
        } else if self.controller.is_some()
            && !self.quorum.is_active()
            && let Some(controller) = self.controller.take()
        {
            controller.deactivate(io);
        }
        // What is answered is known here too: a metadata log that cannot be read answers nothing.
        let committed = self.quorum.high_watermark().min(self.applied);
        if committed != self.committed {
            self.committed = committed;
            if let Some(controller) = &mut self.controller {
                controller.on_committed(committed, io);
            }
        }
        let leader = self.quorum.leader();
        if leader != self.leader {
            self.leader = leader;
            self.replicas.set_controller(leader, io);
            self.lifecycle.set_controller(leader, io);
            self.forwarder.set_controller(leader, io);
        }
        if self.replicas.may_open_logs() {
            self.lifecycle.may_register(self.leader, io);
        }
        self.lifecycle.set_applied(self.applied - 1);
        if let Some(epoch) = self.lifecycle.take_new_epoch() {
            self.replicas.set_broker_epoch(epoch);
        }
    }
}

/// Whether no broker has opened the connection to call the controller.
fn is_clients(conn: ConnId) -> bool {
    !matches!(conn.lane, lanes::LIFECYCLE | lanes::CONTROL | lanes::FORWARD)
}

fn is_metadata_fetch(request: &FetchRequest, version: i16) -> bool {
    request.topics.first().is_some_and(|topic| match version {
        FETCH_TOPIC_IDS_SINCE.. => topic.topic_id == METADATA_LOG.topic,
        _ => &*topic.topic == tribunal_quorum::TOPIC,
    })
}

/// The metadata log as the controller writes it.
struct Writer<'a>(&'a mut Quorum);

impl MetadataWriter for Writer<'_> {
    fn next_offset(&self) -> i64 {
        self.0.log_end()
    }

    fn append<D: Disk, F: Fx>(&mut self, records: &[MetadataRecord], io: &mut Io<'_, D, F>) -> Option<i64> {
        let encoded: Vec<(Option<Bytes>, Bytes)> = records.iter().map(|record| (None, encode(record))).collect();
        self.0.append(&encoded, io)
    }
}

/// The version in which a record is written at the metadata level of this broker (Kafka 4.1, with KIP-966).
fn record_version(record: &MetadataRecord) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => 3,
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => 2,
        MetadataRecord::BrokerRegistrationChange(_) => 2,
        _ => 0,
    }
}

pub(crate) fn encode(record: &MetadataRecord) -> Bytes {
    let version = record_version(record);
    let mut out = BytesMut::with_capacity(record.encoded_size(version) + 3);
    record.encode(version, &mut out).expect("the controller writes only fields of the version it writes");
    out.freeze()
}
