//! What a leader knows of its followers, and the high watermark that follows from it.

use tribunal_common::planted;
use tribunal_common::{Bugs, Obs};
use tribunal_common::{Fx, Io};
use tribunal_contract::Disk;

use crate::partition::{Partition, Role};

/// Checks of `REPLICA_LAG` (two in each `replica.lag.time.max`) without having caught up, after which a follower is
/// out of sync: it was then behind for 1 to 1.5 times that time, as in Kafka.
const OUT_OF_SYNC_TICKS: u8 = 3;

/// A fetch of a version that does not carry the follower's broker epoch.
pub(crate) const ANY_EPOCH: i64 = -1;

/// A leader's view of one follower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The follower.
    pub broker: i32,
    /// Its log end offset in this leader epoch, as its last fetch says; -1 before the first.
    pub end: i64,
    /// The broker epoch of its last fetch (KIP-903); -1 if it does not say.
    pub broker_epoch: i64,
    /// This leader's log end at the follower's last fetch: reaching it later means having been caught up then.
    pub end_at_last_fetch: i64,
    /// Lag checks since it was last caught up.
    pub ticks: u8,
}

/// An ISR that was asked for and is not yet known to be granted or refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingIsr {
    /// The members, with the broker epochs under which they were found eligible.
    pub members: Vec<(i32, i64)>,
}

/// A leader's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leading {
    /// Its log end when the epoch began.
    pub epoch_start: i64,
    /// All other replicas.
    pub followers: Vec<Progress>,
    /// The ISR change in flight.
    pub pending: Option<PendingIsr>,
}

impl Leading {
    /// A leader that has heard of nobody.
    pub fn new(me: i32, replicas: &[i32], epoch_start: i64) -> Leading {
        let followers = replicas.iter().filter(|&&broker| broker != me).map(|&broker| Progress::unknown(broker));
        Leading { epoch_start, followers: followers.collect(), pending: None }
    }

    /// Keeps what is known of followers when the assignment changes within an epoch.
    pub fn reassign(&mut self, me: i32, replicas: &[i32]) {
        self.followers.retain(|follower| replicas.contains(&follower.broker));
        for &broker in replicas.iter().filter(|&&broker| broker != me) {
            if !self.followers.iter().any(|follower| follower.broker == broker) {
                self.followers.push(Progress::unknown(broker));
            }
        }
    }

    /// The follower's progress.
    pub fn follower(&self, broker: i32) -> Option<&Progress> {
        self.followers.iter().find(|follower| follower.broker == broker)
    }
}

impl Progress {
    fn unknown(broker: i32) -> Progress {
        Progress { broker, end: -1, broker_epoch: ANY_EPOCH, end_at_last_fetch: -1, ticks: 0 }
    }

    /// Whether the follower is behind and has been so for `replica.lag.time.max`.
    pub fn is_out_of_sync(&self, leader_end: i64) -> bool {
        self.end != leader_end && self.ticks >= OUT_OF_SYNC_TICKS
    }
}

impl Partition {
    /// Whether `broker` holds up the high watermark: in the ISR, or asked to be (KIP-497: whoever may turn out to be
    /// in the ISR must have every committed record).
    pub(crate) fn in_maximal_isr(&self, broker: i32, bugs: Bugs) -> bool {
        self.isr.contains(&broker)
            || !planted!(bugs, Kip497)
                && self
                    .leading()
                    .and_then(|leading| leading.pending.as_ref())
                    .is_some_and(|pending| pending.members.iter().any(|&(member, _)| member == broker))
    }

    /// Notes a follower's fetch from `offset`. Returns whether anything was learned.
    pub(crate) fn follower_fetched(&mut self, broker: i32, broker_epoch: i64, offset: i64) -> bool {
        let end = self.log.end_offset();
        let Role::Leader(leading) = &mut self.role else { return false };
        let Some(follower) = leading.followers.iter_mut().find(|follower| follower.broker == broker) else {
            return false;
        };
        // The leader may not have been told yet of a registration that it has had a fetch from.
        if broker_epoch != ANY_EPOCH && broker_epoch < follower.broker_epoch {
            return false;
        }
        if offset >= end || offset >= follower.end_at_last_fetch && follower.end_at_last_fetch >= 0 {
            follower.ticks = 0;
        }
        follower.end = offset;
        follower.broker_epoch = broker_epoch;
        follower.end_at_last_fetch = end;
        true
    }

    /// Moves the high watermark to what every member of the maximal ISR has, if the ISR is large enough. Returns
    /// whether it moved.
    pub(crate) fn advance_high_watermark<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        // Below min ISR nothing new may be exposed: the replicas that would hold it are too few to be relied on
        // (KAFKA-15583, KIP-966).
        if self.isr.len() < self.effective_min_isr() && !planted!(io.cfg.bugs, Kafka15583) {
            return false;
        }
        let mut candidate = self.own_end();
        for follower in &leading.followers {
            if follower.end < candidate && self.in_maximal_isr(follower.broker, io.cfg.bugs) {
                candidate = follower.end;
            }
        }
        if candidate <= self.high_watermark {
            return false;
        }
        self.high_watermark = candidate;
        io.fx.observe(Obs::HighWatermark { partition: self.id, value: candidate, leader: true });
        true
    }
}
