//! DescribeQuorum (KIP-595, KIP-836).

use tribunal_common::{Answer, Fx, Io};
use tribunal_contract::{ConnId, Disk};
use tribunal_protocol::messages::describe_quorum_response::{PartitionData, ReplicaState, TopicData};
use tribunal_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use tribunal_protocol::{ErrorCode, Str};

use crate::role::Role;
use crate::{Quorum, TOPIC};

impl Quorum {
    /// Times are not told (-1): a clock reading for each fetch in the state would make no two states alike for a model
    /// checker.
    pub(crate) fn on_describe<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        body: &DescribeQuorumRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let asks_for_metadata_log = matches!(&body.topics[..], [topic]
            if topic.topic_name == TOPIC && matches!(&topic.partitions[..], [p] if p.partition_index == 0));
        if !asks_for_metadata_log {
            return Answer::Now(unknown(body).into());
        }
        let mut partition = PartitionData {
            leader_id: self.election.leader.unwrap_or(-1),
            leader_epoch: self.election.epoch,
            high_watermark: -1,
            ..Default::default()
        };
        match &self.role {
            Role::Leader(leading) => {
                let replica = |replica_id: i32, log_end_offset: i64| ReplicaState {
                    replica_id,
                    log_end_offset,
                    ..Default::default()
                };
                partition.high_watermark = if self.is_active() { self.hw } else { -1 };
                let voters = io.cfg.voters.iter().zip(leading.ends());
                partition.current_voters = voters.map(|(id, end)| replica(*id, *end)).collect();
                partition.observers = leading.observers().iter().map(|(id, end)| replica(*id, *end)).collect();
            }
            _ => partition.error_code = ErrorCode::NotLeaderOrFollower.code(),
        }
        let topic = TopicData { topic_name: Str::from_static(TOPIC), partitions: vec![partition] };
        self.answer(conn, DescribeQuorumResponse { topics: vec![topic], ..Default::default() }.into())
    }
}

/// The answer to who asks of anything but the one partition that there is, or of that and more.
fn unknown(body: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error = ErrorCode::UnknownTopicOrPartition;
    let topics = body.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| PartitionData {
            partition_index: partition.partition_index,
            error_code: error.code(),
            error_message: Some(Str::from_static(error.sentence())),
            ..Default::default()
        });
        TopicData { topic_name: topic.topic_name.clone(), partitions: partitions.collect() }
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}
