//! What admin clients ask for.

use tribunal_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use tribunal_protocol::messages::group_metadata_key::GroupMetadataKey;
use tribunal_protocol::messages::list_groups_response::ListedGroup;
use tribunal_protocol::messages::offset_commit_key::OffsetCommitKey;
use tribunal_protocol::messages::offset_delete_request::OffsetDeleteRequest;
use tribunal_protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use tribunal_protocol::{ErrorCode, GroupRecord, Str};

use crate::group::{Group, State};
use crate::groups::Groups;
use crate::out::{Out, Reply, Then, Ticket, Write};

/// First version of DescribeGroups that is told that there is no such group (KIP-1043).
const GROUP_ID_NOT_FOUND_SINCE: i16 = 6;

impl Groups {
    /// A group with its members, as DescribeGroups tells it.
    pub fn describe(&self, id: &Str, version: i16) -> DescribedGroup {
        let Some(group) = self.groups.get(id) else {
            let not_found = version >= GROUP_ID_NOT_FOUND_SINCE;
            let error = if not_found { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
            return DescribedGroup {
                group_id: id.clone(),
                error_code: error.code(),
                error_message: not_found.then(|| Str::from(format!("Group {id} not found."))),
                group_state: Str::from_static("Dead"),
                ..DescribedGroup::default()
            };
        };
        let assigned = group.state == State::Stable;
        let members = group.members.values().map(|member| DescribedGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: match &group.protocol {
                Some(protocol) if assigned => member.metadata(protocol),
                _ => Default::default(),
            },
            member_assignment: if assigned { member.assignment.clone() } else { Default::default() },
        });
        DescribedGroup {
            group_id: id.clone(),
            group_state: Str::from_static(group.state.name()),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol_data: if assigned { group.protocol.clone().unwrap_or_default() } else { Str::new() },
            members: members.collect(),
            ..DescribedGroup::default()
        }
    }

    /// The groups in one of these states, whose names are compared in lower case; all if there is none.
    pub fn list(&self, states: &[Str]) -> Vec<ListedGroup> {
        let wanted = |group: &Group| {
            states.is_empty() || states.iter().any(|state| state.eq_ignore_ascii_case(group.state.name()))
        };
        let listed = self.groups.iter().filter(|(_, group)| wanted(group)).map(|(id, group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            group_state: Str::from_static(group.state.name()),
            group_type: Str::from_static("classic"),
        });
        listed.collect()
    }

    /// Serves one group's part of DeleteGroups.
    pub fn delete(&mut self, ticket: Ticket, id: &Str, out: &mut Out) {
        let id = id.detach();
        let Some(group) = self.groups.get(&id) else {
            return out.reply(ticket, Reply::Delete(ErrorCode::GroupIdNotFound));
        };
        if group.state != State::Empty || !group.pending.is_empty() {
            return out.reply(ticket, Reply::Delete(ErrorCode::NonEmptyGroup));
        }
        let offsets: Vec<(Str, i32)> = group
            .offsets
            .iter()
            .flat_map(|(topic, partitions)| partitions.keys().map(|partition| (topic.clone(), *partition)))
            .collect();
        let records = tombstones(&id, &offsets, true);
        let reply = Some((ticket, Reply::Delete(ErrorCode::None)));
        out.writes.push(Write { records, then: Then::Remove { reply, group: id, offsets, whole: true } });
    }

    /// Serves OffsetDelete.
    pub fn delete_offsets(&mut self, ticket: Ticket, request: &OffsetDeleteRequest, out: &mut Out) {
        let id = request.group_id.detach();
        let refuse = |error: ErrorCode, out: &mut Out| {
            let response = OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() };
            out.reply(ticket, Reply::OffsetDelete(response));
        };
        let Some(group) = self.groups.get(&id) else { return refuse(ErrorCode::GroupIdNotFound, out) };
        if group.state != State::Empty && !group.of_consumers() {
            return refuse(ErrorCode::NonEmptyGroup, out);
        }
        let mut offsets = Vec::new();
        let topics = request.topics.iter().map(|topic| {
            let name = topic.name.detach();
            let in_use = group.subscribes_to(&name) && !group.members.is_empty();
            let partitions = topic.partitions.iter().map(|partition| {
                let index = partition.partition_index;
                let known = group.offsets.get(&name).is_some_and(|partitions| partitions.contains_key(&index));
                if known && !in_use {
                    offsets.push((name.clone(), index));
                }
                let error = if in_use { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
                OffsetDeleteResponsePartition { partition_index: index, error_code: error.code() }
            });
            let partitions = partitions.collect();
            OffsetDeleteResponseTopic { name, partitions }
        });
        let reply = Reply::OffsetDelete(OffsetDeleteResponse { topics: topics.collect(), ..Default::default() });
        if offsets.is_empty() {
            return out.reply(ticket, reply);
        }
        let records = tombstones(&id, &offsets, false);
        let then = Then::Remove { reply: Some((ticket, reply)), group: id, offsets, whole: false };
        out.writes.push(Write { records, then });
    }
}

/// Tombstones of a group's offsets, and of the group.
pub(crate) fn tombstones(id: &Str, offsets: &[(Str, i32)], whole: bool) -> Vec<GroupRecord> {
    let offsets = offsets.iter().map(|(topic, partition)| {
        let key = OffsetCommitKey { group: id.clone(), topic: topic.clone(), partition: *partition };
        GroupRecord::Offset(key, None)
    });
    offsets.chain(whole.then(|| GroupRecord::Group(GroupMetadataKey { group: id.clone() }, None))).collect()
}

/// The answer where tombstones could not be written.
pub(crate) fn removal_refused(reply: Reply, error: ErrorCode) -> Reply {
    match reply {
        Reply::OffsetDelete(_) => {
            Reply::OffsetDelete(OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() })
        }
        Reply::Delete(_) => Reply::Delete(error),
        Reply::Fetch(mut group) => {
            group.topics.clear();
            group.error_code = error.code();
            Reply::Fetch(group)
        }
        other => other,
    }
}
