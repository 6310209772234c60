//! The metadata image and the controller: registration, fencing, topics, partition leader election.
//!
//! Every node holds a [`MetadataImage`] of what is committed in the metadata log. The leader of the quorum also runs a
//! [`Controller`], which decides by appending records: it holds an image that is ahead of the committed one by what is
//! still in flight, and answers a request only once the records that it caused are committed (KIP-631).

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
