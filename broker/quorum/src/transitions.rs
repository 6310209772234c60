//! Changes of role. Which may follow which is Kafka's `QuorumState`.

use tribunal_common::{Fx, Io, timers};
use tribunal_contract::{Disk, Span, TimerId};
use tribunal_protocol::ErrorCode;

use crate::leading::Leading;
use crate::role::{Following, Resigned, Role};
use crate::voters::{VoterSet, Votes};
use crate::{Election, Quorum, control};

pub(crate) const ELECTION: TimerId = TimerId { class: timers::QUORUM_ELECTION, index: 0 };
pub(crate) const FETCH: TimerId = TimerId { class: timers::QUORUM_FETCH, index: 0 };
pub(crate) const CHECK: TimerId = TimerId { class: timers::QUORUM_CHECK, index: 0 };

impl Quorum {
    /// The one place where role or election change. [`Quorum::drive`] writes the new election: one event often changes
    /// it more than once.
    ///
    /// # Panics
    /// If the epoch would go back, or a vote be taken back.
    fn enter<D: Disk, F: Fx>(&mut self, election: Election, role: Role, io: &mut Io<'_, D, F>) {
        assert!(election.keeps(&self.election), "{:?} after {:?}", election, self.election);
        let was = std::mem::replace(&mut self.role, role);
        self.election = election;
        if let Role::Leader(leading) = was {
            io.fx.cancel_timer(CHECK);
            for (_, _, parked) in leading.parked {
                let body = self.fetch_error(ErrorCode::NotLeaderOrFollower);
                self.reply(parked.conn, body.into(), io);
            }
        }
    }

    /// Sets the election timer: Kafka waits for the timeout and up to as much again, so that not all stand at once.
    pub(crate) fn set_election_timer<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
        io.fx.set_timer(ELECTION, io.cfg.election_timeout, io.cfg.election_timeout.times(2));
    }

    /// Gives the leader the whole fetch timeout again.
    pub(crate) fn set_fetch_timer<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
        io.fx.set_timer(FETCH, io.cfg.quorum_fetch_timeout, io.cfg.quorum_fetch_timeout);
    }

    /// Gives the voters the whole check-quorum timeout again: 1.5 times the fetch timeout.
    pub(crate) fn set_check_timer<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
        let after = Span(io.cfg.quorum_fetch_timeout.as_nanos() / 2 * 3);
        io.fx.set_timer(CHECK, after, after);
    }

    /// An epoch without a known leader. The vote stays if the epoch does.
    pub(crate) fn unattach<D: Disk, F: Fx>(&mut self, epoch: i32, io: &mut Io<'_, D, F>) {
        let voted = if epoch == self.election.epoch { self.election.voted } else { None };
        // Whoever waits for an election already goes on waiting: a stream of new epochs must not keep it from standing.
        let keep_timer = match &self.role {
            Role::Candidate(_) | Role::Unattached | Role::Resigned(_) => true,
            Role::Prospective(votes) => !votes.is_lost(io.cfg.voters.len()),
            Role::Follower(_) | Role::Leader(_) => false,
        };
        io.fx.cancel_timer(FETCH);
        if io.cfg.is_voter() && !keep_timer {
            Self::set_election_timer(io);
        }
        self.enter(Election { epoch, leader: None, voted }, Role::Unattached, io);
    }

    /// Follows the leader of an epoch.
    pub(crate) fn follow<D: Disk, F: Fx>(&mut self, epoch: i32, leader: i32, io: &mut Io<'_, D, F>) {
        let voted = if epoch == self.election.epoch { self.election.voted } else { None };
        io.fx.cancel_timer(ELECTION);
        Self::set_fetch_timer(io);
        let role = Role::Follower(Following { heard: false, leader_hw: -1 });
        self.enter(Election { epoch, leader: Some(leader), voted }, role, io);
    }

    /// Asks whether it would be elected (KIP-996), in the same epoch and without promising anything.
    pub(crate) fn stand<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Some(me) = Self::voter(io.cfg, io.cfg.node_id) else { return };
        io.fx.cancel_timer(FETCH);
        Self::set_election_timer(io);
        self.enter(self.election, Role::Prospective(Votes::of(me)), io);
    }

    /// Votes for itself in the next epoch.
    pub(crate) fn campaign<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Some(me) = Self::voter(io.cfg, io.cfg.node_id) else { return };
        Self::set_election_timer(io);
        let epoch = self.election.epoch + 1;
        let election = Election { epoch, leader: None, voted: Some(io.cfg.node_id) };
        self.enter(election, Role::Candidate(Votes::of(me)), io);
    }

    /// Too many would not elect it, or it heard from too few: back to where it came from.
    pub(crate) fn lose<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        match self.election.leader {
            Some(leader) => self.follow(self.election.epoch, leader, io),
            None => self.unattach(self.election.epoch, io),
        }
    }

    /// Leads the epoch in which it was elected, and says so in the log.
    pub(crate) fn lead<D: Disk, F: Fx>(&mut self, granted: VoterSet, io: &mut Io<'_, D, F>) {
        io.fx.cancel_timer(ELECTION);
        let (me, voters) = (io.cfg.node_id, &io.cfg.voters);
        if voters.len() > 1 {
            Self::set_check_timer(io);
        }
        let leading = Leading::new(self.log.end().offset, voters.len(), granted);
        self.enter(Election { leader: Some(me), ..self.election }, Role::Leader(Box::new(leading)), io);
        let granting = voters.iter().enumerate().filter(|(at, _)| granted.contains(*at)).map(|(_, id)| *id);
        let batch = control::leader_change(me, voters, granting, io.now.as_millis());
        self.append_batch(batch, io);
    }

    /// Steps down as leader, and asks others to stand, best successor first.
    pub(crate) fn step_down<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Role::Leader(leading) = &self.role else { return };
        let mut unacknowledged = VoterSet::all(io.cfg.voters.len());
        if let Some(me) = Self::voter(io.cfg, io.cfg.node_id) {
            unacknowledged.remove(me);
        }
        let successors = leading.successors(&io.cfg.voters, io.cfg.node_id);
        Self::set_election_timer(io);
        self.enter(self.election, Role::Resigned(Resigned { unacknowledged, successors }), io);
    }

    /// Takes in what a message says of the quorum. False if it contradicts what is known of the same epoch.
    pub(crate) fn learn<D: Disk, F: Fx>(&mut self, epoch: i32, leader: Option<i32>, io: &mut Io<'_, D, F>) -> bool {
        // Nobody else knows better whether this node leads.
        let leader = leader.filter(|id| *id != io.cfg.node_id && io.cfg.voters.contains(id));
        if epoch > self.election.epoch {
            match leader {
                Some(leader) => self.follow(epoch, leader, io),
                None => self.unattach(epoch, io),
            }
            return true;
        }
        match (leader, self.election.leader) {
            (Some(leader), None) if epoch == self.election.epoch => self.follow(epoch, leader, io),
            (Some(leader), Some(known)) if epoch == self.election.epoch => return leader == known,
            _ => {}
        }
        true
    }

    /// Takes down the vote for `candidate`.
    pub(crate) fn vote_for<D: Disk, F: Fx>(&mut self, candidate: i32, io: &mut Io<'_, D, F>) {
        // The candidate has at least as good a chance: give it time. Standing itself would begin anew.
        Self::set_election_timer(io);
        let role = match Self::voter(io.cfg, io.cfg.node_id) {
            Some(me) if matches!(self.role, Role::Prospective(_)) => Role::Prospective(Votes::of(me)),
            _ => Role::Unattached,
        };
        self.enter(Election { voted: Some(candidate), ..self.election }, role, io);
    }
}
