//! Records as applications hand them over.

use bytes::Bytes;
use tribunal_protocol::Str;
use tribunal_records::Header;

use crate::{SerdeError, Serializer};

/// The number of a record at its producer, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerRecord {
    /// To which topic.
    pub topic: Str,
    /// To which partition; none leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; none stamps it when it is sent.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order; keys may repeat.
    pub headers: Vec<Header>,
}

impl ProducerRecord {
    /// A record without key.
    pub fn new(topic: Str, value: Bytes) -> ProducerRecord {
        ProducerRecord { topic, partition: None, timestamp: None, key: None, value: Some(value), headers: Vec::new() }
    }

    /// The same with a key.
    pub fn with_key(self, key: Bytes) -> ProducerRecord {
        ProducerRecord { key: Some(key), ..self }
    }

    /// The same to one partition.
    pub fn to_partition(self, partition: i32) -> ProducerRecord {
        ProducerRecord { partition: Some(partition), ..self }
    }
}

/// A record of typed key and value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypedRecord<K, V> {
    /// To which topic.
    pub topic: Str,
    /// To which partition; none leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; none stamps it when it is sent.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<K>,
    /// The value; none is a tombstone.
    pub value: Option<V>,
    /// The headers, in order; keys may repeat.
    pub headers: Vec<Header>,
}

impl<K, V> TypedRecord<K, V> {
    /// A record with key and value.
    pub fn new(topic: Str, key: K, value: V) -> TypedRecord<K, V> {
        TypedRecord { topic, partition: None, timestamp: None, key: Some(key), value: Some(value), headers: Vec::new() }
    }

    /// The record as bytes.
    ///
    /// # Errors
    /// What a serializer says.
    pub fn serialize(
        &self,
        keys: &impl Serializer<K>,
        values: &impl Serializer<V>,
    ) -> Result<ProducerRecord, SerdeError> {
        Ok(ProducerRecord {
            topic: self.topic.clone(),
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_ref().map(|key| keys.serialize(&self.topic, key)).transpose()?,
            value: self.value.as_ref().map(|value| values.serialize(&self.topic, value)).transpose()?,
            headers: self.headers.clone(),
        })
    }
}
