//! A voter: the quorum as it ships, and as little of a controller as its promises need.

use bytes::Bytes;
use tribunal_common::{Answer, CallFailed, Fx, Io, Member};
use tribunal_contract::{ConnId, Disk, DiskError, Lane, NodeId, SyncOp, TimerId};
use tribunal_protocol::{RequestBody, ResponseBody};
use tribunal_quorum::{Committed, Quorum};
use tribunal_records::Batches;

use super::{Open, PartInput, value};

/// A member of the quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voter {
    quorum: Quorum,
    /// All below has been applied.
    applied: i64,
    epoch: i32,
    /// What was: the values of all records, in order. A snapshot is these.
    values: Vec<Bytes>,
}

const READ_BYTES: usize = 1 << 16;

impl Voter {
    /// The quorum.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    fn apply(&mut self, batches: Bytes) {
        for batch in Batches::new(batches) {
            let Ok(batch) = batch else { return };
            if !batch.header.attributes.is_control()
                && let Ok(records) = batch.records()
            {
                self.values.extend(records.flatten().filter_map(|record| record.value));
            }
            (self.applied, self.epoch) = (batch.header.next_offset(), batch.header.partition_leader_epoch);
        }
    }
}

impl Open for Voter {
    fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Voter, String> {
        let mut quorum = Quorum::open(io).map_err(|error| error.to_string())?;
        quorum.start(io);
        Ok(Voter { quorum, applied: 0, epoch: 0, values: Vec::new() })
    }
}

impl Member for Voter {
    type Input = PartInput;

    fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        self.quorum.on_timer(id, io);
    }

    fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        self.quorum.on_request(conn, conn.initiator, version, body, io)
    }

    fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>) {
        self.quorum.on_response(peer, lane, body, io);
    }

    fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>) {
        self.quorum.on_call_failed(failed, io);
    }

    fn on_conn_down<D: Disk, F: Fx>(&mut self, conn: ConnId, _: &mut Io<'_, D, F>) {
        self.quorum.on_conn_down(conn);
    }

    fn on_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), &'static str> {
        self.quorum.on_synced(op, result, io).map_err(|fatal| fatal.0)
    }

    fn on_input<D: Disk, F: Fx>(&mut self, input: PartInput, io: &mut Io<'_, D, F>) {
        match input {
            PartInput::Append(number) => {
                let _ = self.quorum.append(&[(None, value(number))], io);
            }
            PartInput::Snapshot => self.quorum.take_snapshot(self.applied, self.epoch, &self.values, io),
            _ => {}
        }
    }

    fn settle<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.serve_ready(io);
        loop {
            match self.quorum.read_committed(self.applied, READ_BYTES, io) {
                Committed::Nothing => break,
                Committed::Records(batches) => {
                    let before = self.applied;
                    self.apply(batches);
                    if self.applied == before {
                        return io.fx.halt("the metadata log cannot be understood");
                    }
                }
                Committed::Snapshot { end, epoch, content } => {
                    self.values.clear();
                    self.apply(content);
                    (self.applied, self.epoch) = (end, epoch);
                }
            }
        }
    }
}
