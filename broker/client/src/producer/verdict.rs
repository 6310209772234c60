//! What an error code of a produce means for its batch.

use tribunal_protocol::ErrorCode;

/// What to do with a batch that came back with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it again; ask for metadata first if `refresh`.
    Retry { refresh: bool },
    /// Send it again in smaller parts, if it has more than one record.
    Split,
    /// It will never succeed.
    Fatal,
}

pub(crate) fn of(error: ErrorCode) -> Verdict {
    match error {
        ErrorCode::MessageTooLarge => Verdict::Split,
        // Retriable by Kafka's table, but the batch that is sent again has the same bytes.
        ErrorCode::CorruptMessage => Verdict::Fatal,
        ErrorCode::NotLeaderOrFollower
        | ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::InconsistentTopicId
        | ErrorCode::LeaderNotAvailable
        | ErrorCode::ReplicaNotAvailable
        | ErrorCode::ListenerNotFound
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::UnknownLeaderEpoch
        | ErrorCode::KafkaStorageError
        | ErrorCode::NetworkException => Verdict::Retry { refresh: true },
        error if error.is_retriable() => Verdict::Retry { refresh: false },
        _ => Verdict::Fatal,
    }
}

/// Whether the error proves that this attempt has put nothing into the log, and never will.
///
/// An error that says "not here" does not: a leader that steps down answers with it the appended batches that wait, for
/// replication with `acks=all`, and with `acks=1` for the disk where every write is flushed; and the log may keep them.
pub(crate) fn proves_absence(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::CorruptMessage
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::InvalidRecord
            | ErrorCode::InvalidTimestamp
            | ErrorCode::InvalidTopicException
            | ErrorCode::InvalidRequest
            | ErrorCode::PolicyViolation
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::UnknownTopicId
            | ErrorCode::UnsupportedCompressionType
            | ErrorCode::UnsupportedForMessageFormat
            | ErrorCode::UnsupportedVersion
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_after_the_append_proves_nothing() {
        assert!(proves_absence(ErrorCode::NotEnoughReplicas));
        assert!(!proves_absence(ErrorCode::NotEnoughReplicasAfterAppend));
        assert!(!proves_absence(ErrorCode::RequestTimedOut));
        assert!(!proves_absence(ErrorCode::KafkaStorageError));
        assert!(!proves_absence(ErrorCode::UnknownServerError));
        assert!(!proves_absence(ErrorCode::NetworkException));
        // Also of a leader that had appended it, and steps down before that is replicated, or flushed.
        assert!(!proves_absence(ErrorCode::NotLeaderOrFollower));
    }

    #[test]
    fn retriable_errors_are_those_of_the_table_but_for_corruption() {
        for error in ErrorCode::ALL.into_iter().filter(|error| error.is_error()) {
            let retried = matches!(of(error), Verdict::Retry { .. });
            assert_eq!(retried, error.is_retriable() && error != ErrorCode::CorruptMessage, "{error}");
        }
        assert_eq!(of(ErrorCode::MessageTooLarge), Verdict::Split);
        assert_eq!(of(ErrorCode::InvalidRequiredAcks), Verdict::Fatal);
    }
}
