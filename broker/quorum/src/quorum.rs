//! The state of one quorum member, and read access to it.

use tribunal_common::{Answer, BrokerConfig, Fx, Io, Obs, QuorumRole};
use tribunal_contract::{ConnId, Disk, NodeId};
use tribunal_protocol::ResponseBody;

use crate::Election;
use crate::metadata_log::MetadataLog;
use crate::role::Role;
use crate::snapshots::Snapshots;
use crate::vote_store::VoteStore;
use crate::voters::VoterSet;

/// One member of the controller quorum, voter or observer, with its copy of the metadata log.
///
/// Opened by [`Quorum::open`] and started by [`Quorum::start`] on `Event::Start`; from then on it is handed the events
/// that concern it. Whatever it sends, it sends through [`Io`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quorum {
    pub(crate) log: MetadataLog,
    pub(crate) snapshots: Snapshots,
    /// What this node knows and has promised; `store` says how much of that is on disk.
    pub(crate) election: Election,
    pub(crate) store: VoteStore,
    pub(crate) role: Role,
    /// All below is committed, as far as this node knows.
    pub(crate) hw: i64,
    /// Answers that wait for a promise to be on disk.
    pub(crate) held: Vec<Held>,
    /// Voters that are not to be called for a moment, because a call failed.
    pub(crate) backoff: VoterSet,
    /// The same for fetches.
    pub(crate) fetch_backoff: VoterSet,
    /// Role, epoch and leader as last reported.
    pub(crate) reported: Option<(QuorumRole, i32, Option<i32>)>,
    /// Controlled shutdown: does not stand for election any more.
    pub(crate) stopping: bool,
    /// This voter lost its disk and has not fetched what is committed yet: it takes no part in elections.
    pub(crate) lost_disk: bool,
    /// A write has failed: does nothing any more.
    pub(crate) failed: bool,
}

/// An answer that must not leave before what it promises is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) conn: ConnId,
    /// What must be on disk.
    pub(crate) promise: Election,
    pub(crate) body: ResponseBody,
    /// The vote that the answer grants.
    pub(crate) grants: Option<Granted>,
}

/// A vote granted, for the report of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Granted {
    pub(crate) epoch: i32,
    pub(crate) candidate: i32,
    pub(crate) pre_vote: bool,
}

/// What invariants look at. Costs nothing to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuorumView {
    /// What the node is.
    pub role: QuorumRole,
    /// Its epoch.
    pub epoch: i32,
    /// Whom it voted for in that epoch, as far as memory goes.
    pub voted: Option<i32>,
    /// Whether that vote, or that there is none, is on disk.
    pub durable: bool,
    /// The epoch's leader, if known.
    pub leader: Option<i32>,
    /// High watermark.
    pub high_watermark: i64,
    /// First offset of the log.
    pub log_start: i64,
    /// Offset after the last record.
    pub log_end: i64,
    /// All below cannot be lost.
    pub flushed: i64,
    /// Epoch of the last record, 0 if there never was one.
    pub last_epoch: i32,
    /// Where the leader's epoch begins, if this node leads.
    pub epoch_start: Option<i64>,
    /// End of the latest snapshot.
    pub snapshot_end: Option<i64>,
}

impl Quorum {
    /// The quorum epoch.
    pub fn epoch(&self) -> i32 {
        self.election.epoch
    }

    /// The leader of the epoch, if known. A resigned leader still names itself.
    pub fn leader(&self) -> Option<i32> {
        self.election.leader
    }

    /// What this node is.
    pub fn role(&self) -> QuorumRole {
        self.role.kind()
    }

    /// All below is committed.
    pub fn high_watermark(&self) -> i64 {
        self.hw
    }

    /// The offset after the last record of the metadata log.
    pub fn log_end(&self) -> i64 {
        self.log.end().offset
    }

    /// The first offset of the metadata log; what was before is in a snapshot.
    pub fn log_start(&self) -> i64 {
        self.log.start()
    }

    /// Whether this node leads, and everything that earlier leaders committed is known to be committed: the high
    /// watermark has passed the start of its epoch.
    pub fn is_active(&self) -> bool {
        matches!(&self.role, Role::Leader(leading) if self.hw > leading.epoch_start)
    }

    /// Whether a snapshot is being written; another can be taken only after it.
    pub fn is_taking_snapshot(&self) -> bool {
        self.snapshots.is_taking()
    }

    /// What invariants look at.
    pub fn view(&self) -> QuorumView {
        let end = self.log.end();
        QuorumView {
            role: self.role.kind(),
            epoch: self.election.epoch,
            voted: self.election.voted,
            durable: self.store.keeps(&self.election),
            leader: self.election.leader,
            high_watermark: self.hw,
            log_start: self.log.start(),
            log_end: end.offset,
            flushed: self.log.flushed(),
            last_epoch: end.epoch,
            epoch_start: match &self.role {
                Role::Leader(leading) => Some(leading.epoch_start),
                _ => None,
            },
            snapshot_end: self.snapshots.latest().map(|id| id.end),
        }
    }

    /// The position of a voter, `None` for anybody else.
    pub(crate) fn voter(cfg: &BrokerConfig, id: i32) -> Option<usize> {
        cfg.voters.iter().position(|voter| *voter == id)
    }

    /// Answers at once if all promises are on disk, later if not: nobody hears of an epoch that this node might
    /// forget.
    pub(crate) fn answer(&mut self, conn: ConnId, body: ResponseBody) -> Answer {
        if self.store.keeps(&self.election) {
            return Answer::Now(body);
        }
        self.held.push(Held { conn, promise: self.election, body, grants: None });
        Answer::Later
    }

    /// Like [`Quorum::answer`], for a request that was parked.
    pub(crate) fn reply<D: Disk, F: Fx>(&mut self, conn: ConnId, body: ResponseBody, io: &mut Io<'_, D, F>) {
        if let Answer::Now(body) = self.answer(conn, body) {
            io.net.reply(io.fx, conn, body);
        }
    }

    /// Sends the answers whose promises are on disk by now.
    pub(crate) fn release<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let mut at = 0;
        while at < self.held.len() {
            if !self.store.keeps(&self.held[at].promise) {
                at += 1;
                continue;
            }
            let held = self.held.remove(at);
            if let Some(granted) = held.grants {
                granted.observe(io);
            }
            io.net.reply(io.fx, held.conn, held.body);
        }
    }

    /// Reports role, epoch and leader if they are new.
    pub(crate) fn report<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let now = (self.role.kind(), self.election.epoch, self.election.leader);
        if self.reported != Some(now) {
            self.reported = Some(now);
            let (role, epoch, leader) = now;
            io.fx.observe(Obs::QuorumRoleChanged { role, epoch, leader: leader.unwrap_or(-1) });
        }
    }

    /// What the disk holds is unknown: this process ends.
    pub(crate) fn fail<D: Disk, F: Fx>(&mut self, why: &'static str, io: &mut Io<'_, D, F>) {
        self.failed = true;
        io.fx.halt(why);
    }

    /// Ends the process if `result` is an error.
    pub(crate) fn check<T, E, D: Disk, F: Fx>(
        &mut self,
        result: Result<T, E>,
        why: &'static str,
        io: &mut Io<'_, D, F>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(_) => {
                self.fail(why, io);
                None
            }
        }
    }
}

impl Granted {
    pub(crate) fn observe<D: Disk, F: Fx>(self, io: &mut Io<'_, D, F>) {
        let Granted { epoch, candidate, pre_vote } = self;
        io.fx.observe(Obs::VoteGranted { epoch, candidate, pre_vote });
    }
}

/// A voter as a node of the world.
pub(crate) fn node(id: i32) -> NodeId {
    NodeId(id as u32)
}
