//! Counts of observations, for `sometimes` properties, coverage, and triggers on the nth occurrence.

use tribunal_common::{Obs, ObsKind};

const KINDS: usize = ObsKind::ALL.len();

/// How often each kind of observation was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reached {
    counts: [u64; KINDS],
}

impl Default for Reached {
    fn default() -> Reached {
        Reached { counts: [0; KINDS] }
    }
}

impl Reached {
    /// Nothing has happened yet.
    pub fn new() -> Reached {
        Reached::default()
    }

    /// Counts an observation. Returns its kind and its number within that kind, from 1, for triggers.
    pub fn note(&mut self, obs: &Obs) -> (ObsKind, u64) {
        let kind = obs.kind();
        let count = &mut self.counts[kind.index()];
        *count += 1;
        (kind, *count)
    }

    /// How often it happened.
    pub fn count(&self, kind: ObsKind) -> u64 {
        self.counts[kind.index()]
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Reached) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// Kinds and counts, in the order of [`ObsKind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (ObsKind, u64)> + '_ {
        ObsKind::ALL.iter().copied().zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use tribunal_common::{ClientObs, METADATA_LOG, QuorumRole, TopicIdPartition};

    use super::*;

    const P: TopicIdPartition = METADATA_LOG;

    #[test]
    fn an_observation_counts_under_its_kind() {
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
            assert_eq!(reached.note(obs), (obs.kind(), 1));
            assert_eq!(reached.note(obs), (obs.kind(), 2));
        }
        assert_eq!(reached.iter().filter(|(_, count)| *count > 0).count(), seen.len());
    }

    #[test]
    fn counts_of_runs_add_up() {
        let (mut a, mut b) = (Reached::new(), Reached::new());
        let offline = Obs::LogDirOffline { why: "append: no space left on device".into() };
        a.note(&offline);
        b.note(&offline);
        a.add(&b);
        assert_eq!(a.count(ObsKind::LogDirOffline), 2);
    }
}
