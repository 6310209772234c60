//! `partition.metadata`: which topic a partition's folder belongs to (KIP-516).

use bytes::Bytes;
use tribunal_contract::Disk;

use crate::LogError;
use crate::error::Refusal;
use crate::replace::read_file;

/// The file's name, in the partition's folder.
pub const PARTITION_METADATA: &str = "partition.metadata";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The contents of `partition.metadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionMetadata {
    /// The topic's id, as its 16 bytes.
    pub topic_id: [u8; 16],
}

impl PartitionMetadata {
    /// The text of the file. Write it with [`Replace`](crate::Replace).
    pub fn encode(self) -> Bytes {
        Bytes::from(format!("version: 0\ntopic_id: {}", encode_id(self.topic_id)))
    }

    /// Reads the text of the file.
    pub fn decode(bytes: &[u8]) -> Result<PartitionMetadata, Refusal> {
        let mut lines = core::str::from_utf8(bytes).map_err(|_| Refusal::Line(1))?.lines();
        let mut field = |n, name| {
            let value = lines.next().and_then(|l| l.strip_prefix(name)).and_then(|l| l.strip_prefix(':'));
            value.map(str::trim).ok_or(Refusal::Line(n))
        };
        let version = field(1, "version")?.parse().map_err(|_| Refusal::Line(1))?;
        if version != 0 {
            return Err(Refusal::Version(version));
        }
        let topic_id = decode_id(field(2, "topic_id")?).ok_or(Refusal::Line(2))?;
        Ok(PartitionMetadata { topic_id })
    }

    /// Reads the file at `path`; `None` if there is none.
    pub fn read<D: Disk>(path: &str, disk: &mut D) -> Result<Option<PartitionMetadata>, LogError> {
        let bytes = read_file(path, disk).map_err(LogError::disk("read partition.metadata"))?;
        let decoded = bytes.map(|bytes| PartitionMetadata::decode(&bytes)).transpose();
        decoded.map_err(|why| LogError::Refused { file: path.to_owned(), why })
    }
}

/// URL-safe base64 without padding, as Kafka writes its ids: 22 characters.
fn encode_id(id: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(id);
    let digit = |i: u32| {
        // 128 bits are 21 digits of six bits and one of two, shifted left by four.
        let value = if i < 21 { bits >> (122 - 6 * i) } else { bits << 4 };
        char::from(ALPHABET[(value & 63) as usize])
    };
    (0..22).map(digit).collect()
}

fn decode_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 22 {
        return None;
    }
    let mut bits = 0u128;
    for (i, c) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|&a| a == c)? as u128;
        bits = if i < 21 { bits << 6 | value } else { bits << 2 | value >> 4 };
    }
    Some(bits.to_be_bytes())
}
