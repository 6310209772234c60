//! The marker that says that logs were closed in good order and need no recovery.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError};

use crate::replace::read_file;

/// The marker's file, in the log directory.
pub const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";

/// What the marker says. Remove it before the first write after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CleanShutdown {
    /// The epoch under which the broker was registered (KIP-966), -1 if it is not known.
    pub broker_epoch: i64,
}

impl CleanShutdown {
    /// The contents of the file. Write it with [`Replace`](crate::Replace), after all logs are durable.
    pub fn encode(self) -> Bytes {
        Bytes::from(format!("{{\"version\":0,\"brokerEpoch\":{}}}", self.broker_epoch))
    }

    /// Reads the contents. The file's presence alone says that the shutdown was clean; an older broker leaves it empty.
    pub fn decode(bytes: &[u8]) -> CleanShutdown {
        let epoch = core::str::from_utf8(bytes).ok().and_then(|text| {
            let rest = text.split_once("\"brokerEpoch\"")?.1.trim_start().strip_prefix(':')?.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
            rest[..end].parse().ok()
        });
        CleanShutdown { broker_epoch: epoch.unwrap_or(-1) }
    }

    /// Reads the file at `path`; `None` if there is none: the shutdown was not clean.
    pub fn read<D: Disk>(path: &str, disk: &mut D) -> Result<Option<CleanShutdown>, DiskError> {
        Ok(read_file(path, disk)?.map(|bytes| CleanShutdown::decode(&bytes)))
    }
}
