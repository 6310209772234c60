//! Registration of brokers (KIP-631).

use std::collections::BTreeSet;

use tribunal_common::{Answer, Fx, Io, planted};
use tribunal_contract::Disk;
use tribunal_protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use tribunal_protocol::messages::{BrokerRegistrationRequest, BrokerRegistrationResponse, RegisterBrokerRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord};

use super::brokers::Reason;
use super::{Caller, Contact, Controller, MAX_BROKER_ID, MetadataWriter, start_session};
use crate::METADATA_VERSION;
use crate::broker::{BrokerRegistration, RESERVED_DIRECTORIES};

/// The level of the metadata that a broker is taken to understand if it does not say.
const OLDEST_METADATA: (i16, i16) = (7, 7);

impl Controller {
    pub(super) fn register<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        caller: Caller,
        request: &BrokerRegistrationRequest,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        if let Err(error) = self.check_registration(request, io) {
            let error_code = error.code();
            return self.answer(caller, BrokerRegistrationResponse { error_code, ..Default::default() }.into());
        }
        let id = request.broker_id;
        let existing = self.image.broker(id);
        let mut record = new_record(request);
        let mut records = Vec::new();
        let amended = existing.filter(|existing| existing.incarnation == request.incarnation_id);
        let same_incarnation = amended.is_some();
        match amended {
            // The answer to the first request was lost, or the broker has more to say: it stays what it is.
            Some(existing) => {
                record.broker_epoch = existing.epoch;
                record.fenced = existing.fenced;
                record.in_controlled_shutdown = existing.in_controlled_shutdown;
            }
            None => {
                // Only since version 3 does a broker say after which epoch it stopped, having synced its logs. One
                // that does not may have lost what it acknowledged.
                let clean = caller.version >= 3
                    && existing.is_some_and(|existing| existing.epoch == request.previous_broker_epoch);
                let elr = self.image.is_elr_enabled();
                let reason = if elr && !clean && !planted!(io.cfg.bugs, Kip966) {
                    Reason::ShutDownUncleanly(id)
                } else {
                    Reason::Leaves(id)
                };
                records = self.partition_changes(reason, io.cfg);
                record.broker_epoch = log.next_offset() + records.len() as i64;
            }
        }
        let (broker_epoch, fenced) = (record.broker_epoch, record.fenced);
        records.push(MetadataRecord::from(record));
        let reply = BrokerRegistrationResponse { throttle_time_ms: 0, error_code: 0, broker_epoch };
        if !self.write(&records, log, io) {
            let error_code = ErrorCode::NotController.code();
            return Answer::Now(BrokerRegistrationResponse { error_code, ..Default::default() }.into());
        }
        if !same_incarnation {
            self.contacts.insert(id, Contact::default());
            self.end_session(id, io);
        }
        if !fenced {
            start_session(id, io);
        }
        self.answer(caller, reply.into())
    }

    fn check_registration<D: Disk, F: Fx>(
        &self,
        request: &BrokerRegistrationRequest,
        io: &Io<'_, D, F>,
    ) -> Result<(), ErrorCode> {
        let id = request.broker_id;
        if request.cluster_id != io.cfg.cluster_id {
            return Err(ErrorCode::InconsistentClusterId);
        }
        if !(0..=MAX_BROKER_ID).contains(&id) {
            return Err(ErrorCode::InvalidRegistration);
        }
        // A broker that is not fenced has a session: when it ends, the broker is fenced. Who says that it shut down in
        // order after just this epoch need not wait for that, as it would in Kafka: the last brokers of a cluster that
        // stops have nobody who fences them.
        let live = self.image.broker(id).filter(|existing| !existing.fenced);
        let lives = |existing: &BrokerRegistration| existing.epoch != request.previous_broker_epoch;
        if live.is_some_and(|existing| existing.incarnation != request.incarnation_id && lives(existing)) {
            return Err(ErrorCode::DuplicateBrokerRegistration);
        }
        if request.is_migrating_zk_broker {
            return Err(ErrorCode::BrokerIdNotRegistered);
        }
        let directories: BTreeSet<_> = request.log_dirs.iter().collect();
        let reserved = request.log_dirs.iter().any(|directory| directory.0 < RESERVED_DIRECTORIES);
        if directories.is_empty() || directories.len() < request.log_dirs.len() || reserved {
            return Err(ErrorCode::InvalidRegistration);
        }
        let mut others = self.image.brokers().filter(|broker| broker.id != id);
        if others.any(|broker| broker.directories.iter().any(|directory| directories.contains(directory))) {
            return Err(ErrorCode::InvalidRegistration);
        }
        self.check_features(request)
    }

    /// Every finalized level must be one that the broker can run (KIP-584).
    fn check_features(&self, request: &BrokerRegistrationRequest) -> Result<(), ErrorCode> {
        for (name, level) in self.image.features() {
            let supported = request.features.iter().find(|feature| feature.name == *name);
            let (min, max) = match supported {
                Some(feature) => (feature.min_supported_version, feature.max_supported_version),
                None if *name == METADATA_VERSION => OLDEST_METADATA,
                None => (0, 0),
            };
            if !(min..=max).contains(&level) {
                return Err(ErrorCode::UnsupportedVersion);
            }
        }
        Ok(())
    }
}

/// A new registration is fenced: the broker has yet to show that it knows what was decided without it.
fn new_record(request: &BrokerRegistrationRequest) -> RegisterBrokerRecord {
    let end_points = request.listeners.iter().map(|listener| BrokerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    });
    let features = request.features.iter().map(|feature| BrokerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    });
    RegisterBrokerRecord {
        broker_id: request.broker_id,
        is_migrating_zk_broker: false,
        incarnation_id: request.incarnation_id,
        broker_epoch: -1,
        end_points: end_points.collect(),
        features: features.collect(),
        rack: request.rack.clone(),
        fenced: true,
        in_controlled_shutdown: false,
        log_dirs: request.log_dirs.clone(),
    }
}
