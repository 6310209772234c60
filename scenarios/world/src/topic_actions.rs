//! What an administrator asks of topics: records deleted, settings altered.

use tribunal_language::{AlterTopic, Before, DeleteRecords};
use tribunal_protocol::Str;

use super::build::ADMIN;
use super::faults::{Faults, SimKernel};
use super::node::NodeInput;
use crate::apps::AdminInput;

/// DeleteRecords: everything that consumers may read.
const HIGH_WATERMARK: i64 = -1;

impl Faults {
    /// Asks the admin to delete records. A share is that of the committed records, by ground truth.
    pub(super) fn delete_records(&self, kernel: &mut SimKernel, delete: &DeleteRecords) {
        let Some(partition) = self.partition(&delete.partition) else { return };
        let truth = kernel.judge().invariants.truth();
        let before = match delete.before {
            Before::HighWatermark => HIGH_WATERMARK,
            Before::Offset(offset) => offset as i64,
            Before::Share(percent) => {
                let start = truth.log_start(partition);
                let records = (truth.committed_end(partition) - start).max(0);
                start + (i128::from(records) * i128::from(percent) / 100) as i64
            }
        };
        let topic = Str::from(delete.partition.topic.as_str());
        let input = AdminInput::DeleteRecords { topic, partition: partition.partition, before };
        kernel.input(ADMIN, NodeInput::Admin(input));
    }
}

/// What the admin is to ask.
pub(super) fn alter_topic(alter: &AlterTopic) -> AdminInput {
    let configs = [
        ("retention.ms", alter.retention_ms),
        ("retention.bytes", alter.retention_bytes),
        ("max.message.bytes", alter.max_message_bytes),
    ];
    let configs =
        configs.into_iter().filter_map(|(name, value)| Some((Str::from_static(name), Str::from(value?.to_string()))));
    AdminInput::AlterTopic { topic: Str::from(alter.topic.as_str()), configs: configs.collect() }
}
