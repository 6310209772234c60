//! BeginQuorumEpoch and EndQuorumEpoch: a leader introduces itself, and takes its leave.

use tribunal_common::{Answer, Fx, Io, lanes};
use tribunal_contract::{ConnId, Disk, NodeId, Span};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse,
};

use crate::Quorum;
use crate::role::Role;
use crate::transitions::FETCH;
use crate::wire;

impl Quorum {
    pub(crate) fn on_begin_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        body: &BeginQuorumEpochRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let top_level = |error: ErrorCode| {
            Answer::Now(BeginQuorumEpochResponse { error_code: error.code(), ..Default::default() }.into())
        };
        if body.cluster_id.as_ref().is_some_and(|id| *id != io.cfg.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(request) = wire::begin_request(body) else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let error = self.hear_from_leader(request.leader_id, request.leader_epoch, io);
        let error = match error {
            ErrorCode::None if body.voter_id >= 0 && body.voter_id != io.cfg.node_id => ErrorCode::InvalidVoterKey,
            error => error,
        };
        self.answer(conn, wire::answer_begin(error, &self.election).into())
    }

    pub(crate) fn on_end_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        body: &EndQuorumEpochRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let top_level = |error: ErrorCode| {
            Answer::Now(EndQuorumEpochResponse { error_code: error.code(), ..Default::default() }.into())
        };
        if body.cluster_id.as_ref().is_some_and(|id| *id != io.cfg.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(request) = wire::end_request(body) else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let error = self.hear_from_leader(request.leader_id, request.leader_epoch, io);
        if error == ErrorCode::None
            && self.election.leader == Some(request.leader_id)
            && let Role::Follower(following) = &mut self.role
        {
            // The leader itself says that it leads no more: nothing is disturbed by a pre-vote.
            following.heard = false;
            let me = io.cfg.node_id;
            let candidates = &request.preferred_candidates;
            let (place, count) = match candidates.is_empty() {
                true => (place(request.preferred_successors.iter(), &me), request.preferred_successors.len()),
                false => (place(candidates.iter().map(|c| &c.candidate_id), &me), candidates.len()),
            };
            let wait = successor_backoff(place, count, io.cfg.election_timeout);
            io.fx.set_timer(FETCH, wait, wait);
        }
        self.answer(conn, wire::answer_end(error, &self.election).into())
    }

    /// A request from one who leads, or led, an epoch.
    fn hear_from_leader<D: Disk, F: Fx>(&mut self, leader: i32, epoch: i32, io: &mut Io<'_, D, F>) -> ErrorCode {
        if let Some(error) = self.refuse_voter_request(leader, epoch, io) {
            return error;
        }
        if leader == io.cfg.node_id || !self.learn(epoch, Some(leader), io) {
            return ErrorCode::InvalidRequest;
        }
        if let Role::Prospective(_) = self.role {
            // It lives after all.
            self.follow(epoch, leader, io);
        }
        ErrorCode::None
    }

    pub(crate) fn on_begin_response<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        body: &BeginQuorumEpochResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let answer = wire::begin_response(body).filter(|_| body.error_code == ErrorCode::None.code());
        let Some(answer) = answer else { return self.back_off(peer, lanes::QUORUM, io) };
        let acknowledges = self.is_acknowledged(answer.leader_epoch, answer.leader_id, answer.error_code, io);
        let voter = Self::voter(io.cfg, peer.0 as i32);
        match (&mut self.role, voter) {
            (Role::Leader(leading), Some(voter)) if acknowledges => leading.acknowledged.insert(voter),
            _ if acknowledges => {}
            _ => self.back_off(peer, lanes::QUORUM, io),
        }
    }

    pub(crate) fn on_end_response<D: Disk, F: Fx>(
        &mut self,
        peer: NodeId,
        body: &EndQuorumEpochResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let answer = wire::end_response(body).filter(|_| body.error_code == ErrorCode::None.code());
        let Some(answer) = answer else { return self.back_off(peer, lanes::QUORUM, io) };
        let acknowledges = self.is_acknowledged(answer.leader_epoch, answer.leader_id, answer.error_code, io);
        let voter = Self::voter(io.cfg, peer.0 as i32);
        match (&mut self.role, voter) {
            (Role::Resigned(resigned), Some(voter)) if acknowledges => resigned.unacknowledged.remove(voter),
            _ if acknowledges => {}
            _ => self.back_off(peer, lanes::QUORUM, io),
        }
    }

    /// Whether an answer to a request of this epoch acknowledges it.
    fn is_acknowledged<D: Disk, F: Fx>(&mut self, epoch: i32, leader: i32, error: i16, io: &mut Io<'_, D, F>) -> bool {
        let asked = self.election.epoch;
        self.learn(epoch, (leader >= 0).then_some(leader), io);
        epoch == asked && self.election.epoch == asked && error == ErrorCode::None.code()
    }
}

/// Where `me` stands among the successors; behind all if it is not among them.
fn place<'a>(mut successors: impl ExactSizeIterator<Item = &'a i32>, me: &i32) -> usize {
    let count = successors.len();
    successors.position(|id| id == me).unwrap_or(count)
}

/// How long the successor at `place` of `count` waits before it stands: not at all if it is the first, then a power of
/// two of a fraction of `max`, so that the best one usually wins alone (KIP-595).
fn successor_backoff(place: usize, count: usize, max: Span) -> Span {
    if place == 0 {
        return Span::ZERO;
    }
    if place >= count {
        return max;
    }
    let base = max.as_nanos() >> (count - 1).min(63);
    Span(max.as_nanos().min(base << (place - 1).min(63)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_successor_stands_at_once_and_the_others_one_after_the_other() {
        let max = Span::from_millis(1_000);
        assert_eq!(successor_backoff(0, 0, max), Span::ZERO);
        assert_eq!(successor_backoff(0, 2, max), Span::ZERO);
        assert_eq!(successor_backoff(1, 2, max), Span::from_millis(500));
        assert_eq!(successor_backoff(1, 4, max), Span::from_millis(125));
        assert_eq!(successor_backoff(3, 4, max), Span::from_millis(500));
        assert_eq!(successor_backoff(4, 4, max), max);
    }

    #[test]
    fn who_is_no_successor_stands_last() {
        assert_eq!(place([3, 2].iter(), &2), 1);
        assert_eq!(place([3, 2].iter(), &9), 2);
        assert_eq!(place([].iter(), &9), 0);
    }
}
