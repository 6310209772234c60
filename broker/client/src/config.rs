//! Kafka's client settings under Kafka's names, as values.

use tribunal_common::lanes;
use tribunal_contract::{Lane, NodeId, Span, Time};

use crate::{Partitioner, SeekTo};

/// What must have happened before a produce is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Every in-sync replica has it (`acks=all`).
    All,
    /// The leader has it (`acks=1`).
    Leader,
    /// Nothing: it was sent (`acks=0`). There is no answer, and no offset.
    None,
}

impl Acks {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        match self {
            Acks::All => -1,
            Acks::Leader => 1,
            Acks::None => 0,
        }
    }
}

/// Settings that producer and consumer share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetConfig {
    /// `bootstrap.servers`: whom to ask before any metadata is known. Broker ids are the world's node ids.
    pub bootstrap: Vec<NodeId>,
    /// `request.timeout.ms`: a connection on which nothing is answered for so long is closed.
    pub request_timeout: Span,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Span,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Span,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Span,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Span,
    /// `allow.auto.create.topics`; of a producer, whether a topic it sends to may come into being.
    pub allow_auto_create: bool,
}

impl NetConfig {
    /// Kafka 4.1's defaults.
    pub fn new(bootstrap: Vec<NodeId>) -> NetConfig {
        NetConfig {
            bootstrap,
            request_timeout: Span::from_secs(30),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_secs(1),
            retry_backoff: Span::from_millis(100),
            retry_backoff_max: Span::from_secs(1),
            metadata_max_age: Span::from_secs(300),
            allow_auto_create: true,
        }
    }
}

/// A producer's settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerConfig {
    /// Connections and metadata.
    pub net: NetConfig,
    /// The lane of its connections. Two clients in one machine need different ones.
    pub lane: Lane,
    /// `acks`.
    pub acks: Acks,
    /// `partitioner.class`, for records without an explicit partition.
    pub partitioner: Partitioner,
    /// `batch.size` in bytes. A larger record travels in a batch of its own.
    pub batch_size: u32,
    /// `linger.ms`: how long a batch that is not full waits for more.
    pub linger: Span,
    /// `max.request.size` in bytes, of a record and of a request.
    pub max_request_size: u32,
    /// `buffer.memory` in bytes: records that are not delivered yet.
    pub buffer_memory: u64,
    /// `max.in.flight.requests.per.connection`. Only 1 keeps the order of records when batches are retried.
    pub max_in_flight: u8,
    /// `retries`. Numbers above [`crate::limits::MAX_ATTEMPTS`] retry until the delivery timeout.
    pub retries: u32,
    /// `delivery.timeout.ms`: the upper bound from a batch's creation to its delivery or failure.
    pub delivery_timeout: Span,
    /// `max.block.ms`: how long a record waits for its topic to be known.
    pub max_block: Span,
}

impl ProducerConfig {
    /// Kafka 4.1's defaults, but without idempotence.
    pub fn new(bootstrap: Vec<NodeId>) -> ProducerConfig {
        ProducerConfig {
            net: NetConfig::new(bootstrap),
            lane: lanes::CLIENT,
            acks: Acks::All,
            partitioner: Partitioner::KeyHash,
            batch_size: 16_384,
            linger: Span::from_millis(5),
            max_request_size: 1 << 20,
            buffer_memory: 32 << 20,
            max_in_flight: 5,
            retries: i32::MAX as u32,
            delivery_timeout: Span::from_secs(120),
            max_block: Span::from_secs(60),
        }
    }
}

/// Where to begin when there is no position, or the position is outside the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// At the log start offset.
    Earliest,
    /// At the high watermark.
    Latest,
    /// At the first record that is at most this old, or at the high watermark if there is none (KIP-1106).
    ByDuration(Span),
    /// Nowhere: the partition fails and stays failed until a seek.
    None,
}

impl OffsetReset {
    /// Where that is at `now`; none if nowhere.
    pub(crate) fn place(self, now: Time) -> Option<SeekTo> {
        match self {
            OffsetReset::Earliest => Some(SeekTo::Beginning),
            OffsetReset::Latest => Some(SeekTo::End),
            OffsetReset::ByDuration(age) => Some(SeekTo::Time(now.as_millis() - age.as_millis() as i64)),
            OffsetReset::None => None,
        }
    }
}

/// A consumer's settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerConfig {
    /// Connections and metadata.
    pub net: NetConfig,
    /// The lane for metadata and offset lookups.
    pub lane: Lane,
    /// The lane for fetches, which brokers park.
    pub fetch_lane: Lane,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `fetch.max.wait.ms`.
    pub max_wait: Span,
    /// `fetch.min.bytes`.
    pub min_bytes: i32,
    /// `fetch.max.bytes`.
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_bytes: i32,
}

impl ConsumerConfig {
    /// Kafka 4.1's defaults.
    pub fn new(bootstrap: Vec<NodeId>) -> ConsumerConfig {
        ConsumerConfig {
            net: NetConfig { allow_auto_create: false, ..NetConfig::new(bootstrap) },
            lane: lanes::CLIENT,
            fetch_lane: lanes::CLIENT_FETCH,
            offset_reset: OffsetReset::Latest,
            max_wait: Span::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 << 20,
            max_partition_bytes: 1 << 20,
        }
    }
}
