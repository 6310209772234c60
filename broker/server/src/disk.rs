//! Real files as the contract's disk.
//!
//! Appends, reads, renames go to the page cache and return at once, on the core's thread. Syncs go to a thread of their
//! own ([`crate::sync`]) and complete as events.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use crate::sync::{Job, Syncer};

/// The files of one broker, below its folder.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    open: Vec<Option<Open>>,
    free: Vec<u32>,
    syncer: Syncer,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    /// Nobody else writes to it, so its length need not be asked for.
    len: u64,
}

impl Files {
    /// The files below `root`, which exists and is this process's alone.
    pub(crate) fn new(root: PathBuf, syncer: Syncer) -> Files {
        Files { root, open: Vec::new(), free: Vec::new(), syncer }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn add(&mut self, file: File, len: u64) -> FileId {
        let open = Some(Open { file: Arc::new(file), len });
        match self.free.pop() {
            Some(slot) => {
                self.open[slot as usize] = open;
                FileId(slot)
            }
            None => {
                self.open.push(open);
                FileId(self.open.len() as u32 - 1)
            }
        }
    }

    fn get(&mut self, id: FileId) -> Result<&mut Open, DiskError> {
        self.open.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(DiskError::NotFound)
    }
}

impl Disk for Files {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        let path = self.path(path);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed("open", &path))?;
        let len = file.metadata().map_err(failed("stat", &path))?.len();
        Ok(self.add(file, len))
    }

    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        let path = self.path(path);
        // A file of that name is replaced, not emptied: handles to the old one keep what they had.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replace", &path)(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = match (options.open(&path), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(parent).map_err(failed("create", parent))?;
                options.open(&path)
            }
            (opened, _) => opened,
        };
        Ok(self.add(file.map_err(failed("create", &path))?, 0))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.get(file)?.len)
    }

    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError> {
        let open = self.get(file)?;
        let position = open.len;
        match open.file.write_all_at(&data, position) {
            Ok(()) => {
                open.len += data.len() as u64;
                Ok(position)
            }
            Err(error) => {
                // Part of it may be there.
                open.len = open.file.metadata().map_or(position, |metadata| metadata.len());
                Err(failed("append to", Path::new("an open file"))(error))
            }
        }
    }

    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        let open = self.get(file)?;
        let len = len.min(open.len.saturating_sub(position) as usize);
        let mut buffer = Vec::with_capacity(len);
        while buffer.len() < len {
            let at = position + buffer.len() as u64;
            match rustix::io::pread(&*open.file, spare_capacity(&mut buffer), at) {
                Ok(0) => break,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed("read", Path::new("an open file"))(error.into())),
            }
        }
        // The allocator may have given more room than was asked for.
        buffer.truncate(len);
        Ok(Bytes::from(buffer))
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        let open = self.get(file)?;
        open.file.set_len(len).map_err(failed("truncate", Path::new("an open file")))?;
        open.len = len;
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let from = self.path(from);
        fs::rename(&from, self.path(to)).map_err(failed("rename", &from))
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        let path = self.path(path);
        let metadata = fs::symlink_metadata(&path).map_err(failed("remove", &path))?;
        let removed = if metadata.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(failed("remove", &path))
    }

    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        let path = self.path(dir);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("list", &path))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // Names of ours are UTF-8; what is not belongs to somebody else.
            names.extend(entry.map_err(failed("list", &path))?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn close(&mut self, file: FileId) {
        if let Some(slot) = self.open.get_mut(file.0 as usize)
            && slot.take().is_some()
        {
            self.free.push(file.0);
        }
    }

    fn sync(&mut self, file: FileId, op: SyncOp) {
        let job = match self.get(file) {
            Ok(open) => Job::File(open.file.clone(), op),
            Err(error) => Job::Failed(error, op),
        };
        self.syncer.ask(job);
    }

    fn sync_dir(&mut self, dir: &str, op: SyncOp) {
        // Opened here, so that it is the folder that had the name now.
        let path = self.path(dir);
        let job = match File::open(&path).map_err(failed("open", &path)) {
            Ok(folder) => Job::File(Arc::new(folder), op),
            Err(error) => Job::Failed(error, op),
        };
        self.syncer.ask(job);
    }
}

/// The contract's error for one of the system's. What is not an answer to a question is logged: a broker stops using a
/// disk that fails, and whoever runs it must learn why.
fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DiskError + 'a {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound,
        kind => {
            tracing::error!("cannot {what} {}: {error}", path.display());
            match kind {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::NoSpace,
                _ => DiskError::Io,
            }
        }
    }
}
