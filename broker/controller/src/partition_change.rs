//! The one place that decides a partition's replicas, ISR, ELR and leader.

use tribunal_common::TopicIdPartition;
use tribunal_protocol::Uuid;
use tribunal_protocol::messages::PartitionChangeRecord;

use crate::partition::NO_LEADER_CHANGE;
use crate::reassignment::Assignment;
use crate::{LeaderRecoveryState, NO_LEADER, PartitionRegistration};

/// Which leader is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Election {
    /// The first replica, if it is in the ISR; else as [`Election::Online`].
    Preferred,
    /// One that has all that is committed: of the ISR, or of the ELR if the ISR is empty. The leader stays if it can.
    Online,
    /// As [`Election::Online`], but rather any replica than none.
    Unclean,
}

/// A change to one partition in the making. `acceptable` says which brokers may lead.
#[derive(Clone, Debug)]
pub struct PartitionChange<'a, A> {
    id: TopicIdPartition,
    current: &'a PartitionRegistration,
    acceptable: A,
    min_isr: usize,
    elr_enabled: bool,
    election: Election,
    target: Assignment,
    /// Log directories of replicas that are new.
    directories: Vec<(i32, Uuid)>,
    target_isr: Vec<i32>,
    target_recovery: LeaderRecoveryState,
    unclean_shutdown: Option<i32>,
}

struct Elected {
    leader: i32,
    unclean: bool,
}

impl<'a, A: Fn(i32) -> bool> PartitionChange<'a, A> {
    /// No change yet. `min_isr` is the topic's `min.insync.replicas`; more than there are replicas is as good as all.
    pub fn new(
        id: TopicIdPartition,
        current: &'a PartitionRegistration,
        acceptable: A,
        min_isr: i32,
        elr_enabled: bool,
    ) -> PartitionChange<'a, A> {
        let min_isr = usize::try_from(min_isr).unwrap_or(0);
        PartitionChange {
            id,
            current,
            acceptable,
            min_isr,
            elr_enabled,
            election: Election::Online,
            target: Assignment::of(current),
            directories: Vec::new(),
            target_isr: current.isr.clone(),
            target_recovery: current.leader_recovery_state,
            unclean_shutdown: None,
        }
    }

    /// Which leader is looked for; [`Election::Online`] unless told.
    pub fn election(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// The assignment that is wanted, and where the replicas that are new go (KIP-455). It is complete at once if the
    /// ISR allows.
    pub(crate) fn reassign(mut self, target: Assignment, directory: impl Fn(i32) -> Uuid) -> Self {
        let new = target.replicas.iter().filter(|id| !self.current.replicas.contains(id));
        self.directories = new.map(|id| (*id, directory(*id))).collect();
        self.target = target;
        self
    }

    /// The ISR that is wanted.
    pub fn target_isr(mut self, isr: Vec<i32>) -> Self {
        self.target_isr = isr;
        self
    }

    /// The recovery state that is wanted.
    pub fn target_recovery(mut self, state: LeaderRecoveryState) -> Self {
        self.target_recovery = state;
        self
    }

    /// A replica that may have lost what it acknowledged: it leaves ISR and ELR (KIP-966).
    pub fn unclean_shutdown(mut self, replica: i32) -> Self {
        self.target_isr.retain(|id| *id != replica);
        self.unclean_shutdown = Some(replica);
        self
    }

    /// The record of the change, `None` if nothing changes.
    pub fn build(mut self) -> Option<PartitionChangeRecord> {
        let current = self.current;
        let mut record = PartitionChangeRecord {
            partition_id: self.id.partition,
            topic_id: self.id.topic,
            ..PartitionChangeRecord::default()
        };
        self.complete();
        let mut target_elr = self.target_elr();
        let elected = self.elect(&target_elr);
        let mut unclean = false;
        if elected.leader != current.leader {
            record.leader = elected.leader;
            unclean = elected.unclean;
            if unclean {
                // What the others acknowledged may not be in the new leader's log: they have to fetch it anew.
                self.target_isr = vec![elected.leader];
                self.target_recovery = LeaderRecoveryState::Recovering;
            } else if target_elr.contains(&elected.leader) {
                self.target_isr = vec![elected.leader];
                target_elr.retain(|id| *id != elected.leader);
            }
            // Who was elected may be all that a reassignment waited for.
            self.complete();
            target_elr.retain(|id| self.target.replicas.contains(id));
        }
        if unclean || !self.elr_enabled {
            target_elr.clear();
        }
        if target_elr != current.elr {
            record.eligible_leader_replicas = Some(target_elr);
        }
        // Without ELR the last member stays in the ISR, leaderless, because nothing else would remember it.
        if (!self.target_isr.is_empty() || self.elr_enabled) && !same_set(&self.target_isr, &current.isr) {
            record.isr = Some(self.target_isr);
        }
        if self.elr_enabled {
            record.last_known_elr = last_known_leader(current, &record);
        }
        if self.target_recovery != current.leader_recovery_state {
            record.leader_recovery_state = self.target_recovery.value();
        }
        self.target.note(current, &self.directories, &mut record);
        let changes = record.replicas.is_some()
            || record.adding_replicas.is_some()
            || record.removing_replicas.is_some()
            || record.isr.is_some()
            || record.eligible_leader_replicas.is_some()
            || record.last_known_elr.is_some()
            || record.leader != NO_LEADER_CHANGE
            || record.leader_recovery_state != LeaderRecoveryState::NO_CHANGE;
        changes.then_some(record)
    }

    /// Ends a reassignment for which the ISR is ready.
    fn complete(&mut self) {
        if let Some((target, isr)) = self.target.completed(&self.target_isr) {
            (self.target, self.target_isr) = (target, isr);
        }
    }

    /// Who has all that is committed, apart from the ISR: nothing is committed while the ISR is below its minimum, so
    /// who leaves it then stays eligible.
    fn target_elr(&self) -> Vec<i32> {
        let current = self.current;
        if !self.elr_enabled {
            return current.elr.clone();
        }
        if self.target_isr.len() >= self.min_isr {
            return Vec::new();
        }
        let mut elr: Vec<i32> = current.elr.iter().chain(&current.isr).copied().collect();
        elr.retain(|id| {
            let stays = self.target.replicas.contains(id) && self.unclean_shutdown != Some(*id);
            stays && !self.target_isr.contains(id)
        });
        elr.sort_unstable();
        elr.dedup();
        elr
    }

    fn elect(&self, target_elr: &[i32]) -> Elected {
        let current = self.current;
        let eligible = |id: i32| {
            (self.target_isr.contains(&id) || self.target_isr.is_empty() && target_elr.contains(&id))
                && (self.acceptable)(id)
        };
        let replicas = &self.target.replicas;
        let clean = |leader| Elected { leader, unclean: false };
        if self.election == Election::Preferred && replicas.first().is_some_and(|id| eligible(*id)) {
            return clean(replicas[0]);
        }
        if eligible(current.leader) {
            return clean(current.leader);
        }
        if let Some(id) = replicas.iter().find(|id| eligible(**id)) {
            return clean(*id);
        }
        // With nobody left that surely has everything, the last leader has the most (KIP-966).
        if self.elr_enabled
            && self.target_isr.is_empty()
            && target_elr.is_empty()
            && let [last] = current.last_known_elr[..]
            && replicas.contains(&last)
            && (self.acceptable)(last)
        {
            return Elected { leader: last, unclean: true };
        }
        if self.election == Election::Unclean
            && let Some(id) = replicas.iter().find(|id| (self.acceptable)(**id))
        {
            return Elected { leader: *id, unclean: true };
        }
        clean(NO_LEADER)
    }
}

/// The change to the last known leader: remembered when the ISR empties, forgotten once somebody leads.
fn last_known_leader(current: &PartitionRegistration, record: &PartitionChangeRecord) -> Option<Vec<i32>> {
    let leader = if record.leader == NO_LEADER_CHANGE { current.leader } else { record.leader };
    if record.isr.as_ref().is_some_and(Vec::is_empty) {
        let known = current.last_known_elr == [current.leader];
        return (current.leader != NO_LEADER && !known).then(|| vec![current.leader]);
    }
    (leader != NO_LEADER && !current.last_known_elr.is_empty()).then(Vec::new)
}

fn same_set(a: &[i32], b: &[i32]) -> bool {
    a.len() == b.len() && a.iter().all(|id| b.contains(id))
}
