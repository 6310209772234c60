//! The values of records in the metadata log: a frame version, the record's key, its version, its body.

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::messages::MetadataRecord;
use crate::read::Reader;

/// The only version of the frame, in use since Kafka 2.8.
const FRAME_VERSION: u8 = 1;

impl MetadataRecord {
    /// Appends the record's value to `out`. `version` is one of [`MetadataRecord::versions`]; which one a cluster
    /// writes follows from its `metadata.version`. After an error `out` is as before.
    pub fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError> {
        if !self.versions().contains(version) {
            let kind = EncodeErrorKind::UnsupportedVersion { version };
            return Err(EncodeError { at: "MetadataRecord", kind });
        }
        let begin = out.len();
        // Keys and versions are below 128, a byte each.
        out.extend_from_slice(&[FRAME_VERSION, self.key() as u8, version as u8]);
        self.encode_body(version, out).inspect_err(|_| out.truncate(begin))
    }

    /// Bytes that [`MetadataRecord::encode`] writes if it succeeds.
    pub fn encoded_size(&self, version: i16) -> usize {
        3 + self.body_size(version)
    }

    /// Reads a record's value, which must be nothing but that, and the version it was written in.
    pub fn decode(value: Bytes) -> Result<(MetadataRecord, i16), DecodeError> {
        let mut reader = Reader::new(value);
        let frame = number(&mut reader, "MetadataRecord.FrameVersion")?;
        if frame != i16::from(FRAME_VERSION) {
            return Err(
                reader.error("MetadataRecord.FrameVersion", DecodeErrorKind::UnsupportedVersion { version: frame })
            );
        }
        let key = number(&mut reader, "MetadataRecord.ApiKey")?;
        let version = number(&mut reader, "MetadataRecord.Version")?;
        let unknown = reader.error("MetadataRecord.ApiKey", DecodeErrorKind::UnknownRecord { key });
        let record = MetadataRecord::decode_body(key, version, &mut reader).ok_or(unknown)??;
        reader.finish("MetadataRecord")?;
        Ok((record, version))
    }
}

fn number(reader: &mut Reader, at: &'static str) -> Result<i16, DecodeError> {
    let value = reader.uvarint(at)?;
    i16::try_from(value).map_err(|_| reader.error(at, DecodeErrorKind::InvalidVarint))
}
