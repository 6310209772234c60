//! Walking the batches of a segment's file.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId};
use tribunal_records::{BatchError, BatchHeader, HEADER_LEN};

/// How much is read at a time: large enough that calls do not matter, small enough to hold for every scan.
const CHUNK: u64 = 256 << 10;

/// Batches of a file, one after the other, from a position on.
pub(crate) struct Scan {
    file: FileId,
    /// Where the next batch begins.
    pub(crate) position: u64,
    /// The file's length.
    size: u64,
    chunk: Bytes,
    chunk_at: u64,
}

/// What comes next in the file.
pub(crate) enum Step {
    /// A whole batch; its checksum has not been looked at.
    Batch { position: u64, header: BatchHeader, bytes: Bytes },
    /// Nothing: the file ends here.
    End,
    /// Something that is not a whole batch.
    Broken(BatchError),
}

impl Scan {
    pub(crate) fn new(file: FileId, position: u64, size: u64) -> Scan {
        Scan { file, position, size, chunk: Bytes::new(), chunk_at: position }
    }

    pub(crate) fn next<D: Disk>(&mut self, disk: &mut D) -> Result<Step, DiskError> {
        let rest = self.size.saturating_sub(self.position);
        if rest == 0 {
            return Ok(Step::End);
        }
        let head = self.bytes(HEADER_LEN as u64, rest, disk)?;
        let header = match BatchHeader::parse(&head) {
            Ok(header) => header,
            Err(error) => return Ok(Step::Broken(error)),
        };
        let size = header.total_size();
        let incomplete = |have: u64| Step::Broken(BatchError::Incomplete { need: size, have: have as usize });
        if size as u64 > rest {
            return Ok(incomplete(rest));
        }
        let bytes = self.bytes(size as u64, rest, disk)?;
        if bytes.len() < size {
            return Ok(incomplete(bytes.len() as u64));
        }
        let position = self.position;
        self.position += size as u64;
        Ok(Step::Batch { position, header, bytes: bytes.slice(..size) })
    }

    /// At least `need` bytes at the position, if the file has them.
    fn bytes<D: Disk>(&mut self, need: u64, rest: u64, disk: &mut D) -> Result<Bytes, DiskError> {
        let at = (self.position - self.chunk_at) as usize;
        if self.chunk.len() < at + need as usize {
            self.chunk = disk.read(self.file, self.position, need.max(CHUNK).min(rest) as usize)?;
            self.chunk_at = self.position;
            return Ok(self.chunk.clone());
        }
        Ok(self.chunk.slice(at..))
    }
}
