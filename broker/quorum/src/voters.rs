//! Sets of voters, and majorities.

/// The most voters a quorum may have: a set of them is one word. Kafka recommends 3 or 5.
pub const MAX_VOTERS: usize = 64;

/// Some of the voters, by their position in `controller.quorum.voters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct VoterSet(u64);

impl VoterSet {
    /// All of `count` voters.
    pub(crate) const fn all(count: usize) -> VoterSet {
        VoterSet(if count >= MAX_VOTERS { u64::MAX } else { (1 << count) - 1 })
    }

    pub(crate) const fn contains(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }

    pub(crate) const fn insert(&mut self, at: usize) {
        self.0 |= 1 << at;
    }

    pub(crate) const fn remove(&mut self, at: usize) {
        self.0 &= !(1 << at);
    }

    /// Those that are not in `other`.
    pub(crate) const fn without(self, other: VoterSet) -> VoterSet {
        VoterSet(self.0 & !other.0)
    }

    pub(crate) const fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// How many of `count` voters are a majority.
pub(crate) const fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// Answers to a vote request, this node's own included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Votes {
    pub(crate) granted: VoterSet,
    pub(crate) rejected: VoterSet,
}

impl Votes {
    /// The vote of the voter at `at` for itself.
    pub(crate) fn of(at: usize) -> Votes {
        let mut votes = Votes::default();
        votes.granted.insert(at);
        votes
    }

    /// Takes down an answer. A voter that was heard before and now grants has changed its mind for good.
    pub(crate) fn record(&mut self, at: usize, granted: bool) {
        if granted {
            self.granted.insert(at);
            self.rejected.remove(at);
        } else if !self.granted.contains(at) {
            self.rejected.insert(at);
        }
    }

    pub(crate) const fn is_won(&self, voters: usize) -> bool {
        self.granted.len() >= majority(voters)
    }

    /// Whether too few are left to win.
    pub(crate) const fn is_lost(&self, voters: usize) -> bool {
        voters - self.rejected.len() < majority(voters)
    }
}

/// The largest offset that a majority of voters has reached. `ends` holds every voter's durable end, -1 if unknown.
pub(crate) fn majority_end(ends: &[i64]) -> i64 {
    let mut sorted = [-1; MAX_VOTERS];
    let sorted = &mut sorted[..ends.len()];
    sorted.copy_from_slice(ends);
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted[majority(ends.len()) - 1]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn majorities_of_small_quorums() {
        assert_eq!([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
        assert_eq!(VoterSet::all(3).len(), 3);
        assert_eq!(VoterSet::all(64).len(), 64);
    }

    #[test]
    fn an_election_of_four_is_lost_with_two_rejections() {
        let mut votes = Votes::of(0);
        votes.record(1, false);
        assert!(!votes.is_lost(4) && !votes.is_won(4));
        votes.record(2, false);
        assert!(votes.is_lost(4));
    }

    #[test]
    fn a_grant_is_not_taken_back_by_an_older_rejection() {
        let mut votes = Votes::of(0);
        votes.record(1, true);
        votes.record(1, false);
        assert!(votes.is_won(3) && !votes.is_lost(3));
    }

    proptest! {
        #[test]
        fn a_majority_has_reached_the_majority_end_and_no_more(ends in proptest::collection::vec(-1_i64..20, 1..8)) {
            let end = majority_end(&ends);
            let reached = |offset: i64| ends.iter().filter(|e| **e >= offset).count();
            prop_assert!(reached(end) >= majority(ends.len()));
            prop_assert!(reached(end + 1) < majority(ends.len()));
        }

        #[test]
        fn an_election_is_never_both_won_and_lost(voters in 1_usize..9, answers in proptest::collection::vec((0_usize..9, any::<bool>()), 0..20)) {
            let mut votes = Votes::of(0);
            for (at, granted) in answers {
                if at < voters && at != 0 {
                    votes.record(at, granted);
                }
            }
            prop_assert!(!(votes.is_won(voters) && votes.is_lost(voters)));
        }
    }
}
