//! A disk as a value: files behind a page cache, with a synced and an unsynced part.
//!
//! What survives a loss of power: of data, what a completed sync covered; names and truncations at once; after a failed
//! sync the pages count as clean. The kernel's disk also loses names and truncations that no sync has covered, and
//! leaves parts of the rest: the checker does not try that. Equal disks are equal values, so handles are the smallest
//! that are free, and what nobody can reach any more is not there.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct File {
    data: Bytes,
    /// A completed sync covered everything below.
    synced: usize,
    /// A sync that failed forgot what begins here: no later sync makes it durable.
    forgotten: Option<usize>,
}

/// A sync under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    path: Arc<str>,
    covers: usize,
    op: SyncOp,
}

/// A node's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CheckedDisk {
    files: BTreeMap<Arc<str>, File>,
    /// Of the running process, by `FileId`.
    handles: Vec<Option<Arc<str>>>,
    /// In the order in which they were asked for.
    syncs: Vec<Pending>,
    /// Syncs that have nothing to wait for: of folders, whose names are durable at once, and of files that are gone.
    done: Vec<(SyncOp, Result<(), DiskError>)>,
}

impl CheckedDisk {
    /// The syncs that may complete next, as positions: the oldest of each file.
    pub fn open_syncs(&self) -> impl Iterator<Item = usize> {
        let first = |at: &usize| !self.syncs[..*at].iter().any(|before| before.path == self.syncs[*at].path);
        (0..self.syncs.len()).filter(first)
    }

    /// What the sync at a position is for, and of which file.
    pub fn open_sync(&self, at: usize) -> Option<(SyncOp, &str)> {
        self.syncs.get(at).map(|sync| (sync.op, &*sync.path))
    }

    /// Completes the sync at `at`, or lets it fail.
    pub fn complete(&mut self, at: usize, ok: bool) -> (SyncOp, Result<(), DiskError>) {
        let Pending { path, covers, op } = self.syncs.remove(at);
        if let Some(file) = self.files.get_mut(&path) {
            if ok {
                let reach = file.forgotten.unwrap_or(usize::MAX).min(covers).min(file.data.len());
                file.synced = file.synced.max(reach);
            } else if covers > file.synced && file.forgotten.is_none() {
                file.forgotten = Some(file.synced);
            }
        }
        (op, if ok { Ok(()) } else { Err(DiskError::Io) })
    }

    /// The next completion that waits for nothing.
    pub fn take_done(&mut self) -> Option<(SyncOp, Result<(), DiskError>)> {
        if self.done.is_empty() { None } else { Some(self.done.remove(0)) }
    }

    /// The process is gone; the page cache stays, and syncs under way reach the device.
    pub fn crash(&mut self) {
        for at in core::mem::take(&mut self.syncs) {
            if let Some(file) = self.files.get_mut(&at.path) {
                let reach = file.forgotten.unwrap_or(usize::MAX).min(at.covers).min(file.data.len());
                file.synced = file.synced.max(reach);
            }
        }
        self.handles.clear();
        self.done.clear();
    }

    /// The power is gone: nothing is left but what was synced.
    pub fn lose_power(&mut self) {
        self.syncs.clear();
        self.handles.clear();
        self.done.clear();
        for file in self.files.values_mut() {
            file.data.truncate(file.synced);
            file.forgotten = None;
        }
    }

    /// Whether a loss of power now would take anything.
    pub fn has_unsynced(&self) -> bool {
        self.files.values().any(|file| file.synced < file.data.len())
    }

    fn path(&self, file: FileId) -> Result<&Arc<str>, DiskError> {
        self.handles.get(file.0 as usize).and_then(Option::as_ref).ok_or(DiskError::NotFound)
    }

    fn file(&mut self, file: FileId) -> Result<&mut File, DiskError> {
        let path = self.handles.get(file.0 as usize).and_then(Option::as_ref).ok_or(DiskError::NotFound)?;
        self.files.get_mut(path).ok_or(DiskError::NotFound)
    }

    fn handle(&mut self, path: Arc<str>) -> FileId {
        let free = self.handles.iter().position(Option::is_none).unwrap_or(self.handles.len());
        if free == self.handles.len() {
            self.handles.push(None);
        }
        self.handles[free] = Some(path);
        FileId(free as u32)
    }

    /// Handles and syncs of a file that is no longer there die.
    fn forget(&mut self, gone: impl Fn(&str) -> bool) {
        for handle in &mut self.handles {
            if handle.as_deref().is_some_and(&gone) {
                *handle = None;
            }
        }
        let (dead, alive) = core::mem::take(&mut self.syncs).into_iter().partition(|sync| gone(&sync.path));
        self.syncs = alive;
        let dead: Vec<Pending> = dead;
        self.done.extend(dead.into_iter().map(|sync| (sync.op, Ok(()))));
    }
}

/// Whether `path` is `root` or in it, and what comes after it.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    path.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Disk for CheckedDisk {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        let (path, _) = self.files.get_key_value(path).ok_or(DiskError::NotFound)?;
        let path = Arc::clone(path);
        Ok(self.handle(path))
    }

    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        if self.files.remove(path).is_some() {
            self.forget(|other| other == path);
        }
        let path: Arc<str> = path.into();
        self.files.insert(Arc::clone(&path), File::default());
        Ok(self.handle(path))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.data.len() as u64)
    }

    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError> {
        let file = self.file(file)?;
        let at = file.data.len();
        if at == 0 {
            file.data = data;
        } else if !data.is_empty() {
            let mut whole = BytesMut::with_capacity(at + data.len());
            whole.extend_from_slice(&file.data);
            whole.extend_from_slice(&data);
            file.data = whole.freeze();
        }
        Ok(at as u64)
    }

    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        let data = &self.file(file)?.data;
        let from = data.len().min(position as usize);
        let to = data.len().min(from.saturating_add(len));
        Ok(data.slice(from..to))
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        let file = self.file(file)?;
        let len = len as usize;
        file.data.truncate(len);
        file.synced = file.synced.min(len);
        file.forgotten = file.forgotten.filter(|from| *from < len);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let moved: Vec<Arc<str>> = self.files.keys().filter(|path| below(path, from).is_some()).cloned().collect();
        if moved.is_empty() {
            return Err(DiskError::NotFound);
        }
        for old in moved {
            let new: Arc<str> = format!("{to}{}", below(&old, from).unwrap_or_default()).into();
            if self.files.contains_key(&new) && new != old {
                self.forget(|path| *path == *new);
            }
            if let Some(file) = self.files.remove(&old) {
                self.files.insert(Arc::clone(&new), file);
            }
            let follow = |path: &mut Arc<str>| {
                if *path == old {
                    *path = Arc::clone(&new);
                }
            };
            self.handles.iter_mut().flatten().for_each(follow);
            self.syncs.iter_mut().map(|sync| &mut sync.path).for_each(follow);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        let before = self.files.len();
        self.files.retain(|name, _| below(name, path).is_none());
        if self.files.len() == before {
            return Err(DiskError::NotFound);
        }
        self.forget(|name| below(name, path).is_some());
        Ok(())
    }

    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        let mut names: Vec<String> = Vec::new();
        for path in self.files.keys() {
            let rest =
                if dir.is_empty() { Some(&**path) } else { below(path, dir).map(|rest| rest.trim_start_matches('/')) };
            if let Some(name) = rest.and_then(|rest| rest.split('/').next()).filter(|name| !name.is_empty())
                && names.last().is_none_or(|last| last != name)
            {
                names.push(name.to_owned());
            }
        }
        names.dedup();
        Ok(names)
    }

    fn close(&mut self, file: FileId) {
        if let Some(handle) = self.handles.get_mut(file.0 as usize) {
            *handle = None;
            while self.handles.last().is_some_and(Option::is_none) {
                self.handles.pop();
            }
        }
    }

    fn sync(&mut self, file: FileId, op: SyncOp) {
        match self.path(file).cloned() {
            Ok(path) => {
                let covers = self.files.get(&path).map_or(0, |file| file.data.len());
                self.syncs.push(Pending { path, covers, op });
            }
            Err(error) => self.done.push((op, Err(error))),
        }
    }

    fn sync_dir(&mut self, _: &str, op: SyncOp) {
        self.done.push((op, Ok(())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OP: SyncOp = SyncOp { class: 1, index: 0 };

    #[test]
    fn a_loss_of_power_leaves_what_was_synced_and_a_crash_everything() {
        let mut disk = CheckedDisk::default();
        let file = disk.create("a/log").expect("creates");
        disk.append(file, Bytes::from_static(b"safe")).expect("appends");
        disk.sync(file, OP);
        disk.append(file, Bytes::from_static(b"gone")).expect("appends");
        assert_eq!(disk.complete(0, true), (OP, Ok(())));
        let mut crashed = disk.clone();
        crashed.crash();
        let file = crashed.open("a/log").expect("is there");
        assert_eq!(crashed.len(file), Ok(8));
        disk.lose_power();
        let file = disk.open("a/log").expect("is there");
        assert_eq!(disk.read(file, 0, 99), Ok(Bytes::from_static(b"safe")));
    }

    #[test]
    fn what_a_failed_sync_forgot_is_not_saved_by_a_later_one() {
        let mut disk = CheckedDisk::default();
        let file = disk.create("log").expect("creates");
        disk.append(file, Bytes::from_static(b"gone")).expect("appends");
        disk.sync(file, OP);
        assert_eq!(disk.complete(0, false), (OP, Err(DiskError::Io)));
        disk.sync(file, OP);
        assert_eq!(disk.complete(0, true), (OP, Ok(())));
        disk.lose_power();
        let file = disk.open("log").expect("is there");
        assert_eq!(disk.len(file), Ok(0));
    }

    #[test]
    fn open_handles_follow_a_renamed_file_and_the_replaced_one_is_gone() {
        let mut disk = CheckedDisk::default();
        let old = disk.create("d/x").expect("creates");
        let new = disk.create("d/x.tmp").expect("creates");
        disk.append(new, Bytes::from_static(b"new")).expect("appends");
        disk.rename("d/x.tmp", "d/x").expect("renames");
        assert_eq!(disk.len(old), Err(DiskError::NotFound));
        assert_eq!(disk.len(new), Ok(3));
        assert_eq!(disk.list("d"), Ok(vec!["x".to_owned()]));
        assert_eq!(disk.list(""), Ok(vec!["d".to_owned()]));
    }

    #[test]
    fn the_oldest_sync_of_each_file_may_complete() {
        let mut disk = CheckedDisk::default();
        let (a, b) = (disk.create("a").expect("creates"), disk.create("b").expect("creates"));
        for file in [a, a, b] {
            disk.sync(file, OP);
        }
        assert_eq!(disk.open_syncs().collect::<Vec<_>>(), [0, 2]);
    }
}
