//! Failures a disk was told to show.

use tribunal_contract::DiskError;

use crate::{DiskOp, Repeat};

#[derive(Debug)]
pub(super) struct Faults {
    injected: Vec<(DiskOp, DiskError, Repeat)>,
    /// In 100ths of the configured sync latency.
    pub(super) sync_percent: u32,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults { injected: Vec::new(), sync_percent: 100 }
    }
}

impl Faults {
    pub(super) fn add(&mut self, op: DiskOp, error: DiskError, repeat: Repeat) {
        self.injected.push((op, error, repeat));
    }

    /// Ends all. False if there were none.
    pub(super) fn clear(&mut self) -> bool {
        let any = !self.injected.is_empty();
        self.injected.clear();
        any
    }

    /// Fails if an operation of this kind is to fail now.
    #[inline]
    pub(super) fn check(&mut self, op: DiskOp) -> Result<(), DiskError> {
        if self.injected.is_empty() { Ok(()) } else { self.strike(op) }
    }

    #[cold]
    fn strike(&mut self, op: DiskOp) -> Result<(), DiskError> {
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
