//! One body for both worlds: a client that creates a topic, produces, has the leader moved, and reads everything.
//!
//! It is an application of the client machines. In the simulator it is a node; before real sockets [`crate::real`] runs
//! it. What it must see is said once, by [`Promises`].

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal::apps::{AdminApp, AdminAppConfig, AdminInput};
use tribunal::world::Watch;
use tribunal_client::{
    ClientIo, Consumer, ConsumerConfig, OffsetReset, Producer, ProducerConfig, ProducerRecord, SeekTo,
};
use tribunal_common::{ClientObs, Fx, Obs, lanes, timers};
use tribunal_contract::{Disk, Effects, Event, Lane, Machine, NodeId, Time};
use tribunal_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use tribunal_protocol::{Message, Str};

/// Records before the leader moves, and after.
pub const EACH: u64 = 200;
const TOPIC: &str = "round-trip";
/// What its values begin with, so that nobody else's are taken for them.
const PREFIX: &str = "round-trip ";
/// Its own connections, beside those of the admin.
const PRODUCER: Lane = Lane(10);
const CONSUMER: Lane = Lane(11);
const CONSUMER_FETCH: Lane = Lane(12);

/// The client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoundTrip {
    admin: AdminApp,
    producer: Producer,
    consumer: Consumer,
    stage: Stage,
    sent: u64,
    /// Leader epoch of the first record read.
    first_epoch: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    /// The topic comes into being, led by the first broker.
    Creating,
    /// Its first leader takes records.
    First,
    /// The leader's replica is taken away. A record at a time, until one comes back in a new leader epoch.
    Moving,
    /// The next leader takes records.
    Next,
    /// Everything is read up to the end.
    Reading,
    /// The end of the log is looked up.
    End,
    /// The start of the log is looked up.
    Start,
    /// All is done.
    Done,
}

impl RoundTrip {
    /// A client of three brokers with these ids.
    pub fn new(brokers: [NodeId; 3]) -> RoundTrip {
        let ids = brokers.map(|broker| broker.0 as i32);
        let topic = CreatableTopic {
            name: Str::from_static(TOPIC),
            num_partitions: -1,
            replication_factor: -1,
            assignments: vec![CreatableReplicaAssignment { partition_index: 0, broker_ids: ids.to_vec() }],
            ..Default::default()
        };
        let config = AdminAppConfig { brokers: brokers.to_vec(), topics: vec![topic] };
        let producer = ProducerConfig { lane: PRODUCER, ..ProducerConfig::new(brokers.to_vec()) };
        let consumer = ConsumerConfig {
            lane: CONSUMER,
            fetch_lane: CONSUMER_FETCH,
            offset_reset: OffsetReset::Earliest,
            ..ConsumerConfig::new(brokers.to_vec())
        };
        RoundTrip {
            admin: AdminApp::new(config),
            producer: Producer::new(producer),
            consumer: Consumer::new(consumer),
            stage: Stage::Creating,
            sent: 0,
            first_epoch: None,
        }
    }

    /// Whether it has seen all it wants to see.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    fn send<F: Fx>(&mut self, count: u64, io: &mut ClientIo<'_, F>) {
        for _ in 0..count {
            let value = Bytes::from(format!("{PREFIX}{}", self.sent));
            let record = ProducerRecord::new(Str::from_static(TOPIC), value).to_partition(0);
            self.producer.send(record, io).expect("a small record fits");
            self.sent += 1;
        }
    }

    /// Goes as far as it can.
    fn advance<D: Disk, F: Fx>(&mut self, now: Time, disk: &mut D, fx: &mut F) {
        let io = &mut ClientIo { now, fx };
        while let Some(delivery) = self.producer.next_delivery() {
            delivery.result.expect("no fault is to make a record fail");
        }
        while let Some(record) = self.consumer.poll(io) {
            let first = *self.first_epoch.get_or_insert(record.leader_epoch);
            if self.stage == Stage::Moving && record.leader_epoch > first {
                self.stage = Stage::Next;
                self.send(EACH, io);
            }
        }
        let delivered = self.producer.undelivered() == 0;
        match self.stage {
            Stage::Creating if self.admin.is_ready() => {
                self.stage = Stage::First;
                self.consumer.assign(&[(Str::from_static(TOPIC), 0)], io);
                self.send(EACH, io);
            }
            Stage::First if delivered => {
                self.stage = Stage::Moving;
                self.send(1, io);
                let replicas = self.admin_brokers()[1..].to_vec();
                let reassign =
                    AdminInput::Reassign { topic: Str::from_static(TOPIC), partition: 0, replicas: Some(replicas) };
                self.admin.step(now, Event::Input(reassign), disk, io.fx);
            }
            Stage::Moving if delivered => self.send(1, io),
            Stage::Next if delivered => {
                self.stage = Stage::Reading;
                self.consumer.forget_ends();
            }
            Stage::Reading if self.consumer.is_at_end(0) => {
                self.stage = Stage::End;
                self.consumer.seek(0, SeekTo::End, io);
            }
            Stage::End if self.consumer.position(0).is_some() => {
                self.stage = Stage::Start;
                self.consumer.seek(0, SeekTo::Beginning, io);
            }
            Stage::Start if self.consumer.position(0).is_some() => {
                self.stage = Stage::Done;
                // It has read everything once, and is not to begin again.
                self.consumer.assign(&[], io);
            }
            _ => {}
        }
    }

    fn admin_brokers(&self) -> Vec<i32> {
        self.admin.brokers().iter().map(|broker| broker.0 as i32).collect()
    }
}

impl Machine for RoundTrip {
    type Msg = Message;
    type Input = ();
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, ()>,
        disk: &mut D,
        fx: &mut F,
    ) {
        match whose(event) {
            Whose::Admins(event) => self.admin.step(now, event, disk, fx),
            Whose::Clients(event) => {
                let io = &mut ClientIo { now, fx };
                if let Some(event) = self.producer.handle(event, io) {
                    let _ = self.consumer.handle(event, io);
                }
            }
        }
        self.advance(now, disk, fx);
    }
}

/// An event, by the part it is for.
enum Whose {
    Admins(Event<Message, AdminInput>),
    /// Of the producer or the consumer.
    Clients(Event<Message, ()>),
}

fn whose(event: Event<Message, ()>) -> Whose {
    let admins = |lane: Lane| lane == lanes::CLIENT;
    Whose::Admins(match event {
        Event::Start => Event::Start,
        Event::Timer(id) if id.class == timers::WORKLOAD => Event::Timer(id),
        Event::Up { conn, peer, inbound } if admins(conn.lane) => Event::Up { conn, peer, inbound },
        Event::Refused { peer, lane } if admins(lane) => Event::Refused { peer, lane },
        Event::Down { conn, peer } if admins(conn.lane) => Event::Down { conn, peer },
        Event::Msg { conn, peer, msg } if admins(conn.lane) => Event::Msg { conn, peer, msg },
        other => return Whose::Clients(other),
    })
}

/// What a [`RoundTrip`] must see, whatever the world: every record acknowledged once and read once, at the offset that
/// was acknowledged, and the log's start and end where these records say.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// The client's node.
    client: Option<NodeId>,
    values: BTreeMap<u64, Bytes>,
    acknowledged: BTreeMap<i64, Bytes>,
    read: BTreeMap<i64, Bytes>,
    /// From where each node was to read; the client: the start, the end, the start. It may know the first position before
    /// it sends anything, and so before it is known to be the client.
    positions: BTreeMap<NodeId, Vec<i64>>,
}

impl Watch for Promises {
    fn observe(&mut self, _: Time, node: NodeId, obs: &Obs) -> Result<(), String> {
        let Obs::Client(obs) = obs else { return Ok(()) };
        if let ClientObs::Send { value: Some(value), .. } = obs
            && value.starts_with(PREFIX.as_bytes())
        {
            self.client = Some(node);
        }
        if let ClientObs::Assigned { offset, .. } = obs {
            self.positions.entry(node).or_default().push(*offset);
        }
        if self.client != Some(node) {
            return Ok(());
        }
        match obs {
            ClientObs::Send { id, value: Some(value), .. } => {
                self.values.insert(*id, value.clone());
            }
            ClientObs::Acknowledged { id, offset, .. } => {
                let value = self.values.remove(id).ok_or_else(|| format!("record {id} is acknowledged twice"))?;
                if let Some(other) = self.acknowledged.insert(*offset, value.clone()) {
                    return Err(format!("offset {offset} is acknowledged for {other:?} and for {value:?}"));
                }
            }
            ClientObs::Polled { offset, value: Some(value), .. }
                if self.read.insert(*offset, value.clone()).is_some() =>
            {
                return Err(format!("offset {offset} is read twice"));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        let count = self.acknowledged.len();
        if (count as u64) <= 2 * EACH {
            return Err(format!("only {count} records were acknowledged, before and after the leader moved"));
        }
        if let Some(value) = self.values.values().next() {
            return Err(format!("{value:?} was never acknowledged"));
        }
        for (offset, value) in &self.acknowledged {
            if self.read.get(offset) != Some(value) {
                let read = self.read.get(offset);
                return Err(format!("offset {offset} was acknowledged for {value:?} and read as {read:?}"));
            }
        }
        let end = self.read.keys().next_back().map_or(0, |last| last + 1);
        let positions = self.client.and_then(|client| self.positions.get(&client)).map_or(&[][..], |all| all);
        match *positions {
            [0, looked_up, 0] if looked_up == end => Ok(()),
            _ => Err(format!("the log goes from 0 to {end}, and positions were {positions:?}")),
        }
    }
}
