//! A group and its rules.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tribunal_common::GroupMember;
use tribunal_protocol::messages::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use tribunal_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use tribunal_protocol::{ErrorCode, Str};

use crate::consumer_protocol;
use crate::member::Member;
use crate::offsets::Offset;

/// The state of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No members; perhaps committed offsets.
    Empty,
    /// Members are asked to join the next generation.
    PreparingRebalance,
    /// The members have joined and the leader's assignment is awaited.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl State {
    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// What it does.
    pub state: State,
    /// Whether the rebalance that is being prepared began without members: it waits for others to come.
    pub(crate) initial: bool,
    /// Whether a member came during the initial delay.
    pub(crate) grew: bool,
    /// Milliseconds that the initial delay may still be extended by.
    pub(crate) delay_left_ms: i32,
    /// When it came into its state, milliseconds since the epoch.
    pub state_since_ms: i64,
    /// Grows with every rebalance.
    pub generation: i32,
    /// What the members are, `consumer` for consumers; none for a group that only stores offsets.
    pub protocol_type: Option<Str>,
    /// The protocol of the generation.
    pub protocol: Option<Str>,
    /// The member that assigns.
    pub leader: Option<Str>,
    /// By member id.
    pub members: BTreeMap<Str, Member>,
    /// Static members: instance id to member id.
    pub(crate) instances: BTreeMap<Str, Str>,
    /// Member ids that were given out and have not joined yet (KIP-394).
    pub(crate) pending: BTreeSet<Str>,
    /// Members that have not yet asked for their assignment.
    pub(crate) unsynced: BTreeSet<Str>,
    /// Committed offsets by topic and partition.
    pub offsets: BTreeMap<Str, BTreeMap<i32, Offset>>,
}

impl Group {
    pub(crate) fn new(now_ms: i64) -> Group {
        Group {
            state: State::Empty,
            initial: false,
            grew: false,
            delay_left_ms: 0,
            state_since_ms: now_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            offsets: BTreeMap::new(),
        }
    }

    pub(crate) fn enter(&mut self, state: State, now_ms: i64) {
        self.initial = state == State::PreparingRebalance && self.state == State::Empty;
        self.state = state;
        self.state_since_ms = now_ms;
    }

    pub(crate) fn is_leader(&self, member: &Str) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// How many members' JoinGroups wait.
    pub(crate) fn joined(&self) -> usize {
        self.members.values().filter(|member| member.joining.is_some()).count()
    }

    pub(crate) fn all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some())
    }

    /// The longest time that a rebalance waits for a member.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// Adds a member; the first one decides the type and leads.
    pub(crate) fn add(&mut self, member: Member, protocol_type: &Str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.detach());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), member.id.clone());
        }
        self.pending.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member or a member id that was given out. Another member leads then.
    pub(crate) fn remove(&mut self, id: &Str) -> Option<Member> {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let removed = self.members.remove(id);
        if let Some(instance) = removed.as_ref().and_then(|member| member.instance.as_ref())
            && self.instances.get(instance) == Some(id)
        {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        removed
    }

    /// Whether a member with these protocols can join.
    pub(crate) fn accepts<'a>(&self, protocol_type: &Str, mut names: impl Iterator<Item = &'a Str>) -> bool {
        if self.state == State::Empty || self.members.is_empty() && self.protocol_type.is_none() {
            return !protocol_type.is_empty() && names.next().is_some();
        }
        self.protocol_type.as_ref() == Some(protocol_type)
            && names.any(|name| self.members.values().all(|member| member.supports(name)))
    }

    /// Whether the request is that of a member, which its instance id, if it has one, belongs to.
    pub(crate) fn check_member(&self, member: &Str, instance: Option<&Str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The protocol that all members support and most prefer; the first by name of several.
    pub(crate) fn select_protocol(&self) -> Option<Str> {
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let choice =
                member.protocols.iter().find(|(name, _)| self.members.values().all(|other| other.supports(name)));
            if let Some((name, _)) = choice {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    /// What a member is told about the generation. The leader learns of all members.
    pub(crate) fn join_response(&self, member: &Str) -> JoinGroupResponse {
        let members = match (self.is_leader(member), &self.protocol) {
            (true, Some(protocol)) => self
                .members
                .values()
                .map(|other| JoinGroupResponseMember {
                    member_id: other.id.clone(),
                    group_instance_id: other.instance.clone(),
                    metadata: other.metadata(protocol),
                })
                .collect(),
            _ => Vec::new(),
        };
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member.clone(),
            members,
            ..JoinGroupResponse::default()
        }
    }

    /// The record of the generation with these assignments; without a member the group is empty.
    pub(crate) fn to_record(&self, assignment: &BTreeMap<Str, Bytes>) -> GroupMetadataValue {
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since_ms,
            members: self
                .members
                .values()
                .map(|member| MemberMetadata {
                    member_id: member.id.clone(),
                    group_instance_id: member.instance.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    rebalance_timeout: member.rebalance_timeout_ms,
                    session_timeout: member.session_timeout_ms,
                    subscription: self.protocol.as_ref().map(|protocol| member.metadata(protocol)).unwrap_or_default(),
                    assignment: assignment.get(&member.id).cloned().unwrap_or_default(),
                })
                .collect(),
        }
    }

    /// Whether the members are consumers.
    pub(crate) fn of_consumers(&self) -> bool {
        self.protocol_type.as_ref().is_some_and(|kind| *kind == *consumer_protocol::TYPE)
    }

    /// The topics that members subscribe to; none if they cannot be read or the group is not one of consumers.
    pub(crate) fn subscribed(&self) -> Option<BTreeSet<Str>> {
        if !self.of_consumers() {
            return None;
        }
        let mut topics = BTreeSet::new();
        if let Some(protocol) = &self.protocol {
            for member in self.members.values() {
                topics.extend(consumer_protocol::topics(&member.metadata(protocol))?);
            }
        } else if !self.members.is_empty() {
            return None;
        }
        Some(topics)
    }

    /// Whether offsets of the topic are in use.
    pub(crate) fn subscribes_to(&self, topic: &Str) -> bool {
        self.subscribed().map_or(self.of_consumers(), |topics| topics.contains(topic))
    }

    /// The members with what they own.
    pub(crate) fn owners(&self) -> Vec<GroupMember> {
        let owned = |member: &Member| match self.of_consumers() {
            true => consumer_protocol::partitions(&member.assignment).unwrap_or_default(),
            false => Vec::new(),
        };
        let as_owner = |member: &Member| GroupMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            owned: owned(member),
        };
        self.members.values().map(as_owner).collect()
    }
}
