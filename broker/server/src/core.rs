//! A broker's state machine on its thread: events in, effects performed as they are asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tribunal_contract::{ConnId, Effects, Event, Lane, Machine, NodeId, Span, Time, TimerId};
use tribunal_core::{Broker, BrokerConfig, BrokerInput, Obs};
use tribunal_protocol::{Message, Str};

use crate::disk::Files;
use crate::link::Link;
use crate::timers::Timers;
use crate::watching;

/// How far a broker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Not yet part of the cluster.
    Starting,
    /// The controller has unfenced it: it leads and follows partitions.
    Serving,
    /// Every broker of the configuration is unfenced, as far as this one knows.
    Together,
}

/// The machine and its world. All of it lives on one thread; nothing here waits.
pub(crate) struct Core {
    state: RefCell<State>,
    /// A timer was set that is due before the one waited for.
    pub(crate) timers_changed: Notify,
    /// The machine has ended.
    pub(crate) halted: Notify,
}

struct State {
    broker: Broker,
    files: Files,
    world: World,
    stage: watch::Sender<Stage>,
    controls: Arc<AtomicBool>,
}

/// What the machine may ask for, other than the disk.
struct World {
    me: i32,
    links: HashMap<ConnId, Rc<Link>>,
    timers: Timers,
    /// When the timer task will look next.
    armed: Option<Instant>,
    dial: UnboundedSender<(NodeId, Lane)>,
    halted: Option<&'static str>,
    /// What it said of the failure that it ended for.
    failure: Option<Str>,
}

impl Core {
    /// A broker that has not started. Connections it asks for are asked for at `dial`; `controls` is whether it is the
    /// active controller.
    pub(crate) fn new(
        cfg: BrokerConfig,
        files: Files,
        dial: UnboundedSender<(NodeId, Lane)>,
        stage: watch::Sender<Stage>,
        controls: Arc<AtomicBool>,
    ) -> Core {
        let world = World {
            me: cfg.node_id,
            links: HashMap::new(),
            timers: Timers::default(),
            armed: None,
            dial,
            halted: None,
            failure: None,
        };
        Core {
            state: RefCell::new(State { broker: Broker::new(cfg), files, world, stage, controls }),
            timers_changed: Notify::new(),
            halted: Notify::new(),
        }
    }

    /// Handles one event. Nothing is heard after the machine has ended.
    pub(crate) fn step(&self, event: Event<Message, BrokerInput>) {
        let mut state = self.state.borrow_mut();
        let State { broker, files, world, stage, controls } = &mut *state;
        if world.halted.is_some() {
            return;
        }
        broker.step(wall_clock(), event, files, world);
        if world.halted.is_some() {
            self.halted.notify_one();
        }
        if world.timers.next() < world.armed || world.armed.is_none() {
            self.timers_changed.notify_one();
        }
        controls.store(broker.is_active_controller(), Ordering::Relaxed);
        if *stage.borrow() < Stage::Together {
            watching::update(broker, stage);
        }
    }

    /// A connection is open: what the machine sends on `conn` goes to `link`.
    pub(crate) fn up(&self, conn: ConnId, peer: NodeId, inbound: bool, link: Rc<Link>) {
        self.state.borrow_mut().world.links.insert(conn, link);
        self.step(Event::Up { conn, peer, inbound });
    }

    /// A connection is gone. The machine is told unless it has closed it itself.
    pub(crate) fn down(&self, conn: ConnId, peer: NodeId) {
        let known = self.state.borrow_mut().world.links.remove(&conn).is_some();
        if known {
            self.step(Event::Down { conn, peer });
        }
    }

    /// Fires what is due. Returns when to come again.
    pub(crate) fn fire_timers(&self) -> Option<Instant> {
        loop {
            let due = {
                let world = &mut self.state.borrow_mut().world;
                let due = world.timers.pop(Instant::now());
                if due.is_none() {
                    world.armed = world.timers.next();
                    return world.armed;
                }
                // Until the loop ends nobody need wake it.
                world.armed = Some(Instant::now());
                due
            };
            self.step(Event::Timer(due.expect("checked above")));
        }
    }

    /// Why the machine has ended, if it has.
    pub(crate) fn halt_reason(&self) -> Option<String> {
        let world = &self.state.borrow().world;
        world.halted.map(|reason| match &world.failure {
            Some(failure) => format!("{reason}: {failure}"),
            None => reason.to_owned(),
        })
    }

    /// Whether it is not yet part of the cluster.
    pub(crate) fn is_starting(&self) -> bool {
        *self.state.borrow().stage.borrow() == Stage::Starting
    }

    /// Every open connection.
    pub(crate) fn links(&self) -> Vec<Rc<Link>> {
        self.state.borrow().world.links.values().cloned().collect()
    }
}

impl Effects<Message, Obs> for World {
    fn send(&mut self, conn: ConnId, msg: Message) {
        if let Some(link) = self.links.get(&conn) {
            link.send(msg);
        }
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(link) = self.links.remove(&conn) {
            link.close();
        }
    }

    fn connect(&mut self, peer: NodeId, lane: Lane) {
        // Received by the broker's own task, which lives as long as the core.
        let _ = self.dial.send((peer, lane));
    }

    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        let nanos = match max.as_nanos() > min.as_nanos() {
            true => rand::rng().random_range(min.as_nanos()..=max.as_nanos()),
            false => min.as_nanos(),
        };
        // A client may ask to wait for centuries; the clock's range ends before that.
        let now = Instant::now();
        let due = now.checked_add(Duration::from_nanos(nanos)).unwrap_or(now + Duration::from_secs(1 << 30));
        self.timers.set(id, due);
    }

    fn cancel_timer(&mut self, id: TimerId) {
        self.timers.cancel(id);
    }

    fn observe(&mut self, observation: Obs) {
        watching::log(self.me, &observation);
        if let Obs::StartRefused { why } | Obs::LogDirOffline { why } = observation {
            self.failure.get_or_insert(why);
        }
    }

    fn choose(&mut self, n: u32) -> u32 {
        rand::rng().random_range(0..n)
    }

    fn halt(&mut self, reason: &'static str) {
        self.halted = Some(reason);
    }
}

fn wall_clock() -> Time {
    // Before 1970 a record's timestamp would be negative, which means none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_nanos() as u64)
}
