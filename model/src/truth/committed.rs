//! The committed log of a partition: the records below the highest high watermark that a leader has ever exposed.

use core::ops::Range;

use tribunal_contract::{NodeId, Time};

use super::log::{Below, Log};

/// A leader has advanced the committed end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Exposure {
    pub(crate) end: i64,
    pub(crate) at: Time,
    pub(crate) node: NodeId,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    /// The committed batches, as they were in the log of the leader that exposed them.
    pub(crate) log: Log,
    /// The highest high watermark exposed; the log may hold the rest of a batch beyond it.
    pub(super) end: i64,
    /// The highest end ever exposed. A re-base does not lower it, so that late acknowledgements can be checked.
    pub(super) highest: i64,
    exposures: Vec<Exposure>,
    /// The highest end exposed in each leader epoch. A short list.
    pub(super) by_epoch: Vec<(i32, i64)>,
    /// Offsets that a re-base took back. Earlier and later reads of them may differ.
    pub(super) void: Vec<Range<i64>>,
}

/// How a replica's log compares with the committed log below an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holding {
    /// It holds all of it.
    All,
    /// Its log ends earlier.
    Short,
    /// It has other records there.
    Other,
}

impl Committed {
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    pub(crate) fn highest(&self) -> i64 {
        self.highest
    }

    /// The highest end exposed by leaders of epochs before `epoch`.
    pub(crate) fn end_before(&self, epoch: i32) -> i64 {
        self.by_epoch.iter().filter(|(e, _)| *e < epoch).map(|(_, end)| *end).max().unwrap_or(0)
    }

    /// The newest epoch in which something was exposed, -1 if none.
    pub(crate) fn epoch(&self) -> i32 {
        self.by_epoch.iter().map(|(epoch, _)| *epoch).max().unwrap_or(-1)
    }

    /// A leader of `epoch` that holds `log` has exposed everything below `end`.
    pub(crate) fn expose(&mut self, log: &Log, end: i64, epoch: i32, node: NodeId, at: Time) {
        let end = end.min(log.end());
        match self.by_epoch.iter_mut().rev().find(|(e, _)| *e == epoch) {
            Some((_, highest)) => *highest = (*highest).max(end),
            None => self.by_epoch.push((epoch, end)),
        }
        if end <= self.end {
            return;
        }
        if self.log.end() < log.base() {
            self.log.restart(log.base(), log.seed());
        }
        let entries = log.entries();
        let known = self.log.end();
        // Only a few entries are new, and they are at the end.
        let fresh = entries.iter().rev().take_while(|entry| entry.mark.base >= known).count();
        for entry in entries[entries.len() - fresh..].iter().take_while(|entry| entry.mark.base < end) {
            self.log.append(entry.mark);
        }
        self.end = end;
        self.highest = self.highest.max(end);
        self.exposures.push(Exposure { end, at, node });
    }

    /// Takes back the committed records that are not in `log`, the log of the leader that is now the reference. Called
    /// after an unclean election and after a reported loss. Returns the offsets that were taken back.
    pub(crate) fn rebase(&mut self, log: &Log) -> Range<i64> {
        let common = self.log.common_end(log).min(self.end);
        let lost = common..self.end;
        if !lost.is_empty() {
            self.void.push(lost.clone());
            self.log.truncate(common);
            self.end = common;
            self.exposures.retain(|exposure| exposure.end <= common);
            self.by_epoch.iter_mut().for_each(|(_, end)| *end = (*end).min(common));
        }
        lost
    }

    /// Whether a re-base has ever taken `offset` back.
    pub(crate) fn is_void(&self, offset: i64) -> bool {
        self.void.iter().any(|range| range.contains(&offset))
    }

    /// How `log` compares with the committed log below `offset`.
    #[inline]
    pub(crate) fn held_by(&self, log: &Log, offset: i64) -> Holding {
        match (self.log.below(offset), log.below(offset)) {
            (Below::Digest(a), Below::Digest(b)) if a != b => Holding::Other,
            (_, Below::Missing) => Holding::Short,
            _ => Holding::All,
        }
    }

    /// The contents of the committed log below `offset`.
    #[inline]
    pub(crate) fn below(&self, offset: i64) -> Below {
        self.log.below(offset)
    }

    /// The first exposure of `offset`: the leader and the time. None if it was never exposed.
    pub(crate) fn exposure_of(&self, offset: i64) -> Option<Exposure> {
        self.exposures.get(self.exposures.partition_point(|exposure| exposure.end <= offset)).copied()
    }

    /// The digest below `offset`, for a log that begins there.
    pub(crate) fn seed_at(&self, offset: i64) -> Option<u64> {
        match self.log.below(offset) {
            Below::Digest(digest) => Some(digest),
            Below::Deleted | Below::Missing => None,
        }
    }
}
