//! Produce: batches as they should be, and with one thing wrong.

use bytes::{Bytes, BytesMut};
use tribunal_protocol::messages::ProduceRequest;
use tribunal_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use tribunal_protocol::{RequestBody, Str, Uuid};
use tribunal_records::{BatchBuilder, BatchOptions, HEADER_LEN, Header};

use crate::state::placeholder;

/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 13;

/// When the first record was made, in milliseconds since the epoch: long ago, for every server's clock.
pub(super) const MADE: i64 = 1_700_000_000_000;
/// A time that no server's clock has reached.
const FUTURE: i64 = 9_000_000_000_000;

/// Places in a batch's header, in bytes from its start.
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const COUNT_AT: usize = 57;

/// A batch of records with timestamps that start at `first`.
pub(super) fn batch(first: i64, values: &[&[u8]]) -> Bytes {
    batch_of(BatchOptions::default(), first, values)
}

fn batch_of(options: BatchOptions, first: i64, values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (i, value) in values.iter().enumerate() {
        // Out of order inside the batch: its largest timestamp is not its last.
        let timestamp = first + [10, 0, 5][i % 3];
        let header = Header { key: Bytes::from_static(b"h"), value: None };
        builder.append(timestamp, Some(b"key"), Some(value), &[header]);
    }
    builder.build()
}

/// A batch with bytes of its header overwritten, and a checksum that is right for them.
fn tampered(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&batch(MADE, &[b"one", b"two"])[..]);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[ATTRIBUTES_AT..]) as u32;
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    batch.freeze()
}

fn request(version: i16, acks: i16, topic: &'static str, index: i32, records: Option<Bytes>) -> RequestBody {
    let by_id = version >= TOPIC_IDS_SINCE;
    let topic = TopicProduceData {
        name: Str::from_static(if by_id { "" } else { topic }),
        topic_id: if by_id { id_of(topic) } else { Uuid::ZERO },
        partition_data: vec![PartitionProduceData { index, records }],
    };
    ProduceRequest { acks, timeout_ms: 1_000, topic_data: vec![topic], ..Default::default() }.into()
}

/// The placeholder of a topic of the state, or an id that no server gave.
pub(super) fn id_of(topic: &str) -> Uuid {
    match crate::state::TOPICS.iter().any(|spec| spec.name == topic) {
        true => placeholder(topic),
        false => Uuid(0xdead_beef_dead_beef_dead_beef_dead_beef),
    }
}

/// The records that are there before the first case.
pub(crate) fn seeds() -> Vec<RequestBody> {
    let version = TOPIC_IDS_SINCE;
    let mut all = Vec::new();
    for i in 0..10 {
        // Times that go back and forth, so that a lookup by time is not by offset.
        all.push(request(version, 1, "plain", 0, Some(batch(MADE + (i * 7 % 10) * 1_000, &[b"a", b"b", b"c"]))));
    }
    all.push(request(version, 1, "plain", 1, Some(batch(MADE, &[b"one"]))));
    all.push(request(version, 1, "strict", 0, Some(batch(MADE, &[b"not enough replicas for acks=all"]))));
    all
}

pub(super) fn produce(version: i16) -> Vec<(&'static str, RequestBody)> {
    let good = || Some(batch(MADE, &[b"one", b"two"]));
    let to = |acks, topic, index, records| request(version, acks, topic, index, records);
    let plain = |records| to(-1, "plain", 1, records);
    // What one server takes and the other refuses makes their logs differ, so it goes where nobody else looks.
    let dubious = |records| to(-1, "victim", 0, records);
    let mut wrong_crc = BytesMut::from(&batch(MADE, &[b"one"])[..]);
    wrong_crc[CRC_AT] ^= 1;
    let two = Bytes::from([batch(MADE, &[b"one"]), batch(MADE, &[b"two"])].concat());
    let cut = batch(MADE, &[b"one", b"two"]);
    let cut = cut.slice(..cut.len() - 3);
    let longer = Bytes::from([&batch(MADE, &[b"one"])[..], b"abc"].concat());
    let idempotent = BatchOptions { producer_id: 4_000, producer_epoch: 0, base_sequence: 0, ..Default::default() };
    let transactional = BatchOptions { transactional: true, ..idempotent };
    let control = BatchOptions { control: true, ..Default::default() };
    vec![
        ("valid, acks all", plain(good())),
        ("valid, acks 1", to(1, "plain", 1, good())),
        ("valid, acks 0", to(0, "plain", 1, good())),
        ("valid, the broker's timestamps", to(-1, "stamped", 0, good())),
        ("acks 2", to(2, "plain", 1, good())),
        ("acks -2", to(-2, "plain", 1, good())),
        ("min ISR not met", to(-1, "strict", 0, good())),
        ("min ISR not met, acks 1", to(1, "strict", 0, good())),
        ("too large", to(-1, "small", 0, Some(batch(MADE, &[&[7; 2_000]])))),
        ("as large as may be", to(-1, "small", 0, Some(batch(MADE, &[&[7; 800]])))),
        ("unknown topic", to(-1, "nowhere", 0, good())),
        ("deleted topic", to(-1, "doomed", 0, good())),
        ("a name that no topic can have", to(-1, "no/where", 0, good())),
        ("unknown partition", to(-1, "plain", 3, good())),
        ("negative partition", to(-1, "plain", -1, good())),
        ("no records", dubious(None)),
        ("empty records", dubious(Some(Bytes::new()))),
        ("wrong checksum", dubious(Some(wrong_crc.freeze()))),
        ("two batches", dubious(Some(two))),
        ("cut short", dubious(Some(cut))),
        ("bytes after the batch", dubious(Some(longer))),
        ("half a header", dubious(Some(batch(MADE, &[b"one"]).slice(..HEADER_LEN / 2)))),
        ("magic 1", dubious(Some(tampered(MAGIC_AT, &[1])))),
        ("magic 3", dubious(Some(tampered(MAGIC_AT, &[3])))),
        ("a length below the header's", dubious(Some(tampered(LENGTH_AT, &[0, 0, 0, 9])))),
        ("a length beyond the frame", dubious(Some(tampered(LENGTH_AT, &[0, 1, 0, 0])))),
        ("a count that is not that of the offsets", dubious(Some(tampered(COUNT_AT, &[0, 0, 0, 5])))),
        ("a count of none", dubious(Some(tampered(COUNT_AT, &[0, 0, 0, 0])))),
        ("a last offset before the count", dubious(Some(tampered(LAST_OFFSET_DELTA_AT, &[0, 0, 0, 0])))),
        ("unknown compression", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 7])))),
        ("gzip that is none", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 1])))),
        ("zstd that is none", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 4])))),
        ("stamped by the producer", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 8])))),
        ("a base offset of its own", dubious(Some(tampered(0, &[0, 0, 0, 0, 0, 0, 0, 9])))),
        ("a time to come", dubious(Some(batch(FUTURE, &[b"one"])))),
        ("no time", dubious(Some(batch(-11, &[b"one"])))),
        ("control records", dubious(Some(batch_of(control, MADE, &[b"one"])))),
        ("of an idempotent producer", dubious(Some(batch_of(idempotent, MADE, &[b"one"])))),
        ("in a transaction", dubious(Some(batch_of(transactional, MADE, &[b"one"])))),
        ("no topic", ProduceRequest { acks: -1, timeout_ms: 1_000, ..Default::default() }.into()),
    ]
}
