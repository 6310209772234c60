//! What administrators ask of replicas: DeleteRecords, DescribeLogDirs.

use std::collections::BTreeMap;

use tribunal_common::{Fx, Io, Obs};
use tribunal_contract::Disk;
use tribunal_protocol::messages::delete_records_request::DeleteRecordsRequest;
use tribunal_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use tribunal_protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use tribunal_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use tribunal_protocol::{ErrorCode, Str, Uuid};

use crate::merge::merge;
use crate::replicas::Replicas;

/// DeleteRecords: everything that consumers may read.
const HIGH_WATERMARK: i64 = -1;

impl Replicas {
    /// Serves DeleteRecords (KIP-107). Answers with this leader's new start offset; followers learn it with their next
    /// fetch. Kafka waits for them.
    pub fn delete_records<D: Disk, F: Fx>(
        &mut self,
        request: DeleteRecordsRequest,
        io: &mut Io<'_, D, F>,
    ) -> DeleteRecordsResponse {
        let mut topics = request.topics;
        merge(&mut topics);
        let topics = topics.into_iter().map(|topic| {
            let id = self.topic_id(&topic.name);
            let partitions = topic.partitions.iter().map(|wanted| {
                let partition_index = wanted.partition_index;
                match self.delete_before(id, partition_index, wanted.offset, io) {
                    Ok(low_watermark) => DeleteRecordsPartitionResult { partition_index, low_watermark, error_code: 0 },
                    Err(error) => {
                        DeleteRecordsPartitionResult { partition_index, low_watermark: -1, error_code: error.code() }
                    }
                }
            });
            let partitions = partitions.collect();
            DeleteRecordsTopicResult { name: topic.name, partitions }
        });
        DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn delete_before<D: Disk, F: Fx>(
        &mut self,
        topic: Option<Uuid>,
        partition: i32,
        offset: i64,
        io: &mut Io<'_, D, F>,
    ) -> Result<i64, ErrorCode> {
        let partition = self.led(topic, partition)?;
        let offset = if offset == HIGH_WATERMARK { partition.high_watermark } else { offset };
        if offset < 0 || offset > partition.high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if partition.log.delete_records_before(offset) {
            let start = partition.log.start_offset();
            io.fx.observe(Obs::LogStart { log: partition.id, start, emptied: false });
            io.fx.observe(Obs::RecordsDeleted { partition: partition.id, before: offset, start });
        }
        Ok(partition.log.start_offset())
    }

    /// Serves DescribeLogDirs (KIP-113). There is one log directory; how large its volume is, it cannot know.
    pub fn describe_log_dirs<D: Disk, F: Fx>(
        &self,
        request: DescribeLogDirsRequest,
        io: &mut Io<'_, D, F>,
    ) -> DescribeLogDirsResponse {
        let log_dir = io.cfg.log_dir.clone();
        if self.is_offline() {
            let error_code = ErrorCode::KafkaStorageError.code();
            let results = vec![DescribeLogDirsResult { error_code, log_dir, ..Default::default() }];
            return DescribeLogDirsResponse { results, ..Default::default() };
        }
        let asked = |topic: &Str, partition: i32| match &request.topics {
            None => true,
            Some(topics) => topics.iter().any(|asked| asked.topic == *topic && asked.partitions.contains(&partition)),
        };
        let mut topics: BTreeMap<Str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for replica in self.iter().filter(|replica| asked(&replica.topic, replica.id.partition)) {
            topics.entry(replica.topic.clone()).or_default().push(DescribeLogDirsPartition {
                partition_index: replica.id.partition,
                partition_size: replica.log.size() as i64,
                offset_lag: (replica.high_watermark - replica.log.end_offset()).max(0),
                is_future_key: false,
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| DescribeLogDirsTopic { name, partitions });
        let result = DescribeLogDirsResult { log_dir, topics: topics.collect(), ..Default::default() };
        DescribeLogDirsResponse { results: vec![result], ..Default::default() }
    }
}
