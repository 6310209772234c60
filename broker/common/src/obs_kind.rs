//! What can be observed, by name: the list that scenarios, hunts and the checker choose from.

crate::named! {
    /// What an observation is of.
    pub enum ObsKind
    /// The name in scenarios, in lower case with dashes.
    by name {
        Appended = "appended", "a batch is at the end of a log";
        BrokerFenced = "broker-fenced", "the controller has fenced a broker";
        BrokerRegistered = "broker-registered", "a broker has registered with the controller";
        BrokerUnfenced = "broker-unfenced", "the controller has unfenced a broker";
        BrokerUnregistered = "broker-unregistered", "the controller has forgotten a broker";
        ConsumerAssigned = "consumer-assigned", "a consumer has its partitions";
        ControlledShutdown = "controlled-shutdown", "a broker has asked to leave, and may";
        ControllerActive = "controller-active", "a quorum leader has loaded all and is the active controller";
        FolderSetAside = "folder-set-aside", "a folder of a log directory is no replica of the broker, and is kept under another name";
        FollowerStarted = "follower-started", "a broker follows the leader of a partition, or none";
        FollowerTruncated = "follower-truncated", "a follower has cut its log to agree with the leader's";
        HighWatermarkAdvanced = "high-watermark-advanced", "a replica's high watermark has advanced";
        IsrExpanded = "isr-expanded", "a leader asks for a replica to join the in-sync replicas";
        IsrShrunk = "isr-shrunk", "a replica leaves the in-sync replicas: a leader asks for it, or the controller has done it";
        LeaderElected = "leader-elected", "a broker leads a partition from now on";
        LogDeleted = "log-deleted", "a log is gone";
        LogDirOffline = "log-dir-offline", "a log directory has failed and is offline";
        LogOpened = "log-opened", "a log was opened at a start";
        LogStartMoved = "log-start-moved", "a log begins later: old records were deleted, or a snapshot stands for them";
        LogTruncated = "log-truncated", "a log was cut";
        NotEnoughReplicas = "not-enough-replicas", "a write was refused for lack of in-sync replicas";
        OffsetReset = "offset-reset", "a consumer has lost its position and starts over";
        PartitionCommitted = "partition-committed", "the controller has changed the state of a partition";
        PreVoteGranted = "pre-vote-granted", "a quorum member would vote for a prospective candidate";
        ProduceRetried = "produce-retried", "a producer sends a batch again";
        QuorumHighWatermarkAdvanced = "quorum-high-watermark-advanced", "the metadata log's high watermark has advanced";
        QuorumLeaderElected = "quorum-leader-elected", "the quorum has a new leader";
        QuorumLeaderResigned = "quorum-leader-resigned", "a quorum leader has stepped down";
        QuorumRoleChanged = "quorum-role-changed", "a quorum member has another role";
        ReassignmentCancelled = "reassignment-cancelled", "a partition stays with the replicas it had";
        ReassignmentCompleted = "reassignment-completed", "a partition has the replicas that were wanted, and the others go";
        ReassignmentStarted = "reassignment-started", "a partition is to have other replicas";
        RecordAcknowledged = "record-acknowledged", "a record was acknowledged to its producer";
        RecordFailed = "record-failed", "a producer has given a record up";
        RecordPolled = "record-polled", "a consumer was given records";
        RecordSent = "record-sent", "an application gave a record to its producer";
        SegmentRolled = "segment-rolled", "a log has begun a new segment";
        SnapshotInstalled = "snapshot-installed", "a node has loaded a metadata snapshot from another";
        SnapshotTaken = "snapshot-taken", "a node has written a metadata snapshot";
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
