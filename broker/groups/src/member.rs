//! A member of a group.

use bytes::Bytes;
use tribunal_protocol::Str;
use tribunal_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::out::Ticket;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Given by the coordinator.
    pub id: Str,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<Str>,
    /// What the client calls itself.
    pub client_id: Str,
    /// Where the client is.
    pub client_host: Str,
    /// Milliseconds without a heartbeat after which the member is removed.
    pub session_timeout_ms: i32,
    /// Milliseconds that a rebalance waits for the member.
    pub rebalance_timeout_ms: i32,
    /// Protocols by preference, each with the member's metadata for it.
    pub protocols: Vec<(Str, Bytes)>,
    /// What the leader assigned to the member; empty before.
    pub assignment: Bytes,
    /// The JoinGroup that waits for the next generation.
    pub(crate) joining: Option<Ticket>,
    /// The SyncGroup that waits for the leader's assignment.
    pub(crate) syncing: Option<Ticket>,
    /// Whether the member waits for the answer to its first JoinGroup: it can send no heartbeats.
    pub(crate) is_new: bool,
}

impl Member {
    /// The member's metadata for a protocol.
    pub(crate) fn metadata(&self, protocol: &Str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| name == protocol)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    /// Whether the member supports a protocol.
    pub(crate) fn supports(&self, protocol: &Str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Whether a request names the same protocols, in the same order, with the same metadata.
    pub(crate) fn matches(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        self.protocols.len() == protocols.len()
            && self
                .protocols
                .iter()
                .zip(protocols)
                .all(|(mine, theirs)| mine.0 == theirs.name && mine.1 == theirs.metadata)
    }

    /// Whether the member cannot send heartbeats at the moment, because its request waits here.
    pub(crate) fn waits(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }
}

/// A request's protocols, copied out of its frame.
pub(crate) fn detached(protocols: &[JoinGroupRequestProtocol]) -> Vec<(Str, Bytes)> {
    let mut copied: Vec<(Str, Bytes)> = Vec::with_capacity(protocols.len());
    for protocol in protocols {
        if !copied.iter().any(|(name, _)| *name == protocol.name) {
            copied.push((protocol.name.detach(), Bytes::copy_from_slice(&protocol.metadata)));
        }
    }
    copied
}
