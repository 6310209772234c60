//! Fetches that found too little and wait, at the partitions that they name, for more or for their time to be over.

use tribunal_common::{Fx, Io, lanes, rare, timers};
use tribunal_contract::{ConnId, Disk, Span, TimerId};
use tribunal_protocol::ResponseBody;
use tribunal_protocol::messages::fetch_request::FetchRequest;
use tribunal_protocol::messages::fetch_response::FetchResponse;

use crate::fetch::{Fetcher, bytes_in, has_error};
use crate::replicas::Replicas;
use crate::sessions::Session;

/// A fetch that found too little and waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ParkedFetch {
    pub(crate) version: i16,
    pub(crate) request: FetchRequest,
    pub(crate) session: Session,
    /// The dense index of each partition of the request, in its order.
    pub(crate) places: Vec<Option<u32>>,
}

impl Replicas {
    pub(crate) fn park<D: Disk, F: Fx>(&mut self, conn: ConnId, parked: Box<ParkedFetch>, io: &mut Io<'_, D, F>) {
        let fetcher = Fetcher::of(&parked.request, parked.version);
        for at in parked.places.iter().flatten() {
            let Some(partition) = self.partitions[*at as usize].as_mut() else { continue };
            let watchers = match fetcher {
                Fetcher::Follower { .. } => &mut partition.append_watchers,
                Fetcher::Consumer => &mut partition.commit_watchers,
            };
            if !watchers.contains(&conn) {
                watchers.push(conn);
            }
        }
        let early = rare!(io, EarlyTimer);
        let wait = if early { Span::ZERO } else { Span::from_millis(parked.request.max_wait_ms.max(0) as u64) };
        io.fx.set_timer(parked_timer(conn), wait, wait);
        self.parked_fetches.insert(conn, parked);
    }

    /// The connection of the same peer and lane that has a parked fetch.
    pub(crate) fn parked_on_lane(&self, conn: ConnId) -> Option<ConnId> {
        let lane = ConnId { attempt: 0, ..conn }..=ConnId { attempt: u32::MAX, ..conn };
        self.parked_fetches.range(lane).next().map(|(&parked, _)| parked)
    }

    /// Whether `conn` has a fetch that still waits afterwards.
    pub(crate) fn recheck_fetch<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) -> bool {
        let Some(parked) = self.parked_fetches.get(&conn) else { return false };
        let version = parked.version;
        let fetcher = Fetcher::of(&parked.request, version);
        let wanted = parked.request.topics.iter().flat_map(|topic| &topic.partitions);
        let ready = parked.places.iter().zip(wanted).any(|(at, wanted)| self.has_news(*at, fetcher, wanted, version));
        if !ready {
            return true;
        }
        let Some(parked) = self.parked_fetches.remove(&conn) else { return false };
        let response = self.build(&parked.request, &parked.places, version, io);
        if bytes_in(&response) < parked.request.min_bytes.max(0) as usize
            && parked.request.min_bytes > 1
            && !has_error(&response)
        {
            self.parked_fetches.insert(conn, parked);
            return true;
        }
        self.unwatch(&parked, conn);
        io.fx.cancel_timer(parked_timer(conn));
        self.reply(conn, &parked, response, io);
        false
    }

    /// `FETCH_PARKED`: answered with what there is.
    pub(crate) fn fetch_waited<D: Disk, F: Fx>(&mut self, index: u32, io: &mut Io<'_, D, F>) {
        let Some(&conn) = self.parked_fetches.keys().find(|conn| lanes::index(conn.initiator, conn.lane) == index)
        else {
            return;
        };
        let Some(parked) = self.parked_fetches.remove(&conn) else { return };
        self.unwatch(&parked, conn);
        let response = self.build(&parked.request, &parked.places, parked.version, io);
        self.reply(conn, &parked, response, io);
    }

    fn reply<D: Disk, F: Fx>(
        &mut self,
        conn: ConnId,
        parked: &ParkedFetch,
        response: FetchResponse,
        io: &mut Io<'_, D, F>,
    ) {
        let ParkedFetch { session, version, request, .. } = parked;
        let response = self.sessions.answer(*session, *version, request, response, io.cfg.incarnation);
        io.net.reply(io.fx, conn, ResponseBody::Fetch(response));
    }

    pub(crate) fn forget_fetch<D: Disk, F: Fx>(&mut self, conn: ConnId, io: &mut Io<'_, D, F>) {
        if let Some(parked) = self.parked_fetches.remove(&conn) {
            self.unwatch(&parked, conn);
            io.fx.cancel_timer(parked_timer(conn));
        }
    }

    fn unwatch(&mut self, parked: &ParkedFetch, conn: ConnId) {
        for at in parked.places.iter().flatten() {
            let Some(partition) = self.partitions[*at as usize].as_mut() else { continue };
            partition.append_watchers.retain(|&watcher| watcher != conn);
            partition.commit_watchers.retain(|&watcher| watcher != conn);
        }
    }
}

fn parked_timer(conn: ConnId) -> TimerId {
    TimerId { class: timers::FETCH_PARKED, index: lanes::index(conn.initiator, conn.lane) }
}
