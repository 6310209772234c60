//! A partition on its way from one set of replicas to another (KIP-455).
//!
//! Replicas that come are added first. Once every replica that is to stay is in sync, those that go are dropped, so at
//! no time is the partition held by fewer than it was.

use tribunal_protocol::Uuid;
use tribunal_protocol::messages::PartitionChangeRecord;

use crate::PartitionRegistration;
use crate::partition::NO_LEADER_CHANGE;

/// Which replicas a partition has, and which of them come and go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Assignment {
    /// All replicas: those wanted, preferred leader first, then those that go.
    pub replicas: Vec<i32>,
    /// Replicas that were not there before the reassignment began.
    pub adding: Vec<i32>,
    /// Replicas that go when it is complete. One that an earlier target added and the present one does not want is in
    /// both lists.
    pub removing: Vec<i32>,
}

impl Assignment {
    /// What `partition` has now.
    pub(crate) fn of(partition: &PartitionRegistration) -> Assignment {
        Assignment {
            replicas: partition.replicas.clone(),
            adding: partition.adding_replicas.clone(),
            removing: partition.removing_replicas.clone(),
        }
    }

    /// The way from here to `target`. A reassignment under way gets a new target, and keeps what it began with.
    pub(crate) fn towards(&self, target: &[i32]) -> Assignment {
        let removing = without(&self.replicas, target);
        let replicas: Vec<i32> = target.iter().chain(&removing).copied().collect();
        let adding = without(&replicas, &self.original());
        Assignment { adding, removing, replicas }
    }

    /// The assignment with which the reassignment began.
    pub(crate) fn reverted(&self) -> Assignment {
        Assignment { replicas: self.original(), adding: Vec::new(), removing: Vec::new() }
    }

    /// Assignment and ISR after the reassignment, if `isr` allows it to end: every replica that stays is in it.
    pub(crate) fn completed(&self, isr: &[i32]) -> Option<(Assignment, Vec<i32>)> {
        let replicas = self.target();
        if !self.is_under_way() || replicas.is_empty() || !replicas.iter().all(|id| isr.contains(id)) {
            return None;
        }
        let isr = without(isr, &self.removing);
        Some((Assignment { replicas, adding: Vec::new(), removing: Vec::new() }, isr))
    }

    /// The replicas wanted.
    pub(crate) fn target(&self) -> Vec<i32> {
        without(&self.replicas, &self.removing)
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// Writes what is different from `current` into the record of a change. `directories` has those of new replicas.
    pub(crate) fn note(
        &self,
        current: &PartitionRegistration,
        directories: &[(i32, Uuid)],
        record: &mut PartitionChangeRecord,
    ) {
        let changed = |new: &Vec<i32>, old: &Vec<i32>| (new != old).then(|| new.clone());
        record.replicas = changed(&self.replicas, &current.replicas);
        record.adding_replicas = changed(&self.adding, &current.adding_replicas);
        record.removing_replicas = changed(&self.removing, &current.removing_replicas);
        if record.replicas.is_some() {
            let new = |id: i32| directories.iter().find(|(new, _)| *new == id).map(|(_, directory)| *directory);
            let directory = |id: &i32| new(*id).unwrap_or_else(|| current.directory(*id));
            record.directories = Some(self.replicas.iter().map(directory).collect());
        }
        // Who holds no replica any more must not be taken for a follower that fetches: a new epoch fences it, also
        // where the leader stays.
        let removes = current.replicas.iter().any(|id| !self.replicas.contains(id));
        if removes && record.leader == NO_LEADER_CHANGE {
            record.leader = current.leader;
        }
        // One who is no replica is not to be remembered as the last leader.
        let known = record.last_known_elr.as_ref().unwrap_or(&current.last_known_elr);
        if known.iter().any(|id| !self.replicas.contains(id)) {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn original(&self) -> Vec<i32> {
        without(&self.replicas, &self.adding)
    }
}

/// `ids` in their order, but for `others`.
pub(crate) fn without(ids: &[i32], others: &[i32]) -> Vec<i32> {
    ids.iter().copied().filter(|id| !others.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settled(replicas: &[i32]) -> Assignment {
        Assignment { replicas: replicas.to_vec(), adding: Vec::new(), removing: Vec::new() }
    }

    #[test]
    fn replicas_come_before_others_go() {
        let way = settled(&[1, 2, 3]).towards(&[4, 2]);
        assert_eq!(way, Assignment { replicas: vec![4, 2, 1, 3], adding: vec![4], removing: vec![1, 3] });
        assert_eq!(way.completed(&[1, 2, 3]), None);
        assert_eq!(way.completed(&[1, 2, 4]), Some((settled(&[4, 2]), vec![2, 4])));
        assert_eq!(way.reverted().replicas, [2, 1, 3]);
    }

    #[test]
    fn another_target_keeps_what_it_all_began_with() {
        let way = settled(&[1, 2]).towards(&[3, 2]).towards(&[4, 2]);
        assert_eq!(way, Assignment { replicas: vec![4, 2, 3, 1], adding: vec![4, 3], removing: vec![3, 1] });
        assert_eq!(way.reverted().replicas, [2, 1]);
        assert_eq!(way.completed(&[1, 2, 3, 4]), Some((settled(&[4, 2]), vec![2, 4])));
    }

    proptest! {
        #[test]
        fn every_way_keeps_its_origin_and_ends_at_its_last_target(
            sets in prop::collection::vec(prop::collection::btree_set(1..8_i32, 1..5), 2..6),
        ) {
            let sets: Vec<Vec<i32>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
            let mut way = settled(&sets[0]);
            for target in &sets[1..] {
                way = way.towards(target);
                prop_assert_eq!(&way.target(), target);
                let mut origin = way.reverted().replicas;
                origin.sort_unstable();
                prop_assert_eq!(&origin, &sets[0]);
                let mut distinct = way.replicas.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), way.replicas.len());
                if let Some((after, isr)) = way.completed(&way.replicas) {
                    prop_assert_eq!(&after.replicas, target);
                    prop_assert!(isr.iter().all(|id| target.contains(id)) && isr.len() == target.len());
                }
                prop_assert!(way.completed(&without(&way.replicas, &target[..1])).is_none());
            }
        }
    }
}
