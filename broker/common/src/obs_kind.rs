//! What can be observed, by name: the list that scenarios, hunts and the checker choose from.

crate::named! {
    /// What an observation is of.
    pub enum ObsKind
    /// The name in scenarios, in lower case with dashes.
    by name {
        Appended = "appended", "a replica has appended a batch to its log";
        BrokerFenced = "broker-fenced", "the controller has fenced a broker";
        BrokerRegistered = "broker-registered", "a broker has registered with the controller";
        BrokerUnfenced = "broker-unfenced", "the controller has unfenced a broker";
        BrokerUnregistered = "broker-unregistered", "the controller has unregistered a broker";
        ConsumerAssigned = "consumer-assigned", "a consumer was assigned its partitions";
        ControlledShutdown = "controlled-shutdown", "the controller has allowed a broker to shut down";
        ControllerActive = "controller-active", "a quorum leader has loaded the metadata and is the active controller";
        CoordinatorLoaded = "coordinator-loaded", "a broker has read the state of a partition's groups and coordinates them";
        CoordinatorUnloaded = "coordinator-unloaded", "a broker has stopped to coordinate the groups of a partition";
        FolderSetAside = "folder-set-aside", "a folder of a log directory belongs to no replica of the broker and was renamed";
        FollowerStarted = "follower-started", "a broker follows the leader of a partition, or none";
        FollowerTruncated = "follower-truncated", "a follower has truncated its log to agree with the leader's";
        GenerationStarted = "generation-started", "a group has a new generation with its assignment";
        HighWatermarkAdvanced = "high-watermark-advanced", "a replica's high watermark has advanced";
        IsrExpanded = "isr-expanded", "a leader asks for a replica to join the in-sync replicas";
        IsrShrunk = "isr-shrunk", "a replica leaves the in-sync replicas: a leader asks for it, or the controller decides it";
        LeaderElected = "leader-elected", "a broker has become the leader of a partition";
        LogDeleted = "log-deleted", "a replica's log was deleted";
        LogDirOffline = "log-dir-offline", "a log directory has failed and is offline";
        LogOpened = "log-opened", "a log was opened at a start";
        LogStartMoved = "log-start-moved", "a log start offset has moved up: old records were deleted, or a snapshot replaced them";
        LogTruncated = "log-truncated", "a log was truncated";
        NotEnoughReplicas = "not-enough-replicas", "a write was refused for lack of in-sync replicas";
        OffsetCommitted = "offset-committed", "a group has committed an offset";
        OffsetReset = "offset-reset", "a consumer has lost its position and starts over";
        PartitionCommitted = "partition-committed", "the controller has changed the state of a partition";
        PreVoteGranted = "pre-vote-granted", "a quorum member would vote for a prospective candidate";
        ProduceRetried = "produce-retried", "a producer sends a batch again";
        QuorumHighWatermarkAdvanced = "quorum-high-watermark-advanced", "the metadata log's high watermark has advanced";
        QuorumLeaderElected = "quorum-leader-elected", "the quorum has a new leader";
        QuorumLeaderResigned = "quorum-leader-resigned", "a quorum leader has stepped down";
        QuorumRoleChanged = "quorum-role-changed", "a quorum member has changed its role";
        ReassignmentCancelled = "reassignment-cancelled", "a reassignment was cancelled, and the partition keeps its replicas";
        ReassignmentCompleted = "reassignment-completed", "a reassignment is complete, and the other replicas are removed";
        ReassignmentStarted = "reassignment-started", "a reassignment of a partition has begun";
        RecordAcknowledged = "record-acknowledged", "a record was acknowledged to its producer";
        RecordFailed = "record-failed", "a producer has given up on a record";
        RecordPolled = "record-polled", "a consumer was given records";
        RecordSent = "record-sent", "an application gave a record to its producer";
        RecordsDeleted = "records-deleted", "a leader has deleted records because an administrator asked for it";
        SegmentRolled = "segment-rolled", "a log has begun a new segment";
        SnapshotInstalled = "snapshot-installed", "a node has loaded a metadata snapshot from another";
        SnapshotTaken = "snapshot-taken", "a node has written a metadata snapshot";
        StartRefused = "start-refused", "a broker does not start: its disk holds what it cannot go on from";
        TopicRemoved = "topic-removed", "a topic was deleted";
        UncleanLeaderElected = "unclean-leader-elected", "a replica that may lack records was elected";
        VoteGranted = "vote-granted", "a quorum member has voted for a candidate";
    }
}

impl ObsKind {
    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<ObsKind> {
        ObsKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Its place in [`ObsKind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_unknown_ones_are_not() {
        for (index, kind) in ObsKind::ALL.iter().enumerate() {
            assert_eq!((ObsKind::from_name(kind.name()), kind.index()), (Some(*kind), index));
        }
        assert_eq!(ObsKind::from_name("leader-elected-twice"), None);
    }

    #[test]
    fn kinds_are_in_the_order_of_their_names() {
        assert!(ObsKind::ALL.is_sorted_by_key(|kind| kind.name()));
    }
}
