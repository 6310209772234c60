//! What has been worked out and is looked up the next time: outcomes of steps, and every value in them once.
//!
//! In a search the same node meets the same event in very many global states, so most of a search runs no machine at
//! all. Steps are known by fingerprint. Many lead to the same node, more to one with the same disk, and most send one
//! of a few messages: what is equal is kept once, or the steps would take several times the memory of the states.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tribunal_common::Obs;
use tribunal_contract::NodeId;
use tribunal_protocol::Message;

use crate::disk::CheckedDisk;
use crate::hash::{Fingerprint, Hashed};
use crate::node::{Happening, Node, Out, Outcome, Rules};
use crate::parts::{Part, Pieces};

/// Outcomes that are remembered before all are forgotten: little beside the set of a large search.
const MAX_REMEMBERED: usize = 40_000;

/// Steps that have been worked out.
#[derive(Default)]
pub struct Steps(Mutex<Known>);

#[derive(Default)]
struct Known {
    outcomes: Table<Arc<Outcome>>,
    nodes: Once<Hashed<Node>>,
    parts: Once<Hashed<Part>>,
    pieces: Pieces,
    disks: Once<Hashed<CheckedDisk>>,
    messages: Once<Hashed<Message>>,
    observed: Once<Hashed<Vec<Obs>>>,
}

impl Steps {
    /// What comes of an event, worked out or remembered.
    pub fn step(&self, rules: &Rules, id: NodeId, node: &Hashed<Node>, what: &Happening, choice: u16) -> Arc<Outcome> {
        let key = key(Fingerprint::of(&(id, what, choice)), node.fingerprint());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).outcomes.get(&key) {
            return Arc::clone(known);
        }
        let outcome = rules.step(id, node, what, choice);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.outcomes.len() >= MAX_REMEMBERED {
            *known = Known::default();
        }
        let outcome = Arc::new(known.shared(outcome));
        known.outcomes.insert(key, Arc::clone(&outcome));
        outcome
    }

    /// How many are remembered.
    pub fn remembered(&self) -> usize {
        self.0.lock().map_or(0, |known| known.outcomes.len())
    }
}

impl core::fmt::Debug for Steps {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} steps", self.remembered())
    }
}

impl Known {
    /// The same outcome, made of what is known already.
    fn shared(&mut self, mut outcome: Outcome) -> Outcome {
        let Known { nodes, parts, pieces, disks, messages, observed, .. } = self;
        outcome.node = nodes.or(outcome.node.fingerprint(), || {
            let node = &*outcome.node;
            let part = node.part.as_ref();
            let part = part.map(|part| parts.or(part.fingerprint(), || Hashed::new(part.made_of(pieces))));
            let disk = disks.same(node.disk.fingerprint(), &node.disk);
            Hashed::new(Node { part, disk, ..node.clone() })
        });
        for out in &mut outcome.out {
            if let Out::Send(_, message) = out {
                *message = messages.same(message.fingerprint(), message);
            }
        }
        outcome.out.shrink_to_fit();
        outcome.observed = observed.same(outcome.observed.fingerprint(), &outcome.observed);
        outcome
    }
}

/// Under what something is remembered that depends on an event and what it meets.
pub(crate) fn key(Fingerprint(a, b): Fingerprint, Fingerprint(c, d): Fingerprint) -> (u64, u64) {
    (a.rotate_left(17) ^ c, b.rotate_left(17) ^ d)
}

/// Values that are shared, each of them once.
pub(crate) struct Once<V>(Table<V>);

impl<V> Default for Once<V> {
    fn default() -> Self {
        Once(Table::default())
    }
}

impl<V: Clone> Once<V> {
    /// The value of this fingerprint that is known, or else this one.
    pub(crate) fn same(&mut self, print: Fingerprint, value: &V) -> V {
        self.or(print, || value.clone())
    }

    fn or(&mut self, Fingerprint(a, b): Fingerprint, value: impl FnOnce() -> V) -> V {
        self.0.entry((a, b)).or_insert_with(value).clone()
    }
}

/// A table whose keys are fingerprints, and so need no hashing.
pub(crate) type Table<V> = HashMap<(u64, u64), V, Identity>;

/// See [`Table`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Identity;

impl core::hash::BuildHasher for Identity {
    type Hasher = First;
    fn build_hasher(&self) -> First {
        First(0)
    }
}

/// Keeps the first word.
pub(crate) struct First(u64);

impl core::hash::Hasher for First {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_kept_once() {
        let mut values = Once::default();
        let mut same = |value: u8| {
            let value = Arc::new(value);
            values.same(Fingerprint::of(&value), &value)
        };
        let (first, again, other) = (same(1), same(1), same(2));
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!((*first, *other), (1, 2));
    }
}
