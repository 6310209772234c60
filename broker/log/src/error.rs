//! What can go wrong with a log.

use tribunal_contract::DiskError;
use tribunal_records::BatchError;

/// Why a log did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogError {
    /// The disk failed. If it was a write or a sync, the log is failed from now on.
    Disk {
        /// What was being done.
        doing: &'static str,
        /// What the disk said.
        error: DiskError,
    },
    /// The log failed before: nothing is written any more (KAFKA-10778).
    Failed,
    /// The folder holds what this code does not understand; nothing was changed.
    Refused {
        /// The file, with its path.
        file: String,
        /// What is wrong with it.
        why: Refusal,
    },
    /// There is a log in the folder already.
    Exists,
    /// The offset asked for is not in the log.
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// The first offset there is.
        start: i64,
        /// The offset after the last.
        end: i64,
    },
    /// What was to be appended is no batch.
    Batch(BatchError),
    /// A replicated batch does not begin where the log ends.
    NotContiguous {
        /// The log's end.
        expected: i64,
        /// The batch's base offset.
        got: i64,
    },
    /// A batch is larger than `max.message.bytes`.
    RecordTooLarge {
        /// Its bytes.
        size: usize,
        /// The limit.
        max: u32,
    },
    /// The batches together are larger than a segment.
    BatchListTooLarge {
        /// Their bytes.
        size: usize,
        /// `segment.bytes`.
        max: u32,
    },
    /// A sync round is under way; there is one at a time.
    SyncUnderWay,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The log ends beyond the end that an orderly shutdown left it with: its last batch is not what was written.
    Grown,
    /// A segment's file whose name is not 20 digits.
    Name,
    /// A text file that does not read as it should, from this line (from 1).
    Line(u32),
    /// A text file of another version.
    Version(i64),
    /// Record batches of a format other than 2.
    Magic(i8),
    /// It is larger than any segment can be.
    Size(u64),
    /// The log ends before the end that an orderly shutdown left it with.
    Shrunk,
    /// The folder is of another topic, or does not say of which.
    Topic,
}

impl LogError {
    pub(crate) fn disk(doing: &'static str) -> impl Fn(DiskError) -> LogError {
        move |error| LogError::Disk { doing, error }
    }
}

impl From<BatchError> for LogError {
    fn from(error: BatchError) -> LogError {
        LogError::Batch(error)
    }
}

impl core::fmt::Display for LogError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            LogError::Disk { doing, error } => write!(f, "{doing}: {error}"),
            LogError::Failed => f.write_str("the log failed before"),
            LogError::Refused { file, why } => write!(f, "{file}: {why}"),
            LogError::Exists => f.write_str("there is a log already"),
            LogError::OffsetOutOfRange { offset, start, end } => write!(f, "offset {offset} is not in {start}..{end}"),
            LogError::Batch(error) => error.fmt(f),
            LogError::NotContiguous { expected, got } => write!(f, "batch at {got}, log ends at {expected}"),
            LogError::RecordTooLarge { size, max } => write!(f, "batch of {size} bytes, at most {max} allowed"),
            LogError::BatchListTooLarge { size, max } => write!(f, "{size} bytes at once, a segment has {max}"),
            LogError::SyncUnderWay => f.write_str("a sync round is under way"),
        }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Refusal::Grown => f.write_str("the log ends beyond the end that an orderly shutdown left it with"),
            Refusal::Name => f.write_str("a segment's name is its base offset in 20 digits"),
            Refusal::Line(n) => write!(f, "line {n} is malformed"),
            Refusal::Version(n) => write!(f, "version {n} is not supported"),
            Refusal::Magic(n) => write!(f, "record format {n} is not supported, only 2"),
            Refusal::Size(n) => write!(f, "{n} bytes are more than a segment can have"),
            Refusal::Shrunk => f.write_str("the log ends before the end that an orderly shutdown left it with"),
            Refusal::Topic => f.write_str("the folder has records that are not known to be this topic's; move it away"),
        }
    }
}

impl core::error::Error for LogError {}
