//! KRaft: pre-vote, vote, fetch, check-quorum, snapshots.
