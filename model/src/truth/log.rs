//! The mirror of one replica's log: its batches, each with the digest of all batches up to it.
//!
//! Two logs are equal below an offset if their digests there are equal, which takes one lookup. A log that begins later
//! than others is seeded with the digest of the committed log at its start.

use tribunal_common::BatchMark;

use crate::digest::mix;

/// The digest of a log that has nothing below its first offset, which is `base`.
pub(crate) fn empty_digest(base: i64) -> u64 {
    mix(0, base as u64)
}

/// A batch and the digest of the log through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) mark: BatchMark,
    pub(crate) digest: u64,
}

/// The contents of a log below an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Below {
    /// The batches below the offset have this digest.
    Digest(u64),
    /// The contents are not known: the log begins later, and the records below were deleted.
    Deleted,
    /// Some records are missing: the log ends earlier.
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    /// First offset that may be read.
    start: i64,
    /// The offset at which `entries` begin, and the digest of the log below it.
    base: i64,
    seed: u64,
    entries: Vec<Entry>,
}

impl Default for Log {
    fn default() -> Log {
        Log { start: 0, base: 0, seed: empty_digest(0), entries: Vec::new() }
    }
}

impl Log {
    /// The log end offset.
    #[inline]
    pub(crate) fn end(&self) -> i64 {
        self.entries.last().map_or(self.base, |entry| entry.mark.last + 1)
    }

    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Empties the log. It continues at `base`, and `seed` is the digest of everything below.
    pub(crate) fn restart(&mut self, base: i64, seed: u64) {
        self.entries.clear();
        (self.start, self.base, self.seed) = (base, base, seed);
    }

    #[inline]
    pub(crate) fn append(&mut self, mark: BatchMark) {
        let before = self.entries.last().map_or(self.seed, |entry| entry.digest);
        let span = (mark.last - mark.base) as u64;
        let place = mix(before, (mark.base as u64) ^ span.rotate_right(16));
        let digest = mix(place, u64::from(mark.epoch as u32) << 32 | u64::from(mark.crc));
        self.entries.push(Entry { mark, digest });
    }

    /// Removes all batches that reach `end` or beyond.
    pub(crate) fn truncate(&mut self, end: i64) {
        while self.entries.last().is_some_and(|entry| entry.mark.last >= end) {
            self.entries.pop();
        }
    }

    /// Moves the log start. The batches below it are dropped only once there are many.
    pub(crate) fn start_at(&mut self, start: i64) {
        self.start = start;
        let dead = self.entries.partition_point(|entry| entry.mark.last < start);
        if dead > 1_024 && dead > self.entries.len() / 2 {
            let last = self.entries[dead - 1];
            (self.base, self.seed) = (last.mark.last + 1, last.digest);
            self.entries.drain(..dead);
        }
    }

    /// Compares the log only from its start on from now on. Deleted records no longer matter, even if they differed
    /// from the committed ones. `committed_below` returns the digest of the committed log below an offset.
    pub(crate) fn forget_what_differed(&mut self, committed_below: impl Fn(i64) -> Option<u64>) {
        let first = self.index_of(self.start);
        let base = self.entries.get(first).map_or(self.end(), |entry| entry.mark.base);
        let (Below::Digest(own), Some(seed)) = (self.below(base), committed_below(base)) else { return };
        if own != seed {
            let kept = self.entries.split_off(first);
            self.entries.clear();
            (self.base, self.seed) = (base, seed);
            kept.into_iter().for_each(|entry| self.append(entry.mark));
        }
    }

    /// Index of the first batch that reaches `offset`. Most lookups are near the end, so the end is tried first.
    #[inline]
    fn index_of(&self, offset: i64) -> usize {
        let len = self.entries.len();
        for index in (len.saturating_sub(4)..len).rev() {
            if self.entries[index].mark.last < offset {
                return index + 1;
            }
        }
        self.entries[..len.saturating_sub(4)].partition_point(|entry| entry.mark.last < offset)
    }

    /// The contents of the log below `offset`. A batch that contains `offset` counts as a whole.
    #[inline]
    pub(crate) fn below(&self, offset: i64) -> Below {
        if offset > self.end() {
            return Below::Missing;
        }
        if offset <= self.base {
            return if offset == self.base { Below::Digest(self.seed) } else { Below::Deleted };
        }
        Below::Digest(self.entries[self.index_of(offset - 1)].digest)
    }

    /// The batch that contains `offset`. Most lookups want the last batch, so it is tried first.
    #[inline]
    pub(crate) fn batch_at(&self, offset: i64) -> Option<&Entry> {
        match self.entries.last()? {
            last if last.mark.last < offset => None,
            last if last.mark.base <= offset => Some(last),
            _ => self.entries.get(self.index_of(offset)).filter(|entry| entry.mark.base <= offset),
        }
    }

    /// The offset below which this log and `other` are known to be equal.
    pub(crate) fn common_end(&self, other: &Log) -> i64 {
        let equal = self.entries.partition_point(|entry| match other.below(entry.mark.last + 1) {
            Below::Digest(digest) => digest == entry.digest,
            Below::Deleted => true,
            Below::Missing => false,
        });
        equal.checked_sub(1).map_or(self.base, |index| self.entries[index].mark.last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(base: i64, last: i64, epoch: i32, crc: u32) -> BatchMark {
        BatchMark { base, last, epoch, crc }
    }

    fn log(marks: &[BatchMark]) -> Log {
        let mut log = Log::default();
        for mark in marks {
            log.append(*mark);
        }
        log
    }

    fn steps(n: i64) -> Vec<BatchMark> {
        (0..n).map(|i| mark(i * 2, i * 2 + 1, 1, i as u32)).collect()
    }

    #[test]
    fn equal_batches_make_equal_digests_and_others_do_not() {
        let a = log(&steps(20));
        let mut other = steps(20);
        other[13].crc = 99;
        let b = log(&other);
        for offset in 0..=40 {
            assert_eq!(a.below(offset) == b.below(offset), offset <= 26, "{offset}");
        }
        assert_eq!(a.common_end(&b), 26);
        assert_eq!(a.below(41), Below::Missing);
    }

    #[test]
    fn a_batch_appended_in_another_epoch_is_another_batch() {
        let (a, b) = (log(&[mark(0, 4, 1, 7)]), log(&[mark(0, 4, 2, 7)]));
        assert_ne!(a.below(5), b.below(5));
        assert_ne!(a.below(5), log(&[mark(0, 3, 1, 7), mark(4, 4, 1, 7)]).below(5));
    }

    #[test]
    fn truncation_cuts_whole_batches() {
        let mut a = log(&steps(5));
        a.truncate(7);
        assert_eq!(a.end(), 6);
        a.truncate(0);
        assert_eq!((a.end(), a.is_empty()), (0, true));
    }

    #[test]
    fn a_log_that_begins_later_matches_if_seeded_where_it_begins() {
        let a = log(&steps(10));
        let Below::Digest(seed) = a.below(8) else { panic!("aligned") };
        let mut b = Log::default();
        b.restart(8, seed);
        assert_eq!(b.below(3), Below::Deleted);
        steps(10)[4..].iter().for_each(|mark| b.append(*mark));
        assert_eq!(a.below(20), b.below(20));
        assert_eq!(a.common_end(&b), 20);
    }

    #[test]
    fn what_differed_below_the_log_start_does_not_count_and_what_differs_above_does() {
        let committed = log(&steps(10));
        let committed_below = |offset| match committed.below(offset) {
            Below::Digest(digest) => Some(digest),
            Below::Deleted | Below::Missing => None,
        };
        let mut other = steps(10);
        other[3].epoch = 0;
        let mut stale = log(&other);
        stale.start_at(6);
        stale.forget_what_differed(committed_below);
        assert_ne!(stale.below(20), committed.below(20), "the batch at 6 is still there");
        // In the middle of the next batch, of which a part can be read.
        stale.start_at(9);
        stale.forget_what_differed(committed_below);
        assert_eq!(stale.below(20), committed.below(20));
        assert_eq!((stale.start(), stale.base(), stale.end()), (9, 8, 20));
        other[7].crc += 1;
        let mut wrong = log(&other);
        wrong.start_at(8);
        wrong.forget_what_differed(committed_below);
        assert_ne!(wrong.below(20), committed.below(20));
    }

    #[test]
    fn a_moved_log_start_keeps_digests() {
        let whole = log(&steps(4_000));
        let mut cut = whole.clone();
        cut.start_at(6_000);
        assert_eq!((cut.start(), cut.entries().len()), (6_000, 1_000));
        assert_eq!(cut.below(7_000), whole.below(7_000));
        assert_eq!(cut.batch_at(7_001).map(|e| e.mark.base), Some(7_000));
    }
}
