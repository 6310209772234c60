//! What happens to partitions when a broker comes or goes.

use tribunal_common::{BrokerConfig, TopicIdPartition};
use tribunal_common::{Fx, Io};
use tribunal_contract::Disk;
use tribunal_protocol::messages::BrokerRegistrationChangeRecord;
use tribunal_protocol::{ErrorCode, MetadataRecord, Uuid};

use super::{Controller, MetadataWriter, session};
use crate::{BrokerRegistration, Election, PartitionChange, PartitionRegistration, TopicConfig};

/// Why partitions are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason<'a> {
    /// The broker may not lead and not be in sync any more.
    Leaves(i32),
    /// The broker may lead again.
    Returns(i32),
    /// The broker may have lost what it acknowledged (KIP-966).
    ShutDownUncleanly(i32),
    /// These log directories of the broker have failed (KIP-858).
    LosesDirectories(i32, &'a [Uuid]),
}

impl Reason<'_> {
    fn concerns(self, partition: &PartitionRegistration) -> bool {
        match self {
            Reason::Leaves(id) => partition.isr.contains(&id),
            Reason::Returns(_) => !partition.has_leader(),
            Reason::ShutDownUncleanly(id) => partition.isr.contains(&id) || partition.elr.contains(&id),
            Reason::LosesDirectories(id, lost) => {
                partition.isr.contains(&id) && lost.contains(&partition.directory(id))
            }
        }
    }

    /// Whether `broker`, of which the image says `active`, may lead once the reason has taken effect.
    fn allows(self, broker: i32, active: bool) -> bool {
        match self {
            Reason::Leaves(id) | Reason::ShutDownUncleanly(id) | Reason::LosesDirectories(id, _) => {
                broker != id && active
            }
            Reason::Returns(id) => broker == id || active,
        }
    }
}

impl Controller {
    /// The changes of every partition that `reason` concerns.
    pub(super) fn partition_changes(&self, reason: Reason<'_>, cfg: &BrokerConfig) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        for topic in self.image.topics() {
            let mut config = None;
            for (number, partition) in &topic.partitions {
                if !reason.concerns(partition) {
                    continue;
                }
                let config = *config.get_or_insert_with(|| self.image.topic_config(&topic.name, cfg));
                let id = TopicIdPartition { topic: topic.id, partition: *number };
                let acceptable = |broker| reason.allows(broker, self.image.is_active(broker));
                let change = self.change(id, partition, acceptable, &config);
                let change = match reason {
                    Reason::Leaves(gone) | Reason::LosesDirectories(gone, _) => {
                        let isr = partition.isr.iter().copied().filter(|id| *id != gone).collect();
                        change.target_isr(isr)
                    }
                    Reason::ShutDownUncleanly(gone) => change.unclean_shutdown(gone),
                    Reason::Returns(_) => change,
                };
                records.extend(change.build().map(MetadataRecord::from));
            }
        }
        records
    }

    /// A change to `partition` of a topic with `config`, led by one that `acceptable` allows and that has the
    /// replica's log directory.
    pub(super) fn change<'a>(
        &'a self,
        id: TopicIdPartition,
        partition: &'a PartitionRegistration,
        acceptable: impl Fn(i32) -> bool + 'a,
        config: &TopicConfig,
    ) -> PartitionChange<'a, impl Fn(i32) -> bool + 'a> {
        let online = |id: i32| {
            let directory = partition.directory(id);
            self.image.broker(id).is_some_and(|broker| broker.has_online_directory(directory))
        };
        let acceptable = move |id| acceptable(id) && online(id);
        let elr = self.image.is_elr_enabled();
        let change = PartitionChange::new(id, partition, acceptable, config.min_insync_replicas, elr);
        if config.unclean_leader_election { change.election(Election::Unclean) } else { change }
    }

    /// The records that fence `broker`: its partitions move, then it is fenced.
    pub(super) fn fencing(&self, broker: &BrokerRegistration, cfg: &BrokerConfig) -> Vec<MetadataRecord> {
        let mut records = self.partition_changes(Reason::Leaves(broker.id), cfg);
        if !broker.fenced {
            let (broker_id, broker_epoch) = (broker.id, broker.epoch);
            records.push(
                BrokerRegistrationChangeRecord { broker_id, broker_epoch, fenced: 1, ..Default::default() }.into(),
            );
        }
        records
    }

    /// Nothing was heard of `broker` for a whole session.
    pub(super) fn session_expired<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        broker: i32,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) {
        let Some(registration) = self.image.broker(broker).filter(|registration| !registration.fenced) else { return };
        let records = self.fencing(registration, io.cfg);
        if self.write(&records, log, io) {
            self.end_session(broker, io);
        }
    }

    /// A fenced broker has no session, and has left controlled shutdown.
    pub(super) fn end_session<D: Disk, F: Fx>(&mut self, broker: i32, io: &mut Io<'_, D, F>) {
        if let Some(contact) = self.contacts.get_mut(&broker) {
            contact.shutdown_offset = None;
        }
        io.fx.cancel_timer(session(broker));
    }

    /// The registration of `broker`, if `epoch` is that of its current one (KIP-631).
    pub(super) fn registered(&self, broker: i32, epoch: i64) -> Result<&BrokerRegistration, ErrorCode> {
        let registration = self.image.broker(broker).filter(|registration| registration.epoch == epoch);
        registration.ok_or(ErrorCode::StaleBrokerEpoch)
    }
}
