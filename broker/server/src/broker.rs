//! One broker on a thread of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tribunal_contract::Event;
use tribunal_core::{BrokerConfig, BrokerInput};

use crate::StartError;
use crate::conn::{Limits, serve_inbound, serve_outbound};
use crate::core::{Core, Stage};
use crate::disk::Files;
use crate::peers::Callers;
use crate::sync::Syncer;

/// How long an attempt to connect to a peer may take (`socket.connection.setup.timeout.ms` is 10 s; these are near).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long answers of a broker that has ended may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Pause after a connection could not be accepted: too many files are open, and only time helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before memory is given back, which walks through all that is free.
const GIVE_BACK_PAUSE: Duration = Duration::from_secs(1);

/// What one broker needs.
pub(crate) struct Setup {
    pub(crate) cfg: BrokerConfig,
    pub(crate) folder: PathBuf,
    /// Locked while the broker runs.
    pub(crate) lock: std::fs::File,
    pub(crate) listener: TcpListener,
    /// Where the other brokers listen.
    pub(crate) peers: BTreeMap<i32, String>,
    pub(crate) limits: Limits,
    pub(crate) give_memory_back: fn(),
}

/// A broker that runs.
pub(crate) struct Running {
    pub(crate) id: i32,
    pub(crate) address: SocketAddr,
    pub(crate) stage: watch::Receiver<Stage>,
    /// Whether it is the active controller.
    pub(crate) controls: Arc<AtomicBool>,
    /// Why it has ended, once it has.
    pub(crate) ended: watch::Receiver<Option<String>>,
    input: UnboundedSender<BrokerInput>,
    thread: thread::JoinHandle<()>,
}

impl Running {
    /// Starts a broker. Returns once its thread runs; it serves when its stage says so.
    pub(crate) fn start(setup: Setup) -> Result<Running, StartError> {
        let id = setup.cfg.node_id;
        let address = setup.listener.local_addr().map_err(StartError::System)?;
        let (input, inputs) = unbounded_channel();
        let (stage_sender, stage) = watch::channel(Stage::Starting);
        let (ended_sender, ended) = watch::channel(None);
        let (started, outcome) = mpsc::channel();
        let controls = Arc::new(AtomicBool::new(false));
        let told = controls.clone();
        let thread = thread::Builder::new()
            .name(format!("broker-{id}"))
            .spawn(move || {
                let ended = Ended(ended_sender);
                match prepare(&setup) {
                    Ok((runtime, syncer, synced)) => {
                        let _ = started.send(Ok(()));
                        let local = LocalSet::new();
                        let reason =
                            local.block_on(&runtime, serve(setup, syncer, synced, inputs, (stage_sender, told)));
                        ended.because(&reason);
                    }
                    Err(error) => {
                        let _ = started.send(Err(error));
                    }
                }
            })
            .map_err(StartError::System)?;
        match outcome.recv() {
            Ok(Ok(())) => Ok(Running { id, address, stage, controls, ended, input, thread }),
            Ok(Err(error)) => Err(StartError::System(error)),
            Err(_) => Err(StartError::Ended { broker: id, reason: PANICKED.into() }),
        }
    }

    /// Gives it a command.
    pub(crate) fn tell(&self, input: BrokerInput) {
        // One that has ended needs no command.
        let _ = self.input.send(input);
    }

    /// Waits until it has ended and says why.
    pub(crate) fn join(self) -> String {
        let _ = self.thread.join();
        self.ended.borrow().clone().unwrap_or_else(|| PANICKED.into())
    }
}

/// What is said of a broker that ended without a reason.
const PANICKED: &str = "it panicked; this is a defect of the broker";

/// Tells that the broker has ended, whatever ends it.
struct Ended(watch::Sender<Option<String>>);

impl Ended {
    fn because(self, reason: &str) {
        self.0.send_replace(Some(reason.to_owned()));
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.borrow().is_none() {
            self.0.send_replace(Some(PANICKED.into()));
        }
    }
}

type Prepared = (tokio::runtime::Runtime, Syncer, UnboundedReceiver<crate::sync::Synced>);

fn prepare(setup: &Setup) -> io::Result<Prepared> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (syncer, synced) = Syncer::start(setup.cfg.node_id)?;
    setup.listener.set_nonblocking(true)?;
    Ok((runtime, syncer, synced))
}

/// Runs a broker until it ends. Returns why it did.
async fn serve(
    setup: Setup,
    syncer: Syncer,
    mut synced: UnboundedReceiver<crate::sync::Synced>,
    mut inputs: UnboundedReceiver<BrokerInput>,
    (stage, controls): (watch::Sender<Stage>, Arc<AtomicBool>),
) -> String {
    let Setup { cfg, folder, lock, listener, peers, limits, give_memory_back } = setup;
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return format!("it cannot listen: {error}"),
    };
    let callers = Rc::new(Callers::new(cfg.node_id, &peers));
    let (dial, mut dialled) = unbounded_channel();
    let core = Rc::new(Core::new(cfg, Files::new(folder, syncer), dial, stage, controls));
    tokio::task::spawn_local(accept(core.clone(), callers.clone(), listener, limits));
    tokio::task::spawn_local(keep_time(core.clone()));
    tokio::task::spawn_local(give_back(callers.clone(), give_memory_back));
    core.step(Event::Start);
    while core.halt_reason().is_none() {
        tokio::select! {
            Some((op, result)) = synced.recv() => core.step(Event::Synced { op, result }),
            Some((peer, lane)) = dialled.recv() => {
                let (core, callers) = (core.clone(), callers.clone());
                tokio::task::spawn_local(serve_outbound(core, callers, peer, lane, CONNECT_TIMEOUT));
            }
            Some(input) = inputs.recv() => core.step(Event::Input(input)),
            () = core.halted.notified() => {}
        }
    }
    // What was sent before the end still goes out.
    let flushed = async {
        while core.links().iter().any(|link| !link.is_empty()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, flushed).await;
    drop(lock);
    core.halt_reason().unwrap_or_default()
}

/// Takes what connects.
async fn accept(core: Rc<Core>, callers: Rc<Callers>, listener: tokio::net::TcpListener, limits: Limits) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers must not wait for acknowledgements; without it latency is what suffers.
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(serve_inbound(core.clone(), callers.clone(), stream, limits));
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Gives memory back when there is much of it, in pauses: connections come and go together.
async fn give_back(callers: Rc<Callers>, give_memory_back: fn()) {
    loop {
        callers.unfinished.freed.notified().await;
        tokio::time::sleep(GIVE_BACK_PAUSE).await;
        give_memory_back();
    }
}

/// Fires timers.
async fn keep_time(core: Rc<Core>) {
    loop {
        match core.fire_timers() {
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = core.timers_changed.notified() => {}
            },
            None => core.timers_changed.notified().await,
        }
    }
}
