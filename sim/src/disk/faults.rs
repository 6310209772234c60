//! The injected failures of a disk.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use tribunal_contract::DiskError;

use super::file::File;
use crate::{DiskOp, Repeat};

#[derive(Debug)]
pub(super) struct Faults {
    injected: Vec<(DiskOp, DiskError, Repeat)>,
    /// Sync latency in percent of the configured one.
    pub(super) sync_percent: u32,
    /// Whether syncs do not complete.
    pub(super) stalled: bool,
    /// The completions held back, each as incarnation, power cycle and sync.
    pub(super) held: Vec<(u32, u32, u32)>,
    /// The planned misdirection of the next write: from this file, to this file, at this position.
    misdirected: Option<(u32, u32, u64)>,
    /// The effects left until the process's planned crash. `None` if no crash is planned.
    pub(super) life: Option<Rc<Cell<u32>>>,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            injected: Vec::new(),
            sync_percent: 100,
            stalled: false,
            held: Vec::new(),
            misdirected: None,
            life: None,
        }
    }
}

impl Faults {
    pub(super) fn add(&mut self, op: DiskOp, error: DiskError, repeat: Repeat) {
        self.injected.push((op, error, repeat));
    }

    /// Ends all injected failures and a planned misdirection. False if there was none.
    pub(super) fn clear(&mut self) -> bool {
        let any = !self.injected.is_empty() || self.misdirected.is_some();
        self.injected.clear();
        self.misdirected = None;
        any
    }

    pub(super) fn misdirect(&mut self, from: u32, to: u32, position: u64) {
        self.misdirected = Some((from, to, position));
    }

    /// Whether a misdirection is planned that no write has met yet.
    pub(super) const fn will_misdirect(&self) -> bool {
        self.misdirected.is_some()
    }

    /// Carries out a planned misdirection of `data`, just written to `file` at `position`: it reads as zeros there.
    #[inline]
    pub(super) fn direct(&mut self, data: &Bytes, file: u32, position: u64, files: &mut [Option<File>]) {
        if self.misdirected.is_some_and(|(from, ..)| from == file) {
            self.divert(data, file, position, files);
        }
    }

    #[cold]
    fn divert(&mut self, data: &Bytes, file: u32, position: u64, files: &mut [Option<File>]) {
        let Some((_, to, target)) = self.misdirected.take() else { return };
        if let Some(to) = files[to as usize].as_mut() {
            let room = to.len().saturating_sub(target).min(data.len() as u64) as usize;
            to.overwrite(target, &data[..room]);
        }
        if let Some(from) = files[file as usize].as_mut() {
            from.overwrite(position, &vec![0; data.len()]);
        }
    }

    /// Returns the injected error of an operation of this kind, if there is one.
    #[inline]
    pub(super) fn check(&mut self, op: DiskOp) -> Result<(), DiskError> {
        if self.injected.is_empty() && self.life.is_none() { Ok(()) } else { self.strike(op) }
    }

    /// Whether the process died earlier in this step, so that its effects are void. Counts one effect if it lives.
    pub(super) fn is_dead(&self) -> bool {
        self.life.as_ref().is_some_and(|life| spend(life))
    }

    #[cold]
    fn strike(&mut self, op: DiskOp) -> Result<(), DiskError> {
        let changes = !matches!(op, DiskOp::Open | DiskOp::Read | DiskOp::Sync);
        if changes && self.is_dead() {
            return Err(DiskError::Io);
        }
        let Some(found) = self.injected.iter().position(|injected| injected.0 == op) else { return Ok(()) };
        let (_, error, repeat) = self.injected[found];
        if repeat == Repeat::Once {
            self.injected.remove(found);
        }
        Err(error)
    }

    pub(super) fn slowed(&self, latency: u64) -> u64 {
        (u128::from(latency) * u128::from(self.sync_percent) / 100).min(u64::MAX.into()) as u64
    }
}

/// Counts one effect of a process with a planned crash. Returns whether the process is already dead.
pub(crate) fn spend(life: &Cell<u32>) -> bool {
    let left = life.get();
    life.set(left.saturating_sub(1));
    left == 0
}
