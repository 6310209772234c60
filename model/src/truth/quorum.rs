//! The controller quorum: roles, epochs, votes and snapshots of its members. Its log is mirrored like any other.

use std::collections::BTreeMap;

use tribunal_common::QuorumRole;
use tribunal_contract::NodeId;

/// A snapshot: its end offset and epoch, and the checksum of its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot {
    pub(crate) end: i64,
    pub(crate) epoch: i32,
    pub(crate) crc: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) role: QuorumRole,
    /// The quorum epoch. It survives restarts.
    pub(crate) epoch: i32,
    /// The candidate this member voted for in each epoch, without pre-votes. Votes survive restarts.
    pub(crate) votes: BTreeMap<i32, i32>,
    /// The snapshots that this process took, installed, or found when it started. It reports those it finds before its
    /// log.
    pub(crate) snapshots: Vec<Snapshot>,
    /// The log start offset whose snapshot has not been reported yet; none if no snapshot is missing.
    pub(crate) owes_snapshot: Option<i64>,
}

impl Default for Member {
    fn default() -> Member {
        Member {
            role: QuorumRole::Unattached,
            epoch: -1,
            votes: BTreeMap::new(),
            snapshots: Vec::new(),
            owes_snapshot: None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Quorum {
    pub(crate) voters: Vec<i32>,
    pub(super) members: Vec<Member>,
    /// The leader of each epoch, by its own report.
    pub(crate) elected: BTreeMap<i32, NodeId>,
    /// The leader of each epoch as members know it, and the member that reported it first.
    pub(crate) known: BTreeMap<i32, (i32, NodeId)>,
    /// The CRC of the snapshot with each end and epoch, and the node that reported it first.
    pub(crate) snapshots: BTreeMap<(i64, i32), (u32, NodeId)>,
}

impl Quorum {
    pub(crate) fn new(voters: Vec<i32>) -> Quorum {
        Quorum {
            voters,
            members: Vec::new(),
            elected: BTreeMap::new(),
            known: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    pub(crate) fn member(&mut self, node: NodeId) -> &mut Member {
        if self.members.len() <= node.index() {
            self.members.resize_with(node.index() + 1, Member::default);
        }
        &mut self.members[node.index()]
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Member> {
        self.members.get(node.index())
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().enumerate().map(|(index, member)| (NodeId(index as u32), member))
    }

    pub(crate) fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    pub(crate) fn newest_leader(&self) -> Option<(i32, NodeId)> {
        self.elected.last_key_value().map(|(epoch, node)| (*epoch, *node))
    }

    pub(crate) fn crash(&mut self, node: NodeId) {
        if let Some(member) = self.members.get_mut(node.index()) {
            member.role = QuorumRole::Unattached;
            member.snapshots.clear();
        }
    }
}
