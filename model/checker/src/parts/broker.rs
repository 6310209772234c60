//! A broker's replicas as they ship, told of metadata from outside.

use tribunal_common::{Answer, CallFailed, Fx, Io, Member, lanes};
use tribunal_contract::{ConnId, Disk, DiskError, Lane, NodeId, SyncOp, TimerId};
use tribunal_controller::MetadataImage;
use tribunal_core::{Unpublished, set_strays_aside};
use tribunal_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tribunal_protocol::{RequestBody, ResponseBody};
use tribunal_replica::Replicas;

use super::{MetadataBatch, Open, PartInput, batch};

/// The partition replicas of a broker, and the metadata that it has applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    replicas: Replicas,
    image: MetadataImage,
    /// What the replicas have not been told of it.
    unpublished: Unpublished,
    /// Of its present registration, -1 before.
    broker_epoch: i64,
}

/// The version of Produce that a client of this broker speaks.
const PRODUCE_VERSION: i16 = 13;

impl Replica {
    /// The replicas.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// The offset of the last metadata record it has applied.
    pub fn applied(&self) -> i64 {
        self.image.offset()
    }

    /// The epoch under which it is registered, -1 before that.
    pub fn broker_epoch(&self) -> i64 {
        self.broker_epoch
    }

    fn apply<D: Disk, F: Fx>(&mut self, records: &MetadataBatch, io: &mut Io<'_, D, F>) {
        let news = &mut self.unpublished;
        for (offset, record) in records.iter() {
            let applied = self.image.apply(*offset, 0, record, &mut |change| news.note(change));
            assert_eq!(applied, Ok(()), "what the controller committed can be applied");
        }
        self.unpublished.publish(&self.image, &mut self.replicas, io);
    }

    /// A client produces to every partition that is here, with acks=1: what more it would wait for shows in the high
    /// watermark.
    fn produce<D: Disk, F: Fx>(&mut self, number: u8, io: &mut Io<'_, D, F>) {
        let partitions: Vec<_> = self.replicas.iter().map(|partition| partition.id).collect();
        for id in partitions {
            let data = PartitionProduceData { index: id.partition, records: Some(batch(number)) };
            let topic = TopicProduceData { topic_id: id.topic, partition_data: vec![data], ..Default::default() };
            let request = ProduceRequest { acks: 1, topic_data: vec![topic], ..Default::default() };
            let me = io.cfg.node();
            let conn = ConnId { initiator: me, acceptor: me, lane: lanes::CLIENT, attempt: 0 };
            let _ = self.replicas.produce(conn, PRODUCE_VERSION, request, io);
        }
    }
}

impl Open for Replica {
    fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Replica, String> {
        Ok(Replica {
            replicas: Replicas::open(io),
            image: MetadataImage::default(),
            unpublished: Unpublished::default(),
            broker_epoch: -1,
        })
    }
}

impl Member for Replica {
    type Input = PartInput;

    fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        self.replicas.on_timer(id, io);
    }

    fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        self.replicas.on_request(conn, version, body, io)
    }

    fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>) {
        self.replicas.on_response(peer, lane, body, io);
    }

    fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>) {
        self.replicas.on_call_failed(failed, io);
    }

    fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) {
        self.replicas.on_conn_down(conn, io);
    }

    fn on_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), &'static str> {
        self.replicas.on_synced(op, result, io);
        self.unpublished.publish(&self.image, &mut self.replicas, io);
        Ok(())
    }

    fn on_input<D: Disk, F: Fx>(&mut self, input: PartInput, io: &mut Io<'_, D, F>) {
        match input {
            PartInput::Metadata(records) => self.apply(&records, io),
            PartInput::Produce(number) => self.produce(number, io),
            PartInput::Registered(epoch, image) => {
                self.broker_epoch = epoch;
                self.replicas.set_broker_epoch(epoch);
                self.replicas.set_controller(Some(controller_of(io.cfg)), io);
                let news = &mut self.unpublished;
                image.changes_since(&self.image, &mut |change| news.note(change));
                self.image = image;
                set_strays_aside(&self.image, &mut self.replicas, io);
                self.unpublished.publish(&self.image, &mut self.replicas, io);
            }
            _ => {}
        }
    }

    /// A broker whose log directory has failed stops: it shuts down in order, which asks the controller first, or dies
    /// as here, which the controller finds out.
    fn settle<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.serve_ready(io);
        if self.replicas.is_offline() {
            io.fx.halt("the log directory has failed");
        }
    }
}

/// The controller is the only voter, on a node of its own.
fn controller_of(cfg: &tribunal_common::BrokerConfig) -> i32 {
    cfg.voters[0]
}
