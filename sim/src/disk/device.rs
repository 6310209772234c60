//! The kernel's side of a disk: syncs complete, processes end, power fails, faults strike.

use tribunal_contract::{DiskError, SyncOp};

use super::file::File;
use super::{NodeDisk, Sync, SyncOf};
use crate::DiskOp;

impl NodeDisk {
    /// Whether the latest step asked for syncs.
    #[inline]
    pub(crate) fn has_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Schedules every new sync at or after `now` by calling `schedule(time, sync, op)`.
    pub(crate) fn start_syncs(&mut self, now: u64, mut schedule: impl FnMut(u64, u32, SyncOp)) {
        let seed = self.seed.fork("sync latency");
        for k in 0..self.asked.len() {
            let index = self.asked[k];
            let latency = self.config.sync_latency.draw(seed, self.syncs_asked);
            self.syncs_asked += 1;
            let Some(Sync { op, of, .. }) = self.syncs.get(index) else { continue };
            let op = *op;
            let mut file = match *of {
                SyncOf::File { file, .. } => self.files[file as usize].as_mut(),
                _ => None,
            };
            let mut begins = now;
            if let (Some(throughput), Some(file)) = (self.config.throughput, &file) {
                let bytes = u128::from(file.len() - file.durable());
                let writing = (bytes * 1_000_000_000 / u128::from(throughput.max(1))).min(u128::from(u64::MAX)) as u64;
                begins = self.busy_until.max(now).saturating_add(writing);
                self.busy_until = begins;
            }
            let at = begins.saturating_add(self.faults.slowed(latency));
            let at = file.as_mut().map_or(at, |file| file.sync_time(at));
            schedule(at, index, op);
        }
        self.asked.clear();
    }

    /// Whether a sync is of a file, not of a folder.
    pub(crate) fn is_file_sync(&self, index: u32) -> bool {
        matches!(self.syncs.get(index), Some(Sync { of: SyncOf::File { .. }, .. }))
    }

    /// Whether a sync is of the file at `path`.
    pub(crate) fn is_sync_of(&self, index: u32, path: &str) -> bool {
        let named = self.names.get(path);
        matches!(self.syncs.get(index), Some(Sync { of: SyncOf::File { file, .. }, .. }) if Some(*file) == named)
    }

    /// Completes a sync of the current power cycle.
    pub(crate) fn complete(&mut self, index: u32) -> (SyncOp, Result<(), DiskError>) {
        let Sync { op, of } = self.syncs.take(index);
        let result = match of {
            SyncOf::Nothing => Err(DiskError::NotFound),
            _ => self.faults.check(DiskOp::Sync),
        };
        match of {
            SyncOf::File { file, covers } => {
                if let Some(file) = self.files[file as usize].as_mut() {
                    match result {
                        Ok(()) => file.synced(covers),
                        Err(_) => file.sync_failed(covers),
                    }
                }
            }
            SyncOf::Folder { path, covers } if result.is_ok() => {
                self.names.synced(&path, covers);
                self.collect();
            }
            _ => {}
        }
        (op, result)
    }

    pub(crate) const fn power_cycle(&self) -> u32 {
        self.power_cycle
    }

    /// Sets the number of effects left until the process's planned crash. `None` if no crash is planned.
    pub(crate) fn set_life(&mut self, life: Option<std::rc::Rc<std::cell::Cell<u32>>>) {
        self.faults.life = life;
    }

    /// Drops the handles of the process, which has ended.
    pub(crate) fn process_ended(&mut self) {
        self.faults.life = None;
        self.handles.clear();
    }

    /// Loses the power, and the page cache with it.
    pub(crate) fn power_lost(&mut self) {
        self.faults.life = None;
        self.handles.clear();
        self.syncs.clear();
        self.asked.clear();
        self.power_cycle += 1;
        self.power_losses += 1;
        self.busy_until = 0;
        let percent = self.config.torn_tail_percent;
        self.names.power_lost(self.seed.fork("names").index(self.power_losses), percent);
        for file in self.files.iter_mut().flatten() {
            file.power_lost(self.power_losses, percent);
        }
        self.recount();
    }

    /// Drops all files without a name and recomputes the bytes in use.
    fn recount(&mut self) {
        for file in self.files.iter_mut().flatten() {
            file.named = false;
        }
        (self.used, self.unnamed) = (0, 0);
        for index in self.names.files() {
            if let Some(file) = self.files[index as usize].as_mut() {
                file.named = true;
                self.used += file.len();
            }
        }
        for slot in &mut self.files {
            if slot.as_ref().is_some_and(|file| !file.named) {
                *slot = None;
            }
        }
    }

    /// Takes a snapshot of all files as they are now. In the snapshot all data is durable.
    pub(crate) fn keep_snapshot(&mut self) {
        let (mut names, mut files) = (self.names.clone(), self.files.clone());
        names.settle();
        files.iter_mut().flatten().for_each(File::settle);
        self.snapshot = Some(Box::new((names, files)));
    }

    /// Restores the last snapshot, except for files under `kept`, which stay as they are. False if there is no
    /// snapshot. The process must be down.
    pub(crate) fn restore(&mut self, kept: &str) -> bool {
        let Some(snapshot) = self.snapshot.take() else { return false };
        let (old_names, old_files) = *snapshot;
        self.wipe(kept);
        for path in old_names.paths().filter(|path| kept.is_empty() || !path.starts_with(kept)) {
            let Some(file) = old_names.get(path).and_then(|index| old_files[index as usize].clone()) else { continue };
            self.names.insert(path, self.files.len() as u32);
            self.files.push(Some(file));
        }
        self.names.settle();
        self.recount();
        true
    }

    /// Removes every file except those under `kept`. The process must be down.
    pub(crate) fn wipe(&mut self, kept: &str) {
        self.syncs.clear();
        self.asked.clear();
        self.power_cycle += 1;
        for index in self.names.wipe(kept) {
            self.files[index as usize] = None;
        }
        self.recount();
    }

    /// Makes every read of a byte return it with `bits` flipped. `path` is the [stable hash](crate::stable_hash) of the
    /// file's path. False if there is no such byte.
    pub(crate) fn corrupt(&mut self, path: u64, position: u64, bits: u8) -> bool {
        let file = self.by_hash(path).and_then(|index| self.files[index as usize].as_mut());
        file.is_some_and(|file| file.corrupt(position, bits))
    }

    /// Makes the next write to one file land in another. False if either file does not exist.
    pub(crate) fn misdirect(&mut self, from: u64, to: u64, position: u64) -> bool {
        match (self.by_hash(from), self.by_hash(to)) {
            (Some(from), Some(to)) if from != to => {
                self.faults.misdirect(from, to, position);
                true
            }
            _ => false,
        }
    }

    fn by_hash(&self, path: u64) -> Option<u32> {
        let found = self.names.paths().find(|name| crate::stable_hash(name) == path)?;
        self.names.get(found)
    }

    /// Holds back the completions of syncs, or releases them. Returns the completions released.
    pub(crate) fn set_stalled(&mut self, stalled: bool) -> Vec<(u32, u32, u32)> {
        self.faults.stalled = stalled;
        if stalled { Vec::new() } else { core::mem::take(&mut self.faults.held) }
    }

    /// Holds back the completion of a sync if the disk is stalled. Returns whether it is.
    #[inline]
    pub(crate) fn holds(&mut self, incarnation: u32, power_cycle: u32, sync: u32) -> bool {
        if self.faults.stalled {
            self.faults.held.push((incarnation, power_cycle, sync));
        }
        self.faults.stalled
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
