//! The queue of pending events, ordered by (time, sequence).
//!
//! An entry is one `u128`, so the heap compares and moves 16 bytes at a time. The target is an index into a
//! table of its owner (a connection's direction, a timer, a slab of rare events); the queue holds no payload.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

const SEQUENCE_BITS: u32 = 40;
const TARGET_BITS: u32 = 24;
const KIND_BITS: u32 = 2;
const INDEX_BITS: u32 = TARGET_BITS - KIND_BITS;

/// The number of events that one run may schedule: 40 bits of sequence last half a day at the kernel's full speed.
pub(crate) const MAX_EVENTS: u64 = 1 << SEQUENCE_BITS;

/// The number of targets of one kind (directions, timers, rare events) that may be alive at once.
pub(crate) const MAX_INDEX: u32 = 1 << INDEX_BITS;

/// The target of an entry: its kind in the low bits, its index above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The head of a connection's direction arrives.
    Deliver,
    /// The entry of a timer comes up. The timer decides whether it fires.
    Timer,
    /// A rare event of the network.
    Net,
    /// A rare event of the kernel.
    Kernel,
}

impl Target {
    #[inline]
    pub(crate) fn new(kind: Kind, index: u32) -> Target {
        assert!(index < MAX_INDEX, "too many things alive at once in one run");
        Target(index << KIND_BITS | kind as u32)
    }

    #[inline]
    pub(crate) const fn kind(self) -> Kind {
        match self.0 & ((1 << KIND_BITS) - 1) {
            0 => Kind::Deliver,
            1 => Kind::Timer,
            2 => Kind::Net,
            _ => Kind::Kernel,
        }
    }

    #[inline]
    pub(crate) const fn index(self) -> u32 {
        self.0 >> KIND_BITS
    }
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<u128>>,
    sequence: u64,
    max_len: usize,
}

impl Queue {
    #[inline]
    pub(crate) fn push(&mut self, at: u64, target: Target) {
        let sequence = self.sequence;
        assert!(sequence < MAX_EVENTS, "a run is limited to {MAX_EVENTS} events");
        self.sequence = sequence + 1;
        let low = sequence << TARGET_BITS | u64::from(target.0);
        self.heap.push(Reverse(u128::from(at) << 64 | u128::from(low)));
        self.max_len = self.max_len.max(self.heap.len());
    }

    /// Takes the next entry if it is due at `limit` or before.
    #[inline]
    pub(crate) fn pop_until(&mut self, limit: u64) -> Option<(u64, Target)> {
        let &Reverse(next) = self.heap.peek()?;
        let at = (next >> 64) as u64;
        if at > limit {
            return None;
        }
        self.heap.pop();
        Some((at, Target(next as u32 & ((1 << TARGET_BITS) - 1))))
    }

    /// Takes the first entry that `wanted` accepts, at whatever time it is due.
    pub(crate) fn take_first(&mut self, mut wanted: impl FnMut(Target) -> bool) -> Option<(u64, Target)> {
        let target = |entry: u128| Target(entry as u32 & ((1 << TARGET_BITS) - 1));
        let mut entries: Vec<u128> = self.heap.drain().map(|Reverse(entry)| entry).collect();
        entries.sort_unstable();
        let at = entries.iter().position(|entry| wanted(target(*entry)));
        let taken = at.map(|at| entries.remove(at));
        self.heap = entries.into_iter().map(Reverse).collect();
        taken.map(|entry| ((entry >> 64) as u64, target(entry)))
    }

    /// The largest number of entries that were pending at once.
    pub(crate) const fn max_len(&self) -> usize {
        self.max_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_leave_by_time_then_by_insertion() {
        let mut queue = Queue::default();
        for (at, index) in [(5, 0), (3, 1), (5, 2), (3, 3), (u64::MAX, 4)] {
            queue.push(at, Target::new(Kind::Timer, index));
        }
        let mut out = Vec::new();
        while let Some((at, target)) = queue.pop_until(10) {
            assert_eq!(target.kind(), Kind::Timer);
            out.push((at, target.index()));
        }
        assert_eq!(out, [(3, 1), (3, 3), (5, 0), (5, 2)]);
        assert_eq!(queue.pop_until(u64::MAX).map(|(at, t)| (at, t.index())), Some((u64::MAX, 4)));
        assert_eq!(queue.max_len(), 5);
    }

    #[test]
    fn a_target_keeps_kind_and_index_apart() {
        for kind in [Kind::Deliver, Kind::Timer, Kind::Net, Kind::Kernel] {
            let target = Target::new(kind, MAX_INDEX - 1);
            assert_eq!((target.kind(), target.index()), (kind, MAX_INDEX - 1));
        }
    }
}
