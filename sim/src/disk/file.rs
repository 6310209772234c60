//! One file: its writes, and how far they are durable.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::Seed;

/// The unit that the device writes atomically, in bytes.
const SECTOR: u64 = 512;

#[derive(Clone, Debug)]
struct Chunk {
    start: u64,
    data: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    seed: Seed,
    /// The writes in order and without gaps. Each keeps the buffer it was appended with, so nothing is copied.
    chunks: Vec<Chunk>,
    len: u64,
    /// The position up to which completed syncs cover the file.
    synced: u64,
    /// The position from which a failed sync dropped dirty pages: no later sync makes those bytes durable.
    forgotten: Option<u64>,
    /// The time at which the latest requested sync completes.
    last_sync: u64,
    /// The number of truncations so far.
    cuts: u32,
    /// The durable bytes that an unsynced truncation removed. A power loss may undo the truncation.
    before: Option<Box<Before>>,
    /// The rotten bytes: for each position, the bits that every read returns flipped.
    rot: BTreeMap<u64, u8>,
    /// Whether it has a name, so that processes see it.
    pub(super) named: bool,
}

/// A file's durable bytes before a truncation.
#[derive(Clone, Debug)]
struct Before {
    chunks: Vec<Chunk>,
    len: u64,
}

/// The part of a file that a sync covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Covered {
    pub(super) len: u64,
    cuts: u32,
}

impl File {
    pub(super) const fn new(seed: Seed) -> File {
        File {
            seed,
            chunks: Vec::new(),
            len: 0,
            synced: 0,
            forgotten: None,
            last_sync: 0,
            cuts: 0,
            before: None,
            rot: BTreeMap::new(),
            named: true,
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The length that survives every power loss.
    pub(super) const fn durable(&self) -> u64 {
        self.synced
    }

    #[inline]
    pub(super) fn append(&mut self, data: Bytes) -> u64 {
        let start = self.len;
        if !data.is_empty() {
            self.len += data.len() as u64;
            self.chunks.push(Chunk { start, data });
        }
        start
    }

    /// Reads from the medium. The read is zero-copy if one write holds all of it and no byte is rotten.
    #[inline]
    pub(super) fn read(&self, position: u64, len: usize) -> Bytes {
        let bytes = self.pristine(position, len);
        if self.rot.is_empty() { bytes } else { self.rotten(position, bytes) }
    }

    /// Whether any byte reads wrong.
    pub(super) fn is_rotten(&self) -> bool {
        !self.rot.is_empty()
    }

    #[cold]
    fn rotten(&self, position: u64, bytes: Bytes) -> Bytes {
        let mut out = BytesMut::from(&bytes[..]);
        for (&at, &bits) in self.rot.range(position..position + bytes.len() as u64) {
            out[(at - position) as usize] ^= bits;
        }
        out.freeze()
    }

    /// Makes every read of the byte at `position` return it with `bits` flipped. False beyond the end.
    pub(super) fn corrupt(&mut self, position: u64, bits: u8) -> bool {
        let there = position < self.len && bits != 0;
        if there {
            *self.rot.entry(position).or_default() ^= bits;
        }
        there
    }

    /// Overwrites the bytes at `position` with `data`, as a write meant for another file does.
    pub(super) fn overwrite(&mut self, position: u64, data: &[u8]) {
        let old = self.pristine(position, data.len());
        for (n, (&new, &old)) in data.iter().zip(&old[..]).enumerate() {
            if new != old {
                self.rot.insert(position + n as u64, new ^ old);
            }
        }
    }

    fn pristine(&self, position: u64, len: usize) -> Bytes {
        if position >= self.len || len == 0 {
            return Bytes::new();
        }
        let len = (self.len - position).min(len as u64) as usize;
        let last = self.chunks.len() - 1;
        let first = if self.chunks[last].start <= position {
            last
        } else {
            self.chunks.partition_point(|chunk| chunk.start <= position) - 1
        };
        let chunk = &self.chunks[first];
        let offset = (position - chunk.start) as usize;
        if offset + len <= chunk.data.len() {
            return chunk.data.slice(offset..offset + len);
        }
        let mut out = BytesMut::with_capacity(len);
        out.extend_from_slice(&chunk.data[offset..]);
        for chunk in &self.chunks[first + 1..] {
            let rest = (len - out.len()).min(chunk.data.len());
            out.extend_from_slice(&chunk.data[..rest]);
            if out.len() == len {
                break;
            }
        }
        out.freeze()
    }

    pub(super) fn truncate(&mut self, len: u64) {
        if len >= self.len {
            return;
        }
        self.cuts += 1;
        if len < self.synced && self.before.is_none() {
            self.before = Some(Box::new(Before { chunks: self.chunks_up_to(self.synced), len: self.synced }));
        }
        self.rot.split_off(&len);
        self.chunks.truncate(self.chunks.partition_point(|chunk| chunk.start < len));
        if let Some(last) = self.chunks.last_mut() {
            last.data.truncate((len - last.start) as usize);
        }
        self.len = len;
        self.synced = self.synced.min(len);
        self.forgotten = self.forgotten.filter(|&from| from < len);
    }

    /// The completion time of a sync that would take until `at`. It is not before that of earlier syncs.
    pub(super) fn sync_time(&mut self, at: u64) -> u64 {
        self.last_sync = self.last_sync.max(at);
        self.last_sync
    }

    /// The bytes up to `len`, which must not exceed the file's length.
    fn chunks_up_to(&self, len: u64) -> Vec<Chunk> {
        let mut chunks = self.chunks[..self.chunks.partition_point(|chunk| chunk.start < len)].to_vec();
        if let Some(last) = chunks.last_mut() {
            last.data.truncate((len - last.start) as usize);
        }
        chunks
    }

    /// The part that a sync requested now covers.
    pub(super) const fn covered(&self) -> Covered {
        Covered { len: self.len, cuts: self.cuts }
    }

    pub(super) fn synced(&mut self, covers: Covered) {
        let reach = self.forgotten.unwrap_or(u64::MAX).min(covers.len).min(self.len);
        self.synced = self.synced.max(reach);
        if covers.cuts == self.cuts {
            self.before = None;
        }
    }

    pub(super) fn sync_failed(&mut self, covers: Covered) {
        if covers.len > self.synced && self.forgotten.is_none() {
            self.forgotten = Some(self.synced);
        }
    }

    /// Makes all written bytes durable.
    pub(super) fn settle(&mut self) {
        (self.synced, self.forgotten, self.before) = (self.len, None, None);
    }

    /// Applies the `nth` power loss. Synced bytes stay, and an unsynced truncation may be undone. With a chance of
    /// `percent` in 100 some unsynced bytes survive as well: a prefix that ends at any byte, or scattered sectors with
    /// other contents in place of the missing ones.
    pub(super) fn power_lost(&mut self, nth: u64, percent: u8) {
        let draws = self.seed.fork("power loss").index(nth);
        self.last_sync = 0;
        if let Some(before) = self.before.take()
            && draws.chance(2, percent)
        {
            (self.chunks, self.len) = (before.chunks, before.len);
            return self.settle();
        }
        let unsynced = self.len - self.synced;
        let kept = if self.forgotten.is_none() && unsynced > 0 && draws.chance(0, percent) {
            draws.below(1, unsynced + 1)
        } else {
            0
        };
        self.truncate(self.synced + kept);
        if kept > 0 && draws.chance(3, 50) {
            self.scatter(draws.fork("sectors"));
        }
        // After a power loss the page cache is empty: all that the file holds is on the device.
        self.settle();
    }

    /// Scatters the sectors behind the synced bytes: some were written, some were not, and some in part.
    fn scatter(&mut self, draws: Seed) {
        let from = self.synced;
        let mut bytes = BytesMut::from(&self.pristine(from, (self.len - from) as usize)[..]);
        let zeros = draws.chance(0, 75);
        let mut at = 0;
        while at < bytes.len() {
            let sector = (from + at as u64) / SECTOR;
            let end = bytes.len().min((((sector + 1) * SECTOR) - from) as usize);
            let written = match draws.below(1 + sector * 2, 16) {
                0..9 => end - at,
                9..15 => 0,
                _ => draws.below(2 + sector * 2, (end - at) as u64 + 1) as usize,
            };
            for (n, byte) in bytes[at + written..end].iter_mut().enumerate() {
                *byte = if zeros { 0 } else { draws.fork("old").index(sector).draw(n as u64) as u8 };
            }
            at = end;
        }
        self.truncate(from);
        self.append(bytes.freeze());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Append(Vec<u8>),
        Read(u64, usize),
        Truncate(u64),
        Synced(u64),
        PowerLoss,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Op::Append),
            3 => (0u64..120, 0usize..60).prop_map(|(at, len)| Op::Read(at, len)),
            1 => (0u64..100).prop_map(Op::Truncate),
            1 => (0u64..100).prop_map(Op::Synced),
            1 => Just(Op::PowerLoss),
        ];
        prop::collection::vec(op, 1..60)
    }

    proptest! {
        #[test]
        fn a_file_is_its_writes_and_power_leaves_what_was_synced_or_undoes_a_cut(ops in ops(), seed in any::<u64>()) {
            let mut file = File::new(Seed(seed));
            let mut bytes: Vec<u8> = Vec::new();
            let mut synced = 0u64;
            let mut before: Option<Vec<u8>> = None;
            for (nth, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Append(data) => {
                        prop_assert_eq!(file.append(Bytes::from(data.clone())), bytes.len() as u64);
                        bytes.extend(data);
                    }
                    Op::Read(at, len) => {
                        let start = bytes.len().min(at as usize);
                        let end = bytes.len().min(start + len);
                        prop_assert_eq!(&file.read(at, len)[..], &bytes[start..end]);
                    }
                    Op::Truncate(len) => {
                        if len < synced && before.is_none() {
                            before = Some(bytes[..synced as usize].to_vec());
                        }
                        file.truncate(len);
                        bytes.truncate(len as usize);
                        synced = synced.min(bytes.len() as u64);
                    }
                    Op::Synced(covers) => {
                        file.synced(Covered { len: covers, cuts: file.cuts });
                        synced = synced.max(covers.min(bytes.len() as u64));
                        before = None;
                    }
                    Op::PowerLoss => {
                        file.power_lost(nth as u64, 50);
                        let found = file.read(0, usize::MAX);
                        let undone = before.as_ref().is_some_and(|before| found[..] == before[..]);
                        if !undone {
                            prop_assert!(file.len() >= synced && file.len() <= bytes.len() as u64);
                            prop_assert_eq!(&found[..synced as usize], &bytes[..synced as usize]);
                        }
                        bytes = found.to_vec();
                        synced = file.len();
                        before = None;
                    }
                }
                prop_assert_eq!(file.len(), bytes.len() as u64);
                prop_assert_eq!(file.durable(), synced);
                prop_assert_eq!(&file.read(0, bytes.len())[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn a_read_within_one_write_shares_its_memory() {
        let mut file = File::new(Seed(1));
        file.append(Bytes::from_static(b"head"));
        let data = Bytes::from(vec![7; 100]);
        file.append(data.clone());
        assert_eq!(file.read(4, 100).as_ptr(), data.as_ptr());
        assert_eq!(file.read(14, 5).as_ptr(), data[10..].as_ptr());
    }

    #[test]
    fn a_later_sync_does_not_save_data_of_a_failed_one() {
        let mut file = File::new(Seed(1));
        file.append(Bytes::from_static(b"safe"));
        file.synced(file.covered());
        file.append(Bytes::from_static(b"gone"));
        file.sync_failed(file.covered());
        file.append(Bytes::from_static(b"more"));
        file.synced(file.covered());
        assert_eq!((file.len(), file.durable()), (12, 4));
        file.truncate(4);
        file.append(Bytes::from_static(b"again"));
        file.synced(file.covered());
        assert_eq!(file.durable(), 9);
    }

    #[test]
    fn only_an_unsynced_truncation_may_be_undone() {
        let cut = |synced: bool| {
            let mut file = File::new(Seed(1));
            file.append(Bytes::from_static(b"old history"));
            file.synced(file.covered());
            file.truncate(4);
            file.append(Bytes::from_static(b"new"));
            if synced {
                file.synced(file.covered());
            }
            file.power_lost(0, 100);
            file.read(0, 100)
        };
        assert_eq!(cut(false), b"old history"[..]);
        assert_eq!(cut(true), b"old new"[..]);
    }

    #[test]
    fn rot_survives_rereads_until_its_bytes_are_truncated() {
        let mut file = File::new(Seed(1));
        file.append(Bytes::from_static(b"abc"));
        assert!(file.corrupt(1, 1) && !file.corrupt(3, 1));
        assert_eq!((file.read(0, 3), file.read(0, 3)), (Bytes::from_static(b"acc"), Bytes::from_static(b"acc")));
        file.overwrite(0, b"xyz");
        assert_eq!(file.read(0, 3), b"xyz"[..]);
        file.truncate(1);
        file.append(Bytes::from_static(b"bc"));
        assert_eq!(file.read(0, 3), b"xbc"[..]);
    }

    #[test]
    fn a_power_loss_can_keep_a_later_sector_without_an_earlier_one() {
        let holes = |seed: u64| {
            let mut file = File::new(Seed(seed));
            file.append(Bytes::from(vec![7; 8 * SECTOR as usize]));
            file.power_lost(0, 100);
            let found = file.read(0, usize::MAX);
            let first_gap = found.iter().position(|&byte| byte != 7);
            first_gap.is_some_and(|gap| found[gap..].contains(&7))
        };
        assert!((0..50).filter(|&seed| holes(seed)).count() > 5);
    }
}
