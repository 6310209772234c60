//! Whole brokers, joined by a network without latency, on disks that sync at once; timers fire in the order of time.

#[path = "../../../log/tests/common/disk.rs"]
#[allow(dead_code, reason = "shared with the tests of the log, which use all of it")]
mod disk;

use std::collections::{BTreeMap, VecDeque};

use disk::TestDisk;
use tribunal_common::{Obs, lanes};
use tribunal_contract::{ConnId, Effects, Event, Lane, Machine, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_core::{Broker, BrokerConfig, BrokerInput};
use tribunal_protocol::messages::create_topics_request::CreatableTopic;
use tribunal_protocol::messages::metadata_request::MetadataRequestTopic;
use tribunal_protocol::messages::metadata_response::MetadataResponse;
use tribunal_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, MetadataRequest};
use tribunal_protocol::{Message, RequestBody, ResponseBody, Str, Uuid};

/// What the disk's own helpers sync with.
const OP: SyncOp = SyncOp { class: 0, index: 0 };
const CLIENT: NodeId = NodeId(99);

#[derive(Default)]
struct TestFx {
    timers: BTreeMap<TimerId, u64>,
    now: u64,
    sent: VecDeque<(ConnId, Message)>,
    connects: VecDeque<(NodeId, Lane)>,
    closed: VecDeque<ConnId>,
    observed: Vec<Obs>,
    halted: Option<&'static str>,
}

impl Effects<Message, Obs> for TestFx {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.sent.push_back((conn, msg));
    }
    fn close(&mut self, conn: ConnId) {
        self.closed.push_back(conn);
    }
    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.connects.push_back((peer, lane));
    }
    fn set_timer(&mut self, id: TimerId, min: Span, _: Span) {
        self.timers.insert(id, self.now + min.as_nanos());
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
    fn halt(&mut self, reason: &'static str) {
        self.halted = Some(reason);
    }
}

struct Node {
    broker: Option<Broker>,
    disk: TestDisk,
    /// How many syncs still complete; none if all do.
    syncs: Option<usize>,
    fx: TestFx,
}

pub struct Cluster {
    nodes: Vec<Node>,
    adjust: fn(&mut BrokerConfig),
    starts: u32,
    now: u64,
    attempts: u32,
    open: Vec<ConnId>,
    /// What clients were answered, in order, by connection.
    pub answers: BTreeMap<u32, Vec<ResponseBody>>,
}

impl Cluster {
    /// Brokers 1 to `n`, all of them voters, that have started and elected a controller.
    pub fn new(n: u32, adjust: fn(&mut BrokerConfig)) -> Cluster {
        let mut cluster = Cluster::off(n, adjust);
        (1..=n).for_each(|id| cluster.start(id));
        cluster.until(|cluster| cluster.metadata(1, None).brokers.len() == n as usize);
        cluster
    }

    /// The same before any of them starts.
    pub fn off(n: u32, adjust: fn(&mut BrokerConfig)) -> Cluster {
        let node = |_| Node { broker: None, disk: TestDisk::default(), syncs: None, fx: TestFx::default() };
        Cluster {
            nodes: (0..n).map(node).collect(),
            adjust,
            starts: 0,
            now: 0,
            attempts: 0,
            open: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    pub fn start(&mut self, id: u32) {
        self.starts += 1;
        let mut cfg = BrokerConfig::new(id as i32, (1..=self.nodes.len() as i32).collect());
        cfg.incarnation = Uuid(u128::from(self.starts));
        cfg.topic.auto_create = false;
        (self.adjust)(&mut cfg);
        let node = self.node(id);
        node.fx = TestFx::default();
        node.broker = Some(Broker::new(cfg));
        self.step(id, Event::Start);
    }

    fn node(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    pub fn disk(&mut self, id: u32) -> &mut TestDisk {
        &mut self.node(id).disk
    }

    /// Why a broker ended itself.
    pub fn halted(&self, id: u32) -> Option<&'static str> {
        self.nodes[id as usize - 1].fx.halted
    }

    pub fn observed(&self, id: u32) -> &[Obs] {
        &self.nodes[id as usize - 1].fx.observed
    }

    /// The broker whose controller is active.
    pub fn controller(&self) -> u32 {
        let active = |node: &Node| node.broker.as_ref().is_some_and(Broker::is_active_controller);
        self.nodes.iter().position(active).expect("a controller") as u32 + 1
    }

    /// From now on so many syncs of a broker complete, and the others wait; all complete if it is none.
    pub fn let_sync(&mut self, id: u32, syncs: Option<usize>) {
        self.node(id).syncs = syncs;
        let mut events = VecDeque::new();
        self.complete_syncs(NodeId(id), &mut events);
        self.handle(events);
    }

    /// The process dies; its page cache stays.
    pub fn kill(&mut self, id: u32) {
        for (peer, down) in self.end(NodeId(id)) {
            self.step(peer.0, down);
        }
    }

    pub fn shut_down(&mut self, id: u32) {
        self.step(id, Event::Input(BrokerInput::Shutdown));
    }

    /// A new connection of a client.
    pub fn connect(&mut self, id: u32) -> ConnId {
        self.attempts += 1;
        let conn = ConnId { initiator: CLIENT, acceptor: NodeId(id), lane: lanes::CLIENT, attempt: self.attempts };
        self.step(id, Event::Up { conn, peer: CLIENT, inbound: true });
        conn
    }

    /// A client sends a request and does not wait.
    pub fn send(&mut self, conn: ConnId, version: i16, body: RequestBody) {
        self.step(conn.acceptor.0, Event::Msg { conn, peer: CLIENT, msg: Message::Request { version, body } });
    }

    /// A client sends a request and waits for the answer.
    pub fn ask(&mut self, id: u32, version: i16, body: RequestBody) -> ResponseBody {
        let conn = self.connect(id);
        self.send(conn, version, body);
        self.until(|cluster| cluster.answers.contains_key(&conn.attempt));
        self.answers.remove(&conn.attempt).expect("answered").remove(0)
    }

    /// What a broker says of the cluster, and of this topic.
    pub fn metadata(&mut self, id: u32, topic: Option<&'static str>) -> MetadataResponse {
        let wanted = |name| MetadataRequestTopic { name: Some(Str::from_static(name)), ..Default::default() };
        let topics = Some(topic.into_iter().map(wanted).collect());
        match self.ask(id, 13, MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() }.into())
        {
            ResponseBody::Metadata(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// Creates a topic at whatever broker is asked.
    pub fn create_topic(&mut self, id: u32, name: &'static str, replication: i16) -> CreateTopicsResponse {
        match self.ask(id, 7, creation(name, replication)) {
            ResponseBody::CreateTopics(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass until something holds, a minute at most.
    pub fn until(&mut self, holds: impl Fn(&mut Cluster) -> bool) {
        let limit = self.now + 60_000_000_000;
        while !holds(self) {
            assert!(self.now < limit, "it does not come to hold");
            self.pass_a_timer();
        }
    }

    /// Fires the next timer.
    pub fn pass_a_timer(&mut self) {
        let due = |(at, node): (usize, &Node)| node.fx.timers.iter().map(|(id, due)| (*due, at as u32 + 1, *id)).min();
        let next = self.nodes.iter().enumerate().filter(|(_, node)| node.broker.is_some()).filter_map(due).min();
        let (due, node, timer) = next.expect("a cluster always waits for something");
        self.now = self.now.max(due);
        self.node(node).fx.timers.remove(&timer);
        self.step(node, Event::Timer(timer));
    }

    /// Hands an event to a broker, and everything that follows without the passing of time.
    fn step(&mut self, id: u32, event: Event<Message, BrokerInput>) {
        self.handle(VecDeque::from([(NodeId(id), event)]));
    }

    fn handle(&mut self, mut events: VecDeque<(NodeId, Event<Message, BrokerInput>)>) {
        while let Some((node, event)) = events.pop_front() {
            let now = self.now;
            let Node { broker, disk, fx, .. } = self.node(node.0);
            let Some(machine) = broker else { continue };
            fx.now = now;
            machine.step(Time(1_000_000_000_000 + now), event, disk, fx);
            self.complete_syncs(node, &mut events);
            self.collect(node, &mut events);
        }
    }

    fn complete_syncs(&mut self, id: NodeId, events: &mut VecDeque<(NodeId, Event<Message, BrokerInput>)>) {
        let node = self.node(id.0);
        while node.syncs != Some(0)
            && let Some((op, result)) = node.disk.complete()
        {
            node.syncs = node.syncs.map(|left| left - 1);
            events.push_back((id, Event::Synced { op, result }));
        }
    }

    fn collect(&mut self, me: NodeId, events: &mut VecDeque<(NodeId, Event<Message, BrokerInput>)>) {
        while let Some((peer, lane)) = self.node(me.0).fx.connects.pop_front() {
            if self.node(peer.0).broker.is_none() {
                events.push_back((me, Event::Refused { peer, lane }));
                continue;
            }
            self.attempts += 1;
            let conn = ConnId { initiator: me, acceptor: peer, lane, attempt: self.attempts };
            self.open.push(conn);
            events.push_back((peer, Event::Up { conn, peer: me, inbound: true }));
            events.push_back((me, Event::Up { conn, peer, inbound: false }));
        }
        while let Some((conn, msg)) = self.node(me.0).fx.sent.pop_front() {
            let to = if conn.initiator == me { conn.acceptor } else { conn.initiator };
            match msg {
                Message::Response { body, .. } if to == CLIENT => {
                    self.answers.entry(conn.attempt).or_default().push(body)
                }
                msg if self.open.contains(&conn) => events.push_back((to, Event::Msg { conn, peer: me, msg })),
                _ => {}
            }
        }
        while let Some(conn) = self.node(me.0).fx.closed.pop_front() {
            self.open.retain(|open| *open != conn);
            let peer = if conn.initiator == me { conn.acceptor } else { conn.initiator };
            if peer != CLIENT {
                events.push_back((peer, Event::Down { conn, peer: me }));
            }
        }
        if self.node(me.0).fx.halted.is_some() {
            events.extend(self.end(me));
        }
    }

    /// A process is gone: what its peers learn of it.
    fn end(&mut self, me: NodeId) -> Vec<(NodeId, Event<Message, BrokerInput>)> {
        if self.node(me.0).broker.take().is_none() {
            return Vec::new();
        }
        self.node(me.0).disk.crash();
        let gone = self.open.extract_if(.., |conn| conn.initiator == me || conn.acceptor == me);
        let peer = |conn: &ConnId| if conn.initiator == me { conn.acceptor } else { conn.initiator };
        gone.map(|conn| (peer(&conn), Event::Down { conn, peer: me })).collect()
    }
}

/// A request to create a topic of one partition.
pub fn creation(name: &'static str, replication: i16) -> RequestBody {
    let topic = CreatableTopic {
        name: Str::from_static(name),
        num_partitions: 1,
        replication_factor: replication,
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() }.into()
}
