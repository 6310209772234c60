//! Produce: batches as they should be, and with one thing wrong.

use bytes::{Bytes, BytesMut};
use tribunal_protocol::messages::ProduceRequest;
use tribunal_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use tribunal_protocol::{RequestBody, Str, Uuid};
use tribunal_records::{Batch, BatchBuilder, BatchOptions, Compression, HEADER_LEN, Header};

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
const MAX_TIMESTAMP_AT: usize = 35;
const COUNT_AT: usize = 57;
/// Places in the first record: after its length, attributes and timestamp, each of a byte.
const OFFSET_DELTA_AT: usize = HEADER_LEN + 3;
const KEY_LENGTH_AT: usize = HEADER_LEN + 4;

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

const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// The batch, compressed.
fn packed(plain: Bytes, codec: Compression) -> Bytes {
    Batch::validated(plain).expect("a batch").compressed(codec).bytes
}

/// A batch with bytes of its header overwritten, and a checksum that is right for them.
fn tampered(at: usize, bytes: &[u8]) -> Bytes {
    tampered_with(batch(MADE, &[b"one", b"two"]), at, bytes)
}

/// The same of another batch.
fn tampered_with(batch: Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
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
    for (i, codec) in (1..).zip(CODECS) {
        let plain = batch(MADE + i * 1_000, &[b"one", b"two", b"three"]);
        all.push(request(version, 1, "packed", 0, Some(packed(plain, codec))));
    }
    for partition in [0, 1] {
        let records = || Some(batch(MADE, &[b"one", b"two", b"three"]));
        all.extend([0, 1].map(|_| request(version, 1, "trimmed", partition, records())));
    }
    all.push(request(version, 1, "strict", 0, Some(batch(MADE, &[b"not enough replicas for acks=all"]))));
    all
}

fn two_records() -> Bytes {
    batch(MADE, &[b"one", b"two"])
}

/// A compressed batch of two records that says it has another number of them.
fn miscounted(codec: Compression, count: u8) -> Bytes {
    let counted = tampered_with(packed(two_records(), codec), COUNT_AT, &[0, 0, 0, count]);
    tampered_with(counted, LAST_OFFSET_DELTA_AT, &[0, 0, 0, count - 1])
}

/// A compressed batch whose records end in the middle of what the codec wrote, as its header says.
fn cut_short(codec: Compression) -> Bytes {
    let whole = packed(two_records(), codec);
    let cut = whole.slice(..HEADER_LEN + (whole.len() - HEADER_LEN) / 2);
    let length = (cut.len() - LENGTH_AT - 4) as u32;
    tampered_with(cut, LENGTH_AT, &length.to_be_bytes())
}

pub(super) fn produce(version: i16) -> Vec<(&'static str, RequestBody)> {
    let good = || Some(batch(MADE, &[b"one", b"two"]));
    let to = |acks, topic, index, records| request(version, acks, topic, index, records);
    let plain = |records| to(-1, "plain", 1, records);
    // What one server takes and the other refuses makes their logs differ, so it goes where nobody else looks.
    let dubious = |records| to(-1, "victim", 0, records);
    let with_partitions = |partitions: Vec<(i32, Bytes)>| {
        let RequestBody::Produce(mut request) = dubious(None) else { unreachable!("made as a Produce") };
        let data = |(index, records)| PartitionProduceData { index, records: Some(records) };
        request.topic_data[0].partition_data = partitions.into_iter().map(data).collect();
        RequestBody::Produce(request)
    };
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
        // Where Kafka takes what we do not, nobody else looks.
        ("of an idempotent producer", to(-1, "victim", 1, Some(batch_of(idempotent, MADE, &[b"one"])))),
        ("in a transaction", dubious(Some(batch_of(transactional, MADE, &[b"one"])))),
        ("gzip", dubious(Some(packed(two_records(), Compression::Gzip)))),
        ("Snappy", dubious(Some(packed(two_records(), Compression::Snappy)))),
        ("LZ4", dubious(Some(packed(two_records(), Compression::Lz4)))),
        ("zstd", dubious(Some(packed(two_records(), Compression::Zstd)))),
        ("gzip with a count too high", dubious(Some(miscounted(Compression::Gzip, 3)))),
        ("zstd with a count too low", dubious(Some(miscounted(Compression::Zstd, 1)))),
        ("gzip cut short", dubious(Some(cut_short(Compression::Gzip)))),
        ("LZ4 cut short", dubious(Some(cut_short(Compression::Lz4)))),
        ("zstd cut short", dubious(Some(cut_short(Compression::Zstd)))),
        ("Snappy cut short", dubious(Some(cut_short(Compression::Snappy)))),
        ("LZ4 that is none", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 3])))),
        ("Snappy that is none", dubious(Some(tampered(ATTRIBUTES_AT, &[0, 2])))),
        ("compressed, a time to come", dubious(Some(packed(batch(FUTURE, &[b"one", b"two"]), Compression::Lz4)))),
        ("a greatest timestamp that is none", dubious(Some(tampered(MAX_TIMESTAMP_AT, &[0; 8])))),
        ("a record that is longer than it says", dubious(Some(tampered(HEADER_LEN, &[2])))),
        ("a record that is longer than the batch", dubious(Some(tampered(HEADER_LEN, &[0x7e])))),
        ("a key of more than there is", dubious(Some(tampered(KEY_LENGTH_AT, &[0x7e])))),
        ("a key shorter than null", dubious(Some(tampered(KEY_LENGTH_AT, &[3])))),
        ("an offset of its own inside", to(-1, "victim", 2, Some(tampered(OFFSET_DELTA_AT, &[8])))),
        ("rubbish for a partition that is not there", to(-1, "plain", 9, Some(tampered(MAGIC_AT, &[9])))),
        ("stamped by the producer, and by the broker", to(-1, "stamped", 0, Some(tampered(ATTRIBUTES_AT, &[0, 8])))),
        ("no partition", with_partitions(vec![])),
        ("a partition twice", with_partitions(vec![(0, two_records()), (0, batch(MADE, &[b"one"]))])),
        ("no topic", ProduceRequest { acks: -1, timeout_ms: 1_000, ..Default::default() }.into()),
    ]
}
