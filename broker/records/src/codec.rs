//! The four codecs of the format, as streams: what is decompressed is never all in memory.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::xerial;
use crate::{Compression, MAX_DECOMPRESSED};

/// How much is decompressed at a time, in bytes.
const CHUNK: usize = 16 << 10;
/// zstd's fastest level that still compresses well; Kafka's default is the library's own, 3.
const ZSTD_LEVEL: i32 = 3;

/// The body of a batch, decompressed as it is read. Ends in an error after [`MAX_DECOMPRESSED`] bytes.
///
/// Beside the body this holds one window of its codec: 32 KiB (gzip), a block of at most 4 MiB (LZ4), a block of at
/// most 22 times its compressed bytes (Snappy), at most 128 MiB where a zstd frame asks for it, which is what zstd's
/// own streaming decoder, and so Kafka, accepts.
///
/// # Errors
/// If the body does not even begin as the codec wants it.
pub(crate) fn decompressed(codec: Compression, body: &[u8]) -> io::Result<Box<dyn BufRead + '_>> {
    let stream: Box<dyn Read + '_> = match codec {
        Compression::None => return Ok(Box::new(body)),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(body)),
        Compression::Snappy => Box::new(xerial::Decoder::new(body)),
        Compression::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(body)?),
    };
    Ok(Box::new(BufReader::with_capacity(CHUNK, Capped { stream, left: MAX_DECOMPRESSED })))
}

/// The bytes of a body, compressed as Kafka's own clients do.
pub(crate) fn compress(codec: Compression, body: &[u8]) -> Vec<u8> {
    let compressed = match codec {
        Compression::None => Ok(body.to_vec()),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Compression::Snappy => Ok(xerial::encode(body)),
        Compression::Lz4 => {
            // Kafka's reader takes independent blocks only.
            let frame = lz4_flex::frame::FrameInfo::new()
                .block_mode(lz4_flex::frame::BlockMode::Independent)
                .block_size(lz4_flex::frame::BlockSize::Max64KB);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
            encoder.write_all(body).and_then(|()| encoder.finish().map_err(io::Error::other))
        }
        Compression::Zstd => zstd::stream::encode_all(body, ZSTD_LEVEL),
    };
    compressed.expect("a codec can compress any bytes, and memory takes them")
}

/// A stream that fails, rather than ends, where it would go on beyond a limit.
struct Capped<R> {
    stream: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return match self.stream.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::ErrorKind::FileTooLarge.into()),
            };
        }
        let most = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.stream.read(&mut buf[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}
