//! The events that concern replicas: requests that they serve, answers to what they asked.

use tribunal_common::{Answer, CallFailed, Fx, Io, lanes};
use tribunal_contract::{ConnId, Disk, Lane, NodeId};
use tribunal_protocol::{RequestBody, ResponseBody};

use crate::replicas::Replicas;

impl Replicas {
    /// Serves a request about partition logs. Whoever sends another one here breaks the protocol.
    pub fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        Answer::Now(match body {
            RequestBody::Produce(request) => return self.produce(conn, version, request, io),
            RequestBody::Fetch(request) => return self.fetch(conn, version, request, io),
            RequestBody::ListOffsets(request) => ResponseBody::ListOffsets(self.list_offsets(version, request, io)),
            RequestBody::OffsetForLeaderEpoch(request) => {
                ResponseBody::OffsetForLeaderEpoch(self.offsets_for_leader_epochs(request, io))
            }
            RequestBody::DeleteRecords(request) => ResponseBody::DeleteRecords(self.delete_records(request, io)),
            RequestBody::DescribeLogDirs(request) => ResponseBody::DescribeLogDirs(self.describe_log_dirs(request, io)),
            _ => return Answer::Close,
        })
    }

    /// The answer to a call on one of the replicas' lanes. One of another kind than was asked for counts as a failed
    /// call.
    pub fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>) {
        let from = peer.0 as i32;
        match (lane, body) {
            (lanes::CONTROL, ResponseBody::AlterPartition(response)) => self.on_alter_partition(response, io),
            (lanes::REPLICA_FETCH, ResponseBody::Fetch(response)) => self.on_fetched(from, response, io),
            (lanes::EPOCH_LOOKUP, ResponseBody::OffsetForLeaderEpoch(response)) => {
                self.on_epoch_ends(from, response, io);
            }
            (lanes::EPOCH_LOOKUP, ResponseBody::ListOffsets(response)) => self.on_log_starts(from, response, io),
            (lane, _) => self.on_call_failed(CallFailed { peer, lane }, io),
        }
    }

    /// A call on one of the replicas' lanes that will not be answered.
    pub fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>) {
        let peer = failed.peer.0 as i32;
        match failed.lane {
            lanes::CONTROL => self.on_alter_partition_failed(io),
            lanes::REPLICA_FETCH => self.on_fetch_failed(peer, io),
            lanes::EPOCH_LOOKUP => self.on_lookup_failed(peer, io),
            _ => {}
        }
    }
}
