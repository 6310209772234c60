//! What a partition has committed: the records below the highest high watermark that a leader has ever exposed.

use core::ops::Range;

use tribunal_contract::{NodeId, Time};

use super::log::{Below, Log};

/// A leader has moved the end of what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Exposure {
    pub(crate) end: i64,
    pub(crate) at: Time,
    pub(crate) node: NodeId,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    /// The committed batches, as the leader held them that exposed them.
    pub(crate) log: Log,
    /// The highest high watermark exposed; the log may hold the rest of a batch beyond it.
    pub(super) end: i64,
    /// Ends never taken back by a re-base, for judging late acknowledgements.
    pub(super) highest: i64,
    exposures: Vec<Exposure>,
    /// For each leader epoch, the highest end exposed in it. Few.
    pub(super) by_epoch: Vec<(i32, i64)>,
    /// Offsets that lost their first meaning: what was read there may differ from what is read now.
    pub(super) void: Vec<Range<i64>>,
}

/// Where a replica stands to what is committed below an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holding {
    /// It holds all of it.
    All,
    /// Its log ends before.
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
        // What is new is at the end, and little.
        let fresh = entries.iter().rev().take_while(|entry| entry.mark.base >= known).count();
        for entry in entries[entries.len() - fresh..].iter().take_while(|entry| entry.mark.base < end) {
            self.log.append(entry.mark);
        }
        self.end = end;
        self.highest = self.highest.max(end);
        self.exposures.push(Exposure { end, at, node });
    }

    /// Takes back what is not in `log`, whose leader is now the truth: after an unclean election, or after a loss was
    /// reported. Returns what was taken back.
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

    /// Whether `offset` was taken back once.
    pub(crate) fn is_void(&self, offset: i64) -> bool {
        self.void.iter().any(|range| range.contains(&offset))
    }

    /// Where `log` stands to what is committed below `offset`.
    #[inline]
    pub(crate) fn held_by(&self, log: &Log, offset: i64) -> Holding {
        match (self.log.below(offset), log.below(offset)) {
            (Below::Digest(a), Below::Digest(b)) if a != b => Holding::Other,
            (_, Below::Missing) => Holding::Short,
            _ => Holding::All,
        }
    }

    /// What is committed below `offset`.
    #[inline]
    pub(crate) fn below(&self, offset: i64) -> Below {
        self.log.below(offset)
    }

    /// Who first exposed `offset`, and when.
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
