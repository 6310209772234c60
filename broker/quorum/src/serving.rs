//! Leader: serving Fetch of the metadata log, which is also how followers acknowledge.

use bytes::Bytes;
use tribunal_common::{Answer, Fx, Io, lanes, timers};
use tribunal_contract::{ConnId, Disk, Lane, NodeId, Span, TimerId};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::fetch_response::{self, PartitionData};
use tribunal_protocol::messages::{FetchRequest, FetchResponse};

use crate::Quorum;
use crate::role::Role;
use crate::snapshots::SnapshotId;
use crate::wire::{self, LogEnd};

/// Bytes that a fetch, of records or of a snapshot, asks for and is answered with at most (Kafka's
/// `KafkaRaftClient.MAX_FETCH_SIZE_BYTES`). A batch that is larger comes alone.
pub(crate) const MAX_FETCH_BYTES: i32 = 8 << 20;

/// What a replica has and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    /// Offset of the next record, and epoch of the last.
    end: LogEnd,
    max_bytes: i32,
    /// Its high watermark; `i64::MAX` from one that does not tell (before KIP-1166).
    high_watermark: i64,
}

/// A fetch that waits for something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parked {
    pub(crate) conn: ConnId,
    wanted: Wanted,
}

/// How a replica's log relates to the leader's.
enum Relation {
    /// It is a prefix.
    Prefix,
    /// It is none: this is the end of the last epoch they may have in common.
    Diverges(LogEnd),
    /// What it lacks is no longer in the log.
    Snapshot(SnapshotId),
}

impl Quorum {
    pub(crate) fn on_fetch<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        peer: NodeId,
        version: i16,
        body: &FetchRequest,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let top_level =
            |error: ErrorCode| Answer::Now(FetchResponse { error_code: error.code(), ..Default::default() }.into());
        if body.cluster_id.as_ref().is_some_and(|id| *id != io.cfg.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(request) = wire::fetch_request(version, body) else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let wanted = Wanted {
            end: LogEnd { epoch: request.last_fetched_epoch, offset: request.fetch_offset },
            max_bytes: request.partition_max_bytes.min(body.max_bytes).clamp(0, MAX_FETCH_BYTES),
            high_watermark: request.high_watermark,
        };
        let replica = wire::replica_id(version, body);
        let invalid = body.max_wait_ms < 0
            || wanted.end.offset < 0
            || wanted.end.epoch < 0
            || wanted.end.epoch > request.current_leader_epoch
            || replica == io.cfg.node_id;
        let error = match invalid {
            true => Some(ErrorCode::InvalidRequest),
            false => self.refuse_leader_request(request.current_leader_epoch),
        };
        if let Some(error) = error {
            let body = self.fetch_error(error);
            return self.answer(conn, body.into());
        }
        let relation = self.relation(wanted.end);
        if let Relation::Prefix = relation {
            self.replica_fetched(replica, Some(wanted.end.offset), io);
            if self.has_news(wanted) || body.max_wait_ms == 0 {
                return Answer::Now(self.fetch_answer(wanted, relation, io).into());
            }
            return self.park(peer, Parked { conn, wanted }, Span::from_millis(body.max_wait_ms as u64), io);
        }
        Answer::Now(self.fetch_answer(wanted, relation, io).into())
    }

    /// What a request that only the leader serves is refused for.
    pub(crate) fn refuse_leader_request(&self, epoch: i32) -> Option<ErrorCode> {
        if epoch < self.election.epoch {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if epoch > self.election.epoch {
            Some(ErrorCode::UnknownLeaderEpoch)
        } else if !matches!(self.role, Role::Leader(_)) {
            Some(ErrorCode::NotLeaderOrFollower)
        } else {
            None
        }
    }

    /// Takes note of a replica that fetches in this epoch; its log is a prefix of this one up to `end`, durably.
    pub(crate) fn replica_fetched<D: Disk, F: Fx>(&mut self, replica: i32, end: Option<i64>, io: &mut Io<'_, D, F>) {
        let Role::Leader(leading) = &mut self.role else { return };
        match Self::voter(io.cfg, replica) {
            Some(voter) => {
                if leading.voter_fetched(voter) {
                    Self::set_check_timer(io);
                }
                if let Some(end) = end {
                    leading.voter_at(voter, end);
                    self.advance_leader_hw(io);
                }
            }
            None => {
                if let Some(end) = end
                    && replica >= 0
                {
                    leading.observer_at(replica, end);
                }
            }
        }
    }

    /// Raises the high watermark to what a majority has, and tells those who wait for it.
    pub(crate) fn advance_leader_hw<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let Role::Leader(leading) = &self.role else { return };
        if let Some(end) = leading.high_watermark()
            && self.advance_hw(end, io)
        {
            self.answer_parked(io);
        }
    }

    /// How a log that ends at `end` relates to this one (KIP-595, KIP-630).
    fn relation(&self, end: LogEnd) -> Relation {
        let start = self.log.start();
        let latest = self.snapshots.latest().filter(|id| id.end <= self.log.end().offset);
        if end.offset == 0 {
            // Nothing at all: the latest snapshot is less to send than the log.
            return latest.map_or(Relation::Prefix, Relation::Snapshot);
        }
        if let (Some(oldest), Some(latest)) = (self.snapshots.kept.first(), latest)
            && start > 0
            && (end.offset < start || end.offset == start && end.epoch != oldest.epoch || end.epoch < oldest.epoch)
        {
            return Relation::Snapshot(latest);
        }
        let own = self.log.end_of_epoch(end.epoch);
        if own.epoch != end.epoch || own.offset < end.offset { Relation::Diverges(own) } else { Relation::Prefix }
    }

    /// The high watermark as this leader may tell it: unknown before it has committed an entry of its own epoch.
    fn told_hw(&self) -> i64 {
        if self.is_active() { self.hw } else { -1 }
    }

    /// Whether there is anything to answer a fetch with.
    fn has_news(&self, wanted: Wanted) -> bool {
        wanted.end.offset < self.log.end().offset || wanted.high_watermark < self.told_hw()
    }

    fn fetch_answer<D: Disk, F: Fx>(
        &mut self,
        wanted: Wanted,
        relation: Relation,
        io: &mut Io<'_, D, F>,
    ) -> FetchResponse {
        let mut partition = self.fetch_partition(ErrorCode::None);
        partition.high_watermark = self.told_hw();
        match relation {
            Relation::Diverges(at) => {
                partition.diverging_epoch = fetch_response::EpochEndOffset { epoch: at.epoch, end_offset: at.offset };
            }
            Relation::Snapshot(id) => {
                partition.snapshot_id = fetch_response::SnapshotId { end_offset: id.end, epoch: id.epoch };
            }
            Relation::Prefix if wanted.end.offset < self.log.end().offset => {
                match self.log.read(wanted.end.offset, wanted.max_bytes as usize, i64::MAX, io.disk) {
                    Ok(records) => partition.records = Some(records),
                    Err(_) => partition.error_code = ErrorCode::KafkaStorageError.code(),
                }
            }
            Relation::Prefix => {}
        }
        wire::answer_fetch(partition)
    }

    /// The refusal of a fetch.
    pub(crate) fn fetch_error(&self, error: ErrorCode) -> FetchResponse {
        wire::answer_fetch(self.fetch_partition(error))
    }

    fn fetch_partition(&self, error: ErrorCode) -> PartitionData {
        PartitionData {
            error_code: error.code(),
            high_watermark: -1,
            log_start_offset: self.log.start(),
            current_leader: fetch_response::LeaderIdAndEpoch {
                leader_id: self.election.leader.unwrap_or(-1),
                leader_epoch: self.election.epoch,
            },
            records: Some(Bytes::new()),
            ..Default::default()
        }
    }

    /// Parks a fetch. A peer has one on a lane: a new connection's replaces the old one's, and what still comes from an
    /// older connection is answered at once, for nobody waits there.
    fn park<D: Disk, F: Fx>(&mut self, peer: NodeId, parked: Parked, wait: Span, io: &mut Io<'_, D, F>) -> Answer {
        let lane = parked.conn.lane;
        let Role::Leader(leading) = &mut self.role else { return Answer::Close };
        let replaced = match leading.parked.binary_search_by_key(&(peer, lane), |(p, l, _)| (*p, *l)) {
            Ok(at) if leading.parked[at].2.conn.attempt > parked.conn.attempt => Some(parked),
            Ok(at) => {
                io.fx.set_timer(parked_timer(peer, lane), wait, wait);
                Some(std::mem::replace(&mut leading.parked[at].2, parked))
            }
            Err(at) => {
                io.fx.set_timer(parked_timer(peer, lane), wait, wait);
                leading.parked.insert(at, (peer, lane, parked));
                None
            }
        };
        match replaced {
            Some(old) if old == parked => Answer::Now(self.fetch_answer(old.wanted, Relation::Prefix, io).into()),
            Some(old) => {
                let body = self.fetch_answer(old.wanted, Relation::Prefix, io).into();
                io.net.reply(io.fx, old.conn, body);
                Answer::Later
            }
            None => Answer::Later,
        }
    }

    /// Answers the parked fetches for which there is something now.
    pub(crate) fn answer_parked<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        let mut at = 0;
        while let Role::Leader(leading) = &mut self.role
            && let Some((peer, lane, parked)) = leading.parked.get(at).copied()
        {
            if !self.has_news(parked.wanted) {
                at += 1;
                continue;
            }
            if let Role::Leader(leading) = &mut self.role {
                leading.parked.remove(at);
            }
            io.fx.cancel_timer(parked_timer(peer, lane));
            self.answer_one(parked, io);
        }
    }

    /// A parked fetch has waited long enough.
    pub(crate) fn on_parked_timer<D: Disk, F: Fx>(&mut self, index: u32, io: &mut Io<'_, D, F>) {
        let Role::Leader(leading) = &mut self.role else { return };
        if let Some(at) = leading.parked.iter().position(|(peer, lane, _)| lanes::index(*peer, *lane) == index) {
            let (_, _, parked) = leading.parked.remove(at);
            self.answer_one(parked, io);
        }
    }

    /// A connection is gone, and the fetch that waited on it.
    pub(crate) fn forget_parked(&mut self, conn: ConnId) {
        if let Role::Leader(leading) = &mut self.role {
            leading.parked.retain(|(_, _, parked)| parked.conn != conn);
        }
    }

    fn answer_one<D: Disk, F: Fx>(&mut self, parked: Parked, io: &mut Io<'_, D, F>) {
        // The log may have let go of what it waited for.
        let relation = self.relation(parked.wanted.end);
        let body = self.fetch_answer(parked.wanted, relation, io);
        io.net.reply(io.fx, parked.conn, body.into());
    }
}

fn parked_timer(peer: NodeId, lane: Lane) -> TimerId {
    TimerId { class: timers::QUORUM_PARKED, index: lanes::index(peer, lane) }
}
