//! The events that concern the quorum.

use tribunal_common::{Answer, CallFailed, Fx, Io, lanes, syncs, timers};
use tribunal_contract::{ConnId, Disk, DiskError, Lane, NodeId, SyncOp, TimerId};
use tribunal_protocol::{RequestBody, ResponseBody};

use crate::append::{LOG_FAILED, SNAPSHOT_FAILED};
use crate::drive::{STATE_FAILED, call_timer, peer_and_lane};
use crate::quorum::node;
use crate::role::Role;
use crate::snapshots::{CONTENT, FETCHED_CONTENT, FETCHED_NAME, NAME};
use crate::{Fatal, Quorum};

impl Quorum {
    /// `Event::Start`, after [`Quorum::open`]: makes durable what was found on disk, and sets the timers of the role.
    pub fn start<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let synced = self.log.sync(io);
        self.check(synced, LOG_FAILED, io);
        if self.snapshots.fetching.is_some() {
            io.disk.sync_dir(crate::FOLDER, SyncOp { class: syncs::SNAPSHOT, index: FETCHED_NAME });
        }
        let only_voter = io.cfg.voters == [io.cfg.node_id];
        match &self.role {
            _ if only_voter => self.stand(io),
            Role::Follower(_) => Self::set_fetch_timer(io),
            _ if io.cfg.is_voter() => Self::set_election_timer(io),
            _ => {}
        }
        self.drive(io);
    }

    /// A timer of one of the `QUORUM_*` classes.
    pub fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        if self.failed {
            return;
        }
        match id.class {
            timers::QUORUM_ELECTION => self.on_election_timer(io),
            timers::QUORUM_FETCH => self.on_fetch_timer(io),
            timers::QUORUM_CHECK => self.step_down(io),
            timers::QUORUM_BACKOFF => self.on_backoff_timer(id.index, io),
            timers::QUORUM_PARKED => self.on_parked_timer(id.index, io),
            timers::QUORUM_CALL => {
                let (peer, lane) = peer_and_lane(id.index);
                io.net.abandon(io.fx, peer, lane);
            }
            _ => {}
        }
        self.drive(io);
    }

    fn on_election_timer<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if self.stopping || self.lost_disk {
            return;
        }
        match &self.role {
            Role::Unattached | Role::Candidate(_) => self.stand(io),
            // With no leader to go back to, it would stand again at once.
            Role::Prospective(_) if self.election.leader.is_none() => self.stand(io),
            Role::Prospective(_) => self.lose(io),
            Role::Resigned(_) => {
                // In its own epoch it still counts as leader, and records of it may be lost here: that epoch is over.
                self.unattach(self.election.epoch + 1, io);
                self.stand(io);
            }
            Role::Follower(_) | Role::Leader(_) => {}
        }
    }

    fn on_fetch_timer<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        for id in &io.cfg.voters {
            if *id != io.cfg.node_id {
                io.net.abandon(io.fx, node(*id), lanes::QUORUM_FETCH);
            }
        }
        if !matches!(self.role, Role::Follower(_)) {
            return;
        }
        match io.cfg.is_voter() {
            true if self.stopping || self.lost_disk => Self::set_fetch_timer(io),
            true => self.stand(io),
            false => self.unattach(self.election.epoch, io),
        }
    }

    /// Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch of the metadata log, FetchSnapshot, DescribeQuorum. Anything else
    /// closes the connection.
    pub fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        peer: NodeId,
        version: i16,
        body: RequestBody,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if self.failed {
            return Answer::Close;
        }
        let answer = match &body {
            RequestBody::Fetch(body) => self.on_fetch(conn, peer, version, body, io),
            RequestBody::Vote(body) => self.on_vote_request(conn, body, io),
            RequestBody::BeginQuorumEpoch(body) => self.on_begin_request(conn, body, io),
            RequestBody::EndQuorumEpoch(body) => self.on_end_request(conn, body, io),
            RequestBody::FetchSnapshot(body) => self.on_fetch_snapshot(conn, body, io),
            RequestBody::DescribeQuorum(body) => self.on_describe(conn, body, io),
            _ => return Answer::Close,
        };
        self.drive(io);
        answer
    }

    /// The answer to a call on [`lanes::QUORUM`] or [`lanes::QUORUM_FETCH`].
    pub fn on_response<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, body: ResponseBody, io: &mut Io<'_, D, F>) {
        if self.failed {
            return;
        }
        if lane == lanes::QUORUM {
            io.fx.cancel_timer(call_timer(peer, lane));
        }
        match &body {
            ResponseBody::Fetch(body) => self.on_fetch_response(peer, body, io),
            ResponseBody::Vote(body) => self.on_vote_response(peer, body, io),
            ResponseBody::BeginQuorumEpoch(body) => self.on_begin_response(peer, body, io),
            ResponseBody::EndQuorumEpoch(body) => self.on_end_response(peer, body, io),
            ResponseBody::FetchSnapshot(body) => self.on_snapshot_response(peer, body, io),
            _ => self.back_off(peer, lane, io),
        }
        self.drive(io);
    }

    /// A call on one of the quorum's lanes will not be answered.
    pub fn on_call_failed<D: Disk, F: Fx>(&mut self, failed: CallFailed, io: &mut Io<'_, D, F>) {
        if self.failed {
            return;
        }
        if failed.lane == lanes::QUORUM {
            io.fx.cancel_timer(call_timer(failed.peer, failed.lane));
        }
        self.back_off(failed.peer, failed.lane, io);
        self.drive(io);
    }

    /// A connection is gone: nobody waits on it any more.
    pub fn on_conn_down(&mut self, conn: ConnId) {
        self.held.retain(|held| held.conn != conn);
        self.forget_parked(conn);
    }

    /// A sync of one of the classes METADATA_LOG, QUORUM_STATE and SNAPSHOT completed. After an error the broker must
    /// halt.
    pub fn on_synced<D: Disk, F: Fx>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), Fatal> {
        if self.failed {
            return Ok(());
        }
        let done = match op.class {
            syncs::METADATA_LOG => {
                let done = self.log.synced(op, result, io).map_err(|_| Fatal(LOG_FAILED));
                self.log_flushed(io);
                done
            }
            syncs::QUORUM_STATE => self.store.synced(result, io).map_err(|_| Fatal(STATE_FAILED)),
            syncs::SNAPSHOT => self.snapshot_synced(op.index, result, io).map_err(|_| Fatal(SNAPSHOT_FAILED)),
            _ => Ok(()),
        };
        self.failed |= done.is_err();
        done?;
        self.drive(io);
        Ok(())
    }

    fn snapshot_synced<D: Disk, F: Fx>(
        &mut self,
        index: u32,
        result: Result<(), DiskError>,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        match index {
            CONTENT | NAME => {
                if let Some(id) = self.snapshots.taken(result, io)? {
                    self.snapshot_taken(id, io);
                }
                Ok(())
            }
            FETCHED_CONTENT | FETCHED_NAME => self.snapshot_fetched(result, io),
            _ => Ok(()),
        }
    }

    /// Controlled shutdown: a leader steps down and names its successors; nobody who stops stands for election again.
    pub fn resign<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.stopping = true;
        self.step_down(io);
        self.drive(io);
    }
}
