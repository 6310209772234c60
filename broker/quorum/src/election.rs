//! What a quorum member has promised in an epoch.

/// An epoch, whom this node voted for in it, and who leads it. The vote is a promise: it must be on disk before anybody
/// hears of it, and it never changes within an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Election {
    /// The quorum epoch, from 0.
    pub epoch: i32,
    /// Its leader, if this node knows.
    pub leader: Option<i32>,
    /// Whom this node voted for in it.
    pub voted: Option<i32>,
}

impl Election {
    /// An epoch of which nothing is known and in which nothing is promised.
    pub const fn unknown(epoch: i32) -> Election {
        Election { epoch, leader: None, voted: None }
    }

    /// Whether everything that `other` promises is kept by a node that remembers only `self`. The leader is no promise:
    /// a node that forgets it asks again.
    pub fn keeps(&self, other: &Election) -> bool {
        self.epoch > other.epoch || self.epoch == other.epoch && (other.voted.is_none() || self.voted == other.voted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn election(epoch: i32, leader: Option<i32>, voted: Option<i32>) -> Election {
        Election { epoch, leader, voted }
    }

    #[test]
    fn a_vote_is_kept_only_by_the_same_vote_or_a_later_epoch() {
        let vote = election(4, None, Some(1));
        assert!(vote.keeps(&vote));
        assert!(election(5, None, None).keeps(&vote));
        assert!(!election(4, None, None).keeps(&vote));
        assert!(!election(4, None, Some(2)).keeps(&vote));
        assert!(!election(3, None, Some(1)).keeps(&vote));
    }

    #[test]
    fn forgetting_the_leader_breaks_no_promise() {
        assert!(election(4, None, None).keeps(&election(4, Some(2), None)));
        assert!(election(4, None, Some(1)).keeps(&election(4, Some(2), None)));
    }
}
