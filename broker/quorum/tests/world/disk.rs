//! A disk behind a page cache, whose syncs complete when the schedule says so.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use super::Dice;

#[derive(Clone, Debug, Default)]
struct Inode {
    data: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Sync {
    File {
        inode: usize,
        data: Vec<u8>,
        op: SyncOp,
    },
    /// The folder as it was after this many changes.
    Names {
        version: usize,
        op: SyncOp,
    },
}

#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    /// All names as they were after each change, from the durable ones on. Changes become durable in order, as a
    /// journal makes them.
    versions: VecDeque<BTreeMap<String, usize>>,
    /// How many changes are durable.
    durable_version: usize,
    handles: Vec<Option<usize>>,
    syncs: Vec<Sync>,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl MemDisk {
    /// How many syncs are under way.
    pub fn pending(&self) -> usize {
        self.syncs.len()
    }

    /// Completes any of the syncs; those of one file, or of the folder, in the order they were asked for.
    pub fn complete_sync(&mut self, dice: &mut Dice) -> SyncOp {
        let file = |sync: &Sync| match sync {
            Sync::File { inode, .. } => Some(*inode),
            Sync::Names { .. } => None,
        };
        let drawn = file(&self.syncs[dice.below(self.syncs.len() as u32) as usize]);
        let first = self.syncs.iter().position(|sync| file(sync) == drawn).expect("it was drawn from them");
        match self.syncs.remove(first) {
            Sync::File { inode, data, op } => {
                self.inodes[inode].durable = data;
                op
            }
            Sync::Names { version, op } => {
                self.versions.drain(..version - self.durable_version);
                self.durable_version = version;
                op
            }
        }
    }

    /// The process is gone; the page cache stays.
    pub fn crash(&mut self) {
        self.syncs.clear();
        self.handles.clear();
    }

    /// The power is gone: what was not synced is lost, or not, or half.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        self.crash();
        if !self.versions.is_empty() {
            let kept = if dice.one_in(2) { 0 } else { dice.below(self.versions.len() as u32) };
            self.names = self.versions[kept as usize].clone();
            self.versions = VecDeque::from([self.names.clone()]);
        }
        for inode in &mut self.inodes {
            let kept = match dice.below(3) {
                0 => inode.data.clone(),
                1 if inode.data.starts_with(&inode.durable) => {
                    let extra = inode.data.len() - inode.durable.len();
                    inode.data[..inode.durable.len() + dice.below(extra as u32 + 1) as usize].to_vec()
                }
                _ => inode.durable.clone(),
            };
            // It is on the platter now, whatever it is.
            inode.durable.clone_from(&kept);
            inode.data = kept;
        }
    }

    /// What a loss of power now would leave of a file at least.
    pub fn durable(&self, path: &str) -> Option<&[u8]> {
        self.versions.front()?.get(path).map(|inode| &self.inodes[*inode].durable[..])
    }

    fn names_changed(&mut self) {
        if self.versions.is_empty() {
            self.versions.push_back(BTreeMap::new());
        }
        self.versions.push_back(self.names.clone());
    }

    fn inode(&self, file: FileId) -> Result<usize, DiskError> {
        self.handles.get(file.0 as usize).copied().flatten().ok_or(DiskError::Io)
    }

    fn handle(&mut self, inode: usize) -> FileId {
        let free = self.handles.iter().position(Option::is_none).unwrap_or(self.handles.len());
        if free == self.handles.len() {
            self.handles.push(None);
        }
        self.handles[free] = Some(inode);
        FileId(free as u32)
    }
}

impl Disk for MemDisk {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        let inode = *self.names.get(path).ok_or(DiskError::NotFound)?;
        Ok(self.handle(inode))
    }

    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.names.insert(path.to_owned(), inode);
        self.names_changed();
        Ok(self.handle(inode))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.inodes[self.inode(file)?].data.len() as u64)
    }

    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError> {
        let inode = self.inode(file)?;
        let at = self.inodes[inode].data.len() as u64;
        self.inodes[inode].data.extend_from_slice(&data);
        Ok(at)
    }

    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        let data = &self.inodes[self.inode(file)?].data;
        let from = data.len().min(position as usize);
        let to = data.len().min(from.saturating_add(len));
        Ok(Bytes::copy_from_slice(&data[from..to]))
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        let inode = self.inode(file)?;
        self.inodes[inode].data.truncate(len as usize);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let inode = self.names.remove(from).ok_or(DiskError::NotFound)?;
        self.names.insert(to.to_owned(), inode);
        self.names_changed();
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.names.remove(path).ok_or(DiskError::NotFound)?;
        self.names_changed();
        Ok(())
    }

    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        let names = self.names.keys().filter(|path| parent(path) == dir);
        Ok(names.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
    }

    fn close(&mut self, file: FileId) {
        if let Some(handle) = self.handles.get_mut(file.0 as usize) {
            *handle = None;
        }
    }

    fn sync(&mut self, file: FileId, op: SyncOp) {
        let inode = self.inode(file).expect("the file is open");
        let data = self.inodes[inode].data.clone();
        self.syncs.push(Sync::File { inode, data, op });
    }

    /// All that is tested here lies in one folder.
    fn sync_dir(&mut self, _: &str, op: SyncOp) {
        let version = self.durable_version + self.versions.len().saturating_sub(1);
        self.syncs.push(Sync::Names { version, op });
    }
}
