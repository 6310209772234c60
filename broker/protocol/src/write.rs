//! Writing and measuring, which are the same walk over a message with another sink.

use bytes::{Bytes, BytesMut};

use crate::api::VersionRange;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::read::Wire;
use crate::str::Str;
use crate::uuid::Uuid;

/// Appends a whole message after checking its version. After an error `out` is as before.
pub(crate) fn encode<T: Wire>(
    message: &T,
    versions: VersionRange,
    version: i16,
    name: &'static str,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if !versions.contains(version) {
        return Err(EncodeError { at: name, kind: EncodeErrorKind::UnsupportedVersion { version } });
    }
    // A frame has made room for all of it; measuring again would cost a tenth of writing.
    if out.capacity() == out.len() {
        out.reserve(size(message, version));
    }
    let begin = out.len();
    let mut writer = Writer { out, error: None };
    message.write(&mut writer, version);
    match writer.error {
        Some(error) => {
            out.truncate(begin);
            Err(error)
        }
        None => Ok(()),
    }
}

/// The bytes that [`encode`] appends.
pub(crate) fn size<T: Wire>(message: &T, version: i16) -> usize {
    let mut counter = Counter::default();
    message.write(&mut counter, version);
    counter.0
}

/// Where the walk over a message leaves its bytes. Errors are kept, not returned, so that the walk has no branches for
/// them.
pub(crate) trait Sink {
    /// Whether values that a version cannot carry are looked for.
    const CHECKED: bool;

    fn put(&mut self, bytes: &[u8]);

    /// Keeps the first error.
    fn fail(&mut self, error: EncodeError);

    fn bool(&mut self, value: bool) {
        self.put(&[u8::from(value)]);
    }

    fn i8(&mut self, value: i8) {
        self.put(&value.to_be_bytes());
    }

    fn i16(&mut self, value: i16) {
        self.put(&value.to_be_bytes());
    }

    fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    #[allow(dead_code, reason = "a type of the tables that no table uses yet")]
    fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    fn uuid(&mut self, value: Uuid) {
        self.put(&value.to_bytes());
    }

    fn uvarint(&mut self, mut value: u32) {
        let mut bytes = [0; 5];
        let mut len = 0;
        while value >= 0x80 {
            bytes[len] = value as u8 | 0x80;
            value >>= 7;
            len += 1;
        }
        bytes[len] = value as u8;
        self.put(&bytes[..=len]);
    }

    /// A length in compact form. `None` is null.
    fn compact_length(&mut self, len: Option<usize>, at: &'static str) {
        match len.map_or(Some(0), |len| u32::try_from(len).ok()?.checked_add(1)) {
            Some(len) => self.uvarint(len),
            None => self.fail(EncodeError { at, kind: EncodeErrorKind::TooLong }),
        }
    }

    fn string_length(&mut self, compact: bool, len: Option<usize>, at: &'static str) {
        if compact {
            return self.compact_length(len, at);
        }
        match len.map_or(Ok(-1), i16::try_from) {
            Ok(len) => self.i16(len),
            Err(_) => self.fail(EncodeError { at, kind: EncodeErrorKind::TooLong }),
        }
    }

    fn length(&mut self, compact: bool, len: Option<usize>, at: &'static str) {
        if compact {
            return self.compact_length(len, at);
        }
        match len.map_or(Ok(-1), i32::try_from) {
            Ok(len) => self.i32(len),
            Err(_) => self.fail(EncodeError { at, kind: EncodeErrorKind::TooLong }),
        }
    }

    fn check_null(&mut self, null: bool, is_none: bool, at: &'static str) {
        if Self::CHECKED && is_none && !null {
            self.fail(EncodeError { at, kind: EncodeErrorKind::Null });
        }
    }

    fn string(&mut self, compact: bool, value: &Str, at: &'static str) {
        self.string_length(compact, Some(value.len()), at);
        self.put(value.as_bytes());
    }

    fn opt_string(&mut self, compact: bool, null: bool, value: Option<&Str>, at: &'static str) {
        self.check_null(null, value.is_none(), at);
        self.string_length(compact, value.map(Str::len), at);
        self.put(value.map_or(&[], Str::as_bytes));
    }

    fn bytes(&mut self, compact: bool, value: &Bytes, at: &'static str) {
        self.length(compact, Some(value.len()), at);
        self.put(value);
    }

    fn opt_bytes(&mut self, compact: bool, null: bool, value: Option<&Bytes>, at: &'static str) {
        self.check_null(null, value.is_none(), at);
        self.length(compact, value.map(Bytes::len), at);
        self.put(value.map_or(&[], |bytes| bytes));
    }

    fn array_len(&mut self, compact: bool, len: usize, at: &'static str) {
        self.length(compact, Some(len), at);
    }

    fn opt_array_len(&mut self, compact: bool, null: bool, len: Option<usize>, at: &'static str) {
        self.check_null(null, len.is_none(), at);
        self.length(compact, len, at);
    }

    /// The byte before a nullable struct.
    #[allow(dead_code, reason = "a part of the tables' language that no table uses yet")]
    fn present(&mut self, null: bool, present: bool, at: &'static str) {
        self.check_null(null, !present, at);
        self.i8(if present { 1 } else { -1 });
    }
}

/// Writes.
struct Writer<'a> {
    out: &'a mut BytesMut,
    error: Option<EncodeError>,
}

impl Sink for Writer<'_> {
    const CHECKED: bool = true;

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[cold]
    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

/// Measures.
#[derive(Default)]
pub(crate) struct Counter(usize);

impl Counter {
    /// What was measured, as the size of a tagged field.
    pub(crate) fn as_u32(&self) -> u32 {
        // Saturates: a field of 4 GiB is beyond any frame, and the frame's own length is checked.
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl Sink for Counter {
    const CHECKED: bool = false;

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn fail(&mut self, _: EncodeError) {}

    fn uvarint(&mut self, value: u32) {
        // Seven bits a byte, and one byte for zero.
        self.0 += (38 - (value | 1).leading_zeros() as usize) / 7;
    }
}
