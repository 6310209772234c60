//! Applications of tests of one's own, as nodes of the world.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use tribunal_common::{ClientObs, Obs};
use tribunal_contract::{
    ConnId, Disk, DiskError, Effects, Event, FileId, Lane, Machine, NodeId, Span, SyncOp, Time, TimerId,
};
use tribunal_protocol::Message;

/// A machine whose type the world does not know.
trait AnyApp: Debug + Send + Sync {
    fn step(&mut self, now: Time, event: Event<Message, ()>, disk: DynDisk<'_>, fx: DynEffects<'_>);
    fn boxed(&self) -> Box<dyn AnyApp>;
    fn any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Any) -> bool;
    fn hash_into(&self, state: &mut dyn Hasher);
}

impl<M> AnyApp for M
where
    M: Machine<Msg = Message, Input = (), Obs = Obs> + Send + Sync + 'static,
{
    fn step(&mut self, now: Time, event: Event<Message, ()>, mut disk: DynDisk<'_>, mut fx: DynEffects<'_>) {
        Machine::step(self, now, event, &mut disk, &mut fx);
    }
    fn boxed(&self) -> Box<dyn AnyApp> {
        Box::new(self.clone())
    }
    fn any(&self) -> &dyn Any {
        self
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<M>().is_some_and(|other| self == other)
    }
    fn hash_into(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }
}

/// An application of a test of one's own.
#[derive(Debug)]
pub struct App {
    machine: Box<dyn AnyApp>,
    /// How often its process has started before.
    incarnation: u32,
}

impl App {
    /// The machine as an application; `incarnation` is how often its process has started before.
    pub fn new<M>(machine: M, incarnation: u32) -> App
    where
        M: Machine<Msg = Message, Input = (), Obs = Obs> + Send + Sync + 'static,
    {
        App { machine: Box::new(machine), incarnation }
    }

    pub(super) fn step<D: Disk, F: Effects<Message, Obs>>(
        &mut self,
        now: Time,
        event: Event<Message, ()>,
        disk: &mut D,
        fx: &mut F,
    ) {
        let fx = DynEffects { fx, incarnation: self.incarnation };
        self.machine.step(now, event, DynDisk(disk), fx);
    }
}

impl Clone for App {
    fn clone(&self) -> App {
        App { machine: self.machine.boxed(), incarnation: self.incarnation }
    }
}

impl PartialEq for App {
    fn eq(&self, other: &App) -> bool {
        self.incarnation == other.incarnation && self.machine.equals(other.machine.any())
    }
}

impl Eq for App {}

impl Hash for App {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.incarnation.hash(state);
        self.machine.hash_into(state);
    }
}

/// An application of a test: how it is made each time it starts, and when it is killed.
#[derive(Clone)]
pub struct AppSpec {
    /// What it is called.
    pub name: String,
    /// Makes it for a start of its process, counted from 0.
    pub make: Arc<dyn Fn(u32) -> App + Send + Sync>,
    /// When its process is killed after the workload's zero, and how long it is down.
    pub crashes: Vec<(Span, Span)>,
}

impl Debug for AppSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppSpec").field("name", &self.name).field("crashes", &self.crashes).finish_non_exhaustive()
    }
}

/// A property of a test of one's own. It sees what every broker and client reports, from the start of the run.
pub trait Watch {
    /// Something is reported. An error is a violation, with what it says.
    ///
    /// # Errors
    /// Where the property does not hold.
    fn observe(&mut self, at: Time, node: NodeId, obs: &Obs) -> Result<(), String>;

    /// The run is over.
    ///
    /// # Errors
    /// Where the property does not hold.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A property by its name, and how it begins with each run.
#[derive(Clone)]
pub struct WatchSpec {
    /// What it is called.
    pub name: String,
    /// Begins to watch a run.
    pub make: Arc<dyn Fn() -> Box<dyn Watch> + Send + Sync>,
}

impl Debug for WatchSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a test adds to the world.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Applications.
    pub apps: Vec<AppSpec>,
    /// Properties.
    pub watches: Vec<WatchSpec>,
}

struct DynDisk<'a>(&'a mut dyn Disk);

impl Disk for DynDisk<'_> {
    fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        self.0.open(path)
    }
    fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        self.0.create(path)
    }
    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.0.len(file)
    }
    fn append(&mut self, file: FileId, data: Bytes) -> Result<u64, DiskError> {
        self.0.append(file, data)
    }
    fn read(&mut self, file: FileId, position: u64, len: usize) -> Result<Bytes, DiskError> {
        self.0.read(file, position, len)
    }
    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.0.truncate(file, len)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }
    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.0.remove(path)
    }
    fn list(&mut self, dir: &str) -> Result<Vec<String>, DiskError> {
        self.0.list(dir)
    }
    fn close(&mut self, file: FileId) {
        self.0.close(file);
    }
    fn sync(&mut self, file: FileId, op: SyncOp) {
        self.0.sync(file, op);
    }
    fn sync_dir(&mut self, dir: &str, op: SyncOp) {
        self.0.sync_dir(dir, op);
    }
}

struct DynEffects<'a> {
    fx: &'a mut dyn Effects<Message, Obs>,
    incarnation: u32,
}

/// Records of one incarnation of an application, at most.
const IDS: u32 = 40;

impl DynEffects<'_> {
    /// A producer counts its records from 0, and so does the one of the next incarnation; in the history they are
    /// different records of one node.
    fn distinct(&self, mut obs: Obs) -> Obs {
        if let Obs::Client(
            ClientObs::Send { id, .. } | ClientObs::Acknowledged { id, .. } | ClientObs::Failed { id, .. },
        ) = &mut obs
        {
            *id |= u64::from(self.incarnation) << IDS;
        }
        obs
    }
}

impl Effects<Message, Obs> for DynEffects<'_> {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.fx.send(conn, msg);
    }
    fn close(&mut self, conn: ConnId) {
        self.fx.close(conn);
    }
    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.fx.connect(peer, lane);
    }
    fn set_timer(&mut self, id: TimerId, min: Span, max: Span) {
        self.fx.set_timer(id, min, max);
    }
    fn cancel_timer(&mut self, id: TimerId) {
        self.fx.cancel_timer(id);
    }
    fn observe(&mut self, observation: Obs) {
        let observation = self.distinct(observation);
        self.fx.observe(observation);
    }
    fn choose(&mut self, n: u32) -> u32 {
        self.fx.choose(n)
    }
    fn rare(&mut self, site: u8) -> bool {
        self.fx.rare(site)
    }
    fn halt(&mut self, reason: &'static str) {
        self.fx.halt(reason);
    }
}
