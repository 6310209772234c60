//! What an operator learns of a broker: its stage, and a line in the log for what changes rarely.

use tokio::sync::watch;
use tribunal_common::QuorumRole;
use tribunal_core::{Broker, Obs};

use crate::core::Stage;

/// Tells if the broker has come further.
pub(crate) fn update(broker: &Broker, stage: &watch::Sender<Stage>) {
    let Some(image) = broker.image() else { return };
    let serves = |id: i32| image.broker(id).is_some_and(|broker| !broker.fenced);
    let cfg = broker.config();
    // What an older incarnation was says nothing of this one.
    let registered = image.broker(cfg.node_id).is_some_and(|broker| broker.incarnation == cfg.incarnation);
    let now = match registered && serves(cfg.node_id) {
        false => Stage::Starting,
        // Its logs are opened as the metadata names them, and one that is refused takes the directory offline.
        true if broker.replicas().is_none_or(|replicas| replicas.is_offline() || !replicas.has_opened_all()) => {
            Stage::Starting
        }
        true if cfg.voters.iter().all(|&id| serves(id)) => Stage::Together,
        true => Stage::Serving,
    };
    stage.send_if_modified(|stage| {
        let further = now > *stage;
        *stage = now.max(*stage);
        further
    });
}

/// A line for what an operator may want to know. Silent about what happens with every request.
pub(crate) fn log(me: i32, observation: &Obs) {
    match observation {
        Obs::ControllerActive { epoch } => tracing::info!(broker = me, epoch, "active controller"),
        Obs::QuorumRoleChanged { role: QuorumRole::Resigned, epoch, .. } => {
            tracing::info!(broker = me, epoch, "resigned as controller");
        }
        Obs::QuorumRoleChanged { role, epoch, leader } => {
            tracing::debug!(broker = me, ?role, epoch, leader, "quorum role");
        }
        Obs::LeaderStarted { partition, epoch, end } => {
            let (topic, partition) = (partition.topic, partition.partition);
            tracing::debug!(broker = me, %topic, partition, epoch, end, "leads a partition");
        }
        Obs::FollowerStarted { partition, epoch, leader } => {
            let (topic, partition) = (partition.topic, partition.partition);
            tracing::debug!(broker = me, %topic, partition, epoch, leader, "follows a partition");
        }
        Obs::IsrProposed { partition, size, shrink } => {
            let (topic, partition) = (partition.topic, partition.partition);
            let what = if *shrink { "shrinks the ISR" } else { "expands the ISR" };
            tracing::info!(broker = me, %topic, partition, size, "{what}");
        }
        Obs::FollowerTruncated { partition, end } => {
            let (topic, partition) = (partition.topic, partition.partition);
            tracing::info!(broker = me, %topic, partition, end, "cut its log to agree with the leader");
        }
        Obs::BrokerFenced { broker, .. } => tracing::info!(broker = me, fenced = broker, "a broker is fenced"),
        Obs::BrokerUnfenced { broker, .. } => tracing::info!(broker = me, unfenced = broker, "a broker serves"),
        Obs::FolderSetAside { folder } => {
            tracing::warn!(broker = me, %folder, "a folder that is no replica of this broker's was set aside; remove it if its records are not wanted");
        }
        Obs::StartRefused { why } => tracing::error!(broker = me, %why, "cannot start"),
        Obs::LogDirOffline { why } => tracing::error!(broker = me, %why, "the log directory is offline"),
        Obs::PartitionCommitted { state, .. } if state.unclean => {
            let (topic, partition) = (state.partition.topic, state.partition.partition);
            tracing::info!(broker = me, %topic, partition, "unclean leader election: records may be lost");
        }
        _ => {}
    }
}
