//! Admin requests of clients on their way to the active controller (KIP-590), one at a time.

use std::collections::VecDeque;

use tribunal_common::{Answer, BrokerConfig};
use tribunal_common::{Fx, Io, lanes, timers};
use tribunal_contract::{ConnId, Disk, NodeId, TimerId};
use tribunal_controller::not_controller;
use tribunal_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str};
use tribunal_replica::OFFSETS_TOPIC;

/// Requests that may wait for the controller; more are refused.
const MAX_WAITING: usize = 256;
/// Attempts before a client is told that there is no controller.
const MAX_ATTEMPTS: u8 = 30;
/// CreateTopics version of automatic creation.
const CREATE_TOPICS_VERSION: i16 = 7;

const TIMER: TimerId = TimerId { class: timers::FORWARD_CALL, index: 0 };

/// Requests to pass on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Forwarder {
    waiting: VecDeque<Forwarded>,
    /// The first of `waiting` was sent to this controller.
    sent: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Forwarded {
    /// Whom to answer; nobody where a topic is created automatically, or the client is gone.
    conn: Option<ConnId>,
    version: i16,
    body: RequestBody,
    attempts: u8,
}

impl Forwarder {
    /// Whether clients may send this to any broker.
    pub(crate) fn forwards(body: &RequestBody) -> bool {
        matches!(
            body,
            RequestBody::AlterPartitionReassignments(_)
                | RequestBody::CreatePartitions(_)
                | RequestBody::CreateTopics(_)
                | RequestBody::DeleteTopics(_)
                | RequestBody::DescribeQuorum(_)
                | RequestBody::ElectLeaders(_)
                | RequestBody::IncrementalAlterConfigs(_)
                | RequestBody::ListPartitionReassignments(_)
                | RequestBody::UnregisterBroker(_)
        )
    }

    /// Passes a client's request on.
    pub(crate) fn forward<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        controller: Option<i32>,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if self.waiting.len() >= MAX_WAITING {
            return not_controller(version, &body).map_or(Answer::Close, Answer::Now);
        }
        self.waiting.push_back(Forwarded { conn: Some(conn), version, body, attempts: 0 });
        self.send(controller, io);
        Answer::Later
    }

    /// Asks for topics that a client named and that do not exist (`auto.create.topics.enable`).
    pub(crate) fn create_automatically<D: Disk, F: Fx>(
        &mut self,
        names: Vec<Str>,
        controller: Option<i32>,
        io: &mut Io<'_, D, F>,
    ) {
        let asked = |name: &Str| {
            self.waiting.iter().any(|waiting| match &waiting.body {
                RequestBody::CreateTopics(request) => request.topics.iter().any(|topic| topic.name == *name),
                _ => false,
            })
        };
        let topics: Vec<CreatableTopic> = names
            .into_iter()
            .filter(|name| !asked(name))
            .map(|name| match &*name == OFFSETS_TOPIC {
                true => offsets_topic(io.cfg),
                false => CreatableTopic {
                    name: name.detach(),
                    num_partitions: io.cfg.topic.num_partitions,
                    replication_factor: io.cfg.topic.replication_factor,
                    ..Default::default()
                },
            })
            .collect();
        if topics.is_empty() || self.waiting.len() >= MAX_WAITING {
            return;
        }
        let timeout_ms = io.cfg.request_timeout.as_millis() as i32;
        let body = CreateTopicsRequest { topics, timeout_ms, ..Default::default() }.into();
        self.waiting.push_back(Forwarded { conn: None, version: CREATE_TOPICS_VERSION, body, attempts: 0 });
        self.send(controller, io);
    }

    fn send<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        let Some(first) = self.waiting.front() else { return };
        if self.sent.is_some() {
            return;
        }
        let timeout = io.cfg.request_timeout;
        if let Some(controller) = controller {
            let peer = NodeId(controller as u32);
            if io.net.call(io.fx, peer, lanes::FORWARD, first.version, first.body.clone()) {
                self.sent = Some(controller);
                return io.fx.set_timer(TIMER, timeout, timeout);
            }
        }
        let backoff = io.cfg.retry_backoff.times(5);
        io.fx.set_timer(TIMER, backoff, backoff.times(2));
    }

    /// `FORWARD_CALL`: no answer in time, or time to try again.
    pub(crate) fn on_timer<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        if let Some(sent) = self.sent.take() {
            io.net.abandon(io.fx, NodeId(sent as u32), lanes::FORWARD);
        }
        self.attempted(io);
        self.send(controller, io);
    }

    /// The call failed. Creating or deleting a topic twice is answered as such, so trying again is safe.
    pub(crate) fn on_call_failed<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.sent = None;
        self.attempted(io);
        let backoff = io.cfg.retry_backoff.times(5);
        io.fx.set_timer(TIMER, backoff, backoff.times(2));
    }

    /// Counts an attempt at the first request and gives up if there were too many.
    fn attempted<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Some(first) = self.waiting.front_mut() else { return };
        first.attempts += 1;
        if first.attempts < MAX_ATTEMPTS {
            return;
        }
        if let Some(given_up) = self.waiting.pop_front()
            && let Some(conn) = given_up.conn
            && let Some(refusal) = not_controller(given_up.version, &given_up.body)
        {
            io.net.reply(io.fx, conn, refusal);
        }
    }

    pub(crate) fn set_controller<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        if self.sent.is_none() {
            self.send(controller, io);
        }
    }

    pub(crate) fn on_response<D: Disk, F: Fx>(&mut self, body: ResponseBody, io: &mut Io<'_, D, F>) {
        let Some(controller) = self.sent.take() else { return };
        if is_not_controller(&body) {
            return self.on_call_failed(io);
        }
        io.fx.cancel_timer(TIMER);
        if let Some(done) = self.waiting.pop_front()
            && let Some(conn) = done.conn
        {
            io.net.reply(io.fx, conn, body);
        }
        self.send(Some(controller), io);
    }

    pub(crate) fn on_conn_down(&mut self, conn: ConnId) {
        for waiting in &mut self.waiting {
            if waiting.conn == Some(conn) {
                waiting.conn = None;
            }
        }
    }
}

/// The topic that stores groups. Nothing of it may expire: the newest record of a key is the state.
fn offsets_topic(cfg: &BrokerConfig) -> CreatableTopic {
    let config =
        |name, value: String| CreatableTopicConfig { name: Str::from_static(name), value: Some(Str::from(value)) };
    CreatableTopic {
        name: Str::from_static(OFFSETS_TOPIC),
        num_partitions: cfg.groups.topic_partitions,
        replication_factor: cfg.groups.topic_replication_factor,
        configs: vec![
            config("retention.bytes", "-1".to_owned()),
            config("retention.ms", "-1".to_owned()),
            config("segment.bytes", cfg.groups.topic_segment_bytes.to_string()),
        ],
        ..Default::default()
    }
}

fn is_not_controller(body: &ResponseBody) -> bool {
    let code = ErrorCode::NotController.code();
    match body {
        ResponseBody::CreatePartitions(response) => response.results.iter().any(|topic| topic.error_code == code),
        ResponseBody::IncrementalAlterConfigs(response) => response.responses.iter().any(|one| one.error_code == code),
        ResponseBody::CreateTopics(response) => response.topics.iter().any(|topic| topic.error_code == code),
        ResponseBody::DeleteTopics(response) => response.responses.iter().any(|topic| topic.error_code == code),
        ResponseBody::ElectLeaders(response) => response.error_code == code,
        ResponseBody::AlterPartitionReassignments(response) => response.error_code == code,
        ResponseBody::ListPartitionReassignments(response) => response.error_code == code,
        ResponseBody::UnregisterBroker(response) => response.error_code == code,
        _ => false,
    }
}
