//! Elections on request and of preferred leaders (KIP-183, KIP-460).

use std::collections::BTreeSet;

use tribunal_common::{BrokerConfig, TopicIdPartition};
use tribunal_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use tribunal_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str};

use super::{Controller, MAX_RECORDS};
use crate::{Election, PartitionChange};

/// Elections in one look for preferred leaders (Kafka's own limit).
const MAX_REBALANCED: usize = 1_000;

/// Why there was no election, and a sentence where the code does not say it all.
type NotElected = (ErrorCode, Option<String>);

impl Controller {
    pub(super) fn elect_leaders(
        &self,
        version: i16,
        request: &ElectLeadersRequest,
        cfg: &BrokerConfig,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        let election = match request.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            unknown => return (Vec::new(), of_no_type(unknown, version, request).into()),
        };
        let mut records = Vec::new();
        let mut results = Vec::new();
        let mut seen = BTreeSet::new();
        let mut elect = |topic: &Str, number: i32| {
            if records.len() >= MAX_RECORDS {
                return result(number, Err((ErrorCode::InvalidRequest, None)));
            }
            let elected = self.elect(topic, number, election, cfg).map(|record| {
                // Who is named twice is elected once.
                if seen.insert((topic.clone(), number)) {
                    records.push(record);
                }
            });
            result(number, elected)
        };
        match &request.topic_partitions {
            Some(topics) => results.extend(topics.iter().map(|topic| ReplicaElectionResult {
                topic: topic.topic.clone(),
                partition_result: topic.partitions.iter().map(|number| elect(&topic.topic, *number)).collect(),
            })),
            // All partitions: those that have the leader already are not mentioned.
            None => results.extend(self.image.topics().map(|topic| {
                ReplicaElectionResult {
                    topic: topic.name.clone(),
                    partition_result: topic
                        .partitions
                        .keys()
                        .map(|number| elect(&topic.name, *number))
                        .filter(|result| result.error_code != ErrorCode::ElectionNotNeeded.code())
                        .collect(),
                }
            })),
        }
        (records, ElectLeadersResponse { replica_election_results: results, ..Default::default() }.into())
    }

    fn elect(
        &self,
        name: &Str,
        number: i32,
        election: Election,
        cfg: &BrokerConfig,
    ) -> Result<MetadataRecord, NotElected> {
        let unknown = |what: String| (ErrorCode::UnknownTopicOrPartition, Some(what));
        let topic = self.image.topic_by_name(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = topic.partitions.get(&number);
        let partition = partition.ok_or_else(|| unknown(format!("No such partition as {name}-{number}")))?;
        let (needless, impossible) = match election {
            Election::Unclean => (partition.has_leader(), ErrorCode::EligibleLeadersNotAvailable),
            _ => (partition.has_preferred_leader(), ErrorCode::PreferredLeaderNotAvailable),
        };
        if needless {
            let needless = ErrorCode::ElectionNotNeeded;
            return Err((needless, Some(needless.sentence().to_owned())));
        }
        let id = TopicIdPartition { topic: topic.id, partition: number };
        let config = self.image.topic_config(name, cfg);
        let change = self.change(id, partition, |broker| self.image.is_active(broker), &config).election(election);
        PartitionChange::build(change).map(MetadataRecord::from).ok_or((impossible, None))
    }

    /// Elections that give leadership back to preferred leaders that are in sync (`auto.leader.rebalance.enable`).
    pub(super) fn preferred_elections(&self, cfg: &BrokerConfig) -> Vec<MetadataRecord> {
        let topics = self.image.topics().flat_map(|topic| {
            let away = topic.partitions.iter().filter(|(_, partition)| !partition.has_preferred_leader());
            away.map(|(number, _)| (&topic.name, *number))
        });
        topics
            .filter_map(|(name, number)| self.elect(name, number, Election::Preferred, cfg).ok())
            .take(MAX_REBALANCED)
            .collect()
    }
}

/// The answer to an election of a type that there is not. Version 0 has no type, and no error of its own.
fn of_no_type(unknown: i8, version: i16, request: &ElectLeadersRequest) -> ElectLeadersResponse {
    let error = ErrorCode::InvalidRequest;
    let why = || (error, Some(format!("Unknown election type {unknown}")));
    let topics = request.topic_partitions.iter().flatten().map(|topic| ReplicaElectionResult {
        topic: topic.topic.clone(),
        partition_result: topic.partitions.iter().map(|number| result(*number, Err(why()))).collect(),
    });
    let error_code = if version == 0 { 0 } else { error.code() };
    ElectLeadersResponse { error_code, replica_election_results: topics.collect(), ..Default::default() }
}

fn result(partition_id: i32, result: Result<(), NotElected>) -> PartitionResult {
    let (error, message) = result.err().unwrap_or((ErrorCode::None, None));
    PartitionResult { partition_id, error_code: error.code(), error_message: message.map(Str::from) }
}
