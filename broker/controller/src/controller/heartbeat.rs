//! Heartbeats: fencing, unfencing and controlled shutdown (KIP-631, KIP-841).

use tribunal_common::{Answer, BrokerConfig, Fx, Io};
use tribunal_contract::Disk;
use tribunal_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationChangeRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord, Uuid};

use super::brokers::Reason;
use super::{Caller, Controller, MetadataWriter, start_session};
use crate::BrokerRegistration;

/// What a broker is to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

impl Controller {
    /// In the steady state this is two lookups and one timer: nothing is appended.
    pub(super) fn heartbeat<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        caller: Caller,
        request: &BrokerHeartbeatRequest,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let id = request.broker_id;
        let broker = match self.registered(id, request.broker_epoch) {
            Ok(broker) => broker,
            Err(error) => {
                let error_code = error.code();
                return self.answer(caller, BrokerHeartbeatResponse { error_code, ..Default::default() }.into());
            }
        };
        let is_caught_up = request.current_metadata_offset >= broker.epoch;
        let (before, after) = self.states(broker, request);
        if before != after {
            let records = self.transition(broker, after, io.cfg);
            if !self.write(&records, log, io) {
                let error_code = ErrorCode::NotController.code();
                return Answer::Now(BrokerHeartbeatResponse { error_code, ..Default::default() }.into());
            }
        }
        let last_offset = self.last_offset;
        let contact = self.contacts.entry(id).or_default();
        contact.metadata_offset = request.current_metadata_offset;
        match after {
            State::Fenced | State::ShutdownNow if before != after => self.end_session(id, io),
            State::Fenced | State::ShutdownNow => {}
            State::Unfenced => start_session(id, io),
            State::ControlledShutdown => {
                contact.shutdown_offset.get_or_insert(last_offset);
                start_session(id, io);
            }
        }
        if !request.offline_log_dirs.is_empty() {
            let records = self.directories_offline(id, &request.offline_log_dirs, io.cfg);
            if !self.write(&records, log, io) {
                let error_code = ErrorCode::NotController.code();
                return Answer::Now(BrokerHeartbeatResponse { error_code, ..Default::default() }.into());
            }
        }
        let reply = BrokerHeartbeatResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::None.code(),
            is_caught_up,
            is_fenced: matches!(after, State::Fenced | State::ShutdownNow),
            should_shut_down: after == State::ShutdownNow,
        };
        self.answer(caller, reply.into())
    }

    /// What the broker is, and what the heartbeat makes of it.
    fn states(&self, broker: &BrokerRegistration, request: &BrokerHeartbeatRequest) -> (State, State) {
        let shutdown_offset = self.contacts.get(&broker.id).and_then(|contact| contact.shutdown_offset);
        let before = match shutdown_offset {
            Some(_) => State::ControlledShutdown,
            None if broker.fenced => State::Fenced,
            None => State::Unfenced,
        };
        let after = match before {
            State::Fenced if request.want_shut_down => State::ShutdownNow,
            State::Fenced if request.want_fence || !may_return(broker, request) => State::Fenced,
            State::Fenced => State::Unfenced,
            State::Unfenced if request.want_fence && !request.want_shut_down => State::Fenced,
            State::Unfenced if request.want_fence => State::ShutdownNow,
            State::Unfenced if request.want_shut_down && self.leads(broker.id) => State::ControlledShutdown,
            State::Unfenced if request.want_shut_down => State::ShutdownNow,
            State::Unfenced => State::Unfenced,
            State::ControlledShutdown if self.leads(broker.id) => State::ControlledShutdown,
            State::ControlledShutdown if shutdown_offset <= Some(self.lowest_active_offset()) => State::ShutdownNow,
            State::ControlledShutdown => State::ControlledShutdown,
            State::ShutdownNow => State::ShutdownNow,
        };
        (before, after)
    }

    fn transition(&self, broker: &BrokerRegistration, after: State, cfg: &BrokerConfig) -> Vec<MetadataRecord> {
        let change = BrokerRegistrationChangeRecord {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            ..BrokerRegistrationChangeRecord::default()
        };
        match after {
            State::Fenced | State::ShutdownNow => self.fencing(broker, cfg),
            State::Unfenced => {
                let unfence = BrokerRegistrationChangeRecord { fenced: -1, ..change };
                let changes = self.partition_changes(Reason::Returns(broker.id), cfg);
                std::iter::once(unfence.into()).chain(changes).collect()
            }
            State::ControlledShutdown => {
                let shutdown = BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..change };
                // After a failover the record is there already, only this controller has not heard of the broker.
                let record = (!broker.in_controlled_shutdown).then(|| MetadataRecord::from(shutdown));
                let changes = self.partition_changes(Reason::Leaves(broker.id), cfg);
                record.into_iter().chain(changes).collect()
            }
        }
    }

    fn leads(&self, broker: i32) -> bool {
        self.image.partitions().any(|(_, partition)| partition.leader == broker)
    }

    /// How far every broker has applied the log that is neither fenced nor shutting down.
    fn lowest_active_offset(&self) -> i64 {
        let active = self.contacts.iter().filter(|(id, contact)| {
            contact.shutdown_offset.is_none() && self.image.broker(**id).is_some_and(|broker| !broker.fenced)
        });
        active.map(|(_, contact)| contact.metadata_offset).min().unwrap_or(i64::MAX)
    }

    /// Leaders and in-sync replicas move away from log directories that have failed (KIP-858).
    fn directories_offline(&self, id: i32, offline: &[Uuid], cfg: &BrokerConfig) -> Vec<MetadataRecord> {
        let Some(broker) = self.image.broker(id) else { return Vec::new() };
        let (lost, online): (Vec<Uuid>, Vec<Uuid>) =
            broker.directories.iter().copied().partition(|directory| offline.contains(directory));
        if lost.is_empty() {
            return Vec::new();
        }
        let mut records = self.partition_changes(Reason::LosesDirectories(id, &lost), cfg);
        // A broker with no directory left halts; an empty list would read as no change.
        if !online.is_empty() {
            let (broker_id, broker_epoch) = (id, broker.epoch);
            let log_dirs = online;
            records.push(
                BrokerRegistrationChangeRecord { broker_id, broker_epoch, log_dirs, ..Default::default() }.into(),
            );
        }
        records
    }
}

/// Whether a fenced broker may lead again. The broker epoch is the offset of the registration: the broker has to have
/// seen itself registered, and so all that was decided about it before. One that was in controlled shutdown does not
/// come back in this incarnation: the heartbeat is from before, and the process may be gone.
fn may_return(broker: &BrokerRegistration, request: &BrokerHeartbeatRequest) -> bool {
    request.current_metadata_offset >= broker.epoch && !broker.in_controlled_shutdown
}
