//! Which leader epoch wrote from which offset on (KIP-101).

use std::fmt::Write;

use crate::error::Refusal;
use crate::text;

/// The epoch of who knows none.
const NO_EPOCH: i32 = -1;

/// The first offset that a leader of an epoch wrote, or was to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochEntry {
    /// The leader epoch.
    pub epoch: i32,
    /// The log end offset when that leader began.
    pub start_offset: i64,
}

/// Leader epochs with their start offsets; both grow strictly. Behaves as Kafka's `LeaderEpochFileCache`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct EpochCache {
    entries: Vec<EpochEntry>,
}

impl EpochCache {
    /// All entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The latest entry.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// Notes that `epoch` begins at `start_offset`; drops entries that contradict it. Whether anything changed.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        if epoch < 0 || start_offset < 0 {
            return false;
        }
        if self.latest().is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset) {
            return false;
        }
        while self.latest().is_some_and(|last| last.epoch >= epoch || last.start_offset >= start_offset) {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// Where `epoch` ends: the largest epoch not above it and the start of the next higher one, or `log_end` if it is
    /// the latest (KIP-101, KIP-279). `None` if the epoch is above all known ones.
    ///
    /// For an epoch below all known ones, that epoch itself and the first known start: what was before is gone, and
    /// a follower can go on from there.
    pub fn end_offset_for(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        if epoch == NO_EPOCH {
            return None;
        }
        let above = self.entries.partition_point(|e| e.epoch <= epoch);
        let floor = above.checked_sub(1).map(|i| self.entries[i]);
        match (floor, self.entries.get(above)) {
            (Some(floor), None) if floor.epoch == epoch => Some((epoch, log_end)),
            (_, None) => None,
            (floor, Some(higher)) => Some((floor.map_or(epoch, |f| f.epoch), higher.start_offset)),
        }
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let above = self.entries.partition_point(|e| e.start_offset <= offset);
        above.checked_sub(1).map(|i| self.entries[i].epoch)
    }

    /// Forgets epochs that begin at or after `end_offset`. Whether anything changed.
    pub fn truncate_from_end(&mut self, end_offset: i64) -> bool {
        let keep = self.entries.partition_point(|e| e.start_offset < end_offset);
        let changed = keep < self.entries.len();
        self.entries.truncate(keep);
        changed
    }

    /// Forgets epochs that end at or before `start_offset`; the one that covers it now begins there. Whether anything
    /// changed.
    pub fn truncate_from_start(&mut self, start_offset: i64) -> bool {
        let covered = self.entries.partition_point(|e| e.start_offset <= start_offset);
        if covered == 0 || (covered == 1 && self.entries[0].start_offset == start_offset) {
            return false;
        }
        self.entries.drain(..covered - 1);
        self.entries[0].start_offset = start_offset;
        true
    }

    /// Forgets everything. Whether anything changed.
    pub fn clear(&mut self) -> bool {
        let changed = !self.entries.is_empty();
        self.entries.clear();
        changed
    }

    /// The text of a `leader-epoch-checkpoint` file.
    pub fn encode(&self) -> String {
        let mut out = format!("0\n{}\n", self.entries.len());
        for e in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{} {}", e.epoch, e.start_offset);
        }
        out
    }

    /// Reads the text of a `leader-epoch-checkpoint` file.
    pub fn decode(text: &[u8]) -> Result<EpochCache, Refusal> {
        let mut entries: Vec<EpochEntry> = Vec::new();
        text::read_checkpoint(text, |line| {
            let (epoch, start) = line.split_once(' ')?;
            let entry = EpochEntry { epoch: epoch.parse().ok()?, start_offset: start.parse().ok()? };
            let grows = entries.last().is_none_or(|l| l.epoch < entry.epoch && l.start_offset < entry.start_offset);
            (grows && entry.epoch >= 0 && entry.start_offset >= 0).then(|| entries.push(entry))
        })?;
        Ok(EpochCache { entries })
    }
}
