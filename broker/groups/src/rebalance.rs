//! The phases of a rebalance.

use tribunal_protocol::messages::group_metadata_key::GroupMetadataKey;
use tribunal_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use tribunal_protocol::{ErrorCode, GroupRecord, Str};

use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::member::Member;
use crate::out::{Alarm, Out, Reply, Then, Write};

/// Answers a member's JoinGroup with an error, if one waits.
pub(crate) fn answer_join(member: &mut Member, error: ErrorCode, out: &mut Out) {
    if let Some(ticket) = member.joining.take() {
        let response = JoinGroupResponse {
            error_code: error.code(),
            member_id: member.id.clone(),
            ..JoinGroupResponse::default()
        };
        out.reply(ticket, Reply::Join(response));
    }
}

/// Answers a member's SyncGroup with an error, if one waits.
pub(crate) fn answer_sync(member: &mut Member, error: ErrorCode, out: &mut Out) {
    if let Some(ticket) = member.syncing.take() {
        let response = SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
        out.reply(ticket, Reply::Sync(response));
    }
}

/// The member has been heard of: its session begins anew.
pub(crate) fn heard_of(id: &Str, member: &Member, out: &mut Out) {
    let alarm = Alarm::Session { group: id.clone(), member: member.id.clone() };
    out.set(alarm, member.session_timeout_ms);
}

impl Groups {
    /// Begins a rebalance where one can begin, else goes on with the one under way.
    pub(crate) fn rebalance(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        match self.groups.get(id).map(|group| group.state) {
            Some(State::PreparingRebalance) => self.complete_if_all_joined(id, cx, out),
            Some(_) => self.prepare(id, cx, out),
            None => {}
        }
    }

    /// Asks every member to join the next generation.
    pub(crate) fn prepare(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.state == State::CompletingRebalance {
            for member in group.members.values_mut() {
                member.assignment.clear();
                if member.syncing.is_some() {
                    heard_of(id, member, out);
                }
                answer_sync(member, ErrorCode::RebalanceInProgress, out);
            }
        }
        group.unsynced.clear();
        out.cancel(Alarm::Sync { group: id.clone() });
        group.enter(State::PreparingRebalance, cx.now_ms);
        if group.initial {
            // A new group waits for others, so that they do not each cause a rebalance (KIP-134).
            let delay = cx.cfg.initial_rebalance_delay_ms;
            group.delay_left_ms = group.rebalance_timeout_ms().saturating_sub(delay).max(0);
            group.grew = false;
            return out.set(Alarm::Join { group: id.clone() }, delay);
        }
        if group.all_joined() {
            return self.complete(id, cx, out);
        }
        out.set(Alarm::Join { group: id.clone() }, group.rebalance_timeout_ms());
    }

    /// Ends the join phase if nobody is left to wait for.
    pub(crate) fn complete_if_all_joined(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get(id) else { return };
        if group.state == State::PreparingRebalance && !group.initial && group.all_joined() {
            self.complete(id, cx, out);
        }
    }

    /// `Alarm::Join`.
    pub(crate) fn join_time_over(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.state != State::PreparingRebalance {
            return;
        }
        if group.initial && group.grew && group.delay_left_ms > 0 {
            group.grew = false;
            let delay = cx.cfg.initial_rebalance_delay_ms.min(group.delay_left_ms);
            group.delay_left_ms -= delay;
            return out.set(Alarm::Join { group: id.clone() }, delay.max(1));
        }
        self.complete(id, cx, out);
    }

    /// Ends the join phase: members that have not joined are removed, unless they are static, and a new generation begins.
    pub(crate) fn complete(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        out.cancel(Alarm::Join { group: id.clone() });
        let late = group.members.values().filter(|member| member.joining.is_none() && member.instance.is_none());
        let late: Vec<Str> = late.map(|member| member.id.clone()).collect();
        for member in late {
            group.remove(&member);
            out.cancel(Alarm::Session { group: id.clone(), member });
        }
        if !elect_joined_leader(group) && !group.members.is_empty() {
            // Static members that do not join keep their place until their sessions end.
            return out.set(Alarm::Join { group: id.clone() }, group.rebalance_timeout_ms().max(1));
        }
        group.generation = group.generation.wrapping_add(1).max(1);
        group.unsynced.clear();
        if group.members.is_empty() {
            group.protocol = None;
            group.leader = None;
            group.enter(State::Empty, cx.now_ms);
            let record =
                GroupRecord::Group(GroupMetadataKey { group: id.clone() }, Some(group.to_record(&Default::default())));
            let then = Then::Emptied { group: id.clone(), generation: group.generation };
            return out.writes.push(Write { records: vec![record], then });
        }
        group.protocol = group.select_protocol();
        group.enter(State::CompletingRebalance, cx.now_ms);
        let ids: Vec<Str> = group.members.keys().cloned().collect();
        for member_id in ids {
            let response = group.join_response(&member_id);
            let Some(member) = group.members.get_mut(&member_id) else { continue };
            member.is_new = false;
            if let Some(ticket) = member.joining.take() {
                out.reply(ticket, Reply::Join(response));
            }
            heard_of(id, member, out);
            group.unsynced.insert(member_id);
        }
        out.set(Alarm::Sync { group: id.clone() }, group.rebalance_timeout_ms().max(1));
    }

    /// `Alarm::Sync`: members that have not asked for their assignment are removed.
    pub(crate) fn sync_time_over(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let waits = matches!(group.state, State::CompletingRebalance | State::Stable) && !group.unsynced.is_empty();
        if !waits {
            return;
        }
        for member in std::mem::take(&mut group.unsynced) {
            if let Some(mut removed) = group.remove(&member) {
                answer_join(&mut removed, ErrorCode::UnknownMemberId, out);
                answer_sync(&mut removed, ErrorCode::UnknownMemberId, out);
            }
            out.cancel(Alarm::Session { group: id.clone(), member });
        }
        self.prepare(id, cx, out);
    }

    /// `Alarm::Session`: a member that does not wait for an answer here is removed.
    pub(crate) fn session_ended(&mut self, id: &Str, member_id: &Str, cx: Context<'_>, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.pending.contains(member_id) {
            group.remove(member_id);
            self.complete_if_all_joined(id, cx, out);
            return self.drop_if_idle(id);
        }
        if group.members.get(member_id).is_some_and(|member| !member.waits()) {
            self.remove_member(id, member_id, out);
            self.after_removal(id, cx, out);
        }
    }

    /// Takes a member out of its group; its requests that wait are answered.
    pub(crate) fn remove_member(&mut self, id: &Str, member_id: &Str, out: &mut Out) {
        let Some(group) = self.groups.get_mut(id) else { return };
        out.cancel(Alarm::Session { group: id.clone(), member: member_id.clone() });
        if let Some(mut removed) = group.remove(member_id) {
            // The client asks to join anew, if it is still there.
            removed.id = if removed.joining.is_some() { Str::new() } else { removed.id };
            answer_join(&mut removed, ErrorCode::UnknownMemberId, out);
            answer_sync(&mut removed, ErrorCode::UnknownMemberId, out);
        }
    }

    /// Members have gone: the rest rebalances.
    pub(crate) fn after_removal(&mut self, id: &Str, cx: Context<'_>, out: &mut Out) {
        match self.groups.get(id).map(|group| group.state) {
            Some(State::Stable | State::CompletingRebalance) => self.prepare(id, cx, out),
            Some(State::PreparingRebalance) => {
                let Some(group) = self.groups.get(id) else { return };
                // A group whose last member goes before its first generation has nothing to wait for.
                if group.all_joined() && (!group.initial || group.members.is_empty()) {
                    self.complete(id, cx, out);
                }
            }
            Some(State::Empty) | None => {}
        }
    }
}

/// A leader that has not joined is replaced by a member that has. False if nobody has joined.
fn elect_joined_leader(group: &mut Group) -> bool {
    let joined = |id: &Str| group.members.get(id).is_some_and(|member| member.joining.is_some());
    if group.leader.as_ref().is_some_and(joined) {
        return true;
    }
    let next = group.members.values().find(|member| member.joining.is_some()).map(|member| member.id.clone());
    if next.is_some() {
        group.leader = next;
        return true;
    }
    false
}
