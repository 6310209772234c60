//! The active controller: decides by appending to the metadata log, answers once that is committed.

mod alter_configs;
mod brokers;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elections;
mod heartbeat;
mod isr;
mod producer_ids;
mod reassignments;
mod registration;
mod unregistration;

use std::collections::{BTreeMap, VecDeque};

use tribunal_common::{Answer, Fx, Io, Obs, timers};
use tribunal_contract::{ConnId, Disk, TimerId};
use tribunal_protocol::{MetadataRecord, RequestBody, ResponseBody};

use crate::MetadataImage;
use crate::features::bootstrap_records;
use crate::refusal::refuse;

/// The highest broker id that is registered: session timers are indexed by it, densely.
pub const MAX_BROKER_ID: i32 = 9_999;

/// Records that one request may cause (Kafka's own limit): they are one batch of the metadata log.
const MAX_RECORDS: usize = 10_000;

/// The end of the metadata log, at the leader of the quorum.
pub trait MetadataWriter {
    /// The offset that the next record will have.
    fn next_offset(&self) -> i64;

    /// Appends `records` as one batch, all or nothing, beginning at [`MetadataWriter::next_offset`], and returns the
    /// offset of the last; `None` if this node does not lead the quorum any more.
    fn append<D: Disk, F: Fx>(&mut self, records: &[MetadataRecord], io: &mut Io<'_, D, F>) -> Option<i64>;
}

/// What the controller knows of a broker beyond the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Contact {
    /// How far the broker has applied the metadata log, by its last heartbeat.
    metadata_offset: i64,
    /// Set while it is in controlled shutdown: it may go once every active broker has applied this offset, and so
    /// knows the new leaders.
    shutdown_offset: Option<i64>,
}

impl Default for Contact {
    fn default() -> Self {
        Contact { metadata_offset: -1, shutdown_offset: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    /// Answered when the record at this offset is committed.
    offset: i64,
    conn: ConnId,
    version: i16,
    reply: ResponseBody,
}

/// The request being served.
#[derive(Clone, Copy)]
struct Caller {
    conn: ConnId,
    version: i16,
}

/// The active controller. There is one from when this node leads the quorum and has applied all that was committed
/// before, until it leads no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    epoch: i32,
    /// With what is appended and not committed.
    image: MetadataImage,
    contacts: BTreeMap<i32, Contact>,
    /// Offset of the last record in the log that this controller knows of.
    last_offset: i64,
    /// The first offset that is not known to be committed.
    high_watermark: i64,
    /// In the order of their offsets.
    waiting: VecDeque<Waiting>,
}

impl Controller {
    /// Takes over from `image`, which is all that is in the log of quorum epoch `quorum_epoch`. Every unfenced broker
    /// gets a whole session, an empty log its first records. Reports [`Obs::ControllerActive`].
    pub fn activate<W: MetadataWriter, D: Disk, F: Fx>(
        image: &MetadataImage,
        quorum_epoch: i32,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Controller {
        let mut controller = Controller {
            epoch: quorum_epoch,
            image: image.clone(),
            contacts: BTreeMap::new(),
            last_offset: image.offset(),
            high_watermark: image.offset() + 1,
            waiting: VecDeque::new(),
        };
        for broker in image.brokers() {
            controller.contacts.insert(broker.id, Contact::default());
            if !broker.fenced {
                start_session(broker.id, io);
            }
        }
        if image.features().next().is_none() {
            controller.write(&bootstrap_records(), log, io);
        }
        start_rebalance(io);
        io.fx.observe(Obs::ControllerActive { epoch: quorum_epoch });
        controller
    }

    /// The metadata with what is appended and not committed.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Serves a request that only the active controller serves. Any other closes its connection.
    pub fn on_request<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let caller = Caller { conn, version };
        match body {
            RequestBody::BrokerHeartbeat(request) => self.heartbeat(caller, &request, log, io),
            RequestBody::BrokerRegistration(request) => self.register(caller, &request, log, io),
            RequestBody::AlterPartition(request) => {
                let (records, reply) = self.alter_partition(version, &request, io.cfg);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::CreateTopics(request) => {
                let choose = &mut |n| io.fx.choose(n);
                let (records, reply) = self.create_topics(&request, log.next_offset(), io.cfg, choose);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::CreatePartitions(request) => {
                let (records, reply) = self.create_partitions(&request, &mut |n| io.fx.choose(n));
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::IncrementalAlterConfigs(request) => {
                let (records, reply) = self.alter_configs(&request, io.cfg);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::DeleteTopics(request) => {
                let (records, reply) = self.delete_topics(&request);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::ElectLeaders(request) => {
                let (records, reply) = self.elect_leaders(version, &request, io.cfg);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::AlterPartitionReassignments(request) => {
                let (records, reply) = self.alter_reassignments(&request, io.cfg);
                self.decide(caller, records, reply, log, io)
            }
            RequestBody::ListPartitionReassignments(request) => {
                let reply = self.list_reassignments(&request);
                self.answer(caller, reply)
            }
            RequestBody::UnregisterBroker(request) => self.unregister(caller, &request, log, io),
            RequestBody::AllocateProducerIds(request) => {
                let (records, reply) = self.allocate_producer_ids(&request);
                self.decide(caller, records, reply, log, io)
            }
            _ => Answer::Close,
        }
    }

    /// [`timers::SESSION`]: the broker is fenced. [`timers::REBALANCE`]: preferred leaders are elected.
    pub fn on_timer<W: MetadataWriter, D: Disk, F: Fx>(&mut self, id: TimerId, log: &mut W, io: &mut Io<'_, D, F>) {
        match id.class {
            timers::SESSION => self.session_expired(id.index as i32, log, io),
            timers::REBALANCE => {
                let records = self.preferred_elections(io.cfg);
                self.write(&records, log, io);
                start_rebalance(io);
            }
            _ => {}
        }
    }

    /// The quorum has committed everything below `high_watermark`: who waited for it is answered.
    pub fn on_committed<D: Disk, F: Fx>(&mut self, high_watermark: i64, io: &mut Io<'_, D, F>) {
        self.high_watermark = self.high_watermark.max(high_watermark);
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.offset < self.high_watermark) {
            io.net.reply(io.fx, waiting.conn, waiting.reply);
        }
    }

    /// This node leads no more: whether what was appended will be committed is not its business, and who waited for it
    /// is sent away.
    pub fn deactivate<D: Disk, F: Fx>(self, io: &mut Io<'_, D, F>) {
        for waiting in self.waiting {
            io.net.reply(io.fx, waiting.conn, refuse(waiting.version, waiting.reply));
        }
        for id in self.contacts.keys() {
            io.fx.cancel_timer(session(*id));
        }
        io.fx.cancel_timer(REBALANCE);
    }

    /// Nobody waits on `conn` any more.
    pub fn on_conn_down(&mut self, conn: ConnId) {
        self.waiting.retain(|waiting| waiting.conn != conn);
    }

    /// Appends `records` and answers when they are committed.
    fn decide<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        caller: Caller,
        records: Vec<MetadataRecord>,
        reply: ResponseBody,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if self.write(&records, log, io) {
            self.answer(caller, reply)
        } else {
            Answer::Now(refuse(caller.version, reply))
        }
    }

    /// Answers when all is committed that was appended so far: what the answer says may rest on any of it.
    fn answer(&mut self, caller: Caller, reply: ResponseBody) -> Answer {
        if self.last_offset < self.high_watermark {
            return Answer::Now(reply);
        }
        let Caller { conn, version } = caller;
        self.waiting.push_back(Waiting { offset: self.last_offset, conn, version, reply });
        Answer::Later
    }

    /// Appends `records` and applies them to the image. False, and nothing has changed, if this node leads no more.
    fn write<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        records: &[MetadataRecord],
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> bool {
        if records.is_empty() {
            return true;
        }
        let first = log.next_offset();
        let Some(last) = log.append(records, io) else { return false };
        assert_eq!(last - first + 1, records.len() as i64, "a batch begins at the end of the log");
        for (offset, record) in (first..).zip(records) {
            let applied = self.image.apply(offset, self.epoch, record, &mut |_| ());
            assert_eq!(applied, Ok(()), "the controller's own record {record:?} cannot be applied");
        }
        self.last_offset = last;
        true
    }
}

const REBALANCE: TimerId = TimerId { class: timers::REBALANCE, index: 0 };

fn session(broker: i32) -> TimerId {
    TimerId { class: timers::SESSION, index: broker as u32 }
}

/// Begins a broker's session anew.
fn start_session<D: Disk, F: Fx>(broker: i32, io: &mut Io<'_, D, F>) {
    io.fx.set_timer(session(broker), io.cfg.session_timeout, io.cfg.session_timeout);
}

fn start_rebalance<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let interval = io.cfg.rebalance_interval;
    if interval.as_nanos() > 0 {
        io.fx.set_timer(REBALANCE, interval, interval);
    }
}
