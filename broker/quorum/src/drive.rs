//! What is sent to peers: decided here alone, from the state as it is.

use tribunal_common::{Fx, Io, lanes, timers};
use tribunal_contract::{Disk, Lane, NodeId, TimerId};
use tribunal_protocol::RequestBody;
use tribunal_protocol::messages::{
    BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest, FetchSnapshotRequest, VoteRequest,
};

use crate::quorum::node;
use crate::role::Role;
use crate::serving::MAX_FETCH_BYTES;
use crate::voters::VoterSet;
use crate::wire::{FetchFrom, SnapshotFrom};
use crate::{Quorum, wire};

pub(crate) const STATE_FAILED: &str = "the quorum state cannot be written";

impl Quorum {
    /// Goes on, after every event: sends the answers that waited, writes what is promised anew, becomes what the votes
    /// say, and calls whom there is something to ask. Nobody is called while a promise is not on disk.
    pub(crate) fn drive<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.release(io);
        loop {
            let persisted = self.store.persist(&self.election, io);
            self.check(persisted, STATE_FAILED, io);
            if self.failed || !self.store.keeps(&self.election) {
                return;
            }
            self.report(io);
            let voters = io.cfg.voters.len();
            match &self.role {
                Role::Prospective(votes) if votes.is_won(voters) => self.campaign(io),
                Role::Candidate(votes) if votes.is_won(voters) => self.lead(votes.granted, io),
                _ => return self.call_peers(io),
            }
        }
    }

    fn call_peers<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let all = VoterSet::all(io.cfg.voters.len());
        match &self.role {
            Role::Follower(_) => self.fetch(io),
            Role::Unattached if !io.cfg.is_voter() => self.look_for_leader(io),
            Role::Unattached => {}
            Role::Prospective(votes) | Role::Candidate(votes) => {
                let pre_vote = matches!(self.role, Role::Prospective(_));
                // Once the election is lost there is no point in asking the rest.
                let open = if votes.is_lost(io.cfg.voters.len()) { VoterSet::default() } else { all };
                let (epoch, end) = (self.election.epoch, self.log.end());
                let asked = open.without(votes.granted).without(votes.rejected);
                self.call_each(asked, io, |cfg, id| wire::ask_for_vote(cfg, id, epoch, end, pre_vote).into());
            }
            Role::Leader(leading) => {
                let epoch = self.election.epoch;
                let told = all.without(leading.acknowledged);
                self.call_each(told, io, |cfg, id| wire::begin_epoch(cfg, id, epoch).into());
            }
            Role::Resigned(resigned) => {
                let epoch = self.election.epoch;
                let successors = &resigned.successors;
                self.call_each(resigned.unacknowledged, io, |cfg, _| wire::end_epoch(cfg, epoch, successors).into());
            }
        }
    }

    /// Calls each of the voters but this one, unless it is being called or let alone.
    fn call_each<D: Disk, F: Fx>(
        &self,
        which: VoterSet,
        io: &mut Io<'_, D, F>,
        body: impl Fn(&tribunal_common::BrokerConfig, i32) -> RequestBody,
    ) {
        for (at, id) in io.cfg.voters.iter().enumerate() {
            let skip = *id == io.cfg.node_id || self.backoff.contains(at) || !which.contains(at);
            if skip || io.net.is_calling(node(*id), lanes::QUORUM) {
                continue;
            }
            let timeout = io.cfg.request_timeout;
            io.fx.set_timer(call_timer(node(*id), lanes::QUORUM), timeout, timeout);
            call(io, node(*id), lanes::QUORUM, body(io.cfg, *id));
        }
    }

    /// Fetches from the leader. A fetch acknowledges all that is below its offset, so the log must be durable.
    fn fetch<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Some(leader) = self.election.leader else { return };
        let backing_off = Self::voter(io.cfg, leader).is_some_and(|at| self.fetch_backoff.contains(at));
        if backing_off || io.net.is_calling(node(leader), lanes::QUORUM_FETCH) || !self.log.is_durable() {
            return;
        }
        if let Some(fetching) = self.snapshots.fetching {
            if fetching.is_here() {
                return;
            }
            let epoch = self.election.epoch;
            if let Some(position) = fetching.next_position(epoch) {
                let from = SnapshotFrom { epoch, id: fetching.id, position, max_bytes: MAX_FETCH_BYTES };
                return call(io, node(leader), lanes::QUORUM_FETCH, wire::fetch_snapshot(io.cfg, &from).into());
            }
            self.drop_fetching(io);
        }
        self.call_fetch(leader, io);
    }

    /// An observer asks any voter for records; if it does not lead, its answer says who does.
    fn look_for_leader<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let voters = &io.cfg.voters;
        if voters.iter().any(|id| io.net.is_calling(node(*id), lanes::QUORUM_FETCH)) || !self.log.is_durable() {
            return;
        }
        let left = VoterSet::all(voters.len()).without(self.fetch_backoff);
        if left.len() == 0 {
            return;
        }
        let chosen = io.fx.choose(left.len() as u32) as usize;
        if let Some((_, id)) = voters.iter().enumerate().filter(|(at, _)| left.contains(*at)).nth(chosen) {
            Self::set_fetch_timer(io);
            self.call_fetch(*id, io);
        }
    }

    fn call_fetch<D: Disk, F: Fx>(&self, from: i32, io: &mut Io<'_, D, F>) {
        let what = FetchFrom {
            epoch: self.election.epoch,
            end: self.log.end(),
            log_start: self.log.start(),
            high_watermark: self.hw,
            max_bytes: MAX_FETCH_BYTES,
        };
        call(io, node(from), lanes::QUORUM_FETCH, wire::fetch(io.cfg, &what).into());
    }

    /// Lets a peer alone for the retry backoff.
    pub(crate) fn back_off<D: Disk, F: Fx>(&mut self, peer: NodeId, lane: Lane, io: &mut Io<'_, D, F>) {
        if let Some(at) = Self::voter(io.cfg, peer.0 as i32) {
            let set = if lane == lanes::QUORUM { &mut self.backoff } else { &mut self.fetch_backoff };
            set.insert(at);
            let timer = TimerId { class: timers::QUORUM_BACKOFF, index: lanes::index(peer, lane) };
            io.fx.set_timer(timer, io.cfg.retry_backoff, io.cfg.retry_backoff);
        }
    }

    /// A peer may be called again.
    pub(crate) fn on_backoff_timer<D: Disk, F: Fx>(&mut self, index: u32, io: &mut Io<'_, D, F>) {
        let (peer, lane) = peer_and_lane(index);
        if let Some(at) = Self::voter(io.cfg, peer.0 as i32) {
            let set = if lane == lanes::QUORUM { &mut self.backoff } else { &mut self.fetch_backoff };
            set.remove(at);
        }
    }
}

/// Calls a peer in the newest version. The lane is free.
fn call<D: Disk, F: Fx>(io: &mut Io<'_, D, F>, peer: NodeId, lane: Lane, body: RequestBody) {
    let version = match &body {
        RequestBody::Vote(_) => VoteRequest::VERSIONS.max,
        RequestBody::BeginQuorumEpoch(_) => BeginQuorumEpochRequest::VERSIONS.max,
        RequestBody::EndQuorumEpoch(_) => EndQuorumEpochRequest::VERSIONS.max,
        RequestBody::FetchSnapshot(_) => FetchSnapshotRequest::VERSIONS.max,
        _ => FetchRequest::VERSIONS.max,
    };
    io.net.call(io.fx, peer, lane, version, body);
}

/// The timer of an unanswered call. Fetches have none: the fetch timer ends them.
pub(crate) fn call_timer(peer: NodeId, lane: Lane) -> TimerId {
    TimerId { class: timers::QUORUM_CALL, index: lanes::index(peer, lane) }
}

/// The other way round from [`lanes::index`].
pub(crate) fn peer_and_lane(index: u32) -> (NodeId, Lane) {
    (NodeId(index / lanes::COUNT), Lane((index % lanes::COUNT) as u8))
}
