//! Follower: what the leader answered to a Fetch.

use bytes::Bytes;
use tribunal_common::{Fx, Io, lanes};
use tribunal_contract::{Disk, NodeId};
use tribunal_log::LogError;
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::FetchResponse;
use tribunal_protocol::messages::fetch_response::PartitionData;

use crate::Quorum;
use crate::append::LOG_FAILED;
use crate::role::Role;
use crate::snapshots::SnapshotId;
use crate::wire::{self, LogEnd};

const CUT_BELOW_HW: &str = "the leader wants the metadata log cut below the high watermark";

impl Quorum {
    pub(crate) fn on_fetch_response<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        body: &FetchResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let answer = wire::fetch_response(body).filter(|_| body.error_code == ErrorCode::None.code());
        let Some(answer) = answer else { return self.back_off(peer, lanes::QUORUM_FETCH, io) };
        let leader = answer.current_leader.leader_id;
        if !self.is_from_leader(peer, leader, answer.current_leader.leader_epoch, answer.error_code, io) {
            return;
        }
        if !self.take_in(answer, io) {
            return self.back_off(peer, lanes::QUORUM_FETCH, io);
        }
        self.heard_leader(io);
    }

    /// Whether an answer to a fetch is a good one from the leader that this node follows. Learns what it can from any,
    /// and lets the peer alone for a moment if it is of no use.
    pub(crate) fn is_from_leader<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        leader: i32,
        epoch: i32,
        error: i16,
        io: &mut Io<'_, D, F>,
    ) -> bool {
        let before = self.election;
        if epoch < before.epoch && error == ErrorCode::None.code() {
            // It was asked in an epoch that is over.
            return false;
        }
        self.learn(epoch, (leader >= 0).then_some(leader), io);
        let ours = epoch == self.election.epoch && self.election.leader == Some(peer.0 as i32);
        if ours && error == ErrorCode::None.code() {
            if let Role::Prospective(_) = self.role {
                // It lives after all.
                self.follow(epoch, leader, io);
            }
            return matches!(self.role, Role::Follower(_));
        }
        if error != ErrorCode::None.code() || self.election == before {
            self.back_off(peer, lanes::QUORUM_FETCH, io);
        }
        false
    }

    /// The leader has answered: it has the whole fetch timeout again.
    pub(crate) fn heard_leader<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Role::Follower(following) = &mut self.role {
            following.heard = true;
            Self::set_fetch_timer(io);
        }
    }

    /// Takes in what the leader sent. False if that makes no sense.
    fn take_in<D: Disk, F: Fx>(&mut self, answer: &PartitionData, io: &mut Io<'_, D, F>) -> bool {
        let diverging = &answer.diverging_epoch;
        let snapshot = &answer.snapshot_id;
        if diverging.epoch >= 0 {
            return self.cut(LogEnd { epoch: diverging.epoch, offset: diverging.end_offset }, io);
        }
        if snapshot.epoch >= 0 || snapshot.end_offset >= 0 {
            return self.begin_snapshot(SnapshotId { end: snapshot.end_offset, epoch: snapshot.epoch }, io);
        }
        let records = answer.records.as_ref().filter(|records| !records.is_empty());
        if let Some(records) = records
            && !self.append_fetched(records.clone(), io)
        {
            return false;
        }
        if let Role::Follower(following) = &mut self.role {
            following.leader_hw = following.leader_hw.max(answer.high_watermark);
        }
        self.log_flushed(io);
        true
    }

    /// Appends what the leader sent; the next fetch, which acknowledges it, waits until it is durable.
    fn append_fetched<D: Disk, F: Fx>(&mut self, records: Bytes, io: &mut Io<'_, D, F>) -> bool {
        match self.log.append_as_follower(records, io) {
            Ok(()) => {}
            Err(LogError::Disk { .. } | LogError::Failed) => {
                self.fail(LOG_FAILED, io);
                return false;
            }
            Err(_) => return false,
        }
        let synced = self.log.sync(io);
        self.check(synced, LOG_FAILED, io).is_some()
    }

    /// Cuts the log where it parts from the leader's.
    fn cut<D: Disk, F: Fx>(&mut self, at: LogEnd, io: &mut Io<'_, D, F>) -> bool {
        let cut = self.log.truncate_to_divergence(at, self.hw, io);
        let cut = self.check(cut, LOG_FAILED, io);
        if cut == Some(false) {
            // What was committed is gone from the leader (KAFKA-12460): a majority has lost its disks. Going on would
            // make the loss ours.
            self.fail(CUT_BELOW_HW, io);
        }
        let synced = self.log.sync(io);
        self.check(synced, LOG_FAILED, io).is_some() && !self.failed
    }
}
