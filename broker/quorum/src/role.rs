//! What a quorum member is, and what it keeps only while it is that.

use tribunal_common::QuorumRole;

use crate::leading::Leading;
use crate::voters::{VoterSet, Votes};

/// A role with its state. The epoch, the vote and the leader are in [`crate::Election`], whatever the role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Candidate(Votes),
    Follower(Following),
    Leader(Box<Leading>),
    Prospective(Votes),
    Resigned(Resigned),
    Unattached,
}

/// A follower's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Following {
    /// A fetch from the leader succeeded since the fetch timer was set by anything else: the leader lives, and a
    /// pre-vote is refused (KIP-996).
    pub(crate) heard: bool,
    /// The leader's high watermark as last told, which this log may not have reached.
    pub(crate) leader_hw: i64,
}

/// A resigned leader's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Resigned {
    /// Voters that have not acknowledged the end of the epoch.
    pub(crate) unacknowledged: VoterSet,
    /// Whom it wants to succeed it, best first.
    pub(crate) successors: Vec<i32>,
}

impl Role {
    pub(crate) fn kind(&self) -> QuorumRole {
        match self {
            Role::Candidate(_) => QuorumRole::Candidate,
            Role::Follower(_) => QuorumRole::Follower,
            Role::Leader(_) => QuorumRole::Leader,
            Role::Prospective(_) => QuorumRole::Prospective,
            Role::Resigned(_) => QuorumRole::Resigned,
            Role::Unattached => QuorumRole::Unattached,
        }
    }
}

/// Who asks for a vote, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ballot {
    pub(crate) candidate: i32,
    /// Whether the candidate's log is at least as up to date as ours.
    pub(crate) up_to_date: bool,
    pub(crate) pre_vote: bool,
}

/// Whether to vote for a candidate of our own epoch (KIP-595, KIP-996). `leader` and `voted` are what is known and
/// promised in this epoch.
pub(crate) fn grants(role: &Role, leader: Option<i32>, voted: Option<i32>, ballot: Ballot) -> bool {
    match role {
        Role::Leader(_) => false,
        // A leader that lives must not be disturbed; one that was never heard of may be gone.
        Role::Follower(following) => ballot.pre_vote && !following.heard && ballot.up_to_date,
        // It has voted for itself, but is no leader: somebody else may try the next epoch.
        Role::Candidate(_) | Role::Resigned(_) => ballot.pre_vote && ballot.up_to_date,
        Role::Prospective(_) | Role::Unattached => match (ballot.pre_vote, voted) {
            (true, _) => ballot.up_to_date,
            (false, Some(voted)) => voted == ballot.candidate,
            (false, None) => leader.is_none() && ballot.up_to_date,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDIDATE: i32 = 7;

    fn follower(heard: bool) -> Role {
        Role::Follower(Following { heard, leader_hw: 0 })
    }

    fn ballot(up_to_date: bool, pre_vote: bool) -> Ballot {
        Ballot { candidate: CANDIDATE, up_to_date, pre_vote }
    }

    #[test]
    fn a_follower_that_hears_its_leader_refuses_the_pre_vote() {
        assert!(!grants(&follower(true), Some(1), None, ballot(true, true)));
        assert!(grants(&follower(false), Some(1), None, ballot(true, true)));
        assert!(!grants(&follower(false), Some(1), None, ballot(false, true)));
    }

    #[test]
    fn nobody_who_knows_a_leader_of_the_epoch_votes_in_it() {
        for role in [follower(false), Role::Unattached, Role::Prospective(Votes::default())] {
            assert!(!grants(&role, Some(1), None, ballot(true, false)), "{role:?}");
        }
    }

    #[test]
    fn one_vote_an_epoch_and_the_same_again_if_asked_again() {
        for role in [Role::Unattached, Role::Prospective(Votes::default())] {
            assert!(grants(&role, None, None, ballot(true, false)));
            assert!(grants(&role, None, Some(CANDIDATE), ballot(true, false)));
            assert!(!grants(&role, None, Some(CANDIDATE + 1), ballot(true, false)));
        }
        assert!(!grants(&Role::Candidate(Votes::default()), None, Some(1), ballot(true, false)));
    }

    #[test]
    fn nobody_votes_for_a_log_behind_its_own() {
        for role in [Role::Unattached, Role::Prospective(Votes::default()), Role::Candidate(Votes::default())] {
            assert!(!grants(&role, None, None, ballot(false, false)), "{role:?}");
            assert!(!grants(&role, None, None, ballot(false, true)), "{role:?}");
        }
    }

    #[test]
    fn a_leader_grants_nothing() {
        let leader = Role::Leader(Box::new(Leading::new(0, 3, VoterSet::default())));
        assert!(!grants(&leader, Some(1), Some(1), ballot(true, true)));
        assert!(!grants(&leader, Some(1), Some(1), ballot(true, false)));
    }
}
