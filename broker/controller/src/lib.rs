//! The metadata image and the controller: registration, fencing, topics, partition leader election.
//!
//! In: requests of brokers and administrators, and what the quorum has committed. Out: records for the metadata log,
//! and answers once those records are committed (KIP-631). Every node holds a [`MetadataImage`] of what is committed.
//! The leader of the quorum also runs a [`Controller`], which decides by appending records: it holds an image that is
//! ahead of the committed one by what is still in flight.
//!
//! | for | open |
//! |---|---|
//! | a partition's replicas, ISR, ELR and leader: the one place that decides them | `partition_change.rs` |
//! | changes of the ISR that leaders ask for | `controller/isr.rs` |
//! | registration, heartbeats, fencing | `controller/registration.rs`, `controller/heartbeat.rs` |
//! | partitions when a broker comes or goes | `controller/brokers.rs` |
//! | topics: creation, deletion, settings, placement | `controller/create_topics.rs`, `topic_config.rs`, `placement.rs` |
//! | elections, reassignments | `controller/elections.rs`, `controller/reassignments.rs` |
//! | what the metadata log says | `image.rs`, `replay.rs`, `snapshot.rs` |
//!
//! It does not know how its records are replicated, nor what is in a partition's log.

mod broker;
mod controller;
mod features;
mod image;
mod partition;
mod partition_change;
mod placement;
mod reassignment;
mod refusal;
mod replay;
mod snapshot;
mod topic_config;
mod topic_id;
mod topic_name;

pub use broker::{BrokerRegistration, Endpoint, SupportedFeature};
pub use controller::{Controller, MAX_BROKER_ID, MetadataWriter};
pub use features::{ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION, SUPPORTED_FEATURES};
pub use image::{ConfigResource, MetadataImage, TopicImage};
pub use partition::{LeaderRecoveryState, NO_LEADER, PartitionRegistration, partition_state};
pub use partition_change::{Election, PartitionChange};
pub use refusal::not_controller;
pub use replay::{Change, ReplayError};
pub use topic_config::{InvalidConfig, TimestampType, TopicConfig};
pub use topic_name::invalid_topic_name;
