//! A key-value store on the simulated disk under random crashes and power losses: what it acknowledged, it has. And a
//! store that acknowledges too early is caught, so that the kernel is known to lose what it should lose.

use bytes::Bytes;
use tribunal_contract::{ConnId, Disk, Effects, Event, FileId, Lane, Machine, NodeId, Span, SyncOp, Time, TimerId};
use tribunal_sim::{Config, Digest, Fault, Judge, Kernel, Lifecycle, Machines, Ran, Seed, Stop, Wire};

const STORE: NodeId = NodeId(0);
const NAMED: SyncOp = SyncOp { class: 1, index: 0 };
const CLIENT: NodeId = NodeId(1);
const RETRY: TimerId = TimerId { class: 0, index: 0 };

/// Puts are the numbers 0, 1, 2 … in order; the store's file is their sequence, 4 bytes each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Msg {
    Put(u32),
    Acked(u32),
}

impl Wire for Msg {
    fn wire_size(&self) -> usize {
        8
    }

    fn digest(&self) -> u64 {
        match self {
            Msg::Put(n) => u64::from(*n),
            Msg::Acked(n) => 1 << 32 | u64::from(*n),
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Msg::Put(_) => "Put",
            Msg::Acked(_) => "Acked",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Obs {
    Acked(u32),
    Recovered(u32),
}

impl Digest for Obs {
    fn digest(&self) -> u64 {
        tribunal_sim::stable_hash(self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Client {
        conn: Option<ConnId>,
        next: u32,
    },
    /// `named` once the file's name is durable; `synced` are puts that wait for that alone.
    Store {
        file: Option<FileId>,
        count: u32,
        named: bool,
        syncing: Vec<(ConnId, u32)>,
        synced: Vec<(ConnId, u32)>,
        early: bool,
    },
}

impl Machine for Node {
    type Msg = Msg;
    type Input = ();
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Msg, Obs>>(&mut self, _: Time, event: Event<Msg, ()>, disk: &mut D, fx: &mut F) {
        match self {
            Node::Client { conn, next } => client(conn, next, event, fx),
            Node::Store { file, count, named, syncing, synced, early } => match event {
                Event::Start => {
                    let opened = disk.open("log").or_else(|_| disk.create("log")).expect("no faults");
                    let bytes = disk.read(opened, 0, usize::MAX).expect("no faults");
                    // What was not synced may be there in parts.
                    let whole = (0u32..).zip(bytes.chunks(4)).take_while(|(n, record)| *record == n.to_le_bytes());
                    *count = whole.count() as u32;
                    disk.truncate(opened, u64::from(*count) * 4).expect("no faults");
                    disk.sync_dir("", NAMED);
                    *file = Some(opened);
                    fx.observe(Obs::Recovered(*count));
                }
                Event::Msg { conn, msg: Msg::Put(n), .. } => {
                    let file = file.expect("started");
                    if n == *count {
                        disk.append(file, Bytes::copy_from_slice(&n.to_le_bytes())).expect("no faults");
                        *count += 1;
                    }
                    if *early {
                        fx.observe(Obs::Acked(n));
                        fx.send(conn, Msg::Acked(n));
                    } else {
                        syncing.push((conn, n));
                        disk.sync(file, SyncOp { class: 0, index: n });
                    }
                }
                Event::Synced { op, result: Ok(()) } => {
                    if op == NAMED {
                        *named = true;
                    } else {
                        synced.push(syncing.remove(0));
                    }
                    for (conn, n) in synced.drain(..if *named { synced.len() } else { 0 }) {
                        fx.observe(Obs::Acked(n));
                        fx.send(conn, Msg::Acked(n));
                    }
                }
                _ => {}
            },
        }
    }
}

fn client<F: Effects<Msg, Obs>>(conn: &mut Option<ConnId>, next: &mut u32, event: Event<Msg, ()>, fx: &mut F) {
    match event {
        Event::Start | Event::Timer(_) => fx.connect(STORE, Lane(0)),
        Event::Up { conn: up, .. } => {
            *conn = Some(up);
            fx.send(up, Msg::Put(*next));
        }
        Event::Refused { .. } | Event::Down { .. } => {
            *conn = None;
            fx.set_timer(RETRY, Span::from_millis(5), Span::from_millis(20));
        }
        Event::Msg { conn, msg: Msg::Acked(n), .. } => {
            *next = n + 1;
            fx.send(conn, Msg::Put(*next));
        }
        _ => {}
    }
}

#[derive(Default)]
struct Durability {
    acked: u32,
    recovered: u32,
    lives: u32,
}

impl Judge<Node> for Durability {
    type Violation = String;

    fn observe(&mut self, _: Time, _: NodeId, obs: &Obs) {
        match *obs {
            Obs::Acked(n) => self.acked = self.acked.max(n + 1),
            Obs::Recovered(count) => self.recovered = count,
        }
    }

    fn after_event(&mut self, at: Time, _: NodeId, machines: Machines<'_, Node>) -> Result<(), String> {
        match machines.get(STORE) {
            Some(Node::Store { count, .. }) if *count < self.acked => {
                Err(format!("at {at:?} the store has {count} puts and acknowledged {}", self.acked))
            }
            _ => Ok(()),
        }
    }

    fn lifecycle(&mut self, _: Time, node: NodeId, change: Lifecycle) {
        if node == STORE && matches!(change, Lifecycle::Started(_)) {
            self.lives += 1;
        }
    }
}

/// A run of 20 simulated seconds with a fault to the store about every second.
fn run(seed: u64, early: bool, powered: bool) -> Kernel<Node, Durability> {
    let mut kernel = Kernel::new(Config::new(seed), Durability::default(), move |node, _| match node {
        CLIENT => Node::Client { conn: None, next: 0 },
        _ => Node::Store { file: None, count: 0, named: false, syncing: Vec::new(), synced: Vec::new(), early },
    });
    for _ in 0..2 {
        let node = kernel.add_node();
        kernel.start(node);
    }
    let chance = Seed(seed).fork("test faults");
    for n in 0..20 {
        kernel.at(Time::from_millis(n * 1_000 + chance.below(n, 900)), n);
    }
    loop {
        match kernel.run_until(Time::from_millis(22_000)) {
            Ran::Token(n) if n >= 100 => {
                kernel.apply(Fault::Restart { node: STORE });
                kernel.apply(Fault::Resume { node: STORE });
            }
            Ran::Token(n) => {
                kernel.apply(match chance.below(100 + n, 4) {
                    0 if powered => Fault::PowerLoss { node: STORE },
                    0 | 1 => Fault::Crash { node: STORE },
                    2 => Fault::Pause { node: STORE },
                    _ => Fault::Reset { a: CLIENT, b: STORE, lane: None },
                });
                kernel.at(kernel.now() + Span::from_millis(50), 100 + n);
            }
            Ran::Interrupted => unreachable!("this judge does not interrupt"),
            Ran::Limit | Ran::Stopped => return kernel,
        }
    }
}

#[test]
fn puts_synced_before_acknowledgement_survive_everything() {
    let mut lives = 0;
    for seed in 0..100 {
        let kernel = run(seed, false, true);
        assert_eq!(kernel.stop(), None, "seed {seed}");
        assert!(kernel.judge().acked > 50, "seed {seed}: {} acknowledged", kernel.judge().acked);
        assert_eq!(kernel.trace_hash(), run(seed, false, true).trace_hash());
        lives += kernel.judge().lives;
    }
    assert!(lives > 500, "the faults happened: {lives}");
}

#[test]
fn a_power_loss_catches_acknowledgement_before_sync() {
    let caught = (0..50).filter(|&seed| matches!(run(seed, true, true).stop(), Some(Stop::Violation(_)))).count();
    assert!(caught >= 25, "{caught} of 50");
}

#[test]
fn acknowledgement_before_sync_survives_process_crashes() {
    assert!((0..50).all(|seed| run(seed, true, false).stop().is_none()));
}
