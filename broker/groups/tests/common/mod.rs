//! A group's coordinator without a broker: its log is a list of records.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, VecDeque};

use tribunal_common::{BrokerConfig, GroupDefaults, Obs};
use tribunal_contract::{ConnId, Lane, NodeId};
use tribunal_groups::{Alarm, Context, Group, Groups, Out, Reply, Then, Ticket};
use tribunal_protocol::messages::HeartbeatRequest;
use tribunal_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use tribunal_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use tribunal_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tribunal_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use tribunal_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use tribunal_protocol::{Bytes, ErrorCode, GroupRecord, Str};

pub const GROUP: &str = "g";

pub fn ticket(client: u32) -> Ticket {
    let conn = ConnId { initiator: NodeId(client), acceptor: NodeId(0), lane: Lane(8), attempt: 0 };
    Ticket { conn, part: 0 }
}

/// A coordinator and its log.
#[derive(Clone, Debug)]
pub struct Run {
    pub groups: Groups,
    pub cfg: GroupDefaults,
    pub now_ms: i64,
    /// Whether writes stay uncommitted until `commit_all`.
    pub holds: bool,
    /// Why the log takes no records, if it takes none.
    pub refuses: Option<ErrorCode>,
    pub log: Vec<GroupRecord>,
    pub parked: VecDeque<Then>,
    pub answers: BTreeMap<ConnId, Reply>,
    pub alarms: BTreeMap<Alarm, u64>,
    pub observed: Vec<Obs>,
    pub epoch: u32,
}

impl Run {
    pub fn new() -> Run {
        Run {
            groups: Groups::new("0".into()),
            cfg: BrokerConfig::new(1, vec![1]).groups,
            now_ms: 1_000,
            holds: false,
            refuses: None,
            log: Vec::new(),
            parked: VecDeque::new(),
            answers: BTreeMap::new(),
            alarms: BTreeMap::new(),
            observed: Vec::new(),
            epoch: 0,
        }
    }

    pub fn step(&mut self, act: impl FnOnce(&mut Groups, Context<'_>, &mut Out)) {
        let cfg = self.cfg.clone();
        let cx = Context { now_ms: self.now_ms, cfg: &cfg };
        let mut out = Out::default();
        act(&mut self.groups, cx, &mut out);
        let mut outs = VecDeque::from([out]);
        loop {
            while let Some(out) = outs.pop_front() {
                self.observed.extend(out.observed);
                for (alarm, after) in out.alarms {
                    match after {
                        Some(after) => self.alarms.insert(alarm, after.as_millis()),
                        None => self.alarms.remove(&alarm),
                    };
                }
                for (ticket, reply) in out.replies {
                    let twice = self.answers.insert(ticket.conn, reply);
                    assert!(twice.is_none(), "two answers to one request");
                }
                for write in out.writes {
                    match self.refuses.filter(|_| !write.records.is_empty()) {
                        Some(error) => {
                            let mut out = Out::default();
                            self.groups.refused(write.then, error, cx, &mut out);
                            outs.push_back(out);
                        }
                        None => {
                            self.log.extend(write.records);
                            self.groups.appended(&write.then);
                            self.parked.push_back(write.then);
                        }
                    }
                }
            }
            if self.holds {
                break;
            }
            let Some(then) = self.parked.pop_front() else { break };
            let mut out = Out::default();
            self.groups.committed(then, cx, &mut out);
            outs.push_back(out);
        }
    }

    pub fn commit_all(&mut self) {
        self.holds = false;
        self.step(|_, _, _| {});
    }

    pub fn answer(&mut self, client: u32) -> Option<Reply> {
        self.answers.remove(&ticket(client).conn)
    }

    pub fn group(&self) -> &Group {
        self.groups.get(&GROUP.into()).expect("there is a group")
    }

    pub fn ring(&mut self, alarm: Alarm) {
        assert!(self.alarms.remove(&alarm).is_some(), "{alarm:?} is not set");
        self.step(|groups, cx, out| groups.on_alarm(&alarm, cx, out));
    }

    pub fn join(&mut self, client: u32, version: i16, member: &str, instance: Option<&str>) -> Option<Reply> {
        let protocols = vec![JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::new() }];
        let request = JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: member.into(),
            group_instance_id: instance.map(Str::from),
            protocol_type: "consumer".into(),
            protocols,
            ..Default::default()
        };
        self.step(|groups, cx, out| groups.join(ticket(client), version, request, cx, out));
        self.answer(client)
    }

    pub fn sync(&mut self, client: u32, member: &Str, generation: i32, assign: &[(&Str, &[u8])]) -> Option<Reply> {
        let assignments = assign.iter().map(|(member, assignment)| SyncGroupRequestAssignment {
            member_id: (*member).clone(),
            assignment: Bytes::copy_from_slice(assignment),
        });
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: generation,
            member_id: member.clone(),
            assignments: assignments.collect(),
            ..Default::default()
        };
        self.step(|groups, _, out| groups.sync(ticket(client), request, out));
        self.answer(client)
    }

    pub fn heartbeat(&mut self, member: &Str, generation: i32) -> i16 {
        self.heartbeat_of(member, generation, None)
    }

    pub fn heartbeat_of(&mut self, member: &Str, generation: i32, instance: Option<&str>) -> i16 {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: generation,
            member_id: member.clone(),
            group_instance_id: instance.map(Str::from),
        };
        self.step(|groups, _, out| groups.heartbeat(ticket(90), &request, out));
        let Some(Reply::Heartbeat(response)) = self.answer(90) else { panic!("a heartbeat is answered at once") };
        response.error_code
    }

    pub fn leave(&mut self, member: &Str) {
        let members = vec![MemberIdentity { member_id: member.clone(), ..Default::default() }];
        let request = LeaveGroupRequest { group_id: GROUP.into(), members, ..Default::default() };
        self.step(|groups, cx, out| groups.leave(ticket(91), 5, request, cx, out));
        assert!(matches!(self.answer(91), Some(Reply::Leave(_))));
    }

    pub fn try_commit(&mut self, client: u32, member: &Str, generation: i32, offset: i64) -> Option<Reply> {
        let partitions = vec![OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() }];
        let topics = vec![OffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() }];
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: generation,
            member_id: member.clone(),
            topics,
            ..Default::default()
        };
        self.step(|groups, cx, out| groups.commit(ticket(client), 8, request, |_, _| None, cx, out));
        self.answer(client)
    }

    pub fn commit(&mut self, member: &Str, generation: i32, offset: i64) -> i16 {
        let Some(Reply::Commit(response)) = self.try_commit(92, member, generation, offset) else { panic!() };
        response.topics[0].partitions[0].error_code
    }

    pub fn try_fetch(&mut self, client: u32, topics: Option<Vec<OffsetFetchRequestTopics>>) -> Option<Reply> {
        let request = OffsetFetchRequestGroup { group_id: GROUP.into(), topics, ..Default::default() };
        self.step(|groups, _, out| groups.fetch(ticket(client), &request, out));
        self.answer(client)
    }

    /// The offset that is committed of `t-0`, or -1.
    pub fn fetch(&mut self) -> i64 {
        let Some(Reply::Fetch(group)) = self.try_fetch(93, None) else { panic!("nothing is under way") };
        group.topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset)
    }

    pub fn delete(&mut self) -> ErrorCode {
        self.step(|groups, _, out| groups.delete(ticket(94), &GROUP.into(), out));
        let Some(Reply::Delete(error)) = self.answer(94) else { panic!("nothing is under way") };
        error
    }

    pub fn expire(&mut self) {
        self.step(|groups, cx, out| groups.expire(cx, out));
    }

    /// Two members in a stable generation 1; the first one leads.
    pub fn stable_pair(&mut self) -> (Str, Str) {
        assert!(self.join(1, 3, "", None).is_none());
        assert!(self.join(2, 3, "", None).is_none());
        // The second one extended the initial delay.
        self.ring(Alarm::Join { group: GROUP.into() });
        self.ring(Alarm::Join { group: GROUP.into() });
        let Some(Reply::Join(a)) = self.answer(1) else { panic!("the generation begins") };
        let Some(Reply::Join(b)) = self.answer(2) else { panic!("the generation begins") };
        assert_eq!((&a.leader, a.members.len(), b.members.len()), (&a.member_id, 2, 0));
        assert!(self.sync(2, &b.member_id, 1, &[]).is_none(), "it waits for the leader");
        let first: &[u8] = b"a";
        let synced = self.sync(1, &a.member_id, 1, &[(&a.member_id, first), (&b.member_id, b"b")]);
        let Some(Reply::Sync(synced)) = synced else { panic!("the assignment is committed") };
        assert_eq!((synced.error_code, &*synced.assignment), (0, first));
        let Some(Reply::Sync(synced)) = self.answer(2) else { panic!("the follower has its part") };
        assert_eq!(&*synced.assignment, b"b");
        (a.member_id, b.member_id)
    }

    /// What a new coordinator reads from the log.
    pub fn replayed(&self) -> Groups {
        let mut groups = Groups::new(Str::from(format!("{}", self.epoch + 1)));
        for record in &self.log {
            let (key, value) = record.encode().expect("records are well formed");
            groups.replay(GroupRecord::decode(key, value).expect("they are read again").expect("of a known kind"));
        }
        let cx = Context { now_ms: self.now_ms, cfg: &self.cfg };
        groups.loaded(cx, &mut Out::default());
        groups
    }
}
