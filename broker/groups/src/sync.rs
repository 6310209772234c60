//! SyncGroup and Heartbeat.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_common::Obs;
use tribunal_protocol::messages::group_metadata_key::GroupMetadataKey;
use tribunal_protocol::messages::{HeartbeatRequest, HeartbeatResponse, SyncGroupRequest, SyncGroupResponse};
use tribunal_protocol::{ErrorCode, GroupRecord, Str};

use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::member::Member;
use crate::out::{Out, Reply, Then, Ticket, Write};
use crate::rebalance::{answer_sync, heard_of};

impl Groups {
    /// Serves SyncGroup. A follower's answer waits for the leader's assignment.
    pub fn sync(&mut self, ticket: Ticket, request: SyncGroupRequest, out: &mut Out) {
        if let Err(error) = self.try_sync(ticket, request, out) {
            let response = SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
            out.reply(ticket, Reply::Sync(response));
        }
    }

    fn try_sync(&mut self, ticket: Ticket, request: SyncGroupRequest, out: &mut Out) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let id = request.group_id.detach();
        let group = self.groups.get_mut(&id).ok_or(ErrorCode::UnknownMemberId)?;
        group.check_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |theirs: &Option<Str>, ours: &Option<Str>| theirs.is_some() && theirs != ours;
        if differs(&request.protocol_type, &group.protocol_type) || differs(&request.protocol_name, &group.protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match group.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::Stable => {
                group.unsynced.remove(&request.member_id);
                if let Some(member) = group.members.get(&request.member_id) {
                    out.reply(ticket, Reply::Sync(sync_response(group, member)));
                }
                Ok(())
            }
            State::CompletingRebalance => {
                group.unsynced.remove(&request.member_id);
                let leads = group.is_leader(&request.member_id);
                let Some(member) = group.members.get_mut(&request.member_id) else { return Ok(()) };
                answer_sync(member, ErrorCode::RebalanceInProgress, out);
                member.syncing = Some(ticket);
                if leads {
                    let given = request.assignments.iter().filter(|given| group.members.contains_key(&given.member_id));
                    let assignment: BTreeMap<Str, Bytes> = given
                        .map(|given| (given.member_id.detach(), Bytes::copy_from_slice(&given.assignment)))
                        .collect();
                    let record = group.to_record(&assignment);
                    let record = GroupRecord::Group(GroupMetadataKey { group: id.clone() }, Some(record));
                    let then = Then::Assigned { group: id, generation: group.generation, assignment };
                    out.writes.push(Write { records: vec![record], then });
                }
                Ok(())
            }
        }
    }

    /// The assignment is committed: every member that waits gets its part.
    pub(crate) fn assigned(
        &mut self,
        id: &Str,
        generation: i32,
        mut assignment: BTreeMap<Str, Bytes>,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let Some(group) = self.awaiting(id, generation) else { return };
        for member in group.members.values_mut() {
            member.assignment = assignment.remove(&member.id).unwrap_or_default();
        }
        group.enter(State::Stable, cx.now_ms);
        let answers: Vec<(Str, SyncGroupResponse)> = group
            .members
            .values()
            .filter(|member| member.syncing.is_some())
            .map(|member| (member.id.clone(), sync_response(group, member)))
            .collect();
        for (member, response) in answers {
            let Some(member) = group.members.get_mut(&member) else { continue };
            if let Some(ticket) = member.syncing.take() {
                out.reply(ticket, Reply::Sync(response));
            }
            // Its session may have ended unnoticed while it waited.
            heard_of(id, member, out);
        }
        let members = group.owners();
        out.observed.push(Obs::GenerationStarted { group: id.clone(), generation, members });
    }

    /// The assignment could not be written: the members join again.
    pub(crate) fn assignment_lost(
        &mut self,
        id: &Str,
        generation: i32,
        error: ErrorCode,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let Some(group) = self.awaiting(id, generation) else { return };
        for member in group.members.values_mut() {
            if member.syncing.is_some() {
                heard_of(id, member, out);
            }
            answer_sync(member, error, out);
        }
        self.prepare(id, cx, out);
    }

    fn awaiting(&mut self, id: &Str, generation: i32) -> Option<&mut Group> {
        let group = self.groups.get_mut(id)?;
        (group.state == State::CompletingRebalance && group.generation == generation).then_some(group)
    }

    /// Serves Heartbeat.
    pub fn heartbeat(&mut self, ticket: Ticket, request: &HeartbeatRequest, out: &mut Out) {
        let error = self.try_heartbeat(request, out).err().unwrap_or(ErrorCode::None);
        out.reply(ticket, Reply::Heartbeat(HeartbeatResponse { error_code: error.code(), ..Default::default() }));
    }

    fn try_heartbeat(&mut self, request: &HeartbeatRequest, out: &mut Out) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let (id, group) = self.groups.get_key_value(&request.group_id).ok_or(ErrorCode::UnknownMemberId)?;
        group.check_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if let Some(member) = group.members.get(&request.member_id) {
            heard_of(id, member, out);
        }
        match group.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}

fn sync_response(group: &Group, member: &Member) -> SyncGroupResponse {
    SyncGroupResponse {
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol.clone(),
        assignment: member.assignment.clone(),
        ..SyncGroupResponse::default()
    }
}
