//! Producer and consumer as state machines of the contract.
//!
//! Both are libraries for a machine, not machines themselves. In: an application owns a [`Producer`] or a [`Consumer`],
//! calls it, and offers it every event first (`handle`, which gives back what is not the client's). Out: requests, and
//! what the event brought ([`Producer::next_delivery`], [`Consumer::poll`]). Nothing here reads a clock to decide
//! anything; every wait is a timer of a class of [`tribunal_common::timers`].
//!
//! | for | open |
//! |---|---|
//! | `send`, deliveries, retries | `producer.rs`, `producer/sender.rs`, `producer/answers.rs`, `producer/verdict.rs` |
//! | `poll`, offsets, resets | `consumer.rs`, `consumer/assigned.rs`, `consumer/answers.rs` |
//! | leaders of partitions, and when to ask for them | `metadata.rs`, `refresh.rs` |
//! | connections and requests in flight | `links.rs` |
//! | settings under Kafka's names | `config.rs` |
//!
//! Two clients may live in one machine if their lanes differ and at most one of them is a producer and one a consumer:
//! the timers of a producer's batches and of a consumer's fetches are named by class alone.
//!
//! It does not know what a broker is beyond its protocol. Not here yet: idempotence and transactions, groups,
//! compression, fetch sessions, fetching from followers.

mod backoff;
mod config;
mod consumer;
mod io;
pub mod limits;
mod links;
mod metadata;
mod partitioner;
mod producer;
mod record;
mod refresh;
mod serialize;
pub mod versions;

pub use config::{Acks, ConsumerConfig, NetConfig, OffsetReset, ProducerConfig};
pub use consumer::{Consumer, ConsumerRecord, SeekTo};
pub use io::ClientIo;
pub use partitioner::{Partitioner, partition_for_key};
pub use producer::{Delivery, DeliveryError, Producer, RecordMetadata, SendError};
pub use record::{ProducerRecord, RecordId, TypedRecord};
pub use serialize::{BytesSerde, Deserializer, Double, Float, Int, Json, Long, SerdeError, Serializer, Short, Text};
