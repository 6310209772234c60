//! What the machine asks for.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_common::Obs;
use tribunal_contract::{ConnId, Span};
use tribunal_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use tribunal_protocol::messages::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetDeleteResponse,
    SyncGroupResponse,
};
use tribunal_protocol::{ErrorCode, GroupRecord, Str};

use crate::member::Member;
use crate::offsets::Offset;

/// The request that a reply answers: a connection serves one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The connection.
    pub conn: ConnId,
    /// Which part of a request about several groups.
    pub part: u32,
}

/// An answer, or the part of one that concerns one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To JoinGroup.
    Join(JoinGroupResponse),
    /// To SyncGroup.
    Sync(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    Leave(LeaveGroupResponse),
    /// To OffsetCommit.
    Commit(OffsetCommitResponse),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// One group's part of the answer to OffsetFetch.
    Fetch(OffsetFetchResponseGroup),
    /// One group's part of the answer to DeleteGroups.
    Delete(ErrorCode),
}

/// A time limit. It is set anew or cancelled by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// A member has not been heard of for its session timeout.
    Session {
        /// The group's id.
        group: Str,
        /// The member id.
        member: Str,
    },
    /// The members have had their time to join the next generation.
    Join {
        /// The group's id.
        group: Str,
    },
    /// The members have had their time to ask for their assignments.
    Sync {
        /// The group's id.
        group: Str,
    },
}

/// Records to append as one batch, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// The records. None where only what was written before has to be committed first.
    pub records: Vec<GroupRecord>,
    /// What follows.
    pub then: Then,
}

/// What follows once records are appended and committed, or refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Offsets of one commit.
    Commit {
        /// Whom to answer; none where the committer was told that it takes too long.
        ticket: Option<Ticket>,
        /// The group's id.
        group: Str,
        /// The generation that commits, or -1.
        generation: i32,
        /// The member that commits, or empty.
        member: Str,
        /// Topic, partition and what is committed.
        offsets: Vec<(Str, i32, Offset)>,
        /// The answer if all goes well.
        response: OffsetCommitResponse,
    },
    /// The last member has left.
    Emptied {
        /// The group's id.
        group: Str,
        /// The generation without members.
        generation: i32,
    },
    /// The leader's assignment.
    Assigned {
        /// The group's id.
        group: Str,
        /// The generation it is for.
        generation: i32,
        /// By member id.
        assignment: BTreeMap<Str, Bytes>,
    },
    /// A static member came back under another member id while the group is stable.
    Replaced {
        /// The group's id.
        group: Str,
        /// The generation.
        generation: i32,
        /// The member as it was.
        old: Box<Member>,
        /// The member id that it has now.
        new: Str,
        /// The leader before.
        leader: Option<Str>,
        /// Whether the client understands that it keeps the assignment (JoinGroup 9, KIP-814).
        skips: bool,
    },
    /// Offsets or a whole group are removed.
    Remove {
        /// Whom to answer, and what; none where they expire.
        reply: Option<(Ticket, Reply)>,
        /// The group's id.
        group: Str,
        /// The offsets, by topic and partition.
        offsets: Vec<(Str, i32)>,
        /// Whether the group goes too.
        whole: bool,
    },
    /// Nothing more: whoever waited was told that it takes too long.
    Nothing,
    /// An answer that shows what was written before.
    Reply {
        /// Whom to answer.
        ticket: Ticket,
        /// What.
        reply: Reply,
    },
}

/// What one step asks for, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Out {
    /// Answers that wait for nothing.
    pub replies: Vec<(Ticket, Reply)>,
    /// Records to append.
    pub writes: Vec<Write>,
    /// Alarms to set, or to cancel where there is no time.
    pub alarms: Vec<(Alarm, Option<Span>)>,
    /// What there is to report.
    pub observed: Vec<Obs>,
}

impl Then {
    /// The answer to whoever has waited too long for the commit, if anyone can be told: what was written stays, and
    /// takes effect once it is committed.
    pub fn too_late(&mut self, error: ErrorCode) -> Option<(Ticket, Reply)> {
        match self {
            Then::Commit { ticket, response, .. } => {
                let ticket = ticket.take()?;
                Some((ticket, Reply::Commit(crate::offsets::commit_refused(response.clone(), error))))
            }
            Then::Remove { reply, .. } => {
                reply.take().map(|(ticket, reply)| (ticket, crate::admin::removal_refused(reply, error)))
            }
            Then::Reply { .. } => match std::mem::replace(self, Then::Nothing) {
                Then::Reply { ticket, reply } => Some((ticket, crate::admin::removal_refused(reply, error))),
                _ => None,
            },
            Then::Emptied { .. } | Then::Assigned { .. } | Then::Replaced { .. } | Then::Nothing => None,
        }
    }
}

impl Out {
    pub(crate) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }

    pub(crate) fn set(&mut self, alarm: Alarm, after_ms: i32) {
        self.alarms.push((alarm, Some(Span::from_millis(after_ms.max(0) as u64))));
    }

    pub(crate) fn cancel(&mut self, alarm: Alarm) {
        self.alarms.push((alarm, None));
    }
}
