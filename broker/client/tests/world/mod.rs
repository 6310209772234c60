//! A world for one client: virtual time, connections, timers, and brokers that do as they are told.
#![allow(dead_code, unused_imports, reason = "each test uses its part of it")]

pub mod brokers;
pub mod clients;
pub mod log;

use std::collections::{BTreeMap, BTreeSet};

use tribunal_client::ClientIo;
use tribunal_common::{ClientObs, Fx, Obs};
use tribunal_contract::{ConnId, Effects, Event, Lane, NodeId, Span, Time, TimerId};
use tribunal_protocol::{ApiKey, Message, RequestBody, ResponseBody};

pub use brokers::{Brokers, Fault, Reply};
pub use clients::{ConsumerClient, ProducerClient, send_all};

/// The client's own node.
pub const CLIENT: NodeId = NodeId(40);

/// One hop.
const HOP: u64 = 1_000_000;

/// How long a broker parks a fetch that has nothing to read, at most.
const PARK: u64 = 20_000_000;

/// More events than this in one test are a loop that burns time without waiting.
const MAX_EVENTS: u64 = 400_000;

/// What is under test.
pub trait Client {
    fn event<F: Fx>(&mut self, event: Event<Message, ()>, io: &mut ClientIo<'_, F>);
}

/// A small generator of numbers, the same for a seed.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }
}

#[derive(Debug)]
enum Due {
    Timer(TimerId, u64),
    Up(ConnId),
    Refused(NodeId, Lane),
    Down(ConnId),
    ToBroker(ConnId, RequestBody),
    Parked(ConnId, RequestBody),
    ToClient(ConnId, ResponseBody),
}

#[derive(Debug, Default)]
struct Conn {
    /// At the client.
    open: bool,
    /// The broker answers nothing on it any more.
    dead: bool,
    /// Requests that wait behind a parked one.
    behind: Vec<RequestBody>,
    parked: bool,
    in_flight: usize,
}

/// A timer that was set: when, which, and from where to where.
pub type TimerSet = (Time, TimerId, Span, Span);

pub struct World {
    pub now: u64,
    pub brokers: Brokers,
    pub observed: Vec<ClientObs>,
    pub timers_set: Vec<TimerSet>,
    /// Requests as brokers received them.
    pub requests: Vec<(u64, NodeId, RequestBody)>,
    /// The most requests seen in flight on one connection, metadata apart.
    pub most_in_flight: usize,
    /// Brokers nobody listens at.
    pub down: BTreeSet<NodeId>,
    rng: Rng,
    queue: BTreeMap<(u64, u64), Due>,
    sequence: u64,
    timers: BTreeMap<TimerId, u64>,
    conns: BTreeMap<ConnId, Conn>,
    attempts: BTreeMap<(NodeId, Lane), u32>,
    events: u64,
}

impl World {
    pub fn new(brokers: Brokers, seed: u64) -> World {
        World {
            now: 0,
            brokers,
            observed: Vec::new(),
            timers_set: Vec::new(),
            requests: Vec::new(),
            most_in_flight: 0,
            down: BTreeSet::new(),
            rng: Rng::new(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            timers: BTreeMap::new(),
            conns: BTreeMap::new(),
            attempts: BTreeMap::new(),
            events: 0,
        }
    }

    /// Calls into a client outside of an event.
    pub fn io(&mut self) -> ClientIo<'_, World> {
        ClientIo { now: Time(self.now), fx: self }
    }

    /// Lets `millis` milliseconds pass.
    pub fn run<C: Client>(&mut self, client: &mut C, millis: u64) {
        let until = self.now + millis * 1_000_000;
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > until {
                break;
            }
            let Some(((at, _), due)) = self.queue.pop_first() else { break };
            self.now = at;
            self.events += 1;
            assert!(self.events < MAX_EVENTS, "{} events in {:?}", self.events, Time(self.now));
            if let Some(event) = self.happen(due) {
                let mut io = ClientIo { now: Time(self.now), fx: &mut *self };
                client.event(event, &mut io);
            }
        }
        self.now = until;
    }

    /// Resets every connection to `node`.
    pub fn reset(&mut self, node: NodeId) {
        let open: Vec<ConnId> =
            self.conns.iter().filter(|(id, c)| id.acceptor == node && c.open).map(|c| *c.0).collect();
        for conn in open {
            self.drop_conn(conn);
        }
    }

    /// Names of the observations, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.observed.iter().map(|obs| Obs::Client(obs.clone()).name()).collect()
    }

    pub fn count(&self, api: ApiKey) -> usize {
        self.requests.iter().filter(|(_, _, body)| body.api_key() == api).count()
    }

    fn happen(&mut self, due: Due) -> Option<Event<Message, ()>> {
        match due {
            Due::Timer(id, generation) => {
                if self.timers.get(&id) != Some(&generation) {
                    return None;
                }
                self.timers.remove(&id);
                Some(Event::Timer(id))
            }
            Due::Up(conn) => {
                self.conns.get_mut(&conn)?.open = true;
                Some(Event::Up { conn, peer: conn.acceptor, inbound: false })
            }
            Due::Refused(peer, lane) => Some(Event::Refused { peer, lane }),
            Due::Down(conn) => std::mem::replace(&mut self.conns.get_mut(&conn)?.open, false)
                .then_some(Event::Down { conn, peer: conn.acceptor }),
            Due::ToBroker(conn, body) => {
                let state = self.conns.get_mut(&conn)?;
                if state.dead {
                } else if state.parked {
                    state.behind.push(body);
                } else {
                    self.serve(conn, body, true);
                }
                None
            }
            Due::Parked(conn, body) => {
                self.conns.get_mut(&conn)?.parked = false;
                self.serve(conn, body, false);
                let behind = std::mem::take(&mut self.conns.get_mut(&conn)?.behind);
                for body in behind {
                    self.happen(Due::ToBroker(conn, body));
                }
                None
            }
            Due::ToClient(conn, body) => {
                let state = self.conns.get_mut(&conn)?;
                state.in_flight = state.in_flight.saturating_sub(1);
                let version = brokers::version(&body);
                state.open.then_some(Event::Msg { conn, peer: conn.acceptor, msg: Message::Response { version, body } })
            }
        }
    }

    fn serve(&mut self, conn: ConnId, body: RequestBody, may_park: bool) {
        if may_park {
            self.requests.push((self.now, conn.acceptor, body.clone()));
        }
        match self.brokers.answer(conn.acceptor, &body, may_park) {
            Reply::Now(answer) => self.push(HOP, Due::ToClient(conn, answer)),
            Reply::Never => {}
            Reply::Park => {
                if let Some(state) = self.conns.get_mut(&conn) {
                    state.parked = true;
                    let wait = brokers::max_wait(&body).min(PARK);
                    self.push(wait, Due::Parked(conn, body));
                }
            }
            Reply::Reset => self.drop_conn(conn),
            Reply::Stall => {
                if let Some(state) = self.conns.get_mut(&conn) {
                    state.dead = true;
                }
            }
        }
    }

    fn drop_conn(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.dead = true;
        }
        self.push(HOP, Due::Down(conn));
    }

    fn push(&mut self, after: u64, due: Due) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), due);
    }
}

impl Effects<Message, Obs> for World {
    fn send(&mut self, conn: ConnId, msg: Message) {
        let Message::Request { version, body } = msg else { panic!("clients send requests") };
        let bytes = body.encoded_size(version);
        assert!(bytes > 0, "every request can be encoded");
        if let Some(state) = self.conns.get_mut(&conn) {
            assert!(state.open, "sent on a connection that is not open");
            if !matches!(body, RequestBody::Metadata(_)) && !brokers::is_unanswered(&body) {
                state.in_flight += 1;
                self.most_in_flight = self.most_in_flight.max(state.in_flight);
            }
        }
        self.push(HOP, Due::ToBroker(conn, body));
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.open = false;
        }
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        let attempt = self.attempts.entry((peer, lane)).or_default();
        let conn = ConnId { initiator: CLIENT, acceptor: peer, lane, attempt: *attempt };
        *attempt += 1;
        assert!(!self.conns.iter().any(|(id, c)| c.open && (id.acceptor, id.lane) == (peer, lane)), "two connections");
        if self.down.contains(&peer) || self.brokers.refuses() {
            self.push(HOP, Due::Refused(peer, lane));
        } else {
            self.conns.insert(conn, Conn::default());
            self.push(HOP, Due::Up(conn));
        }
    }

    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        assert!(min <= max, "a range of time");
        let after = min.as_nanos() + self.rng.below(max.as_nanos() - min.as_nanos() + 1);
        self.push(after, Due::Timer(id, self.sequence + 1));
        self.timers.insert(id, self.sequence);
        self.timers_set.push((Time(self.now), id, min, max));
    }

    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.remove(&id);
    }

    fn observe(&mut self, observation: Obs) {
        match observation {
            Obs::Client(client) => self.observed.push(client),
            other => panic!("a client does not report {other:?}"),
        }
    }

    fn choose(&mut self, n: u32) -> u32 {
        assert!(n > 0);
        self.rng.below(n.into()) as u32
    }

    fn halt(&mut self, reason: &'static str) {
        panic!("a client does not end its process: {reason}");
    }
}
