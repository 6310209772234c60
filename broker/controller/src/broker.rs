//! A broker's registration.

use tribunal_protocol::messages::RegisterBrokerRecord;
use tribunal_protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use tribunal_protocol::{Str, Uuid};

use crate::{MAX_BROKER_ID, ReplayError};

/// A replica that was placed before directories had ids (KIP-858).
pub(crate) const MIGRATING_DIRECTORY: Uuid = Uuid(0);
/// A replica whose broker has not yet said where it put it (KIP-858).
pub(crate) const UNASSIGNED_DIRECTORY: Uuid = Uuid(1);
/// A replica in a directory that is gone (KIP-858).
const LOST_DIRECTORY: Uuid = Uuid(2);
/// Directory ids below this are reserved (KIP-858).
pub(crate) const RESERVED_DIRECTORIES: u128 = 100;

/// Where a listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Listener name.
    pub name: Str,
    /// Host.
    pub host: Str,
    /// Port.
    pub port: u16,
    /// Kafka's id of the security protocol, 0 for PLAINTEXT.
    pub security_protocol: i16,
}

/// The levels of a feature that a broker can run (KIP-584).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SupportedFeature {
    /// Name.
    pub name: Str,
    /// Lowest level.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

/// A registered broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerRegistration {
    /// Broker id.
    pub id: i32,
    /// Broker epoch: the offset of the record that registered this incarnation, so that a broker has seen its own
    /// registration when its metadata offset is at least this.
    pub epoch: i64,
    /// Which process it is.
    pub incarnation: Uuid,
    /// Listeners, in the broker's order.
    pub endpoints: Vec<Endpoint>,
    /// Features it can run.
    pub features: Vec<SupportedFeature>,
    /// `broker.rack`.
    pub rack: Option<Str>,
    /// Online log directories (KIP-858).
    pub directories: Vec<Uuid>,
    /// Whether it may neither lead nor be in sync.
    pub fenced: bool,
    /// Whether it is on its way out (KIP-841).
    pub in_controlled_shutdown: bool,
}

impl BrokerRegistration {
    /// Neither fenced nor shutting down: may lead and be in sync.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether a replica in `directory` can be served (KIP-858).
    pub fn has_online_directory(&self, directory: Uuid) -> bool {
        match directory {
            UNASSIGNED_DIRECTORY | MIGRATING_DIRECTORY => true,
            LOST_DIRECTORY => false,
            // A registration without directories is from before they had ids: such a broker halts when all fail.
            _ => self.directories.is_empty() || self.directories.contains(&directory),
        }
    }

    /// Where a new replica goes: known only if there is no choice (KIP-858).
    pub(crate) fn default_directory(&self) -> Uuid {
        match self.directories[..] {
            [only] => only,
            [] => MIGRATING_DIRECTORY,
            _ => UNASSIGNED_DIRECTORY,
        }
    }

    pub(crate) fn from_record(record: &RegisterBrokerRecord) -> Result<BrokerRegistration, ReplayError> {
        if !(0..=MAX_BROKER_ID).contains(&record.broker_id) {
            return Err(ReplayError::InvalidRecord("broker id out of range"));
        }
        let endpoints = record.end_points.iter().map(|endpoint| Endpoint {
            name: endpoint.name.detach(),
            host: endpoint.host.detach(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| SupportedFeature {
            name: feature.name.detach(),
            min: feature.min_supported_version,
            max: feature.max_supported_version,
        });
        Ok(BrokerRegistration {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation: record.incarnation_id,
            endpoints: endpoints.collect(),
            features: features.collect(),
            rack: record.rack.as_ref().map(Str::detach),
            directories: record.log_dirs.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
        })
    }

    pub(crate) fn to_record(&self) -> RegisterBrokerRecord {
        let end_points = self.endpoints.iter().map(|endpoint| BrokerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = self.features.iter().map(|feature| BrokerFeature {
            name: feature.name.clone(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        });
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: false,
            incarnation_id: self.incarnation,
            broker_epoch: self.epoch,
            end_points: end_points.collect(),
            features: features.collect(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.directories.clone(),
        }
    }
}
