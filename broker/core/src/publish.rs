//! Committed metadata: from the quorum's log to the image, and what changed to the replicas.

use std::collections::BTreeSet;
use std::mem;

use tribunal_common::{BrokerConfig, Fx, Io, Obs, TopicIdPartition, rare};
use tribunal_contract::Disk;
use tribunal_controller::{Change, MetadataImage, TimestampType, TopicConfig, partition_state};
use tribunal_protocol::{Bytes, MetadataRecord, Str, Uuid};
use tribunal_quorum::Committed;
use tribunal_records::Batches;
use tribunal_replica::{BrokerLiveness, Replicas, TopicSettings};

use crate::broker::{Parts, encode};

/// What the image has and the replicas have not been told: the step from metadata to replicas, which a world that has
/// replicas alone needs as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Unpublished {
    brokers: BTreeSet<i32>,
    partitions: BTreeSet<TopicIdPartition>,
    removed: BTreeSet<Uuid>,
    /// New, or with other settings.
    topics: BTreeSet<Uuid>,
}

impl Unpublished {
    /// Notes what a record has touched.
    pub fn note(&mut self, change: Change) {
        match change {
            Change::TopicCreated(topic) | Change::TopicConfig(topic) => self.topics.insert(topic),
            Change::TopicRemoved(topic) => self.removed.insert(topic),
            Change::Partition { id, .. } | Change::Reassigned { id, .. } => self.partitions.insert(id),
            Change::BrokerRegistered(broker)
            | Change::BrokerUnregistered(broker)
            | Change::BrokerFenced(broker)
            | Change::BrokerUnfenced(broker)
            | Change::ControlledShutdown(broker) => self.brokers.insert(broker),
        };
    }

    /// Whether the replicas know everything.
    pub fn is_empty(&self) -> bool {
        self.brokers.is_empty() && self.partitions.is_empty() && self.removed.is_empty() && self.topics.is_empty()
    }

    /// Tells the replicas what has changed: the state as it is in `image`, not the states through which it came. As
    /// long as they may not open logs, what needs that is kept for the next call.
    pub fn publish<D: Disk, F: Fx>(&mut self, image: &MetadataImage, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        for broker in mem::take(&mut self.brokers) {
            let liveness = image
                .broker(broker)
                .map(|registered| BrokerLiveness { epoch: registered.epoch, active: registered.is_active() });
            replicas.set_broker(broker, liveness);
        }
        for topic in mem::take(&mut self.removed) {
            replicas.remove_topic(topic, io);
        }
        if !replicas.may_open_logs() {
            return;
        }
        for topic in mem::take(&mut self.topics) {
            if let Some(topic_image) = image.topic(topic) {
                let config = image.topic_config(&topic_image.name, io.cfg);
                replicas.set_topic(topic, settings(topic_image.name.clone(), &config));
            }
        }
        for id in mem::take(&mut self.partitions) {
            if let Some(state) = partition_state(image, id, false) {
                replicas.apply(&state, io);
            }
        }
    }
}

/// Reports what the committed record at `offset`, now applied to `image`, has changed.
pub fn observe_change<D: Disk, F: Fx>(image: &MetadataImage, offset: i64, change: Change, io: &mut Io<'_, D, F>) {
    match change {
        Change::TopicCreated(_) | Change::TopicConfig(_) => {}
        Change::TopicRemoved(topic) => io.fx.observe(Obs::TopicRemoved { offset, topic }),
        Change::Partition { id, unclean } => {
            if let Some(state) = partition_state(image, id, unclean) {
                io.fx.observe(Obs::PartitionCommitted { offset, state });
            }
        }
        Change::Reassigned { id, step } => io.fx.observe(Obs::Reassigned { offset, partition: id, step }),
        Change::BrokerUnregistered(broker) => io.fx.observe(Obs::BrokerUnregistered { offset, broker }),
        Change::BrokerRegistered(broker) => {
            if let Some(registered) = image.broker(broker) {
                io.fx.observe(Obs::BrokerRegistered { offset, broker, epoch: registered.epoch });
            }
        }
        Change::BrokerFenced(broker) => io.fx.observe(Obs::BrokerFenced { offset, broker }),
        Change::BrokerUnfenced(broker) => io.fx.observe(Obs::BrokerUnfenced { offset, broker }),
        Change::ControlledShutdown(broker) => io.fx.observe(Obs::ControlledShutdown { offset, broker }),
    }
}

/// How much of the metadata log is applied in one read.
const READ_BYTES: usize = 1 << 20;

impl Parts {
    /// Applies what has been committed since the last time.
    pub(crate) fn publish<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        while self.applied < self.quorum.high_watermark() {
            match self.quorum.read_committed(self.applied, READ_BYTES, io) {
                Committed::Records(batches) => {
                    let before = self.applied;
                    self.apply_batches(batches, io);
                    if self.applied == before {
                        return io.fx.halt("the metadata log cannot be understood");
                    }
                }
                Committed::Snapshot { end, epoch, content } => self.apply_snapshot(end, epoch, content, io),
                Committed::Nothing => break,
            }
        }
        self.publish_changes(io);
        self.take_snapshot(io);
    }

    fn apply_batches<D: Disk, F: Fx>(&mut self, batches: Bytes, io: &mut Io<'_, D, F>) {
        for batch in Batches::new(batches) {
            let Ok(batch) = batch else { return };
            let header = batch.header;
            if header.last_offset() < self.applied {
                continue;
            }
            let epoch = header.partition_leader_epoch;
            if !header.attributes.is_control() {
                let Ok(records) = batch.records() else { return };
                for record in records {
                    let Ok(record) = record else { return };
                    let Some(value) = record.value else { return };
                    let Ok((decoded, _)) = MetadataRecord::decode(value) else { return };
                    let mut changes = Vec::new();
                    if self.image.apply(record.offset, epoch, &decoded, &mut |change| changes.push(change)).is_err() {
                        return;
                    }
                    for change in changes {
                        self.apply_change(record.offset, change, io);
                    }
                }
            }
            self.image.advance(header.last_offset(), epoch);
            self.applied = header.next_offset();
        }
    }

    /// A snapshot replaces the image; what is different is told to the replicas.
    fn apply_snapshot<D: Disk, F: Fx>(&mut self, end: i64, epoch: i32, content: Bytes, io: &mut Io<'_, D, F>) {
        let Some(image) = read_snapshot(end, epoch, content) else {
            return io.fx.halt("a metadata snapshot cannot be understood");
        };
        let old = mem::replace(&mut self.image, image);
        self.applied = end;
        self.snapshot_at = end;
        // Nothing is observed: the records behind these changes were, by whoever applied them one by one.
        let unpublished = &mut self.unpublished;
        self.image.changes_since(&old, &mut |change| unpublished.note(change));
    }

    fn take_snapshot<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let every = i64::from(io.cfg.snapshot_every);
        let since = self.applied - self.snapshot_at;
        if every > 0 && (since >= every || since > 0 && rare!(io, ForcedSnapshot)) {
            self.snapshot_at = self.applied;
            let records: Vec<Bytes> = self.image.to_records().iter().map(encode).collect();
            self.quorum.take_snapshot(self.applied, self.image.epoch(), &records, io);
        }
    }

    /// Notes what changed, to be published once everything at hand is applied: the replicas see the state as it is,
    /// not the states through which it came.
    fn apply_change<D: Disk, F: Fx>(&mut self, offset: i64, change: Change, io: &mut Io<'_, D, F>) {
        self.unpublished.note(change);
        // Told before it has effects, so that who judges those knows their reason.
        observe_change(&self.image, offset, change, io);
    }

    /// Whether the metadata applied so far knows of this incarnation. Before that it tells of the cluster as it was
    /// when an earlier incarnation ran, perhaps as a leader that has long been replaced: acting on it would make this
    /// broker a leader of the past.
    fn knows_this_incarnation(&self, cfg: &BrokerConfig) -> bool {
        self.image.broker(cfg.node_id).is_some_and(|registered| registered.incarnation == cfg.incarnation)
    }

    /// Tells the replicas what has changed.
    pub(crate) fn publish_changes<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if self.unpublished.is_empty() || !self.knows_this_incarnation(io.cfg) {
            return;
        }
        if !mem::replace(&mut self.swept, true) {
            set_strays_aside(&self.image, &mut self.replicas, io);
        }
        self.unpublished.publish(&self.image, &mut self.replicas, io);
        if self.unpublished.is_empty() {
            self.replicas.all_opened();
        }
    }
}

/// Once in an incarnation, before any log is opened: what was reassigned or deleted while this broker was away is set
/// aside.
pub fn set_strays_aside<D: Disk, F: Fx>(image: &MetadataImage, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
    let me = io.cfg.node_id;
    let mine = |name: &str, id: TopicIdPartition| {
        image.topic(id.topic).is_some_and(|topic| *topic.name == *name)
            && image.partition(id).is_some_and(|partition| partition.replicas.contains(&me))
    };
    replicas.set_strays_aside(tribunal_quorum::FOLDER, mine, io);
}

fn read_snapshot(end: i64, epoch: i32, content: Bytes) -> Option<MetadataImage> {
    let mut records = Vec::new();
    for batch in Batches::new(content) {
        let batch = batch.ok()?;
        if batch.header.attributes.is_control() {
            continue;
        }
        for record in batch.records().ok()? {
            records.push(MetadataRecord::decode(record.ok()?.value?).ok()?.0);
        }
    }
    MetadataImage::from_snapshot(end - 1, epoch, &records).ok()
}

fn settings(name: Str, config: &TopicConfig) -> TopicSettings {
    TopicSettings {
        name: name.detach(),
        min_insync_replicas: config.min_insync_replicas,
        max_message_bytes: config.max_message_bytes,
        flush: config.flush,
        timestamp_before_max_ms: config.timestamp_before_max_ms,
        timestamp_after_max_ms: config.timestamp_after_max_ms,
        log_append_time: config.timestamp_type == TimestampType::LogAppendTime,
        segment_bytes: config.segment_bytes,
        segment_ms: config.segment_ms,
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
    }
}
