//! A leader's state: what its followers have, and whether a majority still fetches.

use tribunal_contract::{Lane, NodeId};

use crate::serving::Parked;
use crate::voters::{VoterSet, majority, majority_end};

/// Observers whose position is kept for DescribeQuorum. More than any cluster has brokers; a peer that invents replica
/// ids cannot make it grow further.
const MAX_OBSERVERS: usize = 1_024;

/// A leader's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leading {
    /// Offset of the leader change that opens the epoch. Before a majority has passed it nothing is known to be
    /// committed: an entry of an older epoch may be on a majority and still be lost.
    pub(crate) epoch_start: i64,
    /// Each voter's durable log end, -1 if unknown. This node's own is the flushed offset.
    ends: Vec<i64>,
    /// Voters that have fetched since the check-quorum timer was set.
    fetched: VoterSet,
    /// Voters that know of this epoch: they have fetched in it, or acknowledged BeginQuorumEpoch.
    pub(crate) acknowledged: VoterSet,
    /// Observers and their log ends, ascending by id.
    observers: Vec<(i32, i64)>,
    /// Fetches that wait for something to read: at most one for each peer and lane, ascending.
    pub(crate) parked: Vec<(NodeId, Lane, Parked)>,
    /// Who elected it.
    pub(crate) granted: VoterSet,
}

impl Leading {
    pub(crate) fn new(epoch_start: i64, voters: usize, granted: VoterSet) -> Leading {
        Leading {
            epoch_start,
            ends: vec![-1; voters],
            fetched: VoterSet::default(),
            acknowledged: VoterSet::default(),
            observers: Vec::new(),
            parked: Vec::new(),
            granted,
        }
    }

    /// A voter's log ends at `end`, durably. It is no error if it was longer before: its disk may have been replaced.
    pub(crate) fn voter_at(&mut self, voter: usize, end: i64) {
        self.ends[voter] = end;
    }

    /// An observer's log ends at `end`.
    pub(crate) fn observer_at(&mut self, id: i32, end: i64) {
        match self.observers.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => self.observers[at].1 = end,
            Err(at) if self.observers.len() < MAX_OBSERVERS => self.observers.insert(at, (id, end)),
            Err(_) => {}
        }
    }

    pub(crate) fn ends(&self) -> &[i64] {
        &self.ends
    }

    pub(crate) fn observers(&self) -> &[(i32, i64)] {
        &self.observers
    }

    /// The high watermark that the voters' ends allow, if any: an entry of this epoch must be on a majority.
    pub(crate) fn high_watermark(&self) -> Option<i64> {
        let end = majority_end(&self.ends);
        (end > self.epoch_start).then_some(end)
    }

    /// A voter other than this one has fetched. True if with it a majority has since the last time this was true: the
    /// check-quorum timer starts anew.
    pub(crate) fn voter_fetched(&mut self, voter: usize) -> bool {
        self.acknowledged.insert(voter);
        self.fetched.insert(voter);
        // This node is the one of the majority that need not fetch.
        let all_there = self.fetched.len() + 1 >= majority(self.ends.len());
        if all_there {
            self.fetched = VoterSet::default();
        }
        all_there
    }

    /// The other voters, those with the longest logs first; ids break ties so that everybody sorts alike.
    pub(crate) fn successors(&self, voters: &[i32], me: i32) -> Vec<i32> {
        let mut others: Vec<_> =
            voters.iter().zip(&self.ends).filter(|(id, _)| **id != me).map(|(id, end)| (-end, *id)).collect();
        others.sort_unstable();
        others.into_iter().map(|(_, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_an_older_epoch_is_not_committed_by_a_majority_alone() {
        let mut leading = Leading::new(10, 3, VoterSet::default());
        leading.voter_at(0, 11);
        leading.voter_at(1, 10);
        assert_eq!(leading.high_watermark(), None);
        leading.voter_at(1, 11);
        assert_eq!(leading.high_watermark(), Some(11));
    }

    #[test]
    fn the_leader_is_one_of_the_majority_that_must_fetch() {
        let mut three = Leading::new(0, 3, VoterSet::default());
        assert!(three.voter_fetched(1));
        let mut five = Leading::new(0, 5, VoterSet::default());
        assert!(!five.voter_fetched(1));
        assert!(!five.voter_fetched(1));
        assert!(five.voter_fetched(4));
        assert!(!five.voter_fetched(2));
    }

    #[test]
    fn the_longest_log_is_the_first_successor() {
        let mut leading = Leading::new(0, 4, VoterSet::default());
        for (at, end) in [(0, 9), (1, 5), (2, 7), (3, 5)] {
            leading.voter_at(at, end);
        }
        assert_eq!(leading.successors(&[1, 2, 3, 4], 1), [3, 2, 4]);
    }

    #[test]
    fn invented_replica_ids_do_not_grow_the_state_without_end() {
        let mut leading = Leading::new(0, 1, VoterSet::default());
        (0..2 * MAX_OBSERVERS as i32).for_each(|id| leading.observer_at(id, 1));
        assert_eq!(leading.observers().len(), MAX_OBSERVERS);
    }
}
