//! Follower: fetching a snapshot piece by piece, and putting it in the log's place.

use tribunal_common::{Fx, Io, Obs, lanes, syncs};
use tribunal_contract::{Disk, DiskError, FileId, NodeId, SyncOp};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::FetchSnapshotResponse;
use tribunal_protocol::messages::fetch_snapshot_response::PartitionSnapshot;

use crate::append::{LOG_FAILED, SNAPSHOT_FAILED};
use crate::snapshots::{FETCHED_CONTENT, FETCHED_NAME, SnapshotId, Snapshots, is_whole};
use crate::{FOLDER, Quorum, wire};

const REPLACES_COMMITTED: &str = "the leader's snapshot ends below the high watermark";

/// A snapshot on its way from the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fetching {
    pub(crate) id: SnapshotId,
    /// In which epoch it began: another leader's snapshot of the same id may differ in its bytes.
    epoch: i32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// This many bytes are there.
    Receiving { file: FileId, position: i64 },
    /// All bytes are there and are being synced.
    Content { file: FileId },
    /// It has its name, which is being synced.
    Name,
}

impl Fetching {
    /// A snapshot that a crash may have kept from taking effect: its file is there, its name perhaps not durable.
    pub(crate) fn named(id: SnapshotId) -> Fetching {
        Fetching { id, epoch: 0, state: State::Name }
    }

    /// Where the next piece begins, if more is to be fetched in this epoch.
    pub(crate) fn next_position(&self, epoch: i32) -> Option<i64> {
        match self.state {
            State::Receiving { position, .. } if self.epoch == epoch => Some(position),
            _ => None,
        }
    }

    /// Whether all of it is here, and only the disk is waited for.
    pub(crate) fn is_here(&self) -> bool {
        !matches!(self.state, State::Receiving { .. })
    }
}

impl Quorum {
    /// The leader wants this node to begin after a snapshot. False if that makes no sense.
    pub(crate) fn begin_snapshot<D: Disk, F: Fx>(&mut self, id: SnapshotId, io: &mut Io<'_, D, F>) -> bool {
        if id.end < 0 || id.epoch < 0 || id.log_end() <= self.log.end() {
            return false;
        }
        if id.end < self.hw {
            self.fail(REPLACES_COMMITTED, io);
            return false;
        }
        if self.snapshots.fetching.is_some_and(|f| f.is_here()) {
            return true;
        }
        self.drop_fetching(io);
        let created = io.disk.create(&id.partial_path());
        let Some(file) = self.check(created, SNAPSHOT_FAILED, io) else { return false };
        let state = State::Receiving { file, position: 0 };
        self.snapshots.fetching = Some(Fetching { id, epoch: self.election.epoch, state });
        true
    }

    /// Gives up an unfinished snapshot.
    pub(crate) fn drop_fetching<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Some(Fetching { id, state: State::Receiving { file, .. }, .. }) = self.snapshots.fetching {
            self.snapshots.fetching = None;
            io.disk.close(file);
            let removed = io.disk.remove(&id.partial_path());
            self.check(removed, SNAPSHOT_FAILED, io);
        }
    }

    pub(crate) fn on_snapshot_response<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        body: &FetchSnapshotResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let answer = wire::snapshot_response(body).filter(|_| body.error_code == ErrorCode::None.code());
        let Some(answer) = answer else { return self.back_off(peer, lanes::QUORUM_FETCH, io) };
        let gone = answer.error_code == ErrorCode::SnapshotNotFound.code()
            || answer.error_code == ErrorCode::PositionOutOfRange.code();
        let error = if gone { ErrorCode::None.code() } else { answer.error_code };
        let leader = &answer.current_leader;
        if !self.is_from_leader(peer, leader.leader_id, leader.leader_epoch, error, io) {
            return;
        }
        if gone {
            // The leader has a later one: the next fetch says which.
            self.drop_fetching(io);
        } else if !self.take_piece(answer, io) {
            self.drop_fetching(io);
            return self.back_off(peer, lanes::QUORUM_FETCH, io);
        }
        self.heard_leader(io);
    }

    /// Appends a piece. False if it does not continue what is here.
    fn take_piece<D: Disk, F: Fx>(&mut self, piece: &PartitionSnapshot, io: &mut Io<'_, D, F>) -> bool {
        let Some(Fetching { id, epoch, state: State::Receiving { file, position } }) = self.snapshots.fetching else {
            return false;
        };
        let same = piece.snapshot_id.end_offset == id.end && piece.snapshot_id.epoch == id.epoch;
        let end = position + piece.unaligned_records.len() as i64;
        if !same || epoch != self.election.epoch || piece.position != position || end == position || end > piece.size {
            return false;
        }
        // A copy: the piece is a slice of a network frame, and the file may outlive it by far.
        let appended = io.disk.append(file, bytes::Bytes::copy_from_slice(&piece.unaligned_records));
        if self.check(appended, SNAPSHOT_FAILED, io).is_none() {
            return false;
        }
        let state = if end == piece.size {
            let content = io.disk.read(file, 0, end as usize);
            let Some(content) = self.check(content, SNAPSHOT_FAILED, io) else { return false };
            if !is_whole(&content) {
                return false;
            }
            io.disk.sync(file, SyncOp { class: syncs::SNAPSHOT, index: FETCHED_CONTENT });
            State::Content { file }
        } else {
            State::Receiving { file, position: end }
        };
        self.snapshots.fetching = Some(Fetching { id, epoch, state });
        true
    }

    /// A sync of the fetched snapshot completed.
    pub(crate) fn snapshot_fetched<D: Disk, F: Fx>(
        &mut self,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        result?;
        let Some(fetching) = self.snapshots.fetching else { return Ok(()) };
        match fetching.state {
            State::Receiving { .. } => {}
            State::Content { file } => {
                io.disk.close(file);
                io.disk.rename(&fetching.id.partial_path(), &fetching.id.path())?;
                self.snapshots.fetching = Some(Fetching { state: State::Name, ..fetching });
                io.disk.sync_dir(FOLDER, SyncOp { class: syncs::SNAPSHOT, index: FETCHED_NAME });
            }
            State::Name => {
                self.snapshots.fetching = None;
                self.install(fetching.id, io)?;
            }
        }
        Ok(())
    }

    /// Puts a durable snapshot in the log's place, unless the log has caught up with it meanwhile.
    fn install<D: Disk, F: Fx>(&mut self, id: SnapshotId, io: &mut Io<'_, D, F>) -> Result<(), DiskError> {
        if id.log_end() <= self.log.end() || id.end < self.hw {
            return io.disk.remove(&id.path());
        }
        let crc = crc_fast::crc32_iscsi(&Snapshots::read(id, io.disk)?);
        let restarted = self.log.restart_after(id, io).and_then(|()| self.log.sync(io));
        if self.check(restarted, LOG_FAILED, io).is_none() {
            return Ok(());
        }
        self.snapshots.keep(id, io.disk)?;
        self.snapshots.remove_before(id.end, io.disk)?;
        let SnapshotId { end, epoch } = id;
        io.fx.observe(Obs::SnapshotInstalled { end, epoch, crc });
        self.advance_hw(end, io);
        Ok(())
    }
}
