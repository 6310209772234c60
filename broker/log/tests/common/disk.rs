//! Files in memory, with a page cache: what a loss of power leaves is chosen from a seed, as hostile as the contract
//! allows. Unsynced writes of a file survive up to a point, the last one torn; unsynced changes of names survive each
//! on its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

#[derive(Clone, Default)]
struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last completed sync, and how many writes there were before them.
    writes: Vec<Write>,
    settled: usize,
}

#[derive(Clone)]
enum Write {
    Append(Bytes),
    Truncate(usize),
}

/// A change of names in a folder: all of it or nothing.
type Change = (String, Vec<(String, Option<usize>)>);

#[derive(Clone, Default)]
pub struct TestDisk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    changes: Vec<(u64, Change)>,
    next_change: u64,
    durable_dirs: Vec<String>,
    open: Vec<Option<usize>>,
    syncs: VecDeque<(SyncOp, Target)>,
    /// Makes the next write fail.
    pub fail_write: Option<DiskError>,
    /// Makes the next completed sync fail.
    pub fail_sync: Option<DiskError>,
    /// Syncs of this class do not complete.
    pub hold: Option<u8>,
    /// Reads so far.
    pub reads: usize,
}

#[derive(Clone)]
enum Target {
    File(usize, usize),
    Dir(String, u64),
}

impl TestDisk {
    /// Completes the oldest sync that is not held.
    pub fn complete(&mut self) -> Option<(SyncOp, Result<(), DiskError>)> {
        let next = self.syncs.iter().position(|(op, _)| Some(op.class) != self.hold)?;
        let (op, target) = self.syncs.remove(next)?;
        if let Some(error) = self.fail_sync.take() {
            return Some((op, Err(error)));
        }
        match target {
            Target::File(i, upto) => {
                let file = &mut self.files[i];
                let n = upto.saturating_sub(file.settled);
                for write in file.writes.drain(..n) {
                    apply(&mut file.durable, &write);
                }
                file.settled += n;
            }
            Target::Dir(dir, before) => {
                let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.changes)
                    .into_iter()
                    .partition(|(n, (folder, _))| *n < before && *folder == dir);
                self.changes = later;
                for (_, change) in now {
                    apply_names(&mut self.durable_names, &change);
                }
                let children = self.names.keys().filter_map(|p| p.rsplit_once('/').map(|(d, _)| d.to_owned()));
                let children: Vec<_> = children.filter(|d| parent(d) == dir).collect();
                self.durable_dirs.extend(children);
            }
        }
        Some((op, Ok(())))
    }

    pub fn pending(&self) -> usize {
        self.syncs.len()
    }

    /// The process dies: what it had open or in flight is gone, the page cache stays.
    pub fn crash(&mut self) {
        self.open.clear();
        self.syncs.clear();
    }

    /// The power fails.
    pub fn power_loss(&mut self, mut seed: u64) {
        self.crash();
        let mut chance = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for file in &mut self.files {
            let keep = chance(file.writes.len() as u64 + 1) as usize;
            for write in &file.writes[..keep] {
                apply(&mut file.durable, write);
            }
            // The next one is torn: part of it is there, perhaps all but its last bytes, perhaps as zeros.
            if let Some(Write::Append(data)) = file.writes.get(keep) {
                let part = chance(data.len() as u64 + 1) as usize;
                file.durable.extend_from_slice(&data[..part]);
                if chance(4) == 0 {
                    file.durable.resize(file.durable.len() + data.len() - part, 0);
                }
            }
            file.cached = file.durable.clone();
            file.settled += file.writes.len();
            file.writes.clear();
        }
        for (_, change) in std::mem::take(&mut self.changes) {
            if chance(2) == 0 {
                apply_names(&mut self.durable_names, &change);
            }
        }
        let dirs = &self.durable_dirs;
        self.durable_names.retain(|path, _| path.rsplit_once('/').is_none_or(|(d, _)| dirs.iter().any(|x| x == d)));
        self.names = self.durable_names.clone();
    }

    /// The contents of a file.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        self.names.get(path).map(|&i| self.files[i].cached.clone())
    }

    /// Changes a file behind everybody's back, durably.
    pub fn edit(&mut self, path: &str, change: impl Fn(&mut Vec<u8>)) {
        let i = *self.names.entry(path.to_owned()).or_insert_with(|| {
            self.files.push(File::default());
            self.files.len() - 1
        });
        self.durable_names.insert(path.to_owned(), i);
        change(&mut self.files[i].cached);
        self.files[i].durable = self.files[i].cached.clone();
        self.files[i].settled += self.files[i].writes.len();
        self.files[i].writes.clear();
    }

    pub fn paths(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    fn at_or_in(&self, path: &str) -> Vec<String> {
        let inside = format!("{path}/");
        self.names.keys().filter(|p| *p == path || p.starts_with(&inside)).cloned().collect()
    }

    fn file(&mut self, id: FileId) -> Result<&mut File, DiskError> {
        let i = self.open.get(id.0 as usize).copied().flatten().ok_or(DiskError::NotFound)?;
        Ok(&mut self.files[i])
    }

    fn write(&mut self, id: FileId, write: Write) -> Result<u64, DiskError> {
        if let Some(error) = self.fail_write.take() {
            return Err(error);
        }
        let file = self.file(id)?;
        let position = file.cached.len() as u64;
        apply(&mut file.cached, &write);
        file.writes.push(write);
        Ok(position)
    }

    /// Changes names in the folder that `path` is in.
    fn change(&mut self, path: &str, names: Vec<(String, Option<usize>)>) {
        let change = (parent(path).to_owned(), names);
        apply_names(&mut self.names, &change);
        self.changes.push((self.next_change, change));
        self.next_change += 1;
    }

    fn handle(&mut self, i: usize) -> FileId {
        self.open.push(Some(i));
        FileId(self.open.len() as u32 - 1)
    }
}

impl Disk for TestDisk {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        let i = *self.names.get(path).ok_or(DiskError::NotFound)?;
        Ok(self.handle(i))
    }

    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        if let Some(error) = self.fail_write.take() {
            return Err(error);
        }
        self.files.push(File::default());
        let i = self.files.len() - 1;
        self.change(path, vec![(path.to_owned(), Some(i))]);
        Ok(self.handle(i))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.cached.len() as u64)
    }

    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError> {
        self.write(file, Write::Append(data))
    }

    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        self.reads += 1;
        let cached = &self.file(file)?.cached;
        let from = (position as usize).min(cached.len());
        Ok(Bytes::copy_from_slice(&cached[from..from.saturating_add(len).min(cached.len())]))
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        assert!(len as usize <= self.file(file)?.cached.len(), "truncation never grows a file");
        self.write(file, Write::Truncate(len as usize)).map(|_| ())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let moved = self.at_or_in(from);
        if moved.is_empty() {
            return Err(DiskError::NotFound);
        }
        let file = |path: &String| (format!("{to}{}", &path[from.len()..]), Some(self.names[path]));
        let named: Vec<_> = moved.iter().map(file).collect();
        self.change(to, moved.into_iter().map(|path| (path, None)).chain(named).collect());
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        let all = self.at_or_in(path);
        if all.is_empty() {
            return Err(DiskError::NotFound);
        }
        self.change(path, all.into_iter().map(|p| (p, None)).collect());
        Ok(())
    }

    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        let inside = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let inside = self.names.keys().filter_map(|p| p.strip_prefix(&inside));
        let names: BTreeSet<&str> = inside.filter_map(|rest| rest.split('/').next()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn close(&mut self, file: FileId) {
        self.file(file).expect("only open files are closed");
        self.open[file.0 as usize] = None;
    }

    fn sync(&mut self, file: FileId, op: SyncOp) {
        let i = self.open[file.0 as usize].expect("only open files are synced");
        self.syncs.push_back((op, Target::File(i, self.files[i].settled + self.files[i].writes.len())));
    }

    fn sync_dir(&mut self, dir: &str, op: SyncOp) {
        self.syncs.push_back((op, Target::Dir(dir.to_owned(), self.next_change)));
    }
}

fn apply(contents: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Append(data) => contents.extend_from_slice(data),
        Write::Truncate(len) => contents.truncate(*len),
    }
}

fn apply_names(names: &mut BTreeMap<String, usize>, (_, change): &Change) {
    for (path, to) in change {
        match to {
            Some(i) => names.insert(path.clone(), *i),
            None => names.remove(path),
        };
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl TestDisk {
    /// Makes the folders directly below the root durable, at once.
    pub fn sync_dir_of_root(&mut self) {
        let waiting = std::mem::take(&mut self.syncs);
        self.syncs.push_back((super::OP, Target::Dir(String::new(), self.next_change)));
        let done = self.complete();
        assert!(done.is_some());
        self.syncs = waiting;
    }
}
