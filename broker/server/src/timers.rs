//! Timers of a core, in one queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tokio::time::Instant;
use tribunal_contract::TimerId;

/// Which timers are set, and when they fire.
///
/// A timer that is set again for later, as happens on every fetch, costs one look-up: its old entry stays in the queue
/// and is put back when it comes up.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: HashMap<TimerId, Slot>,
    queue: BinaryHeap<Reverse<(Instant, TimerId)>>,
}

#[derive(Debug)]
struct Slot {
    /// When it fires; none once cancelled.
    due: Option<Instant>,
    /// Its entry of the queue that counts; others are leftovers.
    queued: Instant,
}

impl Timers {
    /// Fires `id` at `due`, and not when it was to before.
    pub(crate) fn set(&mut self, id: TimerId, due: Instant) {
        let slot = self.set.entry(id).or_insert_with(|| {
            self.queue.push(Reverse((due, id)));
            Slot { due: None, queued: due }
        });
        slot.due = Some(due);
        if due < slot.queued {
            slot.queued = due;
            self.queue.push(Reverse((due, id)));
        }
    }

    /// Forgets `id`.
    pub(crate) fn cancel(&mut self, id: TimerId) {
        if let Some(slot) = self.set.get_mut(&id) {
            slot.due = None;
        }
    }

    /// When to look again. May be too early, never too late.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// A timer that is due, which is no longer set.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<TimerId> {
        while let Some(&Reverse((at, id))) = self.queue.peek()
            && at <= now
        {
            self.queue.pop();
            let Some(slot) = self.set.get_mut(&id).filter(|slot| slot.queued == at) else { continue };
            match slot.due {
                Some(due) if due > now => {
                    slot.queued = due;
                    self.queue.push(Reverse((due, id)));
                }
                due => {
                    self.set.remove(&id);
                    if due.is_some() {
                        return Some(id);
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: TimerId = TimerId { class: 1, index: 0 };
    const B: TimerId = TimerId { class: 1, index: 1 };

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn timers_fire_once_in_order() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(A, at(start, 20));
        timers.set(B, at(start, 10));
        assert_eq!(timers.pop(at(start, 9)), None);
        assert_eq!(timers.pop(at(start, 30)), Some(B));
        assert_eq!(timers.pop(at(start, 30)), Some(A));
        assert_eq!(timers.pop(at(start, 90)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn setting_again_replaces_later_and_earlier() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(A, at(start, 10));
        timers.set(A, at(start, 50));
        assert_eq!(timers.pop(at(start, 10)), None);
        assert_eq!(timers.next(), Some(at(start, 50)));
        timers.set(A, at(start, 20));
        assert_eq!(timers.pop(at(start, 20)), Some(A));
        assert_eq!(timers.pop(at(start, 60)), None);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_and_can_be_set_again() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(A, at(start, 10));
        timers.cancel(A);
        assert_eq!(timers.pop(at(start, 20)), None);
        timers.set(A, at(start, 30));
        timers.cancel(A);
        timers.set(A, at(start, 40));
        assert_eq!(timers.pop(at(start, 30)), None);
        assert_eq!(timers.pop(at(start, 40)), Some(A));
    }
}
