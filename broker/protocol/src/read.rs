//! Bounded reading.

use bytes::Bytes;

use crate::api::VersionRange;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::str::Str;
use crate::uuid::Uuid;
use crate::write::Sink;

/// Heap that decoding may ask for, as a multiple of the bytes it reads.
///
/// Counts alone do not bound it: a one-byte string becomes a handle of 32 bytes. The densest honest messages (topic
/// names of a few characters, old versions of structs that have grown since) stay below this or below [`HEAP_FLOOR`].
pub const HEAP_PER_BYTE: usize = 8;

/// Heap that decoding may ask for whatever the input's size, so that small frames need not be dense.
pub const HEAP_FLOOR: usize = 16 * 1024;

/// Reads one frame, or a part of one.
///
/// Nothing is copied: strings and bytes are slices of the input. Only arrays take heap. An array's count is checked
/// against the bytes that remain, and its elements are charged to a budget of [`HEAP_PER_BYTE`] times the input (at
/// least [`HEAP_FLOOR`]) before they are allocated.
#[derive(Clone, Debug)]
pub struct Reader {
    input: Bytes,
    at: usize,
    /// Where the innermost tagged field, or the input, ends; at most `input.len()`.
    end: usize,
    /// What is left of the heap budget, in bytes.
    heap: usize,
}

/// A struct of the protocol.
pub(crate) trait Wire: Sized {
    /// Reads it. `version` is one of the message's.
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError>;
    /// Writes it. `version` is one of the message's.
    fn write<S: Sink>(&self, s: &mut S, version: i16);
}

/// Reads a whole message after checking its version.
pub(crate) fn decode<T: Wire>(
    input: &mut Reader,
    versions: VersionRange,
    version: i16,
    name: &'static str,
) -> Result<T, DecodeError> {
    if !versions.contains(version) {
        return Err(input.error(name, DecodeErrorKind::UnsupportedVersion { version }));
    }
    T::read(input, version)
}

/// The state of a section of tagged fields.
pub(crate) struct Tags {
    left: u32,
    last: Option<u32>,
    /// Where what holds the section ends.
    end: usize,
}

impl Reader {
    /// Reads from the beginning of `input`.
    pub fn new(input: Bytes) -> Reader {
        let heap = input.len().saturating_mul(HEAP_PER_BYTE).max(HEAP_FLOOR);
        Reader { at: 0, end: input.len(), heap, input }
    }

    /// Bytes not read yet.
    pub const fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Bytes read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// An error if anything is left. `what` names the message.
    pub fn finish(&self, what: &'static str) -> Result<(), DecodeError> {
        if self.remaining() > 0 { Err(self.error(what, DecodeErrorKind::Trailing)) } else { Ok(()) }
    }

    #[cold]
    pub(crate) fn error(&self, at: &'static str, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { at, offset: self.at, kind }
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, at: &'static str) -> Result<[u8; N], DecodeError> {
        match self.input[self.at..self.end].first_chunk() {
            Some(chunk) => {
                let chunk = *chunk;
                self.at += N;
                Ok(chunk)
            }
            None => Err(self.error(at, DecodeErrorKind::Truncated)),
        }
    }

    pub(crate) fn bool(&mut self, at: &'static str) -> Result<bool, DecodeError> {
        Ok(self.fixed::<1>(at)? != [0])
    }

    pub(crate) fn i8(&mut self, at: &'static str) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.fixed(at)?))
    }

    pub(crate) fn i16(&mut self, at: &'static str) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.fixed(at)?))
    }

    pub(crate) fn u16(&mut self, at: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.fixed(at)?))
    }

    pub(crate) fn i32(&mut self, at: &'static str) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.fixed(at)?))
    }

    #[allow(dead_code, reason = "a type of the tables that no table uses yet")]
    pub(crate) fn u32(&mut self, at: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.fixed(at)?))
    }

    pub(crate) fn i64(&mut self, at: &'static str) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.fixed(at)?))
    }

    pub(crate) fn uuid(&mut self, at: &'static str) -> Result<Uuid, DecodeError> {
        Ok(Uuid::from_bytes(self.fixed(at)?))
    }

    /// An unsigned number of up to five bytes, seven bits each, the lowest first.
    pub(crate) fn uvarint(&mut self, at: &'static str) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed(at)?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error(at, DecodeErrorKind::InvalidVarint))
    }

    /// A length or count in compact form (one more than it, 0 for null) or as a number of `N` bytes (-1 for null).
    fn length<const N: usize>(&mut self, compact: bool, at: &'static str) -> Result<Option<usize>, DecodeError> {
        if compact {
            return Ok(self.uvarint(at)?.checked_sub(1).map(|len| len as usize));
        }
        // Two's complement: the first byte carries the sign.
        let bytes = self.fixed::<N>(at)?;
        if bytes == [0xff; N] {
            return Ok(None);
        }
        if bytes[0] >= 0x80 {
            return Err(self.error(at, DecodeErrorKind::InvalidLength));
        }
        Ok(Some(bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte))))
    }

    fn slice(&mut self, len: usize, at: &'static str) -> Result<Bytes, DecodeError> {
        if len > self.remaining() {
            return Err(self.error(at, DecodeErrorKind::Truncated));
        }
        let slice = self.input.slice(self.at..self.at + len);
        self.at += len;
        Ok(slice)
    }

    fn not_null<T>(&self, null: bool, at: &'static str, value: Option<T>) -> Result<Option<T>, DecodeError> {
        if value.is_none() && !null { Err(self.error(at, DecodeErrorKind::InvalidLength)) } else { Ok(value) }
    }

    fn some<T>(&self, at: &'static str, value: Option<T>) -> Result<T, DecodeError> {
        value.ok_or_else(|| self.error(at, DecodeErrorKind::InvalidLength))
    }

    fn nullable_string(&mut self, compact: bool, at: &'static str) -> Result<Option<Str>, DecodeError> {
        let Some(len) = self.length::<2>(compact, at)? else { return Ok(None) };
        let bytes = self.slice(len, at)?;
        match Str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.error(at, DecodeErrorKind::InvalidUtf8)),
        }
    }

    pub(crate) fn string(&mut self, compact: bool, at: &'static str) -> Result<Str, DecodeError> {
        let text = self.nullable_string(compact, at)?;
        self.some(at, text)
    }

    pub(crate) fn opt_string(
        &mut self,
        compact: bool,
        null: bool,
        at: &'static str,
    ) -> Result<Option<Str>, DecodeError> {
        let text = self.nullable_string(compact, at)?;
        self.not_null(null, at, text)
    }

    fn nullable_bytes(&mut self, compact: bool, at: &'static str) -> Result<Option<Bytes>, DecodeError> {
        match self.length::<4>(compact, at)? {
            Some(len) => self.slice(len, at).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn bytes(&mut self, compact: bool, at: &'static str) -> Result<Bytes, DecodeError> {
        let bytes = self.nullable_bytes(compact, at)?;
        self.some(at, bytes)
    }

    pub(crate) fn opt_bytes(
        &mut self,
        compact: bool,
        null: bool,
        at: &'static str,
    ) -> Result<Option<Bytes>, DecodeError> {
        let bytes = self.nullable_bytes(compact, at)?;
        self.not_null(null, at, bytes)
    }

    /// An array whose elements take at least `min` bytes each.
    pub(crate) fn array<T>(
        &mut self,
        compact: bool,
        min: usize,
        at: &'static str,
        read: impl FnMut(&mut Reader) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.length::<4>(compact, at)?;
        let count = self.some(at, count)?;
        self.elements(count, min, at, read)
    }

    pub(crate) fn opt_array<T>(
        &mut self,
        compact: bool,
        null: bool,
        min: usize,
        at: &'static str,
        read: impl FnMut(&mut Reader) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let count = self.length::<4>(compact, at)?;
        match self.not_null(null, at, count)? {
            Some(count) => self.elements(count, min, at, read).map(Some),
            None => Ok(None),
        }
    }

    /// The one place where decoding allocates.
    fn elements<T>(
        &mut self,
        count: usize,
        min: usize,
        at: &'static str,
        mut read: impl FnMut(&mut Reader) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        if count > self.remaining() / min {
            return Err(self.error(at, DecodeErrorKind::Truncated));
        }
        match self.heap.checked_sub(count * size_of::<T>()) {
            Some(left) => self.heap = left,
            None => return Err(self.error(at, DecodeErrorKind::HeapBudget)),
        }
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(read(self)?);
        }
        Ok(elements)
    }

    /// The byte before a nullable struct: whether it follows.
    #[allow(dead_code, reason = "a part of the tables' language that no table uses yet")]
    pub(crate) fn present(&mut self, null: bool, at: &'static str) -> Result<bool, DecodeError> {
        let present = self.i8(at)? >= 0;
        self.not_null(null, at, present.then_some(()))?;
        Ok(present)
    }

    /// Begins a section of tagged fields (KIP-482).
    pub(crate) fn tagged_fields(&mut self, at: &'static str) -> Result<Tags, DecodeError> {
        Ok(Tags { left: self.uvarint(at)?, last: None, end: self.end })
    }

    /// The next tag. Until [`Reader::end_tag`] the reader ends where its value does.
    pub(crate) fn next_tag(&mut self, tags: &mut Tags, at: &'static str) -> Result<Option<u32>, DecodeError> {
        if tags.left == 0 {
            return Ok(None);
        }
        tags.left -= 1;
        let tag = self.uvarint(at)?;
        if tags.last.is_some_and(|last| last >= tag) {
            return Err(self.error(at, DecodeErrorKind::TagOrder));
        }
        tags.last = Some(tag);
        let size = self.uvarint(at)? as usize;
        if size > self.remaining() {
            return Err(self.error(at, DecodeErrorKind::Truncated));
        }
        self.end = self.at + size;
        Ok(Some(tag))
    }

    /// Passes over the value of a tag that is not known.
    pub(crate) fn skip_tag(&mut self) {
        self.at = self.end;
    }

    pub(crate) fn end_tag(&mut self, tags: &Tags, at: &'static str) -> Result<(), DecodeError> {
        if self.at != self.end {
            return Err(self.error(at, DecodeErrorKind::TagSize));
        }
        self.end = tags.end;
        Ok(())
    }

    /// A section of which no tag is known.
    pub(crate) fn skip_tagged_fields(&mut self, at: &'static str) -> Result<(), DecodeError> {
        let mut tags = self.tagged_fields(at)?;
        while self.next_tag(&mut tags, at)?.is_some() {
            self.skip_tag();
            self.end_tag(&tags, at)?;
        }
        Ok(())
    }
}
