//! Keys and values, each kept once.

use bytes::Bytes;

use crate::digest;

/// Index of a key or value of a history. Two references are equal exactly if the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueRef(u32);

impl ValueRef {
    /// The null key or value.
    pub const NULL: ValueRef = ValueRef(u32::MAX);
}

/// The keys and values of a history.
#[derive(Clone, Debug, Default)]
pub struct Values {
    all: Vec<(u64, Bytes)>,
    /// A hash table with open addressing by digest. A slot is an index into `all` plus one, or zero if it is empty. The
    /// number of slots is a power of two, and at most half of them are used.
    slots: Vec<u32>,
}

impl Values {
    pub(super) fn add(&mut self, value: Option<&Bytes>) -> ValueRef {
        let Some(value) = value else { return ValueRef::NULL };
        if self.all.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let digest = digest::bytes(0, value);
        let mut slot = self.slot(digest);
        while self.slots[slot] != 0 {
            let index = self.slots[slot] - 1;
            let (known, bytes) = &self.all[index as usize];
            if *known == digest && bytes == value {
                return ValueRef(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.all.push((digest, value.clone()));
        self.slots[slot] = self.all.len() as u32;
        ValueRef(self.all.len() as u32 - 1)
    }

    fn slot(&self, digest: u64) -> usize {
        digest as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(64);
        self.slots = vec![0; len];
        for (index, (digest, _)) in self.all.iter().enumerate() {
            let mut slot = self.slot(*digest);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = index as u32 + 1;
        }
    }

    /// The number of distinct values, without the null value.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Index of this value in a list that has an entry per value: below [`Values::len`], or equal to it for the null
    /// value.
    pub(super) fn place(&self, value: ValueRef) -> usize {
        (value.0 as usize).min(self.all.len())
    }

    /// The bytes, or none for the null value.
    pub fn get(&self, value: ValueRef) -> Option<&Bytes> {
        self.all.get(value.0 as usize).map(|(_, bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_kept_once_and_found_again() {
        let mut values = Values::default();
        let refs: Vec<_> = (0..1_000).map(|i| values.add(Some(&Bytes::from(format!("v{i}"))))).collect();
        for (i, value) in refs.iter().enumerate() {
            let bytes = Bytes::from(format!("v{i}"));
            assert_eq!(values.add(Some(&bytes)), *value);
            assert_eq!(values.get(*value), Some(&bytes));
        }
        assert_eq!(values.all.len(), 1_000);
        assert_eq!(values.add(None), ValueRef::NULL);
        assert_eq!(values.get(ValueRef::NULL), None);
        assert_ne!(values.add(Some(&Bytes::new())), ValueRef::NULL);
    }
}
