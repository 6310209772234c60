//! The bounds that no setting of Kafka names.

/// Topics that one client may use. Each metadata request names all of them.
pub const MAX_TOPICS: usize = 4_096;

/// Partitions of one topic that are believed from a metadata response. Kafka's largest topics have some ten thousand.
pub const MAX_PARTITIONS: i32 = 1 << 17;

/// Records of topics whose partitions are not known yet, for each topic. They are bounded by `buffer.memory` as well;
/// this keeps many tiny ones from taking the whole of it in bookkeeping.
pub const MAX_WAITING: usize = 1 << 20;

/// Parts into which a delivery timeout is cut. The timer of a partition fires that often and every batch counts the
/// firings it has seen, so that no timer is set for a batch and no clock is read. A batch is given up after a time
/// between (parts - 1) / parts of the timeout and the timeout.
pub const DELIVERY_TICKS: u8 = 4;

/// The most retries that are counted. With a larger `retries`, attempts are counted only until the backoff has reached
/// its maximum, so that batches which are retried for long do not differ in state.
pub const MAX_ATTEMPTS: u8 = u8::MAX;
