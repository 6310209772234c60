//! The controller as it ships, over a metadata log that commits whatever is appended at once.
//!
//! What brokers would tell it in heartbeats and registrations comes as input: when a broker is heard of is the world's
//! choice. AlterPartition comes over the network.

use std::sync::Arc;

use tribunal_common::{Answer, CallFailed, Fx, Io, Member, lanes};
use tribunal_contract::{ConnId, Disk, DiskError, Lane, NodeId, SyncOp, TimerId};
use tribunal_controller::{Controller, MetadataImage, MetadataWriter, SUPPORTED_FEATURES};
use tribunal_core::observe_change;
use tribunal_protocol::messages::broker_registration_request::{Feature, Listener};
use tribunal_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use tribunal_protocol::messages::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, CreateTopicsRequest, ElectLeadersRequest,
};
use tribunal_protocol::{MetadataRecord, RequestBody, ResponseBody, Str, Uuid};

use super::{MetadataBatch, Open, PartInput};

/// The active controller.
#[derive(Clone, Debug)]
pub struct Active {
    controller: Controller,
    end: i64,
    /// What brokers may know: everything, but for the event that is being handled.
    committed: MetadataImage,
    /// The log, for whoever is to be told of it.
    published: Vec<MetadataBatch>,
}

/// The log is not part of what the controller is: what it says is in the image.
impl PartialEq for Active {
    fn eq(&self, other: &Self) -> bool {
        (&self.controller, self.end) == (&other.controller, other.end)
    }
}

impl Eq for Active {}

impl core::hash::Hash for Active {
    fn hash<H: core::hash::Hasher>(&self, hasher: &mut H) {
        (&self.controller, self.end).hash(hasher);
    }
}

/// Name of the topic of every configuration.
pub const TOPIC: &str = "orders";

struct Writer<'a> {
    end: &'a mut i64,
    published: &'a mut Vec<MetadataBatch>,
}

impl MetadataWriter for Writer<'_> {
    fn next_offset(&self) -> i64 {
        *self.end
    }

    fn append<D: Disk, F: Fx>(&mut self, records: &[MetadataRecord], _: &mut Io<'_, D, F>) -> Option<i64> {
        self.published.push(Arc::new((*self.end..).zip(records.iter().cloned()).collect()));
        *self.end += records.len() as i64;
        Some(*self.end - 1)
    }
}

impl Active {
    /// The metadata, all of it committed.
    pub fn image(&self) -> &MetadataImage {
        self.controller.image()
    }

    /// The offset after the last record of the log.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The batches of the log from this offset on.
    pub fn published_since(&self, offset: i64) -> &[MetadataBatch] {
        let first = |batch: &MetadataBatch| batch.first().is_some_and(|(first, _)| *first < offset);
        &self.published[self.published.partition_point(first)..]
    }

    fn ask<D: Disk, F: Fx>(&mut self, version: i16, body: impl Into<RequestBody>, io: &mut Io<'_, D, F>) {
        let me = io.cfg.node();
        // A connection that the table does not know: the answer goes nowhere.
        let conn = ConnId { initiator: NodeId(u32::MAX), acceptor: me, lane: lanes::LIFECYCLE, attempt: 0 };
        let _ = self.on_request(conn, version, body.into(), io);
    }

    fn register<D: Disk, F: Fx>(&mut self, broker: i32, incarnation: u8, previous: i64, io: &mut Io<'_, D, F>) {
        let feature = |&(name, min, max): &(&'static str, i16, i16)| Feature {
            name: Str::from_static(name),
            min_supported_version: min,
            max_supported_version: max,
        };
        let request = BrokerRegistrationRequest {
            broker_id: broker,
            cluster_id: io.cfg.cluster_id.clone(),
            incarnation_id: Uuid(u128::from(incarnation) + 1),
            listeners: vec![Listener {
                name: Str::from_static("PLAINTEXT"),
                host: Str::from(format!("b{broker}")),
                port: 9092,
                security_protocol: 0,
            }],
            features: SUPPORTED_FEATURES.iter().map(feature).collect(),
            log_dirs: vec![Uuid(1_000 + broker as u128)],
            previous_broker_epoch: previous,
            ..Default::default()
        };
        self.ask(4, request, io);
    }

    fn heartbeat<D: Disk, F: Fx>(&mut self, broker: i32, applied: i64, io: &mut Io<'_, D, F>) {
        let request = BrokerHeartbeatRequest {
            broker_id: broker,
            broker_epoch: self.image().broker(broker).map_or(-1, |broker| broker.epoch),
            current_metadata_offset: applied,
            ..Default::default()
        };
        self.ask(1, request, io);
    }

    /// All brokers up, and one topic with one partition on all of them; the first of them leads.
    fn found<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let brokers: Vec<i32> = (0..io.cfg.node_id).collect();
        for broker in &brokers {
            self.register(*broker, 0, -1, io);
            self.commit(io);
            self.heartbeat(*broker, self.end - 1, io);
        }
        let topic = CreatableTopic {
            name: Str::from_static(TOPIC),
            num_partitions: -1,
            replication_factor: -1,
            assignments: vec![CreatableReplicaAssignment { partition_index: 0, broker_ids: brokers }],
            ..Default::default()
        };
        self.ask(7, CreateTopicsRequest { topics: vec![topic], timeout_ms: 0, validate_only: false }, io);
    }

    /// What was appended is committed, and told before it has effects.
    fn commit<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let known = self
            .published
            .partition_point(|batch| batch.last().is_some_and(|(last, _)| *last <= self.committed.offset()));
        for (offset, record) in self.published[known..].iter().flat_map(|batch| batch.iter()) {
            let mut changes = Vec::new();
            let applied = self.committed.apply(*offset, 0, record, &mut |change| changes.push(change));
            assert_eq!(applied, Ok(()), "the controller's own record can be applied");
            for change in changes {
                observe_change(&self.committed, *offset, change, io);
            }
        }
        self.controller.on_committed(self.end, io);
    }
}

impl Open for Active {
    fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Active, String> {
        let (mut end, mut published) = (0, Vec::new());
        let mut log = Writer { end: &mut end, published: &mut published };
        let controller = Controller::activate(&MetadataImage::new(), 0, &mut log, io);
        let mut active = Active { controller, end, committed: MetadataImage::new(), published };
        active.found(io);
        Ok(active)
    }
}

impl Member for Active {
    type Input = PartInput;

    fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        let Active { controller, end, published, .. } = self;
        controller.on_timer(id, &mut Writer { end, published }, io);
    }

    fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let Active { controller, end, published, .. } = self;
        controller.on_request(conn, version, body, &mut Writer { end, published }, io)
    }

    /// It calls nobody.
    fn on_response<D: Disk, F: Fx>(&mut self, _: NodeId, _: Lane, _: ResponseBody, _: &mut Io<'_, D, F>) {}
    fn on_call_failed<D: Disk, F: Fx>(&mut self, _: CallFailed, _: &mut Io<'_, D, F>) {}

    fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, _: &mut Io<'_, D, F>) {
        self.controller.on_conn_down(conn);
    }

    /// It has no disk.
    fn on_synced<D: Disk, F: Fx>(
        &mut self,
        _: SyncOp,
        _: Result<(), DiskError>,
        _: &mut Io<'_, D, F>,
    ) -> Result<(), &'static str> {
        Ok(())
    }

    fn on_input<D: Disk, F: Fx>(&mut self, input: PartInput, io: &mut Io<'_, D, F>) {
        match input {
            PartInput::Register(broker, incarnation, previous) => self.register(broker, incarnation, previous, io),
            PartInput::Heartbeat(broker, applied) => self.heartbeat(broker, applied, io),
            PartInput::ElectPreferred => {
                let everything = ElectLeadersRequest { election_type: 0, topic_partitions: None, timeout_ms: 0 };
                self.ask(2, everything, io);
            }
            _ => {}
        }
    }

    fn settle<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.serve_ready(io);
        self.commit(io);
    }
}
