//! Timer classes of a broker and of a client, each documented "when to set, what its firing means".

/// Quorum: an election in progress (candidate, prospective) or awaited (unattached, voted) has taken too long.
pub const QUORUM_ELECTION: u8 = 0;
/// Quorum follower: nothing heard from the leader for `quorum.fetch.timeout`; start a pre-vote.
pub const QUORUM_FETCH: u8 = 1;
/// Quorum leader: a majority has not fetched for 1.5 times the fetch timeout; resign (KIP-996 check-quorum).
pub const QUORUM_CHECK: u8 = 2;
/// Quorum: a call to a peer failed; try again. Index: [`crate::lanes::index`].
pub const QUORUM_BACKOFF: u8 = 3;
/// Quorum leader: a parked fetch of the metadata log has waited long enough. Index: [`crate::lanes::index`].
pub const QUORUM_PARKED: u8 = 4;
/// Quorum: a call was sent and not answered in time. Index: [`crate::lanes::index`].
pub const QUORUM_CALL: u8 = 5;
/// Broker: send the next heartbeat, or try to register again.
pub const HEARTBEAT: u8 = 8;
/// Broker: a heartbeat or registration was not answered in time.
pub const LIFECYCLE_CALL: u8 = 9;
/// Controller: no heartbeat from a broker for the session timeout; fence it. Index: broker id.
pub const SESSION: u8 = 10;
/// Controller: look for partitions whose preferred leader is not leading.
pub const REBALANCE: u8 = 11;
/// Partition leaders of this broker: look for followers that have not caught up for `replica.lag.time.max`.
pub const REPLICA_LAG: u8 = 16;
/// A parked consumer or follower fetch has waited `max_wait`. Index: [`crate::lanes::index`].
pub const FETCH_PARKED: u8 = 17;
/// A parked produce has waited its timeout. Index: [`crate::lanes::index`].
pub const PRODUCE_PARKED: u8 = 18;
/// Follower: fetch again from this leader after an error. Index: broker id.
pub const FETCHER_BACKOFF: u8 = 19;
/// Follower: the leader has not answered a fetch in time. Index: broker id.
pub const FETCHER_CALL: u8 = 20;
/// Leader: AlterPartition failed or was not answered; try again.
pub const ALTER_PARTITION: u8 = 21;
/// Broker: write the high-watermark checkpoint.
pub const CHECKPOINT: u8 = 22;
/// Broker: delete old segments.
pub const RETENTION: u8 = 23;
/// Broker: a forwarded request was not answered in time.
pub const FORWARD_CALL: u8 = 24;
/// Broker: the folder of a deleted partition is removed. Index: which one of this incarnation.
pub const FOLDER_DELETE: u8 = 25;
/// Group coordinator: a member's session ends. Index: which alarm of this incarnation.
pub const GROUP_SESSION: u8 = 26;
/// Group coordinator: a phase of a rebalance has had its time. Index: which alarm of this incarnation.
pub const GROUP_REBALANCE: u8 = 27;
/// Coordinator: go on reading a partition's log. Index: partition of the internal topic.
pub const COORDINATOR_LOAD: u8 = 28;
/// Coordinator: writes that are not committed have waited for `offsets.commit.timeout`. Index: partition.
pub const COORDINATOR_WRITE: u8 = 29;
/// Group coordinator: look for expired offsets.
pub const OFFSET_EXPIRY: u8 = 30;
/// Client: metadata is old, or the last request for it failed.
pub const CLIENT_METADATA: u8 = 32;
/// Client: a connection failed; try again. Index: broker id.
pub const CLIENT_BACKOFF: u8 = 33;
/// Client: a request was not answered in time. Index: [`crate::lanes::index`].
pub const CLIENT_REQUEST: u8 = 34;
/// Producer: a batch has lingered, or is to be sent again. Index: dense partition index of the client.
pub const PRODUCER_BATCH: u8 = 35;
/// Producer: the oldest unacknowledged batch has reached its delivery timeout. Index: dense partition index.
pub const PRODUCER_DELIVERY: u8 = 36;
/// Consumer: fetch again after an error or an empty answer. Index: broker id.
pub const CONSUMER_FETCH: u8 = 37;
/// Workload: the next open-loop record is due.
pub const WORKLOAD: u8 = 48;
