//! One partition as the metadata log has it.

use tribunal_common::{PartitionState, TopicIdPartition};
use tribunal_protocol::Uuid;
use tribunal_protocol::messages::{PartitionChangeRecord, PartitionRecord};

use crate::{MetadataImage, ReplayError};

/// A partition's leader where it has none.
pub const NO_LEADER: i32 = -1;
/// The leader field of a change record that leaves leader and leader epoch alone.
pub(crate) const NO_LEADER_CHANGE: i32 = -2;
/// More replicas than any cluster has brokers for: bounds the work that a hostile record can cause.
const MAX_REPLICAS: usize = 1_000;

/// Whether a leader that was elected from outside ISR and ELR still has to recover the partition (KIP-704).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LeaderRecoveryState {
    /// Nothing to recover.
    #[default]
    Recovered,
    /// Elected uncleanly and not yet recovered: the ISR is the leader alone.
    Recovering,
}

impl LeaderRecoveryState {
    /// In records, leave the state alone.
    pub(crate) const NO_CHANGE: i8 = -1;

    /// Kafka's number for it.
    pub const fn value(self) -> i8 {
        match self {
            LeaderRecoveryState::Recovered => 0,
            LeaderRecoveryState::Recovering => 1,
        }
    }

    /// The state of that number.
    pub const fn from_value(value: i8) -> Option<LeaderRecoveryState> {
        match value {
            0 => Some(LeaderRecoveryState::Recovered),
            1 => Some(LeaderRecoveryState::Recovering),
            _ => None,
        }
    }
}

/// A partition's assignment, in-sync replicas and leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionRegistration {
    /// Assigned replicas, preferred leader first.
    pub replicas: Vec<i32>,
    /// The log directory of each replica (KIP-858), in the order of `replicas`.
    pub directories: Vec<Uuid>,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Eligible leader replicas: left an ISR below `min.insync.replicas`, hold all that is committed (KIP-966).
    pub elr: Vec<i32>,
    /// The last leader, while ISR is empty (KIP-966).
    pub last_known_elr: Vec<i32>,
    /// Replicas that a reassignment adds (KIP-455).
    pub adding_replicas: Vec<i32>,
    /// Replicas that a reassignment removes; last in `replicas`.
    pub removing_replicas: Vec<i32>,
    /// The leader, or [`NO_LEADER`].
    pub leader: i32,
    /// Grows with every election.
    pub leader_epoch: i32,
    /// Grows with every change (KIP-497).
    pub partition_epoch: i32,
    /// See [`LeaderRecoveryState`].
    pub leader_recovery_state: LeaderRecoveryState,
}

impl PartitionRegistration {
    /// Whether somebody leads.
    pub fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// Whether the first replica leads.
    pub fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }

    /// Whether a reassignment is under way (KIP-455).
    pub fn is_reassigning(&self) -> bool {
        !self.adding_replicas.is_empty() || !self.removing_replicas.is_empty()
    }

    /// Whether its leader was elected from outside ISR and ELR of `before`. The end of a reassignment may elect one who
    /// joins the ISR by the same change: that is none, and it has nothing to recover (KIP-704).
    pub(crate) fn is_unclean_after(&self, before: &PartitionRegistration) -> bool {
        let known = before.isr.contains(&self.leader) || before.elr.contains(&self.leader);
        let completed = before.is_reassigning() && !self.is_reassigning();
        !known && (!completed || self.leader_recovery_state == LeaderRecoveryState::Recovering)
    }

    /// The log directory of `replica`; unassigned if it is not a replica.
    pub fn directory(&self, replica: i32) -> Uuid {
        let index = self.replicas.iter().position(|r| *r == replica);
        index.and_then(|index| self.directories.get(index)).copied().unwrap_or(crate::broker::UNASSIGNED_DIRECTORY)
    }

    pub(crate) fn from_record(record: &PartitionRecord) -> Result<PartitionRegistration, ReplayError> {
        let mut directories = record.directories.clone();
        if directories.is_empty() {
            directories = vec![crate::broker::MIGRATING_DIRECTORY; record.replicas.len()];
        }
        let registration = PartitionRegistration {
            replicas: record.replicas.clone(),
            directories,
            isr: record.isr.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            adding_replicas: record.adding_replicas.clone(),
            removing_replicas: record.removing_replicas.clone(),
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            leader_recovery_state: LeaderRecoveryState::from_value(record.leader_recovery_state)
                .ok_or(ReplayError::InvalidRecord("unknown leader recovery state"))?,
        };
        registration.check()?;
        Ok(registration)
    }

    pub(crate) fn to_record(&self, id: TopicIdPartition) -> PartitionRecord {
        let some = |ids: &Vec<i32>| (!ids.is_empty()).then(|| ids.clone());
        PartitionRecord {
            partition_id: id.partition,
            topic_id: id.topic,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery_state.value(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: some(&self.elr),
            last_known_elr: some(&self.last_known_elr),
        }
    }

    /// This partition after `record`.
    pub(crate) fn merge(&self, record: &PartitionChangeRecord) -> Result<PartitionRegistration, ReplayError> {
        let changed = |new: &Option<Vec<i32>>, old: &Vec<i32>| new.clone().unwrap_or_else(|| old.clone());
        let epoch = |epoch: i32| epoch.checked_add(1).ok_or(ReplayError::InvalidRecord("epoch overflow"));
        let replicas = changed(&record.replicas, &self.replicas);
        let directories = match &record.directories {
            Some(directories) => directories.clone(),
            None if record.replicas.is_none() => self.directories.clone(),
            None => replicas.iter().map(|replica| self.directory(*replica)).collect(),
        };
        let election = record.leader != NO_LEADER_CHANGE;
        let next = PartitionRegistration {
            replicas,
            directories,
            isr: changed(&record.isr, &self.isr),
            elr: changed(&record.eligible_leader_replicas, &self.elr),
            last_known_elr: changed(&record.last_known_elr, &self.last_known_elr),
            adding_replicas: changed(&record.adding_replicas, &self.adding_replicas),
            removing_replicas: changed(&record.removing_replicas, &self.removing_replicas),
            leader: if election { record.leader } else { self.leader },
            leader_epoch: if election { epoch(self.leader_epoch)? } else { self.leader_epoch },
            partition_epoch: epoch(self.partition_epoch)?,
            leader_recovery_state: match record.leader_recovery_state {
                LeaderRecoveryState::NO_CHANGE => self.leader_recovery_state,
                value => LeaderRecoveryState::from_value(value)
                    .ok_or(ReplayError::InvalidRecord("unknown leader recovery state"))?,
            },
        };
        next.check()?;
        Ok(next)
    }

    fn check(&self) -> Result<(), ReplayError> {
        let invalid = |what| Err(ReplayError::InvalidRecord(what));
        let set =
            |ids: &[i32]| ids.iter().enumerate().all(|(n, id)| self.replicas.contains(id) && !ids[..n].contains(id));
        if self.replicas.is_empty() || self.replicas.len() > MAX_REPLICAS {
            return invalid("no replicas, or too many");
        }
        if !set(&self.replicas) || self.replicas.iter().any(|id| *id < 0) {
            return invalid("replicas are not distinct broker ids");
        }
        if self.directories.len() != self.replicas.len() {
            return invalid("not one directory for each replica");
        }
        if !set(&self.isr) || !set(&self.elr) || !set(&self.last_known_elr) {
            return invalid("ISR or ELR is not a set of replicas");
        }
        if !set(&self.adding_replicas) || !set(&self.removing_replicas) {
            return invalid("what a reassignment adds or removes is not a set of replicas");
        }
        if self.elr.iter().any(|id| self.isr.contains(id)) {
            return invalid("ISR and ELR overlap");
        }
        if self.leader != NO_LEADER && !self.isr.contains(&self.leader) {
            return invalid("the leader is not in the ISR");
        }
        if self.leader_epoch < 0 || self.partition_epoch < 0 {
            return invalid("negative epoch");
        }
        Ok(())
    }
}

/// Partition `id` of `image` for observation. `unclean` is that of [`crate::Change::Partition`].
pub fn partition_state(image: &MetadataImage, id: TopicIdPartition, unclean: bool) -> Option<PartitionState> {
    let partition = image.partition(id)?;
    Some(PartitionState {
        partition: id,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        elr: partition.elr.clone(),
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        unclean,
    })
}
