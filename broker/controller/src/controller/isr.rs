//! AlterPartition: leaders change their ISR (KIP-497, KIP-841, KIP-903).

use std::collections::BTreeSet;

use tribunal_common::{BrokerConfig, Bugs, TopicIdPartition, planted};
use tribunal_protocol::messages::alter_partition_request::{BrokerState, PartitionData};
use tribunal_protocol::messages::alter_partition_response::{
    PartitionData as PartitionAnswer, TopicData as TopicAnswer,
};
use tribunal_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody};

use super::Controller;
use crate::refusal::partition_refused;
use crate::{LeaderRecoveryState, PartitionRegistration};

/// A broker epoch that is not to be checked.
const ANY_EPOCH: i64 = -1;

impl Controller {
    pub(super) fn alter_partition(
        &self,
        version: i16,
        request: &AlterPartitionRequest,
        cfg: &BrokerConfig,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        let mut response = AlterPartitionResponse::default();
        let mut records = Vec::new();
        if let Err(error) = self.registered(request.broker_id, request.broker_epoch) {
            response.error_code = error.code();
            return (records, response.into());
        }
        let mut seen = BTreeSet::new();
        for topic in &request.topics {
            let partitions = topic.partitions.iter().map(|partition| {
                let id = TopicIdPartition { topic: topic.topic_id, partition: partition.partition_index };
                // A second change would be made to a state that is no more.
                if !seen.insert(id) {
                    return partition_refused(id.partition, ErrorCode::InvalidRequest);
                }
                let isr = new_isr(version, partition);
                match self.alter(id, request.broker_id, partition, &isr, cfg) {
                    Ok((record, answer)) => {
                        records.extend(record);
                        answer
                    }
                    Err(error) => partition_refused(id.partition, error),
                }
            });
            response.topics.push(TopicAnswer { topic_id: topic.topic_id, partitions: partitions.collect() });
        }
        (records, response.into())
    }

    fn alter(
        &self,
        id: TopicIdPartition,
        requester: i32,
        data: &PartitionData,
        isr: &[BrokerState],
        cfg: &BrokerConfig,
    ) -> Result<(Option<MetadataRecord>, PartitionAnswer), ErrorCode> {
        let topic = self.image.topic(id.topic).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topic.partitions.get(&id.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        // Who has seen a later state than this has seen a later controller.
        if data.leader_epoch > partition.leader_epoch || data.partition_epoch > partition.partition_epoch {
            return Err(ErrorCode::NotController);
        }
        if data.leader_epoch < partition.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if requester != partition.leader {
            return Err(ErrorCode::InvalidRequest);
        }
        let recovery = LeaderRecoveryState::from_value(data.leader_recovery_state).ok_or(ErrorCode::InvalidRequest)?;
        let target: Vec<i32> = isr.iter().map(|member| member.broker_id).collect();
        if data.partition_epoch < partition.partition_epoch {
            // The answer to the request that made this state was lost, and the leader asks again (KAFKA-14144).
            let made = recovery == partition.leader_recovery_state && is_same_set(&target, &partition.isr);
            if !made {
                return Err(ErrorCode::InvalidUpdateVersion);
            }
        }
        check_isr(partition, &target, recovery)?;
        if !isr.iter().all(|member| self.is_eligible(member, cfg.bugs)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let config = self.image.topic_config(&topic.name, cfg);
        let change = self
            .change(id, partition, |broker| self.image.is_active(broker), &config)
            .target_isr(target)
            .target_recovery(recovery)
            .build();
        let Some(change) = change else { return Ok((None, answer(id, partition))) };
        let next = partition.merge(&change).map_err(|_| ErrorCode::UnknownServerError)?;
        // The change has completed a reassignment and removed the leader, or others: then it leads a new epoch.
        if next.leader_epoch != partition.leader_epoch {
            return Ok((Some(change.into()), partition_refused(id.partition, ErrorCode::NewLeaderElected)));
        }
        Ok((Some(change.into()), answer(id, &next)))
    }

    /// Whether a replica may be in sync: its broker is registered in the epoch in which the leader heard of it, and
    /// neither fenced nor shutting down.
    fn is_eligible(&self, member: &BrokerState, bugs: Bugs) -> bool {
        self.image.broker(member.broker_id).is_some_and(|broker| {
            let seen = member.broker_epoch == ANY_EPOCH || member.broker_epoch == broker.epoch;
            (broker.is_active() || planted!(bugs, Kip841)) && (seen || planted!(bugs, Kip903))
        })
    }
}

fn new_isr(version: i16, data: &PartitionData) -> Vec<BrokerState> {
    if version >= 3 {
        return data.new_isr_with_epochs.clone();
    }
    data.new_isr.iter().map(|id| BrokerState { broker_id: *id, broker_epoch: ANY_EPOCH }).collect()
}

fn check_isr(partition: &PartitionRegistration, isr: &[i32], recovery: LeaderRecoveryState) -> Result<(), ErrorCode> {
    let distinct: BTreeSet<_> = isr.iter().collect();
    let replicas = isr.iter().all(|id| partition.replicas.contains(id));
    if distinct.len() != isr.len() || !replicas || !isr.contains(&partition.leader) {
        return Err(ErrorCode::InvalidRequest);
    }
    let recovering = recovery == LeaderRecoveryState::Recovering;
    // A leader that still recovers has nobody in sync, and recovery begins with an election only.
    if recovering && (isr.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered) {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(())
}

fn is_same_set(a: &[i32], b: &[i32]) -> bool {
    a.len() == b.len() && a.iter().all(|id| b.contains(id))
}

fn answer(id: TopicIdPartition, partition: &PartitionRegistration) -> PartitionAnswer {
    PartitionAnswer {
        partition_index: id.partition,
        error_code: ErrorCode::None.code(),
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        isr: partition.isr.clone(),
        leader_recovery_state: partition.leader_recovery_state.value(),
        partition_epoch: partition.partition_epoch,
    }
}
