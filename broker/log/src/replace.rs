//! Replacing a small file so that a loss of power leaves the old one or the new one, whole.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use crate::names::{TMP, parent};

/// A file being replaced: written beside the old one, synced, renamed, and the name synced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replace {
    path: String,
    op: SyncOp,
    /// The new file, until it has been renamed.
    file: Option<FileId>,
}

impl Replace {
    /// Writes the new contents of `path` and asks for their sync. Hand completions of `op` to [`Replace::synced`].
    pub fn start<D: Disk>(path: &str, contents: Bytes, op: SyncOp, disk: &mut D) -> Result<Replace, DiskError> {
        let file = disk.create(&format!("{path}.{TMP}"))?;
        disk.append(file, contents)?;
        disk.sync(file, op);
        Ok(Replace { path: path.to_owned(), op, file: Some(file) })
    }

    /// Takes a completion; there are two. `Ok(true)` once the replacement is durable.
    pub fn synced<D: Disk>(&mut self, result: Result<(), DiskError>, disk: &mut D) -> Result<bool, DiskError> {
        result?;
        let Some(file) = self.file.take() else {
            return Ok(true);
        };
        disk.close(file);
        disk.rename(&format!("{}.{TMP}", self.path), &self.path)?;
        disk.sync_dir(parent(&self.path), self.op);
        Ok(false)
    }

    /// The name of its syncs.
    pub fn op(&self) -> SyncOp {
        self.op
    }
}

/// Reads a small file; `None` if there is none.
pub(crate) fn read_file<D: Disk>(path: &str, disk: &mut D) -> Result<Option<Bytes>, DiskError> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(DiskError::NotFound) => return Ok(None),
        Err(e) => return Err(e),
    };
    let bytes = disk.len(file).and_then(|len| disk.read(file, 0, len as usize));
    disk.close(file);
    bytes.map(Some)
}
