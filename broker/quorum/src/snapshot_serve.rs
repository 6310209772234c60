//! Leader: serving FetchSnapshot (KIP-630).

use bytes::Bytes;
use tribunal_common::{Answer, Fx, Io};
use tribunal_contract::{ConnId, Disk, DiskError};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::fetch_snapshot_response::{self, PartitionSnapshot};
use tribunal_protocol::messages::{FetchSnapshotRequest, FetchSnapshotResponse};

use crate::serving::MAX_FETCH_BYTES;
use crate::snapshots::SnapshotId;
use crate::{Quorum, wire};

impl Quorum {
    pub(crate) fn on_fetch_snapshot<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        body: &FetchSnapshotRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let top_level = |error: ErrorCode| {
            Answer::Now(FetchSnapshotResponse { error_code: error.code(), ..Default::default() }.into())
        };
        if body.cluster_id.as_ref().is_some_and(|id| *id != io.cfg.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        if body.topics.len() != 1 || body.topics[0].partitions.len() != 1 || body.max_bytes <= 0 {
            return top_level(ErrorCode::InvalidRequest);
        }
        let Some(request) = wire::snapshot_request(body) else {
            return self.snapshot_error(conn, ErrorCode::UnknownTopicOrPartition);
        };
        if let Some(error) = self.refuse_leader_request(request.current_leader_epoch) {
            return self.snapshot_error(conn, error);
        }
        let id = SnapshotId { end: request.snapshot_id.end_offset, epoch: request.snapshot_id.epoch };
        if !self.snapshots.kept.contains(&id) {
            return self.snapshot_error(conn, ErrorCode::SnapshotNotFound);
        }
        let (position, max_bytes) = (request.position, body.max_bytes.min(MAX_FETCH_BYTES));
        let (size, piece) = match piece(id, position, max_bytes, io.disk) {
            Ok((size, Some(piece))) => (size, piece),
            Ok((_, None)) => return self.snapshot_error(conn, ErrorCode::PositionOutOfRange),
            Err(_) => return self.snapshot_error(conn, ErrorCode::KafkaStorageError),
        };
        // It takes the place of fetching for as long as it lasts.
        self.replica_fetched(body.replica_id, None, io);
        let mut partition = self.snapshot_partition(ErrorCode::None);
        partition.snapshot_id = fetch_snapshot_response::SnapshotId { end_offset: id.end, epoch: id.epoch };
        (partition.size, partition.position, partition.unaligned_records) = (size, position, piece);
        Answer::Now(wire::answer_snapshot(partition).into())
    }

    fn snapshot_error(&mut self, conn: ConnId, error: ErrorCode) -> Answer {
        let body = wire::answer_snapshot(self.snapshot_partition(error));
        self.answer(conn, body.into())
    }

    fn snapshot_partition(&self, error: ErrorCode) -> PartitionSnapshot {
        PartitionSnapshot {
            error_code: error.code(),
            current_leader: fetch_snapshot_response::LeaderIdAndEpoch {
                leader_id: self.election.leader.unwrap_or(-1),
                leader_epoch: self.election.epoch,
            },
            ..Default::default()
        }
    }
}

/// A snapshot's size and a piece of it; no piece if the position is outside.
fn piece<D: Disk>(
    id: SnapshotId,
    position: i64,
    max_bytes: i32,
    disk: &mut D,
) -> Result<(i64, Option<Bytes>), DiskError> {
    let file = disk.open(&id.path())?;
    let read = disk.len(file).and_then(|size| {
        if position < 0 || position >= size as i64 {
            return Ok((size as i64, None));
        }
        let len = (size - position as u64).min(max_bytes as u64) as usize;
        Ok((size as i64, Some(disk.read(file, position as u64, len)?)))
    });
    disk.close(file);
    read
}
