//! One file: the writes it is made of, and how far they are durable.

use bytes::{Bytes, BytesMut};

use crate::Seed;

#[derive(Debug)]
struct Chunk {
    start: u64,
    data: Bytes,
}

#[derive(Debug)]
pub(super) struct File {
    seed: Seed,
    /// In order and without gaps. Each keeps the handle it was appended with, so nothing is copied.
    chunks: Vec<Chunk>,
    len: u64,
    /// A completed sync covered everything below.
    synced: u64,
    /// A sync that failed forgot what begins here: no later sync makes it durable.
    forgotten: Option<u64>,
    /// When the last sync asked for completes.
    last_sync: u64,
}

impl File {
    pub(super) const fn new(seed: Seed) -> File {
        File { seed, chunks: Vec::new(), len: 0, synced: 0, forgotten: None, last_sync: 0 }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// What a loss of power is sure to leave.
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

    /// Zero-copy if one write holds all of it.
    pub(super) fn read(&self, position: u64, len: usize) -> Bytes {
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
        self.chunks.truncate(self.chunks.partition_point(|chunk| chunk.start < len));
        if let Some(last) = self.chunks.last_mut() {
            last.data.truncate((len - last.start) as usize);
        }
        self.len = len;
        self.synced = self.synced.min(len);
        self.forgotten = self.forgotten.filter(|&from| from < len);
    }

    /// When a sync that would take until `at` completes: not before those asked for earlier.
    pub(super) fn sync_time(&mut self, at: u64) -> u64 {
        self.last_sync = self.last_sync.max(at);
        self.last_sync
    }

    pub(super) fn synced(&mut self, covers: u64) {
        let reach = self.forgotten.unwrap_or(u64::MAX).min(covers).min(self.len);
        self.synced = self.synced.max(reach);
    }

    pub(super) fn sync_failed(&mut self, covers: u64) {
        if covers > self.synced && self.forgotten.is_none() {
            self.forgotten = Some(self.synced);
        }
    }

    /// The `nth` loss of power leaves what was synced, and with a chance of `percent` in 100 part of the rest.
    pub(super) fn power_lost(&mut self, nth: u64, percent: u8) {
        let draws = self.seed.fork("power loss").index(nth);
        let unsynced = self.len - self.synced;
        let kept = if self.forgotten.is_none() && unsynced > 0 && draws.chance(0, percent) {
            draws.below(1, unsynced + 1)
        } else {
            0
        };
        self.truncate(self.synced + kept);
        // What is found after a power loss is what the device holds.
        self.synced = self.len;
        self.forgotten = None;
        self.last_sync = 0;
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
        fn a_file_is_its_writes_and_power_leaves_a_prefix_that_holds_all_synced(ops in ops(), seed in any::<u64>()) {
            let mut file = File::new(Seed(seed));
            let mut bytes: Vec<u8> = Vec::new();
            let mut synced = 0u64;
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
                        file.truncate(len);
                        bytes.truncate(len as usize);
                        synced = synced.min(bytes.len() as u64);
                    }
                    Op::Synced(covers) => {
                        file.synced(covers);
                        synced = synced.max(covers.min(bytes.len() as u64));
                    }
                    Op::PowerLoss => {
                        file.power_lost(nth as u64, 50);
                        prop_assert!(file.len() >= synced && file.len() <= bytes.len() as u64);
                        bytes.truncate(file.len() as usize);
                        synced = file.len();
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
    fn what_a_failed_sync_forgot_is_not_saved_by_a_later_one() {
        let mut file = File::new(Seed(1));
        file.append(Bytes::from_static(b"safe"));
        file.synced(4);
        file.append(Bytes::from_static(b"gone"));
        file.sync_failed(8);
        file.append(Bytes::from_static(b"more"));
        file.synced(12);
        assert_eq!((file.len(), file.durable()), (12, 4));
        file.truncate(4);
        file.append(Bytes::from_static(b"again"));
        file.synced(9);
        assert_eq!(file.durable(), 9);
    }
}
