//! Timers are re-armed lazily: setting a timer that is queued for an earlier instant only writes its new deadline.

use tribunal_contract::{NodeId, Span, TimerId};

use crate::Seed;
use crate::queue::{Kind, Queue, Target};

/// The number of timers of one class on one node. Indices are dense, so a larger one is a bug in the machine.
const MAX_INDEX: usize = 1 << 20;

const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Timer {
    /// The time at which it fires, or `NEVER` while it is not set.
    deadline: u64,
    /// The time of the one queue entry that counts, or `NEVER` if there is none. All other entries are stale.
    queued: u64,
    seed: Seed,
    armed: u64,
    node: NodeId,
    id: TimerId,
}

#[derive(Debug)]
pub(crate) struct Timers {
    seed: Seed,
    timers: Vec<Timer>,
    /// By node, class and index: the timer's place in `timers`, plus one.
    places: Vec<Vec<Vec<u32>>>,
}

impl Timers {
    pub(crate) fn new(seed: Seed) -> Timers {
        Timers { seed: seed.fork("timers"), timers: Vec::new(), places: Vec::new() }
    }

    pub(crate) fn add_node(&mut self) {
        self.places.push(Vec::new());
    }

    #[inline]
    pub(crate) fn set(&mut self, queue: &mut Queue, now: u64, node: NodeId, id: TimerId, min: Span, max: Span) {
        let place = match self.find(node, id) {
            Some(place) => place,
            None => self.add(node, id),
        };
        let timer = &mut self.timers[place as usize];
        let (min, max) = (min.as_nanos(), max.as_nanos());
        let mut after = min;
        if max > min {
            after += timer.seed.below(timer.armed, (max - min).saturating_add(1));
        }
        timer.armed += 1;
        let deadline = now.saturating_add(after).min(NEVER - 1);
        timer.deadline = deadline;
        if deadline < timer.queued {
            timer.queued = deadline;
            queue.push(deadline, Target::new(Kind::Timer, place));
        }
    }

    #[inline]
    pub(crate) fn cancel(&mut self, node: NodeId, id: TimerId) {
        if let Some(place) = self.find(node, id) {
            self.timers[place as usize].deadline = NEVER;
        }
    }

    /// Cancels all timers of `node`, whose process has ended.
    pub(crate) fn cancel_all(&mut self, node: NodeId) {
        for place in self.places[node.index()].iter().flatten() {
            if let Some(place) = place.checked_sub(1) {
                self.timers[place as usize].deadline = NEVER;
            }
        }
    }

    /// The node and timer that own a queue entry.
    pub(crate) fn owner(&self, place: u32) -> (NodeId, TimerId) {
        let timer = &self.timers[place as usize];
        (timer.node, timer.id)
    }

    /// Handles a queue entry that comes up at `now`: the timer fires, or is queued again for a later deadline, or the
    /// entry is stale.
    #[inline]
    pub(crate) fn pop(&mut self, queue: &mut Queue, now: u64, place: u32) -> Option<(NodeId, TimerId)> {
        let timer = &mut self.timers[place as usize];
        if timer.queued != now {
            return None;
        }
        timer.queued = NEVER;
        if timer.deadline == NEVER {
            return None;
        }
        if timer.deadline > now {
            timer.queued = timer.deadline;
            queue.push(timer.deadline, Target::new(Kind::Timer, place));
            return None;
        }
        Some((timer.node, timer.id))
    }

    /// Clears the timer because it fires. False if it was cancelled or set again after its entry came up, which happens
    /// only to a paused process.
    #[inline]
    pub(crate) fn fire(&mut self, now: u64, place: u32) -> bool {
        let timer = &mut self.timers[place as usize];
        let due = timer.deadline <= now;
        if due {
            timer.deadline = NEVER;
        }
        due
    }

    /// Makes a timer that is set due now.
    pub(crate) fn hurry(&mut self, now: u64, node: NodeId, id: TimerId) -> Option<u32> {
        let place = self.find(node, id)?;
        let timer = &mut self.timers[place as usize];
        if timer.deadline == NEVER {
            return None;
        }
        timer.deadline = now;
        Some(place)
    }

    /// The timer that is due first among those that are set and that `wanted` accepts.
    pub(crate) fn first(&self, wanted: impl Fn(NodeId, TimerId) -> bool) -> Option<(NodeId, TimerId)> {
        let set = self.timers.iter().filter(|timer| timer.deadline != NEVER && wanted(timer.node, timer.id));
        set.min_by_key(|timer| timer.deadline).map(|timer| (timer.node, timer.id))
    }

    #[inline]
    fn find(&self, node: NodeId, id: TimerId) -> Option<u32> {
        let place = *self.places[node.index()].get(id.class as usize)?.get(id.index as usize)?;
        place.checked_sub(1)
    }

    #[cold]
    fn add(&mut self, node: NodeId, id: TimerId) -> u32 {
        let (class, index) = (id.class as usize, id.index as usize);
        assert!(index < MAX_INDEX, "timer indices are dense: {id:?}");
        let classes = &mut self.places[node.index()];
        if classes.len() <= class {
            classes.resize_with(class + 1, Vec::new);
        }
        if classes[class].len() <= index {
            classes[class].resize(index + 1, 0);
        }
        let place = self.timers.len() as u32;
        classes[class][index] = place + 1;
        let seed = self.seed.index(node.0.into()).index(id.class.into()).index(id.index.into());
        self.timers.push(Timer { deadline: NEVER, queued: NEVER, seed, armed: 0, node, id });
        place
    }
}
