//! What can go wrong.

use core::fmt;

use tribunal_contract::DiskError;
use tribunal_log::LogError;

use crate::FOLDER;
use crate::state_file::QUORUM_STATE;

/// Why the quorum could not be opened from disk. The broker must not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuorumError {
    /// The disk failed.
    Disk(DiskError),
    /// The metadata log cannot be recovered.
    Log(LogError),
    /// The file `quorum-state` is there and cannot be read. Starting without it could break a vote.
    QuorumState(&'static str),
    /// The folder is of a quorum of other voters: together with the others here it could elect a leader that lacks what
    /// was committed.
    OtherVoters {
        /// The voters that `quorum-state` names.
        theirs: Vec<i32>,
        /// The configured voters.
        ours: Vec<i32>,
    },
    /// The log begins at this offset, and no snapshot covers what was before it.
    SnapshotMissing(i64),
    /// `controller.quorum.voters` is empty, not ascending, or longer than [`crate::MAX_VOTERS`].
    Voters,
}

/// A write or sync of the metadata log, of the vote or of a snapshot has failed: what the disk holds is unknown, and
/// whoever goes on could break a promise. The broker halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fatal(pub &'static str);

impl From<DiskError> for QuorumError {
    fn from(e: DiskError) -> QuorumError {
        QuorumError::Disk(e)
    }
}

impl From<LogError> for QuorumError {
    fn from(e: LogError) -> QuorumError {
        QuorumError::Log(e)
    }
}

impl fmt::Display for QuorumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuorumError::Disk(e) => write!(f, "metadata log: {e}"),
            QuorumError::Log(e) => write!(f, "metadata log: {e}"),
            QuorumError::QuorumState(why) => {
                write!(
                    f,
                    "{FOLDER}/{QUORUM_STATE}: {why}; restore the file, or remove this broker's whole folder if "
                )?;
                f.write_str("a majority of the other voters has its data: the broker then fetches everything again")
            }
            QuorumError::OtherVoters { theirs, ours } => {
                write!(
                    f,
                    "{FOLDER}/{QUORUM_STATE}: the data is of a quorum of the voters {theirs:?}, and this start has "
                )?;
                write!(f, "{ours:?}; start the same brokers as before, or choose another folder")
            }
            QuorumError::SnapshotMissing(start) => {
                write!(f, "the metadata log begins at {start} and no snapshot covers what was before")
            }
            QuorumError::Voters => f.write_str("controller.quorum.voters must be ascending ids, 1 to 64 of them"),
        }
    }
}

impl core::error::Error for QuorumError {}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Fatal {}
