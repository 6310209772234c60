//! The connections one broker opens to another. A parked answer blocks its own lane only.

use tribunal_contract::Lane;

/// Vote, BeginQuorumEpoch, EndQuorumEpoch.
pub const QUORUM: Lane = Lane(0);
/// Fetch and FetchSnapshot of the metadata log; parked at the leader until there is something to read.
pub const QUORUM_FETCH: Lane = Lane(1);
/// BrokerRegistration and BrokerHeartbeat.
pub const LIFECYCLE: Lane = Lane(2);
/// AlterPartition, AllocateProducerIds.
pub const CONTROL: Lane = Lane(3);
/// Admin requests of clients, passed on to the active controller.
pub const FORWARD: Lane = Lane(4);
/// Fetch of a follower.
pub const REPLICA_FETCH: Lane = Lane(5);
/// OffsetForLeaderEpoch of a follower.
pub const EPOCH_LOOKUP: Lane = Lane(6);
/// What clients open.
pub const CLIENT: Lane = Lane(8);
/// A second connection of a client (a consumer's fetches must not hold up its metadata).
pub const CLIENT_FETCH: Lane = Lane(9);
/// One more than the highest lane: timers of a connection are indexed by `peer * COUNT + lane`.
pub const COUNT: u32 = 16;

/// The dense index of a (peer, lane) pair.
pub const fn index(peer: tribunal_contract::NodeId, lane: Lane) -> u32 {
    peer.0 * COUNT + lane.0 as u32
}
