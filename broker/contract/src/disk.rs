//! Files with page-cache semantics.

use bytes::Bytes;

/// An open file of this incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// The name a machine gives to a sync so that it knows it again in `Event::Synced`: what it is for, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncOp {
    /// What the sync is for.
    pub class: u8,
    /// Which one of its class (a partition, say).
    pub index: u32,
}

/// Why the disk did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskError {
    /// There is no file of that name.
    NotFound,
    /// The device failed (EIO). What the operation did is unknown.
    Io,
    /// The device is full (ENOSPC). A prefix of the write may be there.
    NoSpace,
}

impl core::fmt::Display for DiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            DiskError::NotFound => "no such file",
            DiskError::Io => "input/output error",
            DiskError::NoSpace => "no space left on device",
        })
    }
}

impl core::error::Error for DiskError {}

/// A node's disk: files named by `/`-separated relative paths, behind a page cache.
///
/// Every call but the syncs returns at once and sees the effect of all earlier calls. A crash of the process keeps the
/// page cache; a loss of power does not: then only what a completed sync covered is sure to be there, and the last
/// unsynced write of a file may be torn.
///
/// After a failed append, truncate or sync the state of the file is unknown. What a machine then does is judged.
pub trait Disk {
    /// Opens a file that exists.
    fn open(&mut self, path: &str) -> Result<FileId, DiskError>;

    /// Creates an empty file, replacing one of the same name. Parent folders are made as needed.
    fn create(&mut self, path: &str) -> Result<FileId, DiskError>;

    /// The file's length in bytes.
    fn len(&mut self, file: FileId) -> Result<u64, DiskError>;

    /// Writes `data` at the end of the file and returns the position at which it begins.
    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError>;

    /// Reads up to `len` bytes from `position`; fewer only where the file ends.
    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError>;

    /// Cuts the file to `len` bytes, which must not be more than it has.
    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError>;

    /// Gives `from` the name `to`, atomically replacing a file of that name. If `from` is a folder, all in it moves.
    /// Open handles follow their file.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file, or a folder with all in it. Open handles to it die.
    fn remove(&mut self, path: &str) -> Result<(), DiskError>;

    /// The names of files and folders directly in `dir`, sorted. Empty if there is no such folder.
    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError>;

    /// Gives up a handle. Unsynced data stays in the page cache.
    fn close(&mut self, file: FileId);

    /// Makes durable what was written to `file` so far. Completes as `Event::Synced { op, .. }`; a failure to even
    /// start is reported the same way.
    fn sync(&mut self, file: FileId, op: SyncOp);

    /// Makes durable the names (creations, renames, removals) directly in `dir`. Completes as `Event::Synced`.
    fn sync_dir(&mut self, dir: &str, op: SyncOp);
}
