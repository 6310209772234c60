//! Sets the topics up before a workload begins; then asks for elections, reassignments and the like, one at a time.

use std::collections::{BTreeMap, VecDeque};

use tribunal_common::{Obs, lanes, timers};
use tribunal_contract::{ConnId, Disk, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};
use tribunal_protocol::messages::UnregisterBrokerRequest;
use tribunal_protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use tribunal_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use tribunal_protocol::messages::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use tribunal_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tribunal_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use tribunal_protocol::messages::metadata_response::MetadataResponse;
use tribunal_protocol::{ErrorCode, Message, RequestBody, ResponseBody, Str, Uuid};

/// API versions it speaks: the newest.
const ALTER_CONFIGS_VERSION: i16 = 1;
const CREATE_TOPICS_VERSION: i16 = 7;
const DELETE_RECORDS_VERSION: i16 = 2;
const ELECT_LEADERS_VERSION: i16 = 2;
const REASSIGNMENTS_VERSION: i16 = 1;
const UNREGISTER_VERSION: i16 = 0;
const METADATA_VERSION: i16 = 12;

const LANE: Lane = lanes::CLIENT;
/// It is time to ask again.
const TICK: TimerId = TimerId { class: timers::WORKLOAD, index: 0 };
const PERIOD: Span = Span::from_millis(50);
/// Topics, among the resources that have settings.
const TOPIC: i8 = 2;
/// The operation that sets a setting.
const SET: i8 = 0;
/// An answer that takes longer is not waited for.
const PATIENCE: u32 = 40;

/// What the admin does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminAppConfig {
    /// The brokers to ask.
    pub brokers: Vec<NodeId>,
    /// The topics to be created.
    pub topics: Vec<CreatableTopic>,
}

/// Commands of the runner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AdminInput {
    /// Ask for other settings of a topic (KIP-339).
    AlterTopic {
        /// Topic.
        topic: Str,
        /// Names and values.
        configs: Vec<(Str, Str)>,
    },
    /// Ask that records be deleted (KIP-107).
    DeleteRecords {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The first offset that stays; -1 for the high watermark.
        before: i64,
    },
    /// Ask for an election (KIP-460).
    Elect {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// Whether any live replica will do.
        unclean: bool,
    },
    /// Ask for other replicas (KIP-455).
    Reassign {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The brokers that will hold it, preferred leader first; none cancels the reassignment under way.
        replicas: Option<Vec<i32>>,
    },
    /// Ask that a broker be forgotten.
    Unregister {
        /// Broker id.
        broker: i32,
    },
}

impl AdminInput {
    fn request(self) -> (i16, RequestBody) {
        match self {
            AdminInput::AlterTopic { topic, configs } => {
                let set =
                    |(name, value): (Str, Str)| AlterableConfig { name, config_operation: SET, value: Some(value) };
                let resource = AlterConfigsResource {
                    resource_type: TOPIC,
                    resource_name: topic,
                    configs: configs.into_iter().map(set).collect(),
                };
                let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
                (ALTER_CONFIGS_VERSION, request.into())
            }
            AdminInput::DeleteRecords { topic, partition, before } => {
                let partitions = vec![DeleteRecordsPartition { partition_index: partition, offset: before }];
                let topics = vec![DeleteRecordsTopic { name: topic, partitions }];
                (DELETE_RECORDS_VERSION, DeleteRecordsRequest { topics, timeout_ms: 10_000 }.into())
            }
            AdminInput::Elect { topic, partition, unclean } => {
                let request = ElectLeadersRequest {
                    election_type: i8::from(unclean),
                    topic_partitions: Some(vec![TopicPartitions { topic, partitions: vec![partition] }]),
                    timeout_ms: 10_000,
                };
                (ELECT_LEADERS_VERSION, request.into())
            }
            AdminInput::Reassign { topic, partition, replicas } => {
                let partitions = vec![ReassignablePartition { partition_index: partition, replicas }];
                let request = AlterPartitionReassignmentsRequest {
                    timeout_ms: 10_000,
                    allow_replication_factor_change: true,
                    topics: vec![ReassignableTopic { name: topic, partitions }],
                };
                (REASSIGNMENTS_VERSION, request.into())
            }
            AdminInput::Unregister { broker } => {
                (UNREGISTER_VERSION, UnregisterBrokerRequest { broker_id: broker }.into())
            }
        }
    }
}

/// How many partitions a topic is to have: where it says which replicas they have, it says no number.
fn partitions_of(topic: &CreatableTopic) -> usize {
    match topic.assignments.len() {
        0 => topic.num_partitions as usize,
        said => said,
    }
}

/// Whether an answer says that a partition is led by another broker, or by none.
fn is_of_no_leader(body: &ResponseBody) -> bool {
    let elsewhere = [ErrorCode::NotLeaderOrFollower, ErrorCode::UnknownTopicOrPartition].map(ErrorCode::code);
    match body {
        ResponseBody::DeleteRecords(response) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).any(|code| elsewhere.contains(&code))
        }
        _ => false,
    }
}

/// Whether an answer says only that there is no controller at the moment.
fn is_refused(body: &ResponseBody) -> bool {
    let code = ErrorCode::NotController.code();
    match body {
        ResponseBody::AlterPartitionReassignments(response) => response.error_code == code,
        ResponseBody::ElectLeaders(response) => response.error_code == code,
        ResponseBody::IncrementalAlterConfigs(response) => response.responses.iter().any(|one| one.error_code == code),
        ResponseBody::UnregisterBroker(response) => response.error_code == code,
        _ => false,
    }
}

/// Creates topics, then waits until each partition has all its replicas in sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminApp {
    config: AdminAppConfig,
    /// Which broker it is talking to, as an index.
    turn: usize,
    conn: Option<ConnId>,
    awaiting: bool,
    ticks: u32,
    created: bool,
    ready: bool,
    ids: BTreeMap<Str, Uuid>,
    /// What the runner has asked for, in its order.
    commands: VecDeque<(i16, RequestBody)>,
    /// How many brokers in turn said that they do not lead the partition of a command. 0 if none did since.
    misdirected: u32,
}

impl AdminApp {
    /// An application that has not started.
    pub fn new(config: AdminAppConfig) -> AdminApp {
        AdminApp {
            config,
            turn: 0,
            conn: None,
            awaiting: false,
            ticks: 0,
            created: false,
            ready: false,
            ids: BTreeMap::new(),
            commands: VecDeque::new(),
            misdirected: 0,
        }
    }

    /// Whether every topic is there, led, and fully in sync.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Topic ids by name, once ready.
    pub fn topic_ids(&self) -> &BTreeMap<Str, Uuid> {
        &self.ids
    }

    /// Whether it asks, or will, that a broker be forgotten: until it has an answer it asks again, and what was asked
    /// before may have been done.
    pub fn unregisters(&self, broker: i32) -> bool {
        self.commands.contains(&AdminInput::Unregister { broker }.request())
    }

    /// Whether it asks, or will, that a partition have these replicas, or none other than it had.
    pub fn reassigns(&self, topic: &Str, partition: i32, replicas: Option<&[i32]>) -> bool {
        let replicas = replicas.map(<[i32]>::to_vec);
        self.commands.contains(&AdminInput::Reassign { topic: topic.clone(), partition, replicas }.request())
    }

    /// The brokers that it asks.
    pub fn brokers(&self) -> &[NodeId] {
        &self.config.brokers
    }

    fn broker(&self) -> NodeId {
        self.config.brokers[self.turn % self.config.brokers.len()]
    }

    fn next_request(&mut self) -> Option<(i16, RequestBody)> {
        if !self.created {
            let request =
                CreateTopicsRequest { topics: self.config.topics.clone(), timeout_ms: 10_000, ..Default::default() };
            return Some((CREATE_TOPICS_VERSION, request.into()));
        }
        if !self.ready {
            let topics = self
                .config
                .topics
                .iter()
                .map(|topic| MetadataRequestTopic { name: Some(topic.name.clone()), ..Default::default() });
            let request = MetadataRequest {
                topics: Some(topics.collect()),
                allow_auto_topic_creation: false,
                ..Default::default()
            };
            return Some((METADATA_VERSION, request.into()));
        }
        self.commands.front().cloned()
    }

    fn ask<F: Effects<Message, Obs>>(&mut self, fx: &mut F) {
        let Some(conn) = self.conn else { return };
        if !self.awaiting
            && let Some((version, body)) = self.next_request()
        {
            self.awaiting = true;
            self.ticks = 0;
            fx.send(conn, Message::Request { version, body });
        }
    }

    fn answered(&mut self, body: ResponseBody) {
        match body {
            ResponseBody::CreateTopics(response) => {
                let fine = |code: i16| code == 0 || code == ErrorCode::TopicAlreadyExists.code();
                self.created = response.topics.iter().all(|topic| fine(topic.error_code));
            }
            ResponseBody::Metadata(response) => self.described(&response),
            // It is asked again, at the next tick.
            body if is_refused(&body) => {}
            // Another broker is asked, at the next tick; other commands need not wait for a leader.
            body if is_of_no_leader(&body) && self.misdirected < PATIENCE => {
                self.misdirected += 1;
                self.commands.rotate_left(1);
            }
            _ => {
                self.misdirected = 0;
                self.commands.pop_front();
            }
        }
    }

    fn described(&mut self, response: &MetadataResponse) {
        let wanted = |name: &Str| self.config.topics.iter().find(|topic| topic.name == *name);
        self.ready = response.topics.len() == self.config.topics.len()
            && response.topics.iter().all(|topic| {
                let name = topic.name.as_ref().and_then(wanted);
                topic.error_code == 0
                    && name.is_some_and(|wanted| partitions_of(wanted) == topic.partitions.len())
                    && topic.partitions.iter().all(|partition| {
                        partition.leader_id >= 0 && partition.isr_nodes.len() == partition.replica_nodes.len()
                    })
            });
        if self.ready {
            let named = response.topics.iter().filter_map(|topic| Some((topic.name.clone()?, topic.topic_id)));
            self.ids = named.collect();
        }
    }

    /// Goes on to the next broker.
    fn turn_on<F: Effects<Message, Obs>>(&mut self, fx: &mut F) {
        if let Some(conn) = self.conn.take() {
            fx.close(conn);
        }
        self.awaiting = false;
        self.ticks = 0;
        self.turn += 1;
        fx.connect(self.broker(), LANE);
    }
}

impl Machine for AdminApp {
    type Msg = Message;
    type Input = AdminInput;
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        _: Time,
        event: Event<Message, AdminInput>,
        _: &mut D,
        fx: &mut F,
    ) {
        match event {
            Event::Start => {
                fx.connect(self.broker(), LANE);
                fx.set_timer(TICK, PERIOD, PERIOD);
            }
            Event::Timer(TICK) => {
                if self.next_request().is_none() {
                    return;
                }
                fx.set_timer(TICK, PERIOD, PERIOD);
                self.ticks += 1;
                if self.ticks > PATIENCE || (self.misdirected > 0 && !self.awaiting) {
                    self.turn_on(fx);
                } else {
                    self.ask(fx);
                }
            }
            Event::Up { conn, inbound: false, .. } => {
                self.conn = Some(conn);
                self.ask(fx);
            }
            Event::Refused { .. } => {
                self.turn += 1;
                self.ticks = 0;
                fx.connect(self.broker(), LANE);
            }
            Event::Down { conn, .. } if self.conn == Some(conn) => {
                self.conn = None;
                self.turn_on(fx);
            }
            Event::Msg { conn, msg: Message::Response { body, .. }, .. } if self.conn == Some(conn) => {
                self.awaiting = false;
                self.answered(body);
            }
            Event::Input(command) => {
                let request = command.request();
                if !self.commands.contains(&request) {
                    self.commands.push_back(request);
                }
                self.ask(fx);
                fx.set_timer(TICK, PERIOD, PERIOD);
            }
            _ => {}
        }
    }
}
