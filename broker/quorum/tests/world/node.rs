//! One node: a quorum, its connection table, its disk, and the little that a broker does around them.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_common::{Answer, BrokerConfig, Io, Net, Obs, Received};
use tribunal_contract::{ConnId, Effects, Lane, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_protocol::Message;
use tribunal_quorum::{Committed, Quorum};
use tribunal_records::Batches;

use super::Dice;
use super::disk::MemDisk;

/// What a node did in one event.
#[derive(Default)]
pub struct Done {
    pub sent: Vec<(ConnId, Message)>,
    pub closed: Vec<ConnId>,
    pub dialed: Vec<(NodeId, Lane)>,
    pub observed: Vec<Obs>,
    pub halted: Option<&'static str>,
}

struct Fx<'a> {
    now: u64,
    timers: &'a mut BTreeMap<TimerId, u64>,
    dice: &'a mut Dice,
    done: Done,
}

impl Effects<Message, Obs> for Fx<'_> {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.done.sent.push((conn, msg));
    }

    fn close(&mut self, conn: ConnId) {
        self.done.closed.push(conn);
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.done.dialed.push((peer, lane));
    }

    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        let spread = max.as_nanos() - min.as_nanos();
        let part = u64::from(self.dice.below(1_001));
        self.timers.insert(id, self.now + min.as_nanos() + spread / 1_000 * part);
    }

    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.remove(&id);
    }

    fn observe(&mut self, observation: Obs) {
        self.done.observed.push(observation);
    }

    fn choose(&mut self, n: u32) -> u32 {
        self.dice.below(n)
    }

    fn halt(&mut self, reason: &'static str) {
        self.done.halted = Some(reason);
    }
}

/// Effects that go nowhere.
pub struct Quiet;

impl Effects<Message, Obs> for Quiet {
    fn send(&mut self, _: ConnId, _: Message) {}
    fn close(&mut self, _: ConnId) {}
    fn connect(&mut self, _: NodeId, _: Lane) {}
    fn set_timer(&mut self, _: TimerId, _: Span, _: Span) {}
    fn cancel_timer(&mut self, _: TimerId) {}
    fn observe(&mut self, _: Obs) {}
    fn choose(&mut self, _: u32) -> u32 {
        0
    }
    fn halt(&mut self, _: &'static str) {}
}

/// What happens to a node.
pub enum Happens {
    Start,
    Timer(TimerId),
    Up { conn: ConnId, peer: NodeId, inbound: bool },
    Refused { peer: NodeId, lane: Lane },
    Down { conn: ConnId, peer: NodeId },
    Msg { conn: ConnId, peer: NodeId, msg: Message },
    Synced(SyncOp),
    Append(Vec<Bytes>),
    Snapshot,
    Resign,
}

/// What the metadata records have made: here simply all of them, in order.
#[derive(Clone, Debug, Default)]
pub struct App {
    pub values: Vec<Bytes>,
    /// All below has been applied.
    pub applied: i64,
    pub epoch: i32,
}

pub struct Node {
    pub cfg: BrokerConfig,
    pub quorum: Option<Quorum>,
    pub net: Net,
    pub disk: MemDisk,
    pub timers: BTreeMap<TimerId, u64>,
    pub app: App,
    /// Appends of this incarnation as leader: epoch, last offset.
    pub appended: Option<i64>,
}

impl Node {
    pub fn new(cfg: BrokerConfig) -> Node {
        let node = cfg.node();
        Node {
            cfg,
            quorum: None,
            net: Net::new(node),
            disk: MemDisk::default(),
            timers: BTreeMap::new(),
            app: App::default(),
            appended: None,
        }
    }

    pub fn stop(&mut self) {
        self.quorum = None;
        self.net = Net::new(self.cfg.node());
        self.timers.clear();
        self.disk.crash();
    }

    pub fn handle(&mut self, now: u64, what: Happens, dice: &mut Dice) -> Done {
        let Node { cfg, quorum, net, disk, timers, app, appended } = self;
        let mut fx = Fx { now, timers, dice, done: Done::default() };
        let mut io = Io { cfg, now: Time(now), disk, fx: &mut fx, net };
        if let Happens::Start = what {
            *app = App::default();
            match Quorum::open(&mut io) {
                Ok(opened) => quorum.insert(opened).start(&mut io),
                Err(e) => panic!("node {} cannot start: {e}", cfg_id(&io)),
            }
        }
        let Some(quorum) = quorum else { return fx.done };
        match what {
            Happens::Start => {}
            Happens::Timer(id) => quorum.on_timer(id, &mut io),
            Happens::Up { conn, peer, inbound } => io.net.up(io.fx, conn, peer, inbound),
            Happens::Refused { peer, lane } => {
                if let Some(failed) = io.net.refused(peer, lane) {
                    quorum.on_call_failed(failed, &mut io);
                }
            }
            Happens::Down { conn, peer } => {
                if let Some(failed) = io.net.down(conn, peer) {
                    quorum.on_call_failed(failed, &mut io);
                }
                quorum.on_conn_down(conn);
            }
            Happens::Msg { conn, peer, msg } => match io.net.received(io.fx, conn, peer, msg) {
                Received::Request(version, body) => {
                    let answer = quorum.on_request(conn, peer, version, body, &mut io);
                    match answer {
                        Answer::Now(body) => io.net.reply(io.fx, conn, body),
                        Answer::Later => {}
                        Answer::Never => io.net.no_reply(conn),
                        Answer::Close => io.net.close(io.fx, conn),
                    }
                }
                Received::Response(peer, lane, body) => quorum.on_response(peer, lane, body, &mut io),
                Received::Nothing => {}
            },
            Happens::Synced(op) => quorum.on_synced(op, Ok(()), &mut io).expect("this disk does not fail"),
            Happens::Append(values) => {
                let records: Vec<_> = values.into_iter().map(|value| (None, value)).collect();
                if let Some(last) = quorum.append(&records, &mut io) {
                    *appended = Some(last);
                }
            }
            Happens::Snapshot => quorum.take_snapshot(app.applied, app.epoch, &app.values, &mut io),
            Happens::Resign => quorum.resign(&mut io),
        }
        while let Some((conn, version, body)) = io.net.next_ready() {
            if let Answer::Now(body) = quorum.on_request(conn, conn.initiator, version, body, &mut io) {
                io.net.reply(io.fx, conn, body);
            }
        }
        loop {
            match quorum.read_committed(app.applied, 200, &mut io) {
                Committed::Nothing => break,
                Committed::Records(bytes) => app.apply(bytes),
                Committed::Snapshot { end, epoch, content } => {
                    app.values.clear();
                    app.apply(content);
                    (app.applied, app.epoch) = (end, epoch);
                }
            }
        }
        fx.done
    }
}

fn cfg_id<D: tribunal_contract::Disk, F: tribunal_common::Fx>(io: &Io<'_, D, F>) -> i32 {
    io.cfg.node_id
}

impl App {
    fn apply(&mut self, batches: Bytes) {
        for batch in Batches::new(batches) {
            let batch = batch.expect("committed batches are whole");
            if !batch.header.attributes.is_control() {
                let records = batch.records().expect("records are not compressed");
                self.values.extend(records.map(|r| r.expect("a whole record").value.expect("a value")));
            }
            (self.applied, self.epoch) = (batch.header.next_offset(), batch.header.partition_leader_epoch);
        }
    }
}
