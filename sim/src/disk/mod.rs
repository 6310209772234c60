//! A node's disk: files behind a page cache.
//!
//! What survives a loss of power, and what does not:
//! - *Data* up to what a completed sync covered survives. Of what was appended after it, usually nothing does; sometimes
//!   some prefix does, cut at any byte, because the page cache writes back when it likes. Never a gap.
//! - *Names* (creations, renames, removals) and *truncations* survive at once, as if the journal had committed them. They
//!   do not wait for data: a file that was written and renamed without a sync in between may be found empty under its
//!   new name. `sync_dir` completes like any sync and has nothing left to do; names that wait for it belong in
//!   [`names`](self), the one place that changes them.
//! - After a *failed sync* the pages count as clean, as in Linux: what it should have covered is lost with the power even
//!   if a later sync succeeds, unless it is cut off and written again.
//!
//! A crash of the process keeps everything, and syncs under way still reach the device; nobody is told.

mod faults;
mod file;
mod names;

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use crate::slab::Slab;
use crate::{DiskConfig, DiskOp, Seed};
use faults::Faults;
use file::File;
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
    files: Vec<Option<File>>,
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
}

/// A sync under way.
#[derive(Debug)]
struct Sync {
    op: SyncOp,
    /// The file, or none for a folder or a handle that is dead.
    file: Option<u32>,
    /// It covers the file up to here.
    covers: u64,
    error: Option<DiskError>,
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
            handles: Vec::new(),
            faults: Faults::default(),
            syncs: Slab::new(),
            asked: Vec::new(),
            syncs_asked: 0,
            power_losses: 0,
            power_cycle: 0,
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

    /// Bytes in all files.
    pub const fn used(&self) -> u64 {
        self.used
    }

    fn file(&mut self, id: FileId) -> Result<&mut File, DiskError> {
        let index = self.index(id)?;
        self.files[index as usize].as_mut().ok_or(DiskError::NotFound)
    }

    #[inline]
    fn index(&self, id: FileId) -> Result<u32, DiskError> {
        self.handles.get(id.0 as usize).copied().flatten().ok_or(DiskError::NotFound)
    }

    fn handle(&mut self, file: u32) -> FileId {
        self.handles.push(Some(file));
        FileId(self.handles.len() as u32 - 1)
    }

    fn drop_file(&mut self, index: u32) {
        if let Some(file) = self.files[index as usize].take() {
            self.used -= file.len();
        }
    }

    fn ask(&mut self, sync: Sync) {
        let index = self.syncs.insert(sync);
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
        let position = self.file(file)?.append(data);
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
        for sync in self.syncs.iter_mut().filter(|sync| sync.file == Some(index)) {
            sync.covers = sync.covers.min(len);
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

    fn sync(&mut self, file: FileId, op: SyncOp) {
        let index = self.index(file).ok().filter(|&i| self.files[i as usize].is_some());
        let sync = match index {
            Some(i) => {
                let covers = self.files[i as usize].as_ref().map_or(0, File::len);
                Sync { op, file: Some(i), covers, error: None }
            }
            None => Sync { op, file: None, covers: 0, error: Some(DiskError::NotFound) },
        };
        self.ask(sync);
    }

    fn sync_dir(&mut self, _dir: &str, op: SyncOp) {
        self.ask(Sync { op, file: None, covers: 0, error: None });
    }
}

/// What the kernel does with a disk.
impl NodeDisk {
    /// Whether the step just made asked for syncs.
    #[inline]
    pub(crate) fn has_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Gives every sync asked for its time, at or after `now`: `schedule(time, sync)`.
    pub(crate) fn start_syncs(&mut self, now: u64, mut schedule: impl FnMut(u64, u32)) {
        let seed = self.seed.fork("sync latency");
        for k in 0..self.asked.len() {
            let index = self.asked[k];
            let latency = self.config.sync_latency.draw(seed, self.syncs_asked);
            self.syncs_asked += 1;
            let at = now.saturating_add(self.faults.slowed(latency));
            let file = self.syncs.get(index).and_then(|sync| sync.file);
            let at = match file.and_then(|i| self.files[i as usize].as_mut()) {
                Some(file) => file.sync_time(at),
                None => at,
            };
            schedule(at, index);
        }
        self.asked.clear();
    }

    /// A sync of the current power cycle completes.
    pub(crate) fn complete(&mut self, index: u32) -> (SyncOp, Result<(), DiskError>) {
        let sync = self.syncs.take(index);
        let result = match sync.error {
            Some(error) => Err(error),
            None => self.faults.check(DiskOp::Sync),
        };
        if let Some(file) = sync.file.and_then(|i| self.files[i as usize].as_mut()) {
            match result {
                Ok(()) => file.synced(sync.covers),
                Err(_) => file.sync_failed(sync.covers),
            }
        }
        (sync.op, result)
    }

    pub(crate) const fn power_cycle(&self) -> u32 {
        self.power_cycle
    }

    /// The process is gone, its handles with it.
    pub(crate) fn process_ended(&mut self) {
        self.handles.clear();
    }

    /// The power is gone, the page cache with it.
    pub(crate) fn power_lost(&mut self) {
        self.handles.clear();
        self.syncs.clear();
        self.asked.clear();
        self.power_cycle += 1;
        self.power_losses += 1;
        self.used = 0;
        for file in self.files.iter_mut().flatten() {
            file.power_lost(self.power_losses, self.config.torn_tail_percent);
            self.used += file.len();
        }
    }

    pub(crate) fn fail(&mut self, op: DiskOp, error: DiskError, repeat: crate::Repeat) {
        self.faults.add(op, error, repeat);
    }

    pub(crate) fn heal(&mut self) -> bool {
        self.faults.clear()
    }

    pub(crate) fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes.unwrap_or(u64::MAX);
    }

    pub(crate) fn set_sync_percent(&mut self, percent: u32) {
        self.faults.sync_percent = percent;
    }
}
