//! The machine.

use std::collections::BTreeMap;

use tribunal_common::GroupDefaults;
use tribunal_protocol::{ErrorCode, Str};

use crate::group::{Group, State};
use crate::out::{Alarm, Out, Reply, Then};

/// What a step is given beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The wall clock, milliseconds since the epoch: it stamps commits and decides what has expired.
    pub now_ms: i64,
    /// The broker's settings for groups.
    pub cfg: &'a GroupDefaults,
}

/// The groups of one partition of `__consumer_offsets`, in one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Groups {
    pub(crate) groups: BTreeMap<Str, Group>,
    /// Begins every member id: no other coordinator gives out ids that begin so.
    prefix: Str,
    /// Member ids given out so far.
    given: u32,
    /// Records that are appended or to be appended, and not yet committed.
    pub(crate) uncommitted: u32,
}

impl Groups {
    /// No groups. `prefix` is part of every member id that is given out; no other epoch or partition may have the same.
    pub fn new(prefix: Str) -> Groups {
        Groups { groups: BTreeMap::new(), prefix, given: 0, uncommitted: 0 }
    }

    /// A group.
    pub fn get(&self, group: &Str) -> Option<&Group> {
        self.groups.get(group)
    }

    /// All groups, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, &Group)> {
        self.groups.iter()
    }

    pub(crate) fn next_member_id(&mut self, instance: Option<&Str>) -> Str {
        self.given += 1;
        let name = instance.map_or("member", |instance| instance.as_str());
        Str::from(format!("{name}-{}-{:08x}", self.prefix, self.given))
    }

    /// An alarm went off.
    pub fn on_alarm(&mut self, alarm: &Alarm, cx: Context<'_>, out: &mut Out) {
        match alarm {
            Alarm::Session { group, member } => self.session_ended(group, member, cx, out),
            Alarm::Join { group } => self.join_time_over(group, cx, out),
            Alarm::Sync { group } => self.sync_time_over(group, cx, out),
        }
    }

    /// The records of a write are in the log: requests from now on see them.
    pub fn appended(&mut self, then: &Then) {
        self.uncommitted += 1;
        match then {
            Then::Commit { group, offsets, .. } => self.store(group, offsets),
            Then::Remove { group, offsets, whole, .. } => self.unstore(group, offsets, *whole),
            Then::Emptied { .. }
            | Then::Assigned { .. }
            | Then::Replaced { .. }
            | Then::Reply { .. }
            | Then::Nothing => {}
        }
    }

    /// The records of a write are committed. Writes are committed in the order in which they were appended.
    pub fn committed(&mut self, then: Then, cx: Context<'_>, out: &mut Out) {
        self.uncommitted -= 1;
        match then {
            Then::Commit { ticket, group, generation, member, offsets, response } => {
                self.commit_done(ticket, (group, generation, member), offsets, response, out);
            }
            Then::Emptied { group, generation } => {
                out.observed.push(tribunal_common::Obs::GenerationStarted { group, generation, members: Vec::new() });
            }
            Then::Assigned { group, generation, assignment } => self.assigned(&group, generation, assignment, cx, out),
            Then::Replaced { group, generation, new, leader, skips, .. } => {
                self.replaced(&group, generation, &new, leader, skips, out);
            }
            Then::Remove { reply: Some((ticket, reply)), .. } | Then::Reply { ticket, reply } => {
                out.reply(ticket, reply)
            }
            Then::Remove { reply: None, .. } | Then::Nothing => {}
        }
    }

    /// The records of a write were not appended.
    pub fn refused(&mut self, then: Then, error: ErrorCode, cx: Context<'_>, out: &mut Out) {
        match then {
            Then::Commit { ticket: Some(ticket), response, .. } => {
                out.reply(ticket, Reply::Commit(crate::offsets::commit_refused(response, error)));
            }
            Then::Assigned { group, generation, .. } => self.assignment_lost(&group, generation, error, cx, out),
            Then::Replaced { group, old, new, leader, .. } => {
                self.replacement_lost(&group, *old, &new, leader, error, out)
            }
            Then::Remove { reply: Some((ticket, reply)), .. } | Then::Reply { ticket, reply } => {
                out.reply(ticket, crate::admin::removal_refused(reply, error));
            }
            // The generation before is the last one in the log. It has no members that could still act.
            Then::Commit { ticket: None, .. }
            | Then::Emptied { .. }
            | Then::Remove { reply: None, .. }
            | Then::Nothing => {}
        }
    }

    /// This broker no longer coordinates: every request that waits here is answered with `error`.
    pub fn unload(&mut self, error: ErrorCode, out: &mut Out) {
        for (id, group) in &mut self.groups {
            for member in group.members.values_mut() {
                crate::rebalance::answer_join(member, error, out);
                crate::rebalance::answer_sync(member, error, out);
                out.cancel(Alarm::Session { group: id.clone(), member: member.id.clone() });
            }
            for member in &group.pending {
                out.cancel(Alarm::Session { group: id.clone(), member: member.clone() });
            }
            out.cancel(Alarm::Join { group: id.clone() });
            out.cancel(Alarm::Sync { group: id.clone() });
        }
    }

    /// Forgets a group that holds nothing: no member, no offset, no generation in the log.
    pub(crate) fn drop_if_idle(&mut self, id: &Str) {
        let idle = |group: &Group| {
            group.state == State::Empty
                && group.generation == 0
                && group.members.is_empty()
                && group.pending.is_empty()
                && group.offsets.is_empty()
        };
        if self.groups.get(id).is_some_and(idle) {
            self.groups.remove(id);
        }
    }
}
