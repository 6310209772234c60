//! `[[workload]]`: what clients do.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;
use tribunal_contract::Span;

use super::keys::{Context, Entry, Keys, Table, Value, Visitor, Writer, read_keys};
use super::nearest::suggestion;
use super::records::FileRecord;
use super::units::{
    Rate, SizeRange, parse_span, quote, read_int, read_str, read_word, show_span, string_value, word_value,
};

/// What some clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// They read.
    Consumer(Consumer),
    /// They write.
    Producer(Producer),
}

/// Clients that write records to a topic, open loop: a slow broker does not slow the clock that measures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Which topic.
    pub topic: String,
    /// How many clients share the rate.
    pub clients: u32,
    /// When the first record is due.
    pub start: Span,
    /// How long records fall due. Always there after validation.
    pub lasts: Option<Span>,
    /// How many records fall due, over all clients; none follows the timestamps of the file.
    pub rate: Option<Rate>,
    /// When each record falls due after `start`, in order; none has `rate` and `lasts` say.
    pub at: Option<Vec<Span>>,
    /// Which answer is waited for.
    pub acks: Acks,
    /// Which keys the records have.
    pub record_keys: RecordKeys,
    /// How a record's partition is found.
    pub partitioner: Partitioner,
    /// The partition, for [`Partitioner::Explicit`].
    pub partition: Option<u32>,
    /// How values become bytes.
    pub serializer: Serializer,
    /// How many bytes a generated value has.
    pub value_size: SizeRange,
    /// `linger.ms`.
    pub linger: Span,
    /// `batch.size`, in bytes.
    pub batch_size: u64,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: u32,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Span,
    /// `enable.idempotence`.
    pub idempotent: bool,
    /// `max.request.size`, in bytes: the client itself refuses larger records.
    pub max_request_size: u64,
    /// The text of a value of the file that stands for null, a tombstone; none if no value is null.
    pub null_value: Option<String>,
    /// A CSV file with the records, relative to the scenario's file.
    pub file: Option<String>,
    /// In a plan: what the file's bytes hash to, so that a changed file is noticed.
    pub file_checksum: Option<String>,
    /// The records of the file.
    pub records: Arc<[FileRecord]>,
}

/// Clients that read partitions of a topic. Each reads all of them on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Which topic.
    pub topic: String,
    /// How many clients.
    pub clients: u32,
    /// When they begin.
    pub start: Span,
    /// Which partitions.
    pub partitions: Partitions,
    /// Where they begin to read (`auto.offset.reset`).
    pub from: From,
    /// `max.poll.records`.
    pub max_poll_records: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Span,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u64,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `isolation.level`.
    pub isolation: Isolation,
}

/// Which answer a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// The in-sync replicas have it.
    #[default]
    All,
    /// The leader has it.
    Leader,
    /// None.
    None,
}

/// Which keys generated records have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RecordKeys {
    /// So many different ones.
    Distinct(u32),
    /// None.
    #[default]
    None,
}

/// How a record's partition is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Partitioner {
    /// The workload names it.
    Explicit,
    /// By the key's hash.
    Key,
    /// Each in turn.
    #[default]
    RoundRobin,
    /// One until its batch is full, then another (KIP-480).
    Sticky,
}

/// How values become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Serializer {
    /// They are bytes.
    #[default]
    Bytes,
    /// 64-bit integers, big-endian.
    Integer,
    /// JSON.
    Json,
    /// UTF-8.
    String,
}

/// Which partitions a consumer reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Partitions {
    /// All there are.
    #[default]
    All,
    /// These.
    These(Vec<u32>),
}

/// Where a consumer without a position begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum From {
    /// At the first record there is.
    #[default]
    Earliest,
    /// After the last one.
    Latest,
    /// At the first record that is at most this old (KIP-1106), or after the last one if none is.
    ByDuration(Span),
}

/// What a consumer sees of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// Everything below the high watermark.
    #[default]
    ReadUncommitted,
}

impl Workload {
    /// The topic it works on.
    pub fn topic(&self) -> &str {
        match self {
            Workload::Consumer(consumer) => &consumer.topic,
            Workload::Producer(producer) => &producer.topic,
        }
    }

    /// How many clients it has.
    pub fn clients(&self) -> u32 {
        match self {
            Workload::Consumer(consumer) => consumer.clients,
            Workload::Producer(producer) => producer.clients,
        }
    }
}

impl Default for Producer {
    fn default() -> Producer {
        Producer {
            topic: String::new(),
            clients: 1,
            start: Span::ZERO,
            lasts: None,
            rate: None,
            at: None,
            acks: Acks::All,
            record_keys: RecordKeys::None,
            partitioner: Partitioner::RoundRobin,
            partition: None,
            serializer: Serializer::Bytes,
            value_size: SizeRange { min: 100, max: 100 },
            linger: Span::from_millis(5),
            batch_size: 16_384,
            max_in_flight: 5,
            retries: i32::MAX as u32,
            retry_backoff: Span::from_millis(100),
            request_timeout: Span::from_secs(2),
            delivery_timeout: Span::from_secs(20),
            idempotent: false,
            max_request_size: 1 << 20,
            null_value: None,
            file: None,
            file_checksum: None,
            records: Arc::new([]),
        }
    }
}

impl Default for Consumer {
    fn default() -> Consumer {
        Consumer {
            topic: String::new(),
            clients: 1,
            start: Span::ZERO,
            partitions: Partitions::All,
            from: From::Earliest,
            max_poll_records: 500,
            fetch_max_wait: Span::from_millis(500),
            fetch_min_bytes: 1,
            max_partition_fetch_bytes: 1 << 20,
            request_timeout: Span::from_secs(2),
            isolation: Isolation::ReadUncommitted,
        }
    }
}

impl Keys for Producer {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required("topic", "The topic.", &mut self.topic);
        v.key("clients", "Number of clients that share the rate.", &mut self.clients);
        v.key("start", "Time at which the first record is due.", &mut self.start);
        v.key("for", "Time during which records are due; to the end, or 30s.", &mut self.lasts);
        v.key(
            "rate",
            "Records of all clients together, open loop; 100/s, or the pace of the file's timestamps.",
            &mut self.rate,
        );
        v.key(
            "at",
            "Instead of `rate` and `for`: the time after `start` at which each record is due, such as [\"1s\", \"1200ms\"].",
            &mut self.at,
        );
        v.key("acks", "\"all\", 1 or 0", &mut self.acks);
        v.key("keys", "Number of different keys, or \"none\".", &mut self.record_keys);
        v.key(
            "partitioner",
            "\"round-robin\", \"key\" (murmur2 of the key), \"sticky\" (KIP-480), or \"explicit\" with `partition`.",
            &mut self.partitioner,
        );
        v.key("partition", "The partition, with partitioner \"explicit\".", &mut self.partition);
        v.key("serializer", "\"bytes\", \"string\", \"json\" or \"integer\"", &mut self.serializer);
        v.key("value_size", "Size of a generated value, in bytes.", &mut self.value_size);
        v.key("linger", "linger.ms", &mut self.linger);
        v.key("batch_size", "batch.size", &mut self.batch_size);
        v.key(
            "max_request_size",
            "max.request.size: the client refuses larger records, and the history has them as failed.",
            &mut self.max_request_size,
        );
        v.key("max_in_flight", "max.in.flight.requests.per.connection", &mut self.max_in_flight);
        v.key("retries", "retries", &mut self.retries);
        v.key("retry_backoff", "retry.backoff.ms", &mut self.retry_backoff);
        v.key("request_timeout", "request.timeout.ms; Kafka's is 30s", &mut self.request_timeout);
        v.key("delivery_timeout", "delivery.timeout.ms; Kafka's is 120s", &mut self.delivery_timeout);
        v.key("idempotent", "enable.idempotence; not supported yet, must be false.", &mut self.idempotent);
        v.key(
            "file",
            "A CSV file with the records, each sent once; header key,value,timestamp and, if wanted, headers.",
            &mut self.file,
        );
        v.key(
            "null_value",
            "With `file`: the value that stands for null (a tombstone), such as \"NULL\" or \"\".",
            &mut self.null_value,
        );
        v.key("file_checksum", "In a plan: checksum that the file must have.", &mut self.file_checksum);
    }
}

impl Keys for Consumer {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required("topic", "The topic.", &mut self.topic);
        v.key("clients", "Number of clients; each reads every partition by itself.", &mut self.clients);
        v.key("start", "Time at which they begin.", &mut self.start);
        v.key("partitions", "\"all\", or a list such as [0, 2].", &mut self.partitions);
        v.key("from", "Where they begin to read: \"earliest\", \"latest\", or at the first record not older than, say, \"5s\" (a lookup by time).", &mut self.from);
        v.key("max_poll_records", "max.poll.records", &mut self.max_poll_records);
        v.key("fetch_max_wait", "fetch.max.wait.ms", &mut self.fetch_max_wait);
        v.key("fetch_min_bytes", "fetch.min.bytes", &mut self.fetch_min_bytes);
        v.key("max_partition_fetch_bytes", "max.partition.fetch.bytes", &mut self.max_partition_fetch_bytes);
        v.key("request_timeout", "request.timeout.ms; Kafka's is 30s", &mut self.request_timeout);
        v.key("isolation", "\"read-uncommitted\"; transactions are not supported yet.", &mut self.isolation);
    }
}

/// The first key of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Consumer,
    Producer,
}

impl Entry for Workload {
    fn read(cx: &mut Context, table: &mut Table<'_>) -> Option<Workload> {
        let mut kind: Option<Kind> = None;
        if !table.take(cx, "kind", &mut kind) {
            table.missing(cx, "kind", Kind::FORM);
        }
        match kind {
            Some(Kind::Consumer) => Some(Workload::Consumer(read_keys(cx, table))),
            Some(Kind::Producer) => Some(Workload::Producer(read_keys(cx, table))),
            None => {
                table.accept_all();
                None
            }
        }
    }

    fn write(&self, writer: &mut Writer) {
        let mut kind = match self {
            Workload::Consumer(_) => Kind::Consumer,
            Workload::Producer(_) => Kind::Producer,
        };
        writer.key("kind", "", &mut kind);
        match self {
            Workload::Consumer(consumer) => consumer.clone().keys(writer),
            Workload::Producer(producer) => producer.clone().keys(writer),
        }
    }

    fn list<V: Visitor>(v: &mut V) {
        v.key("kind", "\"producer\"", &mut Some(Kind::Producer));
        Producer::default().keys(v);
        v.key("kind", "\"consumer\"", &mut Some(Kind::Consumer));
        Consumer::default().keys(v);
    }
}

word_value! {
    Kind, "\"producer\" or \"consumer\"", { "producer" => Kind::Producer, "consumer" => Kind::Consumer };
    Partitioner, "a partitioner", {
        "explicit" => Partitioner::Explicit,
        "key" => Partitioner::Key,
        "round-robin" => Partitioner::RoundRobin,
        "sticky" => Partitioner::Sticky,
    };
    Serializer, "a serializer", {
        "bytes" => Serializer::Bytes,
        "integer" => Serializer::Integer,
        "json" => Serializer::Json,
        "string" => Serializer::String,
    };
}

impl Value for Acks {
    const FORM: &'static str = "\"all\", 1 or 0";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Acks> {
        if value.get_ref().is_integer() {
            return read_int(cx, value, Self::FORM, -1..=1).map(|n| match n {
                0 => Acks::None,
                1 => Acks::Leader,
                _ => Acks::All,
            });
        }
        read_str(cx, value, Self::FORM, |text| match text {
            "all" | "-1" => Ok(Acks::All),
            "1" => Ok(Acks::Leader),
            "0" => Ok(Acks::None),
            _ => Err(suggestion(text, &["all", "1", "0"])),
        })
    }
    fn write(&self) -> Option<String> {
        Some(match self {
            Acks::All => "\"all\"".into(),
            Acks::Leader => "1".into(),
            Acks::None => "0".into(),
        })
    }
}

impl Value for RecordKeys {
    const FORM: &'static str = "a number of different keys, or \"none\"";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<RecordKeys> {
        if value.get_ref().is_integer() {
            return read_int(cx, value, Self::FORM, 1..=1_000_000_000).map(|n| RecordKeys::Distinct(n as u32));
        }
        read_word(cx, value, Self::FORM, "none").then_some(RecordKeys::None)
    }
    fn write(&self) -> Option<String> {
        Some(match self {
            RecordKeys::Distinct(n) => n.to_string(),
            RecordKeys::None => "\"none\"".into(),
        })
    }
}

impl Value for Partitions {
    const FORM: &'static str = "\"all\", or a list such as [0, 2]";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Partitions> {
        if value.get_ref().is_array() {
            return Vec::read(cx, path, value).map(Partitions::These);
        }
        read_word(cx, value, Self::FORM, "all").then_some(Partitions::All)
    }
    fn write(&self) -> Option<String> {
        match self {
            Partitions::All => Some("\"all\"".into()),
            Partitions::These(these) => these.write(),
        }
    }
}

impl Value for Isolation {
    const FORM: &'static str = "\"read-uncommitted\"";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Isolation> {
        read_str(cx, value, Self::FORM, |text| match text {
            "read-uncommitted" => Ok(Isolation::ReadUncommitted),
            "read-committed" => Err("transactions are not supported yet".into()),
            _ => Err(suggestion(text, &["read-uncommitted"])),
        })
    }
    fn write(&self) -> Option<String> {
        Some(quote("read-uncommitted"))
    }
}

string_value! {
    From, "\"earliest\", \"latest\", or how old records may be, such as \"5s\"",
        |text| match text {
            "earliest" => Ok(From::Earliest),
            "latest" => Ok(From::Latest),
            text if text.starts_with(|c: char| c.is_ascii_digit()) => parse_span(text).map(From::ByDuration),
            text => Err(suggestion(text, &["earliest", "latest"])),
        },
        |from: &From| match from {
            From::Earliest => "earliest".to_owned(),
            From::Latest => "latest".to_owned(),
            From::ByDuration(age) => show_span(*age),
        };
}
