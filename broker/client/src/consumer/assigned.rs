//! One assigned partition, and the ways it moves between what it waits for.

use tribunal_common::{ClientObs, Fx, Obs, timers};
use tribunal_contract::{NodeId, Time, TimerId};
use tribunal_protocol::{ErrorCode, Uuid};

use crate::consumer::Consumer;
use crate::consumer::fetched::Fetched;
use crate::{ClientIo, SeekTo, backoff};

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Assigned {
    pub(crate) slot: u32,
    /// Id of the topic to which the position belongs; zero until it is known.
    pub(crate) topic: Uuid,
    pub(crate) stage: Stage,
    pub(crate) activity: Activity,
    pub(crate) announce: Announce,
    /// Next offset to poll.
    pub(crate) offset: i64,
    /// Leader epoch of the last record before it, or -1.
    pub(crate) epoch: i32,
    /// Leader epoch in which the position is known to be in the leader's log.
    pub(crate) validated: i32,
    pub(crate) high_watermark: Option<i64>,
    pub(crate) fetched: Fetched,
}

/// What is to be done for the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Find out the offset of the log's beginning or end.
    Lookup(SeekTo),
    /// Find out whether the leader's log has what was read before the position (KIP-320).
    Validate,
    /// Fetch.
    Read,
    /// Nothing until a seek.
    Failed(ErrorCode),
}

/// How far that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Activity {
    /// In the list of those to ask for.
    Todo,
    /// This broker was asked.
    Asked(NodeId),
    /// This broker answered with an error a moment ago, or with nothing at once.
    BackingOff(NodeId),
    /// No leader is known.
    NoLeader,
    /// Records wait to be polled.
    Holding,
    /// Failed.
    Stopped,
}

/// What is to be reported when the position is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Announce {
    Nothing,
    Assigned,
    Reset { truncated: bool },
}

impl Assigned {
    pub(crate) fn new(slot: u32, stage: Stage) -> Assigned {
        Assigned {
            slot,
            topic: Uuid::ZERO,
            stage,
            activity: Activity::Todo,
            announce: Announce::Assigned,
            offset: 0,
            epoch: -1,
            validated: -1,
            high_watermark: None,
            fetched: Fetched::default(),
        }
    }

    /// Sets the position.
    pub(crate) fn move_to(&mut self, offset: i64, epoch: i32) {
        (self.offset, self.epoch) = (offset, epoch);
        self.fetched.clear();
    }
}

impl Consumer {
    /// Puts a partition into the list of those to ask for.
    pub(super) fn enlist(&mut self, source: u32) {
        let partition = &mut self.partitions[source as usize];
        let listed = std::mem::replace(&mut partition.activity, Activity::Todo) == Activity::Todo;
        if !listed {
            self.todo.push_back(source);
        }
    }

    /// Forgets records that were not polled.
    pub(super) fn drop_fetched(&mut self, source: u32) {
        let partition = &mut self.partitions[source as usize];
        partition.fetched.clear();
        if partition.activity == Activity::Holding {
            self.holding.retain(|&other| other != source);
        }
    }

    /// Asks for this partition again after a while.
    pub(super) fn back_off<F: Fx>(&mut self, source: u32, io: &mut ClientIo<'_, F>) {
        let partition = &mut self.partitions[source as usize];
        let Some(leader) = self.metadata.slot(partition.slot).leader else {
            partition.activity = Activity::NoLeader;
            return;
        };
        partition.activity = Activity::BackingOff(leader);
        let net = &self.config.net;
        let (min, max) = backoff::range(net.retry_backoff, net.retry_backoff_max, 1);
        io.fx.set_timer(TimerId { class: timers::CONSUMER_FETCH, index: leader.0 }, min, max);
    }

    /// The backoff of a broker has ended.
    pub(super) fn end_backoff(&mut self, broker: u32) {
        for source in 0..self.partitions.len() as u32 {
            if self.partitions[source as usize].activity == Activity::BackingOff(NodeId(broker)) {
                self.enlist(source);
            }
        }
    }

    /// Leaders may have changed: partitions that wait for one, or for the wrong one, go on.
    pub(super) fn leaders_changed(&mut self) {
        for source in 0..self.partitions.len() as u32 {
            let Assigned { slot, activity, .. } = self.partitions[source as usize];
            match activity {
                Activity::NoLeader => self.enlist(source),
                Activity::Asked(node) | Activity::BackingOff(node) => {
                    if self.metadata.slot(slot).leader != Some(node) {
                        self.enlist(source);
                    }
                }
                Activity::Todo | Activity::Holding | Activity::Stopped => {}
            }
        }
    }

    /// Gives a partition up until a seek.
    pub(super) fn fail(&mut self, source: u32, error: ErrorCode) {
        let partition = &mut self.partitions[source as usize];
        partition.fetched.clear();
        partition.stage = Stage::Failed(error);
        partition.activity = Activity::Stopped;
    }

    /// The position is outside the log, or nothing is known of it there.
    pub(super) fn reset(&mut self, source: u32, truncated: bool, now: Time) {
        let Some(to) = self.config.offset_reset.place(now) else {
            return self.fail(source, ErrorCode::OffsetOutOfRange);
        };
        let partition = &mut self.partitions[source as usize];
        partition.stage = Stage::Lookup(to);
        if partition.announce == Announce::Nothing {
            partition.announce = Announce::Reset { truncated };
        }
        self.enlist(source);
    }

    /// Reports the position if that is due.
    pub(super) fn announce<F: Fx>(&mut self, source: u32, io: &mut ClientIo<'_, F>) {
        let partition = &mut self.partitions[source as usize];
        let id = self.metadata.id_partition(partition.slot);
        let offset = partition.offset;
        match std::mem::replace(&mut partition.announce, Announce::Nothing) {
            Announce::Nothing => {}
            Announce::Assigned => io.fx.observe(Obs::Client(ClientObs::Assigned { partition: id, offset })),
            Announce::Reset { truncated } => {
                io.fx.observe(Obs::Client(ClientObs::Reset { partition: id, offset, truncated }));
            }
        }
    }
}
