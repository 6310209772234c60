//! Records of `__consumer_offsets`: a key that begins with the record's type, a value that begins with its version.

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::messages::{GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use crate::read::Reader;

/// Type of offsets that Kafka before 0.9 committed.
const LEGACY_OFFSET: i16 = 0;
/// Type of committed offsets.
const OFFSET: i16 = 1;
/// Type of groups of the classic protocol.
const GROUP: i16 = 2;
/// The version of an offset's value that Kafka 4.1 writes.
const OFFSET_VERSION: i16 = 4;
/// The version of a group's value that Kafka 4.1 writes.
const GROUP_VERSION: i16 = 3;
/// The version of an offset's value that carries an expiry of its own (OffsetCommit up to version 4).
const EXPIRING_VERSION: i16 = 1;

/// A record of `__consumer_offsets`. A value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupRecord {
    /// A committed offset.
    Offset(OffsetCommitKey, Option<OffsetCommitValue>),
    /// A generation of a group of the classic protocol.
    Group(GroupMetadataKey, Option<GroupMetadataValue>),
}

impl GroupRecord {
    /// Key and value, as Kafka 4.1 writes them.
    ///
    /// # Errors
    /// Where a string or a list is longer than its version can say.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let (mut key, mut value) = (BytesMut::new(), BytesMut::new());
        let is_tombstone = match self {
            GroupRecord::Offset(of, offset) => {
                key.put_i16(OFFSET);
                of.encode(0, &mut key)?;
                if let Some(offset) = offset {
                    let version = if offset.expire_timestamp == -1 { OFFSET_VERSION } else { EXPIRING_VERSION };
                    value.put_i16(version);
                    offset.encode(version, &mut value)?;
                }
                offset.is_none()
            }
            GroupRecord::Group(of, group) => {
                key.put_i16(GROUP);
                of.encode(0, &mut key)?;
                if let Some(group) = group {
                    value.put_i16(GROUP_VERSION);
                    group.encode(GROUP_VERSION, &mut value)?;
                }
                group.is_none()
            }
        };
        Ok((key.freeze(), (!is_tombstone).then(|| value.freeze())))
    }

    /// Reads a record that any version of Kafka wrote. `None` for a type that is not known here: a reader goes on
    /// without it, as Kafka does.
    ///
    /// # Errors
    /// Where key or value are not well formed, or the value has a version that is not known.
    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Option<GroupRecord>, DecodeError> {
        let (kind, mut key) = versioned(key, "GroupRecord.Type")?;
        Ok(match kind {
            LEGACY_OFFSET | OFFSET => {
                let of = OffsetCommitKey::decode(0, &mut key)?;
                let offset = value.map(|value| {
                    let (version, mut value) = versioned(value, "OffsetCommitValue.Version")?;
                    known(&value, version, OffsetCommitValue::VERSIONS.max, "OffsetCommitValue.Version")?;
                    OffsetCommitValue::decode(version, &mut value)
                });
                Some(GroupRecord::Offset(of, offset.transpose()?))
            }
            GROUP => {
                let of = GroupMetadataKey::decode(0, &mut key)?;
                let group = value.map(|value| {
                    let (version, mut value) = versioned(value, "GroupMetadataValue.Version")?;
                    known(&value, version, GroupMetadataValue::VERSIONS.max, "GroupMetadataValue.Version")?;
                    GroupMetadataValue::decode(version, &mut value)
                });
                Some(GroupRecord::Group(of, group.transpose()?))
            }
            _ => None,
        })
    }
}

/// The number that the bytes begin with, and a reader of the rest.
fn versioned(bytes: Bytes, at: &'static str) -> Result<(i16, Reader), DecodeError> {
    let mut reader = Reader::new(bytes);
    let number = reader.i16(at)?;
    Ok((number, reader))
}

fn known(reader: &Reader, version: i16, newest: i16, at: &'static str) -> Result<(), DecodeError> {
    match (0..=newest).contains(&version) {
        true => Ok(()),
        false => Err(reader.error(at, DecodeErrorKind::UnsupportedVersion { version })),
    }
}
