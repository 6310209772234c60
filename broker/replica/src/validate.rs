//! What a leader asks of the records that a producer sends, in the order in which Kafka asks it: of all records of a
//! request, of those of one partition, and once the partition is known to take any, of every record (`LogValidator`).

use bytes::Bytes;
use tribunal_contract::Time;
use tribunal_protocol::messages::ProduceRequest;
use tribunal_protocol::messages::produce_response::BatchIndexAndErrorMessage;
use tribunal_protocol::{ErrorCode, Str};
use tribunal_records::{
    BatchError, BatchHeader, Compression, HEADER_LEN, MAGIC, NO_TIMESTAMP, RecordMark, RecordsError, TimestampType,
    create_time, framed, is_intact, walk,
};

use crate::partition::TopicSettings;

/// First version in which batches may be compressed with zstd (KIP-110).
const ZSTD_SINCE: i16 = 7;
/// Records of a batch of which it is said what is wrong with them. Kafka tells of all: an answer could be a hundred
/// times as long as the batch.
const MAX_RECORD_ERRORS: usize = 1_000;

/// Why records are not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ErrorCode,
    /// A sentence where the code does not say it all, in Kafka's words.
    pub(crate) message: Option<String>,
    /// Which records are at fault (KIP-467).
    pub(crate) records: Vec<BatchIndexAndErrorMessage>,
    /// Whether the log has seen them, so that the answer says where it starts.
    pub(crate) by_log: bool,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Refusal {
        Refusal { error, message: None, records: Vec::new(), by_log: false }
    }
}

fn by_log(error: ErrorCode) -> Refusal {
    Refusal { by_log: true, ..error.into() }
}

/// What makes all of a request fail, whatever its partitions are: rubbish where a batch begins, and records of a
/// transaction by a producer that names none.
pub(crate) fn check_request(request: &ProduceRequest) -> Result<(), Refusal> {
    let mut transactional = false;
    for data in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
        let Some(records) = &data.records else { continue };
        match framed(records) {
            Ok(Some(size)) => {
                let header = BatchHeader::parse(&records[..size]);
                transactional |= header.is_ok_and(|header| header.attributes.is_transactional());
            }
            Ok(None) => {}
            Err(error) => return Err(Refusal { message: Some(rubbish(&error)), ..ErrorCode::CorruptMessage.into() }),
        }
    }
    match transactional && request.transactional_id.is_none() {
        true => Err(ErrorCode::TransactionalIdAuthorizationFailed.into()),
        false => Ok(()),
    }
}

fn rubbish(error: &BatchError) -> String {
    match error {
        BatchError::Length(n) => format!("Record size {n} is less than the minimum record overhead (14)"),
        BatchError::Magic(magic) => format!("Invalid magic found in record: {magic}"),
        other => other.to_string(),
    }
}

/// What is asked of one partition's records before the partition is looked at: exactly one batch, of the current
/// format, in a compression that the version of the request knows. Gives the batch alone, without the part of another
/// that may follow.
pub(crate) fn one_batch(records: &Bytes, version: i16) -> Result<Bytes, ErrorCode> {
    /// Where the format and the lower byte of the attributes are.
    const MAGIC_AT: usize = 16;
    const CODEC_AT: usize = 22;
    let size = framed(records).map_err(|_| ErrorCode::CorruptMessage)?.ok_or(ErrorCode::InvalidRecord)?;
    let batch = records.slice(..size);
    if batch[MAGIC_AT] as i8 != MAGIC {
        return Err(ErrorCode::InvalidRecord);
    }
    if version < ZSTD_SINCE && size > CODEC_AT {
        match Compression::from_id(batch[CODEC_AT] & 7) {
            Some(Compression::Zstd) => return Err(ErrorCode::UnsupportedCompressionType),
            Some(_) => {}
            None => return Err(ErrorCode::UnknownServerError),
        }
    }
    match framed(&records[size..]) {
        Ok(None) => Ok(batch),
        Ok(Some(_)) => Err(ErrorCode::InvalidRecord),
        Err(_) => Err(ErrorCode::CorruptMessage),
    }
}

/// What is asked of a batch that the partition would take: an offset from zero, not too large, intact, and of records
/// that are whole and of this time. Gives it as it is to be appended, which is with the timestamps that its records
/// have.
pub(crate) fn check_batch(batch: Bytes, settings: &TopicSettings, now: Time) -> Result<Bytes, Refusal> {
    if batch[..8] != [0; 8] {
        return Err(by_log(ErrorCode::InvalidRecord));
    }
    if batch.len() > settings.max_message_bytes as usize {
        return Err(ErrorCode::MessageTooLarge.into());
    }
    if !is_intact(&batch) {
        return Err(ErrorCode::CorruptMessage.into());
    }
    let header = BatchHeader::parse(&batch).map_err(|_| by_log(ErrorCode::InvalidRecord))?;
    if header.attributes.compression().is_err() {
        return Err(by_log(ErrorCode::UnknownServerError));
    }
    header.check_produced().map_err(|_| by_log(ErrorCode::InvalidRecord))?;
    let newest = check_records(&header, &batch[HEADER_LEN..], settings, now)?;
    // What needs a producer id comes with InitProducerId, which is not served yet.
    if header.is_idempotent() {
        return Err(by_log(ErrorCode::UnknownProducerId));
    }
    let as_it_is = header.attributes.timestamp_type() == TimestampType::CreateTime && header.max_timestamp == newest;
    Ok(if as_it_is || settings.log_append_time { batch } else { create_time(batch, newest) })
}

/// Looks at every record. Gives the greatest timestamp.
fn check_records(header: &BatchHeader, body: &[u8], settings: &TopicSettings, now: Time) -> Result<i64, Refusal> {
    let now = now.as_millis();
    let oldest = now.wrapping_sub(settings.timestamp_before_max_ms);
    let newest = now.wrapping_add(settings.timestamp_after_max_ms);
    let stamped = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
    let (mut index, mut greatest, mut in_order) = (0, NO_TIMESTAMP, true);
    let mut refused = Vec::new();
    let walked = walk(header, body, |RecordMark { offset_delta, timestamp }| {
        in_order &= offset_delta == index;
        let behind = now.wrapping_sub(timestamp);
        let fault = if settings.log_append_time || timestamp == NO_TIMESTAMP {
            stamped.then(|| "Producer should not set timestamp type to LogAppendTime.".to_owned())
        } else {
            let far =
                behind > settings.timestamp_before_max_ms || behind.wrapping_neg() > settings.timestamp_after_max_ms;
            far.then(|| {
                format!(
                    "Timestamp {timestamp} of message with offset {offset_delta} is out of range. The timestamp should \
                     be within [{oldest}, {newest}]"
                )
            })
        };
        if let Some(fault) = fault
            && refused.len() < MAX_RECORD_ERRORS
        {
            let message = Some(Str::from(fault));
            refused.push(BatchIndexAndErrorMessage { batch_index: index, batch_index_error_message: message });
        }
        greatest = greatest.max(timestamp);
        index += 1;
        core::ops::ControlFlow::Continue(())
    });
    walked.map_err(|error| match error {
        // Kafka has no code for what its codecs throw.
        RecordsError::Codec | RecordsError::UnknownCodec(_) => by_log(ErrorCode::UnknownServerError),
        RecordsError::TooLarge => ErrorCode::MessageTooLarge.into(),
        _ => by_log(ErrorCode::InvalidRecord),
    })?;
    if !refused.is_empty() {
        let message = "One or more records have been rejected due to invalid timestamp".to_owned();
        return Err(Refusal { message: Some(message), records: refused, ..by_log(ErrorCode::InvalidTimestamp) });
    }
    // Kafka appends these, or numbers them anew where they are compressed.
    if in_order { Ok(greatest) } else { Err(by_log(ErrorCode::InvalidRecord)) }
}
