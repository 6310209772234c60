//! The partition log in Kafka's on-disk format: segments, indexes, leader-epoch cache, recovery, retention.
