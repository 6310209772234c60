//! Vote: asking for it and granting it (KIP-595, KIP-996).

use tribunal_common::{Answer, Fx, Io, lanes, planted};
use tribunal_contract::{ConnId, Disk, NodeId};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::{VoteRequest, VoteResponse};

use crate::Quorum;
use crate::quorum::{Granted, Held};
use crate::role::{Ballot, Role, grants};
use crate::wire::{self, LogEnd};

impl Quorum {
    pub(crate) fn on_vote_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        body: &VoteRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let top_level =
            |error: ErrorCode| Answer::Now(VoteResponse { error_code: error.code(), ..Default::default() }.into());
        if body.cluster_id.as_ref().is_some_and(|id| *id != io.cfg.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(request) = wire::vote_request(body) else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let (candidate, epoch, pre_vote) = (request.replica_id, request.replica_epoch, request.pre_vote);
        let end = LogEnd { epoch: request.last_offset_epoch, offset: request.last_offset };
        // A candidate has raised the epoch and cannot have a record of it; a prospective one may.
        let impossible = if pre_vote { end.epoch > epoch } else { end.epoch >= epoch };
        let error = if end.offset < 0 || end.epoch < 0 || impossible || candidate == io.cfg.node_id {
            Some(ErrorCode::InvalidRequest)
        } else {
            self.refuse_voter_request(candidate, epoch, io)
        };
        if let Some(error) = error {
            return self.answer(conn, wire::answer_vote(error, &self.election, false).into());
        }
        if epoch > self.election.epoch {
            self.unattach(epoch, io);
        }
        if body.voter_id >= 0 && body.voter_id != io.cfg.node_id {
            return self.answer(conn, wire::answer_vote(ErrorCode::InvalidVoterKey, &self.election, false).into());
        }
        if self.lost_disk {
            return self.answer(conn, wire::answer_vote(ErrorCode::None, &self.election, false).into());
        }
        let ballot = Ballot { candidate, up_to_date: end >= self.acknowledged_end(), pre_vote };
        let disturbs = pre_vote && ballot.up_to_date && planted!(io.cfg.bugs, Kip996);
        if !grants(&self.role, self.election.leader, self.election.voted, ballot) && !disturbs {
            return self.answer(conn, wire::answer_vote(ErrorCode::None, &self.election, false).into());
        }
        if !pre_vote && self.election.voted.is_none() {
            self.vote_for(candidate, io);
        }
        let body = wire::answer_vote(ErrorCode::None, &self.election, true).into();
        let granted = Granted { epoch, candidate, pre_vote };
        if planted!(io.cfg.bugs, VotePersistence) || self.store.keeps(&self.election) {
            granted.observe(io);
            return Answer::Now(body);
        }
        self.held.push(Held { conn, promise: self.election, body, grants: Some(granted) });
        Answer::Later
    }

    /// What a candidate must have at least: our log, or the snapshot that is about to replace it. After a restart that
    /// may be one whose place in the log was acknowledged before the power went.
    fn acknowledged_end(&self) -> LogEnd {
        let snapshot = self.snapshots.fetching.filter(|fetching| fetching.is_here());
        snapshot.map_or(self.log.end(), |fetching| self.log.end().max(fetching.id.log_end()))
    }

    /// What Vote, BeginQuorumEpoch and EndQuorumEpoch are refused for, whoever receives them.
    pub(crate) fn refuse_voter_request<D: Disk, F: Fx>(
        &self,
        from: i32,
        epoch: i32,
        io: &Io<'_, D, F>,
    ) -> Option<ErrorCode> {
        if epoch < self.election.epoch {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if from < 0 {
            Some(ErrorCode::InvalidRequest)
        } else if !io.cfg.is_voter() || !io.cfg.voters.contains(&from) {
            Some(ErrorCode::InconsistentVoterSet)
        } else {
            None
        }
    }

    pub(crate) fn on_vote_response<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        body: &VoteResponse,
        io: &mut Io<'_, D, F>,
    ) {
        if body.error_code == ErrorCode::UnsupportedVersion.code() && matches!(self.role, Role::Prospective(_)) {
            // The voter is older than pre-votes.
            self.campaign(io);
            return;
        }
        let Some(answer) = wire::vote_response(body).filter(|_| body.error_code == ErrorCode::None.code()) else {
            self.back_off(peer, lanes::QUORUM, io);
            return;
        };
        let epoch = self.election.epoch;
        let consistent = self.learn(answer.leader_epoch, (answer.leader_id >= 0).then_some(answer.leader_id), io);
        if answer.leader_epoch < epoch || self.election.epoch != epoch {
            return;
        }
        let voter = Self::voter(io.cfg, peer.0 as i32);
        let (Some(voter), true) = (voter, consistent && answer.error_code == ErrorCode::None.code()) else {
            self.back_off(peer, lanes::QUORUM, io);
            return;
        };
        match &mut self.role {
            // A late grant of a real vote is as good as a pre-vote; a pre-vote never reaches a candidate, whose epoch
            // is a later one.
            Role::Prospective(votes) => {
                votes.record(voter, answer.vote_granted);
                if votes.is_lost(io.cfg.voters.len()) {
                    self.lose(io);
                }
            }
            Role::Candidate(votes) => votes.record(voter, answer.vote_granted),
            Role::Follower(_) | Role::Leader(_) | Role::Resigned(_) | Role::Unattached => {}
        }
    }
}
