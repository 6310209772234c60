//! JoinGroup.

use tribunal_protocol::messages::group_metadata_key::GroupMetadataKey;
use tribunal_protocol::messages::join_group_request::JoinGroupRequest;
use tribunal_protocol::messages::join_group_response::JoinGroupResponse;
use tribunal_protocol::{ErrorCode, GroupRecord, Str};

use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::member::{Member, detached};
use crate::out::{Alarm, Out, Reply, Then, Ticket, Write};
use crate::rebalance::{answer_join, answer_sync, heard_of};

/// First version whose clients must know their member id before they join (KIP-394).
const MEMBER_ID_SINCE: i16 = 4;
/// First version whose clients can be told to keep the assignment (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;
/// Member ids given out to clients that have not come back. Kafka has no such limit.
const MAX_PENDING: usize = 1_000;
/// Milliseconds after which a new member that waits is told to ask again: its connection may be long gone.
const NEW_MEMBER_TIMEOUT_MS: i32 = 300_000;

impl Groups {
    /// Serves JoinGroup. The answer may come much later.
    pub fn join(&mut self, ticket: Ticket, version: i16, request: JoinGroupRequest, cx: Context<'_>, out: &mut Out) {
        let refuse = |error: ErrorCode, member_id: &Str, out: &mut Out| {
            let member_id = member_id.clone();
            let response = JoinGroupResponse { error_code: error.code(), member_id, ..JoinGroupResponse::default() };
            out.reply(ticket, Reply::Join(response));
        };
        let id = request.group_id.detach();
        if id.is_empty() {
            return refuse(ErrorCode::InvalidGroupId, &request.member_id, out);
        }
        if !(cx.cfg.min_session_timeout_ms..=cx.cfg.max_session_timeout_ms).contains(&request.session_timeout_ms) {
            return refuse(ErrorCode::InvalidSessionTimeout, &request.member_id, out);
        }
        let is_unknown = request.member_id.is_empty();
        if !is_unknown && !self.groups.contains_key(&id) {
            return refuse(ErrorCode::UnknownMemberId, &request.member_id, out);
        }
        let group = self.groups.entry(id.clone()).or_insert_with(|| Group::new(cx.now_ms));
        if !has_room(group, &request.member_id, cx) {
            let member = request.member_id.clone();
            if !member.is_empty() {
                self.remove_member(&id, &member, out);
            }
            return refuse(ErrorCode::GroupMaxSizeReached, &Str::new(), out);
        }
        if !group.accepts(&request.protocol_type, request.protocols.iter().map(|protocol| &protocol.name)) {
            refuse(ErrorCode::InconsistentGroupProtocol, &request.member_id, out);
            return self.drop_if_idle(&id);
        }
        if !is_unknown {
            return self.join_again(ticket, id, request, cx, out);
        }
        let member_id = self.next_member_id(request.group_instance_id.as_ref());
        let Some(group) = self.groups.get_mut(&id) else { return };
        if let Some(instance) = &request.group_instance_id {
            return match group.instances.get(instance).cloned() {
                Some(old) => self.replace(ticket, version, (id, old, member_id), &request, cx, out),
                None => self.add_member(ticket, id, member_id, &request, cx, out),
            };
        }
        if version < MEMBER_ID_SINCE {
            return self.add_member(ticket, id, member_id, &request, cx, out);
        }
        group.pending.insert(member_id.clone());
        out.set(Alarm::Session { group: id, member: member_id.clone() }, request.session_timeout_ms);
        refuse(ErrorCode::MemberIdRequired, &member_id, out);
    }

    /// A member, or one that was given its id, joins.
    fn join_again(&mut self, ticket: Ticket, id: Str, request: JoinGroupRequest, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let member_id = request.member_id.detach();
        if group.pending.contains(&member_id) && request.group_instance_id.is_none() {
            return self.add_member(ticket, id, member_id, &request, cx, out);
        }
        if let Err(error) = group.check_member(&member_id, request.group_instance_id.as_ref()) {
            let response = JoinGroupResponse { error_code: error.code(), member_id, ..JoinGroupResponse::default() };
            return out.reply(ticket, Reply::Join(response));
        }
        let same = group.members.get(&member_id).is_some_and(|member| member.matches(&request.protocols));
        let rejoins = match group.state {
            State::PreparingRebalance => true,
            State::CompletingRebalance => !same,
            // A leader that joins wants a rebalance, for a reason that the coordinator does not see.
            State::Stable => !same || group.is_leader(&member_id),
            State::Empty => {
                let error_code = ErrorCode::UnknownMemberId.code();
                let response = JoinGroupResponse { error_code, member_id, ..JoinGroupResponse::default() };
                return out.reply(ticket, Reply::Join(response));
            }
        };
        if !rejoins {
            // The answer to its JoinGroup was lost, or it is a follower that asks in vain.
            let mut response = group.join_response(&member_id);
            if group.state == State::Stable {
                response.members.clear();
            }
            return out.reply(ticket, Reply::Join(response));
        }
        update(group, &member_id, ticket, &request, out);
        self.rebalance(&id, cx, out);
    }

    fn add_member(
        &mut self,
        ticket: Ticket,
        id: Str,
        member_id: Str,
        request: &JoinGroupRequest,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let member = Member {
            id: member_id.clone(),
            instance: request.group_instance_id.as_ref().map(Str::detach),
            client_id: Str::new(),
            client_host: Str::new(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: rebalance_timeout(request),
            protocols: detached(&request.protocols),
            assignment: Default::default(),
            joining: Some(ticket),
            syncing: None,
            is_new: true,
        };
        group.add(member, &request.protocol_type);
        group.grew |= group.initial && group.state == State::PreparingRebalance;
        out.set(Alarm::Session { group: id.clone(), member: member_id }, NEW_MEMBER_TIMEOUT_MS);
        self.rebalance(&id, cx, out);
    }

    /// A static member comes back without its member id: it gets another, and the old one is fenced.
    fn replace(
        &mut self,
        ticket: Ticket,
        version: i16,
        (id, old_id, new_id): (Str, Str, Str),
        request: &JoinGroupRequest,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let leader = group.leader.clone();
        let was_leader = group.is_leader(&old_id);
        let Some(mut member) = group.remove(&old_id) else { return };
        answer_join(&mut member, ErrorCode::FencedInstanceId, out);
        answer_sync(&mut member, ErrorCode::FencedInstanceId, out);
        out.cancel(Alarm::Session { group: id.clone(), member: old_id });
        let old = Box::new(member.clone());
        member.id = new_id.clone();
        let kind = group.protocol_type.clone().unwrap_or_default();
        group.add(member, &kind);
        if was_leader {
            group.leader = Some(new_id.clone());
        }
        update(group, &new_id, ticket, request, out);
        if let Some(member) = group.members.get(&new_id) {
            heard_of(&id, member, out);
        }
        match group.state {
            State::Stable if group.select_protocol() == group.protocol => {
                let assignment = group.members.values().map(|m| (m.id.clone(), m.assignment.clone())).collect();
                let record = group.to_record(&assignment);
                let record = GroupRecord::Group(GroupMetadataKey { group: id.clone() }, Some(record));
                let skips = version >= SKIP_ASSIGNMENT_SINCE;
                let generation = group.generation;
                let then = Then::Replaced { group: id, generation, old, new: new_id, leader, skips };
                out.writes.push(Write { records: vec![record], then });
            }
            // The leader may assign to the member id that is gone.
            State::Stable | State::CompletingRebalance => self.prepare(&id, cx, out),
            State::PreparingRebalance | State::Empty => self.complete_if_all_joined(&id, cx, out),
        }
    }

    /// The static member's new id is committed.
    pub(crate) fn replaced(
        &mut self,
        id: &Str,
        generation: i32,
        new_id: &Str,
        leader: Option<Str>,
        skips: bool,
        out: &mut Out,
    ) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.state != State::Stable || group.generation != generation {
            // A rebalance has begun, and the member waits for it.
            return;
        }
        let mut response = group.join_response(new_id);
        if skips {
            response.skip_assignment = group.is_leader(new_id);
        } else {
            // A client that cannot be told to keep the assignment must not think that it leads.
            response.members.clear();
            response.leader = leader.unwrap_or_default();
        }
        let Some(member) = group.members.get_mut(new_id) else { return };
        if let Some(ticket) = member.joining.take() {
            out.reply(ticket, Reply::Join(response));
        }
    }

    /// The static member's new id could not be written: the member is again what it was.
    pub(crate) fn replacement_lost(
        &mut self,
        id: &Str,
        old: Member,
        new_id: &Str,
        leader: Option<Str>,
        error: ErrorCode,
        out: &mut Out,
    ) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(mut removed) = group.remove(new_id) else { return };
        removed.id = Str::new();
        answer_join(&mut removed, error, out);
        out.cancel(Alarm::Session { group: id.clone(), member: new_id.clone() });
        heard_of(id, &old, out);
        let kind = group.protocol_type.clone().unwrap_or_default();
        group.add(old, &kind);
        group.leader = leader;
    }
}

/// Takes over what a member's request says.
fn update(group: &mut Group, member_id: &Str, ticket: Ticket, request: &JoinGroupRequest, out: &mut Out) {
    let Some(member) = group.members.get_mut(member_id) else { return };
    // An earlier request of the member, on a connection that it has given up.
    answer_join(member, ErrorCode::UnknownMemberId, out);
    answer_sync(member, ErrorCode::RebalanceInProgress, out);
    member.protocols = detached(&request.protocols);
    member.session_timeout_ms = request.session_timeout_ms;
    member.rebalance_timeout_ms = rebalance_timeout(request);
    member.joining = Some(ticket);
}

/// Version 0 has no rebalance timeout: the session timeout served for both.
fn rebalance_timeout(request: &JoinGroupRequest) -> i32 {
    match request.rebalance_timeout_ms {
        ..0 => request.session_timeout_ms,
        given => given,
    }
}

/// Whether the group may take the request (`group.max.size`, KIP-389).
fn has_room(group: &Group, member: &Str, cx: Context<'_>) -> bool {
    let max = usize::try_from(cx.cfg.max_size).unwrap_or(usize::MAX);
    let known = group.members.get(member);
    let room = match group.state {
        State::Empty => true,
        State::PreparingRebalance => known.is_some_and(|member| member.joining.is_some()) || group.joined() < max,
        State::CompletingRebalance | State::Stable => known.is_some() || group.members.len() < max,
    };
    room && (!member.is_empty() || group.pending.len() < MAX_PENDING)
}
