//! Reading what an earlier coordinator wrote.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tribunal_protocol::messages::group_metadata_value::GroupMetadataValue;
use tribunal_protocol::{GroupRecord, Str};

use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::member::Member;
use crate::offsets::Offset;
use crate::out::Out;
use crate::rebalance::heard_of;

impl Groups {
    /// Takes in a record of the log. Records come in the order of their offsets.
    pub fn replay(&mut self, record: GroupRecord) {
        match record {
            GroupRecord::Offset(key, Some(value)) => {
                self.store(&key.group.detach(), &[(key.topic.detach(), key.partition, Offset::from_record(value))]);
            }
            GroupRecord::Offset(key, None) => self.unstore(&key.group, &[(key.topic, key.partition)], false),
            GroupRecord::Group(key, Some(value)) => {
                let group = self.groups.entry(key.group.detach()).or_insert_with(|| Group::new(0));
                restore(group, value);
            }
            GroupRecord::Group(key, None) => {
                // Offsets have tombstones of their own.
                if let Some(group) = self.groups.get_mut(&key.group) {
                    let offsets = std::mem::take(&mut group.offsets);
                    *group = Group::new(group.state_since_ms);
                    group.offsets = offsets;
                    self.drop_if_idle(&key.group);
                }
            }
        }
    }

    /// The whole log is read: the members' sessions begin, and a group that has become too large rebalances.
    pub fn loaded(&mut self, cx: Context<'_>, out: &mut Out) {
        let ids: Vec<Str> = self.groups.keys().cloned().collect();
        for id in ids {
            self.drop_if_idle(&id);
            let Some(group) = self.groups.get(&id) else { continue };
            for member in group.members.values() {
                heard_of(&id, member, out);
            }
            if usize::try_from(cx.cfg.max_size).is_ok_and(|max| group.members.len() > max) {
                self.prepare(&id, cx, out);
            }
        }
    }
}

/// Makes a group what its record says.
fn restore(group: &mut Group, value: GroupMetadataValue) {
    let protocol = value.protocol.as_ref().map(Str::detach);
    let member = |member: tribunal_protocol::messages::group_metadata_value::MemberMetadata| Member {
        id: member.member_id.detach(),
        instance: member.group_instance_id.as_ref().map(Str::detach),
        client_id: member.client_id.detach(),
        client_host: member.client_host.detach(),
        session_timeout_ms: member.session_timeout,
        // Version 0 has none: the session timeout served for both.
        rebalance_timeout_ms: if member.rebalance_timeout < 0 {
            member.session_timeout
        } else {
            member.rebalance_timeout
        },
        protocols: protocol.iter().map(|name| (name.clone(), Bytes::copy_from_slice(&member.subscription))).collect(),
        assignment: Bytes::copy_from_slice(&member.assignment),
        joining: None,
        syncing: None,
        is_new: false,
    };
    let members: BTreeMap<Str, Member> =
        value.members.into_iter().map(member).map(|member| (member.id.clone(), member)).collect();
    let instances = members.values().filter_map(|member| Some((member.instance.clone()?, member.id.clone())));
    *group = Group {
        state: if members.is_empty() { State::Empty } else { State::Stable },
        initial: false,
        grew: false,
        delay_left_ms: 0,
        state_since_ms: value.current_state_timestamp,
        generation: value.generation,
        protocol_type: Some(value.protocol_type.detach()).filter(|kind| !kind.is_empty()),
        leader: value.leader.as_ref().map(Str::detach).filter(|leader| members.contains_key(leader)),
        instances: instances.collect(),
        pending: BTreeSet::new(),
        unsynced: BTreeSet::new(),
        offsets: std::mem::take(&mut group.offsets),
        protocol,
        members,
    };
}
