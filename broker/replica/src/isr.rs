//! Changes of the ISR, asked of the controller with AlterPartition (KIP-497).

use std::collections::BTreeSet;

use tribunal_common::{Bugs, Fx, Io, Obs, TopicIdPartition, lanes, planted, timers};
use tribunal_contract::{Disk, NodeId, TimerId};
use tribunal_protocol::messages::alter_partition_request::{
    AlterPartitionRequest, BrokerState, PartitionData, TopicData,
};
use tribunal_protocol::messages::alter_partition_response::{self, AlterPartitionResponse};
use tribunal_protocol::{ErrorCode, RequestBody, Uuid};

use crate::leader::{ANY_EPOCH, PendingIsr};
use crate::partition::Role;
use crate::replicas::Replicas;

/// AlterPartition version that carries broker epochs (KIP-903).
const VERSION: i16 = 3;

/// Which proposals are still to be sent, and which one is being asked. One request at a time, for all partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct AlterIsr {
    /// Partitions whose pending ISR is to be sent.
    unsent: BTreeSet<u32>,
    /// Partitions of the request in flight, and whom it was sent to.
    sent: Option<(i32, Vec<u32>)>,
}

impl AlterIsr {
    /// The partition is gone.
    pub(crate) fn forget(&mut self, at: u32) {
        self.unsent.remove(&at);
    }
}

impl Replicas {
    /// Asks that `broker` join the ISR, if it has caught up and may.
    pub(crate) fn maybe_expand<D: Disk, F: Fx>(&mut self, at: u32, broker: i32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_ref() else { return };
        let Some(leading) = partition.leading() else { return };
        let Some(follower) = leading.follower(broker) else { return };
        if leading.pending.is_some()
            || partition.isr.contains(&broker)
            || follower.end < partition.high_watermark
            || follower.end < leading.epoch_start
            || !self.is_eligible(broker, follower.broker_epoch, io.cfg.bugs)
        {
            return;
        }
        let mut members = partition.isr.clone();
        members.push(broker);
        self.propose(at, members, false, io);
    }

    /// Asks that followers which fell behind leave the ISR.
    pub(crate) fn maybe_shrink<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_ref() else { return };
        let Some(leading) = partition.leading() else { return };
        if leading.pending.is_some() {
            return;
        }
        let end = partition.log.end_offset();
        let stays = |&broker: &i32| !leading.follower(broker).is_some_and(|follower| follower.is_out_of_sync(end));
        let members: Vec<i32> = partition.isr.iter().copied().filter(stays).collect();
        if members.len() < partition.isr.len() {
            self.propose(at, members, true, io);
        }
    }

    /// A broker may be in an ISR if it is unfenced, not shutting down (KIP-841), and the fetch that shows it caught up
    /// comes from its current incarnation (KIP-903).
    fn is_eligible(&self, broker: i32, fetched_with: i64, bugs: Bugs) -> bool {
        self.brokers.get(&broker).is_some_and(|known| {
            let current = fetched_with == ANY_EPOCH || fetched_with == known.epoch;
            (known.active || planted!(bugs, Kip841)) && (current || planted!(bugs, Kip903))
        })
    }

    fn propose<D: Disk, F: Fx>(&mut self, at: u32, members: Vec<i32>, shrink: bool, io: &mut Io<'_, D, F>) {
        let me = self.me;
        let my_epoch = self.broker_epoch;
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let id = partition.id;
        let size = members.len() as u32;
        let Role::Leader(leading) = &mut partition.role else { return };
        // The epoch under which each member was seen; members that have not fetched since this epoch began are still
        // members by the controller's word, and their epoch is not ours to vouch for.
        let epoch_of = |broker: i32| match leading.followers.iter().find(|follower| follower.broker == broker) {
            _ if broker == me => my_epoch,
            Some(follower) => follower.broker_epoch,
            None => -1,
        };
        let members = members.into_iter().map(|broker| (broker, epoch_of(broker))).collect();
        leading.pending = Some(PendingIsr { members });
        io.fx.observe(Obs::IsrProposed { partition: id, size, shrink });
        self.alter.unsent.insert(at);
        self.alter_send(io);
    }

    /// Sends what is to be sent, if nothing is in flight and there is a controller.
    pub(crate) fn alter_send<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Some(controller) = self.controller else { return };
        if self.alter.sent.is_some() || self.alter.unsent.is_empty() || self.broker_epoch < 0 {
            return;
        }
        let mut topics: Vec<TopicData> = Vec::new();
        let mut sent = Vec::new();
        for at in std::mem::take(&mut self.alter.unsent) {
            let Some(partition) = self.partitions[at as usize].as_ref() else { continue };
            let Some(pending) = partition.leading().and_then(|leading| leading.pending.as_ref()) else { continue };
            let data = PartitionData {
                partition_index: partition.id.partition,
                leader_epoch: partition.leader_epoch,
                new_isr_with_epochs: pending
                    .members
                    .iter()
                    .map(|&(broker_id, broker_epoch)| BrokerState { broker_id, broker_epoch })
                    .collect(),
                partition_epoch: partition.partition_epoch,
                ..Default::default()
            };
            sent.push(at);
            match topics.iter_mut().find(|topic| topic.topic_id == partition.id.topic) {
                Some(topic) => topic.partitions.push(data),
                None => topics.push(TopicData { topic_id: partition.id.topic, partitions: vec![data] }),
            }
        }
        if sent.is_empty() {
            return;
        }
        let request = AlterPartitionRequest { broker_id: self.me, broker_epoch: self.broker_epoch, topics };
        let peer = NodeId(controller as u32);
        if io.net.call(io.fx, peer, lanes::CONTROL, VERSION, RequestBody::AlterPartition(request)) {
            self.alter.sent = Some((controller, sent));
            let timeout = io.cfg.request_timeout;
            io.fx.set_timer(TIMER, timeout, timeout);
        } else {
            self.alter.unsent.extend(sent);
            alter_later(io);
        }
    }

    /// The answer to AlterPartition.
    pub fn on_alter_partition<D: Disk, F: Fx>(&mut self, response: AlterPartitionResponse, io: &mut Io<'_, D, F>) {
        let Some((_, sent)) = self.alter.sent.take() else { return };
        io.fx.cancel_timer(TIMER);
        if response.error_code != 0 {
            // Not the controller, a stale broker epoch, or an overload: what was asked stays pending, because it may
            // have been done.
            return self.alter_retry(sent, io);
        }
        let mut retry = Vec::new();
        for at in sent {
            let Some(id) = self.partitions[at as usize].as_ref().map(|partition| partition.id) else { continue };
            match find(&response, id) {
                Some(data) => self.altered(at, data, &mut retry, io),
                None => retry.push(at),
            }
        }
        if retry.is_empty() { self.alter_send(io) } else { self.alter_retry(retry, io) }
    }

    fn altered<D: Disk, F: Fx>(
        &mut self,
        at: u32,
        data: &alter_partition_response::PartitionData,
        retry: &mut Vec<u32>,
        io: &mut Io<'_, D, F>,
    ) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let Role::Leader(leading) = &mut partition.role else { return };
        match ErrorCode::from_code(data.error_code) {
            ErrorCode::None => {
                // A later change may have come through the metadata log already, or a new epoch begun.
                if data.leader_epoch != partition.leader_epoch || data.partition_epoch < partition.partition_epoch {
                    return;
                }
                leading.pending = None;
                partition.isr.clone_from(&data.isr);
                partition.partition_epoch = data.partition_epoch;
                self.after_isr_change(at, io);
            }
            ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica => {
                // Certainly not done: the ISR is what it was.
                leading.pending = None;
                self.after_isr_change(at, io);
            }
            // Refused because the controller knows a newer state. It may be that this very change was made and its
            // answer lost, so it stays pending until the metadata log says which.
            ErrorCode::InvalidUpdateVersion
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::NewLeaderElected
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InvalidRequest => {}
            _ => retry.push(at),
        }
    }

    /// The call failed: what was asked may have been done, so it stays pending and is asked again.
    pub fn on_alter_partition_failed<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Some((_, sent)) = self.alter.sent.take() {
            self.alter_retry(sent, io);
        }
    }

    fn alter_retry<D: Disk, F: Fx>(&mut self, sent: Vec<u32>, io: &mut Io<'_, D, F>) {
        self.alter.unsent.extend(sent);
        alter_later(io);
    }

    /// `ALTER_PARTITION`: the answer is overdue, or it is time to try again.
    pub(crate) fn alter_timer<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Some((controller, sent)) = self.alter.sent.take() {
            io.net.abandon(io.fx, NodeId(controller as u32), lanes::CONTROL);
            self.alter.unsent.extend(sent);
        }
        self.alter_send(io);
    }
}

const TIMER: TimerId = TimerId { class: timers::ALTER_PARTITION, index: 0 };

fn alter_later<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let backoff = io.cfg.retry_backoff.times(5);
    io.fx.set_timer(TIMER, backoff, backoff.times(2));
}

fn find(response: &AlterPartitionResponse, id: TopicIdPartition) -> Option<&alter_partition_response::PartitionData> {
    let topic: Uuid = id.topic;
    response
        .topics
        .iter()
        .find(|data| data.topic_id == topic)?
        .partitions
        .iter()
        .find(|data| data.partition_index == id.partition)
}
