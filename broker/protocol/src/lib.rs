//! Kafka's wire protocol: framing and messages, generated from one table per API.
