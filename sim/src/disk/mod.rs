//! A node's disk: files behind a page cache.
//!
//! | fault | what a process sees | what replication must do |
//! |---|---|---|
//! | crash of the process | nothing is lost; syncs under way still reach the device, nobody is told | survive, any number |
//! | loss of power | below | survive on fewer replicas than hold a record; on all of them only if every write is synced |
//! | an operation fails (EIO, ENOSPC) | an error; a full disk keeps part of the write | survive: stop trusting the directory |
//! | a sync fails | its error; the pages count as clean, so a later sync succeeds and saves nothing of them | the same |
//! | a slow or stalled sync | the completion comes late | survive; lead no longer if it lasts |
//! | latent corruption | bytes are read wrong, again and again, until they are cut off | notice before it is served or elected, survive on one replica of several |
//! | a misdirected write | a write is read as zeros, and lies over bytes of another file | the same |
//! | a wiped or an old disk | empty, or as it was at the snapshot | the same; of a quorum voter nothing survives it (no KIP-853) |
//!
//! What survives a loss of power:
//! - *Data* up to what a completed sync covered. Of what was appended after it, usually nothing; sometimes a beginning,
//!   cut at any byte; sometimes sectors here and there, with zeros or old bytes where the others should be.
//! - *Truncations* that a sync has covered. Others may be undone, and then nothing that was written after them is
//!   there.
//! - *Names* (creations, renames, removals) that a `sync_dir` of their folder has covered, see [`names`](self). They do
//!   not wait for data: a file that was written and renamed without a sync in between may be found empty under its new
//!   name.
//!
//! What the replication factor allows is not the disk's business: whoever plans faults keeps count.

mod device;
pub(crate) mod faults;
mod file;
mod names;

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use crate::slab::Slab;
use crate::{DiskConfig, DiskOp, Seed};
use faults::Faults;
use file::{Covered, File};
use names::Names;

/// A node's disk. It outlives the node's processes.
#[derive(Debug)]
pub struct NodeDisk {
    seed: Seed,
    config: DiskConfig,
    capacity: u64,
    /// Bytes in all files.
    used: u64,
    names: Names,
    /// By number. One without a name stays as long as a loss of power may bring its name back.
    files: Vec<Option<File>>,
    unnamed: u32,
    /// Of the current process, by `FileId`: the file, if the handle was not given up.
    handles: Vec<Option<u32>>,
    faults: Faults,
    syncs: Slab<Sync>,
    /// Syncs asked for and not yet given a time by the kernel.
    asked: Vec<u32>,
    syncs_asked: u64,
    power_losses: u64,
    /// Which stretch between power losses this is; syncs of an earlier one are void.
    power_cycle: u32,
    /// When the device has written all that syncs asked it to, where its throughput is limited.
    busy_until: u64,
    /// What the disk may come back as.
    snapshot: Option<Box<(Names, Vec<Option<File>>)>>,
}

/// A sync under way.
#[derive(Debug)]
struct Sync {
    op: SyncOp,
    of: SyncOf,
}

#[derive(Debug)]
enum SyncOf {
    /// Of a dead handle.
    Nothing,
    File {
        file: u32,
        covers: Covered,
    },
    Folder {
        path: Box<str>,
        /// The changes of names that were made before it.
        covers: u64,
    },
}

impl NodeDisk {
    /// An empty disk.
    pub fn new(seed: Seed, config: DiskConfig) -> NodeDisk {
        NodeDisk {
            seed,
            capacity: config.capacity.unwrap_or(u64::MAX),
            config,
            used: 0,
            names: Names::default(),
            files: Vec::new(),
            unnamed: 0,
            handles: Vec::new(),
            faults: Faults::default(),
            syncs: Slab::new(),
            asked: Vec::new(),
            syncs_asked: 0,
            power_losses: 0,
            power_cycle: 0,
            busy_until: 0,
            snapshot: None,
        }
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.paths()
    }

    /// How long the file at `path` is, and how much of it a loss of power is sure to leave.
    pub fn lengths(&self, path: &str) -> Option<(u64, u64)> {
        let file = self.files[self.names.get(path)? as usize].as_ref()?;
        Some((file.len(), file.durable()))
    }

    /// What is read of the file at `path`.
    pub fn contents(&self, path: &str) -> Option<Bytes> {
        Some(self.files[self.names.get(path)? as usize].as_ref()?.read(0, usize::MAX))
    }

    /// Whether bytes of a file are read wrong, or a write is still to be misdirected.
    pub fn is_rotten(&self) -> bool {
        self.faults.will_misdirect() || self.files.iter().flatten().any(|file| file.named && file.is_rotten())
    }

    /// Bytes in all files.
    pub const fn used(&self) -> u64 {
        self.used
    }

    fn file(&mut self, id: FileId) -> Result<&mut File, DiskError> {
        let index = self.index(id)?;
        self.files[index as usize].as_mut().filter(|file| file.named).ok_or(DiskError::NotFound)
    }

    #[inline]
    fn index(&self, id: FileId) -> Result<u32, DiskError> {
        self.handles.get(id.0 as usize).copied().flatten().ok_or(DiskError::NotFound)
    }

    fn handle(&mut self, file: u32) -> FileId {
        self.handles.push(Some(file));
        FileId(self.handles.len() as u32 - 1)
    }

    /// The file has lost its name.
    fn drop_file(&mut self, index: u32) {
        let Some(file) = self.files[index as usize].as_mut() else { return };
        file.named = false;
        self.used -= file.len();
        self.unnamed += 1;
        self.collect();
    }

    /// Lets go of files whose names cannot come back.
    fn collect(&mut self) {
        if self.unnamed == 0 {
            return;
        }
        for (index, slot) in (0..).zip(&mut self.files) {
            if slot.as_ref().is_some_and(|file| !file.named) && !self.names.may_return(index) {
                *slot = None;
                self.unnamed -= 1;
            }
        }
    }

    fn ask(&mut self, op: SyncOp, of: SyncOf) {
        if self.faults.is_dead() {
            return;
        }
        let index = self.syncs.insert(Sync { op, of });
        self.asked.push(index);
    }
}

impl Disk for NodeDisk {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        self.faults.check(DiskOp::Open)?;
        let file = self.names.get(path).ok_or(DiskError::NotFound)?;
        Ok(self.handle(file))
    }

    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        self.faults.check(DiskOp::Create)?;
        let file = self.files.len() as u32;
        self.files.push(Some(File::new(self.seed.fork("file").index(file.into()))));
        if let Some(replaced) = self.names.insert(path, file) {
            self.drop_file(replaced);
        }
        Ok(self.handle(file))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.len())
    }

    #[inline]
    fn append(&mut self, file: FileId, mut data: Bytes) -> Result<u64, DiskError> {
        self.faults.check(DiskOp::Append)?;
        let room = self.capacity.saturating_sub(self.used);
        let fits = data.len() as u64 <= room;
        if !fits {
            data.truncate(room as usize);
        }
        let written = data.len() as u64;
        let position = self.file(file)?.append(data.clone());
        self.faults.direct(&data, self.index(file)?, position, &mut self.files);
        self.used += written;
        if fits { Ok(position) } else { Err(DiskError::NoSpace) }
    }

    #[inline]
    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        self.faults.check(DiskOp::Read)?;
        Ok(self.file(file)?.read(position, len))
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.faults.check(DiskOp::Truncate)?;
        let index = self.index(file)?;
        let file = self.file(file)?;
        let cut = file.len().saturating_sub(len);
        file.truncate(len);
        self.used -= cut;
        for sync in self.syncs.iter_mut() {
            if let SyncOf::File { file, covers } = &mut sync.of
                && *file == index
            {
                covers.len = covers.len.min(len);
            }
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.faults.check(DiskOp::Rename)?;
        for replaced in self.names.rename(from, to).ok_or(DiskError::NotFound)? {
            self.drop_file(replaced);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.faults.check(DiskOp::Remove)?;
        for removed in self.names.remove(path).ok_or(DiskError::NotFound)? {
            self.drop_file(removed);
        }
        Ok(())
    }

    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        Ok(self.names.list(dir))
    }

    fn close(&mut self, file: FileId) {
        if let Some(handle) = self.handles.get_mut(file.0 as usize) {
            *handle = None;
        }
    }

    fn sync(&mut self, id: FileId, op: SyncOp) {
        let of = match (self.index(id), self.file(id)) {
            (Ok(file), Ok(of)) => SyncOf::File { file, covers: of.covered() },
            _ => SyncOf::Nothing,
        };
        self.ask(op, of);
    }

    fn sync_dir(&mut self, dir: &str, op: SyncOp) {
        self.ask(op, SyncOf::Folder { path: dir.into(), covers: self.names.changes() });
    }
}
