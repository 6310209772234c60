//! What happened, counted: for `sometimes` properties, for coverage, and for triggers on the nth occurrence.

use tribunal_common::{ClientObs, Obs, QuorumRole, Reassignment};

/// A name of [`Obs::NAMES`], as its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u8);

const NAMES: usize = Obs::NAMES.len();

/// The index of a name, found by the compiler: a name that does not exist does not compile.
const fn named(name: &str) -> NameId {
    let (name, mut i) = (name.as_bytes(), 0);
    while i < NAMES {
        let (candidate, mut j) = (Obs::NAMES[i].as_bytes(), 0);
        while j < candidate.len() && j < name.len() && candidate[j] == name[j] {
            j += 1;
        }
        if j == candidate.len() && j == name.len() {
            return NameId(i as u8);
        }
        i += 1;
    }
    panic!("no such name");
}

macro_rules! id {
    ($name:literal) => {{
        const ID: NameId = named($name);
        ID
    }};
}

impl NameId {
    /// The name of an observation: [`Obs::name`] as an index, without comparing strings.
    pub fn of(obs: &Obs) -> NameId {
        match obs {
            Obs::LogOpened { .. } => id!("log-opened"),
            Obs::Appended { .. } => id!("appended"),
            Obs::Truncated { .. } => id!("log-truncated"),
            Obs::LogStart { .. } => id!("log-start-moved"),
            Obs::FolderSetAside { .. } => id!("folder-set-aside"),
            Obs::LogDeleted { .. } => id!("log-deleted"),
            Obs::SegmentRolled { .. } => id!("segment-rolled"),
            Obs::LogDirOffline { .. } => id!("log-dir-offline"),
            Obs::LeaderStarted { .. } => id!("leader-elected"),
            Obs::FollowerStarted { .. } => id!("follower-started"),
            Obs::HighWatermark { .. } => id!("high-watermark-advanced"),
            Obs::FollowerTruncated { .. } => id!("follower-truncated"),
            Obs::IsrProposed { shrink: true, .. } => id!("isr-shrunk"),
            Obs::IsrProposed { shrink: false, .. } => id!("isr-expanded"),
            Obs::NotEnoughReplicas { .. } => id!("not-enough-replicas"),
            Obs::PartitionCommitted { state, .. } if state.unclean => id!("unclean-leader-elected"),
            Obs::PartitionCommitted { .. } => id!("partition-committed"),
            Obs::Reassigned { step: Reassignment::Cancelled, .. } => id!("reassignment-cancelled"),
            Obs::Reassigned { step: Reassignment::Completed, .. } => id!("reassignment-completed"),
            Obs::Reassigned { step: Reassignment::Started, .. } => id!("reassignment-started"),
            Obs::TopicRemoved { .. } => id!("topic-removed"),
            Obs::BrokerRegistered { .. } => id!("broker-registered"),
            Obs::BrokerFenced { .. } => id!("broker-fenced"),
            Obs::BrokerUnfenced { .. } => id!("broker-unfenced"),
            Obs::BrokerUnregistered { .. } => id!("broker-unregistered"),
            Obs::ControlledShutdown { .. } => id!("controlled-shutdown"),
            Obs::ControllerActive { .. } => id!("controller-active"),
            Obs::QuorumRoleChanged { role: QuorumRole::Leader, .. } => id!("quorum-leader-elected"),
            Obs::QuorumRoleChanged { role: QuorumRole::Resigned, .. } => id!("quorum-leader-resigned"),
            Obs::QuorumRoleChanged { .. } => id!("quorum-role-changed"),
            Obs::VoteGranted { pre_vote: true, .. } => id!("pre-vote-granted"),
            Obs::VoteGranted { pre_vote: false, .. } => id!("vote-granted"),
            Obs::QuorumHighWatermark { .. } => id!("quorum-high-watermark-advanced"),
            Obs::SnapshotTaken { .. } => id!("snapshot-taken"),
            Obs::SnapshotInstalled { .. } => id!("snapshot-installed"),
            Obs::Client(ClientObs::Send { .. }) => id!("record-sent"),
            Obs::Client(ClientObs::Acknowledged { .. }) => id!("record-acknowledged"),
            Obs::Client(ClientObs::Failed { .. }) => id!("record-failed"),
            Obs::Client(ClientObs::Retried { .. }) => id!("produce-retried"),
            Obs::Client(ClientObs::Assigned { .. }) => id!("consumer-assigned"),
            Obs::Client(ClientObs::Reset { .. }) => id!("offset-reset"),
            Obs::Client(ClientObs::Polled { .. }) => id!("record-polled"),
        }
    }

    /// The name of a string, if it is one of [`Obs::NAMES`].
    pub fn from_name(name: &str) -> Option<NameId> {
        Obs::NAMES.iter().position(|candidate| *candidate == name).map(|index| NameId(index as u8))
    }

    /// The name.
    pub fn name(self) -> &'static str {
        Obs::NAMES[self.index()]
    }

    /// A dense index below `Obs::NAMES.len()`.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How often each name of [`Obs::NAMES`] was observed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reached {
    counts: [u64; NAMES],
}

impl Default for Reached {
    fn default() -> Reached {
        Reached { counts: [0; NAMES] }
    }
}

impl Reached {
    /// Nothing has happened yet.
    pub fn new() -> Reached {
        Reached::default()
    }

    /// Counts an observation. Returns its name and the how-manyth of that name it is, from 1, for triggers.
    pub fn note(&mut self, obs: &Obs) -> (NameId, u64) {
        let id = NameId::of(obs);
        let count = &mut self.counts[id.index()];
        *count += 1;
        (id, *count)
    }

    /// How often it happened.
    pub fn count(&self, id: NameId) -> u64 {
        self.counts[id.index()]
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Reached) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// Names and counts, in the order of [`Obs::NAMES`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Obs::NAMES.iter().copied().zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use tribunal_common::{METADATA_LOG, TopicIdPartition};

    use super::*;

    const P: TopicIdPartition = METADATA_LOG;

    #[test]
    fn an_observation_counts_under_the_name_it_gives_itself() {
        let mut reached = Reached::new();
        let seen = [
            Obs::LogDirOffline { why: "sync: input/output error".into() },
            Obs::IsrProposed { partition: P, size: 2, shrink: true },
            Obs::IsrProposed { partition: P, size: 3, shrink: false },
            Obs::QuorumRoleChanged { role: QuorumRole::Leader, epoch: 1, leader: 1 },
            Obs::QuorumRoleChanged { role: QuorumRole::Resigned, epoch: 1, leader: 1 },
            Obs::QuorumRoleChanged { role: QuorumRole::Candidate, epoch: 1, leader: -1 },
            Obs::VoteGranted { epoch: 1, candidate: 1, pre_vote: true },
            Obs::VoteGranted { epoch: 1, candidate: 1, pre_vote: false },
            Obs::Client(ClientObs::Retried { partition: P, error: 0 }),
        ];
        for obs in &seen {
            assert_eq!(NameId::of(obs).name(), obs.name());
            assert_eq!(reached.note(obs), (NameId::of(obs), 1));
            assert_eq!(reached.note(obs), (NameId::of(obs), 2));
        }
        assert_eq!(reached.iter().filter(|(_, count)| *count > 0).count(), seen.len());
    }

    #[test]
    fn names_are_found_and_unknown_ones_are_not() {
        for name in Obs::NAMES {
            assert_eq!(NameId::from_name(name).map(NameId::name), Some(*name));
        }
        assert_eq!(NameId::from_name("leader-elected-twice"), None);
    }

    #[test]
    fn counts_of_runs_add_up() {
        let (mut a, mut b) = (Reached::new(), Reached::new());
        let offline = Obs::LogDirOffline { why: "append: no space left on device".into() };
        a.note(&offline);
        b.note(&offline);
        a.add(&b);
        assert_eq!(a.count(NameId::from_name("log-dir-offline").unwrap()), 2);
    }
}
