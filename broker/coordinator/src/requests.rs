//! Requests on their way to the shard that has the group.

use tribunal_common::{Answer, Fx, Io};
use tribunal_contract::{ConnId, Disk};
use tribunal_groups::{Out, Reply, Ticket};
use tribunal_protocol::messages::delete_groups_response::DeletableGroupResult;
use tribunal_protocol::messages::describe_groups_response::{DescribeGroupsResponse, DescribedGroup};
use tribunal_protocol::messages::list_groups_response::ListGroupsResponse;
use tribunal_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use tribunal_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use tribunal_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use tribunal_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteResponse, SyncGroupResponse,
};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str};
use tribunal_replica::{OFFSETS_TOPIC, Replicas};

use crate::coordinator::{Coordinator, context};
use crate::gather::{GROUPS_SINCE, Gather, Parts, TOPIC_IDS_SINCE};
use crate::partition_of;

/// First version of OffsetCommit that names topics by id.
const COMMIT_TOPIC_IDS_SINCE: i16 = 10;
/// What may be done with a group where nobody is kept from anything, as bits of Kafka's operations: read, delete and
/// describe it, see and change its settings.
const OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

impl Coordinator {
    /// Serves a request about groups. Whoever sends another one here breaks the protocol.
    pub fn on_request<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        match body {
            RequestBody::DescribeGroups(request) => Answer::Now(self.describe(request, version, replicas).into()),
            RequestBody::ListGroups(request) => Answer::Now(self.list(&request).into()),
            RequestBody::DeleteGroups(request) => self.delete(conn, version, request, replicas, io),
            RequestBody::OffsetFetch(request) => self.fetch(conn, version, request, replicas, io),
            body => self.of_one_group(conn, version, body, replicas, io),
        }
    }

    fn of_one_group<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        body: RequestBody,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let Some(group) = group_of(&body) else { return Answer::Close };
        let partition = match self.serving(group, replicas) {
            Ok(partition) => partition,
            Err(error) => return refused(body, error).map_or(Answer::Close, Answer::Now),
        };
        let Some(shard) = self.shards.get_mut(&partition) else { return Answer::Close };
        let ticket = Ticket { conn, part: 0 };
        let (cx, mut out) = (context(io), Out::default());
        let groups = &mut shard.groups;
        match body {
            RequestBody::JoinGroup(request) => groups.join(ticket, version, *request, cx, &mut out),
            RequestBody::SyncGroup(request) => groups.sync(ticket, *request, &mut out),
            RequestBody::Heartbeat(request) => groups.heartbeat(ticket, &request, &mut out),
            RequestBody::LeaveGroup(request) => groups.leave(ticket, version, request, cx, &mut out),
            RequestBody::OffsetDelete(request) => groups.delete_offsets(ticket, &request, &mut out),
            RequestBody::OffsetCommit(mut request) => {
                name_topics(&mut request, version, replicas);
                let refused = |topic: &Str, partition: i32| match () {
                    () if topic.is_empty() => Some(ErrorCode::UnknownTopicId),
                    () if (0..replicas.partition_count(topic)).contains(&partition) => None,
                    () => Some(ErrorCode::UnknownTopicOrPartition),
                };
                groups.commit(ticket, version, request, refused, cx, &mut out);
            }
            _ => return Answer::Close,
        }
        self.perform(partition, out, replicas, io);
        Answer::Later
    }

    /// The partition whose shard serves the group.
    fn serving(&self, group: &Str, replicas: &Replicas) -> Result<i32, ErrorCode> {
        let count = replicas.partition_count(OFFSETS_TOPIC);
        if count == 0 {
            return Err(ErrorCode::NotCoordinator);
        }
        let partition = partition_of(group, count);
        self.shards.get(&partition).ok_or(ErrorCode::NotCoordinator)?.ready()?;
        Ok(partition)
    }

    fn describe(&self, request: DescribeGroupsRequest, version: i16, replicas: &Replicas) -> DescribeGroupsResponse {
        let groups = request.groups.iter().map(|id| {
            let mut described = match self.serving(id, replicas) {
                Ok(partition) => self.shards[&partition].groups.describe(id, version),
                Err(error) => {
                    DescribedGroup { group_id: id.clone(), error_code: error.code(), ..DescribedGroup::default() }
                }
            };
            if request.include_authorized_operations && described.error_code == 0 {
                described.authorized_operations = OPERATIONS;
            }
            described
        });
        DescribeGroupsResponse { groups: groups.collect(), ..Default::default() }
    }

    fn list(&self, request: &ListGroupsRequest) -> ListGroupsResponse {
        if self.shards.values().any(|shard| shard.ready() == Err(ErrorCode::CoordinatorLoadInProgress)) {
            let error_code = ErrorCode::CoordinatorLoadInProgress.code();
            return ListGroupsResponse { error_code, ..Default::default() };
        }
        let classic = request.types_filter.is_empty()
            || request.types_filter.iter().any(|kind| kind.eq_ignore_ascii_case("classic"));
        let shards = self.shards.values().filter(|shard| classic && shard.ready().is_ok());
        let groups = shards.flat_map(|shard| shard.groups.list(&request.states_filter));
        ListGroupsResponse { groups: groups.collect(), ..Default::default() }
    }

    fn delete<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        request: DeleteGroupsRequest,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let mut names = request.groups_names;
        names.sort();
        names.dedup();
        let results = names.iter().map(|group| DeletableGroupResult { group_id: group.clone(), error_code: 0 });
        let parts = Parts::Delete(results.collect());
        self.gathers.insert(conn, Gather { version, missing: names.len(), parts });
        for (part, group) in names.iter().enumerate() {
            let ticket = Ticket { conn, part: part as u32 };
            match self.serving(group, replicas) {
                Err(error) => self.deliver(ticket, Reply::Delete(error), replicas, io),
                Ok(partition) => {
                    let mut out = Out::default();
                    if let Some(shard) = self.shards.get_mut(&partition) {
                        shard.groups.delete(ticket, group, &mut out);
                    }
                    self.perform(partition, out, replicas, io);
                }
            }
        }
        self.finish_gather(conn, replicas, io);
        Answer::Later
    }

    fn fetch<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        version: i16,
        request: OffsetFetchRequest,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let mut groups = match version {
            GROUPS_SINCE.. => request.groups,
            _ => vec![one_group(request)],
        };
        let refused = groups.iter_mut().map(|group| (unknown_topics(group, version, replicas), Default::default()));
        let parts = Parts::Fetch(refused.collect());
        self.gathers.insert(conn, Gather { version, missing: groups.len(), parts });
        for (part, group) in groups.iter().enumerate() {
            let ticket = Ticket { conn, part: part as u32 };
            match self.serving(&group.group_id, replicas) {
                Err(error) => self.deliver(ticket, Reply::Fetch(fetch_refused(group, version, error)), replicas, io),
                Ok(partition) => {
                    let mut out = Out::default();
                    if let Some(shard) = self.shards.get_mut(&partition) {
                        shard.groups.fetch(ticket, group, &mut out);
                    }
                    self.perform(partition, out, replicas, io);
                }
            }
        }
        self.finish_gather(conn, replicas, io);
        Answer::Later
    }
}

fn group_of(body: &RequestBody) -> Option<&Str> {
    Some(match body {
        RequestBody::JoinGroup(request) => &request.group_id,
        RequestBody::SyncGroup(request) => &request.group_id,
        RequestBody::Heartbeat(request) => &request.group_id,
        RequestBody::LeaveGroup(request) => &request.group_id,
        RequestBody::OffsetCommit(request) => &request.group_id,
        RequestBody::OffsetDelete(request) => &request.group_id,
        _ => return None,
    })
}

/// The answer of a broker that does not coordinate the group.
fn refused(body: RequestBody, error: ErrorCode) -> Option<ResponseBody> {
    let error_code = error.code();
    Some(match body {
        RequestBody::JoinGroup(request) => {
            JoinGroupResponse { error_code, member_id: request.member_id, ..Default::default() }.into()
        }
        RequestBody::SyncGroup(_) => SyncGroupResponse { error_code, ..Default::default() }.into(),
        RequestBody::Heartbeat(_) => HeartbeatResponse { error_code, ..Default::default() }.into(),
        RequestBody::LeaveGroup(_) => LeaveGroupResponse { error_code, ..Default::default() }.into(),
        RequestBody::OffsetDelete(_) => OffsetDeleteResponse { error_code, ..Default::default() }.into(),
        RequestBody::OffsetCommit(request) => {
            let topics = request.topics.into_iter().map(|topic| OffsetCommitResponseTopic {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| OffsetCommitResponsePartition {
                        partition_index: partition.partition_index,
                        error_code,
                    })
                    .collect(),
                name: topic.name,
                topic_id: topic.topic_id,
            });
            OffsetCommitResponse { topics: topics.collect(), ..Default::default() }.into()
        }
        _ => return None,
    })
}

/// Gives topics that are named by id their names; none to those that there are not.
fn name_topics(request: &mut OffsetCommitRequest, version: i16, replicas: &Replicas) {
    if version >= COMMIT_TOPIC_IDS_SINCE {
        for topic in &mut request.topics {
            topic.name = replicas.topic_name(topic.topic_id).cloned().unwrap_or_default();
        }
    }
}

/// Versions below 8, as a request about one group.
fn one_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

/// Names the topics of a request by ids, and takes those out that there are not.
fn unknown_topics(
    group: &mut OffsetFetchRequestGroup,
    version: i16,
    replicas: &Replicas,
) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    let Some(topics) = group.topics.as_mut().filter(|_| version >= TOPIC_IDS_SINCE) else { return unknown };
    topics.retain_mut(|topic| match replicas.topic_name(topic.topic_id) {
        Some(name) => {
            topic.name = name.clone();
            true
        }
        None => {
            unknown.push(refused_topic(topic, ErrorCode::UnknownTopicId));
            false
        }
    });
    unknown
}

fn refused_topic(topic: &OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|&partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        metadata: Some(Str::new()),
        error_code: error.code(),
        ..Default::default()
    });
    OffsetFetchResponseTopics { name: topic.name.clone(), topic_id: topic.topic_id, partitions: partitions.collect() }
}

/// The part of a group that is not coordinated here. Version 1 has an error for each partition only.
fn fetch_refused(group: &OffsetFetchRequestGroup, version: i16, error: ErrorCode) -> OffsetFetchResponseGroup {
    let topics = match version {
        ..2 => group.topics.iter().flatten().map(|topic| refused_topic(topic, error)).collect(),
        _ => Vec::new(),
    };
    OffsetFetchResponseGroup { group_id: group.group_id.clone(), topics, error_code: error.code() }
}
