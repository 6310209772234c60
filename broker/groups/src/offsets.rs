//! Committed offsets.

use std::collections::BTreeMap;

use tribunal_common::Obs;
use tribunal_protocol::messages::offset_commit_key::OffsetCommitKey;
use tribunal_protocol::messages::offset_commit_request::OffsetCommitRequest;
use tribunal_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use tribunal_protocol::messages::offset_commit_value::OffsetCommitValue;
use tribunal_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use tribunal_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use tribunal_protocol::{ErrorCode, GroupRecord, Str, Uuid};

use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::out::{Out, Reply, Then, Ticket, Write};
use crate::rebalance::heard_of;

/// First version of OffsetCommit that is told that there is no such group.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offset {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch of the last record read, or -1.
    pub leader_epoch: i32,
    /// What the committer keeps with it.
    pub metadata: Str,
    /// When it was committed, milliseconds since the epoch.
    pub committed_ms: i64,
    /// When it expires, milliseconds since the epoch; -1 for the broker's own setting.
    pub expires_ms: i64,
    /// Topic id, or zero where the committer does not know it.
    pub topic_id: Uuid,
}

impl Offset {
    pub(crate) fn from_record(value: OffsetCommitValue) -> Offset {
        Offset {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.detach(),
            committed_ms: value.commit_timestamp,
            expires_ms: value.expire_timestamp,
            topic_id: value.topic_id,
        }
    }

    fn to_record(&self) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.clone(),
            commit_timestamp: self.committed_ms,
            expire_timestamp: self.expires_ms,
            topic_id: self.topic_id,
        }
    }
}

impl Groups {
    /// Serves OffsetCommit. Topics have names, whatever the version; `refused` says which partitions there are not.
    pub fn commit(
        &mut self,
        ticket: Ticket,
        version: i16,
        request: OffsetCommitRequest,
        refused: impl Fn(&Str, i32) -> Option<ErrorCode>,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let id = request.group_id.detach();
        if let Err(error) = self.may_commit(&id, version, &request) {
            let topics = request.topics.iter().map(|topic| OffsetCommitResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions: topic.partitions.iter().map(|partition| answer(partition.partition_index, error)).collect(),
            });
            let response = OffsetCommitResponse { topics: topics.collect(), ..Default::default() };
            return out.reply(ticket, Reply::Commit(response));
        }
        if let Some(group) = self.groups.get(&id)
            && matches!(group.state, State::Stable | State::PreparingRebalance)
            && let Some(member) = group.members.get(&request.member_id)
        {
            heard_of(&id, member, out);
        }
        let expires_ms = match request.retention_time_ms {
            -1 => -1,
            retention => cx.now_ms.saturating_add(retention),
        };
        let mut offsets = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let name = topic.name.detach();
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.as_ref();
                let index = partition.partition_index;
                let error = match refused(&name, index) {
                    Some(error) => error,
                    None if metadata.is_some_and(|text| text.len() > cx.cfg.offset_metadata_max_bytes as usize) => {
                        ErrorCode::OffsetMetadataTooLarge
                    }
                    None => {
                        let offset = Offset {
                            offset: partition.committed_offset,
                            leader_epoch: partition.committed_leader_epoch,
                            metadata: metadata.map(Str::detach).unwrap_or_default(),
                            committed_ms: cx.now_ms,
                            expires_ms,
                            topic_id: topic.topic_id,
                        };
                        offsets.push((name.clone(), index, offset));
                        ErrorCode::None
                    }
                };
                partitions.push(answer(index, error));
            }
            topics.push(OffsetCommitResponseTopic { name, topic_id: topic.topic_id, partitions });
        }
        let response = OffsetCommitResponse { topics, ..Default::default() };
        if offsets.is_empty() {
            return out.reply(ticket, Reply::Commit(response));
        }
        let records = offsets.iter().map(|(topic, partition, offset)| {
            let key = OffsetCommitKey { group: id.clone(), topic: topic.clone(), partition: *partition };
            GroupRecord::Offset(key, Some(offset.to_record()))
        });
        let records = records.collect();
        let then = Then::Commit {
            ticket: Some(ticket),
            group: id,
            generation: request.generation_id_or_member_epoch,
            member: request.member_id.detach(),
            offsets,
            response,
        };
        out.writes.push(Write { records, then });
    }

    fn may_commit(&self, id: &Str, version: i16, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
        let generation = request.generation_id_or_member_epoch;
        let Some(group) = self.groups.get(id) else {
            // Whoever is no member of anything may commit for a group that it makes by this.
            return match generation {
                ..0 => Ok(()),
                _ if version >= GROUP_ID_NOT_FOUND_SINCE => Err(ErrorCode::GroupIdNotFound),
                _ => Err(ErrorCode::IllegalGeneration),
            };
        };
        let instance = request.group_instance_id.as_ref();
        if generation < 0 && group.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && request.member_id.is_empty() && instance.is_none() {
            return Err(ErrorCode::UnknownMemberId);
        }
        group.check_member(&request.member_id, instance)?;
        if generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if group.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    pub(crate) fn store(&mut self, id: &Str, offsets: &[(Str, i32, Offset)]) {
        let group = self.groups.entry(id.clone()).or_insert_with(|| {
            let now_ms = offsets.first().map_or(0, |(.., offset)| offset.committed_ms);
            Group::new(now_ms)
        });
        for (topic, partition, offset) in offsets {
            group.offsets.entry(topic.clone()).or_default().insert(*partition, offset.clone());
        }
    }

    pub(crate) fn unstore(&mut self, id: &Str, offsets: &[(Str, i32)], whole: bool) {
        let Some(group) = self.groups.get_mut(id) else { return };
        for (topic, partition) in offsets {
            if let Some(partitions) = group.offsets.get_mut(topic) {
                partitions.remove(partition);
                if partitions.is_empty() {
                    group.offsets.remove(topic);
                }
            }
        }
        if whole && group.members.is_empty() && group.pending.is_empty() {
            self.groups.remove(id);
        }
    }

    pub(crate) fn commit_done(
        &mut self,
        ticket: Option<Ticket>,
        (group, generation, member): (Str, i32, Str),
        offsets: Vec<(Str, i32, Offset)>,
        response: OffsetCommitResponse,
        out: &mut Out,
    ) {
        for (topic, partition, offset) in offsets {
            let (group, member) = (group.clone(), member.clone());
            out.observed.push(Obs::OffsetCommitted {
                group,
                topic,
                partition,
                offset: offset.offset,
                generation,
                member,
            });
        }
        if let Some(ticket) = ticket {
            out.reply(ticket, Reply::Commit(response));
        }
    }

    /// Serves a group's part of OffsetFetch; topics have names, whatever the version. It shows only what is committed:
    /// where writes are under way, the answer waits for them.
    pub fn fetch(&self, ticket: Ticket, request: &OffsetFetchRequestGroup, out: &mut Out) {
        let group = self.groups.get(&request.group_id);
        let offsets = group.map(|group| &group.offsets);
        let topics = match &request.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| {
                    let found = offsets.and_then(|offsets| offsets.get(&topic.name));
                    let partitions = topic.partition_indexes.iter().map(|&index| {
                        let offset = found.and_then(|partitions| partitions.get(&index));
                        let same = |offset: &&Offset| {
                            topic.topic_id == Uuid::ZERO
                                || offset.topic_id == Uuid::ZERO
                                || offset.topic_id == topic.topic_id
                        };
                        fetched(index, offset.filter(same))
                    });
                    OffsetFetchResponseTopics {
                        name: topic.name.clone(),
                        topic_id: topic.topic_id,
                        partitions: partitions.collect(),
                    }
                })
                .collect(),
            None => offsets.map(all).unwrap_or_default(),
        };
        let reply =
            Reply::Fetch(OffsetFetchResponseGroup { group_id: request.group_id.clone(), topics, error_code: 0 });
        if self.uncommitted == 0 {
            return out.reply(ticket, reply);
        }
        out.writes.push(Write { records: Vec::new(), then: Then::Reply { ticket, reply } });
    }
}

fn all(offsets: &BTreeMap<Str, BTreeMap<i32, Offset>>) -> Vec<OffsetFetchResponseTopics> {
    let topic = |(name, partitions): (&Str, &BTreeMap<i32, Offset>)| OffsetFetchResponseTopics {
        name: name.clone(),
        topic_id: Uuid::ZERO,
        partitions: partitions.iter().map(|(index, offset)| fetched(*index, Some(offset))).collect(),
    };
    offsets.iter().map(topic).collect()
}

fn fetched(partition_index: i32, offset: Option<&Offset>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.map_or(-1, |offset| offset.offset),
        committed_leader_epoch: offset.map_or(-1, |offset| offset.leader_epoch),
        metadata: Some(offset.map(|offset| offset.metadata.clone()).unwrap_or_default()),
        error_code: 0,
    }
}

fn answer(partition_index: i32, error: ErrorCode) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition { partition_index, error_code: error.code() }
}

/// The answer to a commit that was not written: what was refused before stays refused for its own reason.
pub(crate) fn commit_refused(mut response: OffsetCommitResponse, error: ErrorCode) -> OffsetCommitResponse {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == 0 {
            partition.error_code = error.code();
        }
    }
    response
}
