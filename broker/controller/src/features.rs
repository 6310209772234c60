//! Feature levels (KIP-584): what this code can do, and what a new cluster starts with.

use tribunal_protocol::messages::FeatureLevelRecord;
use tribunal_protocol::{MetadataRecord, Str};

use crate::MetadataImage;

/// The feature whose level says which metadata records may be written.
pub const METADATA_VERSION: &str = "metadata.version";
/// The feature that turns on eligible leader replicas (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// What a broker of this code states at registration: name, lowest and highest level.
///
/// `metadata.version` 7 is 3.3-IV3, the oldest that Kafka 4 can be upgraded from; 27 is 4.1-IV1.
pub const SUPPORTED_FEATURES: [(&str, i16, i16); 2] =
    [(METADATA_VERSION, 7, 27), (ELIGIBLE_LEADER_REPLICAS_VERSION, 0, 1)];

/// The records that begin an empty metadata log.
pub(crate) fn bootstrap_records() -> Vec<MetadataRecord> {
    SUPPORTED_FEATURES
        .iter()
        .map(|&(name, _, level)| FeatureLevelRecord { name: Str::from_static(name), feature_level: level }.into())
        .collect()
}

impl MetadataImage {
    /// Whether leaving members of a too small ISR stay eligible to lead (KIP-966).
    pub fn is_elr_enabled(&self) -> bool {
        self.feature(ELIGIBLE_LEADER_REPLICAS_VERSION) > 0
    }
}
