//! The controller quorum: roles, epochs, votes and snapshots of its members. Its log is mirrored like any other.

use std::collections::BTreeMap;

use tribunal_common::QuorumRole;
use tribunal_contract::NodeId;

/// A snapshot: where it ends, and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot {
    pub(crate) end: i64,
    pub(crate) epoch: i32,
    pub(crate) crc: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) role: QuorumRole,
    /// Survives restarts.
    pub(crate) epoch: i32,
    /// Epoch and candidate of votes given, pre-votes apart. Survive restarts.
    pub(crate) votes: BTreeMap<i32, i32>,
    /// Those that this process took, installed, or found when it started: what it finds, it reports before its log.
    pub(crate) snapshots: Vec<Snapshot>,
    /// The log begins here and the snapshot that must end here has not been reported yet.
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
    /// Who became leader in an epoch.
    pub(crate) elected: BTreeMap<i32, NodeId>,
    /// Whom members know as leader of an epoch, and who said so first.
    pub(crate) known: BTreeMap<i32, (i32, NodeId)>,
    /// CRC of the snapshot of an end and epoch, and who has it.
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
