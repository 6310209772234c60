//! Every partition replica of one broker.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_common::{
    FlushPolicy, Fx, Io, Obs, PartitionState, TopicIdPartition, TruncationMode, planted, syncs, timers,
};
use tribunal_contract::{ConnId, Disk, DiskError, SyncOp, TimerId};
use tribunal_log::{LogConfig, LogError};
use tribunal_protocol::{ErrorCode, Str, Uuid};
use tribunal_records::TimestampType;

use crate::checkpoints::{Checkpoints, Opened, arm_retention};
use crate::fetcher::Fetcher;
use crate::folders::Folders;
use crate::isr::AlterIsr;
use crate::leader::Leading;
use crate::parked_fetch::ParkedFetch;
use crate::partition::{Following, Partition, Phase, Role, TopicSettings};
use crate::produce::ParkedProduce;
use crate::sessions::Sessions;

/// What the committed metadata says of a broker, as far as the ISR is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokerLiveness {
    /// Epoch of its current registration.
    pub epoch: i64,
    /// Whether it is unfenced and not shutting down: a fenced or stopping broker must not join an ISR (KIP-841).
    pub active: bool,
}

/// Every partition replica of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replicas {
    pub(crate) me: i32,
    /// By dense index, which names the partition in syncs. Never reused within an incarnation, so that a sync of a
    /// deleted partition is not taken for another's.
    pub(crate) partitions: Vec<Option<Partition>>,
    pub(crate) index: BTreeMap<TopicIdPartition, u32>,
    pub(crate) topics: BTreeMap<Uuid, TopicSettings>,
    pub(crate) names: BTreeMap<Str, Uuid>,
    /// How many partitions a topic has, here or elsewhere.
    pub(crate) partition_counts: BTreeMap<Uuid, i32>,
    pub(crate) brokers: BTreeMap<i32, BrokerLiveness>,
    /// By leader.
    pub(crate) fetchers: BTreeMap<i32, Fetcher>,
    /// Boxed, so that the maps move handles and not requests.
    pub(crate) parked_fetches: BTreeMap<ConnId, Box<ParkedFetch>>,
    pub(crate) parked_produces: BTreeMap<ConnId, Box<ParkedProduce>>,
    pub(crate) sessions: Sessions,
    pub(crate) alter: AlterIsr,
    /// This broker's own epoch; -1 until it is registered.
    pub(crate) broker_epoch: i64,
    /// The active controller, as far as known.
    pub(crate) controller: Option<i32>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) folders: Folders,
    pub(crate) offline: bool,
    /// Partitions of internal topics that have changed, until the coordinator is told.
    pub(crate) notices: BTreeSet<TopicIdPartition>,
    /// Whether the lag timer is set.
    lag_timer: bool,
}

impl Replicas {
    /// No partition yet: logs are opened as the metadata names them.
    pub fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Replicas {
        arm_retention(io);
        let checkpoints = Checkpoints::open(io);
        let folders = Folders::open(io);
        let failed = folders.as_ref().err().copied().or(checkpoints.failure());
        let mut replicas = Replicas {
            me: io.cfg.node_id,
            partitions: Vec::new(),
            index: BTreeMap::new(),
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
            partition_counts: BTreeMap::new(),
            brokers: BTreeMap::new(),
            fetchers: BTreeMap::new(),
            parked_fetches: BTreeMap::new(),
            parked_produces: BTreeMap::new(),
            sessions: Sessions::default(),
            alter: AlterIsr::default(),
            broker_epoch: -1,
            controller: None,
            checkpoints,
            folders: folders.unwrap_or_default(),
            offline: false,
            notices: BTreeSet::new(),
            lag_timer: false,
        };
        if let Some(error) = failed {
            replicas.fail(&format_args!("open the log directory: {error}"), io);
        }
        replicas
    }

    /// Whether the log directory has failed.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Whether nothing may be written any more: the directory has failed, or is being closed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.offline || self.is_closing()
    }

    /// All replicas, for invariants and reports.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().flatten()
    }

    /// A replica.
    pub fn get(&self, id: TopicIdPartition) -> Option<&Partition> {
        self.index.get(&id).and_then(|&at| self.partitions[at as usize].as_ref())
    }

    /// The id of the topic of that name.
    pub fn topic_id(&self, name: &str) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// The epoch under which this broker was registered; -1 until it was.
    pub fn broker_epoch(&self) -> i64 {
        self.broker_epoch
    }

    /// This broker was registered under `epoch`.
    pub fn set_broker_epoch(&mut self, epoch: i64) {
        self.broker_epoch = epoch;
    }

    /// The controller is now there.
    pub fn set_controller<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        if self.controller != controller {
            self.controller = controller;
            self.alter_send(io);
        }
    }

    /// What the committed metadata now says of a broker; none if it is unknown.
    pub fn set_broker(&mut self, broker: i32, liveness: Option<BrokerLiveness>) {
        match liveness {
            Some(liveness) => self.brokers.insert(broker, liveness),
            None => self.brokers.remove(&broker),
        };
    }

    /// A topic's name and settings, to be known before its partitions.
    pub fn set_topic(&mut self, topic: Uuid, settings: TopicSettings) {
        for partition in self.partitions.iter_mut().flatten().filter(|partition| partition.id.topic == topic) {
            partition.min_insync_replicas = settings.min_insync_replicas;
            partition.flush = settings.flush;
            partition.log.set_config(log_config(&settings, partition.log.config().index_interval_bytes));
        }
        self.names.insert(settings.name.clone(), topic);
        self.topics.insert(topic, settings);
    }

    /// What to answer about a partition that is not here: another broker has it, or there is none. `unknown` is for
    /// topics that do not exist.
    pub(crate) fn not_here(&self, topic: Option<Uuid>, partition: i32, unknown: ErrorCode) -> ErrorCode {
        match topic.and_then(|topic| self.partition_counts.get(&topic)) {
            Some(&count) if (0..count).contains(&partition) => ErrorCode::NotLeaderOrFollower,
            Some(_) => ErrorCode::UnknownTopicOrPartition,
            None => unknown,
        }
    }

    /// Takes what the committed metadata says of a partition. Older news than what is known is ignored: the answer to
    /// AlterPartition may come before the record.
    pub fn apply<D: Disk, F: Fx>(&mut self, state: &PartitionState, io: &mut Io<'_, D, F>) {
        let count = self.partition_counts.entry(state.partition.topic).or_default();
        *count = state.partition.partition.saturating_add(1).max(*count);
        if self.offline {
            return;
        }
        let existing = self.index.get(&state.partition).copied();
        if !state.replicas.contains(&self.me) {
            if existing.is_some() {
                self.delete(state.partition, io);
            }
            return;
        }
        let at = match existing {
            Some(at) => at,
            None => match self.create(state.partition, io) {
                Some(at) => at,
                None => return,
            },
        };
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        if state.partition_epoch <= partition.partition_epoch {
            return;
        }
        let new_epoch = state.leader_epoch > partition.leader_epoch;
        let old_leader = partition.leader;
        partition.replicas.clone_from(&state.replicas);
        partition.isr.clone_from(&state.isr);
        partition.partition_epoch = state.partition_epoch;
        partition.leader = state.leader;
        partition.leader_epoch = state.leader_epoch;
        if !new_epoch {
            if let Role::Leader(leading) = &mut partition.role {
                // Whatever was asked for was asked under an older partition epoch, and is now granted or refused.
                leading.pending = None;
                leading.reassign(self.me, &state.replicas);
                self.after_isr_change(at, io);
            }
            return;
        }
        if old_leader != self.me && old_leader >= 0 {
            self.fetcher_remove(old_leader, at);
        }
        if state.leader == self.me {
            self.lead(at, io);
        } else {
            self.follow(at, old_leader, io);
        }
        // The fetch for the others may have waited for this one to be durable.
        self.fetcher_run(old_leader, io);
    }

    /// A topic is gone.
    pub fn remove_topic<D: Disk, F: Fx>(&mut self, topic: Uuid, io: &mut Io<'_, D, F>) {
        let ids: Vec<_> = self.index.keys().filter(|id| id.topic == topic).copied().collect();
        for id in ids {
            self.delete(id, io);
        }
        self.partition_counts.remove(&topic);
        if let Some(settings) = self.topics.remove(&topic)
            && self.names.get(&settings.name) == Some(&topic)
        {
            self.names.remove(&settings.name);
        }
    }

    fn lead<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let start = partition.log.end_offset();
        partition.role = Role::Leader(Leading::new(self.me, &partition.replicas, start));
        partition.log.assign_epoch(partition.leader_epoch, start);
        io.fx.observe(Obs::LeaderStarted { partition: partition.id, epoch: partition.leader_epoch, end: start });
        if (partition.flush == FlushPolicy::EveryWrite || partition.log.unsynced_cut().is_some())
            && let Err(error) = start_sync(partition, at, io)
        {
            return self.fail(&error, io);
        }
        if !self.lag_timer {
            self.lag_timer = true;
            arm_lag_timer(io);
        }
        // Whoever parked a fetch here as a consumer of a follower, or in an older epoch, must hear of the change.
        self.after_isr_change(at, io);
        self.recheck_all(at, io);
    }

    fn follow<D: Disk, F: Fx>(&mut self, at: u32, old_leader: i32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let leader = partition.leader;
        io.fx.observe(Obs::FollowerStarted { partition: partition.id, epoch: partition.leader_epoch, leader });
        if planted!(io.cfg.bugs, Kip101)
            && let Err(error) = partition.truncate(partition.high_watermark, io)
        {
            return self.fail(&error, io);
        }
        // The leader may be the one it was, and have led and followed others meanwhile.
        let agreed = leader == old_leader && planted!(io.cfg.bugs, Kafka7164);
        partition.role = Role::Follower(Following { phase: Phase::Fetch, agreed });
        let phase = first_phase(partition, io.cfg.truncation);
        partition.role = Role::Follower(Following { phase, agreed });
        self.recheck_all(at, io);
        if leader >= 0 {
            self.fetcher_add(leader, at, io);
        }
    }

    /// The ISR, the pending ISR or the assignment changed: the high watermark may move, parked produces may end.
    pub(crate) fn after_isr_change<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        partition.advance_high_watermark(io);
        self.recheck_commit(at, io);
    }

    fn create<D: Disk, F: Fx>(&mut self, id: TopicIdPartition, io: &mut Io<'_, D, F>) -> Option<u32> {
        let settings = self.topics.get(&id.topic)?;
        let config = log_config(settings, io.cfg.log.index_interval_bytes);
        let at = self.partitions.len() as u32;
        let opened = self.checkpoints.open_log(id, &settings.name, config, io);
        let Opened { log, high_watermark, new } = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.fail(&error, io);
                return None;
            }
        };
        io.fx.observe(Obs::HighWatermark { partition: id, value: high_watermark, leader: false });
        self.partitions.push(Some(Partition {
            id,
            topic: settings.name.clone(),
            internal: crate::internal::is_internal(&settings.name),
            log,
            high_watermark,
            replicas: Vec::new(),
            isr: Vec::new(),
            leader: -1,
            leader_epoch: -1,
            partition_epoch: -1,
            role: Role::Follower(Following { phase: Phase::Fetch, agreed: false }),
            min_insync_replicas: settings.min_insync_replicas,
            flush: settings.flush,
            append_watchers: Vec::new(),
            commit_watchers: Vec::new(),
        }));
        self.index.insert(id, at);
        // Whose a folder is should not be long in the page cache only.
        if let Some(partition) = self.partitions[at as usize].as_mut().filter(|_| new)
            && let Err(error) = start_sync(partition, at, io)
        {
            self.fail(&error, io);
        }
        Some(at)
    }

    fn delete<D: Disk, F: Fx>(&mut self, id: TopicIdPartition, io: &mut Io<'_, D, F>) {
        let Some(at) = self.index.remove(&id) else { return };
        self.notice(at);
        let Some(mut partition) = self.partitions[at as usize].take() else { return };
        self.fetcher_remove(partition.leader, at);
        self.alter.forget(at);
        self.checkpoints.forget(&partition.topic, id.partition);
        let watchers: BTreeSet<ConnId> =
            partition.append_watchers.drain(..).chain(partition.commit_watchers.drain(..)).collect();
        partition.log.close(io.disk);
        let deleted = self.folders.delete(&partition.topic, id.partition, io);
        io.fx.observe(Obs::LogDeleted { log: id });
        self.fetcher_run(partition.leader, io);
        for conn in watchers {
            self.recheck(conn, io);
        }
        if let Err(error) = deleted {
            return self.fail(&format_args!("put a deleted partition's folder out of use: {error}"), io);
        }
        // An orderly shutdown may have waited for it.
        self.close_log(at, io);
    }

    /// A write or sync of a log failed. Which of the data is on disk is no longer known, so nothing more is written,
    /// served or acknowledged from this directory (KAFKA-10778).
    pub(crate) fn fail<D: Disk, F: Fx>(&mut self, why: &dyn core::fmt::Display, io: &mut Io<'_, D, F>) {
        if !self.offline && !planted!(io.cfg.bugs, Kafka10778) {
            self.offline = true;
            self.notices.extend(self.partitions.iter().flatten().filter(|p| p.internal).map(|p| p.id));
            io.fx.observe(Obs::LogDirOffline { why: Str::from(why.to_string()) });
            let waiting: BTreeSet<ConnId> =
                self.parked_fetches.keys().chain(self.parked_produces.keys()).copied().collect();
            for conn in waiting {
                self.recheck(conn, io);
            }
        }
    }

    /// `Event::Synced` of class `PARTITION_LOG`, `CHECKPOINT` or `LOG_DIRECTORY`.
    pub fn on_synced<D: Disk, F: Fx>(&mut self, op: SyncOp, result: Result<(), DiskError>, io: &mut Io<'_, D, F>) {
        match op.class {
            syncs::CHECKPOINT => return self.on_checkpoint_synced(op, result, io),
            syncs::LOG_DIRECTORY => return self.on_directory_synced(result, io),
            _ => {}
        }
        let at = op.index;
        let Some(partition) = self.partitions.get_mut(at as usize).and_then(Option::as_mut) else { return };
        match partition.log.synced(op, result, io.disk) {
            Err(error) => self.fail(&error, io),
            Ok(None) => {}
            Ok(Some(_)) => {
                if (partition.flush == FlushPolicy::EveryWrite || partition.log.unsynced_cut().is_some())
                    && let Err(error) = start_sync(partition, at, io)
                {
                    return self.fail(&error, io);
                }
                self.flushed(at, io);
                self.close_log(at, io);
            }
        }
    }

    fn flushed<D: Disk, F: Fx>(&mut self, at: u32, io: &mut Io<'_, D, F>) {
        let Some(partition) = self.partitions[at as usize].as_mut() else { return };
        let durable = partition.may_fetch();
        match &mut partition.role {
            Role::Leader(_) if partition.flush == FlushPolicy::EveryWrite => self.after_isr_change(at, io),
            Role::Leader(_) => {}
            Role::Follower(following) if following.phase == Phase::Flush && durable => {
                following.phase = Phase::Fetch;
                let leader = partition.leader;
                self.fetcher_run(leader, io);
            }
            Role::Follower(_) => {}
        }
    }

    /// Timers of classes `REPLICA_LAG`, `FETCH_PARKED`, `PRODUCE_PARKED`, `FETCHER_*`, `ALTER_PARTITION`,
    /// `CHECKPOINT`, `FOLDER_DELETE` and `RETENTION`.
    pub fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, io: &mut Io<'_, D, F>) {
        match id.class {
            timers::REPLICA_LAG => self.check_lag(io),
            timers::FETCH_PARKED => self.fetch_waited(id.index, io),
            timers::PRODUCE_PARKED => self.produce_waited(id.index, io),
            timers::FETCHER_BACKOFF => self.fetcher_backoff_over(id.index as i32, io),
            timers::FETCHER_CALL => self.fetcher_timed_out(id.index as i32, io),
            timers::ALTER_PARTITION => self.alter_timer(io),
            timers::CHECKPOINT => self.write_checkpoints(io),
            timers::FOLDER_DELETE => self.remove_folder(id.index, io),
            timers::RETENTION => self.apply_retention(io),
            _ => {}
        }
    }

    fn check_lag<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let mut leads = false;
        for at in 0..self.partitions.len() as u32 {
            let Some(Role::Leader(leading)) =
                self.partitions[at as usize].as_mut().map(|partition| &mut partition.role)
            else {
                continue;
            };
            leads = true;
            for follower in &mut leading.followers {
                follower.ticks = follower.ticks.saturating_add(1).min(8);
            }
            self.maybe_shrink(at, io);
        }
        self.lag_timer = leads;
        if leads {
            arm_lag_timer(io);
        }
    }
}

/// What a follower does first in a new epoch, and next after an error.
pub(crate) fn first_phase(partition: &Partition, mode: TruncationMode) -> Phase {
    match mode {
        // An empty log agrees with any other.
        TruncationMode::Lookup if !partition.has_agreed() && partition.log.latest_epoch().is_some() => Phase::Lookup,
        TruncationMode::Lookup | TruncationMode::Fetch => Phase::Fetch,
    }
}

/// Begins a sync round of the partition's log, if none is under way and there is anything to sync. Where it cannot, for
/// the epochs are written first, the log directory has failed.
pub(crate) fn start_sync<D: Disk, F: Fx>(
    partition: &mut Partition,
    at: u32,
    io: &mut Io<'_, D, F>,
) -> Result<(), LogError> {
    if !partition.log.is_syncing() && partition.log.unsynced() {
        partition.log.start_sync(SyncOp { class: syncs::PARTITION_LOG, index: at }, io.disk)?;
    }
    Ok(())
}

fn arm_lag_timer<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let period = tribunal_contract::Span::from_nanos(io.cfg.replica_lag.as_nanos() / 2);
    io.fx.set_timer(TimerId { class: timers::REPLICA_LAG, index: 0 }, period, period);
}

fn log_config(settings: &TopicSettings, index_interval_bytes: u32) -> LogConfig {
    LogConfig {
        segment_bytes: settings.segment_bytes,
        segment_ms: settings.segment_ms,
        index_interval_bytes,
        retention_ms: settings.retention_ms,
        retention_bytes: settings.retention_bytes,
        max_message_bytes: settings.max_message_bytes,
        timestamp_type: match settings.log_append_time {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        },
        ..LogConfig::default()
    }
}
