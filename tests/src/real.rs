//! A world for client machines before real sockets: one thread for the machine, one for each connection's answers.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tribunal_common::Obs;
use tribunal_contract::{ConnId, Disk, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};
use tribunal_protocol::{ApiKey, Message, decode_response, encode_request};

/// Who the machine is: nobody of the brokers.
const ME: NodeId = NodeId(1 << 20);
/// Nothing to wait for: look again after so long.
const IDLE: Duration = Duration::from_millis(100);

type Heard = Event<Message, ()>;
/// Requests without their answers: version and API.
type Calls = Arc<Mutex<VecDeque<(ApiKey, i16)>>>;

struct Connection {
    stream: TcpStream,
    calls: Calls,
}

struct Real<'w> {
    brokers: &'w BTreeMap<NodeId, SocketAddr>,
    connections: BTreeMap<ConnId, Connection>,
    attempts: u32,
    timers: BTreeMap<TimerId, Instant>,
    /// What has happened and is not told yet.
    next: VecDeque<Heard>,
    heard: Sender<Heard>,
    watch: &'w mut dyn FnMut(Time, NodeId, &Obs),
    halted: bool,
}

/// Runs a machine that talks to these brokers until it is done, and says whether it was in time.
pub fn run<M>(
    machine: &mut M,
    disk: &mut impl Disk,
    brokers: &BTreeMap<NodeId, SocketAddr>,
    within: Duration,
    watch: &mut dyn FnMut(Time, NodeId, &Obs),
    done: impl Fn(&M) -> bool,
) -> bool
where
    M: Machine<Msg = Message, Input = (), Obs = Obs>,
{
    let deadline = Instant::now() + within;
    let (heard, hear) = channel();
    let mut world = Real {
        brokers,
        connections: BTreeMap::new(),
        attempts: 0,
        timers: BTreeMap::new(),
        next: VecDeque::from([Event::Start]),
        heard,
        watch,
        halted: false,
    };
    while !done(machine) && !world.halted && Instant::now() < deadline {
        if let Some(event) = world.wait(&hear) {
            machine.step(wall_clock(), event, disk, &mut world);
        }
    }
    for connection in world.connections.values() {
        let _ = connection.stream.shutdown(std::net::Shutdown::Both);
    }
    done(machine)
}

impl Real<'_> {
    /// The next event for the machine; none if nothing has happened for a while.
    fn wait(&mut self, hear: &Receiver<Heard>) -> Option<Heard> {
        if let Some(event) = self.next.pop_front() {
            return Some(event);
        }
        let now = Instant::now();
        let first = self.timers.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (*id, *at));
        if let Some((id, at)) = first
            && at <= now
        {
            self.timers.remove(&id);
            return Some(Event::Timer(id));
        }
        let patience = first.map_or(IDLE, |(_, at)| at - now);
        match hear.recv_timeout(patience) {
            // What comes of a connection that the machine has closed is not for it.
            Ok(Event::Msg { conn, .. }) if !self.connections.contains_key(&conn) => None,
            Ok(Event::Down { conn, peer }) => self.connections.remove(&conn).map(|_| Event::Down { conn, peer }),
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Effects<Message, Obs> for Real<'_> {
    fn send(&mut self, conn: ConnId, msg: Message) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Message::Request { version, body } = msg else { panic!("a client sends requests") };
        let frame = encode_request(0, None, version, &body).expect("its own request can be encoded");
        connection.calls.lock().unwrap().push_back((body.api_key(), version));
        // A connection that is lost shows as such to its reader.
        let _ = connection.stream.write_all(&frame);
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(&conn) {
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        let Ok(stream) = TcpStream::connect(self.brokers[&peer]) else {
            return self.next.push_back(Event::Refused { peer, lane });
        };
        stream.set_nodelay(true).unwrap();
        self.attempts += 1;
        let conn = ConnId { initiator: ME, acceptor: peer, lane, attempt: self.attempts };
        let calls = Calls::default();
        let (reads, answers, heard) = (stream.try_clone().unwrap(), calls.clone(), self.heard.clone());
        thread::spawn(move || {
            hear(reads, conn, &answers, &heard);
            let _ = heard.send(Event::Down { conn, peer });
        });
        self.connections.insert(conn, Connection { stream, calls });
        self.next.push_back(Event::Up { conn, peer, inbound: false });
    }

    fn set_timer(&mut self, id: TimerId, min: Span, _: Span) {
        self.timers.insert(id, Instant::now() + Duration::from_nanos(min.as_nanos()));
    }

    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.remove(&id);
    }

    fn observe(&mut self, observation: Obs) {
        (self.watch)(wall_clock(), ME, &observation);
    }

    fn choose(&mut self, _: u32) -> u32 {
        0
    }

    fn halt(&mut self, _: &'static str) {
        self.halted = true;
    }
}

/// Reads answers until the connection ends.
fn hear(mut stream: TcpStream, conn: ConnId, calls: &Calls, heard: &Sender<Heard>) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        if stream.read_exact(&mut frame).is_err() {
            return;
        }
        let (api, version) = calls.lock().unwrap().pop_front().expect("an answer to a request");
        let (_, body) = decode_response(Bytes::from(frame), api, version).expect("an answer that can be read");
        let msg = Message::Response { version, body };
        if heard.send(Event::Msg { conn, peer: conn.acceptor, msg }).is_err() {
            return;
        }
    }
}

fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Time(since.as_nanos() as u64)
}
