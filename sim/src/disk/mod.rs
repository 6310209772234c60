//! A node's disk: files behind a page cache.
//!
//! | fault | effect on a process | duty of replication |
//! |---|---|---|
//! | crash of the process | nothing is lost; syncs under way still reach the device without a completion | survive any number |
//! | power loss | see below | survive on fewer replicas than hold a record; on all of them only if every write is synced |
//! | an operation fails (EIO, ENOSPC) | an error; a full disk keeps a part of the write | survive: stop trusting the directory |
//! | a sync fails | an error; its pages count as clean, so a later sync succeeds without saving them | the same |
//! | a slow or stalled sync | the completion comes late | survive; give up leadership if it lasts |
//! | latent corruption | bytes read wrong every time, until a truncation removes them | notice before serving the bytes or electing the replica; survive on one replica of several |
//! | a misdirected write | the write reads as zeros, and overwrites bytes of another file | the same |
//! | a wiped or an old disk | the disk is empty, or as it was at the snapshot | the same; a quorum voter does not survive it (no KIP-853) |
//!
//! After a power loss:
//! - *Data* survives up to the position that a completed sync covered. Data appended later is usually lost; sometimes a
//!   prefix survives that ends at any byte, and sometimes scattered sectors, with zeros or old bytes in between.
//! - *Truncations* survive if a sync covered them. Other truncations may be undone, and then all data written after
//!   them is lost.
//! - *Names* (creations, renames, removals) survive if a `sync_dir` of their folder covered them, see [`names`](self).
//!   They do not wait for data: a file that was written and renamed without a sync in between may be empty under its
//!   new name.
//!
//! The disk does not limit faults to those that the replication factor allows: the planner of faults does.

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
    /// Bytes in use by all files.
    used: u64,
    names: Names,
    /// The files by number. A file without a name stays while a power loss may bring its name back.
    files: Vec<Option<File>>,
    unnamed: u32,
    /// The file of each open handle of the current process, by `FileId`. `None` if the handle is closed.
    handles: Vec<Option<u32>>,
    faults: Faults,
    syncs: Slab<Sync>,
    /// The requested syncs that the kernel has not scheduled yet.
    asked: Vec<u32>,
    syncs_asked: u64,
    power_losses: u64,
    /// The number of the current power cycle. Syncs of earlier cycles are void.
    power_cycle: u32,
    /// The time at which the device finishes the writes of all syncs, if its throughput is limited.
    busy_until: u64,
    /// The latest snapshot, if one was taken since the last restore.
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
    /// A sync of a closed handle.
    Nothing,
    File {
        file: u32,
        covers: Covered,
    },
    Folder {
        path: Box<str>,
        /// The number of changes of names made before it.
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

    /// The length of the file at `path`, and the length that survives every power loss.
    pub fn lengths(&self, path: &str) -> Option<(u64, u64)> {
        let file = self.files[self.names.get(path)? as usize].as_ref()?;
        Some((file.len(), file.durable()))
    }

    /// The contents of the file at `path`, as a read returns them.
    pub fn contents(&self, path: &str) -> Option<Bytes> {
        Some(self.files[self.names.get(path)? as usize].as_ref()?.read(0, usize::MAX))
    }

    /// Whether bytes of a file read wrong, or a misdirection is planned.
    pub fn is_rotten(&self) -> bool {
        self.faults.will_misdirect() || self.files.iter().flatten().any(|file| file.named && file.is_rotten())
    }

    /// Bytes in use by all files.
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

    /// Handles a file that has lost its name.
    fn drop_file(&mut self, index: u32) {
        let Some(file) = self.files[index as usize].as_mut() else { return };
        file.named = false;
        self.used -= file.len();
        self.unnamed += 1;
        self.collect();
    }

    /// Drops the files whose names cannot come back.
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
