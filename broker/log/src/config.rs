//! What may differ between topics.

use tribunal_records::TimestampType;

/// A log's configuration, with Kafka's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it would grow beyond this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is closed when it spans more time than this.
    pub segment_ms: i64,
    /// `segment.index.bytes`: a segment is closed when an index would grow beyond this.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: about how many bytes of log there are to an index entry.
    pub index_interval_bytes: u32,
    /// `retention.ms`: segments whose newest record is older may go. `None` keeps them.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: the oldest segments may go while the log is at least this large without them.
    pub retention_bytes: Option<u64>,
    /// `max.message.bytes`: no batch that a leader appends is larger.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`: whether the leader stamps batches.
    pub timestamp_type: TimestampType,
    /// Whether `cleanup.policy` has `compact`: only then may there be gaps between offsets.
    pub compact: bool,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            max_message_bytes: (1 << 20) + 12,
            timestamp_type: TimestampType::CreateTime,
            compact: false,
        }
    }
}

impl LogConfig {
    /// Whether a batch at `got` may follow when `expected` is the next offset.
    pub fn follows(&self, expected: i64, got: i64) -> bool {
        got == expected || (self.compact && got > expected)
    }
}
