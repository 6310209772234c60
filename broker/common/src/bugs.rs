//! Planted bugs: historical bugs of Kafka, each one line at the place where it breaks, switched on by name.
//!
//! They measure the test bed: a hunt that is told nothing must find each of them. Without the cargo feature
//! `planted-bugs` every [`planted!`] is the constant `false`.

crate::named! {
    /// A bug that can be planted. Its id is the first name of its row in the zoo.
    pub enum Bug
    /// The id on the command line.
    by id {
        Kip101 = "KIP-101", "a follower truncates to its own high watermark when the leader changes";
        Kip279 = "KIP-279", "truncation ignores that the leader never had the follower's epoch";
        Kip320Truncation = "KIP-320-truncation", "a stale leader answers the follower's truncation lookup";
        Kip320Isr = "KIP-320-isr", "a follower that fetches in a stale epoch joins the in-sync replicas";
        Kip497 = "KIP-497", "the high watermark ignores in-sync replicas whose addition is still pending";
        Kip841 = "KIP-841", "a fenced broker, or one that is shutting down, joins the in-sync replicas";
        Kip903 = "KIP-903", "a fetch from before a restart brings a broker into the in-sync replicas that has lost what it fetched";
        Kip966 = "KIP-966", "a broker that returns after an unclean stop keeps its place among the in-sync replicas";
        Kip996 = "KIP-996", "a voter that hears its leader grants the pre-vote of one that was cut off";
        Kafka7164 = "KAFKA-7164", "a follower that missed an epoch does not truncate if the leader is the same again";
        Kafka9491 = "KAFKA-9491", "a follower that discards its log keeps its high watermark";
        Kafka10706 = "KAFKA-10706", "an epoch that began at the log end and wrote nothing survives truncation";
        Kafka10778 = "KAFKA-10778", "a log directory stays online after a failed write";
        Kafka13141 = "KAFKA-13141", "the leader records the offset of a fetch that diverges";
        Kafka15583 = "KAFKA-15583", "the high watermark advances below min.insync.replicas";
        VotePersistence = "vote-persistence", "a vote is answered before it is on disk";
    }
}

impl Bug {
    /// The bug of that id, in any case.
    pub fn from_id(id: &str) -> Option<Bug> {
        Bug::ALL.iter().copied().find(|bug| bug.id().eq_ignore_ascii_case(id))
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// The bugs planted in one broker. Part of its configuration, so that two runs in one process do not share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Bugs(u64);

impl Bugs {
    /// No bug: the broker as it ships.
    pub const NONE: Bugs = Bugs(0);

    /// These bugs with one more.
    pub const fn with(self, bug: Bug) -> Bugs {
        Bugs(self.0 | bug.bit())
    }

    /// Whether `bug` is planted. Constant false without the feature `planted-bugs`.
    #[inline(always)]
    pub const fn has(self, bug: Bug) -> bool {
        cfg!(feature = "planted-bugs") && self.0 & bug.bit() != 0
    }
}

/// `planted!(bugs, Kip101)`: whether that bug is planted here.
#[macro_export]
macro_rules! planted {
    ($bugs:expr, $bug:ident) => {
        $bugs.has($crate::Bug::$bug)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_any_case_and_unique() {
        for bug in Bug::ALL {
            assert_eq!(Bug::from_id(&bug.id().to_lowercase()), Some(*bug));
            assert_eq!(Bug::from_id(&bug.id().to_uppercase()), Some(*bug));
        }
        assert_eq!(Bug::from_id("KIP-1"), None);
    }

    #[test]
    fn a_bug_is_planted_only_with_the_feature() {
        let bugs = Bugs::NONE.with(Bug::Kip497);
        assert_eq!(bugs.has(Bug::Kip497), cfg!(feature = "planted-bugs"));
        assert!(!bugs.has(Bug::Kip101));
    }
}
