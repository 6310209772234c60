//! Snappy as Java clients frame it: a header, then blocks of raw Snappy, each after its length. Other clients send one
//! block without any frame. Both are what snappy-java's `SnappyInputStream` reads.

use std::io::{self, ErrorKind, Read};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version and the oldest compatible version.
const HEADER_LEN: usize = 16;
/// What snappy-java writes as both versions.
const VERSION: u32 = 1;
/// snappy-java's block, in bytes before compression.
const BLOCK: usize = 32 << 10;
/// A copy of 64 bytes takes at least 3, so no block holds more than this many times its bytes. What says that it does
/// is refused before memory is set aside for it.
const MAX_RATIO: usize = 22;

/// Decompresses block by block.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    framed: bool,
    begun: bool,
    block: Vec<u8>,
    at: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Decoder<'a> {
        let framed = bytes.len() >= HEADER_LEN && bytes.starts_with(&MAGIC);
        Decoder { rest: bytes, framed, begun: false, block: Vec::new(), at: 0 }
    }

    /// Decompresses the next block. False at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if !self.framed {
            // All of it is one block; nothing at all is none.
            let first = !std::mem::replace(&mut self.begun, true);
            let block = std::mem::take(&mut self.rest);
            return if first { self.fill(block).map(|()| true) } else { Ok(false) };
        }
        // Streams that were put together have a header in the middle.
        while self.rest.starts_with(&MAGIC) {
            self.rest = self.rest.get(HEADER_LEN..).ok_or(ErrorKind::UnexpectedEof)?;
        }
        let Some((length, rest)) = self.rest.split_first_chunk() else {
            return if self.rest.is_empty() { Ok(false) } else { Err(ErrorKind::UnexpectedEof.into()) };
        };
        let length = u32::from_be_bytes(*length) as usize;
        let block = rest.get(..length).ok_or(ErrorKind::UnexpectedEof)?;
        self.rest = &rest[length..];
        self.fill(block).map(|()| true)
    }

    fn fill(&mut self, block: &[u8]) -> io::Result<()> {
        let length = snap::raw::decompress_len(block)?;
        if length > block.len() * MAX_RATIO {
            return Err(io::Error::new(ErrorKind::InvalidData, "a Snappy block of an impossible length"));
        }
        self.block.resize(length, 0);
        self.at = 0;
        snap::raw::Decoder::new().decompress(block, &mut self.block)?;
        Ok(())
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let n = buf.len().min(self.block.len() - self.at);
        buf[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Compresses as snappy-java does.
pub(crate) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN + bytes.len() / 2);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    for block in bytes.chunks(BLOCK) {
        let compressed = snap::raw::Encoder::new().compress_vec(block).expect("a block is far below 4 GiB");
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decoder::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn framed_blocks_a_lone_block_and_streams_in_a_row_are_read() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|i| (i / 7).to_be_bytes()).collect();
        let framed = encode(&text);
        assert_eq!(decode(&framed).unwrap(), text);
        assert_eq!(decode(&snap::raw::Encoder::new().compress_vec(&text).unwrap()).unwrap(), text);
        assert_eq!(decode(&[framed.clone(), framed].concat()).unwrap(), [text.clone(), text].concat());
    }

    #[test]
    fn a_block_that_claims_more_than_it_can_hold_is_refused() {
        // A length of 1 GiB, and nothing after it.
        assert!(decode(&[0x80, 0x80, 0x80, 0x80, 0x04]).is_err());
        assert!(decode(&[]).is_err(), "no block is not an empty one");
        let cut = &encode(b"some bytes")[..HEADER_LEN + 6];
        assert!(decode(cut).is_err());
    }
}
