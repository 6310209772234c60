//! Answers to requests about several groups, which different shards may have.

use tribunal_groups::Reply;
use tribunal_protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use tribunal_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use tribunal_protocol::{ErrorCode, ResponseBody};
use tribunal_replica::Replicas;

/// First version of OffsetFetch about several groups.
pub(crate) const GROUPS_SINCE: i16 = 8;
/// First version of OffsetFetch that names topics by id.
pub(crate) const TOPIC_IDS_SINCE: i16 = 10;
/// First version of OffsetFetch with an error of its own.
const TOP_ERROR_SINCE: i16 = 2;

/// An answer in the making.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gather {
    pub(crate) version: i16,
    /// Parts that are not there yet.
    pub(crate) missing: usize,
    pub(crate) parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Parts {
    /// Of DeleteGroups.
    Delete(Vec<DeletableGroupResult>),
    /// Of OffsetFetch: each group with the topics that are refused, and its part once it is there.
    Fetch(Vec<(Vec<OffsetFetchResponseTopics>, OffsetFetchResponseGroup)>),
}

impl Gather {
    /// Takes a part in. The whole answer, if it is the last one.
    pub(crate) fn add(&mut self, part: u32, reply: Reply) {
        match (&mut self.parts, reply) {
            (Parts::Delete(results), Reply::Delete(error)) => {
                if let Some(result) = results.get_mut(part as usize) {
                    result.error_code = error.code();
                }
            }
            (Parts::Fetch(groups), Reply::Fetch(group)) => {
                if let Some((_, place)) = groups.get_mut(part as usize) {
                    *place = group;
                }
            }
            _ => return,
        }
        self.missing -= 1;
    }

    /// The answer, once nothing is missing.
    pub(crate) fn finish(self, replicas: &Replicas) -> ResponseBody {
        match self.parts {
            Parts::Delete(results) => DeleteGroupsResponse { results, ..Default::default() }.into(),
            Parts::Fetch(groups) => {
                let mut groups: Vec<OffsetFetchResponseGroup> = groups
                    .into_iter()
                    .map(|(refused, mut group)| {
                        if group.error_code == 0 {
                            group.topics.extend(refused);
                        }
                        group
                    })
                    .collect();
                if self.version >= TOPIC_IDS_SINCE {
                    groups.iter_mut().for_each(|group| name_by_id(group, replicas));
                }
                if self.version >= GROUPS_SINCE {
                    return OffsetFetchResponse { groups, ..Default::default() }.into();
                }
                flat(groups.pop().unwrap_or_default(), self.version).into()
            }
        }
    }
}

/// Topics that are gone have no id, and are not shown.
fn name_by_id(group: &mut OffsetFetchResponseGroup, replicas: &Replicas) {
    group.topics.retain_mut(|topic| {
        if topic.topic_id == Default::default()
            && let Some(id) = replicas.topic_id(&topic.name)
        {
            topic.topic_id = id;
        }
        topic.topic_id != Default::default()
    });
}

/// One group, as versions below 8 tell it.
fn flat(group: OffsetFetchResponseGroup, version: i16) -> OffsetFetchResponse {
    let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| OffsetFetchResponsePartition {
                partition_index: partition.partition_index,
                committed_offset: partition.committed_offset,
                committed_leader_epoch: partition.committed_leader_epoch,
                metadata: partition.metadata,
                error_code: if version < TOP_ERROR_SINCE && group.error_code != 0 {
                    group.error_code
                } else {
                    partition.error_code
                },
            })
            .collect(),
    });
    let error_code = if version < TOP_ERROR_SINCE { ErrorCode::None.code() } else { group.error_code };
    OffsetFetchResponse { topics: topics.collect(), error_code, ..Default::default() }
}
