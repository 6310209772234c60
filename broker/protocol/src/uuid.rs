//! Kafka's ids of topics, directories and incarnations.

use core::fmt;
use core::str::FromStr;

/// 128 bits, written as 22 characters of URL-safe base64 without padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub u128);

/// Characters in the text of a [`Uuid`].
const TEXT_LEN: usize = 22;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// No id.
    pub const ZERO: Uuid = Uuid(0);

    /// The topic id of the metadata log.
    pub const METADATA_TOPIC: Uuid = Uuid(1);

    /// The bytes on the wire.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From the bytes on the wire.
    pub const fn from_bytes(bytes: [u8; 16]) -> Uuid {
        Uuid(u128::from_be_bytes(bytes))
    }

    /// Whether this is [`Uuid::ZERO`].
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LEN];
        for (index, c) in text.iter_mut().enumerate() {
            // 128 bits are 21 groups of six and one of two, which is padded with zeros at its end.
            let group = match 122_u32.checked_sub(6 * index as u32) {
                Some(shift) => self.0 >> shift,
                None => self.0 << 4,
            };
            *c = ALPHABET[(group & 63) as usize];
        }
        f.pad(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a [`Uuid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseUuidError;

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not 22 characters of URL-safe base64 that make 128 bits")
    }
}

impl core::error::Error for ParseUuidError {}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Uuid, ParseUuidError> {
        let (last, groups) = text.as_bytes().split_last().ok_or(ParseUuidError)?;
        if text.len() != TEXT_LEN {
            return Err(ParseUuidError);
        }
        let mut value = 0;
        for c in groups {
            value = value << 6 | digit(*c)?;
        }
        match digit(*last)? {
            last if last & 15 == 0 => Ok(Uuid(value << 2 | last >> 4)),
            _ => Err(ParseUuidError),
        }
    }
}

fn digit(c: u8) -> Result<u128, ParseUuidError> {
    Ok(u128::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return Err(ParseUuidError),
    }))
}
