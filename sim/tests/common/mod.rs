//! A machine that does what it is told and reports what it sees, and a world of such machines.
#![allow(dead_code, reason = "each test file uses some of it")]

use bytes::Bytes;
use tribunal_contract::{ConnId, Disk, DiskError, Effects, Event, Lane, Machine, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_sim::{Config, Digest, Judge, Kernel, Latency, Lifecycle, Machines, Ran, Wire, stable_hash};

pub const MESSAGE_BYTES: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(pub u32);

impl Wire for Number {
    fn wire_size(&self) -> usize {
        MESSAGE_BYTES
    }

    fn digest(&self) -> u64 {
        self.0.into()
    }

    fn label(&self) -> &'static str {
        "Number"
    }
}

/// What a probe is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Do {
    Append(&'static str, &'static [u8]),
    /// So many messages in one step, from 0.
    Burst(ConnId, u32),
    Cancel(u32),
    Choose(u32),
    Close(ConnId),
    Connect(u32, u8),
    Create(&'static str),
    Halt,
    Panic,
    Read(&'static str),
    Send(ConnId, u32),
    Sync(&'static str, u32),
    SyncDir(u32),
    Timer(u32, u64, u64),
}

/// What a probe reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Saw {
    Appended(Result<u64, DiskError>),
    Chose(u32),
    Created(Result<(), DiskError>),
    Down(ConnId),
    Msg(ConnId, u32),
    Read(Result<Vec<u8>, DiskError>),
    Refused(u32),
    Start(Time),
    Synced(u32, Result<(), DiskError>),
    Timer(u32, Time),
    Up(ConnId, bool),
}

impl Digest for Saw {
    fn digest(&self) -> u64 {
        stable_hash(self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Probe;

impl Machine for Probe {
    type Msg = Number;
    type Input = Do;
    type Obs = Saw;

    fn step<D: Disk, F: Effects<Number, Saw>>(
        &mut self,
        now: Time,
        event: Event<Number, Do>,
        disk: &mut D,
        fx: &mut F,
    ) {
        match event {
            Event::Start => fx.observe(Saw::Start(now)),
            Event::Timer(id) => fx.observe(Saw::Timer(id.index, now)),
            Event::Up { conn, inbound, .. } => fx.observe(Saw::Up(conn, inbound)),
            Event::Refused { peer, .. } => fx.observe(Saw::Refused(peer.0)),
            Event::Down { conn, .. } => fx.observe(Saw::Down(conn)),
            Event::Msg { conn, msg, .. } => fx.observe(Saw::Msg(conn, msg.0)),
            Event::Synced { op, result } => fx.observe(Saw::Synced(op.index, result)),
            Event::Input(told) => obey(told, disk, fx),
        }
    }
}

fn obey<D: Disk, F: Effects<Number, Saw>>(told: Do, disk: &mut D, fx: &mut F) {
    match told {
        Do::Append(path, data) => {
            let appended = disk.open(path).and_then(|file| disk.append(file, Bytes::from_static(data)));
            fx.observe(Saw::Appended(appended));
        }
        Do::Burst(conn, count) => (0..count).for_each(|number| fx.send(conn, Number(number))),
        Do::Cancel(index) => fx.cancel_timer(TimerId { class: 3, index }),
        Do::Choose(n) => {
            let chosen = fx.choose(n);
            fx.observe(Saw::Chose(chosen));
        }
        Do::Close(conn) => fx.close(conn),
        Do::Connect(peer, lane) => fx.connect(NodeId(peer), Lane(lane)),
        Do::Create(path) => {
            let created = disk.create(path).map(|_| ());
            fx.observe(Saw::Created(created));
        }
        Do::Halt => fx.halt("told to"),
        Do::Panic => panic!("told to"),
        Do::Read(path) => {
            let read = disk.open(path).and_then(|file| disk.read(file, 0, usize::MAX));
            fx.observe(Saw::Read(read.map(|bytes| bytes.to_vec())));
        }
        Do::Send(conn, number) => fx.send(conn, Number(number)),
        Do::Sync(path, index) => {
            // A loss of power may have taken the file.
            if let Ok(file) = disk.open(path) {
                disk.sync(file, SyncOp { class: 0, index });
            }
        }
        Do::SyncDir(index) => disk.sync_dir("", SyncOp { class: 0, index }),
        Do::Timer(index, min, max) => {
            fx.set_timer(TimerId { class: 3, index }, Span::from_millis(min), Span::from_millis(max));
        }
    }
}

/// Keeps everything; finds a violation, and interrupts, where it is told to.
#[derive(Default)]
pub struct Log {
    pub seen: Vec<(Time, NodeId, Saw)>,
    pub lifecycles: Vec<(Time, NodeId, Lifecycle)>,
    pub forbidden: Option<Saw>,
    pub awaited: Option<Saw>,
}

impl Judge<Probe> for Log {
    type Violation = Saw;

    fn observe(&mut self, at: Time, node: NodeId, saw: &Saw) {
        self.seen.push((at, node, saw.clone()));
    }

    fn after_event(&mut self, _: Time, node: NodeId, machines: Machines<'_, Probe>) -> Result<(), Saw> {
        assert!(machines.get(node).is_some());
        match self.seen.last() {
            Some((_, _, saw)) if Some(saw) == self.forbidden.as_ref() => Err(saw.clone()),
            _ => Ok(()),
        }
    }

    fn interrupts(&mut self) -> bool {
        self.seen.last().is_some_and(|(_, _, saw)| Some(saw) == self.awaited.as_ref())
    }

    fn lifecycle(&mut self, at: Time, node: NodeId, change: Lifecycle) {
        self.lifecycles.push((at, node, change));
    }
}

pub struct Lab {
    pub kernel: Kernel<Probe, Log>,
}

impl Lab {
    /// A world of `nodes` running probes, 1 ms a hop.
    pub fn new(nodes: u32) -> Lab {
        Lab::with(nodes, |_| {})
    }

    pub fn with(nodes: u32, adjust: impl FnOnce(&mut Config)) -> Lab {
        let mut config = Config::new(42);
        config.net.latency = Latency::fixed(Span::from_millis(1));
        config.record_trace = true;
        adjust(&mut config);
        let mut kernel = Kernel::new(config, Log::default(), |_, _| Probe);
        for _ in 0..nodes {
            let node = kernel.add_node();
            assert!(kernel.start(node));
        }
        let mut lab = Lab { kernel };
        lab.run(0);
        lab
    }

    /// Runs for some milliseconds.
    pub fn run(&mut self, millis: u64) {
        let limit = self.kernel.now() + Span::from_millis(millis);
        assert_eq!(self.kernel.run_until(limit), Ran::Limit, "{:?}", self.kernel.stop());
    }

    pub fn tell(&mut self, node: u32, told: Do) {
        self.kernel.input(NodeId(node), told);
    }

    /// Connects two nodes and forgets what was seen.
    pub fn connect(&mut self, from: u32, to: u32, lane: u8) -> ConnId {
        self.tell(from, Do::Connect(to, lane));
        self.run(2);
        let conn = self
            .take()
            .into_iter()
            .find_map(|(_, node, saw)| match saw {
                Saw::Up(conn, false) if node == from => Some(conn),
                _ => None,
            })
            .expect("connected");
        assert_eq!((conn.initiator, conn.acceptor, conn.lane), (NodeId(from), NodeId(to), Lane(lane)));
        conn
    }

    /// What was seen since last asked: (microseconds, node, what).
    pub fn take(&mut self) -> Vec<(u64, u32, Saw)> {
        let seen = core::mem::take(&mut self.kernel.judge_mut().seen);
        seen.into_iter().map(|(at, node, saw)| (at.0 / 1_000, node.0, saw)).collect()
    }

    /// The same, without times.
    pub fn take_what(&mut self) -> Vec<(u32, Saw)> {
        self.take().into_iter().map(|(_, node, saw)| (node, saw)).collect()
    }

    pub fn now_micros(&self) -> u64 {
        self.kernel.now().0 / 1_000
    }
}
