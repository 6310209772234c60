//! The shards of one broker.

use std::collections::{BTreeMap, VecDeque};

use tribunal_common::{Fx, Io, Obs, timers};
use tribunal_contract::{ConnId, Disk, Span, TimerId};
use tribunal_groups::{Context, Groups, Out, Reply, Ticket, Write};
use tribunal_protocol::{Bytes, ErrorCode, ResponseBody};
use tribunal_records::{BatchBuilder, BatchOptions};
use tribunal_replica::Replicas;

use crate::alarms::Alarms;
use crate::gather::Gather;
use crate::shard::{Parked, Phase, Shard};

/// How much of a log is read in one step.
const LOAD_BYTES: usize = 1 << 20;

/// The group coordinator of one broker: a shard for each partition of `__consumer_offsets` that it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coordinator {
    pub(crate) shards: BTreeMap<i32, Shard>,
    alarms: Alarms,
    pub(crate) gathers: BTreeMap<ConnId, Gather>,
    expires: bool,
}

impl Coordinator {
    /// The groups of a partition, if this broker coordinates them now. For invariants and reports.
    pub fn groups(&self, partition: i32) -> Option<&Groups> {
        self.shards.get(&partition).filter(|shard| shard.phase == Phase::Serving).map(|shard| &shard.groups)
    }

    /// Takes the replicas' notices: shards begin, end, and go on.
    pub fn follow<D: Disk, F: Fx>(&mut self, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        for id in replicas.take_notices() {
            let found = replicas.get(id).filter(|partition| partition.leading().is_some() && !replicas.is_offline());
            let leads = found
                .map(|partition| (partition.leader_epoch, partition.log.start_offset(), partition.log.end_offset()));
            let current = self.shards.get(&id.partition).map(|shard| (shard.id, shard.epoch));
            if current.is_some() && current != leads.map(|(epoch, ..)| (id, epoch)) {
                // A notice about a topic that was deleted must not end the shard of the one that took its place.
                if current.is_some_and(|(shard, _)| shard == id) || leads.is_some() {
                    self.unload(id.partition, replicas, io);
                }
            }
            match leads {
                None => {}
                Some((epoch, start, end)) if !self.shards.contains_key(&id.partition) => {
                    self.shards.insert(id.partition, Shard::new(id, epoch, start, end));
                    self.load(id.partition, replicas, io);
                }
                Some(_) => self.advance(id.partition, replicas, io),
            }
        }
    }

    /// One step of reading a shard's log.
    fn load<D: Disk, F: Fx>(&mut self, partition: i32, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        let Phase::Loading(from) = shard.phase else { return };
        if from < shard.end {
            let read = replicas.read_internal(shard.id, from, LOAD_BYTES, io);
            shard.phase = match read.and_then(|batches| shard.replay(batches, from)) {
                // Nothing can be read where something is: what is there is not whole.
                Ok((next, _)) if next > from => Phase::Loading(next),
                Ok(_) | Err(_) => Phase::Failed,
            };
            let timer = TimerId { class: timers::COORDINATOR_LOAD, index: partition as u32 };
            return io.fx.set_timer(timer, Span::from_nanos(1), Span::from_nanos(1));
        }
        shard.phase = Phase::Catching;
        self.advance(partition, replicas, io);
    }

    /// The high watermark may have moved.
    fn advance<D: Disk, F: Fx>(&mut self, partition: i32, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        let mut out = Out::default();
        if shard.phase == Phase::Catching && high_watermark(shard, replicas) >= shard.end {
            shard.phase = Phase::Serving;
            shard.groups.loaded(context(io), &mut out);
            let groups = shard.groups.iter().count() as u32;
            io.fx.observe(Obs::CoordinatorLoaded { partition: shard.id, epoch: shard.epoch, groups });
            if !self.expires {
                self.expires = true;
                arm_expiry(io);
            }
        }
        if shard.phase == Phase::Serving {
            self.perform(partition, out, replicas, io);
        }
    }

    fn unload<D: Disk, F: Fx>(&mut self, partition: i32, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        let Some(mut shard) = self.shards.remove(&partition) else { return };
        let mut out = Out::default();
        for mut parked in shard.parked.drain(..) {
            if let Some((ticket, reply)) = parked.then.too_late(ErrorCode::NotCoordinator) {
                out.replies.push((ticket, reply));
            }
        }
        shard.groups.unload(ErrorCode::NotCoordinator, &mut out);
        for class in [timers::COORDINATOR_LOAD, timers::COORDINATOR_WRITE] {
            io.fx.cancel_timer(TimerId { class, index: partition as u32 });
        }
        if shard.phase == Phase::Serving {
            io.fx.observe(Obs::CoordinatorUnloaded { partition: shard.id, epoch: shard.epoch });
        }
        for (alarm, _) in out.alarms {
            self.alarms.set(partition, alarm, None, io);
        }
        for (ticket, reply) in out.replies {
            self.deliver(ticket, reply, replicas, io);
        }
    }

    /// Does what a step of a shard's groups asks for, and what follows from that.
    pub(crate) fn perform<D: Disk, F: Fx>(
        &mut self,
        partition: i32,
        out: Out,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) {
        let mut outs = VecDeque::from([out]);
        loop {
            while let Some(out) = outs.pop_front() {
                for observed in out.observed {
                    io.fx.observe(observed);
                }
                for (alarm, after) in out.alarms {
                    self.alarms.set(partition, alarm, after, io);
                }
                for (ticket, reply) in out.replies {
                    self.deliver(ticket, reply, replicas, io);
                }
                for write in out.writes {
                    outs.extend(self.write(partition, write, replicas, io));
                }
            }
            let Some(shard) = self.shards.get_mut(&partition) else { return };
            let committed = high_watermark(shard, replicas);
            if shard.parked.front().is_none_or(|parked| parked.required > committed) {
                break;
            }
            if let Some(parked) = shard.parked.pop_front() {
                let mut out = Out::default();
                shard.groups.committed(parked.then, context(io), &mut out);
                outs.push_back(out);
            }
        }
        let waits = self.shards.get(&partition).is_some_and(|shard| !shard.parked.is_empty());
        if !waits {
            io.fx.cancel_timer(TimerId { class: timers::COORDINATOR_WRITE, index: partition as u32 });
        }
    }

    /// Appends a write's records. What follows at once if they are refused.
    fn write<D: Disk, F: Fx>(
        &mut self,
        partition: i32,
        write: Write,
        replicas: &mut Replicas,
        io: &mut Io<'_, D, F>,
    ) -> Option<Out> {
        let shard = self.shards.get_mut(&partition)?;
        let appended = match write.records.is_empty() {
            true => Ok(shard.end),
            false => batch(&write, io.now.as_millis())
                .and_then(|batch| replicas.append_internal(shard.id, shard.epoch, batch, io)),
        };
        match appended {
            Ok(required) => {
                shard.end = required;
                shard.groups.appended(&write.then);
                if shard.parked.is_empty() {
                    arm_write(partition, io);
                }
                shard.parked.push_back(Parked { required, then: write.then, waited: false });
                None
            }
            Err(error) => {
                let mut out = Out::default();
                shard.groups.refused(write.then, as_answer(error), context(io), &mut out);
                Some(out)
            }
        }
    }

    /// Answers a request, or takes in a part of its answer.
    pub(crate) fn deliver<D: Disk, F: Fx>(
        &mut self,
        ticket: Ticket,
        reply: Reply,
        replicas: &Replicas,
        io: &mut Io<'_, D, F>,
    ) {
        let body: ResponseBody = match reply {
            Reply::Join(response) => response.into(),
            Reply::Sync(response) => response.into(),
            Reply::Heartbeat(response) => response.into(),
            Reply::Leave(response) => response.into(),
            Reply::Commit(response) => response.into(),
            Reply::OffsetDelete(response) => response.into(),
            part @ (Reply::Fetch(_) | Reply::Delete(_)) => {
                let Some(gather) = self.gathers.get_mut(&ticket.conn) else { return };
                gather.add(ticket.part, part);
                return self.finish_gather(ticket.conn, replicas, io);
            }
        };
        io.net.reply(io.fx, ticket.conn, body);
    }

    /// Answers a request about several groups once every part is there.
    pub(crate) fn finish_gather<D: Disk, F: Fx>(&mut self, conn: ConnId, replicas: &Replicas, io: &mut Io<'_, D, F>) {
        if self.gathers.get(&conn).is_some_and(|gather| gather.missing == 0)
            && let Some(gather) = self.gathers.remove(&conn)
        {
            io.net.reply(io.fx, conn, gather.finish(replicas));
        }
    }

    /// Timers of classes `GROUP_*`, `COORDINATOR_*` and `OFFSET_EXPIRY`.
    pub fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, replicas: &mut Replicas, io: &mut Io<'_, D, F>) {
        let mut out = Out::default();
        match id.class {
            timers::COORDINATOR_LOAD => self.load(id.index as i32, replicas, io),
            timers::COORDINATOR_WRITE => self.write_waited(id.index as i32, replicas, io),
            timers::OFFSET_EXPIRY => {
                self.expires = !self.shards.is_empty();
                if self.expires {
                    arm_expiry(io);
                }
                let serving = self.shards.iter().filter(|(_, shard)| shard.phase == Phase::Serving);
                let serving: Vec<i32> = serving.map(|(&partition, _)| partition).collect();
                for partition in serving {
                    let mut out = Out::default();
                    if let Some(shard) = self.shards.get_mut(&partition) {
                        shard.groups.expire(context(io), &mut out);
                    }
                    self.perform(partition, out, replicas, io);
                }
            }
            _ => {
                let Some((partition, alarm)) = self.alarms.take(id.index) else { return };
                let Some(shard) = self.shards.get_mut(&partition) else { return };
                shard.groups.on_alarm(&alarm, context(io), &mut out);
                self.perform(partition, out, replicas, io);
            }
        }
    }

    /// Writes take too long: whoever has waited for a whole period is told so.
    fn write_waited<D: Disk, F: Fx>(&mut self, partition: i32, replicas: &Replicas, io: &mut Io<'_, D, F>) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        let mut late = Vec::new();
        for parked in &mut shard.parked {
            match parked.waited {
                true => late.extend(parked.then.too_late(ErrorCode::CoordinatorNotAvailable)),
                false => parked.waited = true,
            }
        }
        if !shard.parked.is_empty() {
            arm_write(partition, io);
        }
        for (ticket, reply) in late {
            self.deliver(ticket, reply, replicas, io);
        }
    }

    /// A client's connection is gone. Its members stay until their sessions end.
    pub fn on_conn_down(&mut self, conn: ConnId) {
        self.gathers.remove(&conn);
    }
}

pub(crate) fn context<'a, D: Disk, F: Fx>(io: &Io<'a, D, F>) -> Context<'a> {
    Context { now_ms: io.now.as_millis(), cfg: &io.cfg.groups }
}

fn high_watermark(shard: &Shard, replicas: &Replicas) -> i64 {
    let led = replicas.get(shard.id).filter(|partition| partition.leader_epoch == shard.epoch);
    led.map_or(-1, |partition| partition.high_watermark)
}

fn batch(write: &Write, now_ms: i64) -> Result<Bytes, ErrorCode> {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for record in &write.records {
        let (key, value) = record.encode().map_err(|_| ErrorCode::MessageTooLarge)?;
        builder.append(now_ms, Some(&key), value.as_deref(), &[]);
    }
    Ok(builder.build())
}

/// What a client is told where the log refuses records.
fn as_answer(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NotEnoughReplicas | ErrorCode::UnknownTopicOrPartition | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError | ErrorCode::UnknownTopicId => {
            ErrorCode::NotCoordinator
        }
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::InvalidCommitOffsetSize,
        _ => ErrorCode::UnknownServerError,
    }
}

fn arm_write<D: Disk, F: Fx>(partition: i32, io: &mut Io<'_, D, F>) {
    let timeout = io.cfg.groups.commit_timeout;
    io.fx.set_timer(TimerId { class: timers::COORDINATOR_WRITE, index: partition as u32 }, timeout, timeout);
}

fn arm_expiry<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let period = io.cfg.groups.offsets_retention_check;
    io.fx.set_timer(TimerId { class: timers::OFFSET_EXPIRY, index: 0 }, period, period);
}
