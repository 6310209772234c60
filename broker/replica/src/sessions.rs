//! Fetch sessions (KIP-227): a client names its partitions once; afterwards its requests carry what has changed, and
//! the answers what is new.
//!
//! It does not know logs: it makes the whole request of a short one, and the short answer of a whole one.

use std::collections::BTreeMap;

use tribunal_contract::ConnId;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use tribunal_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use tribunal_protocol::{ErrorCode, Str, Uuid};

/// First version that names topics by id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;
/// `max.incremental.fetch.session.cache.slots`.
const MAX_SESSIONS: usize = 1_000;
/// Partitions in all sessions together: what they may cost a broker is some tens of megabytes.
const MAX_PARTITIONS: usize = 100_000;
/// The epoch that opens a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that wants none, and ends the one that it names.
const FINAL_EPOCH: i32 = -1;
/// No session.
const NO_SESSION: i32 = 0;

/// The session of a request that is being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Session {
    /// There is none.
    None,
    /// One is to be opened with the answer.
    Opens(ConnId),
    /// This one, whose next request has this epoch.
    Of { id: i32, next_epoch: i32 },
}

/// A partition as requests of every version name it.
type Key = (Str, Uuid, i32);

/// A partition of a session, and what its client was last told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Cached {
    key: Key,
    wanted: FetchPartition,
    high_watermark: i64,
    log_start: i64,
}

impl Cached {
    /// Whether the client is to hear of this.
    fn takes(&mut self, data: &PartitionData) -> bool {
        let moved = self.high_watermark != data.high_watermark || self.log_start != data.log_start_offset;
        (self.high_watermark, self.log_start) = (data.high_watermark, data.log_start_offset);
        if data.error_code != 0 {
            // The first good answer after an error is to be told.
            self.high_watermark = -1;
        }
        moved || data.error_code != 0 || has_records(data) || data.diverging_epoch.end_offset >= 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    /// Of the next request.
    epoch: i32,
    by_topic_id: bool,
    /// Whose it is; nobody's once its connection is gone, though a client may come back for it.
    conn: Option<ConnId>,
    /// Grows with every use of any session: the one with the least was idle for longest.
    used: u64,
    /// In the order in which they are served: who got records goes to the end.
    partitions: BTreeMap<u64, Cached>,
    places: BTreeMap<Key, u64>,
    next_place: u64,
}

impl Open {
    fn put(&mut self, cached: Cached) {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(cached.key.clone(), place);
        self.partitions.insert(place, cached);
    }

    fn take(&mut self, key: &Key) -> Option<Cached> {
        self.places.remove(key).and_then(|place| self.partitions.remove(&place))
    }

    /// A request for all of the session's partitions. Neighbours of one topic share an entry.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for Cached { key: (topic, topic_id, _), wanted, .. } in self.partitions.values() {
            match topics.last_mut() {
                Some(last) if last.topic == *topic && last.topic_id == *topic_id => {
                    last.partitions.push(wanted.clone());
                }
                _ => topics.push(FetchTopic {
                    topic: topic.clone(),
                    topic_id: *topic_id,
                    partitions: vec![wanted.clone()],
                }),
            }
        }
        topics
    }
}

/// Every open session of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<i32, Open>,
    /// Partitions in all of them.
    partitions: usize,
    uses: u64,
    made: u64,
}

impl Sessions {
    /// Completes a request from its session.
    ///
    /// # Errors
    /// If there is no such session, or this is not its next request.
    pub(crate) fn complete(
        &mut self,
        conn: ConnId,
        version: i16,
        mut request: FetchRequest,
    ) -> Result<(FetchRequest, Session), ErrorCode> {
        if matches!(request.session_epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            self.close(request.session_id);
            let session = if request.session_epoch == FINAL_EPOCH { Session::None } else { Session::Opens(conn) };
            return Ok((request, session));
        }
        let id = request.session_id;
        let open = self.open.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if open.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if open.by_topic_id != (version >= TOPIC_IDS_SINCE) {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let before = open.partitions.len();
        for topic in &request.topics {
            for wanted in &topic.partitions {
                let key = (topic.topic.detach(), topic.topic_id, wanted.partition);
                match open.places.get(&key).and_then(|place| open.partitions.get_mut(place)) {
                    Some(cached) => cached.wanted = wanted.clone(),
                    None => open.put(Cached { key, wanted: wanted.clone(), high_watermark: -1, log_start: -1 }),
                }
            }
        }
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                open.take(&(topic.topic.clone(), topic.topic_id, *partition));
            }
        }
        self.partitions = self.partitions - before + open.partitions.len();
        if open.partitions.is_empty() || self.partitions > MAX_PARTITIONS {
            // What is left of it is served without.
            request.topics = open.topics();
            self.close(id);
            return Ok((request, Session::None));
        }
        self.uses += 1;
        (open.used, open.conn) = (self.uses, Some(conn));
        open.epoch = next_epoch(open.epoch);
        request.topics = open.topics();
        Ok((request, Session::Of { id, next_epoch: open.epoch }))
    }

    /// Makes the answer to a request of a session of the answer to all that it asks for. `incarnation` tells this
    /// process from those before it.
    pub(crate) fn answer(
        &mut self,
        session: Session,
        version: i16,
        request: &FetchRequest,
        mut response: FetchResponse,
        incarnation: Uuid,
    ) -> FetchResponse {
        match session {
            Session::None => response,
            Session::Opens(conn) => {
                response.session_id = self.begin(conn, version, request, &response, incarnation);
                response
            }
            Session::Of { id, next_epoch } => {
                let open = self.open.get_mut(&id).filter(|open| open.epoch == next_epoch);
                let Some(open) = open else {
                    let error_code = ErrorCode::InvalidFetchSessionEpoch.code();
                    return FetchResponse { error_code, session_id: id, ..Default::default() };
                };
                response.session_id = id;
                for topic in &mut response.responses {
                    topic.partitions.retain(|data| {
                        let key = (topic.topic.clone(), topic.topic_id, data.partition_index);
                        let cached = open.places.get(&key).and_then(|place| open.partitions.get_mut(place));
                        let told = cached.is_none_or(|cached| cached.takes(data));
                        if has_records(data)
                            && let Some(cached) = open.take(&key)
                        {
                            open.put(cached);
                        }
                        told
                    });
                }
                response.responses.retain(|topic| !topic.partitions.is_empty());
                response
            }
        }
    }

    /// A connection is gone. Its sessions stay for as long as nobody needs their place.
    pub(crate) fn on_conn_down(&mut self, conn: ConnId) {
        for open in self.open.values_mut().filter(|open| open.conn == Some(conn)) {
            open.conn = None;
        }
    }

    /// Opens a session, if there is room. Gives its id, or that of none.
    fn begin(
        &mut self,
        conn: ConnId,
        version: i16,
        request: &FetchRequest,
        response: &FetchResponse,
        incarnation: Uuid,
    ) -> i32 {
        let wanted: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        while self.open.len() >= MAX_SESSIONS || self.partitions + wanted > MAX_PARTITIONS {
            let idle = self.open.iter().filter(|(_, open)| open.conn.is_none());
            match idle.min_by_key(|(_, open)| open.used).map(|(id, _)| *id) {
                Some(id) => self.close(id),
                None => return NO_SESSION,
            }
        }
        self.uses += 1;
        let mut open = Open {
            epoch: next_epoch(INITIAL_EPOCH),
            by_topic_id: version >= TOPIC_IDS_SINCE,
            conn: Some(conn),
            used: self.uses,
            partitions: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
        };
        let answered = response.responses.iter().flat_map(|topic| &topic.partitions);
        let asked = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |wanted| (topic, wanted)));
        for ((topic, wanted), data) in asked.zip(answered) {
            let key = (topic.topic.detach(), topic.topic_id, wanted.partition);
            let mut cached = Cached { key, wanted: wanted.clone(), high_watermark: -1, log_start: -1 };
            cached.takes(data);
            open.put(cached);
        }
        self.partitions += open.partitions.len();
        let id = loop {
            self.made += 1;
            let id = session_id(incarnation, self.made);
            if id != NO_SESSION && !self.open.contains_key(&id) {
                break id;
            }
        };
        self.open.insert(id, open);
        id
    }

    fn close(&mut self, id: i32) {
        if let Some(closed) = self.open.remove(&id) {
            self.partitions -= closed.partitions.len();
        }
    }
}

fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// Epochs wrap to 1: 0 opens a session.
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

/// The `n`th session of an incarnation. Spread out, so that an id from before a restart is most likely nobody's.
fn session_id(incarnation: Uuid, n: u64) -> i32 {
    let mut mixed =
        (incarnation.0 as u64 ^ (incarnation.0 >> 64) as u64).wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 33) as i32
}
